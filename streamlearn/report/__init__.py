"""One-file HTML reports of comparisons and single runs, and their figures on matplotlib axes."""

from streamlearn.report.digest import digest
from streamlearn.report.figures import plot_curves
from streamlearn.report.figures_evidence import (
    plot_critical_difference,
    plot_times,
    plot_trimming,
    plot_win_matrix,
)
from streamlearn.report.page import report
from streamlearn.report.saving import save_figures
from streamlearn.report.single import SingleRun

__all__ = [
    "SingleRun",
    "digest",
    "plot_critical_difference",
    "plot_curves",
    "plot_times",
    "plot_trimming",
    "plot_win_matrix",
    "report",
    "save_figures",
]
