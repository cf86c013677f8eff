from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import parametrize_with_checks

from streamlearn.errors import InputError
from streamlearn.influence import LinearClassifier
from streamlearn.influence.start import subsamples

LOSSES = ("logistic", "softmax", "squared_hinge")


@parametrize_with_checks(
    [
        LinearClassifier(),
        LinearClassifier("squared_hinge"),
        LinearClassifier("softmax", solver="cg"),
    ]
)  # type: ignore[untyped-decorator]
def test_is_a_scikit_learn_classifier(estimator: Any, check: Any) -> None:
    check(estimator)


def data(k: int = 2, n: int = 120, d: int = 5, seed: int = 0) -> tuple[Any, Any]:
    X, y = make_classification(
        n, d, n_informative=d, n_redundant=0, n_classes=k, flip_y=0.2, random_state=seed
    )
    return X, y


def penalised(model: LinearClassifier, X: Any, y: Any, s: Any = 1.0) -> float:
    """The objective as the design states it, written out a second time."""
    one_hot = y[:, None] == model.classes_
    if model.loss == "squared_hinge" and len(model.classes_) == 2:
        z = X @ model.coef_[0] + model.intercept_[0]
        loss = np.maximum(0, 1 - (2 * one_hot[:, 1] - 1) * z) ** 2
    elif model.loss == "squared_hinge":
        z = X @ model.coef_.T + model.intercept_
        slack = np.maximum(0, 1 - z[one_hot][:, None] + z) ** 2
        loss = (slack * ~one_hot).sum(axis=1)
    else:
        loss = -np.log(model.predict_proba(X)[one_hot])
    return float(np.sum(s * loss) + model.l2 / 2 * (model.coef_**2).sum())


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("k", [2, 4])
@pytest.mark.parametrize("intercept", [True, False])
def test_no_nearby_parameters_are_better(loss: str, k: int, intercept: bool) -> None:
    X, y = data(k)
    s = np.random.default_rng(1).uniform(0.5, 2, len(y))
    model = LinearClassifier(loss, 0.3, fit_intercept=intercept).fit(X, y, s)
    best = penalised(model, X, y, s)
    rng = np.random.default_rng(0)
    for size in (1e-3, 1e-1, 1.0):
        other = clone(model).fit(X, y, s)
        other.coef_ = other.coef_ + size * rng.normal(size=other.coef_.shape)
        if intercept:
            other.intercept_ = other.intercept_ + size * rng.normal(size=len(other.intercept_))
        assert penalised(other, X, y, s) > best
    assert model.converged_
    assert model.gradient_norm_ <= model.tol


@pytest.mark.parametrize("k", [2, 4])
@pytest.mark.parametrize("l2", [0.1, 10.0])
def test_agrees_with_scikit_learn(k: int, l2: float) -> None:
    X, y = data(k)
    ours = LinearClassifier(l2=l2, tol=1e-10).fit(X, y)
    theirs = LogisticRegression(C=1 / l2, tol=1e-10, max_iter=10_000).fit(X, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-5)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("form", ["csr", "float32", "cg", "two workers", "batches", "warm"])
def test_form_of_the_rows_and_solver_do_not_matter(loss: str, k: int, form: str) -> None:
    X, y = data(k, n=200)
    X = np.where(np.abs(X) > 0.7, np.round(X, 2), 0.0).astype(np.float32).astype(np.float64)
    model = LinearClassifier(loss, 0.5, tol=1e-11)
    expected = clone(model).fit(X, y).coef_
    if form == "batches":
        batches = [(X[:70], y[:70]), (sparse.csr_array(X[70:71]), y[70:71]), (X[71:], y[71:])]
        got = model.fit_batches(batches)
    elif form == "warm":
        model = model.set_params(warm_start=True).fit(X[:150], y[:150])
        got = model.fit(X, y)
    else:
        model.set_params(
            solver="cg" if form == "cg" else "auto", n_jobs=2 if form == "two workers" else None
        )
        rows = {"csr": sparse.csr_matrix, "float32": np.float32}.get(form, np.asarray)(X)
        got = model.fit(rows, y)
    np.testing.assert_allclose(got.coef_, expected, atol=1e-8)


def test_a_warm_start_from_the_solution_takes_no_step() -> None:
    X, y = data()
    model = LinearClassifier(warm_start=True).fit(X, y)
    before = model.coef_.copy()
    np.testing.assert_array_equal(model.fit(X, y).coef_, before)


def test_subsampled_start_leads_to_the_same_minimum() -> None:
    X, y = data(n=20_000)
    order = np.random.default_rng(0).permutation(len(y))
    a = LinearClassifier(tol=1e-11).fit(X, y)
    b = LinearClassifier(tol=1e-11).fit(X[order], y[order])
    np.testing.assert_allclose(a.coef_, b.coef_, atol=1e-8)
    assert a.n_iter_ <= 5


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
def test_rare_categories_do_not_slow_the_fit(form: Any) -> None:
    """Their rows are all in the subsamples, where every other row stands for many."""
    rng = np.random.default_rng(0)
    share = 0.7 ** np.arange(25)
    category = rng.choice(25, 20_000, p=share / share.sum())
    X = (category[:, None] == np.arange(25)).astype(float)
    y = (rng.random(20_000) < 1 / (1 + np.exp(rng.normal(0, 2, 25)[category]))).astype(int)
    X /= X.std(axis=0)
    parts = list(subsamples(form(X), None, 26))
    assert [abs(share.sum() / 20_000 - 1) < 0.05 for _, share in parts] == [True, True]
    rare = np.flatnonzero(category == category.max())
    assert all(np.isin(rare, rows).all() for rows, _ in parts)
    model = LinearClassifier().fit(form(X), y)
    assert model.converged_
    assert model.n_iter_ <= 10


@pytest.mark.parametrize("loss", LOSSES)
def test_weights_are_repetitions(loss: str) -> None:
    X, y = data(3)
    s = np.random.default_rng(0).integers(0, 4, len(y))
    weighted = LinearClassifier(loss, tol=1e-11).fit(X, y, s)
    repeated = LinearClassifier(loss, tol=1e-11).fit(np.repeat(X, s, 0), np.repeat(y, s))
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, atol=1e-8)


def test_binary_softmax_is_logistic_with_half_the_penalty() -> None:
    X, y = data()
    two = LinearClassifier("softmax", 1.0, tol=1e-11).fit(X, y)
    one = LinearClassifier("logistic", 0.5, tol=1e-11).fit(X, y)
    np.testing.assert_allclose(two.coef_[1] - two.coef_[0], one.coef_[0], atol=1e-8)
    np.testing.assert_allclose(two.decision_function(X), one.decision_function(X), atol=1e-8)


def test_softmax_has_one_answer_although_scores_can_be_shifted() -> None:
    X, y = load_digits(return_X_y=True)
    model = LinearClassifier(l2=5.0).fit(X / 16, y)
    np.testing.assert_allclose(model.coef_.sum(axis=0), 0, atol=1e-12)
    assert abs(model.intercept_.sum()) < 1e-12
    np.testing.assert_allclose(model.predict_proba(X / 16).sum(axis=1), 1)


def test_relabelled_classes_permute_the_parameters() -> None:
    X, y = data(3)
    a = LinearClassifier(tol=1e-11).fit(X, y)
    b = LinearClassifier(tol=1e-11).fit(X, np.array([2, 0, 1])[y])
    np.testing.assert_allclose(b.coef_[[2, 0, 1]], a.coef_, atol=1e-8)


def test_separable_data() -> None:
    X, y = np.array([[-2.0], [-1.0], [1.0], [3.0]]), np.array([0, 0, 1, 1])
    with pytest.warns(ConvergenceWarning, match="separated"):
        model = LinearClassifier(l2=0.0).fit(X, y)
    assert np.isfinite(model.coef_).all()
    assert model.score(X, y) == 1.0
    for l2 in (1e-3, 1e-6, 1e-9):
        assert LinearClassifier(l2=l2).fit(X, y).converged_
    assert LinearClassifier("squared_hinge", l2=0.0).fit(X, y).converged_


@pytest.mark.parametrize("loss", LOSSES)
def test_singular_hessians(loss: str) -> None:
    X, y = data(n=60)
    twice = np.column_stack([X, X, np.zeros(60), np.ones(60)])
    model = LinearClassifier(loss, l2=0.0).fit(twice, y)
    plain = LinearClassifier(loss, l2=0.0).fit(X, y)
    assert model.converged_
    np.testing.assert_allclose(
        model.decision_function(twice), plain.decision_function(X), atol=1e-4
    )
    wide = np.random.default_rng(0).normal(size=(20, 60))
    fitted = LinearClassifier(loss, l2=1.0).fit(wide, y[:20])
    assert fitted.converged_
    # with a penalty the weights stay in the span of the rows
    rest = fitted.coef_[0] - np.linalg.lstsq(wide.T, fitted.coef_[0], rcond=None)[0] @ wide
    np.testing.assert_allclose(rest, 0, atol=1e-8)


def test_columns_of_very_different_units() -> None:
    rng = np.random.default_rng(0)
    X = np.column_stack(
        [rng.integers(0, 2, (3000, 6)), rng.lognormal(9, 2, (3000, 2)), rng.normal(size=3000)]
    )
    y = (X[:, 0] + X[:, 8] + rng.logistic(size=3000) > 0.5).astype(int)
    model = LinearClassifier().fit(X, y)
    assert model.gradient_norm_ <= 1e-8


def test_a_fit_that_stops_early_says_so() -> None:
    X, y = data()
    with pytest.warns(ConvergenceWarning, match="max_iter"):
        model = LinearClassifier(max_iter=1, tol=1e-14).fit(X, y)
    assert not model.converged_
    assert model.gradient_norm_ > 1e-14


def test_bad_input_is_named() -> None:
    X, y = data()
    with pytest.raises(InputError, match="one class"):
        LinearClassifier().fit(X, np.zeros(len(y)))
    with pytest.raises(InputError, match="one class"):
        LinearClassifier().fit(X, y, (y == 1).astype(float))
    with pytest.raises(InputError, match=r"'logistc'.*'logistic'"):
        LinearClassifier("logistc").fit(X, y)
    with pytest.raises(InputError, match="-1"):
        LinearClassifier(l2=-1).fit(X, y)
    with pytest.raises(InputError, match=r"-2\.0"):
        LinearClassifier().fit(X, y, np.full(len(y), -2.0))
    with pytest.raises(InputError, match="solver 'lbfgs'"):
        LinearClassifier(solver="lbfgs").fit(X, y)
    with pytest.raises(InputError, match="only once"):
        LinearClassifier().fit_batches(iter([(X, y)]), classes=[0, 1])
    with pytest.raises(InputError, match="label 2"):
        LinearClassifier().fit_batches([(X, y + 1)], classes=[0, 1])
    with pytest.raises(ValueError, match="NaN"):
        LinearClassifier().fit(np.where(X > 2, np.nan, X), y)
    assert not hasattr(LinearClassifier("squared_hinge"), "predict_proba")
