"""Many logistic fits to the same rows at once: all settings and folds of a cross-validation."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from streamlearn.data import Floats

_MOST_STEPS = 2000


def inverse_bounds(
    X: Floats, counts: Floats, trusted: NDArray[np.bool_], settings: Sequence[tuple[float, float]]
) -> Floats:
    """Inverses of bounds on the Hessian, (s, f, d, d); the last column is of ones.

    A quarter of X'WX bounds the curvature whatever the parameters (Böhning and Lindsay, 1988).
    """
    grams = [[0.25 * (X[of].T * row[of]) @ X[of] for row in counts.T] for of in (~trusted, trusted)]
    doubtful, sure = np.array(grams)
    bounds = np.stack([doubtful + share * sure for _, share in settings])
    at = np.arange(X.shape[1])
    bounds[:, :, at[:-1], at[:-1]] += np.array([l2 for l2, _ in settings])[:, None, None]
    bounds[:, :, -1, -1] += 1e-9  # where rows have no weight left
    return np.linalg.inv(bounds)


def times(inverse: Floats, gradient: Floats) -> Floats:
    """Multiply (s, f, d, d) by (s, d, f)."""
    product: Floats = (inverse @ gradient.transpose(0, 2, 1)[..., None])[..., 0].transpose(0, 2, 1)
    return product


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
    (n, d), s, f = X.shape, len(settings), counts.shape[1]
    shares = np.where(trusted[:, None], [share for _, share in settings], 1.0)
    weight = (shares[:, :, None] * counts[:, None, :]).reshape(n, s * f)
    total = weight.sum(axis=0).reshape(s, 1, f)
    penalty = np.zeros((s, d, 1))
    penalty[:, :-1, 0] = np.array([l2 for l2, _ in settings])[:, None]
    theta = ahead = np.zeros((s, d, f))
    pace = np.ones((s, 1, f))
    for _ in range(_MOST_STEPS):
        wide = ahead.transpose(1, 0, 2).reshape(d, s * f)
        residual = weight * (expit(X @ wide) - y[:, None])
        gradient = (X.T @ residual).reshape(d, s, f).transpose(1, 0, 2) + penalty * ahead
        # A fit that has arrived stays where it is: none hangs on how long another takes.
        going = (np.abs(gradient) > tol * total).any(axis=1, keepdims=True)
        if not going.any():
            break
        new = np.where(going, ahead - times(inverse, gradient), theta)
        over = (gradient * (new - theta)).sum(axis=1, keepdims=True) > 0
        pace = np.where(over, 1.0, pace)
        after = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * pace**2))
        further = new + np.where(over, 0.0, (pace - 1.0) / after) * (new - theta)
        theta, ahead, pace = new, np.where(going, further, ahead), after
    return ahead
