"""Who beats whom, and on how many data sets: the matrix of wins, ties and losses."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from streamlearn.arrays import Floats
from streamlearn.errors import InputError
from streamlearn.statistics.paired import tables
from streamlearn.statistics.significance import LEAST_SEEDS, differences, holm, signed_rank


@dataclass(frozen=True, slots=True, eq=False)
class WinMatrix:
    """Counts of blocks (data set, and learner, noise, … where these vary), arms × arms.

    Attributes
    ----------
    wins : DataFrame of int
        In how many blocks the arm of the row beats the arm of the column.
    ties : DataFrame of int
        In how many neither is shown to beat the other; symmetric.
    exploratory : DataFrame of int
        In how many fewer than 20 seeds could be paired, so that nothing is said; symmetric.
    blocks : int
        How many blocks there are: wins + wins.T + ties + exploratory, off the diagonal.
    """

    wins: pd.DataFrame
    ties: pd.DataFrame
    exploratory: pd.DataFrame
    blocks: int


def win_matrix(
    values: pd.DataFrame,
    *,
    measure: str = "aulc",
    between: str = "strategy",
    alpha: float = 0.05,
    higher_is_better: bool | None = None,
) -> WinMatrix:
    """Count for every two arms who wins in how many blocks.

    Parameters
    ----------
    values, measure, between, higher_is_better
        As ``paired`` takes them; one metric only.
    alpha : float
        Level of the test.

    Returns
    -------
    WinMatrix
        Arms sorted by net wins, most first.

    Raises
    ------
    InputError
        As ``paired`` does, or if there are several metrics.

    Notes
    -----
    A win is a paired difference that is significant at the level of seeds: Wilcoxon's
    signed-rank p, after Holm's correction over all pairs of arms of that block, is at most
    ``alpha``, and mean and ranks lie on the winner's side. The correction makes a matrix of
    many arms cautious.

    Examples
    --------
    >>> seeds = np.arange(20)
    >>> runs = pd.DataFrame({
    ...     "dataset": "toy", "strategy": np.repeat(["margin", "random"], 20),
    ...     "seed": np.tile(seeds, 2), "aulc": np.r_[0.8 + seeds / 100, 0.7 + seeds / 200],
    ... })
    >>> win_matrix(runs, higher_is_better=True).wins
            margin  random
    margin       0       1
    random       0       0
    """
    if "metric" in values and values["metric"].nunique() > 1:
        metrics = ", ".join(sorted(map(str, values["metric"].unique())))
        raise InputError(f"wins are counted for one metric at a time, got {metrics}: select one")
    blocks = list(tables(values, measure, between, higher_is_better))
    arms = sorted({str(arm) for _, table, _ in blocks for arm in table.columns})
    wins, ties, few = (np.zeros((len(arms), len(arms)), dtype=np.int64) for _ in range(3))
    rows, columns = np.triu_indices(len(arms), k=1)
    for _, table, up in blocks:
        full = table.reindex(columns=arms).to_numpy(np.float64)
        pairs = [_pair(full[:, i], full[:, j]) for i, j in zip(rows, columns, strict=True)]
        adjusted = holm([p for _, p, _ in pairs])
        for i, j, (n, _, side), p in zip(rows, columns, pairs, adjusted, strict=True):
            if n < LEAST_SEEDS:
                few[[i, j], [j, i]] += 1
            elif p <= alpha and side:
                winner, loser = (i, j) if (side > 0) == up else (j, i)
                wins[winner, loser] += 1
            else:
                ties[[i, j], [j, i]] += 1
    order = np.argsort(wins.sum(axis=0) - wins.sum(axis=1), kind="stable")
    names = [arms[at] for at in order]

    def frame(counts: NDArray[np.int64]) -> pd.DataFrame:
        return pd.DataFrame(counts[np.ix_(order, order)], index=names, columns=names)

    return WinMatrix(frame(wins), frame(ties), frame(few), len(blocks))


def _pair(ours: Floats, theirs: Floats) -> tuple[int, float, int]:
    """Pairs, p, and the side mean and ranks agree on; too few pairs are no test."""
    both = np.isfinite(ours) & np.isfinite(theirs)
    gaps = differences(ours[both], theirs[both])
    if len(gaps) < LEAST_SEEDS:
        return len(gaps), float("nan"), 0
    test, mean = signed_rank(gaps), float(gaps.mean())
    return len(gaps), test.p, int(np.sign(mean)) if mean * test.statistic > 0 else 0
