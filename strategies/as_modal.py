"""Our strategies as query functions of modAL."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from streamlearn.arrays import Floats, Labels, Matrix, as_labels
from streamlearn.data import Candidates, Labelled
from streamlearn.errors import InputError
from streamlearn.protocols import QueryStrategy, View


class _ModalLearner:
    """What a strategy may ask a model of modAL's."""

    def __init__(self, model: Any) -> None:
        known = getattr(model, "classes_", None)  # none before the first fit
        self.model_ = None if known is None else model
        self.classes_: Labels = np.empty(0, np.int64) if known is None else np.asarray(known)

    @property
    def probabilistic(self) -> bool:
        return hasattr(self.model_, "predict_proba")

    def learn(self, new: Labelled, kept: Any) -> None:
        raise InputError("a strategy never teaches; teach the modAL learner")

    def predict_proba(self, X: Matrix) -> Floats:
        if self.model_ is None:
            return np.ones((X.shape[0], 1))
        return np.asarray(self.model_.predict_proba(X))

    def predict(self, X: Matrix) -> Labels:
        if self.model_ is None:
            raise InputError("the modAL learner has learned nothing yet; teach it first")
        return np.asarray(self.model_.predict(X))


class _WithMargins(_ModalLearner):
    """The same of a model with decision values."""

    def decision_function(self, X: Matrix) -> Floats:
        return np.asarray(self.model_.decision_function(X))  # type: ignore[union-attr]


class AsModal:
    """A strategy that modAL's learners can query with; made by ``as_modal``.

    Parameters
    ----------
    strategy : QueryStrategy
        Chooses.
    reference : tuple (X, y), optional
        Trusted rows, for strategies that judge by them.
    seed : int
        Breaks ties.
    """

    def __init__(
        self, strategy: QueryStrategy, reference: tuple[Any, ArrayLike] | None, seed: int
    ) -> None:
        self.strategy, self.reference, self.seed = strategy, reference, seed

    def __repr__(self) -> str:
        return f"as_modal({self.strategy!r})"

    def __call__(
        self, classifier: Any, X: Matrix, n_instances: int = 1
    ) -> tuple[NDArray[np.int64], Floats]:
        """Choose rows of a pool.

        Parameters
        ----------
        classifier : modAL ActiveLearner or Committee
            Its model and the rows it has been taught.
        X : ndarray or CSR matrix, shape (n, d)
            The pool.
        n_instances : int
            How many rows.

        Returns
        -------
        ndarray of int64, shape (n_instances,)
            Their positions, the best first.
        ndarray of float64, shape (n_instances,)
            Their ranks: modAL unpacks two arrays, and takes two positions for such a pair.
        """
        if not (isinstance(X, np.ndarray) or sparse.issparse(X)):
            raise InputError(
                f"the pool is a {type(X).__name__}; give an array or a CSR matrix, such as "
                "frame.to_numpy()"
            )
        model = getattr(classifier, "estimator", classifier)
        wrapper = _WithMargins if hasattr(model, "decision_function") else _ModalLearner
        seen = _taught(classifier, X)
        pool = Candidates(np.arange(X.shape[0]), X, np.ones(X.shape[0], np.bool_))
        view = View(pool, pool.ids[:0], self._trusted(), wrapper(model), lambda: seen)
        rng = np.random.default_rng([self.seed, len(seen)])
        ids = self.strategy.select(view, n_instances, rng)
        return ids, np.arange(len(ids), dtype=np.float64)

    def _trusted(self) -> Labelled | None:
        if self.reference is None:
            return None
        X, y = self.reference[0], as_labels(self.reference[1], "reference labels")
        if X.shape[0] != len(y):
            raise InputError(f"reference has {X.shape[0]} rows and {len(y)} labels; give one each")
        return Labelled(-1 - np.arange(len(y)), X, y, np.ones(len(y)))


def as_modal(
    strategy: QueryStrategy, *, reference: tuple[Any, ArrayLike] | None = None, seed: int = 0
) -> AsModal:
    """Make a query function of modAL from one of our strategies.

    Parameters
    ----------
    strategy : QueryStrategy
        Any; it sees the learner's estimator, the pool, and the rows taught so far.
    reference : tuple (X, y), optional
        Trusted rows, for strategies that judge by them. modAL's learner does not learn them.
    seed : int
        Breaks ties, together with the number of rows taught.

    Returns
    -------
    AsModal
        For ``ActiveLearner(estimator, query_strategy=…)``; it can be pickled.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from streamlearn.strategies import Margin
    >>> X = np.arange(6.0)[:, None]
    >>> model = LogisticRegression().fit(X[[0, 5]], [0, 1])
    >>> positions, _ = as_modal(Margin())(model, X, n_instances=2)
    >>> sorted(positions.tolist())
    [2, 3]
    """
    return AsModal(strategy, reference, seed)


def _taught(classifier: Any, X: Matrix) -> Labelled:
    """Return the rows a learner of modAL's has been taught; a committee's are its members'."""
    for holder in (classifier, *getattr(classifier, "learner_list", ())):
        rows, y = getattr(holder, "X_training", None), getattr(holder, "y_training", None)
        if rows is not None and y is not None:
            labels = as_labels(y, "labels taught")
            # Ids behind the pool's: a row taught is none that may be asked.
            ids = X.shape[0] + np.arange(len(labels))
            return Labelled(ids, rows, labels, np.ones(len(labels)))
    return Labelled(np.empty(0, np.int64), X[:0], np.empty(0, np.int64), np.empty(0))
