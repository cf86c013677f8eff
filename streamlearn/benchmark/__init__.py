"""Comparisons: strategies, trimmers and learners over data sets and seeds, and what they show."""

from streamlearn.benchmark.engine import compare
from streamlearn.benchmark.results import FACTORS, Results

__all__ = ["FACTORS", "Results", "compare"]
