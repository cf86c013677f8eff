"""What many linear models on the same rows share: passes over the rows, and a Hessian."""

from typing import Any, cast

import numpy as np

from streamlearn.arrays import Floats, Ids, Labels, Matrix
from streamlearn.influence.kernel import (
    _add_hessian,
    _assemble,
    as_float64,
    backproject,
    margins,
    row_blocks,
)
from streamlearn.influence.linear import LinearClassifier
from streamlearn.influence.losses import Codes, make_loss
from streamlearn.influence.problem import Problem
from streamlearn.influence.rows import Rows, encode
from streamlearn.influence.solve import Factor

_LEFT = 1e-2  # of a solution's squared residual, before the last correction
_ITERATIONS = 6  # of conjugate gradients


class SharedRows:
    """Linear models that differ in the weights of rows and of their second labels alone.

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
        self.near: Factor | None = None  # the Hessian last formed, and the weight of its rows
        self.total, self.stale = 0.0, False

    def problem(self, own: Floats, second: Floats | None = None) -> Problem:
        """The problem of one model: weights (n,) of the labels, and of the second labels."""
        batches: list[Any] = [(self.X, self.codes, own)]
        if second is not None and second.any():
            batches.append((self.X, self.other, second))
        rows = Rows(batches, self.classes)
        rows.checked = True
        return Problem(rows, self.loss, self.intercept, float(self.settings.l2), self.X.shape[1])

    def expand(self, thetas: Floats, own: Floats, second: Floats | None) -> None:
        """Form a Hessian to share: every row counts as in the model where it counts most.

        Where it has more curvature than a model, that one's steps are short, which the next
        gradient shows; where it had less, they would go far astray.
        """
        m, D = self.shape
        H, start = np.zeros((m, m, D, D)), 0
        for X, y, _ in row_blocks(self.X, self.codes, None):
            rows = slice(start, start + len(y))
            start += len(y)
            X = as_float64(X)
            U = margins(X, thetas, self.intercept)
            both = None if second is None else second[:, rows]
            C = self._curvatures(U, rows, own[:, rows], both)
            most = np.einsum("paan->pn", C).argmax(axis=0)
            _add_hessian(H, X, C[most, ..., np.arange(len(y))].transpose(1, 2, 0), self.intercept)
        H = _assemble(H)
        H[np.diag_indices_from(H)] += self.penalty.ravel()
        self.near = Factor(H)
        self.total, self.stale = float(own.max(axis=0).sum()), False

    def _curvatures(self, U: Floats, rows: slice, own: Floats, second: Floats | None) -> Floats:
        """Second derivatives (M, m, m, n) of every model's loss in the margins, weighted."""
        C = cast(Floats, self.loss.evaluate(U, self.codes[rows])[2]) * own[:, None, None]
        if second is not None:
            more = cast(Floats, self.loss.evaluate(U, self.other[rows])[2])
            C += more * second[:, None, None]
        return C

    def strides(self, own: Floats, second: Floats | None) -> Floats:
        """How much less curvature models have than the shared Hessian, (M, 1, 1), by weight."""
        total = own.sum(axis=1) + (0.0 if second is None else second.sum(axis=1))
        strides: Floats = (self.total / np.maximum(total, 1e-300))[:, None, None]
        return strides

    def solve_near(self, G: Floats) -> Floats:
        """The shared H^-1 times gradients (..., m, D)."""
        assert self.near is not None
        return self.near.solve(G.reshape(-1, self.shape[0] * self.shape[1]).T).T.reshape(G.shape)

    @property
    def penalty(self) -> Floats:
        """Penalties of the parameters, (m, D)."""
        penalty = np.full(self.shape, float(self.settings.l2))
        if self.intercept:
            penalty[:, -1] = 0.0
        return penalty

    def gradients(self, thetas: Floats, own: Floats, second: Floats | None) -> Floats:
        """Gradients (M, m, D) of the penalised sums, in one pass."""
        G = self.penalty * thetas
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

    def pulls(self, thetas: Floats, at: Ids, own: Floats, second: Floats | None = None) -> Floats:
        """Weighted sums (M, m, D) of the gradients of some rows, without the penalty.

        Rows are given by their positions (q,), weights are (M, q).
        """
        X = as_float64(self.X[at])
        U = margins(X, thetas, self.intercept)
        R = self.loss.residual(U, self.codes[at]) * own[:, None]
        if second is not None:
            R += self.loss.residual(U, self.other[at]) * second[:, None]
        return backproject(R, X, self.intercept)

    def solve(
        self,
        thetas: Floats,
        gradients: Floats,
        own: Floats,
        second: Floats | None = None,
    ) -> Floats:
        """Solve with every model's own Hessian, helped by the shared one.

        Conjugate gradients for M models with q right-hand sides each, (M, q, m, D); an iteration
        is a pass over the rows.
        """
        thetas = np.zeros_like(thetas) if self.one_step else thetas
        if self.stale:
            self.expand(thetas, own, second)
        S, R = np.zeros_like(gradients), gradients.copy()
        Z = self.solve_near(R)
        P, rz = Z, np.einsum("pqmn,pqmn->pq", R, Z)
        enough = _LEFT * rz
        for _ in range(_ITERATIONS):
            HP = self._products(thetas, P, own, second)
            step = rz / np.maximum(np.einsum("pqmn,pqmn->pq", P, HP), 1e-300)
            S += step[..., None, None] * P
            R -= step[..., None, None] * HP
            Z = self.solve_near(R)
            rz, old = np.einsum("pqmn,pqmn->pq", R, Z), rz
            if (rz <= enough).all():
                break
            P = Z + (rz / np.maximum(old, 1e-300))[..., None, None] * P
        return S + Z

    def _products(self, thetas: Floats, V: Floats, own: Floats, second: Floats | None) -> Floats:
        """Every model's Hessian times its own directions (M, q, m, D), in one pass."""
        HV = self.penalty * V
        start = 0
        for X, y, _ in row_blocks(self.X, self.codes, None):
            rows = slice(start, start + len(y))
            start += len(y)
            X = as_float64(X)
            U, UV = margins(X, thetas, self.intercept), margins(X, V, self.intercept)
            both = None if second is None else second[:, rows]
            C = self._curvatures(U, rows, own[:, rows], both)
            HV += backproject(np.einsum("pabn,pqbn->pqan", C, UV), X, self.intercept)
        return HV

    def scores(self, thetas: Floats, directions: Floats) -> Floats:
        """Influences (M, q, n) of leaving out a row, from solved directions (M, q, m, D)."""
        parts = []
        for X, y, _ in row_blocks(self.X, self.codes, None):
            X = as_float64(X)
            R = self.loss.residual(margins(X, thetas, self.intercept), y)
            UV = margins(X, directions, self.intercept)
            parts.append(np.einsum("pqmn,pmn->pqn", UV, R))
        return np.concatenate(parts, axis=-1)

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
        made = object.__new__(type(self.settings))
        given = self.settings.__dict__.items()
        made.__dict__.update({name: value for name, value in given if not name.endswith("_")})
        made.classes_, made.n_features_in_ = self.classes, self.X.shape[1]
        made._set_theta(theta)
        return made
