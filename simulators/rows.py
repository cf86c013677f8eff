"""Finding the row of an id in a table, and taking rows of any kind of table."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from streamlearn.arrays import Ids, Index, as_ids
from streamlearn.errors import InputError


class Rows:
    """Where each id stands in a table.

    Parameters
    ----------
    n : int
        Rows of the table.
    ids : array-like of int, shape (n,), optional
        The id of each row; None means that a row's position is its id.
    what : str
        What the table holds, as it should read in an error.

    Raises
    ------
    InputError
        If the ids are not n distinct whole numbers.

    Examples
    --------
    >>> Rows(3, [30, 10, 20]).find([10, 30])
    array([1, 0])
    """

    def __init__(self, n: int, ids: ArrayLike | None = None, what: str = "label") -> None:
        self.what = what
        self.ids: Ids = np.arange(n) if ids is None else as_ids(ids).copy()
        if len(self.ids) != n:
            raise InputError(f"one id a {what} is needed, got {len(self.ids)} ids for {n}")
        ordered = np.sort(self.ids)
        twice = ordered[1:][ordered[1:] == ordered[:-1]]
        if len(twice):
            raise InputError(f"id {twice[0]} has more than one {what}; give each id once")
        self._index = Index(self.ids)

    def __len__(self) -> int:
        return len(self.ids)

    def find(self, ids: ArrayLike) -> Ids:
        """Return the position of each id, shape (n,); an id not in the table is an error."""
        try:
            return self._index.positions(as_ids(ids))
        except InputError as error:
            raise InputError(f"no {self.what}: {error}; give one for every row") from None


def index_of(values: Any, ids: ArrayLike | None, what: str) -> Rows:
    """Return the rows of ``values``: by ``ids``, else by a Series' index, else by position."""
    if ids is None and isinstance(values, pd.Series):
        ids = values.index.to_numpy()
    return Rows(len(values), ids, what)


def height(X: Any) -> int:
    """Return the number of rows of an array, CSR matrix, frame or list."""
    return int(X.shape[0]) if hasattr(X, "shape") else len(X)


def gather(batch: NDArray[Any], place: NDArray[Any], read: Callable[[int], Any]) -> NDArray[Any]:
    """Return values that stand at ``place`` of the array ``read(batch)``, one read a batch.

    A negative place counts from the end of the batch.
    """
    order = np.argsort(batch, kind="stable")
    numbers, starts = np.unique(batch[order], return_index=True)
    parts = np.split(place[order], starts[1:])
    if not len(numbers):
        return np.empty(0, dtype=bool)
    found = np.concatenate([read(int(b))[part] for b, part in zip(numbers, parts, strict=True)])
    values = np.empty_like(found)
    values[order] = found
    return values
