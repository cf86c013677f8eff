"""Solve with a Hessian, and minimise with one: Cholesky, conjugate gradients, Newton."""

from collections.abc import Callable
from typing import Protocol, cast

import numpy as np
from scipy import linalg
from scipy.linalg import lapack

from streamlearn.influence.losses import Floats


class Factor:
    """A positive semi-definite matrix, factorised once.

    The matrix is scaled to a unit diagonal first, so columns in grams and in tonnes do no harm.
    Where it is singular to working precision, solutions are those of the pseudo-inverse of the
    scaled matrix: directions without curvature get no step.

    Parameters
    ----------
    H : ndarray of shape (N, N)
        Symmetric, positive semi-definite.
    """

    reusable = True

    def __init__(self, H: Floats) -> None:
        diagonal = np.diag(H)
        floor = np.finfo(np.float64).eps * max(float(diagonal.max(initial=0.0)), 1e-300)
        # A column whose curvature is nil beside its neighbours' may still be small by its unit
        # alone, so only exact zeros (and underflow) are left unscaled.
        positive = diagonal > floor * 1e-16
        self.scale = np.where(positive, 1.0 / np.sqrt(np.where(positive, diagonal, 1.0)), 1.0)
        A = H * self.scale * self.scale[:, None]
        self.root = self._whitener(A)
        self.triangular = self.rank == len(H)

    def _whitener(self, A: Floats) -> Floats:
        """Give R with R'R = A^-1: the inverse Cholesky factor, or of the pseudo-inverse."""
        norm = float(np.abs(A).sum(axis=0).max(initial=0.0))
        L, failed = lapack.dpotrf(A, lower=1, clean=1)
        if not failed:
            reciprocal_condition, _ = lapack.dpocon(L, norm, uplo="L")
            if reciprocal_condition > 8.0 * len(A) * np.finfo(np.float64).eps:
                self.rank = len(A)
                inverse, _ = lapack.dtrtri(L, lower=1)
                return cast(Floats, inverse)
        values, vectors = linalg.eigh(A)
        kept = values > 8.0 * len(A) * np.finfo(np.float64).eps * max(values[-1], 1e-300)
        self.rank = int(np.count_nonzero(kept))
        root: Floats = (vectors[:, kept] / np.sqrt(values[kept])).T
        return root

    def solve(self, B: Floats) -> Floats:
        """H^-1 b for a vector (N,) or for columns (N, q)."""
        scale = self.scale if B.ndim == 1 else self.scale[:, None]
        return scale * (self.root.T @ (self.root @ (scale * B)))

    def whitener(self) -> Floats:
        """W with W'W = H^-1, lower triangular where H has full rank."""
        return self.root * self.scale

    def inverse(self) -> Floats:
        """H^-1, or the pseudo-inverse."""
        W = self.whitener()
        return W.T @ W


def conjugate_gradients(
    product: Callable[[Floats], Floats],
    B: Floats,
    diagonal: Floats,
    tol: float = 1e-10,
    max_iter: int = 1000,
) -> tuple[Floats, float]:
    """Solve H s = b for q right-hand sides at once, each iteration one pass over the rows.

    Parameters
    ----------
    product : callable
        (q, N) -> (q, N), rows times H.
    B : ndarray of shape (q, N)
        Right-hand sides.
    diagonal : ndarray of shape (N,)
        Diagonal of H or something near it, used as preconditioner.
    tol : float
        Residual to reach, relative to the right-hand side.
    max_iter : int
        Most products to form.

    Returns
    -------
    ndarray of shape (q, N)
        Solutions.
    float
        Largest relative residual that is left.
    """
    inverse = 1.0 / np.where(diagonal > 0, diagonal, 1.0)
    S, R = np.zeros_like(B), B.copy()
    size = np.maximum(np.linalg.norm(B, axis=1), 1e-300)
    Z = R * inverse
    P, rz = Z.copy(), np.einsum("qi,qi->q", R, Z)
    for _ in range(max_iter):
        if (np.linalg.norm(R, axis=1) <= tol * size).all():
            break
        HP = product(P)
        curvature = np.einsum("qi,qi->q", P, HP)
        step = np.divide(rz, curvature, out=np.zeros_like(rz), where=curvature > 0)
        S += step[:, None] * P
        R -= step[:, None] * HP
        Z = R * inverse
        rz, old = np.einsum("qi,qi->q", R, Z), rz
        P = Z + np.divide(rz, old, out=np.zeros_like(rz), where=old > 0)[:, None] * P
    return S, float((np.linalg.norm(R, axis=1) / size).max(initial=0.0))


class Solver(Protocol):
    """Whatever can apply an (approximate) inverse Hessian to a vector."""

    reusable: bool  # whether another solve is much cheaper than the first

    def solve(self, B: Floats, /) -> Floats:
        """H^-1 b."""
        ...


Oracle = Callable[[Floats], tuple[float, Floats, float]]
Expansion = Callable[[Floats], tuple[float, Floats, float, Solver]]


def minimise(
    oracle: Oracle, expand: Expansion, theta: Floats, tol: float, max_iter: int
) -> tuple[Floats, Floats, int]:
    """Newton's method that makes a Hessian only when the last one has stopped paying.

    Between two Hessians steps come from the old factor, corrected by what the gradients since
    have shown (BFGS, two-loop recursion), so a pass for the gradient is all an iteration costs.

    Parameters
    ----------
    oracle : callable
        Parameters (N,) -> value, gradient (N,), sum of the sample weights.
    expand : callable
        The same, and something that solves with the Hessian there.
    theta : ndarray of shape (N,)
        Start.
    tol : float
        Largest absolute entry of the gradient to reach, per unit of sample weight.
    max_iter : int
        Most iterations.

    Returns
    -------
    tuple of (ndarray of shape (N,), ndarray of shape (N,), int)
        Parameters, the gradient there per unit of sample weight, iterations.
    """
    hessian: Solver | None
    value, g, weight, hessian = expand(theta)
    tol *= weight
    fresh = True
    memory: list[tuple[Floats, Floats]] = []
    for iteration in range(max_iter):
        size = float(np.abs(g).max(initial=0.0))
        if size <= tol:
            return theta, g / weight, iteration
        if hessian is None:
            value, g, _, hessian = expand(theta)
            memory, fresh = [], True
        direction = -_two_loop(g, hessian, memory)
        slope = float(g @ direction)
        found = _search(oracle, theta, value, direction, slope) if slope < 0 else None
        if found is None:
            if fresh:
                return theta, g / weight, iteration
            hessian = None
            continue
        fresh = False
        before, theta_before = g, theta
        theta, value, g = found
        memory.append((theta - theta_before, g - before))
        contraction = float(np.abs(g).max()) / size
        # A Hessian costs about four gradients, and BFGS does better than a constant contraction:
        # make one when the old would need more than seven more passes at this rate.
        if (
            contraction >= 0.9
            or np.log(max(contraction * size / tol, 1.0)) > -7.0 * np.log(max(contraction, 1e-16))
            or not hessian.reusable
        ):
            hessian = None
    return theta, g / weight, max_iter


def _two_loop(g: Floats, hessian: Solver, memory: list[tuple[Floats, Floats]]) -> Floats:
    """Apply the inverse Hessian with BFGS corrections (Nocedal & Wright, algorithm 7.4)."""
    q = g.copy()
    alphas = []
    pairs = [(s, y, 1.0 / float(s @ y)) for s, y in memory if float(s @ y) > 0]
    for s, y, rho in reversed(pairs):
        alphas.append(rho * float(s @ q))
        q -= alphas[-1] * y
    z = hessian.solve(q)
    for (s, y, rho), alpha in zip(pairs, reversed(alphas), strict=True):
        z = z + s * (alpha - rho * float(y @ z))
    return z


def _search(
    oracle: Oracle, theta: Floats, value: float, direction: Floats, slope: float
) -> tuple[Floats, float, Floats] | None:
    """First step length that lowers the value, or the slope once values are equal to rounding."""
    step, noise = 1.0, 1e-13 * (1.0 + abs(value))
    for _ in range(40):
        trial = theta + step * direction
        new, g, _ = oracle(trial)
        new_slope = float(g @ direction)
        lower = new <= value + 1e-4 * step * slope
        flatter = new <= value + noise and abs(new_slope) <= 0.9 * abs(slope)
        if np.isfinite(new) and (lower or flatter):
            return trial, new, g
        secant = slope / (slope - new_slope) if np.isfinite(new_slope) and new_slope > 0 else 0.5
        step *= min(max(secant, 0.1), 0.7)
    return None
