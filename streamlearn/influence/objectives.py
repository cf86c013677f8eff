"""What the user cares about, as functions of a linear model: lower is better.

An objective has a smooth ``value``, its ``gradient`` in the parameters, and the hard ``metric``
that a person reads. Averages over rows, where paper A takes sums: rankings are the same, and
scores mean "change of the objective" whatever the size of the validation set.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streamlearn.errors import InputError
from streamlearn.influence.kernel import Matrix, as_float64, backproject, margins
from streamlearn.influence.linear import LinearClassifier
from streamlearn.influence.losses import Codes, Floats
from streamlearn.influence.rows import as_matrix, as_weight, canonical, encode

_CACHE = 1 << 18  # float64 values that stay in a core's cache


class Objective(ABC):
    """A lower-is-better function of a fitted `LinearClassifier`.

    Objectives can be added and multiplied by numbers: ``0.7 * a + 0.3 * b``.
    """

    @abstractmethod
    def value(self, model: LinearClassifier) -> float:
        """Smooth objective, lower is better.

        Parameters
        ----------
        model : LinearClassifier
            A fitted model.

        Returns
        -------
        float
            The value.
        """

    @abstractmethod
    def gradient(self, model: LinearClassifier) -> Floats:
        """Derivative in the parameters.

        Parameters
        ----------
        model : LinearClassifier
            A fitted model.

        Returns
        -------
        ndarray of shape (rows of ``coef_``, d + 1)
            In the layout of ``numpy.column_stack([coef_, intercept_])``; without the last column
            if the model has no intercept.
        """

    def value_and_gradient(self, model: LinearClassifier) -> tuple[float, Floats]:
        """Both at once, where they share work."""
        return self.value(model), self.gradient(model)

    def metric(self, model: LinearClassifier) -> float:
        """Hard metric that a person reads; the value where there is no other.

        Parameters
        ----------
        model : LinearClassifier
            A fitted model.

        Returns
        -------
        float
            The metric.
        """
        return self.value(model)

    def at(self, model: LinearClassifier) -> "Objective":
        """Objective with everything fixed that is made from the model once, as an attack is.

        Parameters
        ----------
        model : LinearClassifier
            The model whose influences are asked for.

        Returns
        -------
        Objective
            Itself, unless something had to be fixed.
        """
        return self

    def values(self, model: LinearClassifier, thetas: Floats) -> Floats:
        """Values (B,) for parameters (B, m, D); faster than one model after the other."""
        return np.array([self.value(model._at(theta)) for theta in thetas])

    def __mul__(self, factor: float) -> "Objective":
        return WeightedSum([(float(factor), self)])

    __rmul__ = __mul__

    def __add__(self, other: "Objective") -> "Objective":
        if not isinstance(other, Objective):
            return NotImplemented
        return WeightedSum([*_terms(self), *_terms(other)])

    def __sub__(self, other: "Objective") -> "Objective":
        return self + (-1.0) * other


class WeightedSum(Objective):
    """A weighted sum of objectives, made by ``0.7 * a + 0.3 * b``.

    Parameters
    ----------
    terms : list of (float, Objective)
        Factors and what they multiply.

    Examples
    --------
    >>> import numpy as np
    >>> X, y = np.array([[0.0], [1.0], [2.0]]), np.array([0, 1, 1])
    >>> model = LinearClassifier().fit(X, y)
    >>> a = ValidationLoss(X, y)
    >>> bool(np.isclose((0.5 * a + 0.5 * a).value(model), a.value(model)))
    True
    """

    def __init__(self, terms: list[tuple[float, Objective]]) -> None:
        self.terms = terms

    def value(self, model: LinearClassifier) -> float:
        """Weighted sum of the values."""
        return sum(factor * term.value(model) for factor, term in self.terms)

    def gradient(self, model: LinearClassifier) -> Floats:
        """Weighted sum of the gradients."""
        return cast(Floats, sum(factor * term.gradient(model) for factor, term in self.terms))

    def metric(self, model: LinearClassifier) -> float:
        """Weighted sum of the metrics; read the terms' own, which are easier to interpret."""
        return sum(factor * term.metric(model) for factor, term in self.terms)

    def at(self, model: LinearClassifier) -> "WeightedSum":
        """Fix every term."""
        return WeightedSum([(factor, term.at(model)) for factor, term in self.terms])

    def values(self, model: LinearClassifier, thetas: Floats) -> Floats:
        """Weighted sum of the terms' values."""
        return cast(Floats, sum(f * term.values(model, thetas) for f, term in self.terms))

    def __mul__(self, factor: float) -> "WeightedSum":
        return WeightedSum([(factor * f, term) for f, term in self.terms])

    __rmul__ = __mul__


class Custom(Objective):
    """A function of the user's own.

    Parameters
    ----------
    value : callable
        Model -> float, lower is better, smooth in the parameters.
    gradient : callable, optional
        Model -> array in the layout of ``numpy.column_stack([coef_, intercept_])``. Without it
        central finite differences are taken: two values a parameter.
    metric : callable, optional
        Model -> float to read.

    Examples
    --------
    >>> import numpy as np
    >>> model = LinearClassifier(l2=1.0).fit([[0.0], [1.0], [2.0]], [0, 1, 1])
    >>> size = Custom(lambda m: 0.5 * float((m.coef_ ** 2).sum()))
    >>> bool(np.allclose(size.gradient(model), np.append(model.coef_, 0.0)))
    True
    """

    def __init__(
        self,
        value: Callable[[LinearClassifier], float],
        gradient: Callable[[LinearClassifier], ArrayLike] | None = None,
        metric: Callable[[LinearClassifier], float] | None = None,
    ) -> None:
        self._value, self._gradient, self._metric = value, gradient, metric

    def value(self, model: LinearClassifier) -> float:
        """Call the user's function."""
        return float(self._value(model))

    def gradient(self, model: LinearClassifier) -> Floats:
        """Call the user's gradient, or take finite differences."""
        if self._gradient is not None:
            return np.asarray(self._gradient(model), dtype=np.float64)
        return finite_differences(self.value, model)

    def metric(self, model: LinearClassifier) -> float:
        """Call the user's metric; the value if there is none."""
        return float((self._metric or self._value)(model))


class MarginObjective(Objective):
    """An objective that sees fixed rows through their margins only."""

    def __init__(self, X: ArrayLike) -> None:
        self.X = as_matrix(X, finite=True)

    @abstractmethod
    def _of_margins(self, model: LinearClassifier, U: Floats) -> Floats:
        """Values (...) from margins (..., m, n)."""

    @abstractmethod
    def _slope(self, model: LinearClassifier, U: Floats) -> Floats:
        """Derivative in the margins (m, n)."""

    def _margins(self, model: LinearClassifier, theta: Floats) -> Floats:
        if self.X.shape[1] != model.n_features_in_:
            raise InputError(
                f"the objective's X has {self.X.shape[1]} columns, "
                f"but the model was fitted to {model.n_features_in_}"
            )
        return margins(as_float64(self.X), theta, bool(model.fit_intercept))

    def value(self, model: LinearClassifier) -> float:
        """Smooth objective, lower is better."""
        return float(self._of_margins(model, self._margins(model, model._theta())))

    def values(self, model: LinearClassifier, thetas: Floats) -> Floats:
        """One product for as many models as keep the margins in the cache."""
        size = max(1, _CACHE // (self.X.shape[0] * thetas.shape[1]))
        parts = [thetas[start : start + size] for start in range(0, len(thetas), size)]
        return np.concatenate(
            [self._of_margins(model, self._margins(model, part)) for part in parts]
        )

    def gradient(self, model: LinearClassifier) -> Floats:
        """Derivative in the parameters."""
        return self._pulled_back(model, self._slope(model, self._margins(model, model._theta())))

    def _pulled_back(self, model: LinearClassifier, slope: Floats) -> Floats:
        """A derivative in the margins as one in the parameters."""
        reduced = backproject(slope, as_float64(self.X), bool(model.fit_intercept))
        return model._loss().contrast @ reduced


class ValidationLoss(MarginObjective):
    """Mean loss on rows that did not train the model; the metric is the accuracy on them.

    The loss is the model's own (logistic, softmax or squared hinge), without the penalty.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n, d)
        Features.
    y : array-like of shape (n,)
        Labels, among the model's classes.
    sample_weight : array-like of shape (n,), optional
        Weights of the mean.

    References
    ----------
    Chhabra et al. (2024), equation 1, which takes the sum.

    Examples
    --------
    >>> model = LinearClassifier(l2=0.1).fit([[0.0], [1.0], [2.0]], [0, 1, 1])
    >>> ValidationLoss([[0.0], [2.0]], [0, 1]).metric(model)
    1.0
    """

    def __init__(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
        super().__init__(X)
        self.y = np.asarray(y)
        n = self.X.shape[0]
        if self.y.shape != (n,):
            raise InputError(f"y has shape {self.y.shape}, but X has {n} rows")
        weight = as_weight(sample_weight, n)
        weight = np.ones(n) if weight is None else weight
        if not weight.sum() > 0:
            raise InputError("all sample weights are zero; give at least one positive weight")
        self.share = weight / weight.sum()

    @classmethod
    def _of_checked(cls, X: Matrix, y: NDArray[Any], weight: Floats) -> "ValidationLoss":
        """The same from rows that were looked at before, of which some weigh something."""
        self = cls.__new__(cls)
        self.X, self.y, self.share = canonical(X), y, weight / weight.sum()
        return self

    def _codes(self, model: LinearClassifier) -> Codes:
        return encode(self.y, model.classes_, len(self.y))

    def _of_margins(self, model: LinearClassifier, U: Floats) -> Floats:
        return cast(Floats, model._loss().value(U, self._codes(model)) @ self.share)

    def _slope(self, model: LinearClassifier, U: Floats) -> Floats:
        return cast(Floats, model._loss().residual(U, self._codes(model)) * self.share)

    def value_and_gradient(self, model: LinearClassifier) -> tuple[float, Floats]:
        """Both from the same margins."""
        loss, U = model._loss(), self._margins(model, model._theta())
        each, residual, _ = loss.evaluate(U, self._codes(model), curvature=False)
        return float(each @ self.share), self._pulled_back(model, residual * self.share)

    def metric(self, model: LinearClassifier) -> float:
        """Accuracy, weighted as the loss is."""
        U = self._margins(model, model._theta())
        return float((model._loss().predict(U) == self._codes(model)) @ self.share)


def reduced(full: Floats, model: LinearClassifier) -> Floats:
    """An objective's gradient, checked, in the parameters (m, D) that systems are solved in."""
    rows, width = model.coef_.shape
    expected = (rows, width + int(model.fit_intercept))
    if np.shape(full) != expected:
        if np.size(full) != rows * expected[1]:
            raise InputError(
                f"the objective's gradient has shape {np.shape(full)}, expected {expected}: "
                "the layout of numpy.column_stack([coef_, intercept_])"
            )
        full = np.reshape(full, expected)
    if not np.isfinite(full).all():
        raise InputError(f"the objective's gradient is not finite: {full[~np.isfinite(full)][0]}")
    return model._loss().contrast.T @ full


def finite_differences(value: Callable[[Any], float], model: LinearClassifier) -> Floats:
    """Central differences of a function of a model, in the layout of `Objective.gradient`."""
    theta = model._theta()
    result = np.zeros_like(theta)
    for index in np.ndindex(theta.shape):
        step = 6e-6 * max(1.0, abs(float(theta[index])))
        ends = []
        for sign in (1.0, -1.0):
            moved = theta.copy()
            moved[index] += sign * step
            ends.append(value(model._at(moved)))
        result[index] = (ends[0] - ends[1]) / (2.0 * step)
    return model._loss().contrast @ result


def _terms(objective: Objective) -> list[tuple[float, Objective]]:
    """Terms of a sum, or the objective as the only one."""
    return objective.terms if isinstance(objective, WeightedSum) else [(1.0, objective)]
