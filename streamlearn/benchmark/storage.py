"""A comparison on disk: its grid, and one Parquet file a cell, whole or not there."""

import contextlib
import hashlib
import json
import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from streamlearn.errors import InputError

FACTORS = ("dataset", "learner", "noise", "strategy", "trimmer")
CURVE_COLUMNS = {
    **dict.fromkeys(FACTORS, "str"),
    "seed": "int64",
    "labels": "int64",
    "metric": "str",
    "value": "float64",
}
CELL_COLUMNS = {
    "cell": "str",
    **dict.fromkeys(FACTORS, "str"),
    "seed": "int64",
    "status": "str",
    "error": "str",
    "seconds": "float64",
    "query_seconds": "float64",
    "trim_seconds": "float64",
    "labels": "Int64",
    "precision": "float64",
    "recall": "float64",
    "stopped": "str",
}
Point = tuple[int, Mapping[str, float]]  # labels, and the scores by metric
_RECORD, _DIGEST = b"streamlearn.record", b"streamlearn.digest"


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of a cell.

    Parameters
    ----------
    record : mapping
        Its row of the table of cells.
    curve : list of (labels, scores)
        Its learning curve; every point has the same metrics.
    """

    record: Mapping[str, Any]
    curve: list[Point]

    def tidy(self) -> pa.Table:
        """Return its rows of the table of curves, metric by metric."""
        metrics = list(self.curve[0][1]) if self.curve else []
        labels = [at for at, _ in self.curve]
        values = [scores[name] for name in metrics for _, scores in self.curve]
        n = len(values)
        columns = {name: _constant(self.record[name], n) for name in FACTORS}
        columns["seed"] = pa.array(np.full(n, self.record["seed"], np.int64))
        columns["labels"] = pa.array(labels * len(metrics), pa.int64())
        codes = np.repeat(np.arange(len(metrics), dtype=np.int32), len(labels))
        columns["metric"] = pa.DictionaryArray.from_arrays(codes, pa.array(metrics, pa.string()))
        columns["value"] = pa.array(values, pa.float64())
        return pa.table(columns)


class Store:
    """The folder of a comparison, written by one process.

    Parameters
    ----------
    folder : Path
        Holds ``meta.json``, ``grid.parquet`` and ``cells/<key>.parquet``.

    Notes
    -----
    A file is written beside its place, flushed to the disk and moved there in one step. Each page
    of a cell's curve has a checksum, its record a digest: damage is seen when it is read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cells = folder / "cells"

    def open(self, meta: Mapping[str, Any], grid: pd.DataFrame) -> None:
        """Begin or continue a comparison here; what an earlier process left half written goes."""
        self.cells.mkdir(parents=True, exist_ok=True)
        for left in self.cells.glob("*.tmp"):
            left.unlink(missing_ok=True)
        with _whole(self.folder / "grid.parquet") as file:
            pq.write_table(pa.Table.from_pandas(grid, preserve_index=False), file)
        with _whole(self.folder / "meta.json") as file:
            file.write(json.dumps(meta, indent=2).encode())

    def write(self, record: Mapping[str, Any], curve: pa.Table) -> None:
        """Keep the record and the tidy curve of a cell."""
        text = json.dumps(record).encode()
        table = curve.replace_schema_metadata({_RECORD: text, _DIGEST: _digest(text)})
        with _whole(self.cells / f"{record['cell']}.parquet") as file:
            pq.write_table(table, file, write_page_checksum=True, write_statistics=False)

    def read(self, key: str) -> tuple[dict[str, Any], pa.Table] | None:
        """Return a cell's record and tidy curve; None if absent or, with a warning, damaged."""
        path = self.cells / f"{key}.parquet"
        try:
            with pq.ParquetFile(path, page_checksum_verification=True) as file:
                table = file.read()
            said = table.schema.metadata or {}
            if _digest(said.get(_RECORD, b"")) != said.get(_DIGEST):
                raise pa.ArrowInvalid("its record does not match its digest")
        except FileNotFoundError:
            return None
        except (pa.ArrowException, OSError) as error:
            warnings.warn(
                f"{path.name} in {self.cells} is damaged ({error}); this cell counts as missing",
                stacklevel=2,
            )
            return None
        return json.loads(said[_RECORD]), table

    def read_grid(self) -> tuple[dict[str, Any], pd.DataFrame]:
        """Return the meta data and the grid of the comparison that ran here last."""
        try:
            meta = json.loads((self.folder / "meta.json").read_text())
            grid = pd.read_parquet(self.folder / "grid.parquet")
        except FileNotFoundError as error:
            raise InputError(
                f"{self.folder} holds no comparison ({error.filename} is not there); give the "
                "folder that compare(…, folder=…) or streamlearn compare --folder wrote"
            ) from error
        except (ValueError, pa.ArrowException) as error:
            raise InputError(
                f"{self.folder} holds a damaged grid or meta.json ({error}); run the comparison "
                "again: what is done is kept"
            ) from error
        return meta, grid


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[Any]:
    """Open a file that is at its place when it is whole, even if the power goes, or never."""
    beside = path.with_suffix(".tmp")
    with beside.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _constant(text: str, n: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(np.zeros(n, np.int32), pa.array([text], pa.string()))


def _digest(text: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=16).hexdigest().encode()
