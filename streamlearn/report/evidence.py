"""Ranks, wins, time and trimming as a page or a figure shows them."""

import math
from typing import Any

import numpy as np
import pandas as pd

from streamlearn.report.averages import times, trimming
from streamlearn.report.diagrams import (
    DotPlot,
    Mark,
    RankDiagram,
    Row,
    dot_plot,
    powers,
    rank_diagram,
)
from streamlearn.report.wording import count
from streamlearn.statistics.ranks import Ranking
from streamlearn.statistics.sentences import p_value
from streamlearn.statistics.wins import WinMatrix


def ranks_drawn(ranking: Ranking) -> RankDiagram:
    """Return the critical-difference diagram of a ranking."""
    ranks = {str(name): rank for name, rank in ranking.ranks.items()}
    return rank_diagram(ranks, ranking.critical_difference, ranking.cliques)


def ranks_titles(rankings: list[Ranking]) -> list[str]:
    """Return what tells rankings apart: what was held fixed in each, as far as it varies."""
    names = [k for k in (rankings[0].where if rankings else ()) if k != "metric"]
    varied = [k for k in names if len({r.where[k] for r in rankings}) > 1]
    return [" · ".join(str(r.where[k]) for k in varied) for r in rankings]


def ranks_said(ranking: Ranking) -> str:
    """Return a ranking in words: do the arms differ, and how the diagram is read."""
    n, k = ranking.table.shape
    differ = "differ" if ranking.p <= ranking.alpha else "are not shown to differ"
    said = (
        f"Over {n} data sets the {k} arms {differ} (Friedman, {p_value(ranking.p)}). Average "
        f"ranks, 1 the best; arms joined by a bar are not told apart (Nemenyi, "
        f"α = {ranking.alpha:g})."
    )
    if ranking.exploratory:
        said += " Exploratory: some data sets have fewer than 20 seeds."
    if ranking.left_out:
        said += f" Left out, for too few seeds have every arm: {', '.join(ranking.left_out)}."
    return said


def win_cells(matrix: WinMatrix) -> list[list[tuple[str, int]]]:
    """Return the text of each cell of a win matrix, and the net wins of its row.

    Parameters
    ----------
    matrix : WinMatrix
        Of ``win_matrix``.

    Returns
    -------
    list of list of tuple (text, net)
        Wins – ties – losses, and in brackets how many blocks had too few seeds; empty on the
        diagonal.
    """
    won, tied, few = (
        frame.to_numpy(np.int64) for frame in (matrix.wins, matrix.ties, matrix.exploratory)
    )
    return [
        [_win_cell(won[i, j], tied[i, j], won[j, i], few[i, j], i == j) for j in range(len(won))]
        for i in range(len(won))
    ]


def wins_said(matrix: WinMatrix, metric: str) -> str:
    """Return what counts as a win."""
    said = (
        f"On {count(matrix.blocks, 'block')} (a data set under one learner, noise and so on), by "
        f"the area under the {metric} curve. A win is a paired difference over seeds that is "
        "significant at the 5 % level (Wilcoxon, with Holm's correction over all pairs of arms)."
    )
    if (matrix.exploratory.to_numpy() > 0).any():
        said += " In brackets: blocks with fewer than 20 seeds, of which nothing is said."
    return said


def times_drawn(cells: pd.DataFrame) -> dict[str, tuple[pd.DataFrame, DotPlot]]:
    """Return for strategies and for trimmers, where they were timed, their times and their plot."""
    found = {}
    for kind, part in times(cells).groupby("kind", sort=False):
        values = zip(*(part[c] for c in ("name", "median", "low", "high")), strict=True)
        rows = [Row(name, [Mark(median, low, high)]) for name, median, low, high in values]
        positive = part[["low", "median", "high"]].to_numpy()
        positive = positive[positive > 0]
        limits = powers(float(positive.min()), float(positive.max()))
        rows = [row for row in rows if row.marks[0].value > 0]
        found[str(kind)] = part, dot_plot(rows, "seconds a run", limits, log=True)
    return found


def trimming_drawn(cells: pd.DataFrame) -> tuple[pd.DataFrame, DotPlot] | None:
    """Return precision and recall of every trimmer under every noise, and their plot."""
    frame = trimming(cells)
    if frame.empty:
        return None
    noisy = frame["noise"].nunique() > 1
    rows = []
    for line in frame.to_dict("records"):
        name = f"{line['noise']} · {line['trimmer']}" if noisy else str(line["trimmer"])
        rows.append(Row(name, [_share(line, "precision", 0), _share(line, "recall", 1)]))
    return frame, dot_plot(rows, "share", (0.0, 1.0))


def _share(line: dict[Any, Any], name: str, kind: int) -> Mark:
    value, error = float(line[name]), float(line[f"{name}_se"])
    error = 0.0 if math.isnan(error) else error
    return Mark(value, value - error, value + error, kind)


def _win_cell(won: int, tied: int, lost: int, few: int, diagonal: bool) -> tuple[str, int]:
    text = f"{won} – {tied} – {lost}" if won + tied + lost else ""
    if few:
        text = f"{text} ({few})".strip()
    return ("", 0) if diagonal else (text, int(won - lost))
