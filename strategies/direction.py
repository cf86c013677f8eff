"""The direction in which learning a row lowers an objective, as the trusted rows have it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from streamlearn.arrays import Floats, Labels, Matrix
from streamlearn.data import Labelled
from streamlearn.errors import InputError
from streamlearn.influence import LinearClassifier, Objective, ValidationLoss
from streamlearn.influence.fitted import Fitted
from streamlearn.influence.kernel import backproject, margins
from streamlearn.influence.losses import Loss
from streamlearn.influence.objectives import reduced
from streamlearn.influence.problem import Problem
from streamlearn.influence.rows import Rows, canonical, encode
from streamlearn.protocols import View
from streamlearn.strategies.outputs import on_open
from streamlearn.strategies.products import all_equal, blocks, products
from streamlearn.surrogate import Surrogate, fit_surrogate

_CORRECTIONS = 12
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
        The mean over so many folds of the reference, each at the parameters without it. None:
        all of the reference, at the surrogate.

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
    fold, own = _deal(judge.y, folds), surrogate.rows.take(slice(0, len(judge)))
    total = np.zeros_like(surrogate.fitted.theta)
    for k in np.unique(fold):
        out = np.zeros(len(surrogate.rows), dtype=np.bool_)
        out[: len(judge)] = fold == k  # the reference comes first
        theta = _without(surrogate, out)
        if objective is None:
            part = own.take(fold == k)
            part = replace(part, weight=np.full(len(part), 1.0 / len(part)))
            gradient = _loss_gradient(part, surrogate.fitted, theta)
        else:
            gradient = _gradient(make, judge.take(fold == k), surrogate.model._at(theta))
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
        The reference rows of positive weight, one at least.

    Raises
    ------
    InputError
        If there are none, or folds is less than 2.
    """
    if folds is not None and not folds >= 2:
        raise InputError(
            f"folds is {folds!r}; give 2 or more, or None for a reference that only judges"
        )
    reference = view.reference
    if reference is not None and not reference.weight.all():
        reference = reference.take(reference.weight > 0)
    if reference is None or not len(reference):
        raise InputError(
            "influence is judged by trusted rows and this run has none; give "
            "Loop(reference=(X, y)), or a strategy that needs none, such as Margin()"
        )
    return reference


def _gradient(make: ObjectiveFactory, rows: Labelled, model: LinearClassifier) -> Floats:
    f = make(rows.X, rows.y)
    if not isinstance(f, Objective):
        raise InputError(
            f"objective made a {type(f).__name__} of the reference rows; give a callable "
            "(X, y) -> Objective, such as ValidationLoss"
        )
    return reduced(f.at(model).gradient(model), model)


def _loss_gradient(rows: Labelled, fitted: Fitted, theta: Floats) -> Floats:
    """Sum of the gradients of the surrogate's loss on some of its rows, without the penalty."""
    codes = encode(rows.y, fitted.model.classes_, len(rows))
    R = fitted.loss.residual(margins(rows.X, theta, fitted.intercept), codes)
    pull: Floats = backproject(R * rows.weight, rows.X, fitted.intercept)
    return pull


def _without(surrogate: Surrogate, out: NDArray[np.bool_]) -> Floats:
    """Return the surrogate's parameters (m, D) had it not been fitted to some of its rows.

    They are ∆ = H⁻¹∇(loss of these rows at θ + ∆) away, and each round of that leaves the share
    of H that is theirs. Without a factor of H it is one Newton step on the other rows.
    """
    fitted, theta = surrogate.fitted, surrogate.fitted.theta
    if fitted.factor is None:
        return _one_step_without(surrogate, out)
    held, moved = surrogate.rows.take(out), theta
    for _ in range(_CORRECTIONS):
        pull = _loss_gradient(held, fitted, moved)
        last, moved = moved, theta + fitted.factor.solve(pull.ravel()).reshape(theta.shape)
        if np.abs(moved - last).max() <= 1e-3 * np.abs(moved - theta).max():
            break
    return moved


def _one_step_without(surrogate: Surrogate, out: NDArray[np.bool_]) -> Floats:
    fitted, model = surrogate.fitted, surrogate.model
    rest, theta = surrogate.rows.take(~out), fitted.theta.ravel()
    rows = Rows.in_memory(canonical(rest.X), rest.y, rest.weight, model.classes_)
    problem = Problem(rows, fitted.loss, fitted.intercept, float(model.l2), model.n_features_in_)
    _, gradient, _, inverse = problem.expand_inexact(theta)
    moved: Floats = (theta - inverse.solve(gradient)).reshape(fitted.theta.shape)
    return moved


def _deal(y: Labels, folds: int) -> NDArray[np.intp]:
    """Deal rows to folds, one class after the other."""
    fold = np.empty(len(y), dtype=np.intp)
    fold[np.argsort(y, kind="stable")] = np.arange(len(y)) % folds
    return fold
