"""What arrays the loop passes about, and how they are checked, found and cut."""

from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from streamlearn.errors import InputError

Ids: TypeAlias = NDArray[np.int64]
Labels: TypeAlias = NDArray[Any]  # (n,) int64, float64, bool or str
Floats: TypeAlias = NDArray[np.float64]
# (n, d) float ndarray or SciPy CSR. Both give rows by X[rows]; no common static type exists.
Matrix: TypeAlias = Any


def as_ids(values: ArrayLike, what: str = "ids") -> Ids:
    """Return ids as a one-dimensional int64 array.

    Parameters
    ----------
    values : array-like of int, shape (n,)
        The ids.
    what : str
        How to call them in an error.

    Returns
    -------
    ndarray of int64, shape (n,)

    Raises
    ------
    InputError
        If they are not whole numbers in one dimension.

    Examples
    --------
    >>> as_ids([3, 1])
    array([3, 1])
    """
    ids = np.asarray(values)
    if ids.size == 0:
        return np.empty(0, dtype=np.int64)
    if ids.ndim != 1 or ids.dtype.kind not in "iu":
        raise InputError(
            f"{what} must be whole numbers in one dimension, got dtype {ids.dtype} "
            f"and shape {ids.shape}"
        )
    return ids.astype(np.int64, copy=False)


def as_labels(values: ArrayLike, what: str = "labels") -> Labels:
    """Return labels as a one-dimensional array of int64, float64, bool or str.

    Parameters
    ----------
    values : array-like, shape (n,)
        Labels of one kind.
    what : str
        How to call them in an error.

    Returns
    -------
    ndarray, shape (n,)

    Raises
    ------
    InputError
        If a label is missing, not finite, or the kinds are mixed.

    Examples
    --------
    >>> as_labels(["spam", "ham"])
    array(['spam', 'ham'], dtype='<U4')
    """
    y = np.asarray(values)
    if y.dtype.kind == "U" and isinstance(values, list | tuple):
        y = np.asarray(values, dtype=object)  # else NumPy would turn [1, "a"] into text
    if y.ndim != 1:
        raise InputError(f"{what} must have one dimension, got shape {y.shape}")
    if y.dtype.kind == "O" and y.size:
        kinds = {type(v) for v in y}
        if any(v is None or v != v for v in y):
            raise InputError(f"{what} hold a missing value; leave such rows out, or abstain")
        if not (kinds <= {str, np.str_} or len(kinds) == 1 or kinds <= {int, np.int64}):
            names = ", ".join(sorted(kind.__name__ for kind in kinds))
            raise InputError(f"{what} mix the kinds {names}; convert them to one")
        y = np.asarray(y.tolist())
    if y.dtype.kind in "iu":
        return y.astype(np.int64, copy=False)
    if y.dtype.kind == "f":
        if not np.isfinite(y).all():
            raise InputError(
                f"{what} hold {y[~np.isfinite(y)][0]}; leave such rows out, or abstain"
            )
        return y.astype(np.float64, copy=False)
    if y.dtype.kind in "bU" or y.size == 0:
        return y
    raise InputError(f"{what} must be int, float, bool or str, got dtype {y.dtype}")


def take(X: Any, rows: Any) -> Any:
    """Return rows (positions, a mask or a slice) of an array, CSR matrix, frame or Series."""
    return X.iloc[rows] if isinstance(X, pd.DataFrame | pd.Series) else X[rows]


def located(y: Labels, classes: Labels) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Find labels among classes.

    Parameters
    ----------
    y : ndarray, shape (n,)
        Labels.
    classes : ndarray, shape (k,)
        Sorted, at least one.

    Returns
    -------
    tuple of (ndarray of intp, ndarray of bool), each of shape (n,)
        Where each label stands (anywhere if it is no class), and whether it is one.

    Examples
    --------
    >>> located(np.array([7, 3, 5]), np.array([3, 7]))[1]
    array([ True,  True, False])
    """
    if len(classes) == 2:  # two comparisons are cheaper than a search
        second = y == classes[1]
        return second.astype(np.intp), second | (y == classes[0])
    at = np.searchsorted(classes, y)
    at[at == len(classes)] = 0
    return at, classes[at] == y


class Index:
    """Finds the positions of ids.

    Parameters
    ----------
    ids : ndarray of int64, shape (n,)
        Unique, in any order.

    Examples
    --------
    >>> Index(np.array([30, 10, 20])).positions(np.array([10, 30]))
    array([1, 0])
    """

    __slots__ = ("_first", "_ids", "_order")

    def __init__(self, ids: Ids) -> None:
        steps = ids[1:] - ids[:-1]
        # Consecutive ids (every stream, most pools) need no search at all.
        self._first = int(ids[0]) if len(ids) and (steps == 1).all() else None
        ascending = self._first is not None or bool((steps > 0).all())
        self._order = None if ascending else np.argsort(ids)
        self._ids = ids if self._order is None else ids[self._order]

    def positions(self, ids: Ids) -> Ids:
        """Return the position of each id, shape (n,).

        Raises
        ------
        InputError
            For an id that is not there.
        """
        n = len(self._ids)
        if self._first is not None:
            at = ids - self._first
            wrong = (at < 0) | (at >= n)
        elif n:
            at = np.minimum(np.searchsorted(self._ids, ids), n - 1)
            wrong = self._ids[at] != ids
            at = at if self._order is None else self._order[at]
        else:
            at, wrong = ids, np.ones(len(ids), np.bool_)
        if wrong.any():
            raise InputError(f"id {ids[wrong][0]} is not among the {n} ids known here")
        return at


def in_proportion(y: Labels) -> Ids:
    """Order rows so that the first n hold every class in proportion, each once to begin with.

    Parameters
    ----------
    y : ndarray, shape (n,)
        Labels; rows of one class keep their order.

    Returns
    -------
    ndarray of int64, shape (n,)
        Positions.

    Examples
    --------
    >>> in_proportion(np.array(["a", "a", "a", "a", "b", "b"]))
    array([0, 4, 1, 2, 5, 3])
    """
    _, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
    order = np.argsort(codes, kind="stable")
    rank = np.empty(len(y), np.int64)
    rank[order] = np.arange(len(y)) - np.repeat(np.cumsum(counts) - counts, counts)
    near = np.where(rank == 0, 0.0, (rank + 0.5) / counts[codes])
    return np.argsort(near, kind="stable")
