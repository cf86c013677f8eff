"""A scikit-learn classifier, fitted anew on every row kept so far."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import config_context
from sklearn.base import clone
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline

from streamlearn.arrays import Labels, Matrix
from streamlearn.data import Labelled
from streamlearn.errors import InputError
from streamlearn.influence.linear import LinearClassifier
from streamlearn.influence.unchecked import unchecked
from streamlearn.learners.rows import NO_LABELS, counted, no_weights, positions
from streamlearn.learners.sklearn_model import (
    Margins,
    SklearnLearner,
    last_step,
    needs_codes,
    refuse_pairwise,
    takes_weights,
)


def weight_keyword(estimator: Any) -> str | None:
    """Return the keyword by which fit takes sample weights, None if it does not."""
    prefix = ""
    while isinstance(estimator, Pipeline):
        name, estimator = estimator.steps[-1]
        prefix += f"{name}__"
    return prefix + "sample_weight" if takes_weights(estimator.fit) else None


class Refit(SklearnLearner):
    """A scikit-learn classifier, fitted anew on every row kept so far.

    What it has learned depends on the rows kept alone, not on their history, unless the
    estimator (the last step of a pipeline) has ``warm_start=True``: then each fit starts where
    the last one ended, as long as the classes seen stay the same.

    Parameters
    ----------
    estimator : classifier
        Never fitted itself: a clone is.
    classes : array-like, optional
        All labels that may come; else those seen so far. A label outside is an error.

    Attributes
    ----------
    classes_ : ndarray, shape (k,)
        Known labels, sorted.
    model_ : classifier or None
        The fitted clone; None before two classes were seen.

    Notes
    -----
    Nearest neighbours start with what there is: ``n_neighbors`` is at most the number of rows.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from streamlearn.data import Labelled
    >>> learner = Refit(GaussianNB(), classes=["ham", "spam"])
    >>> X = np.array([[0.0], [1.0], [5.0], [6.0]])
    >>> learner.predict_proba(X[:1])
    array([[0.5, 0.5]])
    >>> y = np.array(["ham", "ham", "spam", "spam"])
    >>> rows = Labelled(np.arange(4), X, y, np.ones(4))
    >>> learner.learn(rows, lambda: rows)
    >>> learner.predict(X[1:3])
    array(['ham', 'spam'], dtype='<U4')
    """

    def __new__(cls, estimator: Any = None, classes: Any = None) -> "Refit":
        """Choose the variant with decision values where the estimator has them."""
        margins = cls is Refit and hasattr(estimator, "decision_function")
        made: Refit = object.__new__(MarginRefit if margins else cls)
        return made

    def __init__(self, estimator: Any, classes: Any = None) -> None:
        self.estimator = estimator
        self.classes = classes

    def learn(self, new: Labelled, kept: Callable[[], Labelled]) -> None:
        """Fit on the rows kept.

        Parameters
        ----------
        new : Labelled
            Not read.
        kept : callable
            Gathers all rows kept, the new ones included; weight 0 counts as absent.

        Raises
        ------
        InputError
            If a label is none of ``classes``, a weight is negative or not finite, or the
            estimator takes no sample weights and one is neither 0 nor 1.
        """
        X, y, weight = counted(kept())
        seen: Labels = np.unique(y) if len(y) else NO_LABELS
        if self.classes is not None and len(y):
            positions(seen, self.classes_, "correct the label, or add it to classes=…")
        if len(seen) < 2:
            self.model_, self.seen_, self.trained_ = None, seen, NO_LABELS
            return
        options = {}
        if weight is not None:
            keyword = weight_keyword(self.estimator)
            if keyword is None:
                raise no_weights(repr(last_step(self.estimator)), weight)
            options[keyword] = weight
        model = self._model(seen, len(y))
        classes: Labels = seen
        if needs_codes(seen):
            classes, y = np.arange(len(seen)), np.searchsorted(seen, y)
        if type(model) is LinearClassifier:
            unchecked(model).fit(X, y, weight, classes)
        else:
            with config_context(assume_finite=True):
                model.fit(X, y, **options)
        self.model_, self.seen_, self.trained_ = model, seen, seen

    def _call(self, method: str, X: Matrix) -> Any:
        if type(self.model_) is LinearClassifier:
            return getattr(unchecked(self.model_), method)(X)
        return super()._call(method, X)

    def _model(self, seen: Labels, n: int) -> Any:
        """Return what to fit: the last model if it starts warm and knows these classes."""
        if self.model_ is None:
            refuse_pairwise(self.estimator)
        last = last_step(self.estimator)
        if not getattr(last, "warm_start", False):
            model = _fresh(self.estimator)
            if isinstance(last, KNeighborsClassifier) and last.n_neighbors > n:
                last_step(model).set_params(n_neighbors=n)
            return model
        if hasattr(last, "n_estimators") or type(last).__name__.startswith("HistGradient"):
            raise InputError(
                f"{last!r} with warm_start=True keeps its trees and never sees later rows; "
                "set warm_start=False"
            )
        same = self.model_ is not None and np.array_equal(seen, self.trained_)
        return self.model_ if same else clone(self.estimator)


def _fresh(estimator: Any) -> Any:
    """Return an unfitted copy; where all parameters are plain values, without asking for them.

    ``clone`` reads the signature of ``__init__`` anew each time, a twentieth of a small fit.
    """
    new: Any = type(estimator).__new__
    made = vars(estimator) if new is object.__new__ else {"": estimator}
    if not all(value is None or isinstance(value, str | int | float) for value in made.values()):
        return clone(estimator)
    copy = object.__new__(type(estimator))
    copy.__dict__.update(made)
    return copy


class MarginRefit(Margins, Refit):
    """A ``Refit`` whose estimator has decision values; ``Refit(…)`` chooses it by itself."""
