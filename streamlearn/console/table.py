"""The table of a campaign: what people see of a row, what the learner reads, what is known."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from streamlearn.arrays import Ids, Labels, as_labels
from streamlearn.config import Data
from streamlearn.datasets import load
from streamlearn.errors import InputError, nearest

# What a batch given to a person adds to the table's own columns.
ID, LABEL = "id", "label"


@dataclass(frozen=True, eq=False)
class Table:
    """Rows by id, with the roles of their columns told apart.

    Parameters
    ----------
    shown : DataFrame
        What people see; the index holds the ids.
    features : list of str
        The columns the learner reads.
    target : Series or None
        Known labels, missing where nobody knows; same index.
    """

    shown: pd.DataFrame
    features: list[str]
    target: "pd.Series[Any] | None"

    @property
    def ids(self) -> Ids:
        """The ids, in the order of the table."""
        return self.shown.index.to_numpy(np.int64)

    def read(self, ids: Ids) -> pd.DataFrame:
        """Return what the learner reads of some rows."""
        return self.shown.loc[ids, self.features]

    def known(self) -> Ids:
        """Return the ids whose label is known."""
        if self.target is None:
            return np.empty(0, np.int64)
        return self.ids[self.target.notna().to_numpy()]

    def labels(self, ids: Ids) -> Labels:
        """Return the known labels of some rows."""
        if self.target is None:
            raise InputError("no label of this table is known; name its column as [data].target")
        return as_labels(self.target.reindex(ids).to_numpy(), "labels of the table")


def read_table(data: Data, folder: Path) -> Table:
    """Read the data that a ``[data]`` section names.

    Parameters
    ----------
    data : Data
        The section.
    folder : Path
        Where relative paths start.

    Returns
    -------
    Table

    Raises
    ------
    InputError
        If the file cannot be read, or a column it names is not there.
    """
    target: pd.Series[Any] | None
    if data.name is not None:
        loaded = load(data.name)
        shown, target = loaded.frame, loaded.target
        ids = np.arange(len(shown), dtype=np.int64)
    else:
        path = folder / str(data.table)
        shown = read_file(path)
        for key, names in (("target", [data.target]), ("id", [data.id]), ("drop", data.drop)):
            for name in names:
                if name is not None and name not in shown.columns:
                    kind = f"column of {path.name}"
                    raise InputError(
                        f"[data].{key}: {nearest(name, map(str, shown.columns), kind)}"
                    )
        target = None if data.target is None else _plain(shown[data.target])
        ids = _ids(shown, data.id)
    taken = [name for name in (data.target, data.id) if name is not None]
    taken += [name for name in data.drop if name in (ID, LABEL)]
    shown = shown.drop(columns=[name for name in taken if name in shown.columns])
    for name, role in ((ID, "id"), (LABEL, "target")):
        if name in shown.columns:
            raise InputError(
                f"the table has a column {name!r}, which batches for people need for themselves: "
                f'say [data] {role} = "{name}" if it is that, or name it in [data].drop'
            )
    unknown = [name for name in data.drop if name not in shown.columns and name not in taken]
    if unknown:
        raise InputError(f"[data].drop: {nearest(unknown[0], map(str, shown.columns), 'column')}")
    features = [name for name in shown.columns if name not in data.drop]
    if len(features) == 0 or len(shown) == 0:
        raise InputError(f"the table leaves {len(shown)} rows and {len(features)} columns to learn")
    shown = shown.set_axis(pd.Index(ids), axis=0)
    if target is not None:
        target = target.set_axis(shown.index)
    return Table(shown, features, target)


def read_file(path: Path) -> pd.DataFrame:
    """Read a Parquet or CSV file; a CSV may be separated by comma, semicolon or tab."""
    if not path.is_file():
        raise InputError(f"there is no file {path}; a relative path starts at the TOML file")
    kind = path.suffix.lower()
    if kind not in (".parquet", ".csv", ".tsv", ".txt"):
        raise InputError(f"[data].table must end in .parquet or .csv, got {path.name!r}")
    try:
        if kind == ".parquet":
            return pd.read_parquet(path)
        with path.open(encoding="utf-8-sig", newline="") as file:
            separator = separator_of(file.readline())
        return pd.read_csv(path, sep=separator, encoding="utf-8-sig")
    except (ValueError, OSError) as error:  # pandas and pyarrow derive theirs from these
        raise InputError(f"{path} cannot be read as a table: {error}") from error


def separator_of(header: str, needed: tuple[str, ...] = ()) -> str:
    """Return what separates the columns: the one that finds the columns needed, or the most."""

    def found(separator: str) -> tuple[int, int]:
        names = [name.strip() for name in next(csv.reader([header], delimiter=separator), [])]
        return sum(name in names for name in needed), len(names)

    return max(",;\t", key=found)


def _plain(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Labels without the floats that pandas makes of whole numbers beside empty cells."""
    values = column.convert_dtypes() if column.isna().any() else column
    known = values.dropna()
    if pd.api.types.is_float_dtype(known) and known.nunique() > len(known) / 2:
        raise InputError(
            f"[data].target: column {column.name!r} holds {known.nunique()} different numbers in "
            f"{len(known)} rows, such as {known.iloc[0]}; labels must be classes"
        )
    return values


def _ids(table: pd.DataFrame, column: str | None) -> Ids:
    if column is None:
        return np.arange(len(table), dtype=np.int64)
    values = table[column]
    if not pd.api.types.is_integer_dtype(values) or values.isna().any():
        raise InputError(
            f"[data].id: column {column!r} must hold whole numbers, got {values.dtype}; leave id "
            "out, and rows are numbered 0, 1, 2 …"
        )
    if values.duplicated().any():
        twice = values[values.duplicated()].iloc[0]
        raise InputError(f"[data].id: {column!r} holds {twice} twice; ids must be unique")
    return values.to_numpy(np.int64)
