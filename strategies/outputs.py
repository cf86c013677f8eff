"""What a learner says of the open rows, asked in one call without copying the pool."""

from collections.abc import Callable

import numpy as np
from scipy.special import softmax

from streamlearn.arrays import Floats, Matrix
from streamlearn.data import Candidates
from streamlearn.errors import InputError
from streamlearn.protocols import View

Score = Callable[[Floats], Floats]


def uncertainty(view: View, from_probabilities: Score, from_values: Score | None = None) -> Floats:
    """Score open rows by what the learner says of them.

    Parameters
    ----------
    view : View
        The run as it stands.
    from_probabilities : callable
        (m, k) class probabilities to (m,) utilities.
    from_values : callable, optional
        The same for k > 2 decision values, of learners without probabilities; by default the
        softmax of the values is scored as probabilities.

    Returns
    -------
    ndarray of float64, shape (n,)
        NaN for rows that are not open; all equal while fewer than two classes are known.

    Notes
    -----
    With two classes and a decision function f, entropy, margin and least confidence are one
    ordering, −|f|: neither logarithm nor probability is computed.
    """
    learner = view.learner
    classes = len(learner.classes_)
    # hasattr, as isinstance(learner, HasMargins) sees methods that are only declared.
    has_values = hasattr(learner, "decision_function")

    def score(X: Matrix) -> Floats:
        if classes < 2:
            return np.zeros(X.shape[0])
        if classes == 2 and has_values:
            distance: Floats = np.abs(learner.decision_function(X))  # type: ignore[attr-defined]
            return np.negative(distance, out=distance)
        if has_values and not getattr(learner, "probabilistic", True):
            values: Floats = learner.decision_function(X)  # type: ignore[attr-defined]
            return from_values(values) if from_values else from_probabilities(softmax(values, 1))
        return from_probabilities(learner.predict_proba(X))

    return on_open(view.candidates, score)


def on_open(candidates: Candidates, score: Callable[[Matrix], Floats]) -> Floats:
    """Score the open rows, NaN for the others.

    Parameters
    ----------
    candidates : Candidates
        The rows.
    score : callable
        (m, d) rows to (m,) utilities.

    Returns
    -------
    ndarray of float64, shape (n,)

    Raises
    ------
    InputError
        If an open row is scored NaN.

    Notes
    -----
    Where at least half the rows are open, all of X is scored in place: that costs less than
    gathering the open ones, and a large pool is never copied.
    """
    n, opened = len(candidates), candidates.open
    share = int(np.count_nonzero(opened))
    if 2 * share >= n > 0:
        utilities = np.where(opened, score(candidates.X), np.nan)
    else:
        utilities = np.full(n, np.nan)
        if share:
            utilities[opened] = score(candidates.X[opened])
    if np.count_nonzero(np.isnan(utilities)) > n - share:
        bad = candidates.ids[opened & np.isnan(utilities)][0]
        raise InputError(
            f"the learner's output for open id {bad} gives a utility of NaN; look for features "
            "that are not finite or a learner that diverged"
        )
    return utilities
