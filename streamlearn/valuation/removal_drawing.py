"""Drawing removal curves: one axes an objective, bands of one standard error over seeds."""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd

from streamlearn.errors import InputError, nearest

# Okabe and Ito's palette, apart in every common form of colour blindness; chance is grey
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_CHANCE = "#888888"


def plot_removal(
    curve: pd.DataFrame, watched: str, *, what: str = "metric", by: str = "arm", ax: Any = None
) -> Any:
    """Draw one objective of `removal_curve` over the share of rows acted on.

    Parameters
    ----------
    curve : DataFrame
        Of `removal_curve`, or several put together (splits told apart by ``seed``, methods or
        actions by a column of their own, named by ``by``).
    watched : str
        Which objective.
    what : {"metric", "value"}, default="metric"
        Hard metric or smooth objective.
    by : str, default="arm"
        Column that tells the lines apart. Bands are one standard error over ``seed``.
    ax : Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes
        The axes drawn on. The grey line is the model before, a diamond marks the first point of a
        line of values where no harmful row is left.

    Examples
    --------
    >>> curve = pd.DataFrame({"arm": "values", "seed": -1, "share": [0.0, 0.05], "harmful": [1, 0],
    ...     "watched": "test", "value": [0.4, 0.3], "metric": [0.8, 0.9]})
    >>> axes = plot_removal(curve, "test")
    >>> axes.get_ylabel(), len(axes.get_lines())
    ('test', 3)
    >>> plt.close("all")
    """
    if what not in ("metric", "value"):
        raise nearest(what, ("metric", "value"), "quantity of a removal curve")
    if by not in curve.columns:
        raise nearest(by, [str(c) for c in curve.columns], "column of the curve")
    rows = curve[curve["watched"] == watched]
    if rows.empty:
        raise nearest(watched, curve["watched"].unique().tolist(), "objective of the curve")
    if ax is None:
        _, ax = plt.subplots(figsize=(5, 3.5), layout="constrained")
    start = rows[rows["share"] == 0][what].mean()
    ax.axhline(start, color="#BBBBBB", lw=1, zorder=0)
    for name, colour in _colours(rows[by].unique().tolist()).items():
        line = rows[rows[by] == name]
        over = line.groupby("share")[what].agg(["mean", "sem", "count"])
        share = over.index.to_numpy()
        ax.plot(share, over["mean"], color=colour, lw=1.8, label=str(name))
        if (over["count"] > 1).any():
            error = over["sem"].fillna(0.0)
            low, high = over["mean"] - error, over["mean"] + error
            ax.fill_between(share, low, high, color=colour, alpha=0.2, lw=0)
        empty = line[(line["harmful"] == 0) & (line["arm"] == "values")]["share"]
        if not empty.empty:
            at = float(empty.min())
            ax.plot(at, over["mean"].loc[at], "D", color=colour, ms=6, mec="white")
    ax.set_xlabel("share of the training rows acted on")
    ax.set_ylabel(watched)
    ax.xaxis.set_major_formatter(lambda x, _: f"{100 * x:.0f} %")
    ax.spines[["top", "right"]].set_visible(False)
    if rows[by].nunique() > 1:
        ax.legend(frameon=False)
    return ax


def _colours(names: list[Any]) -> dict[Any, str]:
    """A colour for each line."""
    others = [name for name in names if name != "random"]
    if len(others) > len(_COLOURS):
        raise InputError(
            f"{len(others)} lines are too many to tell apart; draw {len(_COLOURS)} at most"
        )
    return dict(zip(others, _COLOURS, strict=False)) | {
        name: _CHANCE for name in names if name == "random"
    }
