"""Streams of (X, y) batches: a table cut up, and a stream whose labels are noisy."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streamlearn.arrays import Labels, as_ids, as_labels, take
from streamlearn.errors import InputError
from streamlearn.simulators.noise import Noise, fitted
from streamlearn.simulators.rows import gather, height


class Batches:
    """A table cut into batches; may be iterated again and again. See `batches`."""

    def __init__(self, X: Any, y: Any, size: int, *, shuffle_seed: int | None = None) -> None:
        X = X if hasattr(X, "shape") else np.asarray(X)
        y = y if hasattr(y, "shape") else as_labels(y)
        if height(X) != height(y):
            raise InputError(f"X and y differ in length: {height(X)} rows, {height(y)} labels")
        if size < 1:
            raise InputError(f"size must be at least 1 row a batch, got {size}")
        self.X, self.y, self.size, self.shuffle_seed = X, y, size, shuffle_seed

    def __len__(self) -> int:
        return -(-height(self.y) // self.size)

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        n = height(self.y)
        order = None if self.shuffle_seed is None else self.order()
        for start in range(0, n, self.size):
            stop = min(start + self.size, n)
            rows = slice(start, stop) if order is None else order[start:stop]
            yield take(self.X, rows), take(self.y, rows)

    def order(self) -> NDArray[np.int64]:
        """Return the row of the table that stands at each place of the stream, shape (n,)."""
        n = height(self.y)
        if self.shuffle_seed is None:
            return np.arange(n)
        return np.random.default_rng(self.shuffle_seed).permutation(n)

    def __repr__(self) -> str:
        return f"Batches({height(self.y)} rows, {self.size} a batch, {len(self)} batches)"


def batches(X: Any, y: Any, size: int, *, shuffle_seed: int | None = None) -> Batches:
    """Cut a table into batches of rows.

    Parameters
    ----------
    X : array, CSR matrix or DataFrame of n rows
        The features.
    y : array-like or Series, shape (n,)
        The labels.
    size : int
        Rows a batch; the last one may be shorter.
    shuffle_seed : int, optional
        Shuffle the rows first; None keeps their order and copies nothing.

    Returns
    -------
    Batches
        Yields (X, y) pairs, the same ones each time it is iterated.

    Raises
    ------
    InputError
        If lengths differ or size is below 1.

    Examples
    --------
    >>> [len(y) for X, y in batches(np.zeros((5, 2)), np.arange(5), 2)]
    [2, 2, 1]
    """
    return Batches(X, y, size, shuffle_seed=shuffle_seed)


class NoisyStream:
    """A stream of labelled batches whose labels come out noisy.

    Parameters
    ----------
    batches : iterable of (X, y)
        The clean stream. If it can be iterated again, so can this one, with the same labels.
    noise : Noise or float
        Which labels come out wrong; a number is the rate of `SymmetricNoise`. Fitted to the
        first batch unless it is fitted already: a class that comes later must be named in the
        noise's ``classes``.
    seed : int
        Any whole number.

    Notes
    -----
    Rows are numbered from 0 in the order they come, as the loop's own Stream numbers them.

    Examples
    --------
    >>> clean = batches(np.zeros((4, 1)), np.array([0, 1, 0, 1]), 2)
    >>> stream = NoisyStream(clean, 1.0)
    >>> [y.tolist() for X, y in stream]
    [[1, 0], [1, 0]]
    >>> stream.flipped([0, 3]), stream.truth([0, 3])
    (array([ True,  True]), array([0, 1]))
    """

    def __init__(
        self, batches: Iterable[tuple[Any, Any]], noise: Noise | float, seed: int = 0
    ) -> None:
        self.batches, self.noise, self.seed = batches, noise, seed
        self._drawn: list[tuple[Labels, NDArray[np.bool_]]] = []

    def __iter__(self) -> Iterator[tuple[Any, Labels]]:
        # Each pass keeps a list of its own: two passes at once do not mix.
        drawn: list[tuple[Labels, NDArray[np.bool_]]] = []
        self._drawn = drawn
        model, start = None, 0
        for X, y in self.batches:
            true = as_labels(y).copy()
            if model is None and len(true):
                model = fitted(self.noise, true, X)
            ids = np.arange(start, start + len(true))
            given = true if model is None else model.corrupt(true, ids, seed=self.seed, X=X)
            drawn.append((true, given != true))
            start += len(true)
            yield X, given

    def __repr__(self) -> str:
        return f"NoisyStream({self.batches!r}, {self.noise!r}, seed={self.seed})"

    def flipped(self, ids: ArrayLike | None = None) -> NDArray[np.bool_]:
        """Return which labels of the latest pass were flipped; None means all drawn so far."""
        wrong: NDArray[np.bool_] = self._of(1, ids)
        return wrong

    def truth(self, ids: ArrayLike | None = None) -> Labels:
        """Return the true labels of the latest pass; None means all drawn so far."""
        true: Labels = self._of(0, ids)
        return true

    def _of(self, which: int, ids: ArrayLike | None) -> Any:
        if ids is None:
            values = [pair[which] for pair in self._drawn]
            return np.concatenate(values) if values else np.empty(0, dtype=bool)
        rows = as_ids(ids)
        ends = np.cumsum([len(pair[0]) for pair in self._drawn], dtype=np.int64)
        n = int(ends[-1]) if len(ends) else 0
        unknown = rows[(rows < 0) | (rows >= n)]
        if len(unknown):
            raise InputError(f"row {unknown[0]} has not been drawn; {n} rows have, numbered from 0")
        batch = np.searchsorted(ends, rows, side="right")
        return gather(batch, rows - ends[batch], lambda b: self._drawn[b][which])
