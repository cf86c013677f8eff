"""Learning curves on matplotlib axes."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd

from streamlearn.errors import InputError
from streamlearn.report.arms import COLOURS, DASHES, MARKERS, Arm, layout_of, levels
from streamlearn.report.averages import bands
from streamlearn.report.comparison import main_metric


def plot_curves(
    curves: pd.DataFrame,
    ax: Any = None,
    *,
    metric: str | None = None,
    between: str | None = None,
    baseline: str | None = None,
    arms: Sequence[Arm] | None = None,
    legend: bool = True,
) -> Any:
    """Draw learning curves: means over seeds with bands of one standard error.

    Parameters
    ----------
    curves : DataFrame
        Of ``Results``, rows of one data set under one learner and noise.
    ax : Axes, optional
        Where to draw; on a new figure by default.
    metric : str, optional
        By default accuracy if it is there, else the first.
    between : str, optional
        The factor compared; by default the first of strategy, trimmer, learner, noise that
        varies.
    baseline : str, optional
        The level of it that is drawn dashed and in black; by default random, of trimmers
        keep_all.
    arms : sequence of Arm, optional
        Which to draw, and how; to draw several data sets alike.
    legend : bool
        Whether to draw one.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        If there is more than one setting, nothing to draw, or an unknown name.

    Examples
    --------
    >>> rows = [("iris", "svm", "none", s, "none", k, n, "accuracy", 0.5 + n / 100 + k / 50)
    ...         for s in ("random", "margin") for k in range(2) for n in (10, 20, 30)]
    >>> names = ["dataset", "learner", "noise", "strategy", "trimmer", "seed", "labels", "metric",
    ...          "value"]
    >>> ax = plot_curves(pd.DataFrame(rows, columns=names))
    >>> [line.get_label() for line in ax.get_lines()]
    ['random', 'margin']
    >>> plt.close(ax.figure)
    """
    chosen = main_metric(curves, metric)
    if chosen is None:
        raise InputError("there is no curve to draw: got a table without rows")
    layout = layout_of(curves, between, baseline)
    part = curves[curves["metric"] == chosen]
    settings = list(levels(part, layout.setting))
    if len(settings) > 1:
        raise InputError(
            f"curves of {len(settings)} settings were given, such as {settings[0]} and "
            f"{settings[1]}; draw one at a time, for example curves[curves.dataset == …]"
        )
    averaged = dict(iter(bands(part).groupby(list(layout.arm), sort=False)))
    ax = axes_of(ax, (5.2, 3.8))
    for arm in layout.arms(curves) if arms is None else arms:
        if arm.key in averaged:
            _curve(ax, averaged[arm.key].sort_values("labels"), arm)
    ax.set(title=settings[0][0], xlabel="labels", ylabel=chosen)
    ax.grid(axis="y", color="#DFE2E8", linewidth=0.8)
    ax.spines[["top", "right"]].set_visible(False)
    if legend:
        ax.legend(frameon=False, fontsize="small")
    return ax


def _curve(ax: Any, part: pd.DataFrame, arm: Arm) -> None:
    """A line, its band, and a marker here and there."""
    x, y, error = (part[name].to_numpy(float) for name in ("labels", "value", "error"))
    every = max(1, len(x) // 6)
    dash = DASHES[arm.dash]
    ax.plot(
        x,
        y,
        label=arm.label,
        color=COLOURS[arm.colour],
        linestyle=(0, dash) if dash else "-",
        linewidth=1.6,
        marker=MARKERS[arm.marker],
        markersize=4.5,
        markevery=(arm.marker % every, every),
    )
    ax.fill_between(x, y - error, y + error, color=COLOURS[arm.colour], alpha=0.16, linewidth=0)


def axes_of(ax: Any, size: tuple[float, float]) -> Any:
    """Return the axes given, or those of a new figure of that many inches."""
    return plt.subplots(figsize=size, layout="constrained")[1] if ax is None else ax
