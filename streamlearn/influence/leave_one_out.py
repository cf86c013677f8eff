"""True leave-one-out: every row left out in turn, many at a time."""

from collections.abc import Sequence
from typing import cast

import numpy as np

from streamlearn.errors import InputError
from streamlearn.influence.fitted import Fitted
from streamlearn.influence.kernel import Block, as_float64, backproject, margins, row_blocks, take
from streamlearn.influence.leverage import Quadratic, newton_step
from streamlearn.influence.losses import Floats
from streamlearn.influence.objectives import Objective
from streamlearn.influence.problem import Problem
from streamlearn.influence.rows import Rows
from streamlearn.influence.solve import minimise

_CHUNK_BYTES = 1 << 21  # margins of a block of rows under all models of a chunk


def leave_one_out(
    fitted: Fitted, objectives: Sequence[Objective], refine: bool, tol: float = 1e-6
) -> Floats:
    """Change of every objective when each row in turn is left out, (n, q).

    The start is one Newton step with the row's own curvature taken out of the Hessian. Refining
    repeats that step with the gradient at the new parameters; the error left is the last step
    times the contraction, and must fall below ``tol`` times the first step. A row whose steps do
    not contract (a high leverage: its Hessian has changed) is refitted by Newton's method.
    """
    if fitted.factor is None:
        raise InputError(
            f"leaving rows out exactly needs the factorised Hessian of {fitted.theta.size} "
            "parameters; give solver='cholesky'"
        )
    if not fitted.rows.checked:
        raise InputError("leaving rows out exactly needs them in memory; give X and y, not batches")
    factor = fitted.factor
    # Differences between minima: the one they are taken from must be sharper than the fit's tol.
    problem = fitted.problem
    theta, _, _ = minimise(
        problem.oracle,
        lambda theta: (*problem.oracle(theta), factor),
        fitted.theta.ravel(),
        1e-6 * fitted.limit,
        10,
    )
    fitted.theta = theta.reshape(fitted.theta.shape)
    base = np.array([one.values(fitted.model, fitted.theta[None])[0] for one in objectives])
    quadratic = Quadratic(fitted.factor, fitted.theta.shape)
    changes = np.empty((fitted.count, len(objectives)))
    start = 0
    for X, y, weight in fitted.rows:
        size = max(1, _CHUNK_BYTES // (8 * fitted.theta.size * 4))
        for first in range(0, X.shape[0], size):
            stop = min(first + size, X.shape[0])
            part = None if weight is None else weight[first:stop]
            chunk = _Chunk(
                fitted, quadratic, (as_float64(take(X, first, stop)), y[first:stop], part)
            )
            if refine:
                chunk.refine(tol, start + first)
            for q, one in enumerate(objectives):
                changes[start + first : start + stop, q] = (
                    one.values(fitted.model, chunk.thetas) - base[q]
                ) * (chunk.first > 0)
        start += X.shape[0]
    return changes


class _Chunk:
    """Parameters (B, m, D) of models that each lack one of B rows."""

    def __init__(self, fitted: Fitted, quadratic: Quadratic, left_out: Block) -> None:
        self.fitted, self.left_out = fitted, left_out
        X, y, weight = left_out
        U = margins(X, fitted.theta, fitted.intercept)
        _, R, C = fitted.loss.evaluate(U, y)
        assert C is not None
        self.weight = np.ones(len(y)) if weight is None else weight
        self.G = quadratic(X)
        self.C = C * self.weight
        step = newton_step(R * self.weight, self.C, self.G)
        # decrement of the first step in the metric of the row's own leave-one-out Hessian
        self.first = np.sqrt(
            np.maximum(np.einsum("mn,mkn,kn->n", R * self.weight, self.G, step), 0)
        )
        self.thetas = fitted.theta + self._apply(self._rows(step))

    def _rows(self, A: Floats) -> Floats:
        """a_i (x) x_i for coefficients (m, B): (B, m, D)."""
        X = self.left_out[0]
        dense = X.toarray() if hasattr(X, "toarray") else X
        if self.fitted.intercept:
            dense = np.column_stack([dense, np.ones(len(dense))])
        return cast(Floats, A.T[:, :, None] * dense[:, None, :])

    def _apply(self, V: Floats) -> Floats:
        """H^-1 to each of (B, m, D)."""
        return self.fitted.solve(V.reshape(len(V), -1).T).T.reshape(V.shape)

    def _own_margins(self, V: Floats) -> Floats:
        """Margins (m, B) of each left-out row under its own parameters."""
        X, d = self.left_out[0], self.left_out[0].shape[1]
        U = np.empty((V.shape[1], len(V)))
        for a in range(V.shape[1]):
            if hasattr(X, "toarray"):
                U[a] = X.multiply(V[:, a, :d]).sum(axis=1)
            else:
                U[a] = np.einsum("nd,nd->n", X, V[:, a, :d])
        if self.fitted.intercept:
            U += V[:, :, d].T
        return U

    def _gradients(self, active: np.ndarray) -> Floats:
        """Gradients (B', m, D) of the leave-one-out objectives of the active models."""
        fitted, thetas = self.fitted, self.thetas[active]
        penalty = fitted.problem.penalty.reshape(fitted.theta.shape)
        g = penalty * thetas
        for part in fitted.rows.map(
            lambda blocks: sum(_gradient(block, thetas, fitted) for block in blocks)
        ):
            g += part
        own = _residual(self._own_margins(self.thetas)[:, active], self.left_out[1][active], fitted)
        return cast(Floats, g - self._rows_of(active, own * self.weight[active]))

    def _rows_of(self, active: np.ndarray, A: Floats) -> Floats:
        full = np.zeros((A.shape[0], len(self.weight)))
        full[:, active] = A
        return cast(Floats, self._rows(full)[active])

    def refine(self, tol: float, offset: int) -> None:
        """Repeat the step until the error bound is met; refit what does not contract."""
        active = np.flatnonzero(self.first > 0)
        before = self.first[active]
        for _ in range(8):
            if not len(active):
                return
            g = self._gradients(active)
            step = self._apply(g)
            full = np.zeros_like(self.thetas)
            full[active] = step
            pull = np.einsum("abn,bn->an", self.C[..., active], self._own_margins(full)[:, active])
            own = newton_step(pull, self.C[..., active], self.G[..., active])
            step += self._apply(self._rows_of(active, own))
            size = np.sqrt(np.maximum(np.einsum("nmd,nmd->n", g, step), 0.0))
            contraction = size / before
            good = contraction < 0.3
            self.thetas[active[good]] -= step[good]
            for row in active[~good]:
                self.thetas[row] = self._refit(int(row), offset)
            going = good & (contraction * size > tol * self.first[active])
            active, before = active[going], size[going]
        for row in active:
            self.thetas[row] = self._refit(int(row), offset)

    def _refit(self, row: int, offset: int) -> Floats:
        """Newton's method on all rows but this one."""
        fitted = self.fitted
        ((X, y, weight),) = list(fitted.rows)
        weight = np.ones(len(y)) if weight is None else weight.copy()
        weight[offset + row] = 0.0
        rows = Rows.in_memory(X, fitted.rows.classes[y], weight, fitted.rows.classes)
        problem = Problem(rows, fitted.loss, fitted.intercept, float(fitted.model.l2), X.shape[1])
        theta, _, _ = minimise(
            problem.oracle, problem.expand, fitted.theta.ravel(), 1e-6 * fitted.limit, 100
        )
        return theta.reshape(fitted.theta.shape)


def _gradient(block: Block, thetas: Floats, fitted: Fitted) -> Floats:
    """Sum of loss gradients over a block under each of many parameters."""
    total = np.zeros_like(thetas)
    X, y, weight = block
    step = max(32, _CHUNK_BYTES // (8 * thetas.shape[0] * thetas.shape[1]))
    for part_X, part_y, part_weight in row_blocks(X, y, weight, step):
        part_X = as_float64(part_X)
        R = _residual(margins(part_X, thetas, fitted.intercept), part_y, fitted)
        if part_weight is not None:
            R *= part_weight
        total += backproject(R, part_X, fitted.intercept)
    return total


def _residual(U: Floats, y: np.ndarray, fitted: Fitted) -> Floats:
    return fitted.loss.residual(U, y)
