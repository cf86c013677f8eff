"""Rows as a kernel sees them: centred and scaled where it wants that, but never copied.

Inner products of centred, scaled rows are those of the rows as they are with a few weight vectors
("anchors"), less a constant each. So one pass over X gives one column of a kernel, and memory
stays at a number a row.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from streamlearn.arrays import Floats, Ids, Matrix
from streamlearn.errors import InputError
from streamlearn.influence.kernel import take

_BLOCK = 1 << 17  # numbers in a block: a megabyte, which a core's cache holds
_DENSE = 1 << 22  # numbers in sparse rows that may be made dense to multiply by
_CONSTANT = 1e-13  # standard deviation, relative to the mean, that is rounding alone
_FAR = {4: 8.0, 8: 1e6}  # mean over spread up to which products may be centred afterwards


@dataclass(frozen=True, eq=False)
class Anchors:
    """Rows to compare all others with: the product of row x with anchor v is x W_v - offset_v.

    Parameters
    ----------
    W : ndarray or CSR array of shape (k, d)
    offset : ndarray of shape (k,)
    """

    W: Any
    offset: NDArray[Any]


class Space:
    """Inner products of rows, by blocks.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n, d)
        Finite, float32 or float64.
    centre : bool
        Take column means off. Left out for sparse rows: distances do not need it.
    scale : bool
        Divide columns by their standard deviation; constant ones become zero.
    """

    def __init__(self, X: Matrix, centre: bool, scale: bool) -> None:
        self.X, self.dtype = X, X.dtype
        self.n, self.d = X.shape
        self.sparse = sparse.issparse(X)
        mean, deviation = _moments(X) if centre or scale else (np.zeros(self.d), np.ones(self.d))
        self.scale = np.ones(self.d)
        if scale:
            varies = deviation > _CONSTANT * np.abs(mean)
            self.scale = np.divide(1.0, deviation, out=np.zeros(self.d), where=varies)
        self.mean = mean if centre and not self.sparse else np.zeros(self.d)
        with np.errstate(over="ignore"):
            self.square = self._squares()
        if not np.isfinite(self.square).all():
            raise InputError("X holds rows too large to be squared; scale its columns")
        spread = np.sqrt(self.square.mean() / self.d) or 1.0
        far = float(np.abs(self.mean * self.scale).max(initial=0.0)) / spread
        self.centre_first = far > _FAR[self.dtype.itemsize]

    def _squares(self) -> NDArray[Any]:
        """Squared length of every row."""
        square = np.empty(self.n)
        for start, stop in self.blocks(self.d):
            block = take(self.X, start, stop)
            if self.sparse:
                square[start:stop] = block.multiply(block) @ self.scale**2
            else:
                Z = (block - self.mean) * self.scale
                square[start:stop] = np.einsum("ij,ij->i", Z, Z)
        return square.astype(self.dtype)

    def blocks(self, width: int, count: int | None = None) -> Iterator[tuple[int, int]]:
        """Bounds of blocks of rows that are so wide, of all rows or so many."""
        count = self.n if count is None else count
        step = max(1, _BLOCK // max(width, 1))
        for start in range(0, count, step):
            yield start, min(count, start + step)

    def anchors(self, rows: Ids) -> Anchors:
        """Rows made ready to compare others with."""
        none = np.zeros(len(rows))
        if not self.sparse:
            W = (self.X[rows] - self.mean) * self.scale**2
            offset = none if self.centre_first else W @ self.mean
            return Anchors(W.astype(self.dtype, copy=False), offset)
        W = sparse.csr_array(self.X[rows] @ sparse.diags_array(self.scale**2)).astype(self.dtype)
        if W.shape[0] * self.d > _DENSE:
            return Anchors(W, none)
        return Anchors(W.toarray(order="F"), none)  # its transpose is what a product reads

    def product(self, anchors: Anchors, rows: Any) -> NDArray[Any]:
        """Inner products (b, k) of rows (a slice, or positions) with anchors."""
        X = take(self.X, rows.start, rows.stop) if isinstance(rows, slice) else self.X[rows]
        P: Any
        if self.centre_first:
            P = self._centred(anchors, X)
        elif anchors.W.shape[0] == 1 and not sparse.issparse(anchors.W):
            P = (X @ anchors.W[0])[:, None]
        else:
            P = X @ anchors.W.T
        P = P.toarray() if sparse.issparse(P) else P
        P -= anchors.offset.astype(self.dtype)
        return P  # type: ignore[no-any-return]

    def _centred(self, anchors: Anchors, X: Floats) -> NDArray[Any]:
        """The same where the mean is so far off that its product would drown the rest."""
        P = np.empty((len(X), len(anchors.W)), self.dtype)
        for start, stop in self.blocks(self.d, len(X)):
            P[start:stop] = (X[start:stop] - self.mean).astype(self.dtype) @ anchors.W.T
        return P

    def mean_distance(self, rows: Ids) -> float:
        """Mean Euclidean distance over the unordered pairs of rows; 0 for a single one."""
        if len(rows) < 2:
            return 0.0
        Z = self.X[rows]
        if self.sparse:
            Z = sparse.csr_array(Z @ sparse.diags_array(self.scale))
            square = np.asarray(Z.multiply(Z).sum(axis=1)).ravel()
        else:
            Z = ((Z - self.mean) * self.scale).astype(np.float64, copy=False)
            square = np.einsum("ij,ij->i", Z, Z)
        total = 0.0
        for start, stop in self.blocks(len(rows), len(rows)):
            P: Any = Z[start:stop] @ Z.T
            P = P.toarray() if self.sparse else P
            apart = square[start:stop, None] + square - 2.0 * P
            total += float(np.sqrt(np.maximum(apart, 0.0)).sum())
        return total / (len(rows) * (len(rows) - 1))


def _moments(X: Matrix) -> tuple[Floats, Floats]:
    """Mean and standard deviation of every column, by blocks, so that no copy of X is made."""
    n, d = X.shape
    step = max(1, _BLOCK // d)
    total, square, zeros = np.zeros(d), np.zeros(d), np.full(d, n)
    blocks = [(start, min(n, start + step)) for start in range(0, n, step)]
    for start, stop in blocks:
        total += np.asarray(take(X, start, stop).sum(axis=0, dtype=np.float64)).ravel()
    mean = total / n
    for start, stop in blocks:
        block = take(X, start, stop)
        if sparse.issparse(X):
            column, apart = block.indices, block.data - mean[block.indices]
            square += np.bincount(column, apart * apart, d)
            zeros -= np.bincount(column, minlength=d)
        else:
            apart = block - mean
            square += np.einsum("ij,ij->j", apart, apart)
    if sparse.issparse(X):
        square += zeros * mean**2
    return mean, np.sqrt(square / n)
