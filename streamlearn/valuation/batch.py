"""Newton's method on many linear models of the same rows at once.

The models differ in the weights of the rows, or in one linear constraint each. All of them share
every product with the rows, so that a model costs arithmetic and no calls.
"""

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from streamlearn.arrays import Floats, Matrix
from streamlearn.errors import ConvergenceError
from streamlearn.influence.losses import Codes, Loss

CHUNK = 1 << 17  # margins of a batch: a megabyte of float64
_MOST_PAIRS = 1 << 20  # products x_j x_k of all rows, if they are to be kept
_MOST_STEPS = 200


@dataclass(frozen=True)
class Constraint:
    """Of each model: normal . theta = offset, by directions (B, N) in flat parameters."""

    normal: Floats


class Batch:
    """The penalised objective of many models over the same rows.

    Parameters
    ----------
    X : ndarray or CSR of shape (n, d)
        Rows, which are made dense: whoever fits a model a row has few of them.
    y : ndarray of intp, shape (n,)
        Class numbers.
    loss : Loss
        The models' loss.
    l2 : float
        Penalty.
    intercept : bool
        Whether the models have an intercept, which is not penalised.
    """

    def __init__(self, X: Matrix, y: Codes, loss: Loss, l2: float, intercept: bool) -> None:
        Z = np.asarray(X.toarray() if sparse.issparse(X) else X, dtype=np.float64)
        self.Z = np.column_stack([Z, np.ones(len(Z))]) if intercept else np.ascontiguousarray(Z)
        self.y, self.loss = y, loss
        self.shape = (loss.outputs, self.Z.shape[1])
        self.penalty = np.full(self.shape, l2)
        if intercept:
            self.penalty[:, -1] = 0.0
        n, D = self.Z.shape
        few = n * D * D <= _MOST_PAIRS
        self.pairs = (self.Z[:, :, None] * self.Z[:, None, :]).reshape(n, -1) if few else None

    def size(self) -> int:
        """How many models make a batch that stays in the cache."""
        return int(min(64, max(1, CHUNK // (len(self.Z) * self.shape[0]))))

    def margins(self, theta: Floats) -> Floats:
        """Margins (B, m, n) under parameters (B, m, D)."""
        B, m, D = theta.shape
        return cast(Floats, (theta.reshape(-1, D) @ self.Z.T).reshape(B, m, -1))

    def gradient(self, theta: Floats, weight: Floats) -> Floats:
        """Gradients (B, N)."""
        R = self.loss.residual(self.margins(theta), self.y)
        return self._gradient(theta, R, weight)

    def _gradient(self, theta: Floats, R: Floats, weight: Floats) -> Floats:
        R *= weight[:, None, :]
        g = (R.reshape(-1, R.shape[-1]) @ self.Z).reshape(theta.shape) + self.penalty * theta
        return cast(Floats, g.reshape(len(g), -1))

    def hessian(self, C: Floats) -> Floats:
        """Hessians (B, N, N) from weighted curvatures (B, m, m, n)."""
        B, m = C.shape[:2]
        D = self.shape[1]
        H = np.empty((B, m, D, m, D))
        for a in range(m):
            for b in range(a, m):
                if self.pairs is not None:
                    part = (C[:, a, b] @ self.pairs).reshape(B, D, D)
                else:
                    part = np.stack([(self.Z.T * c) @ self.Z for c in C[:, a, b]])
                H[:, a, :, b] = H[:, b, :, a] = part
        H = H.reshape(B, m * D, m * D)
        diagonal = np.arange(m * D)
        H[:, diagonal, diagonal] += self.penalty.ravel()
        # directions without any curvature get a step that the line search shortens
        H[:, diagonal, diagonal] += 1e-12 * np.trace(H, axis1=1, axis2=2)[:, None] / (m * D)
        return H

    def inverse(self, theta: Floats, weight: Floats) -> Floats:
        """Inverse Hessians (B, N, N)."""
        _, _, C = self.loss.evaluate(self.margins(theta), self.y)
        H = self.hessian(cast(Floats, C) * weight[:, None, None, :])
        return cast(Floats, np.linalg.inv(H))

    def minimise(
        self, theta: Floats, weight: Floats, tol: float, constraint: Constraint | None = None
    ) -> Floats:
        """Minimise each model by Newton's method with a line search.

        Parameters
        ----------
        theta : ndarray of shape (B, m, D)
            Starts, which fulfil the constraint if there is one.
        weight : ndarray of shape (B, n) or (1, n)
            Row weights of each model.
        tol : float
            Length of the last Newton step, in the norm of the Hessian a row: about the root mean
            square of what it changes in a margin. The minimum is nearer by the square of it.
        constraint : Constraint, optional
            A linear function of each model's parameters that keeps its value.

        Returns
        -------
        ndarray of shape (B, m, D)
            The minima.
        """
        theta = theta.copy()
        going = np.arange(len(theta))
        size = np.broadcast_to(weight.sum(axis=1), len(theta))
        for _ in range(_MOST_STEPS):
            w = weight if len(weight) == 1 else weight[going]
            value, step, slope = self._newton(theta[going], w, _of(constraint, going))
            length = np.sqrt(np.maximum(-slope, 0.0) / size[going])
            near, far = length <= tol, length > tol
            theta[going[near]] += step[near]
            going, w = going[far], w if len(w) == 1 else w[far]
            if not len(going):
                return theta
            moved = self._search(theta[going], w, value[far], step[far], slope[far])
            stuck = (moved == theta[going]).all(axis=(1, 2))
            theta[going] = moved
            if stuck.any():
                break
        if length.max() > 1e3 * tol:
            raise ConvergenceError(
                f"a refit stopped with a Newton step of {length.max():.1e} to go, wanted is "
                f"{tol:.0e}: raise l2 or scale the columns"
            )
        return theta

    def _newton(
        self, theta: Floats, weight: Floats, constraint: Constraint | None
    ) -> tuple[Floats, Floats, Floats]:
        """Value (B,), Newton step (B, m, D) and slope along it (B,)."""
        values, R, C = self.loss.evaluate(self.margins(theta), self.y)
        value = (values * weight).sum(axis=-1) + self._penalty(theta)
        g = self._gradient(theta, R, weight)
        H = self.hessian(cast(Floats, C) * weight[:, None, None, :])
        if constraint is None:
            step = np.linalg.solve(H, -g[..., None])[..., 0]
        else:
            a = constraint.normal
            solved = np.linalg.solve(H, np.stack([g, a], axis=-1))
            pull = np.einsum("bi,bi->b", a, solved[..., 0])
            force = pull / np.einsum("bi,bi->b", a, solved[..., 1])
            step = force[:, None] * solved[..., 1] - solved[..., 0]
        slope = np.einsum("bi,bi->b", g, step)
        return value, cast(Floats, step.reshape(theta.shape)), slope

    def _penalty(self, theta: Floats) -> Floats:
        return cast(Floats, 0.5 * np.einsum("bmd,md->b", theta**2, self.penalty))

    def _search(
        self, theta: Floats, weight: Floats, value: Floats, step: Floats, slope: Floats
    ) -> Floats:
        """Go as far along the step as lowers the value, a step that fails is halved."""
        U, V = self.margins(theta), self.margins(step)
        length = np.ones(len(theta))
        todo = np.arange(len(theta))
        noise = 1e-13 * (1.0 + np.abs(value))
        for _ in range(40):
            t = length[todo, None, None]
            losses = self.loss.value(U[todo] + t * V[todo], self.y)
            w = weight if len(weight) == 1 else weight[todo]
            new = (losses * w).sum(axis=-1) + self._penalty(theta[todo] + t * step[todo])
            bad = ~(new <= value[todo] + 1e-4 * length[todo] * slope[todo] + noise[todo])
            todo = todo[bad]
            if not len(todo):
                break
            length[todo] *= 0.5
        length[todo] = 0.0
        return theta + length[:, None, None] * step


def _of(constraint: Constraint | None, models: NDArray[np.intp]) -> Constraint | None:
    return None if constraint is None else Constraint(constraint.normal[models])
