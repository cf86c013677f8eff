"""Noise models for all settings and folds of a cross-validation at once, for two classes."""

from collections.abc import Sequence

import numpy as np

from streamlearn.arrays import Floats
from streamlearn.influence.together import inverse_bounds, logistic, spread, times
from streamlearn.influence.tuning import Setting

_TINY = 1e-17  # probability that no label known is taken to fall below
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
    n, n_one, m_one = len(said), np.count_nonzero(said), np.count_nonzero(known)
    order = np.concatenate(
        [np.argsort(-said, kind="stable"), n + np.argsort(-known, kind="stable")]
    )
    X, counts, sure = X[order], counts[order], slice(n, n + m_one)  # ones come first in both parts
    trusted = np.arange(len(X)) >= n
    (s, f), d = (len(settings), counts.shape[1]), X.shape[1]
    inverse = inverse_bounds(X, counts, trusted, settings)
    weight, penalty = spread(counts, trusted, settings, d)
    least = tol * np.maximum(weight.sum(axis=0), 1.0)
    found, columns = np.empty((d, s * f)), np.arange(s * f)
    theta = direction = np.zeros((d, s * f))
    estimated = right is None
    right = np.repeat(np.full((2, 1), START) if right is None else right[:, None], s * f, axis=1)
    step, best = np.ones(s * f), np.full(s * f, -np.inf)
    for _ in range(max_iter):
        p = logistic(X @ theta)
        truth = np.empty_like(p)
        one, zero = p[:n_one] * right[1], p[n_one:n] * (1.0 - right[1])  # joint with a true 1
        told_one = one + (1.0 - p[:n_one]) * (1.0 - right[0])
        told_zero = zero + (1.0 - p[n_one:n]) * right[0]
        np.divide(one, told_one, out=truth[:n_one])
        np.divide(zero, told_zero, out=truth[n_one:n])
        truth[n:], truth[sure] = 0.0, 1.0
        true = np.concatenate([p[sure], 1.0 - p[n + m_one :]])
        likely = np.concatenate([told_one, told_zero, np.maximum(true, _TINY)])
        value = np.einsum("nc,nc->c", weight, np.log(likely))
        value -= 0.5 * (penalty * theta**2).sum(axis=0)
        value += (prior * np.log(right) + np.log1p(-right)).sum(axis=0)
        gain = value - best
        back = (gain < 0) & (step > 1.0)  # too far: to the step that is sure to rise
        going = back | ~((gain <= least) & (step == 1.0))
        if not going.all():
            found[:, columns[~going]] = theta[:, ~going]
            if not going.any():
                break
            columns, inverse, least = columns[going], inverse[going], least[going]
            step, best, value, gain, back = (of[going] for of in (step, best, value, gain, back))
            theta, direction, weight, penalty, right, p, truth = (
                of[:, going] for of in (theta, direction, weight, penalty, right, p, truth)
            )
        best = np.where(back, best, value)
        longer = np.where(gain <= least, 1.0, 1.5 * step)
        if estimated:
            is_one = weight[:n] * truth[:n]
            is_zero = weight[:n] - is_one
            new = np.stack([is_zero[n_one:].sum(axis=0), is_one[:n_one].sum(axis=0)]) + prior
            total = np.stack([is_zero.sum(axis=0), is_one.sum(axis=0)]) + prior + 1.0
            right = np.where(back, right, new / total)
        truth -= p
        truth *= weight
        fresh = times(inverse, X.T @ truth - penalty * theta)
        direction = np.where(back, direction, fresh)
        theta = theta + np.where(back, 1.0 - step, longer) * direction
        step = np.where(back, 1.0, longer)
    else:
        found[:, columns] = theta
    return found.reshape(d, s, f).transpose(1, 0, 2)
