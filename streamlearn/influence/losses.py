"""Losses of linear models as functions of their margins: value, residual, curvature.

Arrays are laid out class first: margins ``U`` are (..., m, n), so that every operation runs along
contiguous rows. A binary loss has m = 1. A loss over k > 2 classes works in m = k - 1 orthonormal
contrasts of the class scores: adding a constant to all scores changes nothing, so that direction
is left out of the system instead of being penalised away, and ``|theta|`` is what it was.
"""

from abc import ABC, abstractmethod
from functools import cache
from typing import cast

import numpy as np
from numpy.typing import NDArray

from streamlearn.errors import InputError, nearest

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]


class Loss(ABC):
    """One loss for ``n_classes`` classes.

    Attributes
    ----------
    contrast : ndarray of shape (rows of ``coef_``, m)
        ``coef_ = contrast @ parameters``; columns are orthonormal.
    has_probabilities : bool
        Whether margins stand for class probabilities.
    concordance : float or None
        M in |third derivative| <= M |direction| (second derivative), along any change of the
        margins; None where the loss is not self-concordant.
    """

    has_probabilities = True
    concordance: float | None = None

    def __init__(self, n_classes: int) -> None:
        self.n_classes = n_classes
        self.contrast: Floats = np.ones((1, 1))

    @property
    def outputs(self) -> int:
        """Number m of margins a row has."""
        return int(self.contrast.shape[1])

    @abstractmethod
    def evaluate(
        self, U: Floats, y: Codes, curvature: bool = True
    ) -> tuple[Floats, Floats, Floats | None]:
        """Loss (..., n), its first (..., m, n) and second (..., m, m, n) derivative in U."""

    def value(self, U: Floats, y: Codes) -> Floats:
        """Loss (..., n) alone."""
        return self.evaluate(U, y, curvature=False)[0]

    def residual(self, U: Floats, y: Codes) -> Floats:
        """First derivative (..., m, n) alone."""
        return self.evaluate(U, y, curvature=False)[1]

    def probabilities(self, U: Floats) -> Floats:
        """Class probabilities (..., k, n)."""
        raise InputError(
            f"{type(self).__name__} gives no probabilities; "
            "use loss='logistic' or 'softmax', or an objective of kind='loss'"
        )

    def pull(self, U: Floats, G: Floats) -> Floats:
        """Turn a derivative in the probabilities (k, n) into one in the margins (m, n)."""
        raise NotImplementedError

    def scores(self, U: Floats) -> Floats:
        """Class scores (..., k, n), the highest of which is the prediction."""
        return np.concatenate([-U, U], axis=-2) / 2

    def predict(self, U: Floats) -> Codes:
        """Predicted class numbers (..., n); ties go to the first class."""
        if self.outputs == 1 and self.contrast.shape[0] == 1:
            return (U[..., 0, :] > 0).astype(np.intp)
        return cast(Codes, np.argmax(self.scores(U), axis=-2))


class Logistic(Loss):
    """Binary logistic loss log(1 + exp(-s u)) with s = +-1."""

    concordance = 1.0

    def evaluate(
        self, U: Floats, y: Codes, curvature: bool = True
    ) -> tuple[Floats, Floats, Floats | None]:
        """Accurate in both tails: only exp(-|u|) is ever formed."""
        sign = 2.0 * y - 1.0
        t = U[..., 0, :] * sign
        e = np.exp(-np.abs(t))
        total = 1.0 + e
        value = np.log(total) - np.minimum(t, 0.0)
        residual = np.where(t > 0, e, 1.0)
        residual /= total
        residual *= -sign
        if not curvature:
            return value, residual[..., None, :], None
        e /= total
        e /= total
        return value, residual[..., None, :], e[..., None, None, :]

    def value(self, U: Floats, y: Codes) -> Floats:
        """log(1 + exp(-|t|)) - min(t, 0), in place."""
        t = U[..., 0, :] * (2.0 * y - 1.0)
        value = np.abs(t)
        np.negative(value, out=value)
        np.exp(value, out=value)
        value += 1.0
        np.log(value, out=value)
        value -= np.minimum(t, 0.0, out=t)
        return value

    def residual(self, U: Floats, y: Codes) -> Floats:
        """p - y in three operations in place; exp may overflow to infinity, which means p = 0."""
        P = np.negative(U)
        with np.errstate(over="ignore"):
            np.exp(P, out=P)
        P += 1.0
        np.reciprocal(P, out=P)
        P -= y
        return P

    def probabilities(self, U: Floats) -> Floats:
        """Stack 1 - p and p."""
        e = np.exp(-np.abs(U))
        small, large = e / (1.0 + e), 1.0 / (1.0 + e)
        up = U > 0
        return np.concatenate([np.where(up, small, large), np.where(up, large, small)], axis=-2)

    def pull(self, U: Floats, G: Floats) -> Floats:
        """dp/du = p (1 - p) for the second class, its negative for the first."""
        P = self.probabilities(U)
        return P[..., :1, :] * P[..., 1:, :] * (G[..., 1:, :] - G[..., :1, :])


class SquaredHinge(Loss):
    """Binary squared hinge max(0, 1 - s u)^2, the loss of the L2 linear SVM."""

    has_probabilities = False

    def evaluate(
        self, U: Floats, y: Codes, curvature: bool = True
    ) -> tuple[Floats, Floats, Floats | None]:
        """The second derivative is the generalised one: 2 inside the margin, else 0."""
        sign = 2.0 * y - 1.0
        slack: Floats = np.maximum(1.0 - sign * U[..., 0, :], 0.0)
        second = 2.0 * (slack > 0).astype(np.float64)[..., None, None, :] if curvature else None
        return slack**2, (-2.0 * sign * slack)[..., None, :], second


class _Contrasts(Loss):
    """Losses of k class scores that do not change when a constant is added to all."""

    def __init__(self, n_classes: int) -> None:
        super().__init__(n_classes)
        self.contrast = _orthonormal_contrasts(n_classes)

    def scores(self, U: Floats) -> Floats:
        """Scores that sum to zero over the classes."""
        return cast(Floats, np.matmul(self.contrast, U))

    def _second(self, diagonal: Floats, a: Floats, b: Floats) -> Floats:
        """Q'(diag(d) - a b' - b a')Q for every row, where a and b are in contrasts already."""
        Q, m = self.contrast, self.outputs
        products = (Q[:, :, None] * Q[:, None, :]).reshape(len(Q), m * m).T
        C = np.matmul(products, diagonal).reshape(*diagonal.shape[:-2], m, m, diagonal.shape[-1])
        outer = a[..., :, None, :] * b[..., None, :, :]
        C -= outer
        C -= np.swapaxes(outer, -3, -2)
        return cast(Floats, C)


class Softmax(_Contrasts):
    """Multinomial logistic loss."""

    concordance = float(np.sqrt(2.0))

    def evaluate(
        self, U: Floats, y: Codes, curvature: bool = True
    ) -> tuple[Floats, Floats, Floats | None]:
        """Shifted by the largest score, so nothing overflows."""
        Z = self.scores(U)
        Z -= Z.max(axis=-2, keepdims=True)
        P = np.exp(Z)
        total = P.sum(axis=-2)
        value = np.log(total) - _take(Z, y)
        P /= total[..., None, :]
        mean = np.matmul(self.contrast.T, P)
        residual = mean - self.contrast.T[:, y]
        second = self._second(P, mean, mean / 2) if curvature else None
        return value, cast(Floats, residual), second

    def probabilities(self, U: Floats) -> Floats:
        """Softmax of the scores."""
        Z = self.scores(U)
        Z -= Z.max(axis=-2, keepdims=True)
        P = np.exp(Z)
        P /= P.sum(axis=-2, keepdims=True)
        return P

    def pull(self, U: Floats, G: Floats) -> Floats:
        """Q' (diag(p) - p p') G."""
        P = self.probabilities(U)
        R: Floats = P * (G - (P * G).sum(axis=-2, keepdims=True))
        return cast(Floats, np.matmul(self.contrast.T, R))


class MulticlassSquaredHinge(_Contrasts):
    """Weston and Watkins' hinge, squared: sum over c != y of max(0, 1 - z_y + z_c)^2."""

    has_probabilities = False

    def evaluate(
        self, U: Floats, y: Codes, curvature: bool = True
    ) -> tuple[Floats, Floats, Floats | None]:
        """Every class within a margin of the true one pushes."""
        Z = self.scores(U)
        own = (np.arange(self.n_classes)[:, None] == y).astype(np.float64)
        slack = np.maximum(1.0 + Z - _take(Z, y)[..., None, :], 0.0) * (1.0 - own)
        value = np.einsum("...cn,...cn->...n", slack, slack)
        push = 2.0 * (slack - own * slack.sum(axis=-2, keepdims=True))
        residual = np.matmul(self.contrast.T, push)
        if not curvature:
            return value, residual, None
        active = 2.0 * (slack > 0)
        diagonal = active + own * active.sum(axis=-2, keepdims=True)
        at_own = np.broadcast_to(self.contrast.T[:, y], residual.shape)
        return value, residual, self._second(diagonal, np.matmul(self.contrast.T, active), at_own)


def make_loss(name: str, n_classes: int) -> Loss:
    """Choose the loss of that name for that many classes.

    Examples
    --------
    >>> type(make_loss("logistic", 3)).__name__
    'Softmax'
    """
    if name not in ("logistic", "softmax", "squared_hinge"):
        raise nearest(name, ("logistic", "softmax", "squared_hinge"), "loss")
    return _made(name, n_classes)


@cache  # every call of a model asks for it
def _made(name: str, n_classes: int) -> Loss:
    if name == "squared_hinge":
        made: Loss = SquaredHinge(2) if n_classes == 2 else MulticlassSquaredHinge(n_classes)
    else:
        made = Logistic(2) if (name, n_classes) == ("logistic", 2) else Softmax(n_classes)
    made.contrast.flags.writeable = False  # as many models share it
    return made


def _take(Z: Floats, y: Codes) -> Floats:
    """Z[..., y[i], i] for every row i."""
    return np.ascontiguousarray(Z[..., y, np.arange(len(y))])


def _orthonormal_contrasts(k: int) -> Floats:
    """Helmert contrasts: (k, k - 1), orthonormal columns that sum to zero."""
    Q = np.zeros((k, k - 1))
    for j in range(k - 1):
        Q[: j + 1, j] = -1.0
        Q[j + 1, j] = j + 1.0
        Q[:, j] /= np.sqrt((j + 1) * (j + 2))
    return Q
