"""The linear model that influence strategies compute with: the learner's own, or one beside it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import clone

from streamlearn.data import Floats, Labelled, Labels, Matrix
from streamlearn.errors import ConvergenceError
from streamlearn.influence import LinearClassifier
from streamlearn.influence.fitted import Fitted
from streamlearn.influence.kernel import margins, take
from streamlearn.influence.rows import Rows, canonical
from streamlearn.protocols import View
from streamlearn.strategies.outputs import on_open


@dataclass(frozen=True, slots=True, eq=False)
class Surrogate:
    """A fitted linear model with the rows it was fitted to.

    Parameters
    ----------
    name : str
        Says how it was fitted, for the keys of ``View.once``.
    fitted : Fitted
        The model, its parameters (m, D) and the factor of its Hessian.
    rows : Labelled
        All of positive weight, the reference first if it trains.
    """

    name: str
    fitted: Fitted
    rows: Labelled

    @property
    def model(self) -> LinearClassifier:
        """The model itself."""
        return self.fitted.model


def fit_surrogate(
    view: View,
    estimator: LinearClassifier | None,
    *,
    reference: bool = True,
    first: int | None = None,
) -> Surrogate | None:
    """Return the round's surrogate, fitted once for all who ask with the same settings.

    Parameters
    ----------
    view : View
        The run as it stands.
    estimator : LinearClassifier or None
        Fitted anew. None takes the learner's own where it is a linear classifier with
        probabilities at its minimum on these rows, fits one with the same parameters where it is
        not at its minimum, and a ``LinearClassifier()`` beside any other learner.
    reference : bool
        Whether the reference rows train it.
    first : int, optional
        Take the first so many of the rows seen only.

    Returns
    -------
    Surrogate or None
        None while the rows do not hold two classes.
    """
    name = f"surrogate {estimator!r}, reference={reference}, first={first}"

    def fit() -> Surrogate | None:
        seen = view.seen if first is None else view.seen.take(slice(0, first))
        seen = seen if seen.weight.all() else seen.take(seen.weight > 0)
        rows = _stack(view.reference if reference else None, seen)
        classes = np.unique(rows.y)
        if len(classes) < 2:
            return None
        labelled = Rows.in_memory(canonical(rows.X), rows.y, rows.weight, classes)
        own = _linear_model(view.learner) if estimator is None else None
        if own is not None and _alike(own, classes, rows.X):
            try:
                return Surrogate(name, Fitted(own, labelled, own.solver), rows)
            except ConvergenceError:  # the learner was fitted to other rows, labels or weights
                own = clone(own)
        model = clone(estimator or own or LinearClassifier()).fit(rows.X, rows.y, rows.weight)
        return Surrogate(name, Fitted(model, labelled, model.solver), rows)

    return view.once(name, fit)


def products(
    view: View,
    surrogate: Surrogate,
    X: Matrix,
    name: str = "no direction",
    directions: Callable[[], list[Floats]] = list,
) -> Floats:
    """Return the rows' products with the surrogate's parameters and with directions, in one pass.

    Parameters
    ----------
    view : View
        The run as it stands; strategies that share the directions share the pass.
    surrogate : Surrogate
        Its parameters are the first to be multiplied.
    X : ndarray or CSR matrix, shape (n, d)
        All candidates, or all that are open.
    name : str
        Key of the directions.
    directions : callable
        Gives arrays (m, D).

    Returns
    -------
    ndarray of float64, shape (1 + number of directions, m, n)
        Shared: not to be written to.
    """
    pool, fitted = view.candidates, surrogate.fitted
    # Which rows are open may change before anything is learned; the pool itself does not.
    part = "all rows" if X is pool.X else f"open rows {hash(pool.open.tobytes())}"

    def multiply() -> Floats:
        wanted, n = np.array([fitted.theta, *directions()]), X.shape[0]
        U = np.empty((*wanted.shape[:2], n))
        # A slice of a CSR matrix is checked anew: one of all rows costs less than many.
        for rows in [slice(0, n)] if sparse.issparse(X) else blocks(n, X.shape[1]):
            U[..., rows] = margins(take(X, rows.start, rows.stop), wanted, fitted.intercept)
        return U

    return view.once(f"products of {part}, {name}, {surrogate.name}", multiply)


def blocks(n: int, width: int) -> Iterator[slice]:
    """Cut n rows of so many numbers into slices of about a megabyte, which stay in the cache."""
    step = max(1, (1 << 17) // max(width, 1))
    for start in range(0, n, step):
        yield slice(start, min(n, start + step))


def all_equal(view: View) -> Floats:
    """Return the same utility for every open row: nothing is known that tells them apart."""
    return on_open(view.candidates, lambda X: np.zeros(X.shape[0]))


def _linear_model(learner: Any) -> LinearClassifier | None:
    """Return the linear classifier with probabilities inside a learner, if there is one."""
    model = getattr(learner, "model_", None)
    if not isinstance(model, LinearClassifier) or not hasattr(model, "classes_"):
        return None
    return model if model._loss().has_probabilities else None


def _alike(model: LinearClassifier, classes: Labels, X: Matrix) -> bool:
    """Whether a model may have been fitted to such rows."""
    return np.array_equal(model.classes_, classes) and model.n_features_in_ == X.shape[1]


def _stack(reference: Labelled | None, seen: Labelled) -> Labelled:
    """Join the rows that train; an empty part has no columns."""
    if reference is None or not len(reference):
        return seen
    if not len(seen):
        return reference
    parts = reference, seen
    rows = [part.X for part in parts]
    csr = any(sparse.issparse(X) for X in rows)
    ids, y, weight = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("ids", "y", "weight")
    )
    X = sparse.vstack(rows, format="csr") if csr else np.concatenate(rows)
    return Labelled(ids, X, y, weight)
