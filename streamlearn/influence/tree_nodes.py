"""A regression tree as flat arrays: routing rows through it, and hierarchical shrinkage."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

LEAF = -1  # in place of a child or a feature, as in scikit-learn's trees (there: -1 and -2)


@dataclass(frozen=True)
class Nodes:
    """A binary regression tree, one entry a node, the root first, parents before children.

    Attributes
    ----------
    feature : ndarray of intp, shape (n_nodes,)
        The column that is compared, -1 in a leaf.
    threshold : ndarray of float64, shape (n_nodes,)
        Rows with ``x <= threshold`` go left; NaN in a leaf.
    left, right : ndarray of intp, shape (n_nodes,)
        Children, -1 in a leaf.
    count : ndarray of int64, shape (n_nodes,)
        Training rows in the node.
    mean : ndarray of float64, shape (n_nodes,)
        Mean target of these rows.
    """

    feature: NDArray[np.intp]
    threshold: NDArray[np.float64]
    left: NDArray[np.intp]
    right: NDArray[np.intp]
    count: NDArray[np.int64]
    mean: NDArray[np.float64]


def leaf_of(nodes: Nodes, X: Any, rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the leaf that each of the given rows ends in.

    Parameters
    ----------
    nodes : Nodes
        The tree.
    X : ndarray or CSR matrix of float32, shape (n, d)
        All rows.
    rows : ndarray of intp, shape (m,)
        Those to look at.

    Returns
    -------
    ndarray of intp, shape (m,)
        Node numbers.
    """
    node = np.zeros(rows.size, dtype=np.intp)
    inside = np.arange(rows.size)
    while True:
        inside = inside[nodes.feature[node[inside]] != LEAF]
        if inside.size == 0:
            return node
        at = node[inside]
        x = X[rows[inside], nodes.feature[at]]
        if sparse.issparse(x):
            x = x.toarray()
        below = np.asarray(x).ravel() <= nodes.threshold[at]
        node[inside] = np.where(below, nodes.left[at], nodes.right[at])


def shrink(nodes: Nodes, shrinkage: float | NDArray[np.float64]) -> NDArray[np.float64]:
    """Shrink every node's value towards its ancestors'.

    Parameters
    ----------
    nodes : Nodes
        The tree.
    shrinkage : float or ndarray of float64, shape (m,)
        λ, in rows; several at once share the pass.

    Returns
    -------
    ndarray of float64, shape (n_nodes,) or (m, n_nodes)
        The shrunken values, ``mean`` itself where λ is 0.

    Notes
    -----
    Agarwal et al. 2022, Eq. 1: the step from a parent to its child is divided by
    1 + λ / (rows in the parent).
    """
    lam = np.asarray(shrinkage, dtype=np.float64)
    value = np.broadcast_to(nodes.mean, (*lam.shape, nodes.mean.size)).copy()
    kept = 1.0 / (1.0 + lam[..., None] / nodes.count)
    plain = lam == 0.0  # exactly CART there, not up to the rounding of a telescoping sum
    for parent in np.flatnonzero(nodes.feature != LEAF):
        for child in (nodes.left[parent], nodes.right[parent]):
            step = (nodes.mean[child] - nodes.mean[parent]) * kept[..., parent]
            value[..., child] = np.where(plain, nodes.mean[child], value[..., parent] + step)
    return value
