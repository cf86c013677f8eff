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

_HESSIANS, _CHORDS = 8, 4  # Hessians to share, one after the other, and steps with each
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
        self, start: Floats, own: Floats, second: Floats | None = None, near: Factor | None = None
    ) -> tuple[Floats, Factor]:
        """Fit M models.

        Parameters
        ----------
        start : ndarray, shape (M, m, D)
            Parameters to start from.
        own, second : ndarray, shape (M, n)
            Weights of the rows with their labels, and with their second ones.
        near : Factor, optional
            A Hessian to begin with; another is formed only where steps with it do not pay.

        Returns
        -------
        ndarray, shape (M, m, D)
            Parameters.
        Factor
            The Hessian of the last model, at its parameters.
        """
        total = own.sum(axis=1) + (0.0 if second is None else second.sum(axis=1))
        problems = [
            self.problem(w, None if second is None else second[m]) for m, w in enumerate(own)
        ]
        if self.one_step:
            zeros = np.zeros_like(start)
            factor = problems[-1].expand(zeros[-1].ravel())[-1]
            D = self._solve(factor, self._gradients(zeros, own, second))
            return -D * (total[-1] / np.maximum(total, 1e-300))[:, None, None], factor
        thetas, going = start.copy(), np.arange(len(own))
        for round in range(_HESSIANS):
            lead = going[-1]
            if near is None or round:
                near = problems[lead].expand(thetas[lead].ravel())[-1]
            # A model that holds rows out has that much less curvature.
            stride = (total[lead] / np.maximum(total, 1e-300))[:, None, None]
            left, active, good = np.full(len(own), np.inf), going, thetas.copy()
            for _ in range(_CHORDS):
                both = None if second is None else second[active]
                G = self._gradients(thetas[active], own[active], both)
                D = stride[active] * self._solve(near, G)
                now = np.einsum("qmn,qmn->q", G, D)
                shrinks = now < 0.5 * left[active]
                lost = active[~shrinks]
                thetas[lost] = good[lost]  # this Hessian is not theirs: wait for another
                active, D, now = active[shrinks], D[shrinks], now[shrinks]
                left[active], good[active] = now, thetas[active]
                thetas[active] -= D
                done = now <= _ENOUGH
                going, active = np.setdiff1d(going, active[done]), active[~done]
                if not len(active):
                    break
            if not len(going):
                break
        for m in going:
            problem = problems[m]
            found = minimise(problem.oracle, problem.expand, thetas[m].ravel(), _TOL, 50)
            thetas[m] = found[0].reshape(self.shape)
        # Where the start was, others' rows had a say; the scores' Hessian has to be of these alone.
        return thetas, problems[-1].expand(thetas[-1].ravel())[-1]

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
