"""The values that travel through the loop: frozen, and identified by id, never by position."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamlearn.arrays import Floats, Ids, Index, Labels, Matrix, as_ids, as_labels
from streamlearn.errors import InputError


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
