"""Ranks over data sets: Friedman's test, Nemenyi's critical difference, groups not told apart."""

import numpy as np
import pandas as pd
from scipy import stats

from streamlearn.arrays import Floats
from streamlearn.errors import InputError
from streamlearn.statistics.significance import differences


def critical_difference(arms: int, datasets: int, alpha: float = 0.05) -> float:
    """Return how far two average ranks must lie apart to differ (Nemenyi).

    Parameters
    ----------
    arms, datasets : int
        How many are compared, on how many.
    alpha : float
        Level of all pairs together.

    Returns
    -------
    float

    References
    ----------
    Demšar: Statistical comparisons of classifiers over multiple data sets. JMLR 7 (2006), 1-30,
    section 3.2.2.

    Examples
    --------
    >>> round(critical_difference(4, 14, alpha=0.05), 2)
    1.25
    """
    if not 0 < alpha < 1:
        raise InputError(f"alpha must lie between 0 and 1, got {alpha!r}")
    q = float(stats.studentized_range.ppf(1 - alpha, arms, np.inf)) / 2**0.5
    return q * float(np.sqrt(arms * (arms + 1) / (6 * datasets)))


def cliques(ranks: "pd.Series[float]", width: float) -> tuple[tuple[str, ...], ...]:
    """Return the largest groups of arms whose ranks lie within a width.

    Parameters
    ----------
    ranks : Series
        Average rank of each arm.
    width : float
        The critical difference.

    Returns
    -------
    tuple of tuple of str
        Groups of two or more, none inside another, best first.

    Examples
    --------
    >>> cliques(pd.Series({"a": 1.0, "b": 1.5, "c": 2.1, "d": 4.0}), width=0.7)
    (('a', 'b'), ('b', 'c'))
    """
    ordered = ranks.sort_values(kind="stable")
    positions = ordered.to_numpy(np.float64)
    ends = np.searchsorted(positions, positions + width + 1e-9, side="right")
    fresh = np.r_[True, ends[1:] > ends[:-1]]
    return tuple(
        tuple(map(str, ordered.index[first:end]))
        for first, end in enumerate(ends)
        if fresh[first] and end - first > 1
    )


def row_ranks(values: Floats) -> Floats:
    """Rank within each row, 1 for the largest; values that differ by rounding alone tie."""
    from_best = differences(
        values, np.broadcast_to(values.max(axis=1, keepdims=True), values.shape)
    )
    ranks: Floats = stats.rankdata(-from_best, axis=1)
    return ranks


def friedman(ranks: Floats) -> tuple[float, float]:
    """Friedman's chi-squared with the correction for ties, and p; all tied is no difference."""
    n, k = ranks.shape
    mean = (k + 1) / 2
    spread = float(((ranks - mean) ** 2).sum()) / (n * (k - 1))
    if spread == 0:
        return 0.0, 1.0
    statistic = n * float(((ranks.mean(axis=0) - mean) ** 2).sum()) / spread
    return statistic, float(stats.chi2.sf(statistic, k - 1))
