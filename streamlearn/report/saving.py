"""All figures of a comparison as files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from streamlearn.benchmark.results import Results
from streamlearn.errors import nearest
from streamlearn.report.arms import Arm, Layout, labels, layout_of, levels, part_of
from streamlearn.report.comparison import main_metric
from streamlearn.report.evidence import ranks_titles, times_drawn, trimming_drawn
from streamlearn.report.figures import plot_curves
from streamlearn.report.figures_evidence import (
    plot_critical_difference,
    plot_times,
    plot_trimming,
    plot_win_matrix,
)
from streamlearn.statistics.curves import summarise
from streamlearn.statistics.ranks import rankings
from streamlearn.statistics.wins import win_matrix

FORMATS = ("png", "svg", "pdf")
_COLUMNS, _ROWS = 3, 4  # panels of learning curves on one picture


def save_figures(
    results: Results,
    folder: str | Path,
    formats: Sequence[str] = ("png", "svg"),
    *,
    between: str | None = None,
    baseline: str | None = None,
    metric: str | None = None,
    dpi: int = 150,
) -> list[Path]:
    """Write the figures of a comparison: those there is something to draw for.

    Parameters
    ----------
    results : Results
        Of ``compare``.
    folder : str or Path
        Made if it is missing; files of the same names are replaced.
    formats : sequence of {"png", "svg", "pdf"}
        One file each.
    between, baseline, metric : str, optional
        As ``report`` takes them.
    dpi : int
        Dots an inch of a PNG.

    Returns
    -------
    list of Path
        curves (a dozen panels a picture), ranks, wins, time, trimming.

    Raises
    ------
    InputError
        If a name is unknown.

    Examples
    --------
    >>> save_figures(results, "figures", formats=["svg"])  # doctest: +SKIP
    """
    for name in formats:
        if name not in FORMATS:
            raise nearest(name, FORMATS, "format")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    saved: list[Path] = []

    def save(figure: Any, name: str) -> None:
        for suffix in formats:
            path = folder / f"{name}.{suffix}"
            # Without a date and with fixed ids the same results give the same bytes.
            with plt.rc_context({"svg.hashsalt": "streamlearn", "svg.fonttype": "none"}):
                bare = (
                    {} if suffix == "png" else {"Date" if suffix == "svg" else "CreationDate": None}
                )
                figure.savefig(path, dpi=dpi, metadata=bare)
            saved.append(path)
        plt.close(figure)

    layout = layout_of(results.cells, between, baseline)
    chosen = main_metric(results.curves, metric)
    if chosen is not None:
        curves = results.curves[results.curves["metric"] == chosen]
        for number, figure in enumerate(_pictures(results, curves, layout, chosen), 1):
            save(figure, f"curves-{number}")
        main = summarise(curves, between=layout.between, baseline=None, ranges="common")
        found = rankings(main, between=layout.between)
        for title, ranking in zip(ranks_titles(found), found, strict=True):
            ax = plot_critical_difference(ranking)
            ax.set_title(title, loc="left", fontsize="medium")
            save(ax.figure, "ranks" if len(found) == 1 else f"ranks-{_file_name(title)}")
        if main[layout.between].nunique() > 1:
            save(plot_win_matrix(win_matrix(main, between=layout.between)).figure, "wins")
    for kind in times_drawn(results.cells):
        save(plot_times(results.cells, kind=kind).figure, f"time-{kind}")
    if trimming_drawn(results.cells) is not None:
        save(plot_trimming(results.cells).figure, "trimming")
    return saved


def _pictures(results: Results, curves: Any, layout: Layout, metric: str) -> Any:
    """Figures of a dozen panels each, all arms drawn alike, one legend below."""
    arms = layout.arms(results.cells)
    settings = list(levels(curves, layout.setting))
    titles = labels(settings, keep=1, joint=" · ")
    for start in range(0, len(settings), _COLUMNS * _ROWS):
        shown = settings[start : start + _COLUMNS * _ROWS]
        rows, columns = -(-len(shown) // _COLUMNS), min(_COLUMNS, len(shown))
        size = 3.9 * columns, 2.9 * rows + 0.6
        figure, axes = plt.subplots(
            rows, columns, figsize=size, layout="constrained", squeeze=False
        )
        for ax in axes.flat[len(shown) :]:
            ax.set_axis_off()
        for ax, key in zip(axes.flat, shown, strict=False):
            part = part_of(curves, layout.setting, key)
            plot_curves(part, ax, metric=metric, between=layout.between, arms=arms, legend=False)
            ax.set_title(titles[key], fontsize="medium")
        _legend(figure, axes, arms)
        yield figure


def _legend(figure: Any, axes: Any, arms: Sequence[Arm]) -> None:
    """One entry for each arm drawn anywhere in the picture."""
    handles: dict[str, Any] = {}
    for ax in axes.flat:
        for handle, name in zip(*ax.get_legend_handles_labels(), strict=True):
            handles.setdefault(name, handle)
    named = [arm.label for arm in arms if arm.label in handles]
    columns = min(len(named), 5)
    figure.legend(
        [handles[name] for name in named], named, loc="outside lower center", ncols=columns,
        frameon=False, fontsize="small",
    )  # fmt: skip


def _file_name(title: str) -> str:
    return "".join(c if c.isalnum() or c in "._" else "-" for c in title).strip("-")
