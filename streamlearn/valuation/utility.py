"""An objective of any fitted classifier, and of one that has learned nothing."""

from typing import Any, cast

import numpy as np
from sklearn.base import clone

from streamlearn.arrays import Floats, Labels, Matrix
from streamlearn.errors import InputError
from streamlearn.influence.linear import LinearClassifier
from streamlearn.influence.losses import Loss, make_loss
from streamlearn.influence.objectives import Custom, MarginObjective, Objective, WeightedSum
from streamlearn.influence.robustness import AdversarialLoss
from streamlearn.valuation.metrics import AUC, Accuracy, HardGap

_LEAST = 1e-15  # probability that nothing is taken to fall below: a loss must stay finite


class Uninformed:
    """A classifier that has learned nothing: uniform probabilities, always the first class.

    Parameters
    ----------
    classes : ndarray of shape (k,)
        Labels.
    """

    def __init__(self, classes: Labels) -> None:
        self.classes_ = classes

    def predict_proba(self, X: Matrix) -> Floats:
        """Uniform probabilities (n, k)."""
        return np.full((X.shape[0], len(self.classes_)), 1.0 / len(self.classes_))

    def predict(self, X: Matrix) -> Labels:
        """The first class, as a linear model does whose parameters are all zero."""
        return np.repeat(self.classes_[:1], X.shape[0])


class ByMargins:
    """What an objective on margins asks of a model: its classes and a loss to read margins by."""

    fit_intercept = False

    def __init__(self, classes: Labels) -> None:
        self.classes_ = classes

    def _loss(self) -> Loss:
        return make_loss("logistic", len(self.classes_))

    def from_probabilities(self, proba: Floats) -> Floats:
        """Margins (m, n) whose probabilities are those given (n, k)."""
        Z = np.log(np.maximum(proba, _LEAST)).T
        contrast = self._loss().contrast
        U = (Z[1] - Z[0])[None] if len(contrast) == 1 else contrast.T @ Z
        return cast(Floats, U)


def evaluate(objective: Objective, model: Any, classes: Labels) -> float:
    """Objective of any fitted classifier, lower is better.

    Losses and soft gaps are taken from ``predict_proba``, hard metrics from ``predict``, and an
    AUC from ``decision_function`` where there is one. A class the model has not met has
    probability zero, which a loss takes for 1e-15.

    Parameters
    ----------
    objective : Objective
        What to evaluate.
    model : fitted classifier
        A `LinearClassifier` or any other.
    classes : ndarray of shape (k,)
        All labels there are.

    Returns
    -------
    float
        The value.
    """
    if isinstance(model, LinearClassifier) or isinstance(objective, Custom):
        return objective.value(model)
    if isinstance(objective, WeightedSum):
        return sum(factor * evaluate(term, model, classes) for factor, term in objective.terms)
    if not isinstance(objective, MarginObjective) or isinstance(objective, AdversarialLoss):
        raise InputError(
            f"{type(objective).__name__} needs a LinearClassifier, got {type(model).__name__}"
        )
    view = ByMargins(classes)
    U: Floats = view.from_probabilities(_probabilities(objective, model, classes))
    if isinstance(objective, AUC) and len(classes) == 2 and hasattr(model, "decision_function"):
        U = np.asarray(model.decision_function(objective.X), dtype=np.float64)[None]
    return float(objective._of_margins(cast(LinearClassifier, view), U))


def _probabilities(objective: MarginObjective, model: Any, classes: Labels) -> Floats:
    """Probabilities (n, k) of all classes, of zeros and ones for hard metrics."""
    X = objective.X
    if isinstance(objective, Accuracy | HardGap):
        hits: Floats = (np.asarray(model.predict(X))[:, None] == classes).astype(np.float64)
        return hits
    if not hasattr(model, "predict_proba"):
        if isinstance(objective, AUC) and len(classes) == 2:
            return np.full((X.shape[0], 2), 0.5)
        raise InputError(
            f"{type(objective).__name__} needs probabilities, which {type(model).__name__} does "
            "not give; wrap it in CalibratedClassifierCV, or take Accuracy or HardGap"
        )
    proba = np.zeros((X.shape[0], len(classes)))
    proba[:, np.searchsorted(classes, model.classes_)] = model.predict_proba(X)
    return proba


def seeded(model: Any, seed: int) -> Any:
    """Clone an estimator; one without a seed gets this one, so that it can be fitted again."""
    copy = clone(model)
    unset = {k: seed for k, v in copy.get_params().items() if _is_seed(k) and v is None}
    return copy.set_params(**unset)


def _is_seed(name: str) -> bool:
    return name.rsplit("__", 1)[-1] == "random_state"


def blank(model: LinearClassifier, classes: Labels, d: int) -> LinearClassifier:
    """A linear model of these classes at parameters of zero."""
    copy: LinearClassifier = clone(model)
    copy.classes_, copy.n_features_in_ = classes, d
    copy._set_theta(np.zeros((copy._loss().outputs, d + int(copy.fit_intercept))))
    return copy
