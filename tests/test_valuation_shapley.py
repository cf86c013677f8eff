"""Shapley values: enumeration over all subsets, efficiency, symmetry, and runs that are killed."""

import itertools
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from math import factorial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.datasets import make_classification
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from streamlearn.errors import InputError
from streamlearn.influence import (
    Custom,
    DemographicParity,
    EqualizedOdds,
    EqualOpportunity,
    LinearClassifier,
    ValidationLoss,
)
from streamlearn.valuation import AUC, Accuracy, HardGap, values
from streamlearn.valuation.scan import LinearGame, RefitGame

LOSSES = ("logistic", "softmax", "squared_hinge")


def setting(n: int = 8, k: int = 2, judges: int = 40) -> tuple[Any, ...]:
    X, y = make_classification(
        n + judges, 4, n_informative=4, n_redundant=0, n_classes=k, flip_y=0.2, random_state=3
    )
    y[:k] = np.arange(k)
    return X[:n], y[:n], X[n:], y[n:]


def all_subsets(n: int) -> list[tuple[int, ...]]:
    return [s for r in range(n + 1) for s in itertools.combinations(range(n), r)]


def enumerated(n: int, f: Callable[[list[int]], float]) -> Any:
    """Shapley's formula as it is printed; f is lower-is-better, values are what a row takes off."""
    cost = {s: f(list(s)) for s in all_subsets(n)}
    result = np.zeros(n)
    for s, before in cost.items():
        weight = factorial(len(s)) * factorial(n - len(s) - 1) / factorial(n) if len(s) < n else 0
        for i in set(range(n)) - set(s):
            result[i] += weight * (before - cost[tuple(sorted((*s, i)))])
    return result


def subset_models(X: Any, y: Any, loss: str = "logistic", s: Any = None) -> dict[Any, Any]:
    """A model of every subset of rows; one that has learned nothing where a class is missing."""
    s = np.ones(len(y)) if s is None else s
    everybody = LinearClassifier(loss, 0.5, tol=1e-10).fit(X, y, s)
    models: dict[Any, Any] = {}
    for rows in map(list, all_subsets(len(y))):
        if len(np.unique(y[rows])) < len(np.unique(y)):
            models[tuple(rows)] = everybody._at(np.zeros_like(everybody._theta()))
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # 1e-14 may be just out of reach
            model = LinearClassifier(loss, 0.5, tol=1e-14).fit(X[rows], y[rows], s[rows])
        models[tuple(rows)] = model
    return models


@pytest.mark.parametrize(
    ("loss", "k"), [("logistic", 2), ("softmax", 2), ("squared_hinge", 2), ("logistic", 3)]
)
def test_exact_shapley_is_enumeration_and_sampling_agrees(loss: str, k: int) -> None:
    X, y, V, w = setting(k=k)
    s = np.random.default_rng(0).uniform(0.5, 2, 8)
    f = ValidationLoss(V, w)
    models = subset_models(X, y, loss, s)
    truth = enumerated(8, lambda rows: float(f.value(models[tuple(rows)])))
    model = LinearClassifier(loss, 0.5)
    exact = values(model, X, y, f, "shapley", exact=True, sample_weight=s)
    np.testing.assert_allclose(exact, truth, atol=1e-12 if loss != "squared_hinge" else 1e-10)
    drawn = values(model, X, y, f, "shapley", permutations=600, sample_weight=s)
    assert drawn.standard_error is not None
    assert (np.abs(drawn - truth) < 4 * drawn.standard_error + 1e-6).all()
    assert drawn.scores.sum() == pytest.approx(exact.report["empty"] - exact.report["full"])


def test_every_objective_is_enumerated() -> None:
    X, y, V, w = setting(6)
    group = np.arange(len(w)) % 2
    parity = DemographicParity(V, group)
    smooth = [parity, EqualizedOdds(V, w, group), EqualOpportunity(V, w, group, kind="loss")]
    hard = [Accuracy(V, w), AUC(V, w), HardGap(parity)]
    mixed = [0.5 * parity + 2.0 * AUC(V, w), Custom(lambda m: float(m.coef_[0] @ m.coef_[0]))]
    models = subset_models(X, y)
    for f in (*smooth, *hard, *mixed):

        def cost(rows: list[int], f: Any = f) -> float:
            return float(f.value(models[tuple(rows)]))

        truth = enumerated(6, cost)
        got = values(LinearClassifier(l2=0.5), X, y, f, "shapley", exact=True)
        np.testing.assert_allclose(got, truth, atol=1e-12)
        drawn = values(LinearClassifier(l2=0.5), X, y, f, "shapley", permutations=200)
        assert drawn.scores.sum() == pytest.approx(truth.sum())


@pytest.mark.parametrize("model", [GaussianNB(), DecisionTreeClassifier()])
def test_any_classifier_by_refits(model: Any) -> None:
    X, y, V, w = setting(6)
    f = ValidationLoss(V, w) if isinstance(model, GaussianNB) else Accuracy(V, w)
    game = RefitGame(model, X, y, f, None, 0)
    truth = enumerated(6, lambda rows: game.subset(np.isin(np.arange(6), rows)))
    np.testing.assert_allclose(values(model, X, y, f, "shapley", exact=True), truth, atol=1e-12)
    drawn = values(model, X, y, f, "shapley", permutations=60)
    assert drawn.standard_error is not None
    assert (np.abs(drawn - truth) < 4 * drawn.standard_error + 1e-9).all()
    assert drawn.scores.sum() == pytest.approx(game.empty - game.full)


@pytest.mark.parametrize("l2", [1.0, 0.01])
@pytest.mark.parametrize(("loss", "k"), [("logistic", 2), ("logistic", 4), ("squared_hinge", 2)])
def test_a_scan_has_the_objectives_of_refits(loss: str, k: int, l2: float) -> None:
    X, y, V, w = setting(120, k, 100)
    game = LinearGame(LinearClassifier(loss, l2), X, y, ValidationLoss(V, w), None)
    orders = np.array([np.random.default_rng(i).permutation(120) for i in range(3)])
    f = game.scan(orders, 0.0)
    for b, t in itertools.product(range(3), (3, 9, 30, 80, 119, 120)):
        truth = game.subset(np.isin(np.arange(120), orders[b, :t]))
        assert f[b, t] == pytest.approx(truth, abs=1e-4 * abs(game.empty - game.full))


def test_a_rare_class_and_weights_of_zero() -> None:
    X, y, V, w = setting(40)
    y[:] = 0
    y[[3, 20]] = 1
    s = np.ones(40)
    s[5] = 0.0
    f = ValidationLoss(V, w)
    got = values(LinearClassifier(), X, y, f, "shapley", permutations=64, sample_weight=s)
    assert got[5] == pytest.approx(0, abs=1e-6)
    assert got.scores.sum() == pytest.approx(got.report["empty"] - got.report["full"])


def test_duplicates_are_worth_the_same() -> None:
    X, y, V, w = setting()
    X[5], y[5] = X[4], y[4]
    f = ValidationLoss(V, w)
    exact = values(LinearClassifier(), X, y, f, "shapley", exact=True)
    assert exact[4] == pytest.approx(exact[5], abs=1e-12)
    drawn = values(LinearClassifier(), X, y, f, "shapley", permutations=500)
    assert drawn.standard_error is not None
    assert abs(drawn[4] - drawn[5]) < 4 * np.hypot(*drawn.standard_error[4:6])


def test_truncation_keeps_the_sum_and_comes_near() -> None:
    X, y, V, w = setting(60, judges=200)
    f = ValidationLoss(V, w)
    whole, cut = (
        values(LinearClassifier(), X, y, f, "shapley", permutations=256, truncation=t)
        for t in (0.0, 0.05)
    )
    assert cut.scores.sum() == pytest.approx(whole.scores.sum())
    assert 0.8 < np.corrcoef(whole.scores, cut.scores)[0, 1] < 1 - 1e-9


def test_convergence_is_reported_and_can_end_the_run() -> None:
    X, y, V, w = setting(30, judges=200)
    f = ValidationLoss(V, w)
    long = values(LinearClassifier(), X, y, f, "shapley", permutations=512)
    history = long.report["history"]
    np.testing.assert_array_equal(history[:, 0], np.arange(64, 513, 64))
    assert history[-1, 1] == long.report["rank_correlation"] > history[0, 1]
    assert long.standard_error is not None
    assert history[-1, 2] == pytest.approx(np.median(long.standard_error))
    assert history[-1, 2] == pytest.approx(history[0, 2] / np.sqrt(8), rel=0.2)
    short = values(
        LinearClassifier(), X, y, f, "shapley", permutations=512, until=history[2, 1] - 1e-9
    )
    assert short.report["permutations"] == 192
    assert short.report["rank_correlation"] == history[2, 1]


def test_the_standard_error_is_that_of_the_orders() -> None:
    """Across independent runs values scatter as much as each run says."""
    X, y, V, w = setting(20, judges=100)
    f = ValidationLoss(V, w)
    runs = [
        values(LinearClassifier(), X, y, f, "shapley", permutations=64, random_state=i)
        for i in range(24)
    ]
    scatter = np.std([run.scores for run in runs], axis=0, ddof=1)
    said = np.mean([np.asarray(run.standard_error) for run in runs], axis=0)
    assert 0.75 < np.median(scatter / said) < 1.3


def test_processes_and_interruptions_change_nothing(tmp_path: Path) -> None:
    X, y, V, w = setting(30, judges=50)
    f, model = ValidationLoss(V, w), LinearClassifier()
    options = {"method": "shapley", "permutations": 200}
    once = values(model, X, y, f, **options)  # type: ignore[arg-type]
    both = values(model, X, y, f, n_jobs=2, **options)  # type: ignore[arg-type]
    np.testing.assert_array_equal(once, both)
    state = tmp_path / "shapley.npz"
    first = values(model, X, y, f, "shapley", permutations=100, state=state)
    assert first.report["permutations"] == 100
    rest = values(model, X, y, f, state=str(state), n_jobs=2, **options)  # type: ignore[arg-type]
    np.testing.assert_array_equal(once, rest)
    np.testing.assert_array_equal(once.standard_error, rest.standard_error)
    np.testing.assert_array_equal(once.report["history"], rest.report["history"])
    with pytest.raises(InputError, match="other random_state, truncation"):
        values(model, X, y, f, "shapley", state=state, random_state=1, truncation=0.1)
    with pytest.raises(InputError, match="other y"):
        values(model, X, 1 - y, f, "shapley", state=state)
    with pytest.raises(InputError, match="other objective"):
        values(model, X, y, Accuracy(V, w), "shapley", state=state)
    state.write_text("no state")
    with pytest.raises(InputError, match="holds no state"):
        values(model, X, y, f, "shapley", state=state)
    with pytest.raises(InputError, match="no folder"):
        values(model, X, y, f, "shapley", state=tmp_path / "none" / "s.npz")


SCRIPT = """
import sys
from sklearn.datasets import make_classification
from streamlearn.influence import LinearClassifier, ValidationLoss
from streamlearn.valuation import values
X, y = make_classification(150, 4, n_informative=4, n_redundant=0, random_state=3)
f = ValidationLoss(X[100:], y[100:])
values(LinearClassifier(), X[:100], y[:100], f, "shapley", permutations=12800, state=sys.argv[1])
"""


def blocks_in(state: Path) -> int:
    if not state.exists():
        return 0
    with np.load(state) as held:
        return int(held["count"]) // 64


def test_a_killed_run_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    state = tmp_path / "state.npz"
    child = subprocess.Popen([sys.executable, "-c", SCRIPT, str(state)])
    while blocks_in(state) < 3:
        assert child.poll() is None, "ended before it could be killed"
        time.sleep(0.005)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    X, y = make_classification(150, 4, n_informative=4, n_redundant=0, random_state=3)
    f, more = ValidationLoss(X[100:], y[100:]), 64 * (blocks_in(state) + 2)
    once, rest = (
        values(LinearClassifier(), X[:100], y[:100], f, "shapley", permutations=more, state=at)
        for at in (None, state)
    )
    np.testing.assert_array_equal(once, rest)
    np.testing.assert_array_equal(once.standard_error, rest.standard_error)
    assert blocks_in(state) == more // 64


def vote(X: Any, y: Any, rows: list[int], v: Any, wished: Any, k: int) -> float:
    """Share of the k nearest with the label, the mean over orders of those equally far."""
    d = np.round(((X[rows] - v) ** 2).sum(axis=1), 9)
    score, places = 0.0, k
    for distance in np.unique(d):
        block = y[rows][d == distance] == wished
        used = min(places, len(block))
        score += used * block.mean()
        places -= used
    return score / k


@pytest.mark.parametrize("k", [1, 2, 3, 8])
def test_knn_shapley_is_enumeration_ties_and_all(k: int) -> None:
    rng = np.random.default_rng(k)
    for levels in (3, 1000):  # a coarse grid is full of ties
        X = rng.integers(0, levels, size=(8, 2)).astype(float)
        y = np.r_[0, 1, 2, rng.integers(0, 3, size=5)]
        V, w = rng.integers(0, levels, size=(5, 2)).astype(float), rng.integers(0, 3, size=5)
        s = rng.uniform(0.5, 2, 5)

        def cost(
            rows: list[int], X: Any = X, y: Any = y, V: Any = V, w: Any = w, s: Any = s
        ) -> float:
            votes = [vote(X, y, rows, V[j], w[j], k) for j in range(5)]
            return -float(np.average(votes, weights=s))

        for f in (ValidationLoss(V, w, s), Accuracy(V, w, s)):
            got = values(None, X, y, f, "knn_shapley", k=k)
            np.testing.assert_allclose(got, enumerated(8, cost), atol=1e-12)
            assert got.scores.sum() == pytest.approx(-cost(list(range(8))), abs=1e-12)


def test_calibrated_values_are_those_of_the_nearest_alone() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(9, 2)), np.arange(9) % 2
    V, w = rng.normal(size=(4, 2)), np.array([0, 1, 1, 0])
    total = np.zeros(9)
    for v, wished in zip(V, w, strict=True):
        near = np.argsort(((X - v) ** 2).sum(axis=1))[:4]

        def cost(rows: list[int], near: Any = near, v: Any = v, wished: Any = wished) -> float:
            return -vote(X, y, near[rows].tolist(), v, wished, 2)

        total[near] += enumerated(4, cost) / 4
    got = values(None, X, y, Accuracy(V, w), "knn_shapley", k=2, calibrated=True)
    np.testing.assert_allclose(got, total, atol=1e-12)


def test_knn_shapley_of_gaps_is_enumeration_at_the_sign_of_all_rows() -> None:
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(7, 2)), np.array([0, 1, 0, 1, 1, 0, 1])
    V, w, group = rng.normal(size=(12, 2)), np.arange(12) % 2, np.arange(12) // 3

    def rates(rows: list[int], members: Any, label: int) -> float:
        return float(np.mean([vote(X, y, rows, V[j], label, 2) for j in np.flatnonzero(members)]))

    def gap(rows: list[int], among: Any, label: int) -> float:
        everybody = [rates(list(range(7)), among & (group == g), label) for g in range(4)]
        high, low = int(np.argmax(everybody)), int(np.argmin(everybody))
        return rates(rows, among & (group == high), label) - rates(
            rows, among & (group == low), label
        )

    ones = np.ones(12, bool)
    odds = EqualizedOdds(V, w, group)
    for f, sets in (
        (DemographicParity(V, group), [(ones, 1)]),
        (EqualOpportunity(V, w, group), [(w == 1, 1)]),
        (odds, [(w == 0, 0), (w == 1, 1)]),
    ):

        def cost(rows: list[int], sets: Any = sets) -> float:
            return sum(gap(rows, *one) for one in sets)

        truth = enumerated(7, cost)
        got = values(KNeighborsClassifier(2), X, y, f, "knn_shapley")
        np.testing.assert_allclose(got, truth, atol=1e-12)
    mixed = 0.5 * odds + 3.0 * Accuracy(V, w)
    parts = [values(None, X, y, f, "knn_shapley", k=2).scores for f in (odds, Accuracy(V, w))]
    got = values(None, X, y, mixed, "knn_shapley", k=2)
    np.testing.assert_allclose(got, 0.5 * parts[0] + 3.0 * parts[1], atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 6), st.booleans())
def test_knn_shapley_does_not_mind_order_copies_storage_or_threads(
    seed: int, k: int, calibrated: bool
) -> None:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(40, 3)) * (rng.random((40, 3)) < 0.7) + 1e4
    X[10:20] = X[:10]
    y = rng.integers(0, 3, 40)
    y[10:20] = y[:10]
    f = ValidationLoss(rng.normal(size=(30, 3)) + 1e4, np.arange(30) % 3)
    got = values(None, X, y, f, "knn_shapley", k=k, calibrated=calibrated)
    np.testing.assert_allclose(got[:10], got[10:20], atol=1e-12)
    order = rng.permutation(40)
    options: dict[str, Any] = {"method": "knn_shapley", "k": k, "calibrated": calibrated}
    again = values(None, X[order], y[order], f, n_jobs=2, **options)
    np.testing.assert_allclose(again, got[order], atol=1e-12)
    f = ValidationLoss(f.X - 1e4, f.y)
    thin = values(None, sparse.csr_array(np.round(X - 1e4, 6)), y, f, **options)
    np.testing.assert_allclose(thin, got, atol=1e-12)


def test_bad_input_is_named() -> None:
    X, y, V, w = setting(20)
    f, model = ValidationLoss(V, w), LinearClassifier()
    for wrong in ({"permutations": 1}, {"truncation": 1.0}, {"until": 1.5}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            values(model, X, y, f, "shapley", **wrong)
    with pytest.raises(InputError, match="16 rows at most"):
        values(model, X, y, f, "shapley", exact=True)
    with pytest.raises(InputError, match="l2 > 0"):
        values(LinearClassifier(l2=0.0), X, y, f, "shapley")
    nameless = Custom(lambda m: 0.0)
    with pytest.raises(InputError, match="can be pickled"):
        values(model, X, y, nameless, "shapley", state="here.npz")
    with pytest.raises(InputError, match="k is 21, but there are 20 rows"):
        values(None, X, y, f, "knn_shapley", k=21)
    with pytest.raises(InputError, match="k must be"):
        values(None, X, y, f, "knn_shapley", k=0)
    with pytest.raises(InputError, match="sample_weight"):
        values(None, X, y, f, "knn_shapley", sample_weight=np.ones(20))
    for other in (AUC(V, w), HardGap(DemographicParity(V, w)), Custom(lambda m: 0.0)):
        with pytest.raises(InputError, match="averages over rows"):
            values(None, X, y, other, "knn_shapley")
    with pytest.raises(InputError, match="kind='probability'"):
        values(None, X, y, EqualizedOdds(V, w, w % 2, kind="loss"), "knn_shapley")
    with pytest.raises(InputError, match="has no rows"):
        values(None, X, y, EqualOpportunity(V, w, w), "knn_shapley")
    with pytest.raises(InputError, match="columns"):
        values(None, X, y, ValidationLoss(V[:, :2], w), "knn_shapley")
