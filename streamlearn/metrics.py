"""Scores of a learner on labelled rows; each takes (learner, X, y) and gives one number."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score

from streamlearn.arrays import Floats, Labels, Matrix
from streamlearn.errors import InputError, nearest
from streamlearn.protocols import Learner

Metric: TypeAlias = Callable[[Learner, Matrix, Labels], float]


def _true_columns(classes: Labels, proba: Floats, y: Labels) -> Floats:
    """The probability given to the true label; 0 for a label the learner does not know."""
    if len(classes) == 0:
        return np.zeros(len(y))
    at = np.minimum(np.searchsorted(classes, y), len(classes) - 1)
    return np.where(classes[at] == y, proba[np.arange(len(y)), at], 0.0)


def accuracy(learner: Learner, X: Matrix, y: Labels) -> float:
    """Return the share of rows predicted right."""
    return float(np.mean(learner.predict(X) == y))


def balanced_accuracy(learner: Learner, X: Matrix, y: Labels) -> float:
    """Return the mean recall over the classes in y."""
    return float(balanced_accuracy_score(y, learner.predict(X)))


def macro_f1(learner: Learner, X: Matrix, y: Labels) -> float:
    """Return the mean F1 over the classes; a class never predicted counts 0."""
    return float(f1_score(y, learner.predict(X), average="macro", zero_division=0.0))


def log_loss(learner: Learner, X: Matrix, y: Labels) -> float:
    """Return the mean negative log-probability of the true label, in nats."""
    true = _true_columns(learner.classes_, learner.predict_proba(X), y)
    return float(-np.log(np.maximum(true, np.finfo(np.float64).tiny)).mean())


def brier(learner: Learner, X: Matrix, y: Labels) -> float:
    """Return the mean squared distance of the probabilities from the truth (0 best, 2 worst)."""
    proba = learner.predict_proba(X)
    true = _true_columns(learner.classes_, proba, y)
    return float((np.square(proba).sum(axis=1) - 2 * true + 1).mean())


def auc(learner: Learner, X: Matrix, y: Labels) -> float:
    """Return the area under the ROC curve (one against the rest for several classes)."""
    proba, classes = learner.predict_proba(X), learner.classes_
    if len(classes) < 2:
        return 0.5
    if len(classes) == 2:
        return float(roc_auc_score(y == classes[1], proba[:, 1]))
    return float(roc_auc_score(y, proba, multi_class="ovr", labels=classes))


METRICS: Mapping[str, Metric] = {
    metric.__name__: metric
    for metric in (accuracy, balanced_accuracy, macro_f1, log_loss, brier, auc)
}


def resolve(metrics: str | Sequence[str] | Mapping[str, Metric]) -> dict[str, Metric]:
    """Return metrics by name.

    Parameters
    ----------
    metrics : str, sequence of str, or mapping of name to callable
        Names of this module, or own functions of (learner, X, y).

    Returns
    -------
    dict of str to callable

    Examples
    --------
    >>> list(resolve(["accuracy", "log_loss"]))
    ['accuracy', 'log_loss']
    """
    if isinstance(metrics, Mapping):
        for name, metric in metrics.items():
            if not callable(metric):
                raise InputError(f"metric {name!r} must be callable, got {metric!r}")
        return dict(metrics)
    names = [metrics] if isinstance(metrics, str) else list(metrics)
    for name in names:
        if name not in METRICS:
            raise nearest(name, METRICS, "metric")
    return {name: METRICS[name] for name in names}
