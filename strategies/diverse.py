"""A strategy's picks, spread out: no two of one query alike."""

import warnings
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from streamlearn.arrays import Floats, Ids, Index, Matrix
from streamlearn.errors import InputError, nearest
from streamlearn.protocols import QueryStrategy, View
from streamlearn.strategies.margin import Margin

METHODS = ("kmeans", "kcenter")


class Diverse(BaseEstimator):  # type: ignore[misc]
    """Spread another strategy's picks over the feature space.

    Parameters
    ----------
    strategy : QueryStrategy, optional
        Says which rows are worth asking; None means ``Margin()``.
    pool_factor : float
        The spread picks are taken from the best ``pool_factor · n`` rows; 1 changes nothing.
    method : {"kmeans", "kcenter"}
        ``"kmeans"``: as many clusters as rows are asked, the best row of each.
        ``"kcenter"``: the best row, then again and again the row farthest from all picked.

    Notes
    -----
    Distances are Euclidean in the encoded features, so scale them. k-means suits queries of
    up to some hundred rows; k-center costs one matrix product of ``pool_factor · n`` rows a pick,
    and is drawn to outliers.

    References
    ----------
    Citovsky et al. (2021), Batch active learning at scale (cluster-margin); Zhdanov (2019),
    Diverse mini-batch active learning (k-means); Gonzalez (1985), Clustering to minimize the
    maximum intercluster distance (k-center); Sener and Savarese (2018), Core-set.

    Examples
    --------
    >>> Diverse(pool_factor=10)
    Diverse(pool_factor=10)
    """

    def __init__(
        self,
        strategy: QueryStrategy | None = None,
        pool_factor: float = 5,
        method: str = "kmeans",
    ) -> None:
        self.strategy = strategy
        self.pool_factor = pool_factor
        self.method = method

    def utilities(self, view: View) -> Floats:
        """Return the utilities of the strategy inside, which know nothing of spread.

        Parameters
        ----------
        view : View
            The run as it stands.

        Returns
        -------
        ndarray of float64, shape (n,)
            NaN for rows that may not be asked.

        Raises
        ------
        InputError
            If the strategy inside has none.
        """
        inner: Any = self._inner()
        if not hasattr(inner, "utilities"):
            raise InputError(f"{inner!r} has no utilities to show, only picks; use select")
        return np.asarray(inner.utilities(view))

    def select(self, view: View, n: int, rng: np.random.Generator) -> Ids:
        """Return useful rows that differ from each other.

        Parameters
        ----------
        view : View
            The run as it stands.
        n : int
            How many rows to ask at most.
        rng : Generator
            Breaks the inner strategy's ties and seeds k-means.

        Returns
        -------
        ndarray of int64, shape (at most n,)
            Distinct open ids, highest utility first.

        Raises
        ------
        InputError
            If a parameter or n is out of range.
        """
        if n < 0:
            raise InputError(f"cannot ask {n} rows; n must be 0 or more")
        if self.method not in METHODS:
            raise nearest(self.method, METHODS, "method of Diverse")
        if not (np.isfinite(self.pool_factor) and self.pool_factor >= 1):
            raise InputError(f"pool_factor must be 1 or more, got {self.pool_factor}")
        # Nobody can be spread wider than over all candidates.
        reach = min(int(np.ceil(self.pool_factor * n)), max(n, len(view.candidates)))
        ids = self._inner().select(view, reach, rng)
        seed = int(rng.integers(2**31))
        if len(ids) <= n or n == 0:
            return ids[:n]
        X = view.candidates.X[Index(view.candidates.ids).positions(ids)]
        picked = _kmeans(X, n, seed) if self.method == "kmeans" else _kcenter(X, n)
        return ids[picked]

    def _inner(self) -> QueryStrategy:
        return Margin() if self.strategy is None else self.strategy


def _kmeans(X: Matrix, n: int, seed: int) -> Ids:
    """Return the first row of each of n clusters; rows come best first."""
    with warnings.catch_warnings():
        # Fewer distinct rows than clusters: the best rows left fill the gaps below.
        warnings.simplefilter("ignore", ConvergenceWarning)
        cluster = KMeans(n, n_init=1, random_state=seed).fit(X).labels_
    _, first = np.unique(cluster, return_index=True)
    rest = np.setdiff1d(np.arange(len(cluster)), first)
    return np.sort(np.concatenate([first, rest[: n - len(first)]]))


def _kcenter(X: Matrix, n: int) -> Ids:
    """Return n rows picked greedily, each farthest from those before; rows come best first."""
    square = np.asarray(X.multiply(X).sum(axis=1) if sparse.issparse(X) else (X * X).sum(axis=1))
    square = square.ravel()
    distance = np.full(X.shape[0], np.inf)
    picked = [0]
    while len(picked) < n:
        last = picked[-1]
        product = X @ (X[[last]].toarray()[0] if sparse.issparse(X) else X[last])
        np.minimum(distance, square + square[last] - 2 * product, out=distance)
        distance[picked] = -np.inf  # also where rounding leaves a row a little from itself
        picked.append(int(np.argmax(distance)))
    return np.sort(np.array(picked))
