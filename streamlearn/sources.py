"""Where candidates come from: a pool offers what is left of it, a stream its next batch once."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from streamlearn.arrays import Ids, Index, Labels, Matrix, as_ids, as_labels, take
from streamlearn.data import Answer, Candidates, Query
from streamlearn.encoding import FrameEncoder, as_matrix
from streamlearn.errors import InputError


class Pool:
    """A finite set of unlabelled rows.

    Parameters
    ----------
    X : ndarray, CSR matrix or DataFrame, shape (n, d)
        Held, not copied; a frame is encoded once.
    ids : array-like of int, shape (n,), optional
        Stable and unique; 0 … n-1 by default.
    encoder : transformer, optional
        For frames; ``FrameEncoder()`` by default. Fitted on the pool, without labels.

    Raises
    ------
    InputError
        If X is empty, not numeric, not finite, or ids repeat or are of another length.

    Examples
    --------
    >>> pool = Pool(np.eye(3), ids=[10, 20, 30])
    >>> pool.draw(np.array([20])).open
    array([ True, False,  True])
    """

    streaming = False

    def __init__(self, X: Any, ids: ArrayLike | None = None, encoder: Any = None) -> None:
        self.original = X
        self.encoder = encoder
        if isinstance(X, pd.DataFrame):
            self.encoder = (FrameEncoder() if encoder is None else encoder).fit(X)
            self.X = as_matrix(self.encoder.transform(X))
        else:
            self.X = as_matrix(X)
        n = self.X.shape[0]
        if n == 0:
            raise InputError("the pool has no rows; give at least one")
        self.ids = np.arange(n, dtype=np.int64) if ids is None else as_ids(ids)
        if len(self.ids) != n:
            raise InputError(f"one id a row is needed, got {n} rows and {len(self.ids)} ids")
        ordered = np.sort(self.ids)
        if (ordered[1:] == ordered[:-1]).any():
            twice = ordered[1:][ordered[1:] == ordered[:-1]][0]
            raise InputError(f"id {twice} comes twice; ids must be unique")
        if ordered[0] < 0:
            raise InputError(f"ids must not be negative, got {ordered[0]}")
        self._index = Index(self.ids)

    def __repr__(self) -> str:
        return f"Pool({self.X.shape[0]} × {self.X.shape[1]})"

    def start(self) -> None:
        """Begin from the first row again: a pool has no cursor."""

    def draw(self, taken: Ids) -> Candidates | None:
        """Return all rows, with those not taken open; None when none is left."""
        open_ = np.ones(len(self.ids), dtype=np.bool_)
        open_[self._index.positions(taken)] = False
        return Candidates(self.ids, self.X, open_, self._index) if open_.any() else None

    def encode(self, rows: Any) -> Matrix:
        """Encode rows given like the pool's own, shape (n, d)."""
        if isinstance(self.original, pd.DataFrame):
            if not isinstance(rows, pd.DataFrame):
                raise InputError(f"the pool is a DataFrame, so rows must be one, got {type(rows)}")
            rows = self.encoder.transform(rows)
        return as_matrix(rows, "rows", columns=self.X.shape[1])

    def rows(self, ids: Ids) -> Any:
        """Return the original rows in the order of ids."""
        return take(self.original, self._index.positions(ids))


class Stream:
    """Batches that come by once; rows are numbered 0, 1, 2 … in the order they come.

    Parameters
    ----------
    batches : iterable, or callable returning one
        Batches X, or pairs (X, y) where the labels come along; then the stream is its own
        annotator and ``Loop.run()`` needs none. Empty batches are passed over. A list or a
        callable can be read again (for a second run or a resume), a generator cannot. Batches are
        held, not copied: give a new array each time, never one buffer filled anew.
    encoder : transformer, optional
        For frames; ``FrameEncoder()`` by default. Fitted on the first rows it is given: the
        reference if the loop has one, else the first batch; then frozen.
    remember : int
        How many batches stay reachable by id.

    Examples
    --------
    >>> stream = Stream([(np.eye(2), ["a", "b"]), (np.ones((1, 2)), ["a"])])
    >>> stream.start()
    >>> stream.draw(np.empty(0, int)).ids, stream.draw(np.empty(0, int)).ids
    (array([0, 1]), array([2]))
    """

    streaming = True

    def __init__(
        self,
        batches: Iterable[Any] | Callable[[], Iterable[Any]],
        encoder: Any = None,
        remember: int = 1,
    ) -> None:
        if remember < 1:
            raise InputError(f"remember must be at least 1 batch, got {remember}")
        self.batches = batches
        self.encoder = encoder
        self.remember = remember
        self._cursor: Iterator[Any] | None = None

    def __repr__(self) -> str:
        return f"Stream({type(self.batches).__name__})"

    def start(self) -> None:
        """Begin from the first batch again."""
        again = self.batches() if callable(self.batches) else self.batches
        if self._cursor is not None and again is self._cursor:
            raise InputError(
                "this stream was read from a generator, which gives its batches once; "
                "give a list, or the function that makes the generator"
            )
        self._cursor = iter(again)
        self._next = 0
        self._columns: int | None = None
        self._frozen: Any = None
        self._recent: deque[tuple[Ids, Any]] = deque(maxlen=self.remember)
        self._labels: list[tuple[Ids, Labels]] = []

    def draw(self, taken: Ids) -> Candidates | None:
        """Return the next batch, all of it open; None at the end."""
        if self._cursor is None:
            self.start()
        for batch in self._cursor or ():
            rows, y = batch if isinstance(batch, tuple) else (batch, None)
            if not hasattr(rows, "shape"):
                rows = np.asarray(rows)
            X = self.encode(rows)
            n = X.shape[0]
            if n == 0:
                continue
            first, self._next = self._next, self._next + n
            ids = np.arange(first, first + n, dtype=np.int64)
            if y is not None:
                labels = as_labels(y)
                if len(labels) != n:
                    raise InputError(
                        f"the batch from row {first} on has {n} rows and {len(labels)} labels"
                    )
                self._labels.append((ids, labels))
            self._recent.append((ids, rows))
            return Candidates(ids, X, np.ones(n, dtype=np.bool_))
        return None

    def encode(self, rows: Any) -> Matrix:
        """Encode rows given like the stream's own, shape (n, d)."""
        if isinstance(rows, pd.DataFrame):
            if self._frozen is None:
                if len(rows) == 0:
                    return np.empty((0, 0))
                self._frozen = (FrameEncoder() if self.encoder is None else self.encoder).fit(rows)
            rows = self._frozen.transform(rows)
        if self._columns is None and len(getattr(rows, "shape", ())) == 2 and rows.shape[0]:
            self._columns = rows.shape[1]
        return as_matrix(rows, "the batch", columns=self._columns)

    def rows(self, ids: Ids) -> Any:
        """Return the original rows in the order of ids, from the batches remembered."""
        if len(self._recent) == 0:
            raise InputError("nothing was drawn from the stream yet")
        for known, rows in reversed(self._recent):
            if ids is known:
                return rows
            if len(ids) == 0 or (ids.min() >= known[0] and ids.max() <= known[-1]):
                return take(rows, ids - known[0])
        raise InputError(
            f"ids {ids.min()}…{ids.max()} are not within one of the last {self.remember} batches; "
            "give Stream(…, remember=…) a larger number"
        )

    def answer(self, open_queries: Sequence[Query], round: int) -> list[Answer]:
        """Answer with the labels that came along."""
        answers = []
        for query in open_queries:
            answers.append(
                Answer(query.round, query.ids, self._labels_of(query), annotator="stream")
            )
        self._labels.clear()
        return answers

    def _labels_of(self, query: Query) -> Labels:
        for known, y in reversed(self._labels):
            if query.ids is known:
                return y
            if known[0] <= query.ids.min() and query.ids.max() <= known[-1]:
                labels: Labels = y[query.ids - known[0]]
                return labels
        raise InputError(
            f"the stream brought no labels for round {query.round}; give batches as (X, y), "
            "or run(annotator)"
        )
