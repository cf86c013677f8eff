"""The direction in which learning a row lowers an objective, as the trusted rows have it."""

from collections.abc import Callable
from copy import copy

import numpy as np
from numpy.typing import NDArray

from streamlearn.data import Floats, Labelled, Labels, Matrix
from streamlearn.errors import InputError
from streamlearn.influence import LinearClassifier, Objective, ValidationLoss
from streamlearn.influence.losses import Loss
from streamlearn.influence.objectives import reduced_gradient
from streamlearn.influence.problem import Problem
from streamlearn.influence.rows import Rows, canonical
from streamlearn.protocols import View
from streamlearn.strategies.outputs import on_open
from streamlearn.strategies.surrogate import Surrogate, all_equal, blocks, fit_surrogate, products

ObjectiveFactory = Callable[[Matrix, Labels], Objective]


def score_by_direction(
    view: View,
    objective: ObjectiveFactory | None,
    estimator: LinearClassifier | None,
    folds: int | None,
    score: Callable[[Loss, Floats], Floats],
) -> Floats:
    """Score open rows by their products with θ and s = H⁻¹∇f, shared through the view.

    Parameters
    ----------
    view : View
        With a reference.
    objective : callable or None
        Reference rows and labels to f; None is ``ValidationLoss``.
    estimator : LinearClassifier or None
        See ``fit_surrogate``.
    folds : int or None
        See ``objective_gradient``.
    score : callable
        The model's loss and products (2, m, n) to utilities (n,).

    Returns
    -------
    ndarray of float64, shape (n,)
        NaN for rows that are not open; all equal while fewer than two classes are labelled.
    """
    trusted(view, folds)
    surrogate = fit_surrogate(view, estimator, reference=folds is not None)
    if surrogate is None:
        return all_equal(view)
    fitted = surrogate.fitted

    def direction() -> list[Floats]:
        gradient = objective_gradient(view, surrogate, objective, folds)
        return [fitted.solve(gradient.reshape(-1, 1)).reshape(gradient.shape)]

    name = f"objective {objective!r}, folds={folds}"

    def utilities(X: Matrix) -> Floats:
        U = products(view, surrogate, X, name, direction)
        values = np.empty(U.shape[-1])
        for rows in blocks(len(values), 4 * U[..., :1].size):
            values[rows] = score(fitted.loss, U[..., rows])
        return values

    return on_open(view.candidates, utilities)


def objective_gradient(
    view: View, surrogate: Surrogate, objective: ObjectiveFactory | None, folds: int | None
) -> Floats:
    """Return ∇f at the surrogate, as rows have it that did not train it.

    Parameters
    ----------
    view : View
        With a reference.
    surrogate : Surrogate
        Fitted with the reference where there are folds, without it where there are none.
    objective : callable or None
        Reference rows and labels to f; None is ``ValidationLoss``.
    folds : int or None
        The mean over so many folds of the reference, each at the parameters without it, one
        Newton step away. None: all of the reference, at the surrogate.

    Returns
    -------
    ndarray of float64, shape (m, D)
        Zero where the surrogate knows no class of the reference.
    """
    judge = trusted(view, folds)
    make = ValidationLoss if objective is None else objective
    if folds is None:
        known = np.isin(judge.y, surrogate.model.classes_)
        if not known.any():
            return np.zeros_like(surrogate.fitted.theta)
        return _gradient(make, judge if known.all() else judge.take(known), surrogate.model)
    fold = _deal(judge.y, folds)
    total = np.zeros_like(surrogate.fitted.theta)
    for k in np.unique(fold):
        out = np.zeros(len(surrogate.rows), dtype=np.bool_)
        out[: len(judge)] = fold == k  # the reference comes first
        gradient = _gradient(make, judge.take(fold == k), _without(surrogate, out))
        total += np.mean(fold == k) * gradient
    return total


def trusted(view: View, folds: int | None) -> Labelled:
    """Return the rows that judge.

    Parameters
    ----------
    view : View
        The run as it stands.
    folds : int or None
        See ``objective_gradient``.

    Returns
    -------
    Labelled
        The reference, of at least one row.

    Raises
    ------
    InputError
        If there are none, or folds is less than 2.
    """
    if folds is not None and not folds >= 2:
        raise InputError(
            f"folds is {folds!r}; give 2 or more, or None for a reference that only judges"
        )
    if view.reference is None or not len(view.reference):
        raise InputError(
            "influence is judged by trusted rows and this run has none; give "
            "Loop(reference=(X, y)), or a strategy that needs none, such as Margin()"
        )
    return view.reference


def _gradient(make: ObjectiveFactory, rows: Labelled, model: LinearClassifier) -> Floats:
    f = make(rows.X, rows.y)
    if not isinstance(f, Objective):
        raise InputError(
            f"objective made a {type(f).__name__} of the reference rows; give a callable "
            "(X, y) -> Objective, such as ValidationLoss"
        )
    return reduced_gradient(f.at(model), model)


def _without(surrogate: Surrogate, out: NDArray[np.bool_]) -> LinearClassifier:
    """Return the model one Newton step towards its minimum without some of its rows."""
    fitted, model = surrogate.fitted, surrogate.model
    rest, theta = surrogate.rows.take(~out), fitted.theta.ravel()
    rows = Rows.in_memory(canonical(rest.X), rest.y, rest.weight, model.classes_)
    problem = Problem(rows, fitted.loss, fitted.intercept, float(model.l2), model.n_features_in_)
    expand = problem.expand if fitted.factor is not None else problem.expand_inexact
    _, gradient, _, inverse = expand(theta)
    moved = copy(model)
    moved._set_theta((theta - inverse.solve(gradient)).reshape(fitted.theta.shape))
    return moved


def _deal(y: Labels, folds: int) -> NDArray[np.intp]:
    """Deal rows to folds, one class after the other."""
    fold = np.empty(len(y), dtype=np.intp)
    fold[np.argsort(y, kind="stable")] = np.arange(len(y)) % folds
    return fold
