"""Many logistic fits to the same rows at once: all settings and folds of a cross-validation."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from streamlearn.arrays import Floats

_MOST_STEPS = 2000


def inverse_bounds(
    X: Floats, counts: Floats, trusted: NDArray[np.bool_], settings: Sequence[tuple[float, float]]
) -> Floats:
    """Inverses of bounds on the Hessian, (s * f, d, d); the last column of X is of ones.

    A quarter of X'WX bounds the curvature whatever the parameters (Böhning and Lindsay, 1988).
    """
    grams = [[0.25 * (X[of].T * row[of]) @ X[of] for row in counts.T] for of in (~trusted, trusted)]
    doubtful, sure = np.array(grams)
    bounds = np.stack([doubtful + share * sure for _, share in settings])
    at = np.arange(X.shape[1])
    bounds[:, :, at[:-1], at[:-1]] += np.array([l2 for l2, _ in settings])[:, None, None]
    bounds[:, :, -1, -1] += 1e-9  # where rows have no weight left
    inverse: Floats = np.linalg.inv(bounds)
    return inverse.reshape(-1, *inverse.shape[2:])


def spread(
    counts: Floats, trusted: NDArray[np.bool_], settings: Sequence[tuple[float, float]], d: int
) -> tuple[Floats, Floats]:
    """Weights (n, s * f) and penalties (d, s * f), a column for every setting and fold."""
    shares = np.where(trusted[:, None], [share for _, share in settings], 1.0)
    weight = (shares[:, :, None] * counts[:, None, :]).reshape(len(counts), -1)
    penalty = np.repeat([[l2 for l2, _ in settings]] * d, counts.shape[1], axis=1)
    penalty[-1] = 0.0
    return weight, penalty


def times(inverse: Floats, gradient: Floats) -> Floats:
    """Multiply (c, d, d) by (d, c), column by column."""
    return (inverse @ gradient.T[..., None])[..., 0].T


def logistic(margin: Floats) -> Floats:
    """1 / (1 + exp(-margin)), in place; SciPy's is four times as slow."""
    with np.errstate(over="ignore"):  # an infinite exponential means 0
        np.negative(margin, out=margin)
        np.exp(margin, out=margin)
        margin += 1.0
        return np.reciprocal(margin, out=margin)


def fit_together(
    X: Floats,
    y: Floats,
    counts: Floats,
    trusted: NDArray[np.bool_],
    settings: Sequence[tuple[float, float]],
    tol: float = 1e-4,
) -> Floats:
    """Fit logistic regression to two classes, for every setting and every fold.

    Parameters
    ----------
    X : ndarray, shape (n, d)
        Features; the last column is of ones, and not penalised.
    y : ndarray of float64, shape (n,)
        0 or 1.
    counts : ndarray of float64, shape (n, f)
        What a row counts in each fold; 0 where it is held out.
    trusted : ndarray of bool, shape (n,)
        Rows that count so many times more as the setting says.
    settings : sequence of (l2, weight of a trusted row)
        Penalties in units of the loss of one row.
    tol : float
        Largest gradient left, for each unit of weight.

    Returns
    -------
    ndarray of float64, shape (s, d, f)
        Parameters.

    Notes
    -----
    Accelerated gradient steps, preconditioned by the quadratic bound and started anew where they
    overshoot (O'Donoghue and Candès, 2015). What single fits spend on calls is spent once for all
    of them, and every pass over the rows is a product of matrices.

    Examples
    --------
    >>> X = np.array([[-1.0, 1.0], [1.0, 1.0]])
    >>> theta = fit_together(X, np.array([0.0, 1.0]), np.ones((2, 1)), np.zeros(2, bool),
    ...                      [(1.0, 1.0), (0.1, 1.0)])
    >>> theta[:, 0, 0].round(2).tolist()
    [0.67, 2.13]
    """
    inverse = inverse_bounds(X, counts, trusted, settings)
    d, s, f = X.shape[1], len(settings), counts.shape[1]
    weight, penalty = spread(counts, trusted, settings, d)
    total = weight.sum(axis=0)
    found, columns = np.empty((d, s * f)), np.arange(s * f)
    theta = ahead = np.zeros((d, s * f))
    pace = np.ones(s * f)
    for _ in range(_MOST_STEPS):
        p = logistic(X @ ahead)
        p -= y[:, None]
        p *= weight
        gradient = X.T @ p + penalty * ahead
        # A fit that has arrived is done with: none hangs on how long another takes.
        going = (np.abs(gradient) > tol * total).any(axis=0)
        if not going.all():
            found[:, columns[~going]] = ahead[:, ~going]
            if not going.any():
                break
            columns, total, pace, inverse = (of[going] for of in (columns, total, pace, inverse))
            theta, ahead, gradient, weight, penalty = (
                of[:, going] for of in (theta, ahead, gradient, weight, penalty)
            )
        new = ahead - times(inverse, gradient)
        over = (gradient * (new - theta)).sum(axis=0) > 0
        pace = np.where(over, 1.0, pace)
        after = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * pace**2))
        ahead = new + np.where(over, 0.0, (pace - 1.0) / after) * (new - theta)
        theta, pace = new, after
    else:
        found[:, columns] = ahead
    return found.reshape(d, s, f).transpose(1, 0, 2)
