"""The Parquet tables of the folder named by the environment variable STREAMLEARN_DATA."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.lib as arrow

from streamlearn.datasets.dataset import Dataset, DatasetError, Declaration, sensitive_column
from streamlearn.errors import InputError

VARIABLE = "STREAMLEARN_DATA"
# Names of one and the same part in different tables.
PARTS = {"val": "validation", "dev": "validation"}


def read_table(file: str) -> pd.DataFrame:
    """Read one table of the folder, as it was published.

    Parameters
    ----------
    file : str
        Its file name.

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    DatasetError
        The variable is not set, or the folder or the file is missing or broken.
    """
    folder = os.environ.get(VARIABLE)
    if not folder:
        raise DatasetError(
            f"{file} is looked for in the folder named by the environment variable {VARIABLE}, "
            f"which is not set: set it to the folder that holds {file}"
        )
    path = Path(folder) / file
    if not path.is_file():
        what = "holds no such file" if Path(folder).is_dir() else "is no folder"
        raise DatasetError(
            f"{file} is missing: {folder!r}, which the environment variable {VARIABLE} names, "
            f"{what}; put {file} there or let {VARIABLE} name the folder that holds it"
        )
    try:
        return pd.read_parquet(path, engine="pyarrow")
    except arrow.ArrowInvalid as error:
        raise DatasetError(f"{path} is not a whole Parquet file ({error}): copy it anew") from error


@dataclass(frozen=True, kw_only=True)
class Table(Declaration):
    """A table of the folder: which of its columns is what.

    Parameters
    ----------
    file : str
    target : str
        Column of the label.
    features : tuple of str
        Columns of the frame; empty: all but the target, the split and ``without``.
    without : tuple of str
        Columns that are no features: other outcomes, identifiers, what leaks the target.
    sensitive : str or None
        Column of the sensitive attribute.
    split : str or None
        Column that names the part of a row.
    pixels : str or None
        Column of fixed-size bytes to spread over one column a pixel.
    texts : str or None
        File with the texts that the rows were embedded from, where the labels are. The column
        ``row`` says which text a row is, and becomes the index of the frame.
    """

    file: str
    target: str
    features: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    sensitive: str | None = None
    split: str | None = None
    pixels: str | None = None
    texts: str | None = None

    @property
    def origin(self) -> str:
        """Where the data comes from, in a word or two."""
        return f"{VARIABLE}/{self.file}"

    def available(self) -> bool:
        """Tell whether its files are in the folder."""
        folder = os.environ.get(VARIABLE, "")
        files = [file for file in (self.file, self.texts) if file]
        return bool(folder) and all(Path(folder, file).is_file() for file in files)

    def read(self, sensitive: str | None = None) -> Dataset:
        """Load it; see `Declaration.read`. Any column of the file may be the sensitive one."""
        frame = read_table(self.file)
        facts = frame  # the table that holds labels, parts and groups
        if self.texts:
            _require(frame, self.file, ["row"])
            frame = frame.set_index("row").astype(np.float32)  # float16 is for storage only
            facts = read_table(self.texts).loc[frame.index]
        roles = (self.target, self.sensitive, self.split, self.pixels)
        columns = [c for c in (*roles, *self.features, *self.without) if c]
        _require(facts, self.texts or self.file, columns)
        if sensitive and sensitive in (self.target, self.split):
            raise InputError(
                f"dataset {self.name!r}: sensitive={sensitive!r} is its target or split; "
                "name another column"
            )
        group = sensitive_column(self.name, facts, sensitive or self.sensitive)
        split = facts[self.split].astype(str).replace(PARTS) if self.split else None
        if self.pixels:
            images = np.frombuffer(bytearray().join(frame[self.pixels]), np.uint8)
            names = [f"pixel{i}" for i in range(self.columns)]
            frame = pd.DataFrame(images.reshape(len(frame), -1), columns=names)
        elif self.features:
            frame = frame[list(self.features)]
        elif not self.texts:
            no_features = {self.target, self.split, *self.without}
            frame = frame[[column for column in frame.columns if column not in no_features]]
        return self.dataset(frame, facts[self.target], group, split)


def _require(table: pd.DataFrame, file: str, columns: list[str]) -> None:
    if missing := [column for column in columns if column not in table.columns]:
        raise DatasetError(
            f"{file} has no column {', '.join(missing)}: it is another table than the one "
            f"declared; put the right {file} into the folder that {VARIABLE} names"
        )
