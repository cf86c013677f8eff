"""Label noise: which labels an annotator or a stream gets wrong, and what it says instead."""

import copy
from collections.abc import Mapping
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from streamlearn.arrays import Floats, Ids, Labels, as_ids, as_labels
from streamlearn.errors import InputError, nearest
from streamlearn.keyed import uniform
from streamlearn.simulators.rows import height


@runtime_checkable
class Noise(Protocol):
    """What a noise model must do; it counts as fitted once it has ``classes_``."""

    def fit(self, y: Any, X: Any = None) -> Any:
        """Learn the classes (and what else is needed) from the truth; return itself."""

    def corrupt(self, y: Any, ids: ArrayLike, *, seed: int, X: Any = None) -> Labels:
        """Return the labels given instead of ``y``, by (seed, id) alone."""


def fitted(noise: Noise | float, y: Any, X: Any = None) -> Noise:
    """Return a noise model ready for use, leaving the one given as it was.

    Parameters
    ----------
    noise : Noise or float
        A model, or a rate, which stands for `SymmetricNoise`. One that is already fitted is
        returned as it is.
    y : array-like, shape (n,)
        True labels.
    X : array, CSR matrix or DataFrame of n rows, optional
        The rows, for noise that looks at them.

    Returns
    -------
    Noise

    Raises
    ------
    InputError
        If it is neither, or cannot be fitted to these labels.

    Examples
    --------
    >>> fitted(0.2, ["no", "yes"])
    SymmetricNoise(rate=0.2)
    """
    if hasattr(noise, "classes_") and isinstance(noise, Noise):
        return noise
    if isinstance(noise, Noise):
        model: Noise = copy.deepcopy(noise)
    elif isinstance(noise, int | float):
        model = SymmetricNoise(noise)
    else:
        raise InputError(
            f"noise must be a rate or a model with fit and corrupt, got {type(noise).__name__}; "
            "for example SymmetricNoise(0.2)"
        )
    model.fit(y, X)
    return model


class LabelNoise(BaseEstimator):  # type: ignore[misc]
    """What the noise models share: classes, the keyed draw, and the checks.

    A subclass sets its parameters (``classes`` among them) in ``__init__`` and gives
    ``_prepare``, which checks them, and ``_rates``, the flip probability of each row.
    """

    classes: ArrayLike | None
    classes_: Labels

    def fit(self, y: Any, X: Any = None) -> Self:
        """Learn from true labels what corrupting needs.

        Parameters
        ----------
        y : array-like, shape (n,)
            True labels.
        X : array, CSR matrix or DataFrame of n rows, optional
            The rows, for noise that looks at them.

        Returns
        -------
        self

        Raises
        ------
        InputError
            If a rate is no probability, or fewer than two classes are known.
        """
        known = np.unique(as_labels(y if self.classes is None else self.classes, "classes"))
        if len(known) < 2:
            raise InputError(
                f"{type(self).__name__} needs two classes to flip between, got {known.tolist()}; "
                "name them all with classes=[...]"
            )
        self._prepare(known, as_labels(y), X)
        self.classes_ = known
        return self

    def corrupt(self, y: Any, ids: ArrayLike, *, seed: int, X: Any = None) -> Labels:
        """Return the labels given instead of the true ones.

        Parameters
        ----------
        y : array-like, shape (n,)
            True labels, of known classes.
        ids : array-like of int, shape (n,)
            The rows; a row's label depends on (seed, id) alone, not on the others asked.
        seed : int
            Any whole number.
        X : array, CSR matrix or DataFrame of n rows, optional
            The rows, for noise that looks at them.

        Returns
        -------
        ndarray, shape (n,)
            A new array; a flipped label never equals the true one.

        Raises
        ------
        InputError
            If lengths differ, a class is unknown, or the model is not fitted.

        Notes
        -----
        A row flips where its keyed draw lies below its rate, so with one seed a higher rate
        flips the same rows and more.
        """
        if not hasattr(self, "classes_"):
            raise InputError(f"{self!r} does not know the classes; call fit(y) first")
        given, who = as_labels(y), as_ids(ids)
        if len(given) != len(who) or (X is not None and height(X) != len(who)):
            rows = "" if X is None else f", {height(X)} rows"
            raise InputError(
                f"labels, ids and rows differ in number: {len(given)} labels, {len(who)} ids{rows}"
            )
        if not len(given):
            return given.copy()
        true = self._encode(given)
        flips = np.flatnonzero(uniform(seed, who, "flip") < self._rates(true, who, X))
        out: Labels = given.astype(np.result_type(given, self.classes_))
        out[flips] = self.classes_[self._other(true[flips], uniform(seed, who[flips], "class"))]
        return out

    def _prepare(self, known: Labels, y: Labels, X: Any) -> None:
        """Check the parameters and fit what else is needed."""

    def _rates(self, true: NDArray[np.intp], ids: Ids, X: Any) -> Floats | float:
        """Return the flip probability of each row."""
        raise NotImplementedError

    def _other(self, true: NDArray[np.intp], draw: Floats) -> NDArray[np.intp]:
        """Return a uniformly drawn other class for each row."""
        k = len(self.classes_)
        shift: NDArray[np.intp] = true + 1 + (draw * (k - 1)).astype(np.intp)
        return shift % k

    def _encode(self, y: Labels) -> NDArray[np.intp]:
        """Return the position of each label in classes_."""
        if (y.dtype.kind == "U") != (self.classes_.dtype.kind == "U"):
            unknown = y[:1]
        else:
            rows = np.minimum(np.searchsorted(self.classes_, y), len(self.classes_) - 1)
            unknown = y[self.classes_[rows] != y]
            if not len(unknown):
                return rows
        raise InputError(
            f"{type(self).__name__} does not know the class {unknown[0].item()!r} "
            f"(known: {_listed(self.classes_)}); name them all with classes=[...]"
        )


class SymmetricNoise(LabelNoise):
    """Every label flips with one probability, to a uniformly drawn other class.

    Parameters
    ----------
    rate : float
        Probability of a flip, in [0, 1].
    classes : array-like, optional
        All classes; None means those of the labels it is fitted to.

    Attributes
    ----------
    classes_ : ndarray, shape (k,)
        Sorted.

    Examples
    --------
    >>> noise = SymmetricNoise(1.0).fit(["no", "yes"])
    >>> noise.corrupt(["no", "no", "yes"], ids=[7, 3, 9], seed=0)
    array(['yes', 'yes', 'no'], dtype='<U3')
    """

    def __init__(self, rate: float, *, classes: ArrayLike | None = None) -> None:
        self.rate = rate
        self.classes = classes

    def _prepare(self, known: Labels, y: Labels, X: Any) -> None:
        probability(self.rate, "rate")

    def _rates(self, true: NDArray[np.intp], ids: Ids, X: Any) -> float:
        return float(self.rate)


class ClassConditionalNoise(LabelNoise):
    """Labels flip with a probability that depends on the true class.

    Parameters
    ----------
    rates : mapping of class to float, or array-like of shape (k, k)
        The flip probability of each class (0 where a class is not named; to a uniformly drawn
        other class), or a transition matrix: entry (i, j) is the probability that class i is
        called j. Keys may be given as text, as in a TOML file.
    classes : array-like, shape (k,), optional
        All classes. With a matrix they are needed, and in its order.

    Attributes
    ----------
    classes_ : ndarray, shape (k,)
        Sorted.
    transition_ : ndarray of float64, shape (k, k)
        Probability of each answer (column) given the truth (row), in the order of classes_.

    Examples
    --------
    >>> noise = ClassConditionalNoise({"spam": 0.25}).fit(["ham", "spam"])
    >>> noise.transition_
    array([[1.  , 0.  ],
           [0.25, 0.75]])
    """

    transition_: Floats

    def __init__(
        self, rates: Mapping[Any, float] | ArrayLike, *, classes: ArrayLike | None = None
    ) -> None:
        self.rates = rates
        self.classes = classes

    def _prepare(self, known: Labels, y: Labels, X: Any) -> None:
        k = len(known)
        if isinstance(self.rates, Mapping):
            rate = np.zeros(k)
            for name, value in self.rates.items():
                rate[position(name, known, "class")] = probability(value, f"rate of {name!r}")
            self.transition_ = np.repeat(rate[:, None] / (k - 1), k, axis=1)
            np.fill_diagonal(self.transition_, 1 - rate)
        else:
            self.transition_ = self._matrix(k)
        others = self.transition_.copy()
        np.fill_diagonal(others, 0)
        self._upto = np.cumsum(others, axis=1)

    def _matrix(self, k: int) -> Floats:
        """Return the given matrix, checked, in the order of sorted classes."""
        matrix = np.array(self.rates, dtype=np.float64)
        if self.classes is None or len(as_labels(self.classes)) != k or matrix.shape != (k, k):
            raise InputError(
                f"a transition matrix needs classes= in its order, each once; got a matrix of "
                f"shape {matrix.shape} and classes {self.classes!r}"
            )
        if not ((matrix >= 0) & (matrix <= 1)).all() or not np.allclose(matrix.sum(axis=1), 1):
            raise InputError(
                f"a transition matrix holds probabilities, rows sum to 1; got {matrix.tolist()}"
            )
        order = np.argsort(as_labels(self.classes))
        return matrix[np.ix_(order, order)]

    def _rates(self, true: NDArray[np.intp], ids: Ids, X: Any) -> Floats:
        rates: Floats = self._upto[:, -1]
        return rates[true]

    def _other(self, true: NDArray[np.intp], draw: Floats) -> NDArray[np.intp]:
        # The true class adds nothing to the running sum, so no draw can land on it.
        upto = self._upto[true]
        other: NDArray[np.intp] = (upto <= (draw * upto[:, -1])[:, None]).sum(axis=1)
        return other


def probability(value: Any, what: str) -> float:
    """Return a probability as a float, or say what was received instead."""
    if not isinstance(value, int | float | np.number) or not 0 <= value <= 1:
        raise InputError(f"{what} must be a number from 0 to 1, got {value!r}")
    return float(value)


def position(name: Any, known: Any, kind: str) -> int:
    """Return where a name stands among the known ones, by value or else as text."""
    plain = [v.item() if isinstance(v, np.generic) else v for v in known]
    if name in plain:
        return plain.index(name)
    texts = [str(v) for v in plain]
    if str(name) in texts:
        return texts.index(str(name))
    raise nearest(str(name), texts, kind)


def _listed(names: Any) -> str:
    """Return at most ten names in a row."""
    shown = [str(v) for v in list(names)[:10]]
    return ", ".join(shown) + (", …" if len(names) > 10 else "")
