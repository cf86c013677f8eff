"""``streamlearn explain``: from a table's file or name to its explanation."""

from pathlib import Path
from typing import Any, Literal

import matplotlib
import pandas as pd

from streamlearn.config import Data
from streamlearn.console.table import read_table
from streamlearn.errors import InputError, nearest
from streamlearn.explanation import Explanation, explain
from streamlearn.report import report


def explain_table(
    table: str,
    target: str | None,
    sensitive: str | None,
    drop: list[str],
    *,
    few: int,
    l2: float,
    impute: bool,
    seed: int,
) -> Explanation:
    """Explain a table.

    Parameters
    ----------
    table : str
        A CSV or Parquet file, or the name of a data set.
    target : str or None
        The column of labels; None for a data set, which knows its own.
    sensitive : str or None
        The column of groups, or that of a data set by its own name.
    drop : list of str
        Columns the model does not read.
    few, l2, seed
        As ``streamlearn.explanation.explain`` takes them.
    impute : bool
        Whether missing numbers become the median.

    Returns
    -------
    Explanation

    Raises
    ------
    InputError
        If a column is not there, or the table cannot be explained.
    """
    missing: Literal["error", "impute"] = "impute" if impute else "error"
    is_file = Path(table).suffix != "" or Path(table).exists()
    if is_file and target is None:
        raise InputError(f"say which column of {table} holds the labels: --target NAME")
    if not is_file and target is not None:
        raise InputError(f"the data set {table!r} knows its target; leave --target out")
    data = Data(
        name=None if is_file else table,
        table=table if is_file else None,
        target=target,
        drop=drop,
        missing=missing,
    )
    read = read_table(data, Path.cwd())
    assert read.target is not None
    known = read.ids[read.target.notna().to_numpy()]
    frame = read.read(known)
    groups: Any = None
    if sensitive is not None:
        if sensitive not in read.shown.columns:
            raise nearest(sensitive, map(str, read.shown.columns), "column for --sensitive")
        column = read.shown.loc[known, sensitive]
        if column.isna().any():
            raise InputError(
                f"column {sensitive!r} has {int(column.isna().sum())} empty cells; "
                "give those rows a group of their own, or leave them out"
            )
        groups = column.astype(str).to_numpy() if column.dtype == object else column.to_numpy()
    labels = pd.Series(read.labels(known), index=frame.index)
    return explain(frame, labels, groups, few=few, l2=l2, missing=missing, seed=seed)


def write_explanation(told: Explanation, folder: Path, title: str) -> list[Path]:
    """Write page, text, rows and picture into a folder; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    matplotlib.use("Agg")  # a terminal may have no screen
    figure = told.plot()
    names = ("explanation.txt", "rows.csv", "explanation.png", "explanation.html")
    paths = [folder / name for name in names]
    paths[0].write_text(told.to_text(width=160) + "\n", encoding="utf-8")
    told.table.to_csv(paths[1], index_label="row")
    figure.savefig(paths[2], dpi=120)
    matplotlib.pyplot.close(figure)
    report(told, paths[3], title=title)
    return paths
