"""What a loader returns, and what a data set says of itself before it is loaded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from streamlearn.errors import InputError, StreamlearnError

Label = str | int | float


class DatasetError(StreamlearnError, OSError):
    """The data of a known set is not to be had here."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """A table with its target and its sensitive column told apart.

    Parameters
    ----------
    name : str
        The name it was loaded by.
    frame : pandas.DataFrame of shape (n, d)
        The features, with the original columns and dtypes. A sensitive attribute that is a column
        of the source stays among them: ``frame.drop(columns=sensitive.name)`` takes it out.
    target : pandas.Series of length n
        The labels, as a person reads them or as ints; same index as ``frame``.
    sensitive : pandas.Series of length n or None
        The sensitive attribute in its original values.
    positive : str, int, float or None
        The positive label; None where the task is not binary.
    split : pandas.Series of length n or None
        The name of the part that each row belongs to ("train", "test", ...).
    description, source, licence : str
        What it is, who published it, under which terms (as far as known).

    Raises
    ------
    InputError
        The indexes differ, or ``positive`` is not among the labels.

    Examples
    --------
    >>> from streamlearn.datasets import load
    >>> load("breast_cancer")
    Dataset('breast_cancer', 569 rows, 30 columns, positive 'malignant')
    """

    name: str
    frame: pd.DataFrame
    target: "pd.Series[Any]"
    sensitive: "pd.Series[Any] | None" = None
    positive: Label | None = None
    split: "pd.Series[str] | None" = None
    description: str = ""
    source: str = ""
    licence: str = ""

    def __post_init__(self) -> None:
        for part in ("target", "sensitive", "split"):
            series = getattr(self, part)
            if series is not None and not series.index.equals(self.frame.index):
                raise InputError(
                    f"dataset {self.name!r}: {part} has {len(series)} rows and frame has "
                    f"{len(self.frame)}, or their indexes differ; give one value a row and the "
                    "index of frame"
                )
        if self.positive is not None and not (self.target == self.positive).any():
            raise InputError(
                f"dataset {self.name!r}: positive={self.positive!r} is not among the labels "
                f"{sorted(map(str, self.target.unique()))[:10]}; name one of them or None"
            )

    def __repr__(self) -> str:
        rows, columns = self.frame.shape
        positive = "" if self.positive is None else f", positive {self.positive!r}"
        return f"Dataset({self.name!r}, {rows} rows, {columns} columns{positive})"


@dataclass(frozen=True, eq=False)
class Prepared:
    """A data set prepared as a paper prepared it: numbers only, in the paper's row order.

    Parameters
    ----------
    name, recipe : str
        The data set and the paper.
    X : ndarray of shape (n, d), float64
    y : ndarray of shape (n,), int64
        1 for the positive label, else 0.
    sensitive : ndarray of shape (n,), int64, or None
        1 for the group that the paper counts as 1, else 0.
    split : ndarray of shape (n,), str
        The part of each row.
    features : tuple of str, length d
        Column names; an indicator column reads ``"column=value"``.
    rows : ndarray of shape (n,), int64
        Where each row stands in the published table.
    dropped : int
        How many rows of the published table the recipe leaves out.
    l2 : float or None
        The penalty that the paper uses, for a loss that is a sum over rows; None where not stated.
    """

    name: str
    recipe: str
    X: NDArray[np.float64]
    y: NDArray[np.int64]
    sensitive: NDArray[np.int64] | None
    split: NDArray[np.str_]
    features: tuple[str, ...]
    rows: NDArray[np.int64]
    dropped: int
    l2: float | None

    def part(
        self, name: str
    ) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64] | None]:
        """Return the rows of one part, in the paper's order.

        Parameters
        ----------
        name : str
            One of the values of ``split``.

        Returns
        -------
        X : ndarray of shape (m, d), float64
        y : ndarray of shape (m,), int64
        sensitive : ndarray of shape (m,), int64, or None

        Raises
        ------
        InputError
            There is no such part.
        """
        mask = self.split == name
        if not mask.any():
            parts = ", ".join(dict.fromkeys(self.split.tolist()))
            raise InputError(f"{self.name!r} has no part {name!r}; its parts are: {parts}")
        sensitive = None if self.sensitive is None else self.sensitive[mask]
        return self.X[mask], self.y[mask], sensitive

    def __repr__(self) -> str:
        parts, counts = np.unique(self.split, return_counts=True)
        sizes = ", ".join(f"{part} {count}" for part, count in zip(parts, counts, strict=True))
        rows, columns = self.X.shape
        return f"Prepared({self.name!r}, {self.recipe!r}, {rows} x {columns}: {sizes})"


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """What is known of a data set before it is loaded; its kinds add how to read it.

    Parameters
    ----------
    name : str
    rows, columns, classes : int
        Size of the frame, and number of distinct labels.
    labels : mapping
        From the labels of the source to those a person reads; empty: kept as they are.
    positive : str, int, float or None
    description, source, licence : str
    """

    name: str
    rows: int
    columns: int
    classes: int
    labels: Mapping[Label, Label] = field(default_factory=dict)
    positive: Label | None = None
    description: str = ""
    source: str = ""
    licence: str = ""

    @property
    def origin(self) -> str:
        """Where the data comes from, in a word or two."""
        raise NotImplementedError

    def available(self) -> bool:
        """Tell whether it can be loaded here without a connection."""
        return True

    def read(self, sensitive: str | None = None) -> Dataset:
        """Load it, with another column than the declared one as the sensitive attribute."""
        raise NotImplementedError

    def dataset(
        self,
        frame: pd.DataFrame,
        target: "pd.Series[Any]",
        sensitive: "pd.Series[Any] | None" = None,
        split: "pd.Series[str] | None" = None,
    ) -> Dataset:
        """Put what was read and what is declared together."""
        return Dataset(
            name=self.name,
            frame=frame,
            target=self._readable(target),
            sensitive=sensitive,
            positive=self.positive,
            split=split,
            description=self.description,
            source=self.source,
            licence=self.licence,
        )

    def _readable(self, target: "pd.Series[Any]") -> "pd.Series[Any]":
        if not self.labels:
            # Narrow integers wrap around in arithmetic on labels.
            return target.astype("int64") if pd.api.types.is_integer_dtype(target) else target
        if unknown := set(target.unique()) - set(self.labels):
            raise DatasetError(
                f"dataset {self.name!r} holds the labels {sorted(map(str, unknown))}, which are "
                f"not among those declared ({', '.join(map(str, self.labels))}); is the file whole?"
            )
        return target.map(dict(self.labels))


def sensitive_column(name: str, frame: pd.DataFrame, column: str | None) -> "pd.Series[Any] | None":
    """Return the column of ``frame`` that was asked for as the sensitive attribute."""
    if column is None:
        return None
    if column not in frame.columns:
        raise InputError(
            f"dataset {name!r} has no column {column!r} to take as sensitive; its columns are: "
            f"{', '.join(map(str, frame.columns[:40]))}"
        )
    return frame[column]
