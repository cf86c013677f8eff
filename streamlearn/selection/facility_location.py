"""Facility location: every row should have somebody like it among the chosen."""

from collections import OrderedDict
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from streamlearn.arrays import Floats, Ids, Matrix
from streamlearn.errors import whole
from streamlearn.selection.kernels import RBF, Radial, Similarity, sample
from streamlearn.selection.service import Beyond, RadialBeyond

_MEMORY = 1 << 28  # bytes of gains kept for the selections of one sweep


def reference_rows(ids: Ids, reference: int | None, seed: int) -> Ids:
    """Positions of the rows that stand for all."""
    size = len(ids) if reference is None else whole(reference, "reference", least=1)
    return sample(ids, size, seed, "reference rows")


class FacilityLocation(BaseEstimator):  # type: ignore[misc]
    """Likeness of every row to the nearest one chosen.

    ``R(S) = 1 / n sum over u in D of max over v in S of phi(u, v)``; similarities below zero count
    as zero.

    Parameters
    ----------
    kernel : RBF, Linear or Cosine, optional
        Similarity phi; ``RBF()`` by default.
    reference : int or None, default=2000
        Rows, drawn by id, that stand for all as those to be served; None takes all, in n^2 time.
        Candidates are all rows in either case.

    Notes
    -----
    The paper takes the sum over D, here it is the mean: gamma takes up the factor, and means the
    same for a table, a part of it and a sample of reference rows. R grows and is submodular, so
    for values that are not negative greedy and lazy selections reach (1 - 1/e) of the best.

    For a radial kernel of dense rows gains are computed in single precision, on a copy of the rows,
    and differences of one in 100,000 count as ties; ``Selection.diversity`` is in double.

    References
    ----------
    Krause & Golovin (2014), Submodular function maximization; Nemhauser, Wolsey & Fisher (1978),
    An analysis of approximations for maximizing submodular set functions; Bhatt et al. (2021),
    section 3, diversity B.

    Examples
    --------
    >>> import numpy as np
    >>> from streamlearn.selection import RBF, select_diverse
    >>> X = np.array([[0.0], [0.1], [0.2], [5.0], [5.1]])
    >>> select_diverse(np.zeros(5), X, 2, FacilityLocation(RBF(0.1)), gamma=1.0).ids
    array([1, 3])
    """

    def __init__(self, kernel: Any = None, reference: int | None = 2000) -> None:
        self.kernel = kernel
        self.reference = reference

    def measure(self, X: Matrix, ids: Ids, seed: int, *, reuse: bool = False) -> "Service":
        """Get ready for some rows: one pass of the kernel over all rows and the reference rows.

        Parameters
        ----------
        X : ndarray or CSR matrix of shape (n, d)
            Finite rows.
        ids : ndarray of int64, shape (n,)
            Ids of the rows.
        seed : int
            Seed of the reference rows.
        reuse : bool
            Keep gains (up to a quarter gigabyte) for selections that begin with the same rows.

        Returns
        -------
        Measure
            Of the empty set.
        """
        kernel = RBF() if self.kernel is None else self.kernel
        similarity = kernel.similarity(X, ids, seed)
        return Service(similarity, reference_rows(ids, self.reference, seed), reuse)


class Service:
    """A `Measure`: how well each reference row is served so far.

    Parameters
    ----------
    similarity : Similarity
        Of all rows.
    reference : ndarray of int64, shape (r,)
        Positions of the rows to be served.
    reuse : bool
        Keep the gains for the sets met, the last used ones up to a quarter gigabyte.
    """

    submodular = True

    def __init__(self, similarity: Similarity, reference: Ids, reuse: bool) -> None:
        self.similarity, self.space = similarity, similarity.space
        self.beyond: Beyond | RadialBeyond
        if isinstance(similarity, Radial) and not self.space.sparse:
            self.beyond = RadialBeyond(similarity, reference)
        else:
            self.beyond = Beyond(similarity, reference)
        self.dtype, self.reference = self.beyond.dtype, len(reference)
        self.most = _MEMORY // (8 * similarity.n) if reuse else 0
        self.known: OrderedDict[frozenset[int], Floats] = OrderedDict()
        self.first = np.full(similarity.n, np.nan)
        self.reset()
        self.first = self._new_gains(None)  # of the empty set: the same for every selection

    def reset(self) -> None:
        """Nobody serves."""
        self.beyond.reset()
        self.chosen: frozenset[int] = frozenset()
        self.now: Floats | None = self.first  # gains as far as they are known, NaN elsewhere

    def gains(self, rows: Ids | None = None) -> Floats:
        """What each row, or some, would add to the service."""
        if self.now is None:
            return self._new_gains(rows)
        rows = np.arange(self.similarity.n) if rows is None else rows
        gains = self.now[rows]
        if (new := np.isnan(gains)).any():
            gains[new] = self.now[rows[new]] = self._new_gains(rows[new])
        return gains

    def _new_gains(self, rows: Ids | None) -> Floats:
        return self.beyond.sums(rows) / self.reference

    def add(self, row: int) -> None:
        """Let a row serve."""
        self.beyond.raise_to(row)
        self.chosen |= {row}
        self.now = None
        if self.most:
            self.now = self.known.pop(self.chosen, None)
            self.now = np.full(self.similarity.n, np.nan) if self.now is None else self.now
            self.known[self.chosen] = self.now
            if len(self.known) > self.most:
                self.known.popitem(last=False)

    def value(self, rows: Ids) -> float:
        """Mean service of all rows by some."""
        if len(rows) == 0:
            return 0.0
        total = 0.0
        for _, block in self.similarity.strips(self.similarity.anchors(rows)):
            total += float(np.maximum(block.max(axis=1), 0.0).sum(dtype=np.float64))
        return float(total / self.similarity.n)
