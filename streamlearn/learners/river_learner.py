"""A River model behind the learner protocol."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from streamlearn.arrays import Floats, Labels, Matrix, located
from streamlearn.data import Labelled
from streamlearn.errors import InputError
from streamlearn.learners.classifier import ClassifierLearner
from streamlearn.learners.river_model import (
    absent_is_zero,
    guarded,
    has_probabilities,
    last_step,
    learns_many,
    refuse,
    takes_w,
)
from streamlearn.learners.rows import counted, named, no_weights, union

LARGEST_FRAME = 2**27  # cells of one dense frame made from CSR rows: 1 GiB
DENSE = 2**22  # cells of a dense block of CSR rows to predict
BLOCK = 1024  # rows that are Python objects at one time


class RiverLearner(ClassifierLearner):
    """A River classifier, or a pipeline ending in one, that learns each batch once.

    Batches go through ``learn_many`` where every part of the model has it, else row by row
    through ``learn_one``.

    Parameters
    ----------
    model : river classifier
        Never trained itself: an untrained clone is.
    classes : array-like, optional
        All labels that may come.
    names : sequence of str, optional
        Names of the columns, for models that select by name; x0, x1, … by default.

    Attributes
    ----------
    classes_ : ndarray, shape (k,)
        Known labels, sorted.
    model_ : river classifier or None
        The trained clone.

    Notes
    -----
    ``learn_many`` of River's linear models makes *one* step along the mean gradient of the
    batch, where ``learn_one`` makes one a row: at the default rate of 0.01 it hardly learns;
    try ``optim.SGD(1.0)``.

    Models for two classes are given False and True, True being the second label in order;
    without ``classes``, rows are held back until a second label has come, then learned in
    their order. A third label is an error. Models for many classes are given the labels.

    CSR rows become dense rows, since an absent feature is *missing* to River and not zero;
    linear models that learn row by row, to which it is the same, see the stored values only.

    While rows are held back they are kept in memory: give ``classes`` where one label may go
    on alone for long.

    Examples
    --------
    >>> import numpy as np
    >>> import river.naive_bayes
    >>> learner = RiverLearner(river.naive_bayes.GaussianNB())
    >>> X = np.array([[0.0], [1.0], [5.0], [6.0]])
    >>> rows = Labelled(np.arange(4), X, np.array(["a", "a", "b", "b"]), np.ones(4))
    >>> learner.learn(rows, lambda: rows)
    >>> learner.predict(X[1:3])
    array(['a', 'b'], dtype='<U1')
    """

    held_: tuple[Any, ...] = ()  # batches of the only class so far, for a model of two classes

    def __init__(self, model: Any, classes: Any = None, names: Sequence[str] | None = None) -> None:
        self.model = model
        self.classes = classes
        self.names = names

    def __repr__(self) -> str:
        extra = "".join(
            f", {name}={value!r}"
            for name, value in (("classes", self.classes), ("names", self.names))
            if value is not None
        )
        text = str(self.model)
        return f"RiverLearner({text if '(' not in text else repr(self.model)}{extra})"

    @property
    def probabilistic(self) -> bool:
        """Whether ``predict_proba`` are the model's own probabilities; else its choice is 1."""
        return has_probabilities(self.model)

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
            If X is not finite, a label is none of ``classes`` or the third of a model for two,
            or a weight is neither 0 nor 1 and the model takes no weights.
        """
        refuse(self.model)
        X, y, weight = counted(new)
        if not len(y):
            return
        if not np.isfinite(X.data if sparse.issparse(X) else X).all():
            raise InputError("X holds NaN or infinity, which would ruin a River model; impute it")
        many = learns_many(self.model)
        if weight is not None and not takes_w(self.model, "learn_many" if many else "learn_one"):
            raise no_weights(str(last_step(self.model)), weight)
        binary = not self.model._multiclass
        self.check_labels(y)
        known = seen = union(self.seen_, y)
        if binary:
            known = self.classes_ if self.classes is not None else seen
            if len(known) < 2:
                self.seen_ = seen
                if self.classes is None:
                    self.held_ = (*self.held_, (X.copy(), y.copy(), weight))
                return
        model = self._fresh(X.shape[1]) if self.model_ is None else self.model_
        for batch in (*self.held_, (X, y, weight)):
            self._feed(model, many, known if binary else None, *batch)
        self.model_, self.seen_, self.trained_, self.held_ = model, seen, known, ()

    def check_labels(self, y: Labels) -> None:
        """Refuse labels that ``learn`` would refuse, with nothing changed; see the base."""
        super().check_labels(y)
        known = self.classes_ if self.classes is not None else union(self.seen_, y)
        if not self.model._multiclass and len(known) > 2:
            raise InputError(
                f"{last_step(self.model)} tells two classes apart, got {named(known)}; "
                "put it into river.multiclass.OneVsRestClassifier"
            )

    def _fresh(self, width: int) -> Any:
        """Return an untrained clone, and fix the names of the columns."""
        self.names_ = [f"x{j}" for j in range(width)] if self.names is None else list(self.names)
        return guarded(self.model)

    def _feed(
        self,
        model: Any,
        many: bool,
        pair: Labels | None,
        X: Matrix,
        y: Labels,
        weight: Floats | None,
    ) -> None:
        """Let the model learn one batch; labels of a pair become False and True."""
        targets = y if pair is None else located(y, pair)[0] == 1
        if many:
            options = {}
            if weight is not None:
                options["w"] = pd.Series(weight)
                if pair is not None:  # the hinge's gradient has the kind of its targets
                    targets = targets.astype(np.float64)
            with np.errstate(over="ignore"):  # exp of a large margin: the gradient is 0, rightly
                # pandas' own column-major copy, so that sums run in the order of bare River's
                model.learn_many(self._frame(X, copy=True), pd.Series(targets), **options)
        elif weight is None:
            for x, label in zip(self._dicts(X), targets.tolist(), strict=True):
                model.learn_one(x, label)
        else:
            rows = zip(self._dicts(X), targets.tolist(), weight.tolist(), strict=True)
            for x, label, w in rows:
                model.learn_one(x, label, w=w)

    def _proba(self, X: Matrix) -> Floats:
        if learns_many(self.model):
            step = len(X) if not sparse.issparse(X) else max(1, DENSE // (X.shape[1] or 1))
            starts = range(0, X.shape[0], step)
            proba = np.concatenate([self._proba_many(X[at : at + step]) for at in starts])
        else:
            proba = self._proba_one(X)
        total = proba.sum(axis=1, keepdims=True)
        if not np.isfinite(total).all():
            raise InputError(
                f"{last_step(self.model)} predicts NaN: it has diverged, or X is not finite; "
                "scale the features, or lower its learning rate"
            )
        proba = np.where(total > 0, proba, 1.0)  # a model without an opinion
        values: Floats = proba / proba.sum(axis=1, keepdims=True)
        return values

    def _proba_many(self, X: Matrix) -> Floats:
        """Return what predict_proba_many says, one column for each of trained_."""
        with np.errstate(over="ignore"):
            frame = self.model_.predict_proba_many(self._frame(X, copy=False))
        proba = np.zeros((X.shape[0], len(self.trained_)))
        column = self._columns()
        for j, label in enumerate(frame.columns):
            proba[:, column[label]] = frame.iloc[:, j]
        return proba

    def _proba_one(self, X: Matrix) -> Floats:
        """Return what predict_proba_one says row by row; without it, 1 for predict_one."""
        proba = np.zeros((X.shape[0], len(self.trained_)))
        column = self._columns()
        probabilistic = self.probabilistic
        for i, x in enumerate(self._dicts(X)):
            if probabilistic:
                for label, p in self.model_.predict_proba_one(x).items():
                    proba[i, column[label]] = p
            else:
                label = self.model_.predict_one(x)
                if label is not None:
                    proba[i, column[label]] = 1.0
        return proba

    def _labels(self, X: Matrix) -> Labels:
        labels: Labels = self.trained_[self._proba(X).argmax(axis=1)]
        return labels

    def _columns(self) -> dict[Any, int]:
        """Return the column of trained_ for each label as the model knows it."""
        if not self.model._multiclass:
            return {False: 0, True: 1}
        return {label: j for j, label in enumerate(self.trained_.tolist())}

    def _checked(self, X: Matrix) -> Matrix:
        if X.shape[1] != len(self.names_):
            raise InputError(
                f"X has {X.shape[1]} columns, the model knows {len(self.names_)} "
                f"({', '.join(self.names_[:5])}, …); give rows of one width"
            )
        return X

    def _frame(self, X: Matrix, copy: bool) -> pd.DataFrame:
        """Return a frame of the rows; CSR rows become dense ones."""
        X = self._checked(X)
        if sparse.issparse(X):
            if X.shape[0] * X.shape[1] > LARGEST_FRAME:
                raise InputError(
                    f"learn_many needs dense rows, and {X.shape[0]} × {X.shape[1]} would take "
                    f"{X.shape[0] * X.shape[1] / 2**27:.0f} GiB; give smaller batches"
                )
            X = X.toarray()
        # A list of names would be made into an Arrow index, batch after batch.
        return pd.DataFrame(X, columns=pd.Index(self.names_, dtype=object), copy=copy)

    def _dicts(self, X: Matrix) -> Iterator[dict[str, float]]:
        """Yield each row as River wants it, a block of Python objects at a time."""
        X, names = self._checked(X), self.names_
        few = absent_is_zero(self.model)
        for at in range(0, X.shape[0], BLOCK):
            block = X[at : at + BLOCK]
            if not sparse.issparse(block):
                yield from (dict(zip(names, row, strict=True)) for row in block.tolist())
            elif not few:
                for i in range(block.shape[0]):
                    yield dict(zip(names, block[[i]].toarray()[0].tolist(), strict=True))
            else:
                columns, values = block.indices.tolist(), block.data.tolist()
                for start, end in pairwise(block.indptr.tolist()):
                    yield {
                        names[j]: v
                        for j, v in zip(columns[start:end], values[start:end], strict=True)
                    }
