"""Hard metrics as objectives: for methods that look at whole models and need no gradient."""

from typing import Any, NoReturn, cast

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from streamlearn.errors import InputError
from streamlearn.influence.fairness import (
    DemographicParity,
    EqualizedOdds,
    EqualOpportunity,
)
from streamlearn.influence.linear import LinearClassifier
from streamlearn.influence.losses import Floats
from streamlearn.influence.objectives import MarginObjective, ValidationLoss

Gap = DemographicParity | EqualizedOdds | EqualOpportunity


class _Hard(MarginObjective):
    """An objective that is piecewise constant in the parameters."""

    smooth = "a smooth objective"

    def _slope(self, model: LinearClassifier, U: Floats) -> NoReturn:
        raise InputError(
            f"{type(self).__name__} is flat almost everywhere and has no gradient: take "
            f"{self.smooth} instead, or a method that needs none (leave_one_out, shapley, "
            "counterfactual, influence with form='update')"
        )


class Accuracy(_Hard, ValidationLoss):
    """Share of rows predicted wrong, so that lower is better; the metric is the accuracy.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n, d)
        Features.
    y : array-like of shape (n,)
        Labels, among the model's classes.
    sample_weight : array-like of shape (n,), optional
        Weights of the mean.

    Examples
    --------
    >>> model = LinearClassifier(l2=0.1).fit([[0.0], [1.0], [2.0]], [0, 1, 1])
    >>> wrong = Accuracy([[0.0], [2.0], [3.0], [4.0]], [0, 1, 1, 0])
    >>> wrong.value(model), wrong.metric(model)
    (0.25, 0.75)
    """

    smooth = "ValidationLoss"

    def _of_margins(self, model: LinearClassifier, U: Floats) -> Floats:
        return cast(Floats, (model._loss().predict(U) != self._codes(model)) @ self.share)


class AUC(_Hard, ValidationLoss):
    """One minus the area under the ROC curve; the metric is the area.

    For several classes the areas of each class against the rest are averaged.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n, d)
        Features.
    y : array-like of shape (n,)
        Labels, among the model's classes and of every one of them.

    Examples
    --------
    >>> model = LinearClassifier(l2=0.1).fit([[0.0], [1.0], [2.0]], [0, 1, 1])
    >>> AUC([[0.0], [2.0], [3.0], [4.0]], [0, 1, 0, 1]).metric(model)
    0.75
    """

    smooth = "ValidationLoss"

    def __init__(self, X: ArrayLike, y: ArrayLike) -> None:
        super().__init__(X, y)

    def _of_margins(self, model: LinearClassifier, U: Floats) -> Floats:
        loss, codes = model._loss(), self._codes(model)
        if loss.n_classes == 2:
            scores, classes = (loss.scores(U)[..., 1:, :] - loss.scores(U)[..., :1, :]), [1]
        else:
            scores = loss.probabilities(U) if loss.has_probabilities else loss.scores(U)
            classes = list(range(loss.n_classes))
        areas = [self._area(model, scores[..., j, :], codes == c) for j, c in enumerate(classes)]
        return cast(Floats, 1.0 - np.mean(areas, axis=0))

    def _area(self, model: LinearClassifier, scores: Floats, positive: Any) -> Floats:
        """Mann and Whitney's statistic (...,): ties count a half."""
        above, below = np.count_nonzero(positive), np.count_nonzero(~positive)
        if not above or not below:
            raise InputError(
                f"y has {above} rows of a class and {below} of the others; an area under the ROC "
                f"curve needs rows of each of {model.classes_.tolist()}"
            )
        ranks = rankdata(scores, axis=-1)[..., positive].sum(axis=-1)
        return cast(Floats, (ranks - above * (above + 1) / 2) / (above * below))

    def metric(self, model: LinearClassifier) -> float:
        """Area under the ROC curve."""
        return 1.0 - self.value(model)


class HardGap(_Hard):
    """Size of a fairness gap between rates of hard predictions.

    Parameters
    ----------
    gap : DemographicParity, EqualOpportunity, EqualizedOdds or EqualAccuracy
        Which gap, on which rows; its ``kind`` plays no part.

    Notes
    -----
    Most rows, left out alone, flip no prediction: their leave-one-out values are exactly zero
    (Bhatt et al. (2021), and all but 2 to 9 of 1,435 where we counted). The soft gap tells more.

    Examples
    --------
    >>> X = [[-1.0], [-2.0], [1.0], [2.0]]
    >>> model = LinearClassifier().fit(X, [0, 0, 1, 1])
    >>> HardGap(DemographicParity(X, sensitive=["m", "m", "f", "f"])).value(model)
    1.0
    """

    smooth = "the gap itself, which is soft"

    def __init__(self, gap: Gap) -> None:
        if not isinstance(gap, Gap):
            raise InputError(
                f"HardGap takes a fairness gap, got {gap!r}; for hard labels of a loss use "
                "Accuracy or AUC"
            )
        super().__init__(gap.X)
        self.gap = gap

    def _of_margins(self, model: LinearClassifier, U: Floats) -> Floats:
        predicted = model._loss().predict(U)
        total = np.zeros(predicted.shape[:-1])
        for means, label in self.gap._averages(model):
            rates = (predicted == label) @ means.T
            total += rates.max(axis=-1) - rates.min(axis=-1)
        return total

    def metric(self, model: LinearClassifier) -> float:
        """The gap's own metric: with its sign for two groups and one gap."""
        return self.gap.metric(model)
