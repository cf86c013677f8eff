"""Learning curves as small multiples: one panel for each setting and metric, drawn as SVG."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from streamlearn.report import geometry
from streamlearn.report.arms import Arm, Key, Layout, labels, levels

WIDTH, HEIGHT = 340, 226
LEFT, RIGHT, TOP, BOTTOM = 40, 14, 8, 34  # what the template charts.html.j2 leaves free, too
MOST_POINTS, MARKED = 80, 6  # more points than this a curve are not told apart on 300 units


@dataclass(frozen=True)
class Line:
    """One arm in a panel: paths, and the values behind them."""

    arm: int
    name: str
    line: str
    band: str
    markers: str
    labels: str
    means: str
    errors: str


@dataclass(frozen=True)
class Panel:
    """One small chart."""

    title: str
    setting: Mapping[str, str]
    metric: str
    caption: str
    description: str
    lines: list[Line]
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    range: str
    ends: str
    unit: str
    thinned: bool


def panels(
    averaged: pd.DataFrame, arms: Sequence[Arm], layout: Layout, unit: str = "labels"
) -> list[Panel]:
    """Return a panel for each metric and setting of averaged curves.

    Parameters
    ----------
    averaged : DataFrame
        Made by ``bands``.
    arms : sequence of Arm
        In the order in which they are numbered and listed.
    layout : Layout
        What makes an arm.
    unit : str
        What the curves run over.

    Returns
    -------
    list of Panel
        By metric, then by setting, in order of appearance.
    """
    settings = list(levels(averaged, layout.setting))
    titles = labels(settings, keep=1, joint=" · ")
    found = []
    for metric in averaged["metric"].unique():
        chosen = averaged[averaged["metric"] == metric]
        parts = dict(iter(chosen.groupby(list(layout.setting), sort=False)))
        for key in settings:
            if key in parts:
                setting = dict(zip(layout.setting, key, strict=True))
                found.append(panel(parts[key], arms, layout.arm, titles[key], setting, unit))
    return found


def panel(
    part: pd.DataFrame,
    arms: Sequence[Arm],
    factors: Key,
    title: str,
    setting: Mapping[str, str],
    unit: str = "labels",
) -> Panel:
    """Return the panel of one setting and one metric.

    Parameters
    ----------
    part : DataFrame
        Rows of ``bands`` of one setting and metric.
    arms : sequence of Arm
        Those without a row are left out.
    factors : tuple of str
        What makes an arm.
    title : str
        What stands above.
    setting : mapping of str to str
        Factor to level.
    unit : str
        What the curves run over.

    Returns
    -------
    Panel
    """
    error = part["error"].fillna(0.0).to_numpy()
    mean = part["value"].to_numpy(float)
    low, high = geometry.around(np.nanmin(mean - error), np.nanmax(mean + error))
    first, last = float(part["labels"].min()), float(part["labels"].max())
    across = geometry.Scale(first, max(last, first + 1), LEFT, WIDTH - RIGHT)
    up = geometry.Scale(low, high, HEIGHT - BOTTOM, TOP)
    groups = dict(iter(part.groupby(list(factors), sort=False)))
    lines, ends, thinned = [], [], False
    for number, arm in enumerate(arms):
        if arm.key in groups:
            whole = groups[arm.key].sort_values("labels")
            shown = whole.iloc[_spread(len(whole), MOST_POINTS)]
            thinned |= len(shown) < len(whole)
            lines.append(_line(shown, number, arm, across, up))
            final = whole.iloc[-1]
            ends.append(
                (float(final["value"]), f"{arm.label} {_pm(final['value'], final['error'])}")
            )
    metric = str(part["metric"].iloc[0])
    seeds = _seeds(part["seeds"])
    ends.sort(key=lambda end: -end[0])
    said = f"{ends[0][1]}" if len(ends) == 1 else f"{ends[0][1]}, the lowest {ends[-1][1]}"
    return Panel(
        title=title,
        setting=setting,
        metric=metric,
        caption=f"{metric}, {seeds}",
        description=(
            f"Mean {metric} over {seeds} from {first:g} to {last:g} {unit}. "
            f"At the end the highest is {said}."
        ),
        lines=lines,
        x_ticks=across.ticks(5),
        y_ticks=up.ticks(5),
        range=f"{first:g} {last:g}",
        ends=f"{geometry.number(float(across(first)))} {geometry.number(float(across(last)))}",
        unit=unit,
        thinned=thinned,
    )


def _line(
    shown: pd.DataFrame, number: int, arm: Arm, across: geometry.Scale, up: geometry.Scale
) -> Line:
    labels, mean, se = (shown[name].to_numpy(float) for name in ("labels", "value", "error"))
    x, y = across(labels), up(mean)
    # Markers start at another point for each arm, so that curves on top of each other show all.
    at = _spread(len(x), MARKED, number)
    return Line(
        arm=number,
        name=arm.label,
        line=geometry.line(x, y),
        band=geometry.band(x, up(mean - se), up(mean + se)),
        markers=geometry.markers(x[at], y[at], arm.marker),
        labels=" ".join(f"{label:g}" for label in labels),
        means=geometry.numbers(mean),
        errors=geometry.numbers(se),
    )


def _spread(n: int, most: int, shift: int = 0) -> NDArray[np.intp]:
    """Return at most ``most`` of n positions, evenly spread; with a shift, off the ends."""
    if n <= most:
        return np.arange(n, dtype=np.intp)
    if not shift:
        return np.unique(np.linspace(0, n - 1, most).round().astype(np.intp))
    step = n / most
    return np.unique(((np.arange(most) + shift * 0.37 % 1.0) * step).astype(np.intp))


def _seeds(counts: pd.Series) -> str:
    low, high = int(counts.min()), int(counts.max())
    if low == high:
        return f"{high} seed" if high == 1 else f"{high} seeds"
    return f"{low} to {high} seeds"


def _pm(mean: float, error: float) -> str:
    return f"{mean:.3f}" if np.isnan(error) else f"{mean:.3f} ± {error:.3f}"
