"""What rows would add to the likeness of reference rows to the nearest one chosen.

Most pairs add nothing, and a mean needs no more than single precision: for radial kernels of dense
rows one float32 product gives the logarithm of every likeness over the level reached, and the
exponential is taken where that is positive.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamlearn.arrays import Floats, Ids
from streamlearn.selection.kernels import Radial, Similarity

_TILE, _ROWS = 1 << 17, 256  # numbers in a tile, half a megabyte in cache; rows at most
_KEPT = 1 << 26  # likenesses kept, a quarter gigabyte
_MANY = 0.04  # share of pairs from which on those above the level are not worth looking for


class Beyond:
    """Sums over reference rows of what candidates have beyond a level of each.

    Parameters
    ----------
    similarity : Similarity
        Of all rows.
    reference : ndarray of int64, shape (r,)
        Positions of the reference rows.
    """

    def __init__(self, similarity: Similarity, reference: Ids) -> None:
        self.similarity = similarity
        self.anchors = similarity.anchors(reference)
        self.dtype: np.dtype[Any] = similarity.space.dtype
        self.level: NDArray[Any] = np.zeros(len(reference), self.dtype)

    def reset(self) -> None:
        """Lower the level to zero everywhere."""
        self.level[:] = 0.0

    def raise_to(self, row: int) -> None:
        """Raise the level to the likeness to one row, where that is higher."""
        near = self.similarity.block(self.anchors, np.array([row]))[0]
        np.maximum(self.level, near, out=self.level)

    def sums(self, rows: Ids | None = None) -> Floats:
        """Sum for every row, or some."""
        totals = np.zeros(self.similarity.n if rows is None else len(rows))
        for part, block in self.similarity.strips(self.anchors, rows):
            block -= self.level
            totals[part] = np.maximum(block, 0.0, out=block).sum(axis=1)
        return totals


class RadialBeyond:
    """The same for a radial kernel of dense rows, in single precision.

    Rows get two columns more, so that one product is the exponent of the kernel; the level's
    logarithm is taken off in one of them. A lazy choice asks for the same rows again and again:
    likenesses of rows asked for by name are kept, as far as there is room.
    """

    dtype = np.dtype(np.float32)

    def __init__(self, similarity: Radial, reference: Ids) -> None:
        space, self.n = similarity.space, similarity.n
        root = np.sqrt(2.0 * similarity.c)
        self.rows = np.empty((self.n, space.d + 2), np.float32)
        for start, stop in space.blocks(space.d):
            Z = (space.X[start:stop] - space.mean) * (root * space.scale)
            self.rows[start:stop, :-2] = Z
            self.rows[start:stop, -2] = -0.5 * np.einsum("ij,ij->i", Z, Z)
        self.rows[:, -1] = 1.0
        self.reference = self.rows[reference]
        self.fall = self.reference[:, -2].copy()
        self.reference[:, -2] = 1.0
        most = min(self.n, _KEPT // len(reference))
        self.kept = np.empty((most, len(reference)), np.float32)  # no page is used before it is
        self.place, self.count = np.full(self.n, -1), 0
        self.reset()

    def reset(self) -> None:
        """Lower the level to zero everywhere."""
        self.level = np.zeros(len(self.fall), np.float32)
        self.reference[:, -1] = self.fall

    def raise_to(self, row: int) -> None:
        """Raise the level to the likeness to one row, where that is higher."""
        self.reference[:, -1] = self.fall
        near = np.exp(np.minimum(self.reference @ self.rows[row], 0.0))
        np.maximum(self.level, near, out=self.level)
        self.level = np.maximum(self.level, np.finfo(np.float32).tiny)
        self.reference[:, -1] -= np.log(self.level)

    def sums(self, rows: Ids | None = None) -> Floats:
        """Sum for every row, or some."""
        if rows is None:
            return self._sums(self.rows)
        self._keep(rows[self.place[rows] < 0][: len(self.kept) - self.count])
        totals, place = np.empty(len(rows)), self.place[rows]
        known = place >= 0
        totals[known] = self._sums_kept(place[known])
        totals[~known] = self._sums(self.rows[rows[~known]])
        return totals

    def _keep(self, rows: Ids) -> None:
        """Compute the likenesses of some rows to all reference rows, once and for all."""
        self.place[rows] = np.arange(self.count, self.count + len(rows))
        lifted, self.reference[:, -1] = self.reference[:, -1].copy(), self.fall
        for start in range(0, len(rows), _ROWS):
            some = rows[start : start + _ROWS]
            P = self.kept[self.count : self.count + len(some)]
            np.matmul(self.rows[some], self.reference.T, out=P)
            np.minimum(P, 0.0, out=P)  # rounding may leave a row a little beyond itself
            np.exp(P, out=P)
            self.count += len(some)
        self.reference[:, -1] = lifted

    def _sums_kept(self, places: Ids) -> Floats:
        """Sum for rows whose likenesses are kept."""
        totals, step = np.empty(len(places)), max(1, _TILE // (2 * len(self.fall)))
        for start in range(0, len(places), step):
            block = self.kept[places[start : start + step]]
            block -= self.level
            totals[start : start + step] = np.maximum(block, 0.0, out=block).sum(axis=1)
        return totals

    def _sums(self, X: NDArray[np.float32]) -> Floats:
        """Sum for any rows."""
        totals = np.zeros(len(X))
        tile = np.empty(_TILE, np.float32)
        high = min(_ROWS, max(len(X), 1))
        wide = _TILE // high
        for first in range(0, len(self.fall), wide):
            anchors = self.reference[first : first + wide]
            level = self.level[first : first + wide]
            for start in range(0, len(X), high):
                some = X[start : start + high]
                P = tile[: len(some) * len(anchors)].reshape(len(some), len(anchors))
                np.matmul(some, anchors.T, out=P)
                totals[start : start + high] += _beyond(P, level)
        return totals


def _beyond(P: NDArray[np.float32], level: NDArray[np.float32]) -> Floats:
    """Sum over columns of level expm1(P) where P is positive; of exp(P) where there is no level."""
    if not level[0]:
        np.minimum(P, 0.0, out=P)  # rounding may leave a row a little beyond itself
        return np.asarray(np.exp(P, out=P).sum(axis=1), dtype=np.float64)
    above = np.flatnonzero(P > 0.0)
    if len(above) > _MANY * P.size:
        np.maximum(P, 0.0, out=P)
        return np.asarray(np.expm1(P, out=P) @ level, dtype=np.float64)
    row, column = np.divmod(above, P.shape[1])
    excess = level[column] * np.expm1(P.ravel()[above])
    return np.asarray(np.bincount(row, excess, minlength=len(P)), dtype=np.float64)
