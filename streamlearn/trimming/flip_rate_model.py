"""What NoiseModel and DawidSkene share: checked arrays, the fit, a classifier's predictions."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_array, check_is_fitted

from streamlearn.arrays import Floats, Labels, Matrix, as_labels
from streamlearn.errors import InputError, whole
from streamlearn.influence.tuning import PENALTIES, TRUSTED_WEIGHTS, choices
from streamlearn.trimming.flip_rates import (
    Said,
    as_classifier,
    cross_validate,
    maximise,
    with_ones,
)

_NO_SETTING = (10.0, 1.0)  # where nothing can be cross-validated


class FlipRateModel(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """An estimate of flip rates and classifier; subclasses say who errs."""

    l2: Any
    reference_weight: Any
    prior: float
    folds: int
    seed: int

    def _estimate(
        self,
        X: Matrix,
        votes: NDArray[np.intp],
        weight: Floats,
        known: tuple[Matrix, NDArray[np.intp]],
        classes: Labels,
        rates: Floats | None = None,
    ) -> None:
        """Choose penalty and reference weight, estimate, and store what was found."""
        if len(classes) < 2:
            raise InputError(
                f"the labels hold one class only ({classes.tolist()}); give rows of two at least"
            )
        if not (np.isfinite(self.prior) and self.prior > 0):
            raise InputError(f"prior must be a positive number of rows, got {self.prior!r}")
        both = with_ones(X, known[0])
        rows = Said(
            both,
            votes,
            known[1],
            np.concatenate([weight, np.ones(len(known[1]))]),
            len(classes),
            float(self.prior),
            rates,
        )
        shares = choices(self.reference_weight, TRUSTED_WEIGHTS, "reference_weight")
        penalties = choices(self.l2, PENALTIES, "l2")
        settings = [(l2, s) for s in (shares if len(known[1]) else shares[:1]) for l2 in penalties]
        count = whole(self.folds, "folds", least=2)
        best = settings[0]
        if len(settings) > 1:
            tuning = cross_validate(rows, settings, count, self.seed)
            best = tuning.best if tuning.losses else _NO_SETTING
        counted = np.concatenate([weight, np.full(len(known[1]), best[1])])
        found = maximise(replace(rows, weight=counted), best[0])
        self.l2_, self.reference_weight_ = best
        self.classes_, self.n_features_in_ = classes, X.shape[1]
        self.model_ = as_classifier(found.theta, rows, best[0])
        self.posterior_ = found.posterior
        self.objective_ = np.array(found.objective)
        self._rates = found.transition

    def predict_proba(self, X: ArrayLike | Matrix) -> Floats:
        """Predict the probability of each true class.

        Parameters
        ----------
        X : array-like or CSR matrix, shape (n, d)
            Features.

        Returns
        -------
        ndarray of float64, shape (n, k)
            Columns in the order of ``classes_``.
        """
        check_is_fitted(self)
        proba: Floats = self.model_.predict_proba(X)
        return proba

    def predict(self, X: ArrayLike | Matrix) -> Labels:
        """Predict the likeliest true class of each row, shape (n,)."""
        labels: Labels = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return labels


def weights(given: ArrayLike | None, n: int) -> Floats:
    """Check sample weights: finite, not negative, one a row; ones where none are given."""
    weight = np.ones(n) if given is None else np.asarray(given, dtype=np.float64)
    if weight.shape != (n,) or not (np.isfinite(weight).all() and (weight >= 0).all()):
        raise InputError(
            f"sample_weight must hold {n} finite numbers of 0 or more, got shape {weight.shape}"
            + (f" with {weight.min()} to {weight.max()}" if weight.size else "")
        )
    return weight


def checked(
    X: ArrayLike | Matrix, reference: tuple[Any, ArrayLike] | None
) -> tuple[Matrix, tuple[Matrix, Labels]]:
    """Check rows and reference; without a reference it has no rows."""
    X = check_array(X, accept_sparse="csr", dtype=np.float64, ensure_min_samples=0)
    if reference is None:
        return X, (X[:0], np.empty(0))
    if not isinstance(reference, tuple) or len(reference) != 2:
        raise InputError(f"reference must be a tuple (X, y), got {type(reference).__name__}")
    X_known = check_array(reference[0], accept_sparse="csr", dtype=np.float64)
    known = as_labels(reference[1], "reference labels")
    if X_known.shape != (len(known), X.shape[1]):
        raise InputError(
            f"reference has shape {X_known.shape} and {len(known)} labels, the rows have "
            f"{X.shape[1]} columns; give one label a row and the same columns"
        )
    return X, (X_known, known)
