"""Bad input: an error that names the value and the remedy, and a run that is none the worse."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.linear_model import SGDClassifier
from sklearn.naive_bayes import GaussianNB

from streamlearn.data import Answer
from streamlearn.encoding import FrameEncoder
from streamlearn.errors import AnswerError, InputError, StreamlearnError
from streamlearn.loop import Loop
from streamlearn.sources import Pool, Stream
from streamlearn.strategies import Margin, Random

X = np.arange(40.0).reshape(20, 2)
Y = np.arange(20) % 2


def spoiled(value: float) -> Any:
    rows = X.copy()
    rows[7, 1] = value
    return rows


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
def test_features_must_be_finite(value: float, form: Any) -> None:
    with pytest.raises(InputError, match=r"row 7, column 1.*drop or impute"):
        Pool(form(spoiled(value)))
    stream = Stream([form(X), form(spoiled(value))])
    stream.start()
    stream.draw(np.empty(0, np.int64))
    with pytest.raises(InputError, match="row 7, column 1"):
        stream.draw(np.empty(0, np.int64))


def test_huge_but_finite_features_are_fine() -> None:
    assert len(Pool(np.full((3, 2), 1e308)).ids) == 3


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_columns_of_a_frame_are_named(value: float) -> None:
    frame = pd.DataFrame(spoiled(value), columns=["age", "pay"])
    with pytest.raises(InputError, match="column 'pay'"):
        Pool(frame)


def test_missing_numbers_can_be_imputed_and_missing_categories_are_a_category() -> None:
    frame = pd.DataFrame({"pay": [1.0, np.nan, 3.0], "job": ["cook", None, "smith"]})
    with pytest.raises(InputError, match="FrameEncoder"):
        Pool(frame)
    pool = Pool(frame, encoder=FrameEncoder(missing="impute"))
    assert pool.X.shape == (3, 5)  # pay, its indicator, cook, missing, smith


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Pool(np.empty((0, 2))), "no rows"),
        (lambda: Pool(X, ids=[1, 2]), "20 rows and 2 ids"),
        (lambda: Pool(X, ids=[3] * 20), "id 3 comes twice"),
        (lambda: Pool(X, ids=np.arange(20) - 5), "negative, got -5"),
        (lambda: Pool(X, ids=np.arange(20) / 2), "whole numbers"),
        (lambda: Pool(X[0]), "shape"),
        (lambda: Pool(np.array([["a", "b"]])), "DataFrame"),
        (lambda: Pool(pd.DataFrame({"when": pd.to_datetime(["2020-01-01"])})), "dates"),
        (lambda: Pool(pd.DataFrame([[1, 2]], columns=["a", "a"])), "'a' comes twice"),
        (lambda: Pool(X).encode(X[:, :1]), "2 columns, got 1"),
        (lambda: Pool(X).rows(np.array([20])), "id 20"),
        (lambda: Loop(X, GaussianNB(), Random(), per_round=0), "at least 1, got 0"),
        (lambda: Loop(X, GaussianNB(), Random(), per_round=1.5), "between 0 and 1, got 1.5"),
        (lambda: Loop(X, GaussianNB(), per_round=5), "needs a strategy"),
        (lambda: Loop(X, GaussianNB(), Random(), seed=-1), "seed"),
        (lambda: Loop(X, GaussianNB(), votes=0), "votes"),
        (lambda: Loop(X, GaussianNB(), budget=-3), "-3"),
        (lambda: Loop(X, GaussianNB(), metrics="acuracy"), "did you mean 'accuracy'"),
        (lambda: Loop(X, GaussianNB(), initial=([0, 1], [0])), "2 ids and 1 labels"),
        (lambda: Loop(X, GaussianNB(), initial=([0, 0], [0, 1])), "twice"),
        (lambda: Loop(X, GaussianNB(), initial=([0, 99], [0, 1])), "id 99"),
        (lambda: Loop(X, GaussianNB(), initial=([0, 1], [0, 7]), classes=[0, 1]), "label 7"),
        (lambda: Loop(X, GaussianNB(), reference=(X[:3], [0, 1])), "3 rows and 2 labels"),
        (lambda: Loop(X, GaussianNB(), reference=(X[:2], [0.0, np.nan])), "nan"),
        (lambda: Loop(Stream([X]), GaussianNB(), initial=([0], [0])), "reference"),
        (lambda: list(Loop(X, GaussianNB()).run()), r"run\(annotator\)"),
        (lambda: list(Loop(Stream([X]), GaussianNB()).run()), "no labels"),
        (lambda: list(Loop(Stream([(X, Y[:5])]), GaussianNB()).run()), "20 rows and 5 labels"),
        (lambda: list(Loop(Stream([(X, Y), (X[:, :1], Y)]), GaussianNB()).run()), "2 columns"),
    ],
)
def test_errors_name_the_value(make: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        make()


def test_labels_of_mixed_or_missing_kinds_are_refused() -> None:
    for y, words in [([1, "a"], "kind"), ([None, "a"], "missing"), ([1.0, np.nan], "missing")]:
        for given in (y, np.array(y, dtype=object)):
            with pytest.raises(InputError, match=f"{words}|nan"):
                Answer(1, [0, 1], given)


def opened(**changes: Any) -> Loop:
    made: dict[str, Any] = {"per_round": 4, "classes": [0, 1]} | changes
    loop = Loop(X, GaussianNB(), Random(), **made)
    loop.ask()
    return loop


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (lambda ids: Answer(2, ids, [0] * 4), AnswerError, r"round 2 was never asked.*\[1\]"),
        (lambda ids: Answer(1, [99], [0]), AnswerError, "id 99 was not asked in round 1"),
        (lambda ids: Answer(1, [], [], abstained=[99]), AnswerError, "id 99"),
        (lambda ids: Answer(1, ids[:1], [5]), InputError, r"label 5.*\[0, 1\]"),
        (lambda ids: Answer(1, ids[:1], ["0"]), InputError, "label '0'"),
        (lambda ids: Answer(1, ids[:2], [0]), InputError, "2 ids, 1 labels"),
        (lambda ids: Answer(1, [ids[0], ids[0]], [0, 1]), InputError, "twice"),
        (lambda ids: Answer(1, ids[:1], [0], cost=-1), InputError, "-1"),
    ],
)
def test_a_refused_answer_changes_nothing(answer: Any, error: Any, words: str) -> None:
    loop = opened()
    ids = loop.open_queries[0].ids
    with pytest.raises(error, match=words):
        loop.tell(answer(ids))
    assert len(loop.history) == 0
    assert (loop.open_queries[0].ids == ids).all()
    assert loop.tell(Answer(1, ids, [0, 1, 0, 1])).labels == 4


def test_two_differing_answers_are_an_error_and_the_first_stands() -> None:
    loop = opened()
    ids = loop.open_queries[0].ids
    loop.tell(Answer(1, ids, [0, 1, 0, 1]))
    assert loop.tell(Answer(1, ids, [0, 1, 0, 1])).closed == 0
    with pytest.raises(AnswerError, match=r"answered id .* with 1 before and with 0 now"):
        loop.tell(Answer(1, ids[1:2], [0]))
    with pytest.raises(AnswerError, match="abstention"):
        loop.tell(Answer(1, [], [], abstained=ids[:1]))
    assert loop.history[-1].labels == 4


def test_an_incremental_learner_refuses_a_late_class_before_the_journal_hears_of_it() -> None:
    loop = Loop(Stream([X, X]), SGDClassifier())
    for labels in (Y, Y + 1):
        query = loop.ask()
        assert query is not None
        if labels is Y:
            loop.tell(Answer(query.round, query.ids, labels))
        else:
            with pytest.raises(InputError, match=r"label 2 .*classes="):
                loop.tell(Answer(query.round, query.ids, labels))
    assert len(loop.open_queries[0]) == 20


def test_empty_batches_pass_by() -> None:
    empty = (X[:0], Y[:0])
    loop = Loop(Stream([empty, (X, Y), empty, (X, Y), empty]), GaussianNB())
    list(loop.run())
    assert [r.closed for r in loop.history] == [20, 20]


def test_one_row_and_more_asked_than_there_are() -> None:
    loop = Loop(X[:1], GaussianNB(), Margin(), per_round=50)
    query = loop.ask()
    assert query is not None
    assert query.ids.tolist() == [0]
    loop.tell(Answer(1, [0], ["only"]))
    assert loop.learner.predict(X[:3]).tolist() == ["only"] * 3
    assert loop.ask() is None


def test_a_generator_cannot_be_read_twice() -> None:
    stream = Stream((X, Y) for _ in range(2))
    list(Loop(stream, GaussianNB()).run())
    with pytest.raises(InputError, match="gives its batches once"):
        Loop(stream, GaussianNB())
    again = Stream(lambda: ((X, Y) for _ in range(2)))
    for _ in range(2):
        loop = Loop(again, GaussianNB())
        list(loop.run())
        assert loop.history[-1].labels == 40


class Rogue:
    """Breaks the contract of a strategy in a chosen way."""

    def __init__(self, way: str) -> None:
        self.way = way

    def select(self, view: Any, n: int, rng: Any) -> Any:
        ids = view.candidates.ids
        return {"twice": [ids[0]] * 2, "many": ids, "unknown": [99], "float": ids[:2] / 1}[self.way]


@pytest.mark.parametrize("way", ["twice", "many", "unknown", "float"])
def test_a_strategy_that_breaks_its_contract_is_named(way: str) -> None:
    loop = Loop(X, GaussianNB(), Rogue(way), per_round=4)
    with pytest.raises(StreamlearnError):
        loop.ask()


def test_a_failing_plug_in_leaves_a_run_that_says_so() -> None:
    class Broken:
        def judge(self, answered: Any, view: Any) -> Any:
            raise ZeroDivisionError("oops")

    loop = Loop(X, GaussianNB(), Random(), Broken(), per_round=4)
    query = loop.ask()
    assert query is not None
    with pytest.raises(ZeroDivisionError):
        loop.tell(Answer(1, query.ids, [0, 1, 0, 1]))
    with pytest.raises(StreamlearnError, match="resume"):
        loop.ask()
