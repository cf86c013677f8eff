"""What Refit and Incremental share: the calls into a fitted scikit-learn classifier."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import softmax
from sklearn import config_context
from sklearn.pipeline import Pipeline

from streamlearn.arrays import Floats, Labels, Matrix
from streamlearn.errors import InputError
from streamlearn.learners.classifier import ClassifierLearner


def last_step(estimator: Any) -> Any:
    """Return the classifier at the end of a pipeline, or the estimator itself."""
    while isinstance(estimator, Pipeline):
        estimator = estimator.steps[-1][1]
    return estimator


def needs_codes(labels: Labels) -> bool:
    """Say whether scikit-learn would take these labels for a regression target."""
    return labels.dtype.kind == "f" and bool((labels != np.floor(labels)).any())


def refuse_pairwise(estimator: Any) -> None:
    """Raise if decision values would have a column for each pair of classes."""
    for name, value in estimator.get_params(deep=True).items():
        if name.split("__")[-1] == "decision_function_shape" and value == "ovo":
            raise InputError(
                f"{name}='ovo' gives a column to each pair of classes; set it to 'ovr'"
            )


def takes_weights(method: Callable[..., Any]) -> bool:
    """Say whether a fit or partial_fit names sample_weight among its parameters."""
    return "sample_weight" in inspect.signature(method).parameters


def as_probabilities(decision: Floats) -> Floats:
    """Return the softmax of decision values (of two classes, the logistic): good to rank by."""
    if decision.ndim == 1:
        decision = np.column_stack([np.zeros_like(decision), decision])
    values: Floats = softmax(decision, axis=1)
    return values


class SklearnLearner(ClassifierLearner):
    """A scikit-learn classifier behind the protocol; subclasses differ in ``learn`` alone."""

    estimator: Any

    @property
    def probabilistic(self) -> bool:
        """Whether ``predict_proba`` are the estimator's own probabilities."""
        return hasattr(self.estimator, "predict_proba")

    def _proba(self, X: Matrix) -> Floats:
        if self.probabilistic:
            proba: Floats = np.asarray(self._call("predict_proba", X))
            if proba.dtype != np.float64:  # float32 rows sum to 1 within 1e-6 only
                proba = proba.astype(np.float64)
                proba /= proba.sum(axis=1, keepdims=True)
            return proba
        if hasattr(self.model_, "decision_function"):
            return as_probabilities(self._call("decision_function", X))
        chosen: Floats = (self._labels(X)[:, None] == self.trained_).astype(np.float64)
        return chosen

    def _labels(self, X: Matrix) -> Labels:
        labels: Labels = np.asarray(self._call("predict", X))
        return self.trained_[labels] if needs_codes(self.trained_) else labels

    def _call(self, method: str, X: Matrix) -> Any:
        # Sources have checked X: another pass over a large pool would cost as much as the product.
        with config_context(assume_finite=True):
            return getattr(self.model_, method)(X)


class Margins:
    """Adds decision values; only learners of estimators that have them inherit it.

    A class of its own, since ``isinstance(learner, HasMargins)`` looks at the class: a method
    that is there and fails when called would count as present.
    """

    def decision_function(self: Any, X: Matrix) -> Floats:
        """Return signed distances.

        Parameters
        ----------
        X : ndarray or CSR matrix, shape (n, d)
            Encoded features.

        Returns
        -------
        ndarray of float64
            (n,) for at most two classes, positive = second, else (n, k). Zeros before a second
            class was learned; the lowest float for declared classes that a refit has not seen.
        """
        k, n = len(self.classes_), X.shape[0]
        if self.model_ is None or n == 0:
            return np.zeros(n if k <= 2 else (n, k))
        values = np.asarray(self._call("decision_function", X), dtype=np.float64)
        if k > 2 and values.ndim == 1:
            values = np.column_stack([-values, values])
        # As scikit-learn's cross_val_predict fills: finite, and never the largest.
        spread: Floats = self._spread(values, np.finfo(np.float64).min)
        return spread
