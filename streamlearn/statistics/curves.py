"""What a learning curve comes to: areas, final value, labels saved, against a baseline's curve."""

from collections.abc import Collection
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from streamlearn.arrays import Floats
from streamlearn.benchmark.results import FACTORS
from streamlearn.errors import InputError, nearest
from streamlearn.statistics.polylines import Polylines, say

LOWER_IS_BETTER = frozenset({"log_loss", "brier"})
NEEDED = ("labels", "metric", "value")


def summarise(
    curves: pd.DataFrame,
    *,
    baseline: str | None = "random",
    between: str = "strategy",
    target: float | None = None,
    part: float = 1 / 3,
    ranges: Literal["equal", "common"] = "equal",
    lower_is_better: Collection[str] = LOWER_IS_BETTER,
) -> pd.DataFrame:
    """Reduce every learning curve to one row of figures.

    Parameters
    ----------
    curves : DataFrame
        One row a point: ``labels``, ``metric``, ``value``, and what tells the curves apart:
        ``seed`` and any of ``dataset, learner, noise, strategy, trimmer``.
    baseline : str or None
        The level of ``between`` that label savings, deficiency and data utilisation refer to;
        None leaves those columns out.
    between : str
        The factor that is compared. Curves equal in everything else are *paired*.
    target : float, optional
        The value to be reached with as few labels as possible; by default the final value of
        the baseline's paired curve.
    part : float
        What share of the range of labels the first and the last part cover, in (0, 1].
    ranges : {"equal", "common"}
        Paired curves must begin and end at the same number of labels ("equal"), else they
        would be averaged over different stretches; "common" cuts each to the range that all
        curves paired with it share. Points in between need not agree.
    lower_is_better : collection of str
        Metrics of which less is better.

    Returns
    -------
    DataFrame
        One row a curve, sorted, with the columns that tell it apart, and

        - ``higher_is_better`` : of the metric;
        - ``points``, ``low``, ``high`` : points of the curve, first and last label count used;
          ``cut`` : whether it has points outside of them (only where ``ranges`` is "common");
        - ``aulc`` : area under the curve (trapezoids) divided by ``high - low``, so in units of
          the metric; ``aulc_first``, ``aulc_last`` : the same of its first and last part;
        - ``final`` : the value at ``high``;
        - ``labels_to_target`` : label count at which the curve first is as good as the target,
          ``reached`` : whether it is at all; if not, ``high`` stands in;
        - ``label_savings`` : the baseline's ``labels_to_target`` minus the curve's. For a curve
          that has not reached the target this is the most it can have saved;
        - ``deficiency`` : ``(F - aulc) / (F - B)``, F and B being the baseline's final value and
          area: below 1 is better than the baseline; NaN where the baseline never rose (F ≤ B);
        - ``data_utilisation`` : ``labels_to_target`` divided by the baseline's: below 1 is better.

        All figures of a curve that holds a value which is not finite are NaN. So are those
        against the baseline where its paired curve is missing.

    Raises
    ------
    InputError
        If columns are missing, a curve has two different values at one label count, ranges
        are unequal (or have nothing in common), or a name is not known.

    Notes
    -----
    Between two points a curve is taken to be straight: for areas, for values at the ends of a
    common range, and for where it crosses the target. Label counts are the curve's own, initial
    labels included where it counts them.

    Deficiency is that of [1]_ with areas in place of sums over rounds; there it is made of mean
    curves, which ``summarise(average(curves))`` gives: of single noisy curves the ratio can be
    far off. The data utilisation rate is that of [2]_ (the number of labels a strategy needs
    for a performance, divided by what random sampling needs).

    References
    ----------
    .. [1] Baram, El-Yaniv, Luz: Online choice of active learning algorithms. JMLR 5 (2004),
       255-291.
    .. [2] Culver, Kun, Scott: Active learning to maximize area under the ROC curve. ICDM 2006.

    Examples
    --------
    >>> curves = pd.DataFrame({
    ...     "strategy": ["margin"] * 3 + ["random"] * 3, "seed": 0, "metric": "accuracy",
    ...     "labels": [0, 10, 20] * 2, "value": [0.5, 0.9, 0.9, 0.5, 0.6, 0.8],
    ... })
    >>> figures = summarise(curves)
    >>> figures[["strategy", "aulc", "final", "label_savings", "data_utilisation"]].round(3)
      strategy   aulc  final  label_savings  data_utilisation
    0   margin  0.800    0.9           12.5             0.375
    1   random  0.625    0.8            0.0             1.000
    """
    keys = _check(curves, between)
    if not 0 < part <= 1:
        raise InputError(f"part must lie in (0, 1], got {part!r}")
    all_curves = Polylines.of(curves, keys)
    table = all_curves.table
    better_up = ~table["metric"].isin(list(lower_is_better)).to_numpy()
    blocks = _blocks(table, [key for key in keys if key != between])
    low, high = _ranges(all_curves, blocks, ranges, keys)
    stretch = (high - low) * part
    figures: dict[str, NDArray[np.generic]] = {
        "higher_is_better": better_up,
        "points": all_curves.points,
        "low": low,
        "high": high,
        "cut": (all_curves.first < low) | (all_curves.last > high),
        "aulc": all_curves.mean(low, high),
        "aulc_first": all_curves.mean(low, low + stretch),
        "aulc_last": all_curves.mean(high - stretch, high),
        "final": all_curves.at(high),
    }
    if baseline is not None:
        names = table[between]
        if baseline not in set(names):
            raise nearest(baseline, map(str, names.unique()), f"{between} as the baseline")
        reference = _reference(blocks, (names == baseline).to_numpy())
        figures |= _relative(all_curves, figures, reference, target, better_up)
    broken = ~all_curves.finite
    for name, values in figures.items():
        if values.dtype == np.float64 and name not in ("low", "high"):
            values[broken] = np.nan
    return table.assign(**figures)


def average(curves: pd.DataFrame) -> pd.DataFrame:
    """Average the curves of all seeds, point by point.

    Parameters
    ----------
    curves : DataFrame
        As ``summarise`` takes them.

    Returns
    -------
    DataFrame
        One row for each label count of each arm: the columns that tell arms apart, ``metric``,
        ``labels``, ``value`` (mean over seeds), ``error`` (its standard error; NaN for one seed)
        and ``seeds`` (how many have a value there). A band is ``value`` ± ``error``. Where seeds
        have different label counts, ``seeds`` is smaller than it could be: nothing is
        interpolated.

    Examples
    --------
    >>> curves = pd.DataFrame({
    ...     "seed": [0, 1], "metric": "accuracy", "labels": 10, "value": [0.5, 0.7],
    ... })
    >>> average(curves).round(3)
         metric  labels  value  error  seeds
    0  accuracy      10    0.6    0.1      2
    """
    keys = [key for key in _check(curves, None) if key != "seed"]
    values = curves.groupby([*keys, "labels"], observed=True)["value"]
    columns = {"value": values.mean(), "error": values.sem(), "seeds": values.count()}
    return pd.DataFrame(columns).reset_index()


def _check(curves: pd.DataFrame, between: str | None) -> list[str]:
    """The columns that tell curves apart, once all is there that must be."""
    missing = [name for name in NEEDED if name not in curves]
    if missing:
        raise InputError(
            f"curves lack {', '.join(missing)}: they have the columns {', '.join(curves.columns)}"
        )
    if not len(curves):
        raise InputError("there are no curves: got a table without rows; did every cell fail?")
    if curves["labels"].isna().any():
        raise InputError("curves hold a point without a label count (NaN in labels): drop it")
    keys = [name for name in (*FACTORS, "seed", "metric") if name in curves]
    if between is not None and between not in set(keys) - {"seed", "metric"}:
        raise nearest(between, set(keys) - {"seed", "metric"}, "factor to compare")
    return keys


def _blocks(table: pd.DataFrame, by: list[str]) -> NDArray[np.intp]:
    """Number the groups of paired curves."""
    if not by:
        return np.zeros(len(table), dtype=np.intp)
    return np.asarray(table.groupby(by, observed=True).ngroup(), dtype=np.intp)


def _ranges(
    curves: Polylines, blocks: NDArray[np.intp], ranges: str, keys: list[str]
) -> tuple[Floats, Floats]:
    """First and last label count to look at, one pair a curve."""
    if ranges not in ("equal", "common"):
        raise nearest(ranges, ["equal", "common"], "way to treat ranges")
    first, last = curves.first, curves.last
    low = np.full(blocks.max() + 1, -np.inf)
    high = np.full(blocks.max() + 1, np.inf)
    np.maximum.at(low, blocks, first)
    np.minimum.at(high, blocks, last)
    odd = np.flatnonzero((first < low[blocks]) | (last > high[blocks]))
    if ranges == "equal" and len(odd):
        one = odd[0]
        raise InputError(
            f"paired curves differ in their range of labels: {say(curves.table.iloc[one], keys)}"
            f" runs from {first[one]:g} to {last[one]:g}, all of its block only from"
            f" {low[blocks[one]]:g} to {high[blocks[one]]:g};"
            " with ranges='common' they are compared on what they share"
        )
    empty = np.flatnonzero((low > high)[blocks])
    if len(empty):
        one = empty[0]
        raise InputError(
            f"the curves paired with {say(curves.table.iloc[one], keys)} share no label count:"
            f" one begins at {low[blocks[one]]:g}, another ends at {high[blocks[one]]:g};"
            " leave one of them out"
        )
    return low[blocks], high[blocks]


def _reference(blocks: NDArray[np.intp], is_baseline: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Of each curve the index of the baseline's paired with it; -1 where there is none."""
    of_block = np.full(blocks.max() + 1, -1)
    of_block[blocks[is_baseline]] = np.flatnonzero(is_baseline)
    return of_block[blocks]


def _relative(
    curves: Polylines,
    figures: dict[str, NDArray[np.generic]],
    reference: NDArray[np.intp],
    target: float | None,
    up: NDArray[np.bool_],
) -> dict[str, NDArray[np.generic]]:
    """The figures that mean something only against the baseline's curve."""
    lost = reference < 0
    area, final = (np.asarray(figures[name], dtype=np.float64) for name in ("aulc", "final"))
    low, high = (np.asarray(figures[name], dtype=np.float64) for name in ("low", "high"))
    goal = np.where(lost, np.nan, final[reference]) if target is None else np.full(len(up), target)
    labels = np.maximum(curves.reach(goal, up), low)
    reached = labels <= high
    labels = np.where(np.isnan(goal), np.nan, np.minimum(labels, high))
    theirs = np.where(lost, np.nan, labels[reference])
    sign = np.where(up, 1.0, -1.0)
    rise = np.where(lost, np.nan, sign * (final - area)[reference])
    missed = sign * (final[reference] - area)
    # A curve that is flat but for rounding has not risen.
    positive = rise > 1e-12 * np.abs(final[reference])
    return {
        "labels_to_target": labels,
        "reached": reached,
        "label_savings": theirs - labels,
        "deficiency": np.where(positive, missed / np.where(positive, rise, 1.0), np.nan),
        "data_utilisation": labels / np.where(theirs > 0, theirs, np.nan),
    }
