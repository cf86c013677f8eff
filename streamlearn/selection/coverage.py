"""Which classes, groups or clusters a few rows stand for."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from streamlearn.arrays import Ids, Index, as_ids
from streamlearn.errors import InputError


def coverage(chosen: ArrayLike, groups: ArrayLike, *, ids: ArrayLike | None = None) -> pd.DataFrame:
    """Count the rows chosen of every class, group or cluster.

    Parameters
    ----------
    chosen : array-like of int64, shape (m,)
        Ids of the rows chosen.
    groups : array-like of shape (n,)
        Class, group or cluster of every row.
    ids : array-like of int64, shape (n,), optional
        Ids of the rows; their positions by default.

    Returns
    -------
    DataFrame
        Indexed by group, sorted, with the columns ``rows`` (of the group), ``chosen`` (of these),
        ``share`` (of all rows), ``chosen_share`` (of all chosen) and ``first`` (place in the order
        of choice at which the group is met, from 1; missing where it is not).

    Raises
    ------
    InputError
        If a group is missing for a row, or a category has no rows.

    Examples
    --------
    >>> coverage([3, 1], ["f", "f", "m", "m", "m"])["chosen"].to_dict()
    {'f': 1, 'm': 1}
    """
    names, code = _codes(groups)
    picked = code[_positions(chosen, ids, len(code))]
    rows, count = np.bincount(code, minlength=len(names)), np.bincount(picked, minlength=len(names))
    first = np.full(len(names), len(picked) + 1)
    np.minimum.at(first, picked, np.arange(1, len(picked) + 1))
    return pd.DataFrame(
        {
            "rows": rows,
            "chosen": count,
            "share": rows / len(code),
            "chosen_share": count / max(len(picked), 1),
            "first": pd.array(first, dtype="Int64"),
        },
        index=pd.Index(names, name="group"),
    ).assign(first=lambda frame: frame["first"].mask(count == 0))


def coverage_curve(
    chosen: ArrayLike, groups: ArrayLike, *, ids: ArrayLike | None = None
) -> NDArray[np.int64]:
    """Count the groups met by the first 1, 2, ... rows chosen.

    Parameters
    ----------
    chosen, groups, ids
        As for `coverage`; ``chosen`` in order of choice.

    Returns
    -------
    ndarray of int64, shape (m,)
        Distinct groups among the first k rows.

    References
    ----------
    Bhatt et al. (2021), section 5.2 and figure 6 (with k-means clusters).

    Examples
    --------
    >>> coverage_curve([3, 4, 0], ["f", "f", "m", "m", "m"])
    array([1, 1, 2])
    """
    _, code = _codes(groups)
    picked = code[_positions(chosen, ids, len(code))]
    new = np.zeros(len(picked), dtype=np.int64)
    new[np.unique(picked, return_index=True)[1]] = 1
    return np.cumsum(new)


def rows_to_cover(
    chosen: ArrayLike, groups: ArrayLike, *, ids: ArrayLike | None = None
) -> int | None:
    """Count how many of the rows chosen, from the first on, it takes to meet every group.

    Parameters
    ----------
    chosen, groups, ids
        As for `coverage_curve`.

    Returns
    -------
    int or None
        None where all of them do not.

    Examples
    --------
    >>> rows_to_cover([3, 4, 0], ["f", "f", "m", "m", "m"])
    3
    """
    names, _ = _codes(groups)
    met = coverage_curve(chosen, groups, ids=ids)
    enough = np.flatnonzero(met == len(names))
    return int(enough[0]) + 1 if len(enough) else None


def _codes(groups: ArrayLike) -> tuple[NDArray[np.generic], NDArray[np.intp]]:
    """Names of the groups, sorted, and the number of each row's."""
    column = pd.Series(groups) if not isinstance(groups, pd.Series) else groups
    if isinstance(column.dtype, pd.CategoricalDtype):
        empty = column.cat.categories.difference(
            column.cat.remove_unused_categories().cat.categories
        )
        if len(empty):
            raise InputError(
                f"group {empty[0]!r} has no rows, so none can stand for it; drop it with "
                "cat.remove_unused_categories()"
            )
    if column.isna().any():
        row = int(np.flatnonzero(column.isna())[0])
        raise InputError(f"row {row} has no group; give it one, or leave it out")
    names, code = np.unique(np.asarray(column), return_inverse=True)
    return names, code


def _positions(chosen: ArrayLike, ids: ArrayLike | None, n: int) -> Ids:
    """Where the rows chosen stand."""
    known = np.arange(n) if ids is None else as_ids(ids)
    if len(known) != n:
        raise InputError(f"ids has {len(known)} entries, but groups has {n}; give one a row")
    return Index(known).positions(as_ids(chosen, "chosen"))
