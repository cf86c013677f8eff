"""Noise models for all settings and folds of a cross-validation at once, for two classes."""

from collections.abc import Sequence

import numpy as np
from scipy.special import expit

from streamlearn.data import Floats
from streamlearn.influence.together import inverse_bounds, times
from streamlearn.influence.tuning import Setting

START = 0.7  # how often labels are taken to be right before anything is known


def maximise_together(
    X: Floats,
    said: Floats,
    known: Floats,
    counts: Floats,
    settings: Sequence[Setting],
    prior: float,
    tol: float = 1e-5,
    max_iter: int = 300,
    right: Floats | None = None,
) -> Floats:
    """Expectation–maximisation for every setting and fold, as ``flip_rates.maximise`` does one.

    Parameters
    ----------
    X : ndarray, shape (n + m, d)
        Doubtful rows, then known ones; the last column is of ones, and not penalised.
    said : ndarray of float64, shape (n,)
        0 or 1, as labelled.
    known : ndarray of float64, shape (m,)
        0 or 1, as it is.
    counts : ndarray of float64, shape (n + m, f)
        What a row counts in each fold; 0 where it is held out.
    settings : sequence of (l2, weight of a known row)
        What to try.
    prior : float
        Rows' worth of belief that labels are right, for each class.
    tol : float
        Nats a row that an iteration must gain to go on.
    max_iter : int
        Iterations at most.
    right : ndarray of float64, shape (2,), optional
        How often labels of class 0 and of class 1 are right, if that is known.

    Returns
    -------
    ndarray of float64, shape (s, d, f)
        Parameters of p(true label is 1 | x).

    Examples
    --------
    >>> X = np.column_stack([np.repeat([-1.0, 1.0], 20), np.ones(40)])
    >>> y = (X[:, 0] > 0).astype(float)
    >>> maximise_together(X, y[5:], y[:5], np.ones((40, 1)), [(1.0, 1.0)], 10.0).shape
    (1, 2, 1)
    """
    n, (rows, d) = len(said), X.shape
    s, f = len(settings), counts.shape[1]
    trusted = np.arange(rows) >= n
    inverse = inverse_bounds(X, counts, trusted, settings)
    shares = np.where(trusted[:, None], [share for _, share in settings], 1.0)
    weight = (shares[:, :, None] * counts[:, None, :]).reshape(rows, s * f)
    penalty = np.zeros((s, d, 1))
    penalty[:, :-1, 0] = np.array([l2 for l2, _ in settings])[:, None]
    least = tol * np.maximum(weight.sum(axis=0), 1.0)
    ones = said == 1
    theta = direction = np.zeros((s, d, f))
    estimated = right is None
    right = np.repeat(np.full((2, 1), START) if right is None else right[:, None], s * f, axis=1)
    step, best = np.ones(s * f), np.full(s * f, -np.inf)
    going = np.ones(s * f, dtype=bool)
    for _ in range(max_iter):
        margin = X @ theta.transpose(1, 0, 2).reshape(d, s * f)
        p = expit(margin)
        log_right, log_wrong = np.log(right), np.log1p(-right)
        # log P(said | true 1) - log P(said | true 0)
        odds = np.where(ones[:, None], log_right[1] - log_wrong[0], log_wrong[1] - log_right[0])
        given = np.where(ones[:, None], p[:n] * right[1] + (1 - p[:n]) * (1 - right[0]),
                         p[:n] * (1 - right[1]) + (1 - p[:n]) * right[0])  # fmt: skip
        value = (weight[:n] * np.log(given)).sum(axis=0)
        true = np.where(known[:, None] == 1, margin[n:], -margin[n:])
        value -= (weight[n:] * np.logaddexp(0.0, -true)).sum(axis=0)
        value -= 0.5 * (penalty * theta**2).sum(axis=1).ravel()
        value += (prior * log_right + log_wrong).sum(axis=0)
        gain = value - best
        back = going & (gain < 0) & (step > 1.0)  # too far: to the step that is sure to rise
        going &= back | ~((gain <= least) & (step == 1.0))
        if not going.any():
            break
        on = going & ~back
        best = np.where(on, value, best)
        longer = np.where(gain <= least, 1.0, 1.5 * step)
        truth = np.concatenate([expit(margin[:n] + odds), np.broadcast_to(
            known[:, None], (rows - n, s * f))])  # fmt: skip
        if estimated:
            is_one = weight[:n] * truth[:n]
            is_zero = weight[:n] - is_one
            new = np.stack([is_zero[~ones].sum(axis=0), is_one[ones].sum(axis=0)]) + prior
            total = np.stack([is_zero.sum(axis=0), is_one.sum(axis=0)]) + prior + 1.0
            right = np.where(on, new / total, right)
        residual = weight * (truth - p)
        ascent = (X.T @ residual).reshape(d, s, f).transpose(1, 0, 2) - penalty * theta
        fresh = times(inverse, ascent)
        move = np.where(on, longer, np.where(back, 1.0 - step, 0.0)).reshape(s, 1, f)
        direction = np.where(on.reshape(s, 1, f), fresh, direction)
        theta = theta + move * direction
        step = np.where(back, 1.0, np.where(on, longer, step))
    return theta
