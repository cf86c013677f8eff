"""Sum-redundancy: every pair of rows chosen is charged for its likeness."""

from collections import OrderedDict
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from streamlearn.arrays import Floats, Ids, Matrix
from streamlearn.selection.kernels import RBF, Similarity

_CACHE = 1 << 28  # bytes of kernel columns kept for the selections of one sweep


class Pulls:
    """Summed similarity of rows to the rows chosen, brought up to date when asked for.

    Parameters
    ----------
    similarity : Similarity
        Of the rows.
    reuse : bool
        Keep kernel columns for later selections, the last used ones up to a quarter gigabyte.
    """

    def __init__(self, similarity: Similarity, reuse: bool) -> None:
        self.similarity = similarity
        self.most = _CACHE // (similarity.n * similarity.space.dtype.itemsize) if reuse else 0
        self.columns: OrderedDict[int, NDArray[Any]] = OrderedDict()
        self.reset()

    def reset(self) -> None:
        """Nothing is chosen."""
        self.chosen: list[int] = []
        self.summed = 0  # so many of the chosen are in total
        self.total = np.zeros(self.similarity.n)

    def of(self, rows: Ids | None = None) -> Floats:
        """Sums (n,) of all rows, or (k,) of some."""
        late = np.array(self.chosen[self.summed :], dtype=np.int64)
        if rows is None:
            for row in late.tolist():
                self.total += self._column(row)
            self.summed = len(self.chosen)
            return self.total
        sums = self.total[rows]
        if len(late):
            anchors = self.similarity.anchors(late)
            for part, block in self.similarity.strips(anchors, rows):
                sums[part] += block.sum(axis=1)
        return sums

    def _column(self, row: int) -> NDArray[Any]:
        column = self.columns.pop(row, None)
        if column is None:
            column = self.similarity.column(row)
        if self.most:
            self.columns[row] = column
            if len(self.columns) > self.most:
                self.columns.popitem(last=False)
        return column


class SumRedundancy(BaseEstimator):  # type: ignore[misc]
    """Less likeness between the rows chosen: ``R(S) = - sum over u, v in S of phi(u, v)``.

    Parameters
    ----------
    kernel : RBF, Linear or Cosine, optional
        Similarity phi; ``RBF()`` by default.

    Notes
    -----
    The paper's constant kappa (the sum over all pairs of rows) is dropped, so that the empty set
    has diversity 0. For similarities that are not negative R is submodular, but it *decreases*:
    the (1 - 1/e) bound of greedy selection, which needs a set function that grows, does not apply,
    whatever the paper says. Each choice costs one pass over X; memory is a number a row.

    References
    ----------
    Lin & Bilmes (2011), A class of submodular functions for document summarization; Bhatt et al.
    (2021), section 3, diversity A.

    Examples
    --------
    >>> import numpy as np
    >>> from streamlearn.selection import select_diverse
    >>> X = np.array([[0.0], [0.1], [5.0]])
    >>> select_diverse([1.0, 0.9, 0.5], X, 2, SumRedundancy(), gamma=1.0).ids
    array([0, 2])
    """

    def __init__(self, kernel: Any = None) -> None:
        self.kernel = kernel

    def measure(self, X: Matrix, ids: Ids, seed: int, *, reuse: bool = False) -> "_Redundancy":
        """Get ready for some rows.

        Parameters
        ----------
        X : ndarray or CSR matrix of shape (n, d)
            Finite rows.
        ids : ndarray of int64, shape (n,)
            Ids of the rows.
        seed : int
            Seed of what is drawn.
        reuse : bool
            Keep kernel columns (up to a quarter gigabyte) for selections to come.

        Returns
        -------
        Measure
            Of the empty set.
        """
        kernel = RBF() if self.kernel is None else self.kernel
        return _Redundancy(Pulls(kernel.similarity(X, ids, seed), reuse))


class _Redundancy:
    """A `Measure`: a row adds its likeness to itself, and twice that to those chosen."""

    def __init__(self, pulls: Pulls) -> None:
        self.pulls, self.similarity = pulls, pulls.similarity
        self.space = self.similarity.space
        self.submodular = self.similarity.nonnegative
        self.reset = pulls.reset

    def gains(self, rows: Ids | None = None) -> Floats:
        diagonal = self.similarity.diagonal
        gains = -2.0 * self.pulls.of(rows)
        gains -= diagonal if rows is None else diagonal[rows]
        return gains

    def add(self, row: int) -> None:
        self.pulls.chosen.append(row)

    def value(self, rows: Ids) -> float:
        return -pair_sum(self.similarity, rows)


def pair_sum(similarity: Similarity, rows: Ids) -> float:
    """Sum of the similarities over all ordered pairs of some rows, each with itself included."""
    total = 0.0
    if len(rows):
        for _, block in similarity.strips(similarity.anchors(rows), rows):
            total += float(block.sum(dtype=np.float64))
    return total
