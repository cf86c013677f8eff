"""Means over seeds: what the figures draw and the tables print."""

import numpy as np
import pandas as pd

from streamlearn.benchmark.results import FACTORS
from streamlearn.statistics.curves import average

_KEYS = [*FACTORS, "metric"]


def bands(curves: pd.DataFrame) -> pd.DataFrame:
    """Average learning curves over seeds, whatever label counts each was scored at.

    Parameters
    ----------
    curves : DataFrame
        Tidy: dataset, learner, noise, strategy, trimmer, seed, labels, metric, value.

    Returns
    -------
    DataFrame
        As ``streamlearn.statistics.average`` has it: value, error and seeds for each arm of each
        setting, metric and number of labels, arms in the order in which they come.

    Notes
    -----
    Where the seeds of an arm were scored at different numbers of labels, or a score is NaN, each
    seed's curve is interpolated linearly between its own points, never beyond them: else the
    mean would jump from seed to seed.

    Examples
    --------
    >>> rows = [("d", "l", "n", "s", "t", k, 10, "accuracy", v) for k, v in enumerate([0.7, 0.9])]
    >>> names = [*FACTORS, "seed", "labels", "metric", "value"]
    >>> bands(pd.DataFrame(rows, columns=names))[["value", "error", "seeds"]].round(3)
       value  error  seeds
    0    0.8    0.1      2
    """
    known = curves.dropna(subset="value")
    order = known[_KEYS].drop_duplicates()
    if known.empty:
        return order.assign(labels=[], value=[], error=[], seeds=[])
    averaged = average(known)
    scored = known.groupby(_KEYS)["seed"].nunique().rename("scored").reset_index()
    short = averaged["seeds"] < averaged[_KEYS].merge(scored, on=_KEYS)["scored"]
    if short.any():
        arms = averaged.loc[short, _KEYS].drop_duplicates()
        parts = known.merge(arms, on=_KEYS).groupby(_KEYS)
        aligned = average(pd.concat([_aligned(part) for _, part in parts], ignore_index=True))
        even = averaged.merge(arms, on=_KEYS, how="left", indicator="_found")
        averaged = pd.concat([averaged[even["_found"] == "left_only"], aligned])
    return order.merge(averaged, on=_KEYS)


def times(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the seconds a run spends in its strategy and its trimmer.

    Parameters
    ----------
    cells : DataFrame
        One row a cell, with query_seconds, trim_seconds and seconds.

    Returns
    -------
    DataFrame
        One row for each part timed: ``kind`` ("strategy" or "trimmer"), ``name``, the
        ``median`` over the cells that are done, their 10 % and 90 % quantiles ``low`` and
        ``high``, and ``runs``, how many cells there are. Fastest first.
    """
    done = cells[cells["status"] == "done"]
    found = []
    for kind, column in (("strategy", "query_seconds"), ("trimmer", "trim_seconds")):
        for name, part in done.groupby(kind, sort=False)[column]:
            seconds = part.dropna().to_numpy(float)
            if len(seconds) and seconds.max() > 0:
                low, median, high = np.quantile(seconds, [0.1, 0.5, 0.9])
                found.append((kind, str(name), median, low, high, len(seconds)))
    frame = pd.DataFrame(found, columns=["kind", "name", "median", "low", "high", "runs"])
    return frame.sort_values(["kind", "median"], kind="stable", ignore_index=True)


def trimming(cells: pd.DataFrame) -> pd.DataFrame:
    """Return how well each trimmer found the wrong labels.

    Parameters
    ----------
    cells : DataFrame
        One row a cell, with precision and recall (NaN where nothing was trimmed or wrong).

    Returns
    -------
    DataFrame
        One row for each noise and trimmer that has a figure: precision, recall, the standard
        errors precision_se and recall_se over runs, and ``runs``.
    """
    done = cells[(cells["status"] == "done") & cells[["precision", "recall"]].notna().any(axis=1)]
    groups = done.groupby(["noise", "trimmer"], sort=False)[["precision", "recall"]]
    frame = groups.mean().join(groups.sem().add_suffix("_se")).join(groups.size().rename("runs"))
    return frame.reset_index()


def _aligned(part: pd.DataFrame) -> pd.DataFrame:
    """Give all seeds of one arm a value at every label count of any of them, inside their range."""
    points = part.drop_duplicates(["seed", "labels"], keep="last")
    wide = points.pivot(index="labels", columns="seed", values="value").sort_index()
    long = wide.interpolate(method="index", limit_area="inside").melt(ignore_index=False)
    return part[_KEYS].iloc[:1].merge(long.dropna().reset_index(), how="cross")
