"""The laws of trimmers."""

import pickle
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import clone

from streamlearn.checks.law import (
    expect,
    expect_plain_habits,
    expect_same_bytes,
    freeze,
    global_state,
    law,
    snapshot,
)
from streamlearn.checks.worlds import labelled, nobody, view
from streamlearn.data import Judgement, Labelled, Votes
from streamlearn.memory import stack
from streamlearn.protocols import Trimmer, View

TrimmerCheck = Callable[[Trimmer], None]


def answers(n: int = 30, classes: int = 2, *, sparse_rows: bool = False, seed: int = 5) -> Labelled:
    """Answered rows, a fifth of them with a wrong label."""
    rows = labelled(n, range(classes), sparse_rows=sparse_rows, seed=seed)
    wrong = np.random.default_rng(seed).random(n) < 0.2
    return Labelled(rows.ids, rows.X, np.where(wrong, rows.y[::-1], rows.y), rows.weight)


def verdicts(trimmer: Trimmer, answered: Labelled, run: View) -> Judgement:
    """Judge, and expect one sound verdict a row."""
    said = trimmer.judge(answered, run)
    lengths = {len(column) for column in (said.ids, said.y, said.weight, said.score, said.reason)}
    expect(len(lengths) == 1, f"returned columns of different lengths: {sorted(lengths)}")
    expect(len(np.unique(said.ids)) == len(said), "judged an id twice")
    return said


def by_id(said: Judgement) -> dict[int, tuple[Any, float]]:
    """Label and weight of each id judged."""
    pairs = zip(said.y.tolist(), np.asarray(said.weight).tolist(), strict=True)
    return dict(zip(np.asarray(said.ids).tolist(), pairs, strict=True))


def runs() -> list[tuple[Labelled, View]]:
    """Ordinary batches: two classes and three, with margins and without."""
    return [
        (answers(classes=classes), view(classes=classes, margins=margins))
        for classes in (2, 3)
        for margins in (True, False)
    ]


@law
def check_rows_conserved(trimmer: Trimmer) -> None:
    """Every answered row is judged once; other ids judged have been seen."""
    for answered, run in runs():
        said = verdicts(trimmer, answered, run)
        lost = np.setdiff1d(answered.ids, said.ids)
        expect(lost.size == 0, f"gave no verdict on answered ids {lost[:5].tolist()}")
        strange = np.setdiff1d(said.ids, np.concatenate([answered.ids, run.seen.ids]))
        expect(strange.size == 0, f"judged ids never answered: {strange[:5].tolist()}")


@law
def check_weights(trimmer: Trimmer) -> None:
    """Weights are finite and not negative."""
    for answered, run in runs():
        weight = np.asarray(verdicts(trimmer, answered, run).weight, dtype=np.float64)
        bad = weight[~(np.isfinite(weight) & (weight >= 0))]
        expect(bad.size == 0, f"gave the weight {bad[:1]}; weights are finite and not negative")


@law
def check_labels_known(trimmer: Trimmer) -> None:
    """Labels to learn from are labels that somebody gave."""
    for answered, run in runs():
        given = np.concatenate([answered.y, run.seen.y])
        new = np.setdiff1d(verdicts(trimmer, answered, run).y, given)
        expect(new.size == 0, f"relabelled rows as {new[:3].tolist()}, which nobody ever said")


@law
def check_changes_have_reasons(trimmer: Trimmer) -> None:
    """Whoever trims, relabels or re-weights a row says why."""
    for answered, run in runs():
        said = verdicts(trimmer, answered, run)
        before: dict[int, tuple[Any, float]] = {}
        for rows in (run.seen, answered):
            columns = (rows.y.tolist(), rows.weight.tolist())
            before |= dict(zip(rows.ids.tolist(), zip(*columns, strict=True), strict=True))
        after = by_id(said)
        for i, reason in zip(said.ids.tolist(), said.reason.tolist(), strict=True):
            expect(after[i] == before[i] or reason != "", f"changed id {i} without a reason")


@law
def check_asked_again_is_set_aside(trimmer: Trimmer) -> None:
    """Rows asked again weigh nothing until they are answered, and somebody was asked before."""
    for answered, run in runs():
        rows = stack([answered, run.seen])
        told = Votes(rows.ids, np.full(len(rows), "somebody"), rows.y)
        said = verdicts(trimmer, answered, replace(run, recall_votes=partial(replace, told)))
        if said.again is None:
            continue
        expect(len(said.again) == len(said), f"asks again {len(said.again)} of {len(said)} rows")
        expect(bool((said.again >= 0).all()), "asks for less than no further answer")
        learned = said.ids[(said.again > 0) & (said.weight > 0)]
        expect(learned.size == 0, f"asks ids {learned[:3].tolist()} again and learns them as well")


@law
def check_same_answer(trimmer: Trimmer) -> None:
    """The same rows, the same verdict: trimmers keep no state and draw nothing anew."""
    answered, run = runs()[0]
    here, there = (by_id(verdicts(trimmer, answered, run)) for _ in range(2))
    expect(here == there, "judged the same rows differently when asked again")


@law
def check_any_seed(trimmer: Trimmer) -> None:
    """A seed may be any whole number, not scikit-learn's 32 bits only."""
    if "seed" in getattr(trimmer, "get_params", dict)():
        verdicts(clone(trimmer).set_params(seed=2**40 + 1), *runs()[0])


@law
def check_no_global_randomness(trimmer: Trimmer) -> None:
    """NumPy's global generator is neither drawn from nor seeded."""
    before = global_state()
    verdicts(trimmer, *runs()[0])
    expect(before == global_state(), "used NumPy's global generator; use streamlearn.keyed")


@law
def check_inputs_not_mutated(trimmer: Trimmer) -> None:
    """Nothing the answers or the view hold is written to."""
    for frozen in (False, True):
        answered, run = runs()[0]
        values = answered, run.seen, run.candidates
        if frozen:
            freeze(*values)
        before = snapshot(*values)
        verdicts(trimmer, answered, run)
        expect_same_bytes(before, snapshot(*values))


@law
def check_learner_unchanged(trimmer: Trimmer) -> None:
    """The learner is the same after a verdict as before."""
    answered, run = runs()[0]
    before = pickle.dumps(run.learner)
    verdicts(trimmer, answered, run)
    expect(before == pickle.dumps(run.learner), "changed the learner; work on a deep copy")


@law
def check_permutation(trimmer: Trimmer) -> None:
    """Answers in another order, the same verdicts."""
    answered, run = runs()[0]
    order = np.random.default_rng(9).permutation(len(answered))
    here = by_id(verdicts(trimmer, answered, run))
    there = by_id(verdicts(trimmer, answered.take(order), run))
    differ = sorted(i for i in here if here[i] != there.get(i))
    expect(not differ, f"judged ids {differ[:5]} differently once the answers were permuted")


@law
def check_one_row(trimmer: Trimmer) -> None:
    """A batch of one row."""
    verdicts(trimmer, answers(1), view())


@law
def check_empty_batch(trimmer: Trimmer) -> None:
    """A batch of no rows."""
    for learned in (0, 30):
        verdicts(trimmer, answers(0), view(learned=learned))


@law
def check_one_class(trimmer: Trimmer) -> None:
    """Answers of one class only, to a learner that knows two, and to one that knows one."""
    verdicts(trimmer, answers(classes=1), view())
    verdicts(trimmer, answers(classes=1), view(classes=1))


@law
def check_cold_learner(trimmer: Trimmer) -> None:
    """A learner that has learned nothing, with rows seen or without."""
    cold = view(learned=0)
    empty = nobody()
    verdicts(trimmer, answers(), cold)
    verdicts(trimmer, answers(), View(cold.candidates, cold.pending, None, cold.learner,
                                      lambda: empty))  # fmt: skip


@law
def check_new_class(trimmer: Trimmer) -> None:
    """A label that the learner has never seen."""
    verdicts(trimmer, answers(classes=3), view(classes=2))


@law
def check_sparse(trimmer: Trimmer) -> None:
    """CSR matrices, too."""
    verdicts(trimmer, answers(sparse_rows=True), view(sparse_rows=True))


@law
def check_picklable(trimmer: Trimmer) -> None:
    """A pickled copy judges the same."""
    copy = pickle.loads(pickle.dumps(trimmer))
    here, there = (by_id(verdicts(t, *runs()[0])) for t in (trimmer, copy))
    expect(here == there, "judges differently after pickling")


@law
def check_clone_and_repr(trimmer: Trimmer) -> None:
    """scikit-learn can clone it, the clone judges the same, and the repr can be read."""
    copy = expect_plain_habits(trimmer)
    here, there = (by_id(verdicts(t, *runs()[0])) for t in (trimmer, copy))
    expect(here == there, "judges differently once cloned")


def trimmer_checks() -> tuple[TrimmerCheck, ...]:
    """List the laws of trimmers, to parametrise a test with.

    Returns
    -------
    tuple of callable
        Each takes a trimmer and raises AssertionError where it breaks the law.

    Examples
    --------
    >>> [check.__name__ for check in trimmer_checks()][:2]
    ['check_rows_conserved', 'check_weights']
    """
    return (
        check_rows_conserved,
        check_weights,
        check_labels_known,
        check_changes_have_reasons,
        check_asked_again_is_set_aside,
        check_same_answer,
        check_no_global_randomness,
        check_inputs_not_mutated,
        check_learner_unchanged,
        check_permutation,
        check_one_row,
        check_empty_batch,
        check_one_class,
        check_cold_learner,
        check_new_class,
        check_sparse,
        check_picklable,
        check_clone_and_repr,
    )


def check_trimmer(trimmer: Trimmer) -> None:
    """Check that a trimmer keeps every law.

    Parameters
    ----------
    trimmer : Trimmer
        An instance; it is not changed.

    Raises
    ------
    AssertionError
        For the first law broken, with what was seen.

    Examples
    --------
    >>> from streamlearn.trimming import LossTrim
    >>> check_trimmer(LossTrim())
    """
    for check in trimmer_checks():
        check(trimmer)
