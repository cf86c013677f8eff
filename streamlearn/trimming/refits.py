"""Many linear models on the same rows, each with its own weights, fitted together."""

from typing import Any

import numpy as np

from streamlearn.data import Floats, Labels, Matrix
from streamlearn.influence.kernel import as_float64, backproject, margins, row_blocks
from streamlearn.influence.linear import LinearClassifier
from streamlearn.influence.losses import Codes, make_loss
from streamlearn.influence.problem import Problem
from streamlearn.influence.rows import Rows, encode
from streamlearn.influence.solve import Factor, minimise

_CHORDS, _RENEW = 12, 3  # steps before a model gets Hessians of its own; before a new shared one
_ENOUGH = 1e-2  # squared Newton decrement of the last step; chance moves a fit by 1 a parameter
_TOL = 1e-5  # gradient a row to stop at, for a model on its own


class Refits:
    """Linear models that differ in the weights of rows and of their second labels alone.

    All models share one pass over the rows for their gradients and one Hessian for their steps
    (chords); a model that these do not bring to tolerance is minimised on its own.

    Parameters
    ----------
    model : LinearClassifier
        Gives loss, penalty and intercept; need not be fitted.
    X : ndarray or CSR matrix, shape (n, d)
        Rows.
    y : ndarray, shape (n,)
        Their labels.
    classes : ndarray, shape (k,)
        All labels, sorted.
    one_step : bool
        Make one Newton step from zero instead of a fit. For two classes it is the step of the
        quadratic bound, H = X'X / 4 + l2.
    """

    def __init__(
        self,
        model: LinearClassifier,
        X: Matrix,
        y: Labels,
        classes: Labels,
        *,
        one_step: bool = False,
    ) -> None:
        self.settings, self.classes = model, classes
        self.X, self.codes = X, encode(y, classes, X.shape[0])
        self.other: Codes = self.codes  # second labels, for rows to be relabelled
        self.loss, self.intercept = make_loss(model.loss, len(classes)), bool(model.fit_intercept)
        self.one_step = one_step
        self.shape = (self.loss.outputs, X.shape[1] + int(self.intercept))

    def problem(self, own: Floats, second: Floats | None = None) -> Problem:
        """The problem of one model: weights (n,) of the labels, and of the second labels."""
        batches: list[Any] = [(self.X, self.codes, own)]
        if second is not None and second.any():
            batches.append((self.X, self.other, second))
        rows = Rows(batches, self.classes)
        rows.checked = True
        return Problem(rows, self.loss, self.intercept, float(self.settings.l2), self.X.shape[1])

    def fit(
        self, start: Floats, own: Floats, second: Floats | None = None
    ) -> tuple[Floats, Factor]:
        """Fit M models; the Hessian that all share is that of the last one.

        Parameters
        ----------
        start : ndarray, shape (M, m, D)
            Parameters to start from.
        own, second : ndarray, shape (M, n)
            Weights of the rows with their labels, and with their second ones.

        Returns
        -------
        ndarray, shape (M, m, D)
            Parameters.
        Factor
            The Hessian of the last model, near its minimum.
        """
        thetas = np.zeros_like(start) if self.one_step else start.copy()
        seconds = [None] * len(own) if second is None else list(second)
        last = self.problem(own[-1], seconds[-1])
        total = own.sum(axis=1) + (0.0 if second is None else second.sum(axis=1))
        # A model that holds rows out has that much less curvature.
        stride = (total[-1] / np.maximum(total, 1e-300))[:, None, None]
        going, factor = np.arange(len(own)), last.expand(thetas[-1].ravel())[-1]
        if self.one_step:
            return thetas - stride * self._solve(
                factor, self._gradients(thetas, own, second)
            ), factor
        left = np.full(len(own), np.inf)
        for step in range(1, _CHORDS + 1):
            G = self._gradients(
                thetas[going], own[going], None if second is None else second[going]
            )
            D = stride[going] * self._solve(factor, G)
            now = np.einsum("qmn,qmn->q", G, D)
            shrinks = now < 0.9 * left[going]
            thetas[going[shrinks]] -= D[shrinks]
            left[going] = now
            going = going[shrinks & (now > _ENOUGH)]
            if not len(going):
                break
            if step % _RENEW == 0:
                factor = last.expand(thetas[-1].ravel())[-1]
        for m in np.flatnonzero(~(left <= _ENOUGH)):
            problem = self.problem(own[m], seconds[m])
            theta = thetas[m] if np.isfinite(thetas[m]).all() else start[m]
            found = minimise(problem.oracle, problem.expand, theta.ravel(), _TOL, 50)
            thetas[m] = found[0].reshape(self.shape)
        return thetas, factor

    def _solve(self, factor: Factor, G: Floats) -> Floats:
        """H^-1 times gradients (M, m, D)."""
        return factor.solve(G.reshape(len(G), -1).T).T.reshape(G.shape)

    def _gradients(self, thetas: Floats, own: Floats, second: Floats | None) -> Floats:
        """Gradients (M, m, D) of the penalised sums, in one pass."""
        penalty = np.full(self.shape, float(self.settings.l2))
        if self.intercept:
            penalty[:, -1] = 0.0
        G = penalty * thetas
        start = 0
        for X, y, _ in row_blocks(self.X, self.codes, None):
            rows = slice(start, start + len(y))
            start += len(y)
            X = as_float64(X)
            U = margins(X, thetas, self.intercept)
            R = self.loss.residual(U, y) * own[:, None, rows]
            if second is not None:
                R += self.loss.residual(U, self.other[rows]) * second[:, None, rows]
            G += backproject(R, X, self.intercept)
        return G

    def scores(self, thetas: Floats, gradients: Floats, factor: Factor) -> Floats:
        """Influences (M, n) of leaving out a row, from objective gradients (M, m, D)."""
        directions = np.concatenate([thetas, self._solve(factor, gradients)])
        M, parts = len(thetas), []
        for X, y, _ in row_blocks(self.X, self.codes, None):
            U = margins(as_float64(X), directions, self.intercept)
            parts.append(np.einsum("qmn,qmn->qn", U[M:], self.loss.residual(U[:M], y)))
        return np.concatenate(parts, axis=1)

    def margins_of(self, theta: Floats, at: Any = slice(None)) -> Floats:
        """Margins (m, n) of all rows, or of those at some positions."""
        return margins(as_float64(self.X[at]), theta, self.intercept)

    def second_labels(self, theta: Floats) -> None:
        """Take the likeliest label but the given one as every row's second label."""
        S = self.loss.scores(self.margins_of(theta))
        S[self.codes, np.arange(len(self.codes))] = -np.inf
        self.other = np.argmax(S, axis=0).astype(np.intp)

    def model(self, theta: Floats) -> LinearClassifier:
        """A fitted model with these parameters."""
        made = type(self.settings)(**self.settings.get_params(deep=False))
        made.classes_, made.n_features_in_ = self.classes, self.X.shape[1]
        made._set_theta(theta)
        return made
