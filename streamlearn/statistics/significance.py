"""Tests of paired differences: Wilcoxon's signed ranks, exact with ties, and Holm's correction."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from streamlearn.arrays import Floats
from streamlearn.errors import InputError

LEAST_SEEDS = 20
"""Pairs a verdict needs; fewer are exploratory."""

EXACT_UP_TO = 100


class SignedRank(NamedTuple):
    """Outcome of Wilcoxon's signed-rank test: rank sum of the gains minus of the losses, and p."""

    statistic: float
    p: float


def signed_rank(differences: ArrayLike) -> SignedRank:
    """Test whether paired differences lie evenly about zero.

    Parameters
    ----------
    differences : array-like of float, shape (n,)
        One difference a pair.

    Returns
    -------
    SignedRank
        ``statistic``, the sum of the ranks of positive minus that of negative differences, and
        the two-sided ``p``.

    Raises
    ------
    InputError
        If a difference is not finite.

    Notes
    -----
    Zeros are left out, as Wilcoxon did; differences equal in size share their mean rank. Up to
    100 pairs p is exact, ties or not: the share of all 2ⁿ ways to set the signs whose statistic is
    at least as far from zero, counted by convolution. Learning curves of accuracy tie all the
    time, and ``scipy.stats.wilcoxon`` falls back to the normal approximation there; beyond 100
    pairs we use it as well. Nothing but zeros, or nothing at all, gives p = 1.

    An exact test of a discrete statistic rejects at most as often as its level says: with n = 20
    pairs and no ties .0484 of the time at the 5 % level.

    References
    ----------
    Wilcoxon: Individual comparisons by ranking methods. Biometrics Bulletin 1 (1945), 80-83.

    Examples
    --------
    >>> signed_rank([1.0, 2.0, 3.0, 4.0, 5.0, -6.0])
    SignedRank(statistic=9.0, p=0.4375)
    >>> signed_rank([0.0, 0.0])
    SignedRank(statistic=0.0, p=1.0)
    """
    d = np.asarray(differences, dtype=np.float64)
    if not np.isfinite(d).all():
        raise InputError(
            f"differences must be finite, got {d[~np.isfinite(d)][0]!r}: drop the pair"
        )
    d = d[d != 0]
    if not len(d):
        return SignedRank(0.0, 1.0)
    # Mean ranks are whole or half numbers: doubled, they can index an array.
    ranks = np.rint(2 * stats.rankdata(np.abs(d))).astype(np.intp)
    statistic = float(np.sum(np.sign(d) * ranks)) / 2
    if len(d) > EXACT_UP_TO:
        return SignedRank(statistic, float(stats.wilcoxon(d, method="asymptotic").pvalue))
    share = np.zeros(ranks.sum() + 1)
    share[0] = 1.0
    for rank in ranks:
        share[rank:] = (share[rank:] + share[:-rank]) / 2
        share[:rank] /= 2
    positive = int(ranks[d > 0].sum())
    tail = share[: min(positive, len(share) - 1 - positive) + 1].sum()
    return SignedRank(statistic, min(1.0, 2 * float(tail)))


def holm(p: ArrayLike) -> Floats:
    """Adjust p values so that the chance of any false claim among them keeps to the level.

    Parameters
    ----------
    p : array-like of float, shape (m,)
        The p values of one family; NaN stands for a test that could not be made.

    Returns
    -------
    array of float64, shape (m,)
        Adjusted p values, each to be held against the level itself; NaN stays NaN and does not
        count as a test.

    References
    ----------
    Holm: A simple sequentially rejective multiple test procedure. Scandinavian Journal of
    Statistics 6 (1979), 65-70.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(6).tolist()
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p, dtype=np.float64)
    adjusted = np.full(len(values), np.nan)
    made = np.flatnonzero(~np.isnan(values))
    order = made[np.argsort(values[made], kind="stable")]
    steps = values[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def differences(ours: Floats, theirs: Floats) -> Floats:
    """Subtract pair by pair; what differs by rounding alone differs by nothing.

    Parameters
    ----------
    ours, theirs : array of float64, shape (n,)
        Paired values.

    Returns
    -------
    array of float64, shape (n,)
        ``ours - theirs``, rounded to 1e-12 of the largest value met: areas that are equal but
        for the order of a sum must tie.

    Examples
    --------
    >>> differences(np.array([0.1 + 0.2]), np.array([0.3])).tolist()
    [0.0]
    """
    gaps = ours - theirs
    scale = np.max(np.abs([ours, theirs]), initial=0.0)
    if not scale > 0 or not np.isfinite(scale):
        return gaps
    unit = 2.0 ** np.ceil(np.log2(scale) - 40)
    rounded: Floats = np.rint(gaps / unit) * unit
    return rounded
