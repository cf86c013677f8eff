"""Exact Shapley values of a nearest-neighbour classifier's rows, in one sort a judging row."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from joblib import Parallel, delayed
from scipy import sparse

from streamlearn.arrays import Floats, Labels, Matrix
from streamlearn.errors import InputError, whole
from streamlearn.influence.fairness import DemographicParity, EqualizedOdds, EqualOpportunity
from streamlearn.influence.linear import LinearClassifier
from streamlearn.influence.objectives import Objective, ValidationLoss, WeightedSum
from streamlearn.valuation.knn_order import in_order, with_ties
from streamlearn.valuation.metrics import AUC, Accuracy
from streamlearn.valuation.result import Values
from streamlearn.valuation.utility import ByMargins

_CHUNK = 1 << 17  # distances at a time
_FINE = 39  # bits of a distance, in units of the largest; rows nearer to each other are ties
_PLACE = 24  # bits of a row number, below them in one sortable word


@dataclass(frozen=True, eq=False)
class Judges:
    """Rows that judge, and what they wish their neighbours' labels to be.

    Attributes
    ----------
    X : ndarray or CSR of shape (q, d)
        The rows.
    wished : ndarray of shape (q,)
        Labels.
    shares : ndarray of shape (g, q)
        Weights of g averages over the rows.
    """

    X: Matrix
    wished: Labels
    shares: Floats


def by_knn_shapley(
    model: Any,
    X: Matrix,
    y: Labels,
    objective: Objective,
    weight: Floats | None,
    *,
    k: int | None = None,
    calibrated: bool = False,
    n_jobs: int | None = None,
) -> Values:
    """Shapley values in the game whose worth is the share of right labels among k neighbours.

    Parameters
    ----------
    model : classifier
        Looked at for ``n_neighbors`` alone.
    X, y : ndarray or CSR of shape (n, d), ndarray of shape (n,)
        Training rows.
    objective : Objective
        `ValidationLoss` or `Accuracy` (both stand for the share of right neighbours), soft gaps
        in probability, and sums: functions of averages over rows.
    weight : None
        Neighbours are counted, not weighted.
    k : int, optional
        Neighbours; those of the model, else 5.
    calibrated : bool
        Let only the ``2 k`` nearest rows of a judging row play for it, all others are worth zero.
    n_jobs : int or None
        Threads.

    Returns
    -------
    Values
        Exact.

    Notes
    -----
    With rows sorted by distance and m_j = 1 where the j-th has the label wished for, its value is
    ``m_j c_j - sum over i > j of m_i (c_(i-1) - c_i)``, c_j = 1 / max(k, j): Theorem 1 of Jia et
    al. (2019), summed up. Rows equally far come in random order in the game, and the value is the
    mean over these orders, in closed form; so equal rows have equal values.

    A gap between group means is linear in the labels once its sign is fixed; that is taken from
    the neighbours of all rows, as FairShap does.

    Calibrated values are the recursion of Yang et al. (2024) with T = n - 2k. Without the small
    coalitions that any row helps, zero is where harm begins.

    References
    ----------
    Jia et al. (2019), Efficient task-specific data valuation for nearest neighbor algorithms.
    Yang et al. (2024), On the inflation of KNN-Shapley value. Arnaiz-Rodriguez and Oliver (2023),
    Towards algorithmic fairness by means of instance-level data re-weighting based on Shapley
    values.
    """
    if weight is not None:
        raise InputError(
            "knn_shapley counts every neighbour once and knows no sample_weight; leave rows of "
            "weight zero out"
        )
    if k is None:
        k = getattr(model, "n_neighbors", 5)
    k = whole(k, "k", 1)
    if k > len(y):
        raise InputError(f"k is {k}, but there are {len(y)} rows; give k of at most {len(y)}")
    players = min(2 * k, len(y)) if calibrated else len(y)
    scores = _of(objective, X, y, np.unique(y), (k, players), n_jobs)
    return Values(scores, "knn_shapley", None, {"k": k, "calibrated": calibrated})


def _of(
    objective: Objective,
    X: Matrix,
    y: Labels,
    classes: Labels,
    size: tuple[int, int],
    n_jobs: int | None,
) -> Floats:
    """Values (n,) for any objective that is made of averages."""
    if isinstance(objective, WeightedSum):
        parts = [(f, _of(one, X, y, classes, size, n_jobs)) for f, one in objective.terms]
        return cast(Floats, sum(factor * part for factor, part in parts))
    if isinstance(objective, ValidationLoss) and type(objective) in (ValidationLoss, Accuracy):
        judges = Judges(objective.X, objective.y, objective.share[None])
        own: Floats = shares_of(judges, X, y, size, n_jobs)[0]
        return own
    if isinstance(objective, DemographicParity | EqualizedOdds | EqualOpportunity):
        total = np.zeros(len(y))
        for judges in _gaps(objective, classes):
            by_group = shares_of(judges, X, y, size, n_jobs)
            rates = by_group.sum(axis=1)
            total -= by_group[rates.argmax()] - by_group[rates.argmin()]
        return total
    why = "ranks" if isinstance(objective, AUC) else "its own kind"
    raise InputError(
        f"knn_shapley takes averages over rows (ValidationLoss, Accuracy, soft gaps, sums); "
        f"{type(objective).__name__} is of {why}: use shapley with a KNeighborsClassifier"
    )


def _gaps(
    gap: DemographicParity | EqualizedOdds | EqualOpportunity, classes: Labels
) -> Iterator[Judges]:
    """Rows and averages of each gap of an objective."""
    if gap.kind != "probability":
        raise InputError(
            f"a gap of kind {gap.kind!r} is not linear in the neighbours' labels; give "
            "kind='probability'"
        )
    for means, label in gap._averages(cast(LinearClassifier, ByMargins(classes))):
        rows = means.any(axis=0)
        yield Judges(gap.X[rows], np.repeat(classes[label], rows.sum()), means[:, rows])


def shares_of(
    judges: Judges, X: Matrix, y: Labels, size: tuple[int, int], n_jobs: int | None
) -> Floats:
    """Shapley values (g, n) for each of the averages.

    Parameters
    ----------
    judges : Judges
        The rows that judge.
    X, y : ndarray or CSR of shape (n, d), ndarray of shape (n,)
        Training rows.
    size : (int, int)
        Neighbours k, and players a judging row has.
    n_jobs : int or None
        Threads.

    Returns
    -------
    ndarray of shape (g, n)
        Values.
    """
    if judges.X.shape[1] != X.shape[1]:
        raise InputError(
            f"the objective's X has {judges.X.shape[1]} columns, the training rows {X.shape[1]}"
        )
    if len(y) >= 1 << _PLACE:
        raise InputError(f"knn_shapley takes fewer than {1 << _PLACE} rows, got {len(y)}")
    if not sparse.issparse(X):  # distances are differences of squares: they want small numbers
        centre = X.mean(axis=0, dtype=np.float64)
        X, judges = X - centre, Judges(judges.X - centre, judges.wished, judges.shares)
    squares = _squares(X)
    step = max(1, _CHUNK // len(y))
    parts = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")(
        delayed(_chunk)(judges, slice(first, first + step), X, y, squares, size)
        for first in range(0, judges.X.shape[0], step)
    )
    total = np.zeros((len(judges.shares), len(y)))
    for part in parts:
        total += part
    return total


def _chunk(
    judges: Judges, rows: slice, X: Matrix, y: Labels, squares: Floats, size: tuple[int, int]
) -> Floats:
    """Values (g, n) that some judging rows give."""
    V = judges.X[rows]
    D = -2.0 * _product(V, X)
    D += squares
    D += _squares(V)[:, None]
    np.maximum(D, 0.0, out=D)
    D *= 2.0**_FINE / np.maximum(D.max(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    words = D.astype(np.uint64)
    words <<= np.uint64(_PLACE)
    words |= np.arange(len(y), dtype=np.uint64)
    words.sort(axis=1)
    order = (words & np.uint64((1 << _PLACE) - 1)).astype(np.intp)
    words >>= np.uint64(_PLACE)
    same = np.diff(words, axis=1) <= 1
    hits = (y[order] == judges.wished[rows, None]).astype(np.float64)
    values = in_order(hits, *size)
    tied = np.flatnonzero(same.any(axis=1))
    if len(tied):
        values[tied] = with_ties(hits[tied], same[tied], *size)
    unsorted = np.empty_like(values)
    np.put_along_axis(unsorted, order, values, axis=1)
    return judges.shares[:, rows] @ unsorted


def _squares(X: Matrix) -> Floats:
    if sparse.issparse(X):
        return np.asarray(X.multiply(X).sum(axis=1), dtype=np.float64).ravel()
    return cast(Floats, np.einsum("nd,nd->n", X, X, dtype=np.float64))


def _product(V: Matrix, X: Matrix) -> Floats:
    product = V @ X.T
    return np.asarray(product.toarray() if sparse.issparse(product) else product, dtype=np.float64)
