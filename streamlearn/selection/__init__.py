"""A few rows that are influential and unlike each other."""

from streamlearn.selection.coverage import coverage, coverage_curve, rows_to_cover
from streamlearn.selection.diversity import Diversity, Measure
from streamlearn.selection.facility_location import FacilityLocation
from streamlearn.selection.kernels import RBF, Cosine, Linear
from streamlearn.selection.local import explain_prediction
from streamlearn.selection.mmd import MMD
from streamlearn.selection.plots import (
    plot_coverage,
    plot_images,
    plot_projection,
    plot_trade_off,
)
from streamlearn.selection.projection import project
from streamlearn.selection.recalculate import influence_without
from streamlearn.selection.select import Selection, select_diverse, trade_off
from streamlearn.selection.sum_redundancy import SumRedundancy
from streamlearn.selection.trade_off import GAMMAS

__all__ = [
    "GAMMAS",
    "MMD",
    "RBF",
    "Cosine",
    "Diversity",
    "FacilityLocation",
    "Linear",
    "Measure",
    "Selection",
    "SumRedundancy",
    "coverage",
    "coverage_curve",
    "explain_prediction",
    "influence_without",
    "plot_coverage",
    "plot_images",
    "plot_projection",
    "plot_trade_off",
    "project",
    "rows_to_cover",
    "select_diverse",
    "trade_off",
]
