"""A linear learner that chooses its own penalty, and what a reference row counts."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context

from streamlearn.arrays import Floats, Labels, Matrix
from streamlearn.data import Labelled
from streamlearn.errors import InputError, whole
from streamlearn.influence.linear import LinearClassifier
from streamlearn.influence.tuning import (
    PENALTIES,
    TRUSTED_WEIGHTS,
    Setting,
    choices,
    cross_validate,
)
from streamlearn.learners.rows import NO_LABELS, counted, positions
from streamlearn.learners.sklearn_model import Margins, SklearnLearner, needs_codes


class TunedLinear(Margins, SklearnLearner):
    """Logistic regression on every row kept, whose penalty follows the data.

    Parameters
    ----------
    l2 : float or "auto"
        Penalty, in units of the loss of one row; "auto" chooses among 1, 10 and 50.
    reference_weight : float or "auto"
        What a row of the reference counts; "auto" chooses between 1 and 5.
    folds : int
        Folds of the cross-validation that chooses.
    retune : float
        Choose anew once there are so many times as many rows as at the last choice; 1 chooses
        whenever it learns.
    classes : array-like, optional
        All labels that may come; else those seen so far. A label outside is an error.
    seed : int, optional
        Shuffles the folds. None: the loop's seed, or 0.

    Attributes
    ----------
    classes_ : ndarray, shape (k,)
        Known labels, sorted.
    l2_, reference_weight_ : float
        As chosen.
    model_ : LinearClassifier or None
        The fit; None before two classes were seen.

    Notes
    -----
    What is compared is the log-loss on folds of the reference (rows with negative ids, as the loop
    names them) under fits to all other rows. Where labels are often wrong this is worth more than
    the choice of a query strategy: wrong labels want a large penalty, and a reference row is worth
    several others. Without a reference, or with one of a single row, the folds are of all rows,
    and only the penalty is chosen. The smallest data, too few for two folds, get a penalty of 1.

    Rows that a trimmer judged with the help of the reference have seen the rows that choose here:
    the choice then leans towards small penalties.

    Fits start from the last one and end at the same certified minimum from wherever they start.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 5))
    >>> truth = (X[:, 0] > 0).astype(int)
    >>> given = np.where((rng.random(300) < 0.35) & (np.arange(300) >= 50), 1 - truth, truth)
    >>> ids = np.concatenate([-1 - np.arange(50), np.arange(250)])
    >>> rows = Labelled(ids, X, given, np.ones(300))
    >>> learner = TunedLinear()
    >>> learner.learn(rows, lambda: rows)
    >>> learner.l2_, learner.reference_weight_
    (1.0, 5.0)
    """

    def __init__(
        self,
        l2: Any = "auto",
        *,
        reference_weight: Any = "auto",
        folds: int = 4,
        retune: float = 1.2,
        classes: Any = None,
        seed: int | None = None,
    ) -> None:
        self.l2 = l2
        self.reference_weight = reference_weight
        self.folds = folds
        self.retune = retune
        self.classes = classes
        self.seed = seed

    probabilistic = True

    def learn(self, new: Labelled, kept: Callable[[], Labelled]) -> None:
        """Fit on the rows kept, after choosing anew where there are enough new ones.

        Parameters
        ----------
        new : Labelled
            Not read.
        kept : callable
            Gathers all rows kept, the new ones included; weight 0 counts as absent.

        Raises
        ------
        InputError
            If a label is none of ``classes``, a weight is negative or not finite, or a parameter
            cannot be used.
        """
        if not self.retune >= 1:
            raise InputError(f"retune must be a number of 1 or more, got {self.retune!r}")
        rows = kept()
        X, y, weight = counted(rows)
        trusted = rows.ids[rows.weight != 0] < 0
        seen: Labels = np.unique(y) if len(y) else NO_LABELS
        if self.classes is not None and len(y):
            positions(seen, self.classes_, "correct the label, or add it to classes=…")
        if len(seen) < 2:
            self.model_, self.seen_, self.trained_ = None, seen, NO_LABELS
            return
        if needs_codes(seen):
            y = np.searchsorted(seen, y)
        counts = np.ones(len(y)) if weight is None else weight
        with config_context(assume_finite=True):
            self._tune(X, y, counts, trusted)
            # A model of one's own: whoever holds the last one keeps it as it was.
            model = LinearClassifier(l2=self.l2_, warm_start=True)
            if self.model_ is not None and np.array_equal(seen, self.trained_):
                model.__dict__.update(self.model_.__dict__)
                model.l2 = self.l2_
            model.fit(X, y, counts * np.where(trusted, self.reference_weight_, 1.0))
        self.model_, self.seen_, self.trained_ = model, seen, seen

    def _tune(self, X: Matrix, y: Labels, weight: Floats, trusted: NDArray[np.bool_]) -> None:
        """Choose penalty and reference weight where a new choice is due."""
        penalties = choices(self.l2, PENALTIES, "l2")
        shares = choices(self.reference_weight, TRUSTED_WEIGHTS, "reference_weight")
        at = len(y), int(trusted.sum())
        last = getattr(self, "_tuned_at", (0, 0))
        if last[1] == at[1] and 0 < last[0] <= at[0] < self.retune * last[0]:
            return
        best: Setting = 1.0 if len(penalties) > 1 else penalties[0], shares[0]
        judges, offered = (trusted, shares) if at[1] > 1 else (np.ones_like(trusted), (1.0,))
        if len(penalties) * len(offered) > 1:
            count = whole(self.folds, "folds", least=2)
            tuning = cross_validate(
                X, y, weight, judges, penalties=penalties, trusted_weights=offered,
                count=count, seed=self.seed or 0,
            )  # fmt: skip
            if tuning.losses:
                best = tuning.best if at[1] > 1 else (tuning.best[0], shares[0])
        (self.l2_, self.reference_weight_), self._tuned_at = best, at
