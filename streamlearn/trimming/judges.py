"""Who judges a verification: rows in folds, and what they go by."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streamlearn.arrays import Floats, Ids
from streamlearn.data import Labelled
from streamlearn.influence.linear import LinearClassifier
from streamlearn.influence.objectives import MarginObjective, Objective
from streamlearn.influence.rows import encode

Factory: TypeAlias = Callable[[Any, Any], Objective]


@dataclass(frozen=True)
class Rows:
    """What a verification works on: candidates and judges, one below the other.

    Parameters
    ----------
    rows : Labelled
        All n rows that train.
    candidate : ndarray of bool, shape (n,)
        Rows that may be acted on.
    fold : ndarray of int, shape (n,)
        Part of the judges a row belongs to; −1 for rows that never judge.
    key : ndarray, shape (n,)
        Breaks ties.
    """

    rows: Labelled
    candidate: NDArray[np.bool_]
    fold: Ids
    key: Floats


class SoftErrors(MarginObjective):
    """Mean probability of all labels but the given one: a share of errors with a slope.

    Labels that are wrong at random add a constant to it and scale the rest (Ghosh, Kumar & Sastry
    2017), so judges with errors of their own still know the better model. On the log-loss they
    prefer one that is in doubt.
    """

    def __init__(self, X: Any, y: Any) -> None:
        super().__init__(X)
        self.y = np.asarray(y)

    def _of_margins(self, model: LinearClassifier, U: Floats) -> Floats:
        codes = encode(self.y, model.classes_, len(self.y))
        P = model._loss().probabilities(U)[..., codes, np.arange(len(codes))]
        return np.asarray(1.0 - P.mean(axis=-1))

    def _slope(self, model: LinearClassifier, U: Floats) -> Floats:
        codes = encode(self.y, model.classes_, len(self.y))
        G = np.zeros((len(model.classes_), len(codes)))
        G[codes, np.arange(len(codes))] = -1.0 / len(codes)
        return model._loss().pull(U, G)


def folds_by_class(y: ArrayLike, key: Floats, folds: int) -> Ids:
    """Spread rows over folds, every class evenly, in the order of the keys."""
    order = np.lexsort((key, np.asarray(y)))
    fold = np.empty(len(order), dtype=np.int64)
    fold[order] = np.arange(len(order)) % folds
    return fold
