"""Rows placed in the plane, to be looked at."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.manifold import TSNE
from sklearn.preprocessing import StandardScaler

from streamlearn.arrays import Floats, Ids, Matrix, as_ids
from streamlearn.errors import InputError, nearest
from streamlearn.influence.rows import as_matrix
from streamlearn.keyed import uniform

METHODS = ("pca", "tsne")
_BACKGROUND = 3000  # rows that are enough to show where the others lie
_COMPONENTS = 50  # that t-SNE starts from


def project(
    X: ArrayLike | Matrix,
    method: str = "pca",
    *,
    size: int = _BACKGROUND,
    always: ArrayLike = (),
    random_state: int = 0,
) -> tuple[Ids, Floats]:
    """Place rows in the plane.

    Parameters
    ----------
    X : array-like or CSR matrix of shape (n, d)
        Rows; columns are divided by their standard deviation.
    method : {"pca", "tsne"}, default="pca"
        Principal components, or scikit-learn's t-SNE of the first 50 of them.
    size : int, default=3000
        Rows to place, drawn at random; all where there are no more.
    always : array-like of int64
        Positions of rows to place in any case.
    random_state : int, default=0
        Seed.

    Returns
    -------
    positions : ndarray of int64, shape (k,)
        Rows placed, ascending.
    places : ndarray of shape (k, 2)
        Where.

    Raises
    ------
    InputError
        If the method is not known, or there are fewer than three rows or two columns.

    References
    ----------
    van der Maaten & Hinton (2008), Visualizing data using t-SNE.

    Examples
    --------
    >>> rows, places = project(np.eye(5), size=3, always=[4])
    >>> len(rows) in (3, 4), places.shape[1]
    (True, 2)
    """
    if method not in METHODS:
        raise nearest(method, METHODS, "projection")
    X = as_matrix(X, finite=True)
    n, d = X.shape
    drawn = np.argsort(uniform(random_state, np.arange(n), "background"))[:size]
    rows = np.union1d(drawn, as_ids(always)).astype(np.int64)
    if len(rows) < 3 or d < 2:
        raise InputError(f"{len(rows)} rows of {d} columns cannot be projected; give 3 and 2")
    Z: Any = StandardScaler(with_mean=not sparse.issparse(X)).fit_transform(X[rows])
    most = min(2 if method == "pca" else _COMPONENTS, *Z.shape)
    reduction = TruncatedSVD if sparse.issparse(Z) else PCA
    Z = reduction(most, random_state=random_state).fit_transform(Z)
    if method == "tsne":
        perplexity = min(30.0, (len(rows) - 1) / 3)
        Z = TSNE(perplexity=perplexity, init="pca", random_state=random_state).fit_transform(Z)
    return rows, np.asarray(Z, dtype=np.float64)
