"""Label noise that looks at the row: at how near the boundary it lies, or at its group."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from streamlearn.arrays import Floats, Ids, Labels, as_labels
from streamlearn.errors import InputError, nearest
from streamlearn.simulators.noise import LabelNoise, position, probability
from streamlearn.simulators.rows import height, index_of


class InstanceDependentNoise(LabelNoise):
    """Labels near the boundary between classes flip more often.

    Parameters
    ----------
    rate : float
        Mean flip probability over the rows it is fitted to, in [0, ceiling).
    ceiling : float
        No row flips with more than this probability; one half is a coin toss for two classes.
    sharpness : float
        How fast flips get rare away from the boundary: by exp(-sharpness) over the mean
        distance.
    estimator : scikit-learn classifier, optional
        The model of the truth whose boundary counts; it needs ``decision_function`` or
        ``predict_proba``. None means logistic regression on standardised features.
    classes : array-like, optional
        All classes; None means those of the labels it is fitted to.

    Attributes
    ----------
    classes_ : ndarray, shape (k,)
        Sorted.
    model_ : estimator
        Fitted to the truth.

    Notes
    -----
    A row at distance |m| (the gap between its two highest decision values) flips with
    probability min(ceiling, c exp(-sharpness |m| / mean |m|)), c set such that the mean is
    `rate`. The noise is boundary-consistent in the sense of Menon et al.

    References
    ----------
    Menon, van Rooyen and Natarajan (2018), Learning from binary labels with
    instance-dependent noise, Machine Learning 107.

    Examples
    --------
    >>> X, y = np.array([[-3.0], [-0.1], [0.1], [3.0]]), [0, 0, 1, 1]
    >>> p = InstanceDependentNoise(0.2).fit(y, X).rates(X)
    >>> float(p.mean().round(6)), bool(p[1] > p[0])
    (0.2, True)
    """

    def __init__(
        self,
        rate: float,
        *,
        ceiling: float = 0.5,
        sharpness: float = 2.0,
        estimator: Any = None,
        classes: ArrayLike | None = None,
    ) -> None:
        self.rate = rate
        self.ceiling = ceiling
        self.sharpness = sharpness
        self.estimator = estimator
        self.classes = classes

    def rates(self, X: Any) -> Floats:
        """Return the flip probability of each row, shape (n,)."""
        if X is None:
            raise InputError("InstanceDependentNoise looks at the rows; give X as well")
        fade = self._margin(X) / self._scale
        return np.exp(np.minimum(math.log(self.ceiling), self._level - fade))

    def _prepare(self, known: Labels, y: Labels, X: Any) -> None:
        rate, top = probability(self.rate, "rate"), probability(self.ceiling, "ceiling")
        if not rate < top:
            raise InputError(f"rate must lie below ceiling, got rate {rate} and ceiling {top}")
        if not (math.isfinite(self.sharpness) and self.sharpness > 0):
            raise InputError(f"sharpness must be finite and above 0, got {self.sharpness}")
        if X is None or height(X) != len(y):
            rows = "no X" if X is None else f"{height(X)} rows"
            raise InputError(
                f"InstanceDependentNoise looks at the rows; give X with one row a label, "
                f"got {rows} and {len(y)} labels"
            )
        self.model_ = (_logistic(X) if self.estimator is None else clone(self.estimator)).fit(X, y)
        margin = self._margin(X)
        self._scale = (float(margin.mean()) or 1.0) / self.sharpness
        fade, high = margin / self._scale, math.log(top)

        def excess(level: float) -> float:
            return float(np.exp(np.minimum(high, level - fade)).mean()) - rate

        # At level = log(rate) no row exceeds the rate; where the last row reaches the ceiling
        # all do, and the ceiling exceeds it.
        self._level = (
            float(brentq(excess, math.log(rate), high + float(fade.max()) + 1e-9, xtol=1e-12))
            if rate
            else -math.inf
        )

    def _rates(self, true: NDArray[np.intp], ids: Ids, X: Any) -> Floats:
        return self.rates(X)

    def _margin(self, X: Any) -> Floats:
        """Return the distance of each row from the boundary."""
        score = getattr(self.model_, "decision_function", None) or self.model_.predict_proba
        values = np.asarray(score(X), dtype=np.float64)
        if values.ndim == 1:
            return np.abs(values)
        best = np.partition(values, -2, axis=1)[:, -2:]
        return best[:, 1] - best[:, 0]


class GroupNoise(LabelNoise):
    """Labels flip with a probability that depends on the group of the row.

    Parameters
    ----------
    rates : mapping of group to float
        The flip probability of each group; every group needs one. Keys may be given as text.
    groups : str, int or array-like
        A column of the rows X (a name in a frame, a number in an array or CSR matrix), or the
        group of each row: a Series indexed by id, or values whose position is the id.
    classes : array-like, optional
        All classes; None means those of the labels it is fitted to.

    Attributes
    ----------
    classes_ : ndarray, shape (k,)
        Sorted.

    Examples
    --------
    >>> noise = GroupNoise({"a": 0.0, "b": 1.0}, groups=["a", "b", "a"]).fit([0, 1])
    >>> noise.corrupt([0, 0, 0], ids=[0, 1, 2], seed=0)
    array([0, 1, 0])
    """

    def __init__(
        self, rates: Mapping[Any, float], groups: Any, *, classes: ArrayLike | None = None
    ) -> None:
        self.rates = rates
        self.groups = groups
        self.classes = classes

    def _prepare(self, known: Labels, y: Labels, X: Any) -> None:
        for name, value in self.rates.items():
            probability(value, f"rate of {name!r}")
        if not isinstance(self.groups, str | int):
            self._rows = index_of(self.groups, None, "group")
            self._members = as_labels(self.groups, "groups")

    def _rates(self, true: NDArray[np.intp], ids: Ids, X: Any) -> Floats:
        if isinstance(self.groups, str | int):
            members = as_labels(_column(X, self.groups), "groups")
        else:
            members = self._members[self._rows.find(ids)]
        present, which = np.unique(members, return_inverse=True)
        names = list(self.rates)
        rate = [self.rates[names[position(g, names, "group with a rate")]] for g in present]
        return np.asarray(rate, dtype=np.float64)[which]


def _logistic(X: Any) -> Any:
    """Return the default model of the truth; sparse rows are scaled, not centred."""
    return make_pipeline(
        StandardScaler(with_mean=not issparse(X)), LogisticRegression(max_iter=1000)
    )


def _column(X: Any, column: str | int) -> Any:
    """Return one column of the rows."""
    if X is None:
        raise InputError(f"the groups stand in column {column!r} of the rows; give X as well")
    if hasattr(X, "columns"):
        if column not in X.columns:
            raise nearest(str(column), map(str, X.columns), "column of the rows")
        return X[column]
    if isinstance(column, str) or not 0 <= column < X.shape[1]:
        raise InputError(f"the rows are an array of {X.shape[1]} columns, with no {column!r}")
    values = X[:, [column]]
    return np.ravel(values.toarray() if hasattr(values, "toarray") else values)
