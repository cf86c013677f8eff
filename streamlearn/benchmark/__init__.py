"""Comparisons: strategies, trimmers and learners over data sets and seeds, and what they show."""

from streamlearn.benchmark.curves import average, summarise
from streamlearn.benchmark.engine import compare
from streamlearn.benchmark.finding import Finding
from streamlearn.benchmark.findings import findings
from streamlearn.benchmark.nemenyi import critical_difference
from streamlearn.benchmark.paired import paired
from streamlearn.benchmark.ranks import Ranking, rank, rankings
from streamlearn.benchmark.results import FACTORS, Results
from streamlearn.benchmark.suites import suite
from streamlearn.benchmark.wins import WinMatrix, win_matrix

__all__ = [
    "FACTORS",
    "Finding",
    "Ranking",
    "Results",
    "WinMatrix",
    "average",
    "compare",
    "critical_difference",
    "findings",
    "paired",
    "rank",
    "rankings",
    "suite",
    "summarise",
    "win_matrix",
]
