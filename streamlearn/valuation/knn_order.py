"""Shapley values of votes, given the order in which rows come: two closed forms."""

import numpy as np
from numpy.typing import NDArray

from streamlearn.arrays import Floats


def _weights(n: int, k: int, players: int) -> tuple[Floats, Floats]:
    """c_j = 1 / max(k, j) and c_(j-1) - c_j, both (n,), nought for those who do not play."""
    j = np.arange(1, n + 1)
    c = 1.0 / np.maximum(k, j)
    drop = np.append(0.0, c[:-1] - c[1:])
    return c * (j <= players), drop * (j <= players)


def in_order(hits: Floats, k: int, players: int) -> Floats:
    """Values of rows sorted by distance, without ties.

    Parameters
    ----------
    hits : ndarray of float64, shape (q, n)
        1 where a row has the label wished for.
    k, players : int
        Neighbours, and rows that play.

    Returns
    -------
    ndarray of shape (q, n)
        Values.

    Examples
    --------
    >>> in_order(np.array([[1.0, 0.0]]), 1, 2).tolist()
    [[1.0, 0.0]]
    """
    c, drop = _weights(hits.shape[1], k, players)
    later = np.cumsum(hits * drop, axis=1)
    later -= later[:, -1:].copy()
    later += hits * c
    later[:, players:] = 0.0
    return later


def with_ties(hits: Floats, same: NDArray[np.bool_], k: int, players: int) -> Floats:
    """The mean of the values over all orders of rows that are equally far.

    Parameters
    ----------
    hits : ndarray of float64, shape (q, n)
        1 where a row has the label wished for.
    same : ndarray of bool, shape (q, n - 1)
        Whether a row is as far as the one before.
    k, players : int
        Neighbours, and rows that play.

    Returns
    -------
    ndarray of shape (q, n)
        Values.

    Notes
    -----
    Within a block of t rows, M of which hit, a row that hits or not (m) has the mean
    ``m C / t - (M - m) / (t - 1) (C - p c) / t - (p / t) L``: C the sum of c over the p of its
    places that play, c the last of them, and L what all later blocks take away.

    Examples
    --------
    >>> with_ties(np.array([[1.0, 0.0]]), np.array([[True]]), 1, 2).tolist()
    [[0.75, -0.25]]
    """
    q, n = hits.shape
    c, drop = _weights(n, k, players)
    starts = np.flatnonzero(np.column_stack([np.ones(q, dtype=bool), ~same]))
    column = starts % n
    t = np.diff(np.append(starts, q * n))

    def summed(per_place: Floats) -> Floats:
        upto = np.append(0.0, np.cumsum(per_place))
        sums: Floats = upto[column + t] - upto[column]
        return sums

    M, C = np.add.reduceat(hits.ravel(), starts), summed(c)
    p = np.clip(players - column, 0, t)
    last = c[np.maximum(column + p - 1, 0)]
    upto = np.cumsum(M / t * summed(drop))
    ends = np.append(np.flatnonzero(column == 0)[1:], len(starts)) - 1
    later = upto[ends][starts // n] - upto
    other = (C - p * last) / (t * np.maximum(t - 1, 1))  # what another hit of the block takes away
    gain, loss = C / t + other, M * other + p / t * later
    values: Floats = hits * np.repeat(gain, t).reshape(q, n)
    values -= np.repeat(loss, t).reshape(q, n)
    return values
