"""Data sets by name: as frames with their roles told apart, or prepared as a paper did."""

from streamlearn.datasets.dataset import Dataset, DatasetError, Prepared
from streamlearn.datasets.loading import load, names, summary

__all__ = ["Dataset", "DatasetError", "Prepared", "load", "names", "summary"]
