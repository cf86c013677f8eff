"""The laws of simulated annotators and labelling tools."""

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

from streamlearn.arrays import Labels
from streamlearn.checks.law import expect, expect_same_bytes, freeze, law, snapshot
from streamlearn.checks.worlds import labelled
from streamlearn.data import Answer, Query
from streamlearn.protocols import Annotator

AnnotatorFactory = Callable[[Labels], Annotator]
AnnotatorCheck = Callable[[AnnotatorFactory], None]

PATIENCE = 60  # rounds in which the open rows are offered again


def truth() -> Labels:
    """Labels of the rows 0 to 59."""
    return labelled(60, range(3)).y


def queries() -> list[Query]:
    """Two open queries over some of the rows."""
    X = labelled(60, range(3)).X
    ids = np.random.default_rng(0).permutation(60)[:30]
    return [Query(1, ids[:18], X[ids[:18]]), Query(2, ids[18:], X[ids[18:]])]


def replies(annotator: Annotator, asked: list[Query], round: int) -> list[Answer]:
    """Ask once, and expect answers to what was asked."""
    given = annotator.answer(asked, round)
    for answer in given:
        expect(isinstance(answer, Answer), f"returned {type(answer).__name__}, not an Answer")
        rows = {i for q in asked if q.round == answer.round for i in q.ids.tolist()}
        said = {*answer.ids.tolist(), *answer.abstained.tolist()}
        expect(
            said <= rows, f"answered ids {sorted(said - rows)} that query {answer.round} has not"
        )
    return given


def collect(annotator: Annotator, asked: list[Query]) -> dict[tuple[str, int], Any]:
    """What is said of each row by each annotator, open rows being offered again for a while."""
    said: dict[tuple[str, int], Any] = {}
    for round in range(2, 2 + PATIENCE):
        for answer in replies(annotator, asked, round):
            for i, y in zip(answer.ids.tolist(), answer.y.tolist(), strict=True):
                said[answer.annotator, i] = y
            said.update({(answer.annotator, i): None for i in answer.abstained.tolist()})
        closed = [i for _, i in said]
        asked = [_without(q, closed) for q in asked]
        asked = [q for q in asked if len(q)]
    return said


@law
def check_only_ids_asked(make: AnnotatorFactory) -> None:
    """Answers are to open queries, and to rows in them."""
    for round in (2, 3, PATIENCE):
        replies(make(truth()), queries(), round)


@law
def check_partial_queries(make: AnnotatorFactory) -> None:
    """Parts of a query may be open, one row, or none."""
    annotator, (first, second) = make(truth()), queries()
    expect(list(annotator.answer([], 3)) == [], "answered where nothing was asked")
    replies(annotator, [second], 3)
    replies(annotator, [_without(first, first.ids[1:].tolist())], 3)


@law
def check_same_answer_again(make: AnnotatorFactory) -> None:
    """A row gets the same answer whenever it is asked, alone, in company or in another order."""
    annotator = make(truth())
    once = collect(annotator, queries())
    turned = [Query(q.round, q.ids[::-1], q.X[::-1]) for q in queries()[::-1]]
    alone = [_without(queries()[0], queries()[0].ids[1:].tolist())]
    for asked, who in ((queries(), annotator), (turned, annotator), (alone, annotator),
                       (turned, make(truth()))):  # fmt: skip
        again = collect(who, asked)
        differ = sorted(i for name, i in again if once.get((name, i), ...) != again[name, i])
        expect(not differ, f"answered ids {differ[:5]} differently when asked again")


@law
def check_labels_known(make: AnnotatorFactory) -> None:
    """Even a wrong answer is one of the labels there are."""
    said = {y for y in collect(make(truth()), queries()).values() if y is not None}
    strange = said - set(truth().tolist())
    expect(not strange, f"answered {sorted(map(str, strange))}, which is no label")


@law
def check_inputs_not_mutated(make: AnnotatorFactory) -> None:
    """Neither the truth nor a query is written to."""
    for frozen in (False, True):
        y, asked = truth(), queries()
        if frozen:
            freeze(y, *asked)
        before = snapshot(y, *asked)
        replies(make(y), asked, PATIENCE)
        expect_same_bytes(before, snapshot(y, *asked))


@law
def check_picklable(make: AnnotatorFactory) -> None:
    """A pickled copy answers the same."""
    annotator = make(truth())
    copy = pickle.loads(pickle.dumps(annotator))
    same = collect(annotator, queries()) == collect(copy, queries())
    expect(same, "answers differently after pickling")


def _without(query: Query, closed: list[int]) -> Query:
    rows = ~np.isin(query.ids, closed)
    return Query(query.round, query.ids[rows], query.X[rows])


def annotator_checks() -> tuple[AnnotatorCheck, ...]:
    """List the laws of annotators, to parametrise a test with.

    Returns
    -------
    tuple of callable
        Each takes a callable that makes an annotator from true labels, and raises AssertionError
        where one breaks the law.

    Examples
    --------
    >>> [check.__name__ for check in annotator_checks()][:1]
    ['check_only_ids_asked']
    """
    return (
        check_only_ids_asked,
        check_partial_queries,
        check_same_answer_again,
        check_labels_known,
        check_inputs_not_mutated,
        check_picklable,
    )


def check_annotator(make: AnnotatorFactory) -> None:
    """Check that an annotator keeps every law.

    Parameters
    ----------
    make : callable
        Takes true labels, those of the ids 0, 1, 2 …, and returns an annotator.

    Raises
    ------
    AssertionError
        For the first law broken, with what was seen.

    Examples
    --------
    >>> from streamlearn.simulators import SimulatedAnnotator
    >>> check_annotator(lambda y: SimulatedAnnotator(y, noise=0.3, abstain=0.1, seed=0))
    """
    for check in annotator_checks():
        check(make)
