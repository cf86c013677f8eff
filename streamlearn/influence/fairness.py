"""Fairness objectives: gaps between groups, smooth for the gradient and hard for the reader.

A value is the size of a gap: zero is the floor, and the gradient carries the sign of the gap at
the model (zero at the kink). Groups are the values of a sensitive column, in sorted order; with
more than two, the gap is the largest one between any two groups.
"""

from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streamlearn.errors import InputError, nearest
from streamlearn.influence.linear import LinearClassifier
from streamlearn.influence.losses import Codes, Floats
from streamlearn.influence.objectives import MarginObjective
from streamlearn.influence.rows import encode


class _Gap(MarginObjective):
    """Gaps between the group means of some quantity, summed over one or more sets of rows."""

    def __init__(
        self, X: ArrayLike, y: ArrayLike | None, sensitive: ArrayLike, positive: Any, kind: str
    ) -> None:
        super().__init__(X)
        if kind not in ("probability", "loss"):
            raise nearest(kind, ("probability", "loss"), "kind of gap")
        n = self.X.shape[0]
        self.kind, self.positive = kind, positive
        self.y = None if y is None else np.asarray(y)
        if self.y is not None and self.y.shape != (n,):
            raise InputError(f"y has shape {self.y.shape}, but X has {n} rows")
        column = np.asarray(sensitive)
        if column.shape != (n,):
            raise InputError(f"sensitive has shape {column.shape}, but X has {n} rows")
        if column.dtype.kind == "f" and np.isnan(column).any():
            raise InputError("sensitive holds NaN; drop those rows or give them a group")
        self.groups, self.member = np.unique(column, return_inverse=True)
        if len(self.groups) < 2:
            raise InputError(
                f"sensitive holds one group only ({self.groups.tolist()}); give at least two"
            )

    def _label(self, model: LinearClassifier) -> int:
        """Number of the positive class."""
        if self.positive is None:
            if len(model.classes_) > 2:
                raise InputError(
                    f"the model has classes {model.classes_.tolist()}; name one with positive="
                )
            return 1
        found = np.flatnonzero(model.classes_ == self.positive)
        if not len(found):
            raise InputError(
                f"positive is {self.positive!r}; the model's classes are {model.classes_.tolist()}"
            )
        return int(found[0])

    def _codes(self, model: LinearClassifier) -> Codes:
        return encode(cast(ArrayLike, self.y), model.classes_, self.X.shape[0])

    def _sets(self, model: LinearClassifier) -> list[tuple[NDArray[np.bool_] | None, int]]:
        """Sets of rows whose gaps count, each with the class whose probability is compared."""
        raise NotImplementedError

    def _means(self, rows: NDArray[np.bool_] | None, what: str) -> Floats:
        """Matrix (groups, n) that averages over the rows of each group."""
        inside = self.member == np.arange(len(self.groups))[:, None]
        if rows is not None:
            inside &= rows
        counts = inside.sum(axis=1)
        if (counts == 0).any():
            raise InputError(
                f"group {self.groups[counts == 0].tolist()[0]!r} has no rows{what}; merge it with "
                "another, or give more rows"
            )
        return cast(Floats, inside / counts[:, None])

    def _averages(self, model: LinearClassifier) -> list[tuple[Floats, int]]:
        names = model.classes_.tolist()
        return [
            (self._means(rows, "" if rows is None else f" of class {names[c]!r}"), c)
            for rows, c in self._sets(model)
        ]

    def _quantity(self, model: LinearClassifier, U: Floats, label: int) -> Floats:
        """Probability of a class, or the loss, of every row (..., n)."""
        if self.kind == "probability":
            return model._loss().probabilities(U)[..., label, :]
        return model._loss().value(U, self._codes(model))

    def _of_margins(self, model: LinearClassifier, U: Floats) -> Floats:
        total = np.zeros(U.shape[:-2])
        for means, label in self._averages(model):
            by_group = self._quantity(model, U, label) @ means.T
            total += by_group.max(axis=-1) - by_group.min(axis=-1)
        return total

    def _slope(self, model: LinearClassifier, U: Floats) -> Floats:
        loss = model._loss()
        slope = np.zeros_like(U)
        for means, label in self._averages(model):
            by_group = means @ self._quantity(model, U, label)
            high, low = int(by_group.argmax()), int(by_group.argmin())
            weight = means[high] - means[low] if high != low else np.zeros(U.shape[-1])
            if self.kind == "probability":
                G = np.zeros((loss.n_classes, U.shape[-1]))
                G[label] = weight
                slope += loss.pull(U, G)
            else:
                slope += weight * loss.residual(U, self._codes(model))
        return slope

    def signed(self, model: LinearClassifier) -> float:
        """Smooth gap with its sign: last group minus first; with more groups, the value."""
        if len(self.groups) > 2:
            return self.value(model)
        U = self._margins(model, model._theta())
        gaps = [
            float((means[1] - means[0]) @ self._quantity(model, U, label))
            for means, label in self._averages(model)
        ]
        return gaps[0] if len(gaps) == 1 else self.value(model)

    def metric(self, model: LinearClassifier) -> float:
        """Gap between rates of hard predictions, with its sign for two groups and one gap."""
        U = self._margins(model, model._theta())
        predicted = model._loss().predict(U)
        rates = [means @ (predicted == label) for means, label in self._averages(model)]
        if len(rates) == 1 and len(self.groups) == 2:
            return float(rates[0][1] - rates[0][0])
        return float(sum(rate.max() - rate.min() for rate in rates))


class DemographicParity(_Gap):
    """Gap between groups in the mean probability of the positive class.

    The metric is the gap in the rate of positive predictions, last group (in sorted order) minus
    first; for more than two groups it has no sign.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n, d)
        Features.
    sensitive : array-like of shape (n,)
        Group of every row, two groups or more.
    positive : label, optional
        The class in question: the second of two by default.

    References
    ----------
    Chhabra et al. (2024), equation 2.

    Examples
    --------
    >>> X = [[-1.0], [-2.0], [1.0], [2.0]]
    >>> model = LinearClassifier().fit(X, [0, 0, 1, 1])
    >>> DemographicParity(X, sensitive=["f", "f", "m", "m"]).metric(model)
    1.0
    """

    def __init__(self, X: ArrayLike, sensitive: ArrayLike, positive: Any = None) -> None:
        super().__init__(X, None, sensitive, positive, "probability")

    def _sets(self, model: LinearClassifier) -> list[tuple[NDArray[np.bool_] | None, int]]:
        return [(None, self._label(model))]


class EqualOpportunity(_Gap):
    """Gap between groups among the rows that are positive in truth.

    The metric is the gap in true positive rates, last group minus first.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n, d)
        Features.
    y : array-like of shape (n,)
        True labels.
    sensitive : array-like of shape (n,)
        Group of every row, two groups or more.
    positive : label, optional
        The class in question: the second of two by default.
    kind : {"probability", "loss"}, default="probability"
        Gap in the mean probability of the positive class, or in the mean loss as in the paper.

    References
    ----------
    Chhabra et al. (2024), appendix A, equation 4.

    Examples
    --------
    >>> X = [[-1.0], [3.0], [1.0], [2.0]]
    >>> model = LinearClassifier().fit(X, [0, 1, 1, 0])
    >>> EqualOpportunity(X, [1, 1, 1, 1], ["f", "f", "m", "m"], kind="loss").value(model) > 0
    True
    """

    def __init__(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sensitive: ArrayLike,
        positive: Any = None,
        kind: str = "probability",
    ) -> None:
        super().__init__(X, y, sensitive, positive, kind)

    def _sets(self, model: LinearClassifier) -> list[tuple[NDArray[np.bool_] | None, int]]:
        label = self._label(model)
        return [(self._codes(model) == label, label)]


class EqualizedOdds(_Gap):
    """Sum over the classes of the gap in being right about rows of that class.

    For two classes that is the gap in true positive rates plus the gap in true negative rates,
    which lies in [0, 2]. It is also what Bhatt et al. call (un)equal accuracy: `EqualAccuracy`
    is the same class.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n, d)
        Features.
    y : array-like of shape (n,)
        True labels.
    sensitive : array-like of shape (n,)
        Group of every row, two groups or more.
    kind : {"probability", "loss"}, default="probability"
        Gap in the mean probability of the true class, or in the mean loss.

    References
    ----------
    Hardt et al. (2016); Bhatt et al. (2021), equation 3.

    Examples
    --------
    >>> X = [[-1.0], [-2.0], [1.0], [2.0]]
    >>> model = LinearClassifier().fit(X, [0, 0, 1, 1])
    >>> EqualizedOdds(X, [0, 0, 1, 1], ["f", "m", "f", "m"]).metric(model)
    0.0
    """

    def __init__(
        self, X: ArrayLike, y: ArrayLike, sensitive: ArrayLike, kind: str = "probability"
    ) -> None:
        super().__init__(X, y, sensitive, None, kind)

    def _sets(self, model: LinearClassifier) -> list[tuple[NDArray[np.bool_] | None, int]]:
        codes = self._codes(model)
        return [(codes == c, c) for c in range(len(model.classes_))]


EqualAccuracy = EqualizedOdds
