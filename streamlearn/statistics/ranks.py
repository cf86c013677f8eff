"""Arms over data sets: average ranks, Friedman's test, the critical difference, Wilcoxon pairs."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from streamlearn.errors import InputError
from streamlearn.statistics.nemenyi import cliques, critical_difference, friedman, row_ranks
from streamlearn.statistics.paired import tables
from streamlearn.statistics.significance import LEAST_SEEDS, differences, holm, signed_rank


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """How arms rank over data sets, and which of them are not told apart.

    Attributes
    ----------
    table : DataFrame, shape (data sets, arms)
        What was ranked: the measure, averaged over seeds.
    ranks : Series
        Average rank of each arm, best first; 1 is best, ties share their mean rank.
    friedman, p : float
        Friedman's chi-squared and its p value: do the arms differ at all?
    critical_difference : float
        Two average ranks further apart differ at level ``alpha`` (Nemenyi).
    cliques : tuple of tuple of str
        The largest groups of two or more arms whose ranks lie within the critical difference,
        best first: the bars of the diagram.
    pairs : DataFrame
        One row for each two arms, the one of better rank first: ``arm``, ``other``, ``difference``
        (mean over data sets of arm minus other), ``error`` (its standard error), ``wins``,
        ``ties``, ``losses`` (data sets on which the mean is better, equal, worse), Wilcoxon's
        ``statistic`` (see ``significance.SignedRank``) and ``p`` over data sets, and ``p_holm``,
        corrected over all pairs.
    alpha : float
        Level of the critical difference.
    higher_is_better : bool
        Of the measure.
    where : mapping
        What was held fixed: learner, noise, … and metric.
    seeds : Series
        Seeds averaged on each data set; empty where the table was given as it is.
    left_out : tuple of str
        Data sets on which no seed has every arm, or too few for a verdict while others have enough.
    """

    table: pd.DataFrame
    ranks: "pd.Series[float]"
    friedman: float
    p: float
    critical_difference: float
    cliques: tuple[tuple[str, ...], ...]
    pairs: pd.DataFrame
    alpha: float
    higher_is_better: bool
    where: Mapping[str, Any]
    seeds: "pd.Series[int]"
    left_out: tuple[str, ...]

    @property
    def exploratory(self) -> bool:
        """Whether some data set has fewer seeds than a verdict needs."""
        return bool((self.seeds < LEAST_SEEDS).any())


def rank(
    table: pd.DataFrame,
    *,
    higher_is_better: bool = True,
    alpha: float = 0.05,
    where: Mapping[str, Any] | None = None,
    seeds: "pd.Series[int] | None" = None,
    left_out: tuple[str, ...] = (),
) -> Ranking:
    """Rank arms over data sets and test whether they differ.

    Parameters
    ----------
    table : DataFrame, shape (data sets, arms)
        One value for each data set and arm, at least two of both, none missing.
    higher_is_better : bool
        Whether the largest value gets rank 1.
    alpha : float
        Level of the critical difference.
    where, seeds, left_out
        Kept with the result.

    Returns
    -------
    Ranking

    Raises
    ------
    InputError
        If the table is too small or a value is not finite.

    Notes
    -----
    Friedman's statistic is corrected for ties. The critical difference is
    ``q(alpha, k) √(k (k + 1) / 6N)`` with q the studentized range at infinite degrees of freedom
    divided by √2 ([1]_, section 3.2.2). Ranks of two arms hang on which others are in the
    table; [2]_ therefore advise Wilcoxon's test of each pair, in ``pairs``. With fewer than six
    data sets that test cannot reach p < .05.

    References
    ----------
    .. [1] Demšar: Statistical comparisons of classifiers over multiple data sets. JMLR 7 (2006),
       1-30.
    .. [2] Benavoli, Corani, Mangili: Should we really use post-hoc tests based on mean-ranks?
       JMLR 17 (2016), 1-10.

    Examples
    --------
    >>> table = pd.DataFrame(
    ...     {"margin": [0.9, 0.8, 0.7], "random": [0.8, 0.7, 0.6], "worst": [0.5, 0.6, 0.1]},
    ...     index=["a", "b", "c"],
    ... )
    >>> ranking = rank(table)
    >>> ranking.ranks.to_dict()
    {'margin': 1.0, 'random': 2.0, 'worst': 3.0}
    >>> print(f"{ranking.friedman:.2f}", f"{ranking.critical_difference:.2f}")
    6.00 1.91
    >>> ranking.cliques
    (('margin', 'random'), ('random', 'worst'))
    """
    n, k = table.shape
    if n < 2 or k < 2:
        raise InputError(
            f"ranks need at least 2 data sets and 2 arms, got {n} and {k}:"
            " with one data set compare arms by paired()"
        )
    if not np.isfinite(table.to_numpy(np.float64)).all():
        row, column = np.argwhere(~np.isfinite(table.to_numpy(np.float64)))[0]
        raise InputError(
            f"{table.columns[column]} has no finite value on {table.index[row]}:"
            " leave out that data set or that arm"
        )
    sign = 1 if higher_is_better else -1
    of_sets = row_ranks(sign * table.to_numpy(np.float64))
    ranks = pd.Series(of_sets.mean(axis=0), index=table.columns.map(str)).sort_values(kind="stable")
    statistic, p = friedman(of_sets)
    critical = critical_difference(k, n, alpha)
    return Ranking(
        table=table,
        ranks=ranks,
        friedman=statistic,
        p=p,
        critical_difference=critical,
        cliques=cliques(ranks, critical),
        pairs=_pairs(table.set_axis(table.columns.map(str), axis=1)[list(ranks.index)], sign),
        alpha=alpha,
        higher_is_better=higher_is_better,
        where=dict(where or {}),
        seeds=pd.Series(dtype=np.int64) if seeds is None else seeds,
        left_out=left_out,
    )


def rankings(
    values: pd.DataFrame,
    *,
    measure: str = "aulc",
    between: str = "strategy",
    alpha: float = 0.05,
    higher_is_better: bool | None = None,
) -> list[Ranking]:
    """Rank the arms over data sets, once for each combination of the other factors and metric.

    Parameters
    ----------
    values, measure, between, higher_is_better
        As ``paired`` takes them, with a column ``dataset``.
    alpha : float
        Level of the critical difference.

    Returns
    -------
    list of Ranking
        None for a combination with fewer than two arms or two data sets.

    Raises
    ------
    InputError
        As ``paired`` does.

    Notes
    -----
    Only seeds that have every arm are averaged, so that no arm gains by missing a hard split;
    data sets without such a seed are in ``left_out``. So are those with fewer than 20 of them
    where two others have enough: one arm that failed on one data set is no reason to say nothing
    of all the rest.

    Examples
    --------
    >>> runs = pd.DataFrame({
    ...     "dataset": ["a", "a", "b", "b"], "strategy": ["margin", "random"] * 2, "seed": 0,
    ...     "aulc": [0.9, 0.8, 0.7, 0.6],
    ... })
    >>> [ranking.ranks.to_dict() for ranking in rankings(runs, higher_is_better=True)]
    [{'margin': 1.0, 'random': 2.0}]
    """
    if "dataset" not in values or between == "dataset":
        raise InputError("ranks are taken over data sets: runs need a column 'dataset' to go by")
    groups: dict[tuple[Any, ...], list[tuple[dict[str, Any], pd.DataFrame, bool]]] = {}
    for block, table, up in tables(values, measure, between, higher_is_better):
        fixed = {name: level for name, level in block.items() if name != "dataset"}
        groups.setdefault(tuple(fixed.values()), []).append((block, table, up))
    found = []
    for group in groups.values():
        arms = sorted({str(arm) for _, table, _ in group for arm in table.columns})
        complete = {
            str(block["dataset"]): table.reindex(columns=arms).dropna() for block, table, _ in group
        }
        enough = sum(len(table) >= LEAST_SEEDS for table in complete.values()) > 1
        least = LEAST_SEEDS if enough else 1
        kept = {name: table for name, table in complete.items() if len(table) >= least}
        if len(kept) < 2 or len(arms) < 2:
            continue
        block, _, up = group[0]
        found.append(
            rank(
                pd.DataFrame({name: table.mean() for name, table in kept.items()}).T,
                higher_is_better=up,
                alpha=alpha,
                where={name: level for name, level in block.items() if name != "dataset"},
                seeds=pd.Series({name: len(table) for name, table in kept.items()}),
                left_out=tuple(name for name in complete if name not in kept),
            )
        )
    return found


def _pairs(table: pd.DataFrame, sign: int) -> pd.DataFrame:
    """Compare every two arms over data sets."""
    rows = []
    for arm, other in combinations(map(str, table.columns), 2):
        gaps = differences(table[arm].to_numpy(np.float64), table[other].to_numpy(np.float64))
        rows.append(
            {
                "arm": arm,
                "other": other,
                "difference": float(gaps.mean()),
                "error": float(gaps.std(ddof=1)) / len(gaps) ** 0.5,
                "wins": int(np.count_nonzero(sign * gaps > 0)),
                "ties": int(np.count_nonzero(gaps == 0)),
                "losses": int(np.count_nonzero(sign * gaps < 0)),
                **signed_rank(gaps)._asdict(),
            }
        )
    pairs = pd.DataFrame(rows)
    return pairs.assign(p_holm=holm(pairs["p"]))
