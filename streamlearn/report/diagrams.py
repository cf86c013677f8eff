"""Critical-difference diagrams and dot plots, laid out for SVG and for matplotlib alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from streamlearn.report.geometry import Scale

ROW = 20.0
LETTER = 8.0  # how wide one is, about, in the 13 units that names are written in


@dataclass(frozen=True)
class Label:
    """An arm beside the axis of ranks: where its rank lies, and where its name stands."""

    name: str
    rank: float
    x: float
    y: float
    left: bool


@dataclass(frozen=True)
class RankDiagram:
    """A critical-difference diagram in user units; y runs downwards from the axis at 0."""

    width: float
    height: float
    start: float
    end: float
    ticks: list[tuple[float, str]]
    labels: list[Label]
    bars: list[tuple[float, float, float]]
    distance: float | None
    description: str


def rank_diagram(
    ranks: Mapping[str, float],
    critical: float | None,
    cliques: Sequence[Sequence[str]],
    length: float = 330.0,
) -> RankDiagram:
    """Lay out a critical-difference diagram.

    Parameters
    ----------
    ranks : mapping of str to float
        Average rank of each arm, 1 the best.
    critical : float or None
        Ranks nearer than this are not told apart.
    cliques : sequence of sequences of str
        Groups that are joined by a bar.
    length : float
        Of the axis; names take what they need at both sides.

    Returns
    -------
    RankDiagram
        The better half has its names on the left, the other on the right.

    References
    ----------
    Demšar (2006), Statistical comparisons of classifiers over multiple data sets, JMLR 7,
    section 3.2.2 and figure 1.
    """
    names = sorted(ranks, key=lambda name: (ranks[name], name))
    low, high = 1.0, float(max(len(names), 2))
    margin = max(90.0, 24 + LETTER * (max(map(len, names)) + 5))
    scale = Scale(low, high, margin, margin + length)
    at = {name: float(scale(ranks[name])) for name in names}
    bars = []
    for level, clique in enumerate(sorted(cliques, key=lambda c: min(ranks[n] for n in c))):
        places = [at[name] for name in clique]
        bars.append((min(places) - 3, max(places) + 3, 14.0 + 7.0 * level))
    top = 22.0 + 7.0 * len(bars)
    half = (len(names) + 1) // 2
    left, right = names[:half], names[half:]
    labels = [
        Label(name, ranks[name], at[name], top + ROW * row, True) for row, name in enumerate(left)
    ]
    labels += [
        Label(name, ranks[name], at[name], top + ROW * row, False)
        for row, name in enumerate(reversed(right))
    ]
    apart = "; ".join(" and ".join(clique) for clique in cliques)
    return RankDiagram(
        width=length + 2 * margin,
        height=top + ROW * half,
        start=scale.start,
        end=scale.end,
        ticks=[(float(scale(k)), f"{k:g}") for k in _whole(low, high)],
        labels=labels,
        bars=bars,
        distance=None if critical is None else float(scale(low + critical) - scale(low)),
        description="Average ranks, 1 the best: "
        + ", ".join(f"{name} {ranks[name]:.2f}" for name in names)
        + (f". Critical difference {critical:.2f}." if critical is not None else ".")
        + (f" Not told apart: {apart}." if apart else ""),
    )


@dataclass(frozen=True)
class Mark:
    """A value with its range, in the values' own unit."""

    value: float
    low: float
    high: float
    kind: int = 0


@dataclass(frozen=True)
class Row:
    """One row of a dot plot."""

    name: str
    marks: Sequence[Mark]


@dataclass(frozen=True)
class DotPlot:
    """Dots with ranges, a row a name, in user units."""

    width: float
    height: float
    start: float
    end: float
    ticks: list[tuple[float, str]]
    rows: list[tuple[float, str, list[tuple[float, float, float, int]]]]
    values: Sequence[Row]
    unit: str
    description: str


def dot_plot(
    rows: Sequence[Row],
    unit: str,
    limits: tuple[float, float],
    log: bool = False,
    width: float = 640.0,
) -> DotPlot:
    """Lay out a dot plot.

    Parameters
    ----------
    rows : sequence of Row
        From top to bottom.
    unit : str
        What the axis is in.
    limits : tuple of float
        The ends of the axis.
    log : bool
        Whether equal steps are equal ratios.
    width : float
        Of the whole drawing.

    Returns
    -------
    DotPlot
    """
    longest = max((len(row.name) for row in rows), default=0)
    start = min(0.6 * width, 16 + LETTER * longest)
    scale = Scale(*limits, start, width - 14, log)
    placed = []
    for k, row in enumerate(rows):
        marks = []
        for mark in row.marks:
            if not np.isnan(mark.value):
                ends = np.clip([mark.low, mark.high], *limits)
                low, high = scale(np.where(np.isnan(ends), mark.value, ends))
                marks.append((float(scale(mark.value)), float(low), float(high), mark.kind))
        placed.append((ROW * (k + 0.5), row.name, marks))
    return DotPlot(
        width=width,
        height=ROW * len(rows) + 34,
        start=scale.start,
        end=scale.end,
        ticks=scale.ticks(6),
        rows=placed,
        values=rows,
        unit=unit,
        description=f"{unit[:1].upper()}{unit[1:]}: "
        + "; ".join(
            f"{row.name} " + ", ".join(f"{mark.value:.3g}" for mark in row.marks) for row in rows
        ),
    )


def powers(low: float, high: float) -> tuple[float, float]:
    """Return the powers of ten around two positive values."""
    ends = np.floor(np.log10(low)), np.ceil(np.log10(high))
    return 10.0 ** ends[0], 10.0 ** max(ends[1], ends[0] + 1)


def _whole(low: float, high: float) -> list[int]:
    """Whole numbers from low to high, at most a dozen of them."""
    step = max(1, round((high - low) / 10))
    return list(range(int(low), int(high) + 1, step))
