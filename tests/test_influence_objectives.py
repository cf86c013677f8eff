from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import make_classification

from streamlearn.errors import InputError
from streamlearn.influence import (
    AdversarialLoss,
    Custom,
    DemographicParity,
    EqualAccuracy,
    EqualizedOdds,
    EqualOpportunity,
    LinearClassifier,
    Objective,
    ValidationLoss,
)
from streamlearn.influence.objectives import finite_differences

LOSSES = ("logistic", "softmax", "squared_hinge")


def setting(loss: str, k: int, intercept: bool = True, groups: int = 2) -> tuple[Any, ...]:
    X, y = make_classification(
        200, 5, n_informative=5, n_redundant=0, n_classes=k, flip_y=0.2, random_state=0
    )
    group = np.random.default_rng(0).integers(0, groups, len(y))
    model = LinearClassifier(loss, fit_intercept=intercept).fit(X[:100], y[:100])
    return model, X[100:], y[100:], group[100:]


def gradients_agree(objective: Any, model: LinearClassifier) -> None:
    """Apart from a shift of all class scores, which changes no objective of ours."""
    analytic, numeric = objective.gradient(model), finite_differences(objective.value, model)
    assert analytic.shape == numeric.shape
    centre = len(analytic) > 1
    a = analytic - analytic.mean(axis=0) * centre
    np.testing.assert_allclose(a, numeric, atol=2e-8)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("groups", [2, 3])
def test_gradients_are_those_of_the_values(loss: str, k: int, intercept: bool, groups: int) -> None:
    model, X, y, g = setting(loss, k, intercept, groups)
    objectives: list[Objective] = [
        ValidationLoss(X, y, np.linspace(0, 1, len(y))),
        ValidationLoss(sparse.csr_matrix(X), y),
        EqualOpportunity(X, y, g, positive=1, kind="loss"),
        EqualizedOdds(X, y, g, kind="loss"),
        AdversarialLoss(X, y).at(model),
    ]
    if loss != "squared_hinge":
        objectives += [
            DemographicParity(X, g, positive=1),
            EqualOpportunity(X, y, g, positive=1),
            EqualizedOdds(X, y, g),
        ]
    if k == 2:
        objectives.append(AdversarialLoss(X, y, reattack=True))
    objectives.append(0.7 * objectives[0] + 0.3 * objectives[2] - 2 * objectives[3])
    for objective in objectives:
        gradients_agree(objective, model)
        thetas = np.stack([model._theta(), 1.5 * model._theta()])
        one_by_one = [objective.value(model._at(theta)) for theta in thetas]
        np.testing.assert_allclose(objective.values(model, thetas), one_by_one, atol=1e-12)
        value, gradient = objective.value_and_gradient(model)
        assert value == pytest.approx(objective.value(model), rel=1e-12)
        np.testing.assert_allclose(gradient, objective.gradient(model), atol=1e-12)
        assert np.isfinite(objective.metric(model))


def test_at_the_kink_the_gradient_is_zero() -> None:
    model, X, _, _ = setting("logistic", 2)
    same = DemographicParity(np.vstack([X, X]), np.repeat([0, 1], len(X)))
    assert same.value(model) == 0.0
    np.testing.assert_array_equal(same.gradient(model), 0.0)
    flat = model._at(np.zeros_like(model._theta()))
    parity = DemographicParity(X, np.arange(len(X)) % 2)
    np.testing.assert_allclose(finite_differences(parity.value, flat), 0, atol=1e-9)
    np.testing.assert_array_equal(parity.gradient(flat), 0.0)


def test_a_gap_is_what_a_person_would_count() -> None:
    model, X, y, g = setting("logistic", 2)
    yes, p = model.predict(X) == 1, model.predict_proba(X)[:, 1]
    parity = DemographicParity(X, g)
    assert parity.metric(model) == pytest.approx(yes[g == 1].mean() - yes[g == 0].mean())
    assert parity.signed(model) == pytest.approx(p[g == 1].mean() - p[g == 0].mean())
    assert parity.value(model) == pytest.approx(abs(parity.signed(model)))
    named = DemographicParity(X, np.array(["b", "a"])[g])
    assert named.metric(model) == -parity.metric(model)
    assert named.value(model) == pytest.approx(parity.value(model))
    true_positive = [yes[(g == i) & (y == 1)].mean() for i in (0, 1)]
    assert EqualOpportunity(X, y, g).metric(model) == pytest.approx(np.diff(true_positive)[0])
    true_negative = [(~yes)[(g == i) & (y == 0)].mean() for i in (0, 1)]
    both = abs(np.diff(true_positive)[0]) + abs(np.diff(true_negative)[0])
    assert EqualizedOdds(X, y, g).metric(model) == pytest.approx(both)
    assert EqualAccuracy is EqualizedOdds
    assert ValidationLoss(X, y).metric(model) == pytest.approx(model.score(X, y))


def test_more_groups_take_the_largest_gap() -> None:
    model, X, _, g = setting("logistic", 2, groups=4)
    p = model.predict_proba(X)[:, 1]
    means = [p[g == i].mean() for i in range(4)]
    assert DemographicParity(X, g).value(model) == pytest.approx(max(means) - min(means))


@pytest.mark.parametrize("gamma", [1.1, 1.3, 2.0])
@pytest.mark.parametrize("k", [2, 3])
def test_reattacked_accuracy_is_one_minus_accuracy(gamma: float, k: int) -> None:
    model, X, y, _ = setting("logistic", k)
    clean = ValidationLoss(X, y).metric(model)
    attacked = AdversarialLoss(X, y, gamma).metric(model)
    if k == 2:
        assert attacked == pytest.approx(1 - clean)
        assert AdversarialLoss(X, y, gamma, reattack=True).metric(model) == attacked
    else:
        assert attacked <= 1 - clean + 1e-12  # what was right is wrong, for whatever label


def test_the_attack_is_the_papers() -> None:
    model, X, y, _ = setting("logistic", 2)
    w, b = model.coef_[0], model.intercept_[0]
    moved = X - 1.3 * ((X @ w + b) / (w @ w))[:, None] * w
    other = LinearClassifier(l2=5.0).fit(X, y)
    fixed = AdversarialLoss(X, y).at(model)
    assert fixed.value(other) == pytest.approx(ValidationLoss(moved, y).value(other))
    np.testing.assert_allclose(fixed.gradient(other), ValidationLoss(moved, y).gradient(other))
    assert fixed.at(other) is fixed


def test_custom_objectives() -> None:
    model, X, y, _ = setting("softmax", 3)
    loss = ValidationLoss(X, y)
    numeric = Custom(lambda m: -float(np.log(m.predict_proba(X)[np.arange(len(y)), y]).mean()))
    np.testing.assert_allclose(numeric.gradient(model), loss.gradient(model), atol=1e-8)
    given = Custom(loss.value, loss.gradient, loss.metric)
    np.testing.assert_array_equal(given.gradient(model), loss.gradient(model))
    assert given.metric(model) == loss.metric(model)


def test_bad_input_is_named() -> None:
    model, X, y, g = setting("logistic", 2)
    with pytest.raises(InputError, match="one group"):
        DemographicParity(X, np.zeros(len(X)))
    with pytest.raises(InputError, match="group 1 has no rows of class"):
        EqualOpportunity(X, np.where(g == 1, 0, y), g).value(model)
    with pytest.raises(InputError, match="NaN"):
        DemographicParity(X, np.where(g == 1, np.nan, 0.0))
    with pytest.raises(InputError, match="'los'"):
        EqualOpportunity(X, y, g, kind="los")
    with pytest.raises(InputError, match="label 7"):
        ValidationLoss(X, np.full(len(y), 7)).value(model)
    with pytest.raises(InputError, match="positive is 3"):
        DemographicParity(X, g, positive=3).value(model)
    with pytest.raises(InputError, match="columns"):
        ValidationLoss(X[:, 1:], y).value(model)
    hinge, *_ = setting("squared_hinge", 2)
    with pytest.raises(InputError, match="no probabilities"):
        DemographicParity(X, g).value(hinge)
    three, X3, y3, g3 = setting("logistic", 3)
    with pytest.raises(InputError, match="positive="):
        DemographicParity(X3, g3).value(three)
    with pytest.raises(InputError, match="two classes"):
        AdversarialLoss(X3, y3, reattack=True).value(three)
