"""Confident learning in the loop: labels that cross-fitted models contradict are not learned."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from streamlearn.arrays import Floats, Ids
from streamlearn.data import Judgement, Labelled
from streamlearn.errors import InputError, nearest
from streamlearn.learners.seeds import checked, sow
from streamlearn.memory import stack
from streamlearn.protocols import View
from streamlearn.trimming.confident_joint import prune_by_noise_rate

SCOPES = ("answered", "seen")


class ConfidentTrim(BaseEstimator):  # type: ignore[misc]
    """Trim the labels that confident learning finds wrong, as many as the noise rates say.

    Parameters
    ----------
    estimator : classifier with predict_proba, optional
        Cross-fitted on all rows known; None means standardised logistic regression.
    folds : int
        Folds of the cross-fitting, 2 or more.
    scope : {"answered", "seen"}
        Whether only new rows are judged, or older ones anew: trimmed, or taken back with weight 1.
    seed : int
        Shuffles the folds, and seeds the estimator where its ``random_state`` is None.

    Notes
    -----
    Models are fitted to all rows seen (trimmed ones included), answered and of the reference;
    noise rates are counted over the seen and answered rows, as the reference is clean. There is no
    budget. A class with fewer rows than folds cannot be cross-fitted: its rows stay out, and are
    kept with that as the reason.

    Each judgement costs ``folds`` fits on everything seen.

    References
    ----------
    Northcutt, Jiang and Chuang (2021), Confident learning: estimating uncertainty in dataset
    labels, JAIR 70; method "prune by noise rate".

    Examples
    --------
    >>> ConfidentTrim(folds=3)
    ConfidentTrim(folds=3)
    """

    def __init__(
        self, estimator: Any = None, folds: int = 5, scope: str = "answered", seed: int = 0
    ) -> None:
        self.estimator = estimator
        self.folds = folds
        self.scope = scope
        self.seed = seed

    def judge(self, answered: Labelled, view: View) -> Judgement:
        """Judge answered rows, and older ones if the scope says so.

        Parameters
        ----------
        answered : Labelled
            The rows just answered.
        view : View
            Its seen and reference rows are learned from as well.

        Returns
        -------
        Judgement
            Of all answered rows, and of the older ones that change. The score is the cross-fitted
            p(y | x) less the highest probability of another class, −1 to 1; 0 for rows that could
            not be judged.

        Raises
        ------
        InputError
            If a parameter is out of range, or the estimator has no probabilities.
        """
        if self.scope not in SCOPES:
            raise nearest(self.scope, SCOPES, "scope of ConfidentTrim")
        if not (isinstance(self.folds, int | np.integer) and self.folds >= 2):
            raise InputError(f"folds must be a whole number of 2 or more, got {self.folds!r}")
        # Seen rows that are answered anew count once, with their new label.
        old = view.seen
        old = old.take(~np.isin(old.ids, answered.ids)) if len(old) else old
        parts = [rows for rows in (answered, old) if len(rows)]
        noisy = stack(parts) if parts else answered
        score, wrong, reason = self._examine(noisy, view.reference)
        weight = np.where(wrong, 0.0, noisy.weight)
        again = np.arange(len(noisy)) >= len(answered)
        back = again & (noisy.weight == 0) & ~wrong & (reason == "")
        weight[back] = 1.0
        reason[wrong], reason[back] = "confidently mislabelled", "cleared by newer rows"
        changed = again & (weight != noisy.weight) & (self.scope == "seen")
        rows = np.flatnonzero(~again | changed)
        return Judgement(noisy.ids[rows], noisy.y[rows], weight[rows], score[rows], reason[rows])

    def _examine(
        self, noisy: Labelled, reference: Labelled | None
    ) -> tuple[Floats, NDArray[np.bool_], NDArray[np.str_]]:
        """Scores, what is mislabelled, and why a row was not judged."""
        rows = stack([noisy, reference]) if reference is not None and len(noisy) else noisy
        score, wrong = np.zeros(len(noisy)), np.zeros(len(noisy), dtype=bool)
        classes, codes, sizes = np.unique(rows.y, return_inverse=True, return_counts=True)
        large = np.flatnonzero(sizes >= self.folds)
        fit = np.isin(codes, large) & (len(large) > 1)
        why = [f"too few rows like it to cross-fit: label {c}" for c in classes.tolist()]
        if len(large) == 1:
            why[large[0]] = "no other class has rows enough to cross-fit"
        reason = np.where(fit, "", np.array([*why, ""])[codes])[: len(noisy)]
        if not fit[: len(noisy)].any():
            return score, wrong, reason
        # By id, so that folds do not hang on the order in which rows came.
        use = np.flatnonzero(fit)
        use = use[np.argsort(rows.ids[use])]
        codes = np.searchsorted(large, codes[use])
        proba = self._probabilities(rows.X[use], codes)
        own = use < len(noisy)
        use, codes, proba = use[own], codes[own], proba[own]
        wrong[use] = prune_by_noise_rate(codes, proba)
        score[use] = _lead(proba, codes)
        return score, wrong, reason

    def _probabilities(self, X: Any, codes: Ids) -> Floats:
        """Cross-fitted class probabilities."""
        estimator: Any = self.estimator
        if estimator is None:
            scale = StandardScaler(with_mean=not sparse.issparse(X))
            estimator = make_pipeline(scale, LogisticRegression(max_iter=1000))
        if not hasattr(estimator, "predict_proba"):
            raise InputError(
                f"{estimator!r} has no predict_proba; give a classifier that has, or None"
            )
        estimator, seed = clone(estimator), checked(self.seed)
        sow(estimator, seed)
        folds = StratifiedKFold(self.folds, shuffle=True, random_state=seed)
        return np.asarray(cross_val_predict(estimator, X, codes, cv=folds, method="predict_proba"))


def _lead(proba: Floats, codes: Ids) -> Floats:
    """The probability of the given label less the highest other one."""
    at = np.arange(len(codes))
    others = proba.copy()
    others[at, codes] = -np.inf
    return np.asarray(proba[at, codes] - others.max(axis=1))
