"""What a comparison found: a row for every cell of the grid, and every learning curve."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from streamlearn.benchmark.storage import CELL_COLUMNS, CURVE_COLUMNS, FACTORS, Store

__all__ = ["FACTORS", "Results"]


@dataclass(frozen=True, eq=False)
class Results:
    """The table of a comparison.

    Parameters
    ----------
    cells : DataFrame
        One row a cell: ``cell`` (the key of its configuration), the five ``FACTORS`` and ``seed``;
        ``status`` ("done", "failed" or "missing") and ``error`` (the traceback); ``seconds``,
        ``query_seconds`` (inside the strategy) and ``trim_seconds`` (inside the trimmer);
        ``labels`` bought; ``precision`` and ``recall`` of what was trimmed (NaN without a trimmer
        or without noise); ``stopped``, why the run ended.
    curves : DataFrame
        One row a point: the ``FACTORS``, ``seed``, ``labels`` (known to the learner, reference and
        initial ones included; of a stream: rows gone by), ``metric``, ``value``.
    meta : dict
        ``configuration``, ``versions`` of what produced it, ``date``.

    Notes
    -----
    Arms are paired by equal (dataset, learner, noise, trimmer, seed): they start from the same
    split and initial labels, and meet the same errors of the annotator.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from streamlearn.benchmark import compare
    >>> iris = {"iris": load_iris(return_X_y=True)}
    >>> results = compare(["random", "margin"], iris, "naive_bayes", seeds=2, rounds=3, n_jobs=1)
    >>> results
    Results(4 cells: 4 done, 0 failed, 0 missing; 16 points)
    """

    cells: pd.DataFrame
    curves: pd.DataFrame
    meta: dict[str, Any]

    def __repr__(self) -> str:
        counts = self.cells["status"].value_counts()
        shown = ", ".join(f"{counts.get(s, 0)} {s}" for s in ("done", "failed", "missing"))
        return f"Results({len(self.cells)} cells: {shown}; {len(self.curves)} points)"

    @classmethod
    def load(cls, folder: str | Path) -> "Results":
        """Read a comparison from its folder, a finished one or one cut short.

        Parameters
        ----------
        folder : str or Path
            As given to ``compare``.

        Returns
        -------
        Results
            Of the comparison that ran there last. A cell whose file is absent, or damaged (then a
            warning says so), is "missing".

        Raises
        ------
        InputError
            If no comparison ran there.
        """
        store = Store(Path(folder))
        meta, grid = store.read_grid()
        read = {key: store.read(key) for key in grid["cell"]}
        return cls.gather(grid, {key: cell for key, cell in read.items() if cell}, meta)

    @classmethod
    def gather(
        cls,
        grid: pd.DataFrame,
        found: Mapping[str, tuple[Mapping[str, Any], pa.Table]],
        meta: dict[str, Any],
    ) -> "Results":
        """Put what came of cells in the order of their grid.

        Parameters
        ----------
        grid : DataFrame
            Columns cell, the factors, seed.
        found : mapping of key to (record, table)
            A cell's row of ``cells``, and its rows of ``curves``.
        meta : dict
            As of the results.

        Returns
        -------
        Results
        """
        absent = {"status": "missing", "error": "", "stopped": ""}
        rows = [
            {**row, **(found[row["cell"]][0] if row["cell"] in found else absent)}
            for row in grid.to_dict("records")
        ]
        cells = pd.DataFrame(rows, columns=list(CELL_COLUMNS)).astype(CELL_COLUMNS)
        parts = [found[key][1].replace_schema_metadata() for key in grid["cell"] if key in found]
        if parts:
            curves = pa.concat_tables(parts).to_pandas()
        else:
            curves = pd.DataFrame(columns=list(CURVE_COLUMNS))
        return cls(cells, curves.astype(CURVE_COLUMNS), meta)

    def to_json(self) -> str:
        """Return a summary for machines: the counts of cells, failures, and ``meta``."""
        counts = self.cells["status"].value_counts().to_dict()
        failed = self.cells[self.cells["status"] == "failed"]
        names = [*FACTORS, "seed", "error"]
        return json.dumps(
            {"cells": counts, "failed": failed[names].to_dict("records"), "meta": self.meta}
        )
