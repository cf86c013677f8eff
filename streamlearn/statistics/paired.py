"""Arms against a baseline, pair by pair: differences over seeds, intervals, tests, verdicts."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from streamlearn.arrays import Floats
from streamlearn.benchmark.results import FACTORS
from streamlearn.errors import InputError, nearest
from streamlearn.statistics.significance import LEAST_SEEDS, differences, holm, signed_rank

UP: Mapping[str, bool] = {
    "label_savings": True,
    "labels_to_target": False,
    "deficiency": False,
    "data_utilisation": False,
    "seconds": False,
    "query_seconds": False,
    "trim_seconds": False,
    "precision": True,
    "recall": True,
}
"""Measures whose better direction does not depend on the metric."""


def paired(
    values: pd.DataFrame,
    *,
    baseline: str = "random",
    measure: str = "aulc",
    between: str = "strategy",
    level: float = 0.95,
    higher_is_better: bool | None = None,
) -> pd.DataFrame:
    """Compare every arm with a baseline over the seeds they share.

    Parameters
    ----------
    values : DataFrame
        One row a run, as ``summarise`` gives them, or the cells of ``Results``: ``seed``, the
        factors, the measure.
    baseline : str
        The level of ``between`` all others are compared with.
    measure : str
        The column compared.
    between : str
        The factor compared; pairs are equal in every other factor, the metric and the seed.
    level : float
        Coverage of the interval; a verdict needs p (after Holm) of at most ``1 - level``.
    higher_is_better : bool, optional
        By default as the column ``higher_is_better`` says, or the measure itself (less time and
        more label savings are better).

    Returns
    -------
    DataFrame
        One row for each arm but the baseline, in each combination of the other factors and the
        metric (a *block*), sorted. Besides those columns:

        - ``baseline``, ``measure``, ``higher_is_better``;
        - ``n`` : pairs compared; ``dropped`` : seeds left out because one of the two runs is
          missing or its measure is NaN;
        - ``mean``, ``baseline_mean`` : over the pairs compared;
        - ``difference`` : mean of arm minus baseline; ``error`` its standard error;
          ``lower``, ``upper`` its t interval; ``p_t`` : the paired t test's p;
        - ``wins``, ``ties``, ``losses`` : pairs in which the arm is better, equal, worse;
        - ``p`` : Wilcoxon's signed-rank test (``significance.signed_rank``); ``p_holm`` : the
          same after Holm's correction over all arms of the block;
        - ``verdict`` : "better", "worse", "no difference shown", or "exploratory: n seeds"
          below 20 pairs. Better and worse need ``p_holm`` at the level, and the mean and the
          ranks on the same side.

    Raises
    ------
    InputError
        If a column or the baseline is unknown, a run occurs twice or a value is infinite.

    Notes
    -----
    Holm's correction covers the arms of one block (one data set): over many data sets some
    verdicts must be expected to be wrong; what holds over data sets says ``rankings``.

    Examples
    --------
    >>> runs = pd.DataFrame({
    ...     "strategy": ["margin"] * 4 + ["random"] * 4, "seed": [0, 1, 2, 3] * 2,
    ...     "aulc": [0.8, 0.7, 0.9, 0.8, 0.7, 0.7, 0.7, 0.6],
    ... })
    >>> row = paired(runs, higher_is_better=True).iloc[0]
    >>> print(f"{row.difference:.3f} ± {row.error:.3f}", row.wins, row.ties, row.losses)
    0.125 ± 0.048 3 1 0
    >>> row.verdict
    'exploratory: 4 seeds'
    """
    if not 0 < level < 1:
        raise InputError(f"level must lie between 0 and 1, got {level!r}")
    arms = set(values[between].astype(str)) if between in values else {baseline}
    if baseline not in arms:
        raise nearest(baseline, arms, f"{between} as the baseline")
    rows: list[dict[str, Any]] = []
    for block, table, up in tables(values, measure, between, higher_is_better):
        theirs = _column(table, baseline)
        lines = [
            block
            | {between: arm, "baseline": baseline, "measure": measure, "higher_is_better": up}
            | _compare(_column(table, arm), theirs, up, level)
            for arm in table.columns
            if arm != baseline
        ]
        adjusted = holm([line["p"] for line in lines])
        for line, p in zip(lines, adjusted.tolist(), strict=True):
            side = line.pop("side")
            line |= {"p_holm": p, "verdict": verdict(line["n"], p, side, 1 - level)}
        rows += lines
    return pd.DataFrame(rows, columns=[*_block_columns(values, between), between, *COLUMNS])


COLUMNS = (
    "baseline", "measure", "higher_is_better", "n", "dropped", "mean", "baseline_mean",
    "difference", "error", "lower", "upper", "p_t", "wins", "ties", "losses", "p", "p_holm",
    "verdict",
)  # fmt: skip


def verdict(n: int, p: float, side: int, alpha: float) -> str:
    """Say what n pairs allow to claim.

    Parameters
    ----------
    n : int
        Pairs compared.
    p : float
        Corrected p value.
    side : int
        1 if the arm is ahead, −1 if it is behind, 0 if mean and ranks do not agree.
    alpha : float
        The level of the test.

    Returns
    -------
    str

    Examples
    --------
    >>> verdict(30, 0.01, 1, 0.05), verdict(30, 0.2, 1, 0.05), verdict(5, 0.01, 1, 0.05)
    ('better', 'no difference shown', 'exploratory: 5 seeds')
    """
    if n < LEAST_SEEDS:
        return f"exploratory: {n} seed{'' if n == 1 else 's'}"
    if p <= alpha and side:
        return "better" if side > 0 else "worse"
    return "no difference shown"


def tables(
    values: pd.DataFrame, measure: str, between: str, higher_is_better: bool | None = None
) -> Iterator[tuple[dict[str, Any], pd.DataFrame, bool]]:
    """Lay out the runs of each block as seeds × arms.

    Parameters
    ----------
    values, measure, between, higher_is_better
        As ``paired`` takes them.

    Yields
    ------
    block : dict
        The levels of the other factors, and the metric.
    table : DataFrame, shape (seeds, arms)
        The measure; NaN where a run is missing.
    up : bool
        Whether more is better.

    Raises
    ------
    InputError
        As ``paired`` does.
    """
    for name in (between, "seed", measure):
        if name not in values:
            raise nearest(name, map(str, values.columns), "column of the runs")
    if not pd.api.types.is_numeric_dtype(values[measure]):
        raise InputError(f"measure {measure!r} is no number, got {values[measure].dtype}")
    if between not in FACTORS:
        raise nearest(between, FACTORS, "factor to compare")
    if np.isinf(values[measure].to_numpy(np.float64)).any():
        raise InputError(f"{measure} is infinite in some runs: set them to NaN to leave them out")
    if not len(values):
        raise InputError("there are no runs to compare: got a table without rows")
    by = _block_columns(values, between)
    twice = values.duplicated([*by, between, "seed"])
    if twice.any():
        row = values.loc[twice, [*by, between, "seed"]].iloc[0].to_dict()
        raise InputError(f"there are two runs of {row}: give each once")
    blocks = values.groupby(by, observed=True).ngroup() if by else np.zeros(len(values), np.intp)
    order = np.argsort(blocks, kind="stable")
    levels = values[by].to_dict("list")
    up = _directions(values, measure, higher_is_better)
    codes, arms = pd.factorize(values[between], sort=True)
    seeds, found = values["seed"].to_numpy(), values[measure].to_numpy(np.float64)
    for rows in np.split(order, np.cumsum(np.bincount(blocks))[:-1]):
        # Filled by hand: pivoting each block by pandas takes ten times as long as its test.
        index, at = np.unique(seeds[rows], return_inverse=True)
        present, to = np.unique(codes[rows], return_inverse=True)
        table = np.full((len(index), len(present)), np.nan)
        table[at, to] = found[rows]
        yield (
            {str(name): level[rows[0]] for name, level in levels.items()},
            pd.DataFrame(table, index=index, columns=arms[present]),
            bool(up[rows[0]]),
        )


def _block_columns(values: pd.DataFrame, between: str) -> list[str]:
    return [name for name in (*FACTORS, "metric") if name in values and name != between]


def _directions(values: pd.DataFrame, measure: str, given: bool | None) -> NDArray[np.bool_]:
    """Whether more is better, row by row."""
    known = UP.get(measure) if given is None else given
    if known is not None:
        return np.full(len(values), known)
    if "higher_is_better" not in values:
        raise InputError(
            f"whether more of {measure!r} is better is not known:"
            " say higher_is_better=True or False"
        )
    return values["higher_is_better"].to_numpy(np.bool_)


def _column(table: pd.DataFrame, arm: str) -> Floats:
    if arm not in table:
        return np.full(len(table), np.nan)
    return table[arm].to_numpy(np.float64)


def _compare(ours: Floats, theirs: Floats, up: bool, level: float) -> dict[str, Any]:
    """All figures of one arm; ``side`` says who is ahead by mean and ranks alike."""
    both = np.isfinite(ours) & np.isfinite(theirs)
    ours, theirs = ours[both], theirs[both]
    gaps, n = differences(ours, theirs), len(ours)
    if not n:
        test, mean = None, np.nan
    else:
        test, mean = signed_rank(gaps), float(gaps.mean())
    error = float(gaps.std(ddof=1)) / n**0.5 if n > 1 else np.nan
    half = float(stats.t.ppf((1 + level) / 2, n - 1)) * error if n > 1 else np.nan
    sign = 1 if up else -1
    agree = test is not None and mean * test.statistic > 0
    return {
        "n": n,
        "dropped": int(len(both) - n),
        "mean": float(ours.mean()) if n else np.nan,
        "baseline_mean": float(theirs.mean()) if n else np.nan,
        "difference": mean,
        "error": error,
        "lower": mean - half,
        "upper": mean + half,
        "p_t": _t_test(mean, error, n),
        "wins": int(np.count_nonzero(sign * gaps > 0)),
        "ties": int(np.count_nonzero(gaps == 0)),
        "losses": int(np.count_nonzero(sign * gaps < 0)),
        "p": test.p if test else np.nan,
        "side": int(np.sign(mean)) * sign if agree else 0,
    }


def _t_test(mean: float, error: float, n: int) -> float:
    """Two-sided p of the paired t test; differences all alike leave no doubt, or no difference."""
    if n < 2:
        return float("nan")
    if error == 0:
        return 1.0 if mean == 0 else 0.0
    return float(2 * stats.t.sf(abs(mean) / error, n - 1))
