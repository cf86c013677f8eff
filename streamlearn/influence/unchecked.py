"""A linear classifier on rows that were checked before: no second look, and no detour where few."""

from typing import Any, Self, cast

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from streamlearn.influence.kernel import Matrix, margins
from streamlearn.influence.linear import LinearClassifier
from streamlearn.influence.losses import Floats, Loss, make_loss
from streamlearn.influence.rows import Rows, canonical

_FEW = 1 << 15  # numbers; from there on a Hessian costs more than the calls that make it
_NARROW = 128  # parameters


class Unchecked(LinearClassifier):
    """A model that takes its rows as they are; made by ``unchecked``.

    A campaign fits a hundred rows again and again: looking at them costs more than the fit.
    """

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, classes: NDArray[Any] | None = None
    ) -> Self:
        """Fit as ``LinearClassifier.fit`` does, to the same certificate.

        Parameters
        ----------
        X : ndarray or CSR matrix of shape (n, d)
            Finite.
        y : ndarray of shape (n,)
            Labels, of at least two classes.
        sample_weight : ndarray of float64, shape (n,), optional
            All positive.
        classes : ndarray of shape (k,), optional
            The labels there are, sorted, where somebody has looked for them already.

        Returns
        -------
        Unchecked
            Itself.
        """
        self.n_features_in_ = X.shape[1]
        self._start(np.unique(y) if classes is None else classes, X.shape[1])
        start = self._first_parameters()
        logistic = self.loss == "logistic" and len(self.classes_) == 2 and self.l2 > 0
        if logistic and isinstance(X, np.ndarray) and _few(X) and self.solver != "cg":
            found = _newton(self, X, y == self.classes_[1], sample_weight, start)
            if found is not None:
                theta, self.gradient_norm_, iterations = found
                self._set_theta(theta[None])
                self.n_iter_, self.converged_ = max(1, iterations), True
                return self
        X = canonical(X)
        rows = Rows.in_memory(X, y, sample_weight, self.classes_, self.n_jobs)
        if start is None:
            start = self._from_subsamples(X, y, sample_weight)
        return self._finish(rows, start)

    def _loss(self) -> Loss:
        return make_loss(self.loss, len(self.classes_))

    def _margins(self, X: Matrix) -> Floats:
        return margins(X, self._theta(), bool(self.fit_intercept))


def unchecked(model: LinearClassifier) -> Unchecked:
    """Return the same model, which takes rows as they are; what either fits, both have.

    Parameters
    ----------
    model : LinearClassifier
        Fitted or not.

    Returns
    -------
    Unchecked
        Shares every attribute with ``model``.

    Examples
    --------
    >>> model = LinearClassifier()
    >>> _ = unchecked(model).fit(np.array([[0.0], [1.0], [3.0]]), np.array([0, 1, 1]))
    >>> model.predict([[2.0]])
    array([1])
    """
    twin = object.__new__(Unchecked)
    twin.__dict__ = model.__dict__
    return twin


def _few(X: Matrix) -> bool:
    return bool(X.size <= _FEW and X.shape[1] < _NARROW)


def _newton(
    model: LinearClassifier,
    X: Floats,
    second: NDArray[np.bool_],
    weight: Floats | None,
    start: Floats | None,
) -> tuple[Floats, float, int] | None:
    """Newton's method with a Hessian every step, on the rows bordered by ones and signed.

    Gives parameters, largest gradient a row, iterations; None as soon as a step does not shorten
    the gradient or cannot be made, which ``minimise`` knows how to handle.
    """
    n, d = X.shape
    S = np.ones((n, d + int(model.fit_intercept)))
    S[:, :d] = X
    S[second] *= -1.0
    penalty = np.full(S.shape[1], float(model.l2))
    penalty[d:] = 0.0
    theta = np.zeros(S.shape[1]) if start is None else start[0]
    tol = model.tol * (n if weight is None else float(weight.sum()))
    last = np.inf
    with np.errstate(invalid="ignore", over="ignore"):  # an infinite exponential means p = 0
        for iteration in range(min(model.max_iter, 30)):
            p = S @ theta
            np.negative(p, out=p)
            np.exp(p, out=p)
            p += 1.0
            np.reciprocal(p, out=p)  # of the wrong class
            curve = p - p * p
            if weight is not None:
                p *= weight
                curve *= weight
            g = p @ S
            g += penalty * theta
            norm = float(max(g.max(), -g.min()))
            if norm <= tol:
                return theta, norm * model.tol / tol, iteration
            if not norm < last:
                return None
            last = norm
            H = (S * curve[:, None]).T @ S
            H.reshape(-1)[:: len(H) + 1] += penalty
            _, step, failed = lapack.dposv(H, g)
            if failed:
                return None
            theta = cast(Floats, theta - step)
    return None
