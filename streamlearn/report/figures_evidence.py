"""Ranks, wins, times and trimming on matplotlib axes."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from streamlearn.errors import InputError
from streamlearn.report.arms import COLOURS, MARKERS
from streamlearn.report.diagrams import DotPlot
from streamlearn.report.evidence import ranks_drawn, times_drawn, trimming_drawn, win_cells
from streamlearn.report.figures import axes_of
from streamlearn.statistics.ranks import Ranking
from streamlearn.statistics.wins import WinMatrix

INK, GREY = "#222222", "#5B6270"
WON, LOST = "#D3E8F5", "#FBE3D3"


def plot_critical_difference(ranking: Ranking, ax: Any = None) -> Any:
    """Draw average ranks over data sets, with bars over arms that are not told apart.

    Parameters
    ----------
    ranking : Ranking
        Of ``rank`` or ``rankings``.
    ax : Axes, optional
        Where to draw; on a new figure by default.

    Returns
    -------
    Axes

    References
    ----------
    Demšar (2006), Statistical comparisons of classifiers over multiple data sets, JMLR 7,
    figure 1.

    Examples
    --------
    >>> from matplotlib.pyplot import close
    >>> from streamlearn.statistics.ranks import rank
    >>> table = pd.DataFrame({"margin": [0.9, 0.8, 0.7], "random": [0.8, 0.7, 0.6]})
    >>> ax = plot_critical_difference(rank(table))
    >>> [text.get_text() for text in ax.texts if "margin" in text.get_text()]
    ['margin  1.00']
    >>> close(ax.figure)
    """
    d = ranks_drawn(ranking)
    ax = axes_of(ax, (d.width / 95, (d.height + 60) / 80))
    ax.set(xlim=(0, d.width), ylim=(d.height + 6, -48))
    ax.set_axis_off()
    style = {"color": INK, "linewidth": 1.0, "solid_capstyle": "butt"}
    ax.plot([d.start, d.end], [0, 0], **style)
    for x, text in d.ticks:
        ax.plot([x, x], [0, -5], **style)
        ax.text(x, -8, text, ha="center", va="bottom", color=INK)
    if d.distance is not None:
        ax.plot([d.start, d.start + d.distance], [-30, -30], marker="|", **style)
        said = f"critical difference {ranking.critical_difference:.2f}"
        ax.text(d.start + d.distance + 8, -30, said, va="center", color=GREY)
    for low, high, y in d.bars:
        ax.plot([low, high], [y, y], color=INK, linewidth=4, solid_capstyle="round", alpha=0.75)
    for label in d.labels:
        end = d.start - 16 if label.left else d.end + 16
        ax.plot([label.x, label.x, end], [0, label.y, label.y], **style)
        ax.text(
            end + (-6 if label.left else 6),
            label.y,
            f"{label.name}  {label.rank:.2f}",
            ha="right" if label.left else "left",
            va="center",
            color=INK,
        )
    return ax


def plot_win_matrix(matrix: WinMatrix, ax: Any = None) -> Any:
    """Draw who beats whom: wins – ties – losses of the row against the column.

    Parameters
    ----------
    matrix : WinMatrix
        Of ``win_matrix``.
    ax : Axes, optional
        Where to draw; on a new figure by default.

    Returns
    -------
    Axes
        In brackets: blocks with too few seeds, of which nothing is said.

    Examples
    --------
    >>> from matplotlib.pyplot import close
    >>> names = ["margin", "random"]
    >>> counts = [pd.DataFrame(c, names, names) for c in ([[0, 2], [0, 0]], [[0, 1], [1, 0]], 0)]
    >>> ax = plot_win_matrix(WinMatrix(*counts, blocks=3))
    >>> [text.get_text() for text in ax.texts]
    ['2 – 1 – 0', '0 – 1 – 2']
    >>> close(ax.figure)
    """
    names, cells = list(matrix.wins.index), win_cells(matrix)
    ax = axes_of(ax, (1.6 + 1.1 * len(names), 1.0 + 0.45 * len(names)))
    for y, row in enumerate(cells):
        for x, (text, net) in enumerate(row):
            if net:
                ax.axvspan(
                    x - 0.5,
                    x + 0.5,
                    1 - (y + 1) / len(names),
                    1 - y / len(names),
                    color=WON if net > 0 else LOST,
                    linewidth=0,
                )
            if text:
                ax.text(x, y, text, ha="center", va="center", color=INK, fontsize="small")
    ax.set(xlim=(-0.5, len(names) - 0.5), ylim=(len(names) - 0.5, -0.5))
    ax.set_xticks(range(len(names)), names, rotation=30 if len(names) > 4 else 0, ha="center")
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(length=0, top=False)
    ax.spines[:].set_visible(False)
    ax.set_title("wins – ties – losses, row against column", loc="left", fontsize="medium")
    return ax


def plot_times(cells: pd.DataFrame, ax: Any = None, *, kind: str = "strategy") -> Any:
    """Draw the seconds a run spends in its strategy or its trimmer.

    Parameters
    ----------
    cells : DataFrame
        Of ``Results``.
    ax : Axes, optional
        Where to draw; on a new figure by default.
    kind : {"strategy", "trimmer"}
        Which.

    Returns
    -------
    Axes
        Dots are medians over runs, lines go from the fastest tenth to the slowest.

    Raises
    ------
    InputError
        If nothing of that kind was timed.

    Examples
    --------
    >>> from matplotlib.pyplot import close
    >>> cells = pd.DataFrame({"strategy": ["random", "margin"], "trimmer": "none",
    ...     "status": "done", "query_seconds": [0.002, 0.05], "trim_seconds": 0.0})
    >>> ax = plot_times(cells)
    >>> [label.get_text() for label in ax.get_yticklabels()], ax.get_xscale()
    (['random', 'margin'], 'log')
    >>> close(ax.figure)
    """
    drawn = times_drawn(cells)
    if kind not in drawn:
        raise InputError(f"no {kind} was timed; these were: {', '.join(drawn) or 'none'}")
    plot = drawn[kind][1]
    ax = _dots(plot, ax)
    ax.set_xscale("log")
    ax.set_title(f"Time of each {kind}", loc="left", fontsize="medium")
    return ax


def plot_trimming(cells: pd.DataFrame, ax: Any = None) -> Any:
    """Draw precision and recall of each trimmer, ± one standard error over runs.

    Parameters
    ----------
    cells : DataFrame
        Of ``Results``.
    ax : Axes, optional
        Where to draw; on a new figure by default.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        If nothing was trimmed.

    Examples
    --------
    >>> from matplotlib.pyplot import close
    >>> cells = pd.DataFrame({"noise": "symmetric", "trimmer": "loss", "status": "done",
    ...     "precision": [0.5, 0.7], "recall": [0.2, 0.3]})
    >>> ax = plot_trimming(cells)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['precision', 'recall']
    >>> close(ax.figure)
    """
    drawn = trimming_drawn(cells)
    if drawn is None:
        raise InputError("no run trimmed anything, or nothing was wrong: there is nothing to draw")
    ax = _dots(drawn[1], ax, ("precision", "recall"))
    ax.set(xlim=(0, 1))
    ax.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1.0, 1.0))
    ax.set_title("Precision and recall of trimming", loc="left", fontsize="medium")
    return ax


def _dots(plot: DotPlot, ax: Any, kinds: Sequence[str] = ("",)) -> Any:
    """A dot plot, a row a name."""
    ax = axes_of(ax, (6.4, 0.9 + 0.28 * len(plot.rows)))
    for n, name in enumerate(kinds):
        style = {"color": COLOURS[n + 1], "marker": MARKERS[n], "linestyle": "", "markersize": 5}
        marks = [
            (y, mark) for y, row in enumerate(plot.values) for mark in row.marks if mark.kind == n
        ]
        ax.hlines(
            [y for y, _ in marks],
            [mark.low for _, mark in marks],
            [mark.high for _, mark in marks],
            color=COLOURS[n + 1],
            linewidth=1.6,
        )
        ax.plot([mark.value for _, mark in marks], [y for y, _ in marks], label=name, **style)
    ax.set_yticks(range(len(plot.values)), [row.name for row in plot.values])
    ax.set(ylim=(len(plot.values) - 0.5, -0.5), xlabel=plot.unit)
    ax.grid(axis="x", color="#DFE2E8", linewidth=0.8)
    ax.tick_params(axis="y", length=0)
    ax.spines[["top", "right", "left"]].set_visible(False)
    return ax
