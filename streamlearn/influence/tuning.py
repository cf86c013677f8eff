"""Penalty and weight of trusted rows, chosen by cross-validated log-loss on those rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from streamlearn.arrays import Floats, Labels, Matrix
from streamlearn.errors import InputError
from streamlearn.influence.kernel import margins
from streamlearn.influence.losses import make_loss
from streamlearn.influence.problem import Problem, use_factor
from streamlearn.influence.rows import Rows, as_matrix
from streamlearn.influence.solve import minimise
from streamlearn.influence.together import fit_together

PENALTIES = (50.0, 10.0, 1.0)  # the most regular first: its parameters are a good start for all
TRUSTED_WEIGHTS = (1.0, 5.0)
_ROUGH, _MOST_STEPS = 1e-4, 100  # of fits that only say which setting is best
SMALL, NARROW = 2**22, 512  # cells and columns of a table that all settings are fitted to at once
_LEAST = 1e-6  # probability that no prediction is taken to fall below

Setting: TypeAlias = tuple[float, float]  # l2, weight of a trusted row


@dataclass(frozen=True, eq=False)
class Tuning:
    """What cross-validation found.

    Parameters
    ----------
    losses : dict of (l2, weight) to ndarray of shape (m,)
        Log-loss of each trusted row under a fit that has not seen it, in nats.
    """

    losses: dict[Setting, Floats]

    @property
    def best(self) -> Setting:
        """The setting of least mean log-loss; of equal ones the first."""
        return min(self.losses, key=lambda setting: float(self.losses[setting].mean()))

    @property
    def loss(self) -> Floats:
        """Log-loss of each trusted row under the best setting."""
        return self.losses[self.best]


def folds(y: Labels, count: int, seed: int) -> list[NDArray[np.bool_]]:
    """Deal rows into folds, every class evenly.

    Parameters
    ----------
    y : ndarray, shape (m,)
        Labels.
    count : int
        How many folds; fewer where there are fewer rows.
    seed : int
        Shuffles the rows of a class.

    Returns
    -------
    list of ndarray of bool, shape (m,)
        Masks that cover every row once; none where two folds cannot be made.

    Examples
    --------
    >>> [int(fold.sum()) for fold in folds(np.array([0, 0, 0, 1, 1, 1]), 3, seed=0)]
    [2, 2, 2]
    """
    count = min(count, len(y))
    if count < 2:
        return []
    shuffled = np.random.default_rng(seed).permutation(len(y))
    dealt = np.empty(len(y), dtype=np.int64)
    dealt[shuffled[np.argsort(y[shuffled], kind="stable")]] = np.arange(len(y)) % count
    return [dealt == fold for fold in range(count)]


def log_loss(proba: Floats, classes: Labels, y: Labels) -> Floats:
    """Log-loss of each row, in nats; a label that is not among the classes counts as 1e-6.

    Examples
    --------
    >>> log_loss(np.array([[0.25, 0.75]]), np.array([0, 1]), np.array([1])).round(3).tolist()
    [0.288]
    """
    at = np.minimum(np.searchsorted(classes, y), len(classes) - 1)
    p = np.where(classes[at] == y, proba[np.arange(len(y)), at], 0.0)
    losses: Floats = -np.log(np.maximum(p, _LEAST))
    return losses


def choices(value: Any, grid: Sequence[float], name: str) -> tuple[float, ...]:
    """Return what to choose from: the grid for "auto", else the one value given.

    Examples
    --------
    >>> choices("auto", PENALTIES, "l2"), choices(3, PENALTIES, "l2")
    ((50.0, 10.0, 1.0), (3.0,))
    """
    if isinstance(value, str) and value == "auto":
        return tuple(grid)
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not number or not 0 < value < np.inf:
        raise InputError(f"{name} must be 'auto' or a positive number, got {value!r}")
    return (float(value),)


def cross_validate(
    X: Matrix,
    y: Labels,
    weight: Floats,
    trusted: NDArray[np.bool_],
    *,
    penalties: Iterable[float] = PENALTIES,
    trusted_weights: Sequence[float] = TRUSTED_WEIGHTS,
    count: int = 4,
    seed: int = 0,
) -> Tuning:
    """Score every setting of a linear classifier on the trusted rows, fold by fold.

    Parameters
    ----------
    X : ndarray or CSR matrix, shape (n, d)
        All rows; those that are not trusted train every fit.
    y : ndarray, shape (n,)
        Labels.
    weight : ndarray of float64, shape (n,)
        What a row counts; held-out rows count nothing.
    trusted : ndarray of bool, shape (n,)
        The rows that judge; all of them for plain cross-validation.
    penalties, trusted_weights : sequences of float
        What to choose from. Where all rows are trusted, a weight is a penalty so many times less.
    count : int
        Folds.
    seed : int
        Shuffles the folds.

    Returns
    -------
    Tuning
        Losses of the trusted rows, in their order; no setting at all where the trusted rows make
        no two folds, or a fold leaves fewer than two classes to learn.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(60, 2))
    >>> y = (X[:, 0] > 0).astype(int)
    >>> cross_validate(X, y, np.ones(60), np.ones(60, bool)).best[0]
    1.0
    """
    parts = folds(y[trusted], count, seed)
    return tune(X, y, [weight] * len(parts), trusted, parts, penalties, trusted_weights)


def tune(
    X: Matrix,
    y: Labels,
    counts: Sequence[Floats],
    trusted: NDArray[np.bool_],
    parts: Sequence[NDArray[np.bool_]],
    penalties: Iterable[float] = PENALTIES,
    trusted_weights: Iterable[float] = TRUSTED_WEIGHTS,
) -> Tuning:
    """Score every setting on folds of the trusted rows, where rows may count other in each fold.

    Parameters
    ----------
    X : ndarray or CSR matrix, shape (n, d)
        All rows.
    y : ndarray, shape (n,)
        Labels.
    counts : sequence of ndarray of float64, shape (n,)
        For each fold what a row counts; held-out rows count nothing, whatever it says.
    trusted : ndarray of bool, shape (n,)
        The rows that judge.
    parts : sequence of ndarray of bool, shape (m,)
        Which trusted rows each fold holds out.
    penalties, trusted_weights : iterables of float
        What to choose from.

    Returns
    -------
    Tuning
        As ``cross_validate`` returns it.
    """
    X, at = as_matrix(X), np.flatnonzero(trusted)
    settings = [(l2, share) for share in trusted_weights for l2 in penalties]
    losses = {setting: np.zeros(len(at)) for setting in settings}
    left = np.column_stack(counts) if parts else np.zeros((len(y), 0))
    for fold, out in enumerate(parts):
        left[at[out], fold] = 0.0
    learned = [np.unique(y[used > 0]) for used in left.T]
    if not parts or min(map(len, learned)) < 2:
        return Tuning({})
    classes = np.unique(np.concatenate(learned))
    if len(classes) == 2 and fits_together(X):
        ones = np.column_stack([X, np.ones(len(y))])
        target = (y == classes[1]).astype(np.float64)
        theta = fit_together(ones, target, left, trusted, settings, 0.1 * _ROUGH)
        of = np.argmax(parts, axis=0)  # the fold that holds a trusted row out
        for setting, found in zip(settings, theta, strict=True):
            p = expit((ones[at] * found.T[of]).sum(axis=1))
            losses[setting] = log_loss(np.column_stack([1.0 - p, p]), classes, y[at])
        return Tuning(losses)
    for out, used in zip(parts, left.T, strict=True):
        held = held_out(X, y, used, trusted, at[out], settings)
        for setting in settings:
            losses[setting][out] = held[setting]
    return Tuning(losses)


def fits_together(X: Matrix) -> bool:
    """Whether all settings and folds are fitted to a table at once, which is faster if it fits."""
    return isinstance(X, np.ndarray) and X.size <= SMALL and X.shape[1] <= NARROW


def held_out(
    X: Matrix,
    y: Labels,
    weight: Floats,
    trusted: NDArray[np.bool_],
    held: NDArray[np.intp],
    settings: Iterable[Setting],
) -> dict[Setting, Floats]:
    """Log-loss of the rows held out, under a fit of each setting to all others.

    Each fit starts where the one before ended. Empty where fewer than two classes are left.
    """
    used = weight > 0
    used[held] = False
    rows = np.flatnonzero(used)
    classes = np.unique(y[rows])
    if len(classes) < 2:
        return {}
    loss, d, left = make_loss("logistic", len(classes)), X.shape[1], X[rows]
    theta, losses = np.zeros((loss.outputs, d + 1)), {}
    for l2, share in settings:
        counts = np.where(trusted[rows], share, 1.0) * weight[rows]
        problem = Problem(Rows.in_memory(left, y[rows], counts, classes), loss, True, l2, d)
        exact = use_factor("auto", theta.size)
        expand = problem.expand if exact else problem.expand_inexact
        flat, _, _ = minimise(problem.oracle, expand, theta.ravel(), _ROUGH, _MOST_STEPS)
        theta = flat.reshape(theta.shape)
        proba = loss.probabilities(margins(X[held], theta, True)).T
        losses[l2, share] = log_loss(proba, classes, y[held])
    return losses
