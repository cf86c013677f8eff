"""Similarities of rows, computed a block at a time."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator

from streamlearn.arrays import Floats, Ids, Matrix
from streamlearn.errors import InputError
from streamlearn.keyed import uniform
from streamlearn.selection.space import Anchors, Space

_TILE = 1024  # anchors that are compared at a time where only a mean is wanted
_WIDTH_ROWS = 1000  # rows whose distances give the width of a radial kernel


def sample(ids: Ids, size: int, seed: int, stream: str) -> Ids:
    """Positions of a random sample that hangs on ids alone, in the order of its random numbers."""
    draws = uniform(seed, ids, stream)
    if size >= len(ids):
        return np.argsort(draws)
    first = np.argpartition(draws, size)[:size]
    return first[np.argsort(draws[first])]


class Similarity:
    """Inner products between rows of one X; subclasses turn them into similarities.

    Parameters
    ----------
    space : Space
        The rows.

    Attributes
    ----------
    nonnegative : bool
        Whether no two rows have a similarity below zero.
    diagonal : ndarray of shape (n,)
        Similarity of each row with itself.
    """

    def __init__(self, space: Space) -> None:
        self.space, self.n = space, space.n
        smallest = space.X.data if space.sparse else space.X
        self.nonnegative = bool(smallest.min(initial=0.0) >= 0)
        self.diagonal: NDArray[Any] = space.square

    def anchors(self, rows: Ids) -> Anchors:
        """Rows made ready to compare others with."""
        return self.space.anchors(rows)

    def block(self, anchors: Anchors, rows: Any) -> NDArray[Any]:
        """Similarities (b, k) of rows (a slice, or positions) to anchors."""
        return self._finish(self.space.product(anchors, rows), rows)

    def column(self, row: int) -> NDArray[Any]:
        """Similarity of all rows to one."""
        column: NDArray[Any] = self.block(self.anchors(np.array([row])), slice(0, self.n))[:, 0]
        return column

    def strips(
        self, anchors: Anchors, rows: Ids | None = None
    ) -> Iterator[tuple[slice, NDArray[Any]]]:
        """Blocks of similarities of all rows (or some) to anchors, each with where it belongs."""
        count = self.n if rows is None else len(rows)
        for start, stop in self.space.blocks(anchors.W.shape[0], count):
            part = slice(start, stop)
            yield part, self.block(anchors, part if rows is None else rows[part])

    def means(self, anchors: Anchors) -> Floats:
        """Mean similarity of every row to the anchors."""
        totals = np.zeros(self.n)
        for first in range(0, len(anchors.offset), _TILE):
            tile = slice(first, first + _TILE)
            some = Anchors(anchors.W[tile], anchors.offset[tile])
            for part, block in self.strips(some):
                totals[part] += block.sum(axis=1)
        return totals / len(anchors.offset)

    def _finish(self, P: NDArray[Any], rows: Any) -> NDArray[Any]:
        """Turn inner products into similarities, in place."""
        return P


class Radial(Similarity):
    """exp(-c |u - v|^2), as the exponential of one product with anchors scaled beforehand."""

    def __init__(self, space: Space, c: float) -> None:
        super().__init__(space)
        self.c, self.nonnegative = c, True
        self.fall = (c * space.square.astype(np.float64)).astype(space.dtype)
        self.diagonal = np.ones(space.n, space.dtype)

    def anchors(self, rows: Ids) -> Anchors:
        """Rows made ready to compare others with."""
        plain = self.space.anchors(rows)
        W = plain.W * self.space.dtype.type(2.0 * self.c)
        return Anchors(W, 2.0 * self.c * plain.offset + self.fall[rows])

    def _finish(self, P: NDArray[Any], rows: Any) -> NDArray[Any]:
        P -= self.fall[rows][:, None]
        np.minimum(P, 0.0, out=P)  # rounding may leave a row a little beyond itself
        np.exp(P, out=P)
        return P


class _Cosine(Similarity):
    """Inner products of rows of length one; a row of zeros is like no other, nor like itself."""

    def __init__(self, space: Space) -> None:
        super().__init__(space)
        length = np.sqrt(space.square)
        self.inverse = np.divide(1, length, out=np.zeros_like(length), where=length > 0)
        self.diagonal = (length > 0).astype(space.dtype)

    def anchors(self, rows: Ids) -> Anchors:
        plain = self.space.anchors(rows)
        inverse = self.inverse[rows]
        if sparse.issparse(plain.W):
            return Anchors(sparse.diags_array(inverse) @ plain.W, plain.offset)
        return Anchors(plain.W * inverse[:, None], plain.offset)

    def _finish(self, P: NDArray[Any], rows: Any) -> NDArray[Any]:
        P *= self.inverse[rows][:, None]
        return P


class RBF(BaseEstimator):  # type: ignore[misc]
    """Radial kernel, ``exp(-|u - v|^2 / (2 width^2))``.

    Parameters
    ----------
    width : float, optional
        In the units of the standardised columns. By default the median distance between 1,000
        rows (drawn by id); where more than half of those pairs coincide, the median of the others.
    standardise : bool, default=True
        Divide columns by their standard deviation first; constant columns then count nothing.
        Pixels and other columns of one unit may do better without.

    References
    ----------
    Garreau, Jitkrittum & Kanagawa (2017), Large sample analysis of the median heuristic.

    Examples
    --------
    >>> RBF(width=2.0)
    RBF(width=2.0)
    """

    def __init__(self, width: float | None = None, standardise: bool = True) -> None:
        self.width = width
        self.standardise = standardise

    def similarity(self, X: Matrix, ids: Ids, seed: int) -> Similarity:
        """Make the kernel ready for some rows.

        Parameters
        ----------
        X : ndarray or CSR matrix of shape (n, d)
            Finite rows.
        ids : ndarray of int64, shape (n,)
            Ids of the rows.
        seed : int
            Seed of the sample that the width is taken from.

        Returns
        -------
        Similarity
            Similarities by blocks.

        Raises
        ------
        InputError
            If the width is not positive, or all rows are alike and none is given.
        """
        space = Space(X, centre=True, scale=self.standardise)
        width = median_distance(space, ids, seed) if self.width is None else self.width
        if not (np.isfinite(width) and width > 0):
            raise InputError(f"width of RBF must be positive and finite, got {width!r}")
        return Radial(space, 0.5 / width**2)


class Linear(BaseEstimator):  # type: ignore[misc]
    """Inner product of the rows as they are: length counts, the origin too.

    Examples
    --------
    >>> Linear()
    Linear()
    """

    def similarity(self, X: Matrix, ids: Ids, seed: int) -> Similarity:
        """Make the kernel ready for some rows; ids and seed play no part.

        Parameters
        ----------
        X : ndarray or CSR matrix of shape (n, d)
            Finite rows.
        ids : ndarray of int64, shape (n,)
            Ids of the rows.
        seed : int
            Not used.

        Returns
        -------
        Similarity
            Similarities by blocks.
        """
        return Similarity(Space(X, centre=False, scale=False))


class Cosine(BaseEstimator):  # type: ignore[misc]
    """Cosine of the angle between the rows as they are, for texts and embeddings.

    Examples
    --------
    >>> Cosine()
    Cosine()
    """

    def similarity(self, X: Matrix, ids: Ids, seed: int) -> Similarity:
        """Make the kernel ready for some rows; ids and seed play no part.

        Parameters
        ----------
        X : ndarray or CSR matrix of shape (n, d)
            Finite rows.
        ids : ndarray of int64, shape (n,)
            Ids of the rows.
        seed : int
            Not used.

        Returns
        -------
        Similarity
            Similarities by blocks. A row of zeros has similarity 0 to all, itself included.
        """
        return _Cosine(Space(X, centre=False, scale=False))


def median_distance(space: Space, ids: Ids, seed: int) -> float:
    """Median distance between a sample of rows; of pairs that differ, where most do not."""
    rows = sample(ids, _WIDTH_ROWS, seed, "kernel width")
    if len(rows) == 1:
        return 1.0  # nothing to compare: every width says the same
    square = space.square[rows].astype(np.float64)
    apart = square[:, None] + square - 2.0 * space.product(space.anchors(rows), rows)
    # what cancellation leaves of a distance of zero
    apart[apart <= 64.0 * np.finfo(space.dtype).eps * (square[:, None] + square)] = 0.0
    pairs = np.sqrt(apart[np.triu_indices(len(rows), 1)])
    median = np.median(pairs)
    if median == 0:
        if not (differ := pairs[pairs > 0]).size:
            raise InputError(
                f"{len(rows)} rows of X are all alike, so the kernel has no width; give columns "
                "that vary, or RBF(width=...)"
            )
        median = np.median(differ)
    return float(median)
