"""Comparisons: strategies, trimmers and learners over data sets and seeds."""

from streamlearn.benchmark.engine import compare
from streamlearn.benchmark.results import FACTORS, Results
from streamlearn.benchmark.suites import suite

__all__ = ["FACTORS", "Results", "compare", "suite"]
