"""A fit that does not look at its rows twice is the fit that does."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone

from streamlearn.data import Labelled
from streamlearn.influence import LinearClassifier
from streamlearn.influence.unchecked import unchecked
from streamlearn.learners import Refit

ATTRIBUTES = {"coef_", "intercept_", "classes_", "gradient_norm_", "converged_", "n_iter_"}


def rows(n: int, d: int, classes: int = 2, seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    y = np.argmax(X[:, :classes] + rng.gumbel(size=(n, classes)), axis=1)
    y[:classes] = np.arange(classes)
    return X, y


def agree(model: LinearClassifier, X: Any, y: Any, weight: Any = None) -> None:
    checked = clone(model).fit(X, y, weight)
    quick = clone(model)
    unchecked(quick).fit(X, y, weight)
    assert vars(quick).keys() >= ATTRIBUTES
    assert quick.converged_
    assert quick.gradient_norm_ <= quick.tol
    # The gradient certifies no more: |theta - minimum| <= |gradient| / l2 on either side.
    total = len(y) if weight is None else float(np.sum(weight))
    near = max(1e-6, 2.0 * model.tol * total * np.sqrt(X.shape[1] + 1) / model.l2)
    np.testing.assert_allclose(quick.coef_, checked.coef_, atol=near)
    np.testing.assert_allclose(quick.intercept_, checked.intercept_, atol=near)
    for method in ("predict", "decision_function"):
        expected = getattr(quick, method)(X)
        np.testing.assert_array_equal(getattr(unchecked(quick), method)(X), expected)


@given(
    n=st.integers(4, 120),
    d=st.integers(2, 12),
    l2=st.floats(1e-3, 1e2),
    weighted=st.booleans(),
    intercept=st.booleans(),
    seed=st.integers(0, 99),
)
@settings(deadline=None, max_examples=60)
def test_the_same_minimum(
    n: int, d: int, l2: float, weighted: bool, intercept: bool, seed: int
) -> None:
    X, y = rows(n, d, seed=seed)
    weight = np.random.default_rng(seed).uniform(0.1, 3.0, n) if weighted else None
    agree(LinearClassifier(l2=l2, fit_intercept=intercept), X, y, weight)


@pytest.mark.parametrize("loss", ["logistic", "softmax", "squared_hinge"])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("kind", [np.asarray, np.float32, sparse.csr_matrix])
def test_every_loss_and_storage(loss: str, classes: int, kind: Any) -> None:
    X, y = rows(80, 5, classes)
    agree(LinearClassifier(loss), kind(X), y)


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_columns_in_any_unit_and_rows_that_are_separated(scale: float) -> None:
    X, y = rows(60, 4)
    X[:, 0] += 20.0 * y  # one column tells the classes apart
    X[:, 1] *= scale
    model = LinearClassifier(l2=1e-6)
    quick, checked = clone(model), clone(model).fit(X, y)
    unchecked(quick).fit(X, y)
    assert quick.converged_
    np.testing.assert_array_equal(quick.predict(X), checked.predict(X))


def test_more_rows_than_few_are_left_to_the_general_fit() -> None:
    agree(LinearClassifier(), *rows(5000, 20))


def test_a_warm_start_needs_fewer_iterations_and_ends_at_the_same_point() -> None:
    X, y = rows(110, 20)
    cold = unchecked(LinearClassifier()).fit(X, y)
    model = LinearClassifier(warm_start=True)
    unchecked(model).fit(X[:100], y[:100])
    unchecked(model).fit(X, y)
    assert model.n_iter_ < cold.n_iter_
    np.testing.assert_allclose(model.coef_, cold.coef_, atol=1e-7)


def test_a_refit_learner_holds_an_ordinary_model() -> None:
    X, y = rows(60, 4)
    names = np.array(["ham", "spam"])[y]
    learner = Refit(LinearClassifier())
    known = Labelled(np.arange(60), X, names, np.ones(60))
    learner.learn(known, lambda: known)
    assert type(learner.model_) is LinearClassifier
    expected = LinearClassifier().fit(X, names)
    np.testing.assert_array_equal(learner.predict(X), expected.predict(X))
    np.testing.assert_allclose(learner.predict_proba(X), expected.predict_proba(X), atol=1e-7)
    with pytest.raises(ValueError, match="NaN"):  # who asks the model itself is checked
        learner.model_.predict(np.full((1, 4), np.nan))


def test_rows_that_are_not_finite_are_still_found() -> None:
    X, y = rows(60, 4)
    X[3, 2] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        unchecked(LinearClassifier()).fit(X, y)
