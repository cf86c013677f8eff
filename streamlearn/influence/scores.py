"""Influence of every training row on what the user cares about."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from streamlearn.errors import InputError
from streamlearn.influence.fitted import Fitted, training_rows
from streamlearn.influence.kernel import Block, Matrix, as_float64, margins
from streamlearn.influence.leave_one_out import leave_one_out
from streamlearn.influence.leverage import Quadratic, newton_step
from streamlearn.influence.linear import LinearClassifier
from streamlearn.influence.losses import Floats
from streamlearn.influence.objectives import Objective, reduced


def influence(
    model: LinearClassifier,
    X: ArrayLike | Matrix | Iterable[tuple[Any, ...]],
    y: ArrayLike | None,
    objective: Objective | Sequence[Objective],
    *,
    sample_weight: ArrayLike | None = None,
    leverage: bool = True,
    exact: bool = False,
    solver: str = "auto",
    n_jobs: int | None = None,
    tol: float | None = None,
) -> Floats:
    r"""Change of an objective when a training row is left out.

    ``I(-i) = grad f . H^-1 . grad loss_i``, about ``f(without i) - f``. Positive: the row helps,
    removing it hurts. Negative: the row harms.

    Parameters
    ----------
    model : LinearClassifier
        Fitted to these rows; the gradient on them is checked on the way.
    X : array-like or sparse matrix of shape (n, d), or iterable of (X, y[, sample_weight])
        Training rows. With ``y=None`` batches, read twice, so an object whose ``__iter__``
        starts anew; memory stays flat.
    y : array-like of shape (n,) or None
        Labels.
    objective : Objective or sequence of Objective
        What the influence is on; several share all passes.
    sample_weight : array-like of shape (n,), optional
        Weights the model was fitted with.
    leverage : bool, default=True
        Divide by one minus the leverage (for several classes solve a small system a row): the
        exact effect of one Newton step without the row, at nearly no cost.
    exact : bool, default=False
        Leave every row out in truth: Newton steps to a residual bound, and f itself evaluated.
    solver : {"auto", "cholesky", "cg"}, default="auto"
        Factorise the Hessian, or conjugate gradients from 2049 parameters on. Those know no
        leverages: give ``leverage=False``, or ``solver="cholesky"`` if there is memory for it.
    n_jobs : int or None, default=None
        Threads that share the rows.
    tol : float, optional
        Gradient a row to accept, ``10 * model.tol`` by default.

    Returns
    -------
    ndarray of shape (n,) or (n, number of objectives)
        Influences, in the objective's units.

    Raises
    ------
    ConvergenceError
        If the model is not at its minimum on these rows.
    InputError
        If the arguments do not fit.

    Notes
    -----
    Where an objective's gradient is zero at the model (the training loss without a penalty), a
    linear score is solver noise; f is then evaluated at the one-step parameters instead.

    References
    ----------
    Koh & Liang (2017); Chhabra et al. (2024), equations 1 to 3; the leverage is the leave-one-out
    Newton step of Pregibon (1981).

    Examples
    --------
    >>> import numpy as np
    >>> from streamlearn.influence import LinearClassifier, ValidationLoss, influence
    >>> X, y = np.array([[-2.0], [-1.0], [1.0], [2.0], [2.0]]), np.array([0, 0, 1, 1, 0])
    >>> model = LinearClassifier().fit(X, y)
    >>> scores = influence(model, X, y, ValidationLoss([[-1.5], [1.5]], [0, 1]))
    >>> int(scores.argmin())
    4
    """
    objectives = [objective] if isinstance(objective, Objective) else list(objective)
    if not objectives:
        raise InputError("no objective given; give one or more")
    objectives = [one.at(model) for one in objectives]
    rows = training_rows(model, X, y, sample_weight, n_jobs)
    fitted = Fitted(model, rows, solver, tol)
    gradients = np.array([reduced(one.gradient(model), model) for one in objectives])
    flat = np.abs(gradients).max(axis=(1, 2)) <= 100.0 * float(model.tol)
    if exact or flat.all():
        scores = leave_one_out(fitted, objectives, refine=exact)
    else:
        scores = _linear(fitted, gradients, leverage)
        if flat.any():
            which = [one for one, is_flat in zip(objectives, flat, strict=True) if is_flat]
            scores[:, flat] = leave_one_out(fitted, which, refine=False)
    return scores[:, 0] if isinstance(objective, Objective) else scores


def _linear(fitted: Fitted, gradients: Floats, leverage: bool) -> Floats:
    """Scores (n, q) from objective gradients (q, m, D): one solve each, one pass for all."""
    q = len(gradients)
    if leverage and fitted.factor is None:
        raise InputError(
            f"{fitted.theta.size} parameters are solved by conjugate gradients, which know no "
            "leverages; give leverage=False, or solver='cholesky' if there is memory for it"
        )
    solved = fitted.solve(gradients.reshape(q, -1).T).T.reshape(gradients.shape)
    quadratic = Quadratic(fitted.factor, fitted.theta.shape) if leverage and fitted.factor else None
    directions = np.concatenate([fitted.theta[None], solved])
    scores = np.empty((fitted.count, q))
    start = 0
    for parts in fitted.rows.map(
        lambda blocks: _score_blocks(blocks, directions, fitted, quadratic)
    ):
        for part in parts:
            scores[start : start + len(part)] = part
            start += len(part)
    return scores


def _score_blocks(
    blocks: Iterable[Block], directions: Floats, fitted: Fitted, quadratic: "Quadratic | None"
) -> list[Floats]:
    """Scores (rows, q) of each block."""
    scores = []
    for X, y, weight in blocks:
        X = as_float64(X)
        U = margins(X, directions, fitted.intercept)
        _, step, C = fitted.loss.evaluate(U[0], y, quadratic is not None)
        if weight is not None:
            step = step * weight
            C = None if C is None else C * weight
        if quadratic is not None and C is not None:
            step = newton_step(step, C, quadratic(X))
        scores.append(np.einsum("qmn,mn->nq", U[1:], step))
    return scores
