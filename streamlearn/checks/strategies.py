"""The laws of query strategies."""

import pickle
from collections.abc import Callable

import numpy as np
from sklearn.base import clone

from streamlearn.arrays import Ids
from streamlearn.checks.law import (
    expect,
    expect_plain_habits,
    expect_same_bytes,
    freeze,
    global_state,
    law,
    snapshot,
)
from streamlearn.checks.worlds import permuted, view
from streamlearn.data import Candidates
from streamlearn.protocols import QueryStrategy, View

StrategyCheck = Callable[[QueryStrategy], None]


def picks(strategy: QueryStrategy, run: View, n: int, seed: int = 0) -> Ids:
    """Select, and expect at most n distinct open ids."""
    ids = np.asarray(strategy.select(run, n, np.random.default_rng(seed)))
    expect(
        ids.ndim == 1 and (ids.dtype.kind in "iu" or ids.size == 0),
        f"returned {ids.dtype} of shape {ids.shape}, not ids in one dimension",
    )
    opened = run.candidates.ids[run.candidates.open]
    closed = np.setdiff1d(ids, opened)
    expect(closed.size == 0, f"asked ids that are not open: {closed[:5].tolist()}")
    expect(len(np.unique(ids)) == len(ids), f"asked an id twice: {ids.tolist()}")
    expect(len(ids) <= n, f"asked {len(ids)} rows where {n} were allowed")
    return ids.astype(np.int64)


@law
def check_open_ids(strategy: QueryStrategy) -> None:
    """Distinct ids that were open, whatever the learner can tell and however many classes."""
    for classes in (2, 3):
        for margins in (True, False):
            for opened in (0.9, 0.3):
                picks(strategy, view(classes=classes, margins=margins, opened=opened), 5)


@law
def check_at_most_n(strategy: QueryStrategy) -> None:
    """At most n ids, none for n = 0."""
    for n in (0, 1, 7):
        picks(strategy, view(), n)


@law
def check_same_generator(strategy: QueryStrategy) -> None:
    """The same generator, the same answer; asked again, too."""
    run = view()
    first, second = picks(strategy, run, 6, seed=3), picks(strategy, run, 6, seed=3)
    expect(
        np.array_equal(first, second),
        f"asked {first.tolist()}, then {second.tolist()} with the same generator; "
        "draw from rng alone, and keep no state",
    )


@law
def check_no_global_randomness(strategy: QueryStrategy) -> None:
    """NumPy's global generator is neither drawn from nor seeded."""
    before = global_state()
    picks(strategy, view(), 6)
    expect(before == global_state(), "used NumPy's global generator; draw from rng")


@law
def check_inputs_not_mutated(strategy: QueryStrategy) -> None:
    """Nothing the view holds is written to."""
    for sparse_rows in (False, True):
        for frozen in (False, True):
            run = view(sparse_rows=sparse_rows)
            values = run.candidates, run.pending, run.reference, run.seen
            if frozen:
                freeze(*values)
            before = snapshot(*values)
            picks(strategy, run, 6)
            expect_same_bytes(before, snapshot(*values))


@law
def check_learner_unchanged(strategy: QueryStrategy) -> None:
    """The learner is the same after a selection as before."""
    run = view()
    before = pickle.dumps(run.learner)
    picks(strategy, run, 6)
    expect(before == pickle.dumps(run.learner), "changed the learner; work on a deep copy")


@law
def check_permutation(strategy: QueryStrategy) -> None:
    """Candidates in another order, the same ids; also where all rows are equal."""
    for run in (view(), view(learned=0), _equal_rows()):
        order = np.random.default_rng(9).permutation(len(run.candidates))
        here, there = picks(strategy, run, 6), picks(strategy, permuted(run, order), 6)
        expect(
            set(here.tolist()) == set(there.tolist()),
            f"asked {sorted(here.tolist())}, and {sorted(there.tolist())} once the candidates were "
            "permuted; random keys go by id",
        )


@law
def check_one_candidate(strategy: QueryStrategy) -> None:
    """A pool of one row."""
    picks(strategy, view(n=1, opened=1.0), 1)
    picks(strategy, view(n=1, opened=1.0), 3)


@law
def check_nothing_open(strategy: QueryStrategy) -> None:
    """Nothing may be asked: nothing is."""
    picks(strategy, view(opened=0.0), 3)


@law
def check_n_larger_than_pool(strategy: QueryStrategy) -> None:
    """More rows allowed than there are."""
    picks(strategy, view(), 1000)


@law
def check_one_class(strategy: QueryStrategy) -> None:
    """A learner that knows one class only."""
    picks(strategy, view(classes=1), 5)
    picks(strategy, view(classes=1, margins=False), 5)


@law
def check_cold_learner(strategy: QueryStrategy) -> None:
    """A learner that has learned nothing and knows no class."""
    picks(strategy, view(learned=0), 5)
    picks(strategy, view(learned=0, margins=False), 5)


@law
def check_ties(strategy: QueryStrategy) -> None:
    """Among equal rows the generator decides, and no position is preferred."""
    run = _equal_rows()
    asked = {i for seed in range(40) for i in picks(strategy, run, 1, seed).tolist()}
    expect(
        not asked or len(asked) >= 10,
        f"asked only {len(asked)} of {len(run.candidates)} equal rows in 40 draws; break ties by "
        "the generator",
    )


@law
def check_sparse(strategy: QueryStrategy) -> None:
    """CSR matrices, too."""
    for classes in (2, 3):
        picks(strategy, view(sparse_rows=True, classes=classes), 5)


@law
def check_picklable(strategy: QueryStrategy) -> None:
    """A pickled copy asks the same."""
    copy = pickle.loads(pickle.dumps(strategy))
    here, there = picks(strategy, view(), 6), picks(copy, view(), 6)
    expect(np.array_equal(here, there), "asks other rows after pickling")


@law
def check_clone_and_repr(strategy: QueryStrategy) -> None:
    """scikit-learn can clone it, the clone asks the same, and the repr can be read."""
    copy = expect_plain_habits(strategy)
    here, there = picks(strategy, view(), 6), picks(copy, view(), 6)
    expect(np.array_equal(here, there), "asks other rows once cloned")
    expect(repr(clone(copy)) == repr(strategy), "has another repr once cloned")


def _equal_rows() -> View:
    """Twenty open rows that differ in their ids alone."""
    run = view(n=20, opened=1.0)
    pool = run.candidates
    equal = Candidates(pool.ids, np.repeat(pool.X[:1], len(pool), axis=0), pool.open)
    return View(equal, run.pending, run.reference, run.learner, run.recall)


def strategy_checks() -> tuple[StrategyCheck, ...]:
    """List the laws of query strategies, to parametrise a test with.

    Returns
    -------
    tuple of callable
        Each takes a strategy and raises AssertionError where it breaks the law.

    Examples
    --------
    >>> [check.__name__ for check in strategy_checks()][:2]
    ['check_open_ids', 'check_at_most_n']
    """
    return (
        check_open_ids,
        check_at_most_n,
        check_same_generator,
        check_no_global_randomness,
        check_inputs_not_mutated,
        check_learner_unchanged,
        check_permutation,
        check_one_candidate,
        check_nothing_open,
        check_n_larger_than_pool,
        check_one_class,
        check_cold_learner,
        check_ties,
        check_sparse,
        check_picklable,
        check_clone_and_repr,
    )


def check_strategy(strategy: QueryStrategy) -> None:
    """Check that a query strategy keeps every law.

    Parameters
    ----------
    strategy : QueryStrategy
        An instance; it is not changed.

    Raises
    ------
    AssertionError
        For the first law broken, with what was seen.

    Examples
    --------
    >>> from streamlearn.strategies import Margin
    >>> check_strategy(Margin())
    """
    for check in strategy_checks():
        check(strategy)
