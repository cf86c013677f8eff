"""Known classes, and predictions before a model could be fitted."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from streamlearn.arrays import Floats, Labels, Matrix
from streamlearn.errors import InputError
from streamlearn.learners.rows import NO_LABELS, positions, sorted_classes, union


class ClassifierLearner(BaseEstimator):  # type: ignore[misc]
    """What all learners of this package share: they predict before they could be fitted.

    A subclass fits ``model_`` and gives ``_proba`` and ``_labels`` over ``trained_``.
    """

    classes: Any
    model_: Any = None  # the private model; None until it has learned
    seen_: Labels = NO_LABELS  # sorted labels learned so far
    trained_: Labels = NO_LABELS  # sorted labels that model_ tells apart: its columns

    @property
    def classes_(self) -> Labels:
        """Known labels, sorted: those given up front, else those learned so far."""
        return self.seen_ if self.classes is None else sorted_classes(self.classes)

    def predict_proba(self, X: Matrix) -> Floats:
        """Return class probabilities, one column for each of ``classes_``.

        Parameters
        ----------
        X : ndarray or CSR matrix, shape (n, d)
            Encoded features.

        Returns
        -------
        ndarray of float64, shape (n, k)
            Rows sum to 1. Uniform before anything was learned ((n, 1) while no class is known),
            certain while one class was; 0 for declared classes that the model has not met.

        Notes
        -----
        Where the model has no probabilities of its own (see ``probabilistic``), these are the
        logistic (two classes) or softmax of its decision values: they order rows as the
        decision values do, and say nothing of frequencies.
        """
        classes, n = self.classes_, X.shape[0]
        if self.model_ is None and not len(self.seen_):
            k = max(len(classes), 1)
            return np.full((n, k), 1 / k)
        if self.model_ is None:
            return np.tile((classes == self.seen_[0]).astype(np.float64), (n, 1))
        if n == 0:
            return np.empty((0, len(classes)))
        return self._spread(self._proba(X), 0.0)

    def check_labels(self, y: Labels) -> None:
        """Refuse labels that ``learn`` would refuse, with nothing changed.

        Parameters
        ----------
        y : ndarray, shape (n,)
            Labels about to be learned.

        Raises
        ------
        InputError
            Naming the first label that cannot be learned.
        """
        if self.classes is not None:
            positions(y, self.classes_, "correct the label, or add it to classes=…")
        else:
            union(self.seen_, y)

    def predict(self, X: Matrix) -> Labels:
        """Return the label the model gives each row.

        Parameters
        ----------
        X : ndarray or CSR matrix, shape (n, d)
            Encoded features.

        Returns
        -------
        ndarray, shape (n,)
            Labels as they were learned; the first class before anything was.

        Raises
        ------
        InputError
            If no class is known.
        """
        classes, n = self.classes_, X.shape[0]
        if not len(classes):
            raise InputError("no class is known yet; give classes=…, or learn labelled rows first")
        if self.model_ is None:
            return np.full(n, self.seen_[0] if len(self.seen_) else classes[0], dtype=classes.dtype)
        if n == 0:
            return classes[:0]
        return self._labels(X).astype(classes.dtype, copy=False)

    def _proba(self, X: Matrix) -> Floats:
        raise NotImplementedError

    def _labels(self, X: Matrix) -> Labels:
        raise NotImplementedError

    def _spread(self, values: Floats, filler: float) -> Floats:
        """Put the model's columns where their classes stand among all known ones."""
        classes = self.classes_
        if len(classes) == len(self.trained_):
            return values
        spread = np.full((len(values), len(classes)), filler)
        spread[:, np.searchsorted(classes, self.trained_)] = values
        return spread
