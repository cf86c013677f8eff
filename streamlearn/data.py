"""The values that travel through the loop: frozen, and identified by id, never by position."""

from collections.abc import Mapping
from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """The rows a source offers in one round.

    Parameters
    ----------
    ids : ndarray of int64, shape (n,)
        Stable and unique in a run.
    X : ndarray or CSR matrix, shape (n, d)
        The source's own array, never copied.
    open : ndarray of bool, shape (n,)
        True where the row may be asked.
    index : Index, optional
        Of the ids, where the source has one already.
    """

    ids: Ids
    X: Matrix
    open: NDArray[np.bool_]
    index: Index | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def positions(self, ids: Ids) -> Ids:
        """Return the position of each id, shape (m,); unknown ids raise InputError."""
        return (self.index or Index(self.ids)).positions(ids)


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """Rows with a label and a weight.

    Parameters
    ----------
    ids : ndarray of int64, shape (n,)
        Stable and unique in a run; rows given as a reference have negative ids.
    X : ndarray or CSR matrix, shape (n, d)
        Encoded features.
    y : ndarray, shape (n,)
        Labels as the annotator gave them (or as a trimmer corrected them).
    weight : ndarray of float64, shape (n,)
        What a row counts in training; 0 = trimmed.
    """

    ids: Ids
    X: Matrix
    y: Labels
    weight: Floats

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: Any) -> "Labelled":
        """Return the given rows (positions or a mask) as a new value."""
        return Labelled(self.ids[rows], self.X[rows], self.y[rows], self.weight[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """What goes out to the annotator.

    Parameters
    ----------
    round : int
        The number of the question, counted from 1.
    ids : ndarray of int64, shape (n,)
        Highest utility first.
    X : ndarray, CSR matrix or DataFrame of n rows
        The rows as the source was given them: a frame stays a frame.
    votes : int or ndarray of int64, shape (n,)
        Answers a row needs in all, from as many annotators; more for rows asked again.
    """

    round: int
    ids: Ids
    X: Any
    votes: int | Ids = 1

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What comes back from one annotator; may be partial.

    Parameters
    ----------
    round : int
        The number of the query answered.
    ids : array-like of int, shape (n,)
        The rows labelled.
    y : array-like, shape (n,)
        Their labels.
    abstained : array-like of int, shape (m,)
        Rows the annotator refuses to label: charged, and not offered to them again.
    annotator : str
        Who answered.
    cost : float, optional
        Price of this answer; None means 1 for each row answered or abstained.

    Raises
    ------
    InputError
        If lengths differ, an id comes twice, or a label is missing.

    Notes
    -----
    Ids of the query in neither list stay open: late answers are welcome.

    Examples
    --------
    >>> Answer(1, [7, 3], ["yes", "no"], abstained=[5]).cost is None
    True
    """

    round: int
    ids: Any
    y: Any
    abstained: Any = ()
    annotator: str = "annotator"
    cost: float | None = None

    def __post_init__(self) -> None:
        ids, abstained = as_ids(self.ids, "answered ids"), as_ids(self.abstained, "abstained ids")
        y = as_labels(self.y)
        if len(ids) != len(y):
            raise InputError(
                f"an answer needs one label an id, got {len(ids)} ids, {len(y)} labels"
            )
        both = np.concatenate([ids, abstained]) if len(abstained) else ids
        if not (both[1:] > both[:-1]).all():
            both = np.sort(both)
            twice = both[1:][both[1:] == both[:-1]]
            if len(twice):
                raise InputError(f"id {twice[0]} comes twice in one answer; give each id once")
        if self.cost is not None and not (np.isfinite(self.cost) and self.cost >= 0):
            raise InputError(f"cost must be finite and not negative, got {self.cost}")
        for name, value in (("ids", ids), ("y", y), ("abstained", abstained)):
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.ids) + len(self.abstained)


@dataclass(frozen=True, slots=True, eq=False)
class Votes:
    """Labels told so far, one entry for each annotator and row; abstentions are left out.

    Parameters
    ----------
    ids : ndarray of int64, shape (m,)
        The row voted on.
    annotator : ndarray of str, shape (m,)
        Who voted.
    y : ndarray, shape (m,)
        For what.
    """

    ids: Ids
    annotator: NDArray[np.str_]
    y: Labels

    def __len__(self) -> int:
        return len(self.ids)

    def count(self, ids: Ids) -> Ids:
        """Return how many labels each of the ids has, shape (n,)."""
        known, counts = np.unique(self.ids, return_counts=True)
        if not len(known):
            return np.zeros(len(ids), np.int64)
        at = np.minimum(np.searchsorted(known, ids), len(known) - 1)
        return np.where(known[at] == ids, counts[at], 0)


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """What a trimmer says of rows already answered: trimmed, relabelled, re-weighted or kept.

    Parameters
    ----------
    ids : ndarray of int64, shape (n,)
        Any rows seen so far, old ones too.
    y : ndarray, shape (n,)
        The label to learn from; another than the answered one = relabelled.
    weight : ndarray of float64, shape (n,)
        What the row shall count; 0 = trimmed.
    score : ndarray of float64, shape (n,)
        The trimmer's own score, higher = more worth keeping.
    reason : ndarray of str, shape (n,)
        Why; empty for rows left as they were.
    again : ndarray of int64, shape (n,), optional
        Further answers to ask for, from other annotators. A row asked again is set aside: its
        weight is 0 until it closes again, with the majority of all its answers.
    """

    ids: Ids
    y: Labels
    weight: Floats
    score: Floats
    reason: NDArray[np.str_]
    again: Ids | None = None

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True, eq=False)
class Round:
    """What one answer changed.

    Parameters
    ----------
    number : int
        The number of the query answered; 0 for what was known before the first query.
    query : Query or None
        The query answered.
    answered : Labelled
        The rows this answer closed, with the labels received.
    judgement : Judgement or None
        What the trimmer said; None without a trimmer or without a closed row.
    closed : int
        Rows this answer closed.
    trimmed : int
        Rows judged to weigh nothing.
    relabelled : int
        Rows judged to have another label than the answered one.
    reopened : int
        Rows asked again, of this answer or older.
    scores : mapping of str to float
        Scores on the test rows after learning; empty if nothing was learned.
    labels : int
        Labels bought so far, initial ones not counted.
    cost : float
        Money spent so far.
    """

    number: int
    query: Query | None
    answered: Labelled
    judgement: Judgement | None
    closed: int = 0
    trimmed: int = 0
    relabelled: int = 0
    reopened: int = 0
    scores: Mapping[str, float] = field(default_factory=dict)
    labels: int = 0
    cost: float = 0.0
