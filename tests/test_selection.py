"""Choosing diverse rows: optima by enumeration, equal optimisers, order that plays no part."""

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial.distance import cdist, pdist
from scipy.stats import spearmanr
from sklearn.base import clone

from streamlearn.arrays import Floats, Ids, Matrix
from streamlearn.errors import InputError
from streamlearn.selection import (
    GAMMAS,
    MMD,
    RBF,
    Cosine,
    FacilityLocation,
    Linear,
    SumRedundancy,
    select_diverse,
    trade_off,
)

KINDS = [SumRedundancy, FacilityLocation, MMD]


def rows(n: int, d: int = 3, seed: int = 0, clusters: int = 4) -> tuple[Floats, Floats]:
    """Values of either sign and rows in clusters."""
    rng = np.random.default_rng(seed)
    X = 3 * rng.normal(size=(clusters, d))[rng.integers(clusters, size=n)]
    return rng.normal(size=n), X + rng.normal(size=(n, d))


def with_ties(n: int, seed: int) -> tuple[Floats, Floats]:
    """Every row several times over, with equal values, shuffled."""
    rng = np.random.default_rng(seed)
    values, X = rows(max(n // 3, 2), 3, seed)
    copies = rng.integers(len(X), size=n)
    return np.round(values[copies], 1), np.round(X[copies], 1)


def rbf(X: Floats, standardise: bool = True) -> Floats:
    """The whole kernel, by scipy."""
    Z = (X - X.mean(axis=0)) / (X.std(axis=0) if standardise else 1.0)
    return np.asarray(np.exp(-cdist(Z, Z, "sqeuclidean") / (2 * np.median(pdist(Z)) ** 2)))


def redundancy(K: Floats, S: list[int]) -> float:
    return -float(K[np.ix_(S, S)].sum())


def facility(K: Floats, S: list[int]) -> float:
    return float(K[:, S].max(axis=1).mean()) if S else 0.0


def mmd(K: Floats, S: list[int]) -> float:
    k = len(S)
    if not k:
        return 0.0
    return float(2 * K[:, S].mean(axis=0).mean() - K[np.ix_(S, S)].sum() / k**2)


DEFINITIONS: dict[Any, Callable[[Floats, list[int]], float]] = {
    SumRedundancy: redundancy,
    FacilityLocation: facility,
    MMD: mmd,
}


def objective(kind: Any, values: Floats, X: Floats, gamma: float) -> Callable[[Any], float]:
    """What is maximised, as a function of positions."""
    K, scale = rbf(X), np.abs(values).max()

    def score(S: Any) -> float:
        chosen = [int(i) for i in S]
        return float(values[chosen].sum() / scale) + gamma * DEFINITIONS[kind](K, chosen)

    return score


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("gamma", [0.0, 0.1, 1.0, 30.0])
def test_one_row_is_the_best_row(kind: Any, gamma: float) -> None:
    for seed in range(20):
        values, X = rows(25, seed=seed)
        score = objective(kind, values, X, gamma)
        best = int(np.argmax([score([i]) for i in range(25)]))
        assert select_diverse(values, X, 1, kind(), gamma=gamma).ids.tolist() == [best]


@pytest.mark.parametrize("kind", KINDS)
def test_greedy_against_all_subsets(kind: Any) -> None:
    """Greedy's gain over the worst subset, as a share of the best one's."""
    shares = []
    for seed in range(12):
        values, X = rows(11, 2, seed)
        for m, gamma in ((2, 0.3), (3, 1.0), (4, 3.0)):
            score = objective(kind, values, X, gamma)
            every = [score(S) for S in combinations(range(11), m)]
            ours = score(select_diverse(values, X, m, kind(), gamma=gamma).ids)
            shares.append((ours - min(every)) / (max(every) - min(every)))
    assert max(shares) <= 1 + 1e-9
    assert min(shares) > 0.75
    assert np.mean(shares) > 0.97


@given(seed=st.integers(0, 10_000), m=st.integers(1, 5), gamma=st.sampled_from([0.1, 1.0, 20.0]))
@settings(max_examples=25, deadline=None)
def test_the_bound_holds_for_facility_location(seed: int, m: int, gamma: float) -> None:
    values, X = rows(9, 2, seed)
    values = np.abs(values)
    score = objective(FacilityLocation, values, X, gamma)
    best = max(score(S) for S in combinations(range(9), m))
    ours = select_diverse(values, X, m, FacilityLocation(), gamma=gamma).ids
    assert score(ours) >= (1 - 1 / np.e) * best - 1e-12


@pytest.mark.parametrize("kind", KINDS)
def test_each_choice_is_greedy_by_the_definition(kind: Any) -> None:
    values, X = rows(40, seed=3)
    chosen = select_diverse(values, X, 10, kind(), gamma=0.7).ids.tolist()
    score = objective(kind, values, X, 0.7)
    for k, row in enumerate(chosen):
        left = [i for i in range(40) if i not in chosen[:k]]
        scores = {i: score([*chosen[:k], i]) for i in left}
        assert scores[row] == pytest.approx(max(scores.values()), abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_reported_is_what_was_chosen(kind: Any) -> None:
    values, X = rows(60, seed=1)
    few = select_diverse(values, X, 6, kind(), gamma=0.5)
    S = few.ids.tolist()
    assert few.diversity == pytest.approx(DEFINITIONS[kind](rbf(X), S), abs=1e-9)
    assert few.error == pytest.approx(0, abs=1e-6)  # single precision for the one
    assert few.influence == pytest.approx(values[S].sum())
    assert few.share == pytest.approx(values[S].sum() / np.sort(values)[-6:].sum())
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    assert few.distance == pytest.approx(pdist(Z[S]).mean())
    assert len(few) == 6


@pytest.mark.parametrize("kind", [SumRedundancy, FacilityLocation])
@pytest.mark.parametrize("form", ["dense", "float32", "sparse"])
@given(seed=st.integers(0, 10_000), gamma=st.sampled_from([0.0, 0.01, 0.3, 2.0, 1e4]))
@settings(max_examples=12, deadline=None)
def test_lazy_equals_greedy(kind: Any, form: str, seed: int, gamma: float) -> None:
    """Ties everywhere, down to the last row."""
    values, X = with_ties(30, seed)
    table = {"dense": X, "float32": X.astype(np.float32), "sparse": sparse.csr_array(X)}[form]
    ways = [
        select_diverse(values, table, 30, kind(), gamma=gamma, optimiser=o).ids.tolist()
        for o in ("greedy", "lazy")
    ]
    assert ways[0] == ways[1]


@pytest.mark.parametrize("optimiser", ["greedy", "stochastic"])
@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 10_000), gamma=st.sampled_from([0.0, 0.3, 2.0]))
@settings(max_examples=10, deadline=None)
def test_the_order_of_rows_plays_no_part(
    kind: Any, optimiser: str, seed: int, gamma: float
) -> None:
    values, X = with_ties(40, seed)
    rng = np.random.default_rng(seed)
    ids, order = rng.permutation(1000)[:40], rng.permutation(40)
    kind = kind(RBF()) if kind is SumRedundancy else kind(RBF(), reference=15)

    def chosen(order: Any) -> list[int]:
        few = select_diverse(
            values[order], X[order], 8, kind, gamma=gamma, ids=ids[order], optimiser=optimiser
        )
        return list(few.ids.tolist())

    assert chosen(np.arange(40)) == chosen(order)


def test_of_equal_rows_the_lowest_id_is_chosen() -> None:
    X = np.array([[0.0], [0.0], [1.0], [1.0]])
    ids = [7, 5, 9, 8]
    for kind in KINDS:
        few = select_diverse(np.ones(4), X, 2, kind(), gamma=1.0, ids=ids)
        assert few.ids.tolist() == [5, 8], kind


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("kernel", [RBF(), RBF(standardise=False), Linear(), Cosine()])
def test_sparse_rows_are_dense_rows(kind: Any, kernel: Any) -> None:
    rng = np.random.default_rng(0)
    X = rng.random((80, 12)) * (rng.random((80, 12)) < 0.3)
    values = rng.random(80)
    ways = [
        select_diverse(values, table, 8, kind(kernel), gamma=1.0)
        for table in (X, sparse.csr_matrix(X), X.astype(np.float32))
    ]
    assert ways[0].ids.tolist() == ways[1].ids.tolist() == ways[2].ids.tolist()
    assert ways[0].diversity == pytest.approx(ways[1].diversity)
    assert ways[0].distance == pytest.approx(ways[1].distance)
    assert ways[0].diversity == pytest.approx(ways[2].diversity, rel=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("optimiser", ["greedy", "lazy"])
def test_rows_far_from_the_origin(dtype: Any, optimiser: str) -> None:
    """Only the differences of rows count, also in float32 where their squares would drown them."""
    values, X = rows(50, seed=4)
    X = np.round(X * 64) / 64  # exact in float32 after the shift as well
    near = select_diverse(values, X, 10, gamma=1.0)
    far = select_diverse(values, (X + 2.0**15).astype(dtype), 10, gamma=1.0, optimiser=optimiser)
    assert far.ids.tolist() == near.ids.tolist()
    assert far.diversity == pytest.approx(near.diversity, rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tied", [False, True])
def test_a_sweep_chooses_what_single_runs_choose(kind: Any, tied: bool) -> None:
    values, X = with_ties(120, 5) if tied else rows(120, seed=5)
    curve = trade_off(values, X, 7, kind())
    assert curve["gamma"].tolist() == [0.0, *GAMMAS]
    for gamma, ids in zip(curve["gamma"], curve["ids"], strict=True):
        assert select_diverse(values, X, 7, kind(), gamma=gamma).ids.tolist() == list(ids)


def test_the_trade_off_is_one() -> None:
    values, X = rows(300, seed=2)
    curve = trade_off(values, X, 6)
    assert curve["share"].iloc[0] == 1.0
    assert curve["share"].is_monotonic_decreasing
    assert spearmanr(curve["gamma"], curve["diversity"])[0] > 0.8  # greedy: not quite monotone
    assert curve["diversity"].iloc[-1] > curve["diversity"].iloc[0]
    assert curve["distance"].iloc[-1] > curve["distance"].iloc[0]


def test_rules_for_gamma() -> None:
    values, X = rows(300, seed=2)
    by_influence = select_diverse(values, X, 6, gamma="influence", keep=0.8)
    curve = by_influence.curve
    assert curve is not None
    assert by_influence.share >= 0.8
    assert by_influence.gamma == curve["gamma"][curve["share"] >= 0.8].max()
    by_distance = select_diverse(values, X, 6, gamma="distance")
    assert by_distance.distance == pytest.approx(curve["distance"].max())
    assert by_distance.gamma == curve["gamma"].iloc[curve["distance"].to_numpy().argmax()]
    assert select_diverse(values, X, 6, gamma=by_distance.gamma).curve is None
    everything_kept = select_diverse(values, X, 6, keep=1.0)
    assert set(everything_kept.ids.tolist()) == set(np.argsort(-values)[:6].tolist())


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_k_are_the_selection_of_k(kind: Any) -> None:
    values, X = rows(80, seed=6)
    many = select_diverse(values, X, 12, kind(), gamma=0.8).ids
    assert select_diverse(values, X, 5, kind(), gamma=0.8).ids.tolist() == many[:5].tolist()


def test_all_values_negative() -> None:
    """The least harmful rows; what is given up is counted in sizes of the largest sum."""
    values, X = rows(50, seed=7)
    values = -np.abs(values) - 0.1
    few = select_diverse(values, X, 5, keep=0.9)
    top = np.sort(values)[-5:].sum()
    assert 0.9 <= few.share <= 1
    assert few.influence >= top - 0.1 * abs(top) - 1e-12
    assert select_diverse(values, X, 5, gamma=0).ids.tolist() == np.argsort(-values)[:5].tolist()
    nothing = select_diverse(np.zeros(50), X, 5, gamma=1.0)
    assert nothing.share == 1.0


def test_all_rows_can_be_chosen() -> None:
    values, X = rows(20, seed=8)
    for kind in KINDS:
        assert sorted(select_diverse(values, X, 20, kind(), gamma=1.0).ids) == list(range(20))
    assert len(select_diverse([1.0], [[3.0]], 1)) == 1


@pytest.mark.parametrize("kind", [FacilityLocation, MMD])
def test_a_larger_sample_errs_less(kind: Any) -> None:
    values, X = rows(400, seed=9, clusters=12)
    errors = [
        np.sqrt(
            np.mean(
                [
                    select_diverse(
                        values, X, 8, kind(reference=size), gamma=5.0, random_state=seed
                    ).error
                    ** 2
                    for seed in range(10)
                ]
            )
        )
        for size in (15, 150, 400)
    ]
    assert errors[0] > 2 * errors[1]
    assert errors[1] > 1e-4
    assert errors[2] == pytest.approx(0, abs=1e-6)


def test_stochastic_greedy_nears_greedy() -> None:
    values, X = rows(400, seed=10)
    full = select_diverse(values, X, 10, gamma=1.0)
    score = full.influence / np.abs(values).max() + full.diversity
    scores = []
    for seed in range(10):
        few = select_diverse(values, X, 10, gamma=1.0, optimiser="stochastic", random_state=seed)
        scores.append(few.influence / np.abs(values).max() + few.diversity)
    whole = select_diverse(values, X, 10, gamma=1.0, optimiser="stochastic", epsilon=1e-9)
    assert whole.ids.tolist() == full.ids.tolist()  # a share of more than all rows
    assert len(set(scores)) > 1
    assert np.mean(scores) > score - 0.15 * abs(score)


def test_values_are_recalculated() -> None:
    values, X = rows(30, seed=11)
    asked: list[list[int]] = []

    def without(chosen: Ids) -> Floats:
        asked.append(chosen.tolist())
        now = values.copy()
        now[chosen] = np.nan
        now[20] = 10.0 * len(chosen)
        return now

    ids = np.arange(100, 130)

    def by_id(chosen: Ids) -> Floats:
        return without(chosen - 100)

    few = select_diverse(values, X, 5, gamma=0.0, recalculate=by_id, every=2, ids=ids)
    best = np.argsort(-values)
    best = best[best != 20]
    assert (few.ids - 100).tolist() == [*best[:2], 20, *best[2:4]]
    assert asked == [(few.ids[:2] - 100).tolist(), (few.ids[:4] - 100).tolist()]
    with pytest.raises(InputError, match="no gamma keeps"):
        select_diverse(values, X, 5, keep=1.0, recalculate=without, gammas=[1.0])
    same = select_diverse(values, X, 5, gamma=0.5, recalculate=lambda chosen: values)
    assert same.ids.tolist() == select_diverse(values, X, 5, gamma=0.5).ids.tolist()


class Farthest:
    """A diversity of one's own: mean distance to those chosen, of float64 rows."""

    submodular = False

    def measure(self, X: Matrix, ids: Ids, seed: int, *, reuse: bool) -> "Farthest":
        self.X = X
        self.reset()
        return self

    def reset(self) -> None:
        self.chosen: list[int] = []

    def gains(self, rows: Ids | None = None) -> NDArray[np.float64]:
        X = self.X if rows is None else self.X[rows]
        if not self.chosen:
            return np.zeros(len(X))
        return np.asarray(cdist(X, self.X[self.chosen]).sum(axis=1))

    def add(self, row: int) -> None:
        self.chosen.append(row)

    def value(self, rows: Ids) -> float:
        return float(pdist(self.X[rows]).sum())


def test_a_diversity_of_ones_own() -> None:
    values, X = rows(30, seed=12)
    few = select_diverse(values, X, 4, Farthest(), gamma="distance")
    assert few.diversity == pytest.approx(pdist(X[few.ids]).sum())
    assert few.error == pytest.approx(0, abs=1e-9)
    wrong = Farthest()
    wrong.dtype = np.dtype(np.int16)  # type: ignore[attr-defined]
    with pytest.raises(InputError, match="float32 or float64, got int16"):
        select_diverse(values, X, 4, wrong)
    with pytest.raises(InputError, match="Farthest is not"):
        select_diverse(values, X, 4, Farthest(), gamma=1.0, optimiser="lazy")


def test_lazy_greedy_is_refused_where_it_is_not_valid() -> None:
    values, X = rows(30)
    for kind in (MMD(), SumRedundancy(Linear()), SumRedundancy(Cosine())):
        with pytest.raises(InputError, match="submodular"):
            select_diverse(values, X, 3, kind, gamma=1.0, optimiser="lazy")
    positive = select_diverse(values, np.abs(X), 3, SumRedundancy(Cosine()), gamma=1.0)
    lazy = select_diverse(
        values, np.abs(X), 3, SumRedundancy(Cosine()), gamma=1.0, optimiser="lazy"
    )
    assert positive.ids.tolist() == lazy.ids.tolist()
    with pytest.raises(InputError, match="recalculate"):
        select_diverse(values, X, 3, optimiser="lazy", recalculate=lambda chosen: values)


def test_constant_columns_count_nothing() -> None:
    values, X = rows(40, seed=13)
    wider = np.column_stack([X, np.full(40, 0.1), np.full(40, 1e9 / 3)])
    for table in (wider, sparse.csr_array(wider)):
        few = select_diverse(values, table, 6, gamma=1.0)
        assert few.ids.tolist() == select_diverse(values, X, 6, gamma=1.0).ids.tolist()


def test_mostly_equal_rows_have_a_width() -> None:
    X = np.zeros((20, 1))
    X[:3] = 1.0
    few = select_diverse(np.ones(20), X, 2, gamma=1.0)
    assert sorted(few.ids.tolist()) == [0, 3]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"m": 31}, "m=31 of 30"),
        ({"m": 0}, "m must be"),
        ({"m": 2.5}, "m must be"),
        ({"gamma": -1.0}, "gamma must be"),
        ({"gamma": np.nan}, "gamma must be"),
        ({"gamma": "influenz"}, "did you mean 'influence'"),
        ({"gammas": [-1.0, 2.0]}, "gammas must be"),
        ({"gammas": []}, "gammas must be"),
        ({"keep": 1.5}, "keep must"),
        ({"optimiser": "lasy"}, "did you mean 'lazy'"),
        ({"epsilon": 0.0}, "epsilon must"),
        ({"every": 0}, "every must"),
        ({"ids": np.zeros(30, int)}, "unique"),
        ({"ids": np.arange(29)}, "ids has shape"),
        ({"values": np.full(30, np.nan)}, "values holds nan at row 0"),
        ({"values": np.ones(29)}, "values has shape"),
        ({"X": np.ones((30, 2))}, "all alike"),
        ({"X": np.full((30, 2), np.nan)}, "NaN"),
        ({"X": np.eye(30) * 1e300, "diversity": SumRedundancy(Linear())}, "too large"),
        ({"diversity": SumRedundancy(RBF(width=0.0))}, "width"),
        ({"diversity": FacilityLocation(reference=0)}, "reference must"),
        ({"diversity": "facility"}, "method measure"),
        ({"recalculate": lambda chosen: np.ones(3), "gamma": 1.0}, "recalculate returned"),
        ({"random_state": 0.5}, "whole number"),
    ],
)
def test_bad_input(change: dict[str, Any], message: str) -> None:
    values, X = rows(30)
    given: dict[str, Any] = {"values": values, "X": X, "m": 3} | change
    with pytest.raises(ValueError, match=message):
        select_diverse(**given)


def test_parts_are_scikit_learn_objects() -> None:
    for part in (SumRedundancy(RBF(2.0)), FacilityLocation(reference=None), MMD(), Linear()):
        assert repr(clone(part)) == repr(part)
