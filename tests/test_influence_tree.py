"""Laws of InfluenceTree: what it equals, what does not change it, what it refuses."""

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import clone
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks

from streamlearn.errors import InputError
from streamlearn.influence.tree import InfluenceTree
from streamlearn.influence.tree_bins import bin_columns
from streamlearn.influence.tree_nodes import LEAF
from streamlearn.influence.tree_validation import SHRINKAGES, fold_of

Rows = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]
SPLITTERS = ["binned", "exact"]


def problem(n: int = 400, d: int = 5, seed: int = 0, levels: int | None = None) -> Rows:
    """Rows, influences that depend on two columns and the label, labels."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) if levels is None else rng.integers(0, levels, (n, d)) / 7
    y = rng.integers(0, 2, n)
    values = np.where(X[:, 1] > 0.3, 1.0, -1.0) * (2 * y - 1) + X[:, 0] + rng.normal(size=n)
    return X, values, y


def plain(**given: Any) -> InfluenceTree:
    return InfluenceTree(**{"shrinkage": 0.0, "cv": None, "random_state": 0, **given})


NAMES = "the targets of fit and score are called values: y is the label"


@parametrize_with_checks(  # type: ignore[untyped-decorator]
    [InfluenceTree(random_state=0), InfluenceTree(splitter="exact")],
    expected_failed_checks=lambda _: {
        "check_fit_score_takes_y": NAMES,
        "check_n_features_in_after_fitting": NAMES,  # calls score(X) where there is no y
    },
)
def test_scikit_learn_conformance(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize("limit", [{"max_leaf_nodes": 9}, {"max_leaf_nodes": None, "max_depth": 4}])
def test_exact_unshrunk_is_cart(limit: dict[str, Any]) -> None:
    X, values, _ = problem()
    cart = DecisionTreeRegressor(min_samples_leaf=5, random_state=0, **limit).fit(X, values)
    tree = plain(splitter="exact", **limit).fit(X, values)
    new = np.random.default_rng(1).normal(size=(300, 5))
    assert np.array_equal(tree.predict(new), cart.predict(new))
    assert np.array_equal(tree.apply(new), cart.apply(new))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    levels=st.integers(2, 250),
    leaves=st.one_of(st.none(), st.integers(2, 40)),
    min_leaf=st.integers(1, 20),
)
def test_binned_is_cart_where_bins_hold_one_value(
    seed: int, levels: int, leaves: int | None, min_leaf: int
) -> None:
    X, values, _ = problem(n=250, d=3, seed=seed, levels=levels)
    cart = DecisionTreeRegressor(max_leaf_nodes=leaves, min_samples_leaf=min_leaf, random_state=0)
    cart.fit(X, values)
    tree = plain(max_leaf_nodes=leaves, min_samples_leaf=min_leaf).fit(X, values)
    # Two cuts may part the same rows in two ways, and CART then draws lots: error cannot differ.
    error = ((values - cart.predict(X)) ** 2).mean()
    assert ((values - tree.predict(X)) ** 2).mean() == pytest.approx(error, rel=1e-9, abs=1e-12)


def test_binned_has_the_thresholds_of_cart_too() -> None:
    X, values, _ = problem(n=600, levels=100)
    X[:, 2:] = 0  # two columns of many values: no two cuts part the rows alike
    cart = DecisionTreeRegressor(max_leaf_nodes=20, min_samples_leaf=5).fit(X, values)
    tree = plain(max_leaf_nodes=20).fit(X, values)
    between = np.random.default_rng(1).uniform(0, 15, size=(2000, 5))
    assert np.array_equal(tree.feature_, np.where(cart.tree_.feature < 0, -1, cart.tree_.feature))
    np.testing.assert_allclose(tree.predict(between), cart.predict(between), rtol=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    shape=st.sampled_from(
        ["normal", "lognormal", "heavy zero", "two", "constant", "huge", "tiny", "wide"]
    ),
    n=st.sampled_from([1, 2, 300, 3000, 30000]),
)
def test_bins_hold_what_they_say(seed: int, shape: str, n: int) -> None:
    rng = np.random.default_rng(seed)
    x = {
        "normal": rng.normal(size=n),
        "lognormal": np.exp(4 * rng.normal(size=n)),
        "heavy zero": np.where(rng.random(n) < 0.95, 0, rng.normal(size=n)),
        "two": rng.integers(0, 2, n) * 3.5,
        "constant": np.full(n, -2.0),
        "huge": rng.normal(size=n) * 1e37,
        "wide": rng.choice([-1, 1], n) * rng.uniform(3.2e38, 3.4e38, n),
        "tiny": rng.normal(size=n) * 1e-42,
    }[shape].astype(np.float32)
    bins = bin_columns(x[:, None])
    code = bins.codes[0]
    assert (bins.low[code] <= x).all()
    assert (x <= bins.high[code]).all()
    assert (bins.low[1:] >= bins.high[:-1]).all()
    assert (bins.high[1:] > bins.high[:-1]).all()
    assert (x > np.append(-np.inf, bins.high)[code]).all()
    assert np.bincount(code).max() < 3 * n / 256 + 1 or np.unique(x).size < n
    assert set(code.tolist()) == set(range(bins.low.size))
    distinct = np.unique(x).size
    assert bins.low.size == distinct if distinct <= 256 else bins.low.size > 180


@pytest.mark.parametrize("splitter", SPLITTERS)
@pytest.mark.parametrize("classes", [None, 2, 3])
def test_order_of_rows_does_not_matter(splitter: str, classes: int | None) -> None:
    X, values, _ = problem(n=700)
    rng = np.random.default_rng(3)
    y = None if classes is None else rng.integers(0, classes, 700)
    order = rng.permutation(700)
    tree = InfluenceTree(splitter=splitter, random_state=0)
    first = clone(tree).fit(X, values, y)
    second = clone(tree).fit(X[order], values[order], None if y is None else y[order])
    assert np.array_equal(first.threshold_, second.threshold_, equal_nan=True)
    assert first.shrinkage_ == second.shrinkage_
    np.testing.assert_allclose(first.predict(X, y), second.predict(X, y), rtol=1e-12, atol=1e-14)
    assert first.r2_ == pytest.approx(second.r2_, rel=1e-12)
    assert first.spearman_ == pytest.approx(second.spearman_, rel=1e-12)


@pytest.mark.parametrize("splitter", SPLITTERS)
@pytest.mark.parametrize("shrinkage", [0.0, 10.0])
def test_rows_and_influence_are_conserved(splitter: str, shrinkage: float) -> None:
    X, values, y = problem()
    tree = plain(splitter=splitter, shrinkage=shrinkage).fit(X, values, y)
    parents = np.flatnonzero(tree.feature_ != LEAF)
    left, right = tree.children_left_[parents], tree.children_right_[parents]
    count, mean = tree.n_node_samples_, tree.mean_
    assert count[0] == 400
    assert np.array_equal(count[left] + count[right], count[parents])
    sums = count * mean
    np.testing.assert_allclose(sums[left] + sums[right], sums[parents], atol=1e-9)
    leaves = np.flatnonzero(tree.feature_ == LEAF)
    reached = np.bincount(tree.apply(X, y), minlength=count.size)
    assert np.array_equal(reached[leaves], count[leaves])
    assert leaves.size <= 31
    assert count[leaves].min() >= 5


def test_shrinkage_follows_the_formula_and_ends_at_the_mean() -> None:
    X, values, y = problem()
    tree = plain(shrinkage=7.0, max_leaf_nodes=12).fit(X, values, y)
    for row, label, predicted in zip(X[:50], y[:50], tree.predict(X[:50], y[:50]), strict=True):
        x, node, expected = np.append(row, label).astype(np.float32), 0, tree.mean_[0]
        while tree.feature_[node] != LEAF:
            below = x[tree.feature_[node]] <= tree.threshold_[node]
            child = (tree.children_left_ if below else tree.children_right_)[node]
            step = tree.mean_[child] - tree.mean_[node]
            expected += step / (1 + 7.0 / tree.n_node_samples_[node])
            node = child
        assert predicted == pytest.approx(expected, rel=1e-12)
    for endless in (1e15, np.inf):
        far = plain(shrinkage=endless).fit(X, values, y).predict(X, y)
        np.testing.assert_allclose(far, values.mean(), rtol=1e-8)


@pytest.mark.extra
@pytest.mark.parametrize("lam", [0.1, 1.0, 50.0])
def test_shrinkage_equals_imodels(lam: float) -> None:
    imodels = pytest.importorskip("imodels")
    X, values, _ = problem()
    cart = DecisionTreeRegressor(max_leaf_nodes=20, min_samples_leaf=5, random_state=0)
    oracle = imodels.HSTreeRegressor(cart, reg_param=lam).fit(X, values)
    tree = plain(splitter="exact", max_leaf_nodes=20, shrinkage=lam).fit(X, values)
    np.testing.assert_allclose(tree.predict(X), oracle.predict(X), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("splitter", SPLITTERS)
def test_held_out_fit_is_nested(splitter: str) -> None:
    """r2_ equals a nested cross-validation written out with whole trees and no shortcut."""
    X, values, y = problem(n=120)
    tree = InfluenceTree(splitter=splitter, random_state=0, cv=3).fit(X, values, y)
    columns = np.column_stack([X, y]).astype(np.float32)
    fold = fold_of(columns, values, 3, np.random.RandomState(0))

    def errors(train: NDArray[np.bool_], test: NDArray[np.bool_]) -> NDArray[np.float64]:
        found = []
        for lam in SHRINKAGES:
            one = plain(splitter=splitter, shrinkage=lam).fit(X[train], values[train], y[train])
            found.append(((one.predict(X[test], y[test]) - values[test]) ** 2).sum())
        return np.array(found)

    best, outer = 0.0, []
    for k in range(3):
        others = [j for j in range(3) if j != k]
        inner = np.sum([errors(~np.isin(fold, [j, k]), fold == j) for j in others], axis=0)
        outer.append(errors(fold != k, fold == k))
        best += outer[-1][inner.argmin()]
    overall = np.sum(outer, axis=0)
    assert tree.shrinkage_ == SHRINKAGES[overall.argmin()]
    assert tree.cv_errors_ is not None
    np.testing.assert_allclose(tree.cv_errors_, overall / 120)
    assert tree.r2_ == pytest.approx(1 - best / ((values - values.mean()) ** 2).sum())


def test_no_signal_gives_no_credit() -> None:
    trees = []
    for seed in range(20):
        noise = np.random.default_rng(seed).normal(size=400)
        trees.append(
            InfluenceTree(max_leaf_nodes=12, random_state=seed).fit(
                problem(seed=seed + 50)[0], noise
            )
        )
    assert np.mean([tree.r2_ for tree in trees]) < 0
    assert abs(np.mean([tree.spearman_ for tree in trees])) < 0.05
    assert np.median([tree.shrinkage_ for tree in trees]) == 500


def test_held_out_fit_agrees_with_fresh_rows() -> None:
    fresh = problem(n=20000, seed=99)
    trees = [InfluenceTree(random_state=0).fit(*problem(n=2000, seed=s)) for s in range(10)]
    claimed = np.mean([tree.r2_ for tree in trees])
    found = np.mean([tree.score(*fresh) for tree in trees])  # grown on a quarter more rows
    assert found - 0.06 < claimed < found + 0.03


@pytest.mark.parametrize("splitter", SPLITTERS)
def test_constant_values_and_one_row(splitter: str) -> None:
    X, _, _ = problem()
    tree = InfluenceTree(splitter=splitter, random_state=0).fit(X, np.full(400, 0.1))
    assert tree.feature_.tolist() == [LEAF]
    np.testing.assert_allclose(tree.predict(X), 0.1)
    assert np.isnan(tree.r2_)
    assert np.isnan(tree.spearman_)
    one = plain(splitter=splitter, shrinkage=3.0, cv=5).fit(X[:1], [2.5])
    assert one.predict(X[:3]).tolist() == [2.5] * 3
    assert np.isnan(one.r2_)
    with pytest.raises(InputError, match=r"n_samples=1.*at least 10 rows"):
        InfluenceTree(splitter=splitter).fit(X[:1], [2.5])


@pytest.mark.parametrize("splitter", SPLITTERS)
def test_no_legal_cut_is_one_leaf(splitter: str) -> None:
    X, values, _ = problem(n=20)
    tree = plain(splitter=splitter, min_samples_leaf=11).fit(X, values)
    assert tree.n_node_samples_.tolist() == [20]
    same = plain(splitter=splitter).fit(np.ones((20, 2)), values)
    assert same.n_node_samples_.tolist() == [20]


def test_scale_of_influence_does_not_matter() -> None:
    X, values, y = problem()
    tree = plain().fit(X, values, y)
    for factor in (1e-12, 2.0**40):
        scaled = plain().fit(X, values * factor, y)
        assert np.array_equal(scaled.threshold_, tree.threshold_, equal_nan=True)
        np.testing.assert_allclose(scaled.value_, tree.value_ * factor, rtol=1e-9)


@pytest.mark.parametrize("labels", [[0, 1], ["ham", "spam"], [3, 5, 9], ["a", "b", "c", "d"]])
def test_labels_of_any_kind(labels: list[Any]) -> None:
    X, _, _ = problem()
    y = np.array(labels)[np.arange(400) % len(labels)]
    values = np.where(y == labels[-1], 1.0, -1.0)
    for splitter in SPLITTERS:
        tree = plain(splitter=splitter, max_leaf_nodes=2).fit(X, values, y)
        assert np.array_equal(tree.predict(X, y), values)
        assert len(tree.feature_names_) == 5 + (1 if len(labels) == 2 else len(labels))
        assert f"label = {labels[-1]}" in tree.to_text()
        with pytest.raises(InputError, match=r"zebra.*not seen by fit"):
            tree.predict(X[:2], ["zebra", labels[0]])
        with pytest.raises(InputError, match="pass y"):
            tree.predict(X)


def test_one_class_is_no_column() -> None:
    X, values, _ = problem()
    tree = plain().fit(X, values, np.zeros(400))
    assert np.array_equal(tree.predict(X, np.zeros(400)), plain().fit(X, values).predict(X))


def test_use_label() -> None:
    X, values, y = problem()
    without = plain(use_label=False).fit(X, values, y)
    assert np.array_equal(without.predict(X, y), plain().fit(X, values).predict(X))
    with pytest.raises(InputError, match="use_label=True but y is None"):
        plain(use_label=True).fit(X, values)
    with pytest.raises(InputError, match="drop y"):
        plain().fit(X, values).predict(X, y)


def test_sparse_equals_dense() -> None:
    X, values, y = problem(levels=3)
    dense = InfluenceTree(splitter="exact", random_state=0).fit(X, values, y)
    for kind in (sparse.csr_matrix, sparse.csr_array, sparse.csc_matrix):
        tree = InfluenceTree(splitter="exact", random_state=0).fit(kind(X), values, y)
        np.testing.assert_allclose(tree.predict(kind(X), y), dense.predict(X, y), rtol=1e-12)
        assert tree.r2_ == pytest.approx(dense.r2_)
        assert tree.to_text() == dense.to_text()
        with pytest.raises(InputError, match="splitter='exact'"):
            InfluenceTree().fit(kind(X), values)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"splitter": "exakt"}, "did you mean 'exact'"),
        ({"shrinkage": "vc"}, "did you mean 'cv'"),
        ({"shrinkage": -1.0}, "shrinkage=-1.0"),
        ({"shrinkage": float("nan")}, "shrinkage=nan"),
        ({"shrinkage": None}, "shrinkage=None"),
        ({"shrinkage": "cv"}, "cv=None"),
        ({"max_leaf_nodes": 1}, "max_leaf_nodes=1"),
        ({"max_depth": 0}, "max_depth=0"),
        ({"min_samples_leaf": 0.5}, "min_samples_leaf=0.5"),
        ({"cv": 1}, "cv=1"),
        ({"use_label": "yes"}, "use_label='yes'"),
    ],
)
def test_parameters_out_of_range(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        plain(**given).fit(*problem()[:2])


@pytest.mark.parametrize("splitter", SPLITTERS)
def test_bad_rows(splitter: str) -> None:
    X, values, y = problem(n=30)
    tree = plain(splitter=splitter)
    with pytest.raises(InputError, match="30 rows in X but 29 values"):
        tree.fit(X, values[:29])
    with pytest.raises(InputError, match="30 rows in X but 29 labels"):
        tree.fit(X, values, y[:29])
    with pytest.raises(InputError, match="4 feature_names for 5 columns"):
        tree.fit(X, values, feature_names=list("abcd"))
    for bad in (np.nan, np.inf, 1e39):
        holed = X.copy()
        holed[3, 2] = bad
        with pytest.raises(ValueError, match=r"NaN|infinity"):
            tree.fit(holed, values)
        with pytest.raises(ValueError, match=r"NaN|infinity"):
            clone(tree).fit(X, values).predict(holed)
    with pytest.raises(ValueError, match="values contains NaN"):
        tree.fit(X, np.where(np.arange(30) == 4, np.nan, values))
    with pytest.raises(ValueError, match="y contains NaN"):
        tree.fit(X, values, np.where(np.arange(30) == 4, np.nan, y))
    with pytest.raises(ValueError, match="4 features"):
        clone(tree).fit(X, values).predict(X[:, :4])


def test_round_trips() -> None:
    X, values, y = problem()
    tree = InfluenceTree(max_leaf_nodes=7, random_state=0).fit(X, values, y)
    assert np.array_equal(pickle.loads(pickle.dumps(tree)).predict(X, y), tree.predict(X, y))
    assert repr(clone(tree)) == "InfluenceTree(max_leaf_nodes=7, random_state=0)"
    before = X.copy(), values.copy(), y.copy()
    tree.fit(X, values, y)
    assert all(np.array_equal(a, b) for a, b in zip(before, (X, values, y), strict=True))
