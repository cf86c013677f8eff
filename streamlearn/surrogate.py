"""The linear model that influence is computed with: the learner's own, or one beside it."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import clone

from streamlearn.arrays import Labels, Matrix
from streamlearn.data import Labelled
from streamlearn.errors import ConvergenceError
from streamlearn.influence.fitted import Fitted
from streamlearn.influence.linear import LinearClassifier
from streamlearn.influence.rows import Rows, canonical
from streamlearn.influence.unchecked import unchecked
from streamlearn.memory import stack
from streamlearn.protocols import View

_FEW = 1 << 18  # numbers that cost less as an array than as CSR, which hides where they are
_SAME_MINIMUM = ("loss", "l2", "fit_intercept", "tol", "solver")


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
        All of positive weight, the reference first if it trains; CSR only where they are many.
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
    """Return the surrogate of what is remembered, fitted once for all who ask for the same.

    Strategies compute with it, and trimmers that judge older rows anew start from it: one fit
    serves a query and the judgement of its answers.

    Parameters
    ----------
    view : View
        The run as it stands.
    estimator : LinearClassifier or None
        Fitted to the rows kept, with the labels judged. None stands for the parameters of the
        learner where it is a linear classifier with probabilities (and for the weight it gives
        the reference), else for those of ``LinearClassifier()``. A learner of the same
        parameters is itself the surrogate where it is at its minimum on these rows, and the
        start of the fit where it is not.
    reference : bool
        Whether the reference rows train it.
    first : int, optional
        Take only what is kept of the first so many rows seen.

    Returns
    -------
    Surrogate or None
        None while the rows do not hold two classes.
    """
    own = _linear_model(view.learner)
    wanted = (own or LinearClassifier()) if estimator is None else estimator
    settings = wanted.get_params(deep=False)
    share = float(getattr(view.learner, "reference_weight_", 1.0)) if wanted is own else 1.0
    name = f"surrogate {settings}, reference={reference}, weighs {share}, first={first}"

    def fit() -> Surrogate | None:
        kept = view.kept
        if first is not None:
            kept = kept.take(np.isin(kept.ids, view.seen.ids[:first]))
        trusted = view.reference if reference else None
        if trusted is not None and share != 1.0:
            trusted = replace(trusted, weight=share * trusted.weight)
        parts = [part for part in (trusted, kept) if part is not None and len(part)]
        rows = stack(parts) if parts else kept
        rows = rows if rows.weight.all() else rows.take(rows.weight > 0)
        if sparse.issparse(rows.X) and np.prod(rows.X.shape) <= _FEW:
            rows = replace(rows, X=rows.X.toarray())
        classes = np.unique(rows.y)
        if len(classes) < 2:
            return None
        labelled = Rows.in_memory(canonical(rows.X), rows.y, rows.weight, classes)
        model = clone(wanted)
        if own is not None and _may_stand(own, settings, classes, rows.X):
            try:
                return Surrogate(name, Fitted(own, labelled, own.solver), rows)
            except ConvergenceError:  # the learner was fitted to other rows, labels or weights
                model = own._at(own._theta()).set_params(warm_start=True)
        unchecked(model).fit(rows.X, rows.y, rows.weight)
        model.set_params(**settings)
        return Surrogate(name, Fitted(model, labelled, model.solver), rows)

    return view.once(name, fit)


def _linear_model(learner: Any) -> LinearClassifier | None:
    """Return the linear classifier with probabilities inside a learner, if there is one."""
    model = getattr(learner, "model_", None)
    if not isinstance(model, LinearClassifier) or not hasattr(model, "classes_"):
        return None
    return model if model._loss().has_probabilities else None


def _may_stand(own: LinearClassifier, settings: dict[str, Any], classes: Labels, X: Matrix) -> bool:
    """Whether the learner's model may have been fitted to such rows, for the same minimum."""
    theirs = own.get_params(deep=False)
    alike = all(theirs[key] == settings[key] for key in _SAME_MINIMUM)
    return alike and np.array_equal(own.classes_, classes) and own.n_features_in_ == X.shape[1]
