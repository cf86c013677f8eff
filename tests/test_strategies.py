"""Query strategies: what they ask, and that nothing but the utility and the generator decides."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.stats import chisquare, entropy
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import pairwise_distances
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from streamlearn.arrays import Floats, Ids
from streamlearn.data import Candidates, Labelled
from streamlearn.errors import InputError
from streamlearn.learners import wrap
from streamlearn.protocols import View
from streamlearn.strategies import Diverse, Entropy, Margin, Random, Uncertainty, UtilityStrategy
from streamlearn.strategies.base import best

BINARY = load_breast_cancer(return_X_y=True)
DIGITS = load_digits(return_X_y=True)


def view_of(
    data: Any, estimator: Any, *, opened: float = 0.7, rows: int = 60, csr: bool = False,
    classes: Any = None,
) -> View:  # fmt: skip
    X, y = StandardScaler().fit_transform(data[0]), data[1]
    X = sparse.csr_matrix(X) if csr else X
    rng = np.random.default_rng(0)
    known = rng.choice(len(y), rows, replace=False)
    seen = Labelled(known, X[known], y[known], np.ones(rows))
    learner = wrap(estimator, seed=0, classes=classes)
    if rows:
        learner.learn(seen, lambda: seen)
    mask = rng.random(len(y)) < opened
    mask[known] = False
    return View(Candidates(np.arange(len(y)), X, mask), known[:0], None, learner, lambda: seen)


def ask(strategy: Any, view: View, n: int, seed: int = 0) -> Ids:
    ids: Ids = strategy.select(view, n, np.random.default_rng(seed))
    return ids


def by_hand(view: View, badness: Floats, n: int) -> list[int]:
    """Sort everything, as one would by hand."""
    order = np.argsort(np.where(view.candidates.open, badness, np.inf))
    return [int(i) for i in view.candidates.ids[order[:n]]]


# The best of what is open


@given(
    st.lists(st.one_of(st.none(), st.integers(-3, 3)), max_size=40),
    st.integers(0, 45),
    st.integers(0, 2**32),
    st.randoms(use_true_random=False),
)
def test_best_is_a_sort_and_knows_no_positions(
    values: list[int | None], n: int, seed: int, random: Any
) -> None:
    utilities = np.array([np.nan if v is None else v / 3 for v in values])
    ids = np.array(random.sample(range(1000), len(values)), dtype=np.int64)
    chosen = best(ids, utilities, n, np.random.default_rng(seed))
    assert len(chosen) == min(n, np.count_nonzero(~np.isnan(utilities)))
    assert len(set(chosen.tolist())) == len(chosen)
    value = dict(zip(ids.tolist(), utilities.tolist(), strict=True))
    got = [value[i] for i in chosen.tolist()]
    assert got == sorted((v for v in value.values() if v == v), reverse=True)[: len(chosen)]
    order = np.array(random.sample(range(len(ids)), len(ids)), dtype=np.int64)
    again = best(ids[order], utilities[order], n, np.random.default_rng(seed))
    assert np.array_equal(chosen, again)  # the order within the query as well


def test_infinite_utilities_come_first_and_last() -> None:
    utilities = np.array([0.0, -np.inf, np.inf, np.nan, 1e308])
    ids = best(np.arange(5), utilities, 4, np.random.default_rng(0))
    assert ids.tolist() == [2, 4, 0, 1]


def test_ties_are_ties_up_to_rounding_and_nothing_more() -> None:
    third = np.full(50, 1 / 3)
    rounded = third * (1 + 1e-15 * np.arange(50))
    rng = np.random.default_rng
    same = [best(np.arange(50), u, 5, rng(3)).tolist() for u in (third, rounded)]
    assert same[0] == same[1]
    apart = third * (1 + 1e-11 * np.arange(50))
    assert best(np.arange(50), apart, 3, rng(3)).tolist() == [49, 48, 47]


def test_exactly_one_number_is_drawn() -> None:
    for n in (0, 1, 30):
        rng, other = np.random.default_rng(5), np.random.default_rng(5)
        best(np.arange(20), np.zeros(20), n, rng)
        other.integers(2**63)
        assert rng.random() == other.random()


def test_random_is_uniform() -> None:
    view = view_of(BINARY, LogisticRegression(), opened=0.05)
    opened = view.candidates.ids[view.candidates.open]
    rng = np.random.default_rng(1)
    draws = np.concatenate([Random().select(view, 5, rng) for _ in range(1000)])
    counts = np.array([(draws == i).sum() for i in opened])
    assert counts.sum() == 5000
    assert chisquare(counts).pvalue > 1e-3
    first = np.array([ask(Random(), view, 5, seed)[0] for seed in range(1000)])
    assert chisquare([(first == i).sum() for i in opened]).pvalue > 1e-3


@pytest.mark.parametrize("strategy", [Random(), Margin(), Diverse()], ids=repr)
def test_a_negative_n_is_refused(strategy: Any) -> None:
    with pytest.raises(InputError, match="cannot ask -1 rows"):
        ask(strategy, view_of(BINARY, LogisticRegression()), -1)


def test_utilities_of_a_wrong_shape_and_learners_that_diverged_are_refused() -> None:
    class Wrong(UtilityStrategy):
        def utilities(self, view: View) -> Floats:
            return np.zeros(3)

    view = view_of(BINARY, LogisticRegression())
    with pytest.raises(InputError, match=r"Wrong\(\) gave utilities of shape \(3,\)"):
        ask(Wrong(), view, 1)
    view.learner.model_.coef_[0, 0] = np.nan  # type: ignore[attr-defined]
    for opened in (np.ones(569, dtype=bool), np.arange(569) < 9):
        broken = Candidates(view.candidates.ids, view.candidates.X, opened)
        with pytest.raises(InputError, match="open id 0 gives a utility of NaN"):
            ask(Margin(), View(broken, view.pending, None, view.learner, view.recall), 1)


# Agreement with a hand-written argsort


@pytest.mark.parametrize("opened", [0.9, 0.2])
@pytest.mark.parametrize("csr", [False, True])
@pytest.mark.parametrize(
    "estimator", [LogisticRegression(), SVC(), SGDClassifier(), SGDClassifier(loss="log_loss")],
    ids=repr,
)  # fmt: skip
def test_two_classes_are_one_ordering(estimator: Any, csr: bool, opened: float) -> None:
    view = view_of(BINARY, estimator, opened=opened, csr=csr)
    distance = np.abs(view.learner.decision_function(view.candidates.X))  # type: ignore[attr-defined]
    for strategy in (Margin(), Entropy(), Uncertainty()):
        assert ask(strategy, view, 25).tolist() == by_hand(view, distance, 25)


def test_two_classes_and_probabilities_alone() -> None:
    view = view_of(BINARY, GaussianNB(var_smoothing=0.1))
    p = view.learner.predict_proba(view.candidates.X)
    expected = {
        Margin(): np.abs(p[:, 0] - p[:, 1]), Uncertainty(): p.max(axis=1), Entropy(): -entropy(p.T),
    }  # fmt: skip
    for strategy, badness in expected.items():
        assert ask(strategy, view, 12).tolist() == by_hand(view, badness, 12)


@pytest.mark.parametrize("opened", [0.9, 0.2])
def test_ten_classes(opened: float) -> None:
    view = view_of(DIGITS, LogisticRegression(C=0.01), opened=opened)
    p = np.sort(view.learner.predict_proba(view.candidates.X), axis=1)
    assert ask(Margin(), view, 40).tolist() == by_hand(view, p[:, -1] - p[:, -2], 40)
    assert ask(Uncertainty(), view, 40).tolist() == by_hand(view, p[:, -1], 40)
    assert ask(Entropy(), view, 40).tolist() == by_hand(view, -entropy(p.T), 40)


def test_ten_classes_without_probabilities() -> None:
    view = view_of(DIGITS, SGDClassifier())
    f = np.sort(view.learner.decision_function(view.candidates.X), axis=1)  # type: ignore[attr-defined]
    p = np.exp(f - f.max(axis=1, keepdims=True))
    assert ask(Margin(), view, 40).tolist() == by_hand(view, f[:, -1] - f[:, -2], 40)
    assert ask(Uncertainty(), view, 40).tolist() == by_hand(view, f[:, -1], 40)
    assert ask(Entropy(), view, 40).tolist() == by_hand(view, -entropy(p.T), 40)


def test_utilities_are_nan_exactly_where_rows_may_not_be_asked() -> None:
    for opened in (0.9, 0.2, 0.0):
        view = view_of(BINARY, LogisticRegression(), opened=opened)
        for strategy in (Random(), Margin(), Entropy(), Uncertainty(), Diverse()):
            utilities = strategy.utilities(view)
            assert utilities.shape == (569,)
            assert utilities.dtype == np.float64
            assert np.array_equal(np.isnan(utilities), ~view.candidates.open)


@pytest.mark.parametrize("classes", [None, [0, 1], [0, 1, 2]])
def test_a_cold_learner_makes_every_strategy_random(classes: Any) -> None:
    view = view_of(BINARY, LogisticRegression(), rows=0, classes=classes)
    for strategy in (Margin(), Entropy(), Uncertainty()):
        assert np.array_equal(ask(strategy, view, 20), ask(Random(), view, 20))


def test_a_pool_mostly_open_is_not_copied() -> None:
    view = view_of(DIGITS, LogisticRegression(C=0.01), opened=0.9)
    asked: list[Any] = []

    class Watched:
        classes_ = view.learner.classes_

        def predict_proba(self, X: Any) -> Floats:
            asked.append(X)
            return view.learner.predict_proba(X)

    watched: Any = Watched()
    Margin().utilities(View(view.candidates, view.pending, None, watched, view.recall))
    assert asked[0] is view.candidates.X


# Spread


@pytest.mark.parametrize("csr", [False, True])
@pytest.mark.parametrize("method", ["kmeans", "kcenter"])
def test_diverse_picks_useful_rows_farther_apart(method: str, csr: bool) -> None:
    view = view_of(DIGITS, LogisticRegression(C=0.01), csr=csr)
    n, X = 15, view.candidates.X
    spread, plain = ask(Diverse(method=method), view, n), ask(Margin(), view, n)
    assert len(set(spread.tolist())) == n
    assert set(spread.tolist()) <= set(ask(Margin(), view, 5 * n).tolist())
    rank = {i: r for r, i in enumerate(ask(Margin(), view, 5 * n).tolist())}
    assert [rank[i] for i in spread.tolist()] == sorted(rank[i] for i in spread.tolist())
    apart = [pairwise_distances(X[ids])[np.triu_indices(n, 1)].mean() for ids in (spread, plain)]
    assert apart[0] > apart[1]


@given(st.integers(2, 12), st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_kcenter_covers_within_twice_the_optimum(n: int, seed: int) -> None:
    # Gonzalez' guarantee, against the bound that any n + 1 rows give: two share a centre.
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(40, 3))
    pool = Candidates(np.arange(40), X, np.ones(40, dtype=bool))
    view = View(pool, pool.ids[:0], None, wrap(GaussianNB(), seed=0), lambda: None)  # type: ignore[arg-type, return-value]
    ids = ask(Diverse(Random(), pool_factor=100, method="kcenter"), view, n, seed)
    far = pairwise_distances(X, X[ids]).min(axis=1)
    centres = np.append(ids, np.argmax(far))
    gaps = pairwise_distances(X[centres])[np.triu_indices(n + 1, 1)]
    assert far.max() <= gaps.min() + 1e-9


@pytest.mark.parametrize("method", ["kmeans", "kcenter"])
def test_diverse_among_copies_fills_the_query(method: str) -> None:
    X = np.repeat(np.eye(3), 10, axis=0)
    pool = Candidates(np.arange(30), X, np.ones(30, dtype=bool))
    view = View(pool, pool.ids[:0], None, wrap(GaussianNB(), seed=0), lambda: None)  # type: ignore[arg-type, return-value]
    for seed in range(5):
        ids = ask(Diverse(Random(), method=method), view, 6, seed)
        assert len(set(ids.tolist())) == 6
        assert len(np.unique(X[ids], axis=0)) == 3


def test_a_factor_of_one_changes_nothing() -> None:
    view = view_of(DIGITS, RandomForestClassifier(10))
    assert np.array_equal(ask(Diverse(Entropy(), 1), view, 9), ask(Entropy(), view, 9))


def test_diverse_refuses_what_it_does_not_know() -> None:
    view = view_of(BINARY, LogisticRegression())
    with pytest.raises(InputError, match="did you mean 'kmeans'"):
        ask(Diverse(method="k-means"), view, 3)
    for factor in (0.5, np.nan, np.inf):
        with pytest.raises(InputError, match="pool_factor must be 1 or more, got"):
            ask(Diverse(pool_factor=factor), view, 3)

    class Bare:
        def select(self, view: View, n: int, rng: np.random.Generator) -> Ids:
            return view.candidates.ids[:n]

    with pytest.raises(InputError, match="has no utilities to show"):
        Diverse(Bare()).utilities(view)
