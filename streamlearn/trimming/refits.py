"""Many linear models on the same rows, each with its own weights, fitted together."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from streamlearn.arrays import Floats, Ids
from streamlearn.influence.solve import Factor, _two_loop, minimise
from streamlearn.trimming.shared_rows import SharedRows

Pair: TypeAlias = tuple[Floats, Floats]  # a step and what it did to the gradient

_HESSIANS, _STEPS = 4, 14  # Hessians to share, one after the other, and steps with each
_SLOW = 4  # passes after which a Hessian has had its day
_ENOUGH = 1e-4  # squared Newton decrement to leave a parameter; chance moves a fit by 1
_CALM = 0.02  # the same where what models are for has settled
_TOL = 1e-5  # gradient a row to stop at, for a model on its own


@dataclass(frozen=True)
class _Scaled:
    """A shared Hessian, divided by a number."""

    factor: Factor
    stride: float
    reusable = True

    def solve(self, B: Floats) -> Floats:
        """H^-1 b."""
        return self.stride * self.factor.solve(B)


class Refits(SharedRows):
    """Linear models that differ in the weights of rows and of their second labels alone.

    All models share one pass over the rows for their gradients and one Hessian for their steps,
    which each corrects by what its gradients have shown (BFGS) and later fits go on with. It is
    formed anew where steps do not pay, and a model that they do not bring to tolerance is
    minimised on its own.
    """

    def fit(
        self,
        start: Floats,
        own: Floats,
        second: Floats | None = None,
        settled: Callable[[Floats, bool], bool] | None = None,
    ) -> Floats:
        """Fit M models.

        Parameters
        ----------
        start : ndarray, shape (M, m, D)
            Parameters to start from.
        own, second : ndarray, shape (M, n)
            Weights of the rows with their labels, and with their second ones.
        settled : callable, optional
            Told the parameters after every step, and whether steps have become small; says
            whether what they are for is settled.

        Returns
        -------
        ndarray, shape (M, m, D)
            Parameters.
        """
        if self.one_step:
            zeros = np.zeros_like(start)
            self.expand(zeros, own, second)
            G = self.gradients(zeros, own, second)
            return -self.solve(zeros, G[:, None], own, second)[:, 0]
        thetas, going, passes = start.copy(), np.arange(len(own)), 0
        for round in range(_HESSIANS):
            if self.near is None or round:
                both = None if second is None else second[going]
                self.expand(thetas[going], own[going], both)
            thetas, going, used = self._descend(thetas, going, own, second, settled)
            passes += used
            if not len(going):
                break
        for m in going:
            problem = self.problem(own[m], None if second is None else second[m])
            found = minimise(problem.oracle, problem.expand, thetas[m].ravel(), _TOL, 50)
            thetas[m] = found[0].reshape(self.shape)
        self.stale = passes > _SLOW
        return thetas

    def _descend(
        self,
        thetas: Floats,
        active: Ids,
        own: Floats,
        second: Floats | None,
        settled: Callable[[Floats, bool], bool] | None,
    ) -> tuple[Floats, Ids, int]:
        """Go on with one Hessian while it pays: parameters, models not yet there, passes made."""
        good, G, D = thetas.copy(), np.zeros_like(thetas), np.zeros_like(thetas)
        left, memory = np.full(len(own), np.inf), [list[Pair]() for _ in own]
        there = np.ones(len(own), dtype=bool)
        there[active] = False
        stride, size = self.strides(own, second), thetas[0].size
        for step in range(_STEPS):
            trial = good[active] - D[active]
            both = None if second is None else second[active]
            for m, theta, g in zip(
                active, trial, self.gradients(trial, own[active], both), strict=True
            ):
                if step:
                    slope, ahead = float((G[m] * D[m]).sum()), float((g * D[m]).sum())
                    if ahead < -0.5 * slope:  # too far: the slope has turned
                        D[m] *= max(slope / (slope - ahead), 0.1)
                        continue
                    memory[m].append((-D[m].ravel(), (g - G[m]).ravel()))
                good[m], G[m] = theta, g
                D[m] = self._bfgs(g, stride[m], memory[m])
                now = float((g * D[m]).sum())
                rate, left[m] = now / left[m] if step else 0.5, now
                there[m] = now * min(rate, 1.0) <= _ENOUGH * size  # what the step leaves
            active = np.flatnonzero(~there)
            if not len(active):
                break
            calm = float(left[active].max()) <= _CALM * size
            if settled is not None and settled(good - D, calm):
                there[:] = True
                active = active[:0]
                break
        thetas = np.where(there[:, None, None], good - D, good)
        return thetas, active, step + 1

    def _bfgs(self, g: Floats, stride: Floats, memory: list[Pair]) -> Floats:
        """The inverse Hessian as gradients since have shown it, times one (m, D)."""
        assert self.near is not None
        scaled = _Scaled(self.near, float(stride.item()))
        return _two_loop(g.ravel(), scaled, memory).reshape(g.shape)
