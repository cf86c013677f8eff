"""A scikit-learn classifier that learns batch by batch through partial_fit."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import config_context
from sklearn.base import clone

from streamlearn.arrays import Floats, Labels, Matrix
from streamlearn.data import Labelled
from streamlearn.learners.rows import counted, no_weights, positions, sorted_classes, union
from streamlearn.learners.sklearn_model import Margins, SklearnLearner, needs_codes, takes_weights

Batch = tuple[Matrix, Labels, Floats | None]


def learn_batch(model: Any, batch: Batch, classes: Labels) -> None:
    """Pass one batch to partial_fit."""
    X, y, weight = batch
    at = positions(y, classes, "give all labels up front by classes=…")
    coded = needs_codes(classes)
    options = {}
    if weight is not None:
        if not takes_weights(model.partial_fit):
            raise no_weights(repr(model), weight)
        options["sample_weight"] = weight
    with config_context(assume_finite=True):
        model.partial_fit(
            X, at if coded else y, classes=np.arange(len(classes)) if coded else classes, **options
        )


class Incremental(SklearnLearner):
    """A scikit-learn classifier that learns each batch once, through ``partial_fit``.

    Parameters
    ----------
    estimator : classifier with partial_fit
        Never fitted itself: a clone is.
    classes : array-like, optional
        All labels that may come. Without them, those of the first rows learned are all there
        will be: ``partial_fit`` cannot add one later, so a new label is an error.

    Attributes
    ----------
    classes_ : ndarray, shape (k,)
        Known labels, sorted.
    model_ : classifier or None
        The fitted clone; None before two classes are known.

    Notes
    -----
    While ``classes`` is not given and one label only has come, rows are held back and that label
    is predicted. When a second one comes, the batches held are learned in their order: the model
    is then the same as if ``classes`` had been given, which spares the memory.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from streamlearn.data import Labelled
    >>> learner = Incremental(GaussianNB(), classes=[0, 1])
    >>> X = np.array([[0.0], [1.0], [5.0], [6.0]])
    >>> rows = Labelled(np.arange(4), X, np.array([0, 0, 1, 1]), np.ones(4))
    >>> learner.learn(rows, lambda: rows)
    >>> learner.predict(X[1:3])
    array([0, 1])
    """

    held_: tuple[Batch, ...] = ()  # batches of the only class so far

    def __new__(cls, estimator: Any = None, classes: Any = None) -> "Incremental":
        """Choose the variant with decision values where the estimator has them."""
        margins = cls is Incremental and hasattr(estimator, "decision_function")
        made: Incremental = object.__new__(MarginIncremental if margins else cls)
        return made

    def __init__(self, estimator: Any, classes: Any = None) -> None:
        self.estimator = estimator
        self.classes = classes

    def learn(self, new: Labelled, kept: Callable[[], Labelled]) -> None:
        """Learn the new rows; an empty batch changes nothing.

        Parameters
        ----------
        new : Labelled
            The rows to learn; weight 0 counts as absent.
        kept : callable
            Not called.

        Raises
        ------
        InputError
            If a label is none of the classes known, a weight is negative or not finite, or the
            estimator takes no sample weights and one is neither 0 nor 1.
        """
        batch = counted(new)
        if not len(batch[1]):
            return
        if self.model_ is not None:
            learn_batch(self.model_, batch, self.trained_)
            return
        if self.classes is None:
            known = union(self.seen_, batch[1])
        else:
            known = sorted_classes(self.classes)
            positions(batch[1], known, "correct the label, or add it to classes=…")
        if len(known) < 2:
            self.seen_ = known
            if self.classes is None:
                X, y, weight = batch
                self.held_ = (*self.held_, (X.copy(), y.copy(), weight))  # buffers may be reused
            return
        model = clone(self.estimator)
        for each in (*self.held_, batch):
            learn_batch(model, each, known)
        self.model_, self.trained_, self.seen_, self.held_ = model, known, known, ()

    def check_labels(self, y: Labels) -> None:
        """Refuse labels that ``learn`` would refuse, with nothing changed; see the base."""
        if self.model_ is not None:
            positions(y, self.trained_, "give all labels up front by classes=…")
        else:
            super().check_labels(y)

    def _call(self, method: str, X: Matrix) -> Any:
        # A declared class not met yet has prior 0, and its logarithm is -inf on purpose.
        with np.errstate(divide="ignore"):
            return super()._call(method, X)


class MarginIncremental(Margins, Incremental):
    """An ``Incremental`` whose estimator has decision values; chosen by ``Incremental(…)``."""
