"""How far to shrink a tree, and how well it does on rows it has not seen: nested folds."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.stats import rankdata

from streamlearn.influence.tree_nodes import Nodes, leaf_of, shrink

SHRINKAGES = (0.0, 0.1, 1.0, 10.0, 50.0, 100.0, 500.0)  # imodels' grid, in rows


@dataclass(frozen=True)
class Validation:
    """What held-out rows say.

    Attributes
    ----------
    errors : ndarray of float64, shape (m,)
        Mean squared held-out error at each shrinkage tried.
    predicted : ndarray of float64, shape (n,)
        Held-out prediction of every row, at a shrinkage chosen without the row's fold.
    r2, spearman : float
        Of ``predicted`` against the targets: the share of variance explained over all rows, and
        the rank correlation within a fold, averaged over folds. NaN for constant targets; a
        fold that is predicted by a constant has no rank correlation and counts as 0.
    """

    errors: NDArray[np.float64]
    predicted: NDArray[np.float64]
    r2: float
    spearman: float


def fold_of(X: Any, values: NDArray[np.float64], n_folds: int, seed: Any) -> NDArray[np.intp]:
    """Deal rows out to folds at random, by what is in a row and not by where it stands.

    Parameters
    ----------
    X : ndarray or CSR matrix of float32, shape (n, d)
        The rows.
    values : ndarray of float64, shape (n,)
        Their targets.
    n_folds : int
        Number of folds, equal in size to within one row.
    seed : RandomState
        Draws the hash function.

    Returns
    -------
    ndarray of intp, shape (n,)
        Fold numbers. Rows in another order get the same ones (equal rows are interchangeable).
    """
    odd = seed.randint(2**63 - 1, size=X.shape[1] + 1, dtype=np.int64).astype(np.uint64)
    odd = 2 * odd + np.uint64(1)
    if sparse.issparse(X):
        bits = X.copy()
        bits.data = np.ascontiguousarray(X.data).view(np.uint32).astype(np.uint64)
        key = np.asarray(bits @ odd[:-1])
    else:
        key = np.ascontiguousarray(X).view(np.uint32) @ odd[:-1]
    key = key + values.view(np.uint64) * odd[-1]  # multiply-shift hashing, modulo 2**64
    fold = np.empty(key.size, dtype=np.intp)
    fold[np.argsort(key, kind="stable")] = np.arange(key.size) % n_folds
    return fold


def validate(
    grow: Callable[[NDArray[np.intp]], Nodes],
    X: Any,
    values: NDArray[np.float64],
    fold: NDArray[np.intp],
    shrinkages: tuple[float, ...],
) -> Validation:
    """Score every shrinkage on held-out folds, and the whole procedure on rows outside of both.

    Parameters
    ----------
    grow : callable
        Grows a tree on the given row numbers.
    X : ndarray or CSR matrix of float32, shape (n, d)
        The rows.
    values : ndarray of float64, shape (n,)
        Their targets.
    fold : ndarray of intp, shape (n,)
        Fold numbers 0, 1, …
    shrinkages : tuple of float
        The λ to choose from.

    Returns
    -------
    Validation
        Errors and held-out fit.

    Notes
    -----
    One tree is grown for each fold left out, and, if there is a choice of λ, one for each pair
    of folds left out. The prediction for a fold shrinks the tree grown without it by the λ that
    is best on the other folds *for trees that lack both*: nothing of the fold has had a say.
    """
    parts = [np.flatnonzero(fold == k) for k in range(int(fold.max()) + 1)]
    lam = np.array(shrinkages)

    def held_out(*left_out: int) -> list[NDArray[np.float64]]:
        """Predictions for each of the folds left out, of shape (len(shrinkages), rows)."""
        nodes = grow(np.flatnonzero(~np.isin(fold, left_out)))
        value = shrink(nodes, lam)
        return [value[:, leaf_of(nodes, X, parts[k])] for k in left_out]

    def squared(predicted: NDArray[np.float64], k: int) -> NDArray[np.float64]:
        return np.asarray(((predicted - values[parts[k]]) ** 2).sum(axis=1))

    outer = [held_out(k)[0] for k in range(len(parts))]
    inner = np.zeros((len(parts), lam.size))  # row k: errors on the other folds, without k
    if lam.size > 1:
        for j, k in combinations(range(len(parts)), 2):
            at_j, at_k = held_out(j, k)
            inner[k] += squared(at_j, j)
            inner[j] += squared(at_k, k)
    predicted = np.empty_like(values)
    for part, of_part, errors in zip(parts, outer, inner, strict=True):
        predicted[part] = of_part[errors.argmin()]
    errors = np.array([squared(of_part, k) for k, of_part in enumerate(outer)]).sum(axis=0)
    return Validation(errors / values.size, predicted, *_fit(predicted, values, parts))


def _fit(
    predicted: NDArray[np.float64], values: NDArray[np.float64], parts: list[NDArray[np.intp]]
) -> tuple[float, float]:
    """R² over all rows and rank correlation within folds."""
    if np.ptp(values) == 0:
        return float("nan"), float("nan")
    r2 = 1 - ((values - predicted) ** 2).sum() / ((values - values.mean()) ** 2).sum()
    ranks = [_rank_correlation(predicted[part], values[part]) for part in parts]
    return float(r2), float(np.mean(ranks))


def _rank_correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(np.corrcoef(rankdata(a), rankdata(b))[0, 1])
