"""Values of rows: the truth by retraining, and what all methods have in common."""

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import LinearConstraint, minimize
from scipy.stats import spearmanr
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from streamlearn.errors import InputError
from streamlearn.influence import (
    AdversarialLoss,
    Custom,
    DemographicParity,
    EqualAccuracy,
    EqualOpportunity,
    LinearClassifier,
    ValidationLoss,
    influence,
)
from streamlearn.valuation import AUC, Accuracy, HardGap, Values, values
from streamlearn.valuation.utility import Uninformed, evaluate

LOSSES = ("logistic", "softmax", "squared_hinge")
SOFT = ("parity", "opportunity", "equal accuracy", "custom")  # need probabilities


def setting(
    n: int = 80, loss: str = "logistic", k: int = 2, l2: float = 1.0, weights: bool = False
) -> tuple[Any, ...]:
    X, y = make_classification(
        n + 90, 5, n_informative=5, n_redundant=0, n_classes=k, flip_y=0.2, random_state=0
    )
    s = np.random.default_rng(0).uniform(0.5, 2, n) if weights else None
    model = LinearClassifier(loss, l2, tol=1e-11).fit(X[:n], y[:n], s)
    return model, X[:n], y[:n], s, (X[n:], y[n:], np.arange(90) % 2)


def objectives(V: Any, w: Any, group: Any) -> dict[str, Any]:
    return {
        "loss": ValidationLoss(V, w),
        "accuracy": Accuracy(V, w),
        "auc": AUC(V, w),
        "parity": DemographicParity(V, group),
        "opportunity": EqualOpportunity(V, w, group),
        "equal accuracy": EqualAccuracy(V, w, group),
        "hard": HardGap(EqualAccuracy(V, w, group)),
        "sum": 0.5 * ValidationLoss(V, w) + 2.0 * Accuracy(V, w),
        "attack": AdversarialLoss(V, w),
        "custom": Custom(lambda m: float((m.predict_proba(V)[:, 1] ** 2).mean())),
    }


def refits(model: Any, X: Any, y: Any, s: Any) -> list[Any]:
    """All rows, then each left out in turn."""
    s = np.ones(len(y)) if s is None else s
    kept = [np.arange(len(y)) != i for i in range(-1, len(y))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 1e-13 may be just out of reach
        return [
            LinearClassifier(model.loss, model.l2, tol=1e-13).fit(X[r], y[r], s[r]) for r in kept
        ]


def retrained(model: Any, X: Any, y: Any, s: Any, objective: Any) -> Any:
    f = [objective.at(model).value(m) for m in refits(model, X, y, s)]
    return np.array(f[1:]) - f[0]


@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_leave_one_out_is_retraining(loss: str, weights: bool) -> None:
    model, X, y, s, (V, w, group) = setting(loss=loss, weights=weights)
    models = refits(model, X, y, s)
    for name, objective in objectives(V, w, group).items():
        if loss == "squared_hinge" and name in SOFT:
            continue
        f = [objective.at(model).value(m) for m in models]
        truth = np.array(f[1:]) - f[0]
        got = values(model, X, y, objective, "leave_one_out", sample_weight=s)
        np.testing.assert_allclose(got, truth, atol=2e-5 * np.abs(truth).max(), err_msg=name)


def test_leave_one_out_of_any_classifier_is_retraining() -> None:
    _, X, y, _, (V, w, _) = setting(40)
    got = values(GaussianNB(), X, y, ValidationLoss(V, w), "leave_one_out")

    def loss(fitted: Any) -> float:
        return float(-np.log(fitted.predict_proba(V)[np.arange(len(w)), w]).mean())

    kept = [np.arange(40) != i for i in range(40)]
    truth = [loss(GaussianNB().fit(X[r], y[r])) - loss(GaussianNB().fit(X, y)) for r in kept]
    np.testing.assert_allclose(got, truth, atol=1e-12)


def test_influence_is_equation_1_and_ranks_as_the_truth() -> None:
    model, X, y, s, (V, w, group) = setting(weights=True)
    for f in (ValidationLoss(V, w), DemographicParity(V, group)):
        got = values(model, X, y, f, sample_weight=s, leverage=False)
        plain = influence(model, X, y, f, sample_weight=s, leverage=False)
        np.testing.assert_array_equal(got, plain)
        better = values(model, X, y, f, sample_weight=s)
        assert spearmanr(better, retrained(model, X, y, s, f))[0] > 0.99


@pytest.mark.parametrize("leverage", [False, True])
def test_a_loss_on_the_training_rows_takes_the_parameter_update(leverage: bool) -> None:
    """Equation 1 sees nothing but the penalty's gradient there (or none at all)."""
    model, X, y, s, _ = setting(l2=0.1, weights=True)
    f = ValidationLoss(X, y)
    got = values(model, X, y, f, sample_weight=s, leverage=leverage)
    assert got.report["form"] == "update"
    truth = retrained(model, X, y, s, f)
    rank = spearmanr(got, truth)[0]
    assert (
        rank > 0.99 > spearmanr(values(model, X, y, f, sample_weight=s, form="gradient"), truth)[0]
    )


def test_the_update_is_f_at_the_predicted_parameters() -> None:
    model, X, y, _, _ = setting()
    got = values(model, X, y, ValidationLoss(X, y), form="update", leverage=False)
    Z, p = np.column_stack([X, np.ones(len(X))]), model.predict_proba(X)[:, 1]
    H = (Z.T * (p * (1 - p))) @ Z + np.diag([1.0] * 5 + [0.0])
    theta = np.append(model.coef_[0], model.intercept_)

    def f(t: Any) -> float:
        return float(np.logaddexp(0, -(2 * y - 1) * (Z @ t)).mean())

    shifts = np.linalg.solve(H, (Z * (p - y)[:, None]).T).T
    np.testing.assert_allclose(got, [f(theta + step) - f(theta) for step in shifts], atol=1e-10)


@pytest.mark.parametrize("norm", ["parameters", "loss"])
@pytest.mark.parametrize(("loss", "k"), [("logistic", 2), ("softmax", 2), ("logistic", 3)])
def test_relatif_is_influence_by_a_norm(norm: str, loss: str, k: int) -> None:
    """Against dense linear algebra on a Hessian of finite differences."""
    model, X, y, s, (V, w, _) = setting(60, loss, k, weights=True)
    f = ValidationLoss(V, w)
    got = values(model, X, y, f, "relatif", norm=norm, sample_weight=s)
    Z, Q = np.column_stack([X, np.ones(len(X))]), model._loss().contrast
    theta = model._theta()

    def gradients(t: Any) -> Any:
        R = model._loss().residual(t @ Z.T, y) * s
        return np.einsum("an,nd->nad", R, Z).reshape(len(y), -1)

    penalty = np.ones_like(theta)
    penalty[:, -1] = 0.0
    steps = 1e-5 * np.eye(theta.size).reshape(-1, *theta.shape)
    H = np.array([(gradients(theta + e) - gradients(theta - e)).sum(0) / 2e-5 for e in steps])
    H += np.diag(penalty.ravel())
    g, inverse = gradients(theta), np.linalg.inv(H)
    eye = inverse @ inverse if norm == "parameters" else inverse
    length = np.sqrt(np.einsum("ni,ij,nj->n", g, eye, g))
    top = g @ inverse @ (Q.T @ f.gradient(model)).ravel()
    np.testing.assert_allclose(got, top / length, rtol=1e-6)


def test_relatif_of_a_row_without_weight_is_zero() -> None:
    model, X, y, s, (V, w, _) = setting(weights=True)
    s[3] = 0.0
    model.fit(X, y, s)
    assert values(model, X, y, ValidationLoss(V, w), "relatif", sample_weight=s)[3] == 0.0


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("weights", [False, True])
def test_a_counterfactual_fit_meets_its_constraint_and_is_the_best(
    loss: str, weights: bool
) -> None:
    model, X, y, s, _ = setting(40, loss, weights=weights)
    f = ValidationLoss(X, y, s)
    got = values(model, X, y, f, "counterfactual", sample_weight=s, delta=0.05)
    np.testing.assert_allclose(got.report["margin"], -0.05, atol=1e-10)
    assert got.report["flipped"].all()
    Z, s = np.column_stack([X, np.ones(40)]), np.ones(40) if s is None else s
    sign = 2.0 * y - 1.0

    def loss_of(t: Any) -> Any:
        u = sign * (Z @ t)
        return np.maximum(1 - u, 0) ** 2 if loss == "squared_hinge" else np.logaddexp(0, -u)

    # two rows of coefficients share a difference: the penalty on it is halved
    l2 = 0.5 if loss == "softmax" else 1.0
    for i in (0, 7, 23):
        side = np.sign(model.decision_function(X[i : i + 1])[0])
        found = minimize(
            lambda t: s @ loss_of(t) + 0.5 * l2 * t[:-1] @ t[:-1],
            np.zeros(6),
            constraints=[LinearConstraint(side * Z[i][None], -np.inf, -0.05)],
            method="SLSQP",
            options={"ftol": 1e-14, "maxiter": 500},
        )
        after = s @ loss_of(found.x) / s.sum()
        assert got[i] == pytest.approx(after - f.value(model), abs=2e-6)


def test_counterfactuals_cost_training_loss_and_take_every_objective() -> None:
    model, X, y, _, (V, w, group) = setting(40, l2=1e-6)
    assert (values(model, X, y, ValidationLoss(X, y), "counterfactual").scores > 0).all()
    for f in objectives(V, w, group).values():
        assert np.isfinite(values(model, X, y, f, "counterfactual")).all()


def test_the_closed_form_is_the_papers_and_says_what_it_did_not_flip() -> None:
    model, X, y, _, (V, w, _) = setting(l2=0.5)
    f = ValidationLoss(V, w)
    got = values(model, X, y, f, "counterfactual", exact=False)
    Z, p = np.column_stack([X, np.ones(len(X))]), model.predict_proba(X)[:, 1]
    H = (Z.T * (p * (1 - p))) @ Z + np.diag([0.5] * 5 + [0.0])
    theta = np.append(model.coef_[0], model.intercept_)
    moved = theta - np.linalg.solve(H, ((2 * y - 1)[:, None] * Z).T).T
    other = [model._at(t[None]) for t in moved]
    np.testing.assert_allclose(got, [f.value(m) - f.value(model) for m in other], atol=1e-9)
    flipped = [
        m.predict(X[i : i + 1])[0] != model.predict(X[i : i + 1])[0] for i, m in enumerate(other)
    ]
    np.testing.assert_array_equal(got.report["flipped"], flipped)
    assert not all(flipped)


def test_hard_metrics_are_those_of_scikit_learn_and_of_the_gaps() -> None:
    for k in (2, 3):
        for loss in LOSSES:
            model, _, _, _, (V, w, group) = setting(loss=loss, k=k)
            assert Accuracy(V, w).value(model) == pytest.approx(1 - model.score(V, w))
            if k == 2:
                area = roc_auc_score(w, model.decision_function(V))
                assert AUC(V, w).metric(model) == pytest.approx(area)
            elif loss != "squared_hinge":
                area = roc_auc_score(w, model.predict_proba(V), multi_class="ovr")
                assert AUC(V, w).metric(model) == pytest.approx(area)
            gap = EqualAccuracy(V, w, group)
            assert HardGap(gap).value(model) == pytest.approx(abs(gap.metric(model)))
            many = np.stack([model._theta(), 0.1 * model._theta()])
            for f in (Accuracy(V, w), AUC(V, w), HardGap(gap)):
                each = [f.value(model._at(t)) for t in many]
                np.testing.assert_allclose(f.values(model, many), each)


def test_any_classifier_is_evaluated_as_a_linear_one_would_be() -> None:
    model, X, y, _, (V, w, group) = setting()
    twin = LogisticRegression(tol=1e-12, max_iter=1000).fit(X, y)
    for name, f in objectives(V, w, group).items():
        if name == "attack":
            with pytest.raises(InputError, match="LinearClassifier"):
                evaluate(f, twin, twin.classes_)
        else:
            assert evaluate(f, twin, twin.classes_) == pytest.approx(f.value(model), abs=1e-6), name
    svm = LinearSVC().fit(X, y)
    assert evaluate(Accuracy(V, w), svm, svm.classes_) == pytest.approx(1 - svm.score(V, w))
    area = roc_auc_score(w, svm.decision_function(V))
    assert evaluate(AUC(V, w), svm, svm.classes_) == pytest.approx(1 - area)
    with pytest.raises(InputError, match="probabilities"):
        evaluate(ValidationLoss(V, w), svm, svm.classes_)
    nothing = Uninformed(np.array([0, 1]))
    assert evaluate(ValidationLoss(V, w), nothing, nothing.classes_) == pytest.approx(np.log(2))


def test_values_stand_for_an_array() -> None:
    model, X, y, _, (V, w, _) = setting(30)
    got = values(model, X, y, ValidationLoss(V, w))
    assert isinstance(got, Values)
    assert len(got) == 30
    assert got.standard_error is None
    np.testing.assert_array_equal(np.asarray(got), got.scores)
    np.testing.assert_array_equal(np.argsort(got), np.argsort(got.scores))
    assert np.asarray(got, dtype=np.float32).dtype == np.float32
    assert "30 rows" in repr(got)


@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 2**31),
    st.sampled_from(["influence", "relatif", "leave_one_out", "counterfactual", "knn_shapley"]),
)
def test_the_order_of_the_rows_does_not_matter(seed: int, method: str) -> None:
    model, X, y, _, (V, w, _) = setting(30)
    order = np.random.default_rng(seed).permutation(30)
    f = ValidationLoss(V, w)
    got = values(model, X[order], y[order], f, method)
    np.testing.assert_allclose(got, values(model, X, y, f, method)[order], atol=1e-8)


@pytest.mark.parametrize("method", ["influence", "relatif", "leave_one_out", "counterfactual"])
def test_duplicates_are_worth_the_same_and_sparse_rows_what_dense_ones_are(method: str) -> None:
    model, X, y, _, (V, w, _) = setting(30)
    X[5], y[5] = X[4], y[4]
    model.fit(X, y)
    f = ValidationLoss(V, w)
    got = values(model, X, y, f, method)
    assert got[4] == pytest.approx(got[5], abs=1e-10)
    np.testing.assert_allclose(values(model, sparse.csr_array(X), y, f, method), got, atol=1e-9)


def test_bad_input_is_named() -> None:
    model, X, y, _, (V, w, group) = setting(40)
    f = ValidationLoss(V, w)
    with pytest.raises(InputError, match="did you mean 'shapley'"):
        values(model, X, y, f, "shaply")
    with pytest.raises(InputError, match="did you mean 'leverage'"):
        values(model, X, y, f, leverag=False)
    with pytest.raises(InputError, match="form"):
        values(model, X, y, f, form="updates")
    with pytest.raises(InputError, match="norm"):
        values(model, X, y, f, "relatif", norm="l2")
    with pytest.raises(InputError, match="objective"):
        values(model, X, y, "loss")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="NaN"):
        values(model, np.where(X > 1, np.nan, X), y, f)
    with pytest.raises(InputError, match="39 labels"):
        values(model, X, y[1:], f)
    with pytest.raises(InputError, match="one class only"):
        values(model, X, np.zeros(40), f)
    with pytest.raises(InputError, match="one class only"):
        values(model, X, y, f, sample_weight=y)
    with pytest.raises(InputError, match="not negative"):
        values(model, X, y, f, sample_weight=-np.ones(40))
    with pytest.raises(InputError, match="LinearClassifier"):
        values(DecisionTreeClassifier(), X, y, f)
    for hard in (Accuracy(V, w), AUC(V, w), HardGap(EqualAccuracy(V, w, group))):
        with pytest.raises(InputError, match="no gradient"):
            values(model, X, y, hard)
        assert np.isfinite(values(model, X, y, hard, form="update")).all()
    with pytest.raises(InputError, match="fairness gap"):
        HardGap(f)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="ROC"):
        AUC(V[w == 1], w[w == 1]).value(model)
    with pytest.raises(InputError, match="has no rows"):
        HardGap(EqualOpportunity(V, w, w)).value(model)
    with pytest.raises(InputError, match="delta"):
        values(model, X, y, f, "counterfactual", delta=0)
    three, X3, y3, _, (V3, w3, _) = setting(k=3)
    with pytest.raises(InputError, match="two classes"):
        values(three, X3, y3, ValidationLoss(V3, w3), "counterfactual")
    lonely = np.r_[1, np.zeros(39, dtype=int)]
    alone = LinearClassifier(tol=1e-9).fit(X, lonely)
    with pytest.raises(InputError, match="class 1 has one row"):
        values(alone, X, lonely, f, "leave_one_out")
