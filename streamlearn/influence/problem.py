"""The penalised objective of a linear classifier over rows, and its curvature."""

from collections.abc import Iterable
from typing import cast

import numpy as np
from scipy import sparse

from streamlearn.influence.kernel import Block, Sums, backproject, margins
from streamlearn.influence.losses import Floats, Loss
from streamlearn.influence.rows import Rows
from streamlearn.influence.solve import Factor, conjugate_gradients

_LARGEST_FACTOR = 2048  # parameters; a factor of twice that takes 128 MB and eight times as long


def use_factor(solver: str, parameters: int) -> bool:
    """Whether to factorise the Hessian rather than to use conjugate gradients."""
    return solver == "cholesky" or (solver == "auto" and parameters <= _LARGEST_FACTOR)


class Problem:
    """The penalised objective over rows, as functions of the flat parameters."""

    def __init__(self, rows: Rows, loss: Loss, intercept: bool, l2: float, d: int) -> None:
        self.rows, self.loss, self.intercept = rows, loss, intercept
        self.D = d + int(intercept)
        self.shape = (loss.outputs, self.D)
        penalty = np.full(self.shape, l2)
        if intercept:
            penalty[:, d] = 0.0
        self.penalty = penalty.ravel()

    def oracle(self, theta: Floats) -> tuple[float, Floats, float]:
        """Value, gradient and the sum of the sample weights."""
        sums = self.rows.sweep(theta.reshape(self.shape), self.loss, self.intercept)
        return self._penalised(sums, theta)

    def expand(self, theta: Floats) -> tuple[float, Floats, float, Factor]:
        """Value, gradient, sum of the sample weights and factorised Hessian, in one pass."""
        sums = self.rows.sweep(theta.reshape(self.shape), self.loss, self.intercept, hessian=True)
        value, g, weight = self._penalised(sums, theta)
        H = cast(Floats, sums.hessian)
        H[np.diag_indices_from(H)] += self.penalty
        return value, g, weight, Factor(H)

    def expand_inexact(self, theta: Floats) -> tuple[float, Floats, float, "InexactSolver"]:
        """The same with conjugate gradients to a hundredth: enough for a Newton step."""
        return *self.oracle(theta), InexactSolver(self, theta, 1e-2)

    def _penalised(self, sums: Sums, theta: Floats) -> tuple[float, Floats, float]:
        value = sums.value + 0.5 * float(self.penalty @ theta**2)
        return value, sums.gradient.ravel() + self.penalty * theta, sums.weight

    def product(self, theta: Floats, V: Floats) -> Floats:
        """Hessian products: rows of V (q, N) times H."""
        sums = self.rows.sweep(
            theta.reshape(self.shape),
            self.loss,
            self.intercept,
            directions=V.reshape(-1, *self.shape),
        )
        return cast(Floats, sums.products).reshape(V.shape) + self.penalty * V

    def diagonal(self, theta: Floats) -> Floats:
        """Diagonal of the Hessian, but for the mixing of classes, to precondition with."""
        total = np.zeros(self.shape)
        for part in self.rows.map(lambda blocks: _diagonal(blocks, theta, self)):
            total += part
        return cast(Floats, total.ravel() + self.penalty)


class InexactSolver:
    """Applies the inverse Hessian at one point by conjugate gradients."""

    reusable = False

    def __init__(self, problem: Problem, theta: Floats, tol: float) -> None:
        self.problem, self.theta, self.tol = problem, theta.copy(), tol
        self.diagonal = problem.diagonal(theta)
        self.residual = 0.0

    def solve(self, B: Floats) -> Floats:
        """H^-1 b for a vector (N,) or for columns (N, q)."""
        columns = B[:, None] if B.ndim == 1 else B
        S, self.residual = conjugate_gradients(
            lambda V: self.problem.product(self.theta, V), columns.T, self.diagonal, self.tol
        )
        return S.T.reshape(B.shape)


def _diagonal(blocks: Iterable[Block], theta: Floats, problem: Problem) -> Floats:
    """Sum c x^2 over rows, one row of the result an output."""
    total = np.zeros(problem.shape)
    for X, y, weight in blocks:
        U = margins(X, theta.reshape(problem.shape), problem.intercept)
        _, _, C = problem.loss.evaluate(U, y)
        c = np.einsum("aan->an", cast(Floats, C))
        squares = X.multiply(X).tocsr() if sparse.issparse(X) else X * X
        total += backproject(c if weight is None else c * weight, squares, problem.intercept)
    return total
