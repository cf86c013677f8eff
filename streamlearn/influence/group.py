"""Remove a group of rows: a few warm Newton steps, and a bound on the error that is left."""

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import ArrayLike

from streamlearn.errors import InputError
from streamlearn.influence.fitted import training_rows
from streamlearn.influence.kernel import Matrix, as_float64, margins, row_blocks
from streamlearn.influence.leverage import Quadratic
from streamlearn.influence.linear import LinearClassifier
from streamlearn.influence.losses import Floats
from streamlearn.influence.problem import Problem
from streamlearn.influence.solve import Factor, minimise


@dataclass(frozen=True)
class Removal:
    """A model without some rows.

    Attributes
    ----------
    model : LinearClassifier
        The refitted model; its ``gradient_norm_`` and ``converged_`` are those on the rows kept.
    steps : int
        Steps made.
    decrement : float
        Length of the next Newton step, in the norm of the Hessian H.
    bound : float
        Certificate: no more than this is the Euclidean distance of the parameters to those of an
        exact refit. Infinite where nothing can be said yet: make more steps.
    """

    model: LinearClassifier
    steps: int
    decrement: float
    bound: float


def remove(
    model: LinearClassifier,
    X: ArrayLike | Matrix,
    y: ArrayLike,
    rows: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    steps: int | None = 2,
) -> Removal:
    """Refit without some rows by Newton steps from the fitted parameters.

    Parameters
    ----------
    model : LinearClassifier
        Fitted to the rows; it is not changed.
    X : array-like or sparse matrix of shape (n, d)
        Training rows.
    y : array-like of shape (n,)
        Labels.
    rows : array-like of int or of bool
        Positions of the rows to remove, or a mask of shape (n,).
    sample_weight : array-like of shape (n,), optional
        Weights the model was fitted with.
    steps : int or None, default=2
        Newton steps, each with the Hessian of the rows kept; None goes on to the model's ``tol``,
        with a new Hessian only where it pays.

    Returns
    -------
    Removal
        The new model and its certificate.

    Raises
    ------
    InputError
        If rows are out of range, or none (or one class only) would be left.

    Notes
    -----
    Each step goes as far along Newton's direction as pays. Two are enough for most groups, also
    large ones. They are not where the group held all rows of some kind that had one of the
    labels: several such coefficients then have far to go, in steps of about one margin. The
    certificate tells.

    The certificate. With g the gradient and H the Hessian on the rows kept, nu = |g|_(H^-1) and
    R = M max |x|_(H^-1): logistic and softmax losses are self-concordant (M = 1 and sqrt 2), so
    the minimum lies within -log(1 - R nu) / R in the norm of H if R nu < 1 (Bach 2010). A squared
    hinge is quadratic as long as no row crosses its margin, then the distance is nu; failing
    that, strong convexity bounds it by |g| / l2, for a model without intercept.

    Examples
    --------
    >>> import numpy as np
    >>> X, y = np.array([[-2.0], [-1.0], [1.0], [2.0], [2.0]]), np.array([0, 0, 1, 1, 0])
    >>> model = LinearClassifier().fit(X, y)
    >>> smaller = remove(model, X, y, [4], steps=None)
    >>> bool(np.allclose(smaller.model.coef_, LinearClassifier().fit(X[:4], y[:4]).coef_))
    True
    """
    ((X, codes, weight),) = training_rows(model, X, y, sample_weight, None)
    kept = _kept(rows, len(codes))
    if len(np.unique(codes[kept])) < len(model.classes_):
        raise InputError(
            f"without these {np.count_nonzero(~kept)} rows a class of {model.classes_.tolist()} "
            "has no rows; remove fewer"
        )
    part = None if weight is None else weight[kept]
    left = training_rows(model, X[kept], model.classes_[codes[kept]], part, None)
    problem = Problem(
        left, model._loss(), bool(model.fit_intercept), float(model.l2), model.n_features_in_
    )
    theta = model._theta().ravel()
    done = 0
    if steps is None:
        theta, _, done = minimise(
            problem.oracle, problem.expand, theta, float(model.tol), int(model.max_iter)
        )
    for _ in range(steps or 0):
        _, g, _, factor = problem.expand(theta)
        direction = -factor.solve(g)
        theta = theta + _best_length(problem, theta, direction) * direction
        done += 1
    _, g, weight_left, factor = problem.expand(theta)
    norm = float(np.abs(g).max()) / weight_left
    refitted = model._at(theta.reshape(problem.shape))
    refitted.gradient_norm_, refitted.converged_ = norm, norm <= model.tol
    refitted.n_iter_ = max(1, done)
    decrement = float(np.linalg.norm(factor.root @ (factor.scale * g)))
    return Removal(refitted, done, decrement, _bound(problem, theta, g, factor, decrement))


def _best_length(problem: Problem, theta: Floats, direction: Floats) -> float:
    """Minimise along a line, where a step costs no more than the margins of the rows."""
    both = np.stack([theta, direction]).reshape(2, *problem.shape)
    ((X, y, weight),) = list(problem.rows)
    parts = [margins(as_float64(b), both, problem.intercept) for b, _, _ in row_blocks(X, y, None)]
    U, V = np.concatenate(parts, axis=-1)
    bend = float(problem.penalty @ direction**2)
    pull = float(problem.penalty @ (theta * direction))
    low, high, length = 0.0, np.inf, 1.0
    for _ in range(30):
        _, R, C = problem.loss.evaluate(U + length * V, y)
        slopes = np.einsum("an,an->n", R, V)
        curves = np.einsum("an,abn,bn->n", V, cast(Floats, C), V)
        if weight is not None:
            slopes, curves = slopes * weight, curves * weight
        slope = float(slopes.sum()) + pull + length * bend
        curve = float(curves.sum()) + bend
        low, high = (length, high) if slope < 0 else (low, length)
        if not curve > 0 or abs(slope) <= 1e-3 * curve * length:
            break
        length -= slope / curve
        if not low < length < high:
            length = 2.0 * low if np.isinf(high) else (low + high) / 2.0
    return length


def _kept(rows: ArrayLike, n: int) -> np.ndarray:
    """Mask of the rows that stay."""
    removed = np.asarray(rows)
    if removed.dtype == bool:
        if removed.shape != (n,):
            raise InputError(f"the mask has shape {removed.shape}, but X has {n} rows")
        return ~removed
    if removed.size == 0:
        return np.ones(n, dtype=bool)
    if removed.dtype.kind not in "iu" or removed.ndim != 1:
        raise InputError(f"rows has dtype {removed.dtype}; give positions or a mask")
    if removed.min() < 0 or removed.max() >= n:
        raise InputError(f"rows go from {removed.min()} to {removed.max()}, but X has {n} rows")
    kept = np.ones(n, dtype=bool)
    kept[removed] = False
    return kept


def _bound(problem: Problem, theta: Floats, g: Floats, factor: Factor, decrement: float) -> float:
    """Largest Euclidean distance of theta to the minimum."""
    if factor.rank < len(theta):
        return np.inf
    quadratic = Quadratic(factor, problem.shape)
    reach, nearest = 0.0, np.inf
    for blocks in problem.rows.map(list):
        for X, y, _ in blocks:
            X = as_float64(X)
            G = quadratic(X)
            size = np.einsum("aan->n", G)  # trace, at least the largest eigenvalue
            reach = max(reach, float(np.sqrt(size.max(initial=0.0))))
            U = margins(X, theta.reshape(problem.shape), problem.intercept)
            if problem.loss.concordance is None and problem.loss.outputs == 1:
                gap = np.abs(1.0 - (2.0 * y - 1.0) * U[0]) - decrement * np.sqrt(size)
                nearest = min(nearest, float(gap.min(initial=np.inf)))
    M = problem.loss.concordance
    if M is not None:
        x = M * reach * decrement
        distance = -np.log1p(-x) / (M * reach) if x < 1.0 else np.inf
    elif problem.loss.outputs == 1 and nearest > 0:
        distance = decrement
    else:
        l2 = float(problem.penalty.min())
        return float(np.linalg.norm(g)) / l2 if l2 > 0 else np.inf
    # |v| <= |v|_H / sqrt(least eigenvalue of H), whose inverse is the largest of H^-1
    return float(distance * np.sqrt(np.linalg.eigvalsh(factor.inverse())[-1]))
