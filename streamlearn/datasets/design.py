"""From the columns of a table to a numeric design matrix, block by block."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

# What a column becomes: None: its numbers; values: one indicator column for each of them. A value
# that is not listed has no indicator, so its row is zero there.
Blocks = Mapping[str, tuple[object, ...] | None]


def appearing(frame: pd.DataFrame, columns: Iterable[str]) -> dict[str, tuple[object, ...]]:
    """Return the values of each column, in order of first appearance."""
    return {column: tuple(frame[column].unique()) for column in columns}


def design(frame: pd.DataFrame, blocks: Blocks) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Build the matrix and its column names; numbers as they are, categories as indicators.

    Parameters
    ----------
    frame : pandas.DataFrame of shape (n, ...)
    blocks : mapping
        From column to None (numeric) or its values (one indicator each), in the order wanted.

    Returns
    -------
    X : ndarray of shape (n, d), float64
    features : tuple of str, length d

    Examples
    --------
    >>> table = pd.DataFrame({"age": [30, 40], "sex": ["Male", "Female"]})
    >>> design(table, {"age": None, "sex": ("Male",)})
    (array([[30.,  1.],
           [40.,  0.]]), ('age', 'sex=Male'))
    """
    names: list[str] = []
    for column, values in blocks.items():
        names += [column] if values is None else [f"{column}={value}" for value in values]
    X = np.zeros((len(frame), len(names)))
    start = 0
    for column, values in blocks.items():
        if values is None:
            X[:, start] = frame[column].to_numpy(dtype=np.float64)
            start += 1
        else:
            code = pd.Index(values).get_indexer(pd.Index(frame[column]))
            listed = np.flatnonzero(code >= 0)
            X[listed, start + code[listed]] = 1.0
            start += len(values)
    return X, tuple(names)
