"""What strategies of other libraries are given: rows, coded labels, a scikit-learn classifier."""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone

from streamlearn.arrays import Floats, Ids, Labels, Matrix
from streamlearn.data import Labelled
from streamlearn.errors import InputError
from streamlearn.keyed import uniform
from streamlearn.memory import stack
from streamlearn.protocols import Learner, View

Codes = NDArray[np.intp]


class LearnerClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A learner as a scikit-learn classifier whose labels are 0 to k - 1.

    Parameters
    ----------
    learner : Learner
        ``fit`` teaches a fresh copy of it.
    classes : ndarray, shape (k,)
        What the codes stand for, sorted.

    Attributes
    ----------
    learner_ : Learner
        The one that has learned.
    classes_ : ndarray of int64, shape (k,)
        0 to k - 1.
    n_features_in_ : int
        Columns.
    """

    def __init__(self, learner: Learner, classes: Labels) -> None:
        self.learner = learner
        self.classes = classes

    def fit(self, X: Matrix, y: Codes, sample_weight: Floats | None = None) -> Self:
        """Teach a fresh copy of the learner.

        Parameters
        ----------
        X : ndarray or CSR matrix, shape (n, d)
            Encoded features.
        y : ndarray of int, shape (n,)
            Codes.
        sample_weight : ndarray of float64, shape (n,), optional
            What a row counts.

        Returns
        -------
        LearnerClassifier
            Itself.
        """
        known = hasattr(self.learner, "get_params")
        learner = clone(self.learner) if known else deepcopy(self.learner)
        weight = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight)
        codes = np.asarray(y, dtype=np.intp)
        rows = Labelled(np.arange(len(y)), X, self.classes[codes], weight)
        learner.learn(rows, lambda: rows)
        return self.holding(learner, X.shape[1])

    def holding(self, learner: Learner, width: int) -> Self:
        """Answer for a learner that has learned already.

        Parameters
        ----------
        learner : Learner
            Not changed.
        width : int
            Columns of its rows.

        Returns
        -------
        LearnerClassifier
            Itself.
        """
        self.learner_, self.classes_ = learner, np.arange(len(self.classes))
        self.n_features_in_ = width
        return self

    def predict_proba(self, X: Matrix) -> Floats:
        """Return the learner's probabilities of the k classes.

        Parameters
        ----------
        X : ndarray or CSR matrix, shape (n, d)
            Encoded features.

        Returns
        -------
        ndarray of float64, shape (n, k)
            0 for a class that the learner has not met.
        """
        P, known = self.learner_.predict_proba(X), self.learner_.classes_
        if len(known) == len(self.classes):
            return P
        spread = np.zeros((len(P), len(self.classes)))
        at = np.isin(known, self.classes)
        spread[:, np.searchsorted(self.classes, known[at])] = P[:, at]
        return spread

    def predict(self, X: Matrix) -> Codes:
        """Return codes of the learner's labels.

        Parameters
        ----------
        X : ndarray or CSR matrix, shape (n, d)
            Encoded features.

        Returns
        -------
        ndarray of int, shape (n,)
        """
        return np.searchsorted(self.classes, self.learner_.predict(X))


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """The rows of a round as another library wants them.

    Parameters
    ----------
    ids : ndarray of int64, shape (m,)
        Those that may be asked, in random order by id: a library that breaks ties by position
        breaks them by the generator, and knows no order of the pool.
    X : ndarray or CSR matrix, shape (m, d)
        Their features.
    known : Labelled
        The rows that train: the reference first, then those kept.
    codes : ndarray of int, shape (n,)
        The labels of ``known`` as positions among the classes.
    classes : ndarray, shape (k,)
        Sorted labels.
    seed : int
        For whatever is random, 64 bits.
    """

    ids: Ids
    X: Matrix
    known: Labelled
    codes: Codes
    classes: Labels
    seed: int

    @property
    def cold(self) -> bool:
        """Whether fewer than two classes are labelled: no model tells the rows apart."""
        return len(np.unique(self.codes)) < 2


def given(view: View, n: int, rng: np.random.Generator) -> Given:
    """Gather what a round has, and draw its seed.

    Parameters
    ----------
    view : View
        The run as it stands.
    n : int
        How many rows shall be asked.
    rng : Generator
        Exactly one number is drawn from it.

    Returns
    -------
    Given

    Raises
    ------
    InputError
        If n is negative.
    """
    if n < 0:
        raise InputError(f"cannot ask {n} rows; n must be 0 or more")
    seed, pool, classes = int(rng.integers(2**63)), view.candidates, view.learner.classes_
    at = np.flatnonzero(pool.open)
    at = at[np.argsort(uniform(seed, pool.ids[at]), kind="stable")]
    parts = [part for part in (view.reference, view.kept) if part is not None and len(part)]
    known = stack(parts) if parts else view.kept
    codes = np.searchsorted(classes, known.y) if len(known) else np.empty(0, np.intp)
    return Given(pool.ids[at], pool.X[at], known, codes, classes, seed)


def committee(view: View, rows: Given, size: int) -> list[LearnerClassifier]:
    """Fit copies of the learner to bootstraps of the rows that train, once a round.

    Parameters
    ----------
    view : View
        The run as it stands.
    rows : Given
        Its rows and seed.
    size : int
        Members.

    Returns
    -------
    list of LearnerClassifier
        A member whose bootstrap lacks a class gives it probability 0.
    """

    def fit() -> list[LearnerClassifier]:
        rng, n = np.random.default_rng(rows.seed), len(rows.known)
        draws = [rng.integers(n, size=n) for _ in range(size)]
        known = rows.known
        return [
            LearnerClassifier(view.learner, rows.classes).fit(
                known.X[draw], rows.codes[draw], known.weight[draw]
            )
            for draw in draws
        ]

    return view.once(f"committee of {size}, seed {rows.seed}", fit)


def chosen(ids: Ids, positions: Any, n: int, name: str) -> Ids:
    """Turn positions a library chose into ids.

    Parameters
    ----------
    ids : ndarray of int64, shape (m,)
        What it chose from.
    positions : array-like of int
        Its choice, of any shape.
    n : int
        The most it may choose.
    name : str
        Whose choice it is, for the error.

    Returns
    -------
    ndarray of int64, shape (at most n,)

    Raises
    ------
    InputError
        If they are not distinct positions among the ids.

    Examples
    --------
    >>> chosen(np.array([7, 8, 9]), [[2], [0]], 2, "modAL's f")
    array([9, 7])
    """
    at = np.asarray(positions)
    whole = at.dtype.kind in "iu" or (at.dtype.kind == "f" and bool((at == np.floor(at)).all()))
    at = at.astype(np.int64).ravel() if whole else at.ravel()
    if not whole or len(np.unique(at)) < len(at) or ((at < 0) | (at >= len(ids))).any():
        raise InputError(
            f"{name} chose {at[:10].tolist()} of {len(ids)} rows; it must return distinct positions"
        )
    return ids[at[:n]]
