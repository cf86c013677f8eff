"""Counterfactual prediction: what it costs to predict a row otherwise."""

from typing import cast

import numpy as np

from streamlearn.arrays import Floats, Labels, Matrix
from streamlearn.errors import InputError
from streamlearn.influence.linear import LinearClassifier
from streamlearn.influence.objectives import Objective
from streamlearn.influence.solve import Factor
from streamlearn.valuation.batch import Batch, Constraint
from streamlearn.valuation.first_order import fitted_rows, shifted
from streamlearn.valuation.result import Values

_SHARP = 1e-7


def by_counterfactual(
    model: LinearClassifier,
    X: Matrix,
    y: Labels,
    objective: Objective,
    weight: Floats | None,
    *,
    exact: bool = True,
    delta: float = 1e-3,
    tol: float | None = None,
) -> Values:
    """Change of the objective when the model must predict a row the other way.

    Parameters
    ----------
    model : LinearClassifier
        Of two classes, fitted to the rows.
    X, y : ndarray or CSR of shape (n, d), ndarray of shape (n,)
        Training rows.
    objective : Objective
        What the rows are worth something for.
    weight : ndarray of shape (n,) or None
        Row weights.
    exact : bool
        Fit under the constraint that the row's margin, signed by its prediction, is at most
        ``-delta``. Otherwise the paper's closed form: the influence of flipping the row's label.
    delta : float
        Margin on the other side.
    tol : float, optional
        Gradient a row to accept of the model.

    Returns
    -------
    Values
        With ``margin``, the signed margin under the new model, and ``flipped``, whether that is
        below zero, in the report: the closed form does not promise it.

    Notes
    -----
    The constraint always binds, for the model is the free minimum and breaks it; so the fit is on
    a hyperplane, by Newton's method with steps that stay on it. The closed form,
    ``theta - H^-1 (grad loss(x, -y) - grad loss(x, y))``, is printed with the mean Hessian and
    needs the weight 1/n of a row then, which is a weight of one beside the sum used here.

    References
    ----------
    Bhatt et al. (2021), appendix B.
    """
    if len(model.classes_) != 2:
        raise InputError(
            f"counterfactual prediction is for two classes, the model has {len(model.classes_)}"
        )
    if not delta > 0:
        raise InputError(f"delta is {delta!r}; give a positive margin")
    fitted = fitted_rows(model, X, y, weight, tol)
    objective = objective.at(model)
    base = objective.values(fitted.model, fitted.theta[None])[0]
    ((matrix, codes, row_weight),) = list(fitted.rows)
    batch = Batch(matrix, codes, fitted.loss, float(model.l2), fitted.intercept)
    # decision margins are this many times the margins that the system is solved in
    unit = 1.0 if len(fitted.loss.contrast) == 1 else float(np.ptp(fitted.loss.contrast))
    U = batch.margins(fitted.theta[None])[0, 0]
    side = np.where(U > 0, 1.0, -1.0)
    if exact:
        target = -side * delta / unit
        spread = np.einsum("nd,de,ne->n", batch.Z, cast(Factor, fitted.factor).inverse(), batch.Z)
        if not (spread > 0).all():
            raise InputError(
                f"row {int(np.flatnonzero(spread <= 0)[0])} is all zeros and the model has no "
                "intercept: nothing can change its prediction"
            )
        coefficients = ((target - U) / spread)[None]
    else:
        other = fitted.loss.residual(U[None], 1 - codes)
        coefficients = fitted.loss.residual(U[None], codes) - other
        coefficients = coefficients if row_weight is None else coefficients * row_weight
    scores, margin = np.empty(len(U)), np.empty(len(U))
    start = 0
    for thetas in shifted(fitted, coefficients):
        rows = slice(start, start + len(thetas))
        if exact:
            thetas = _constrained(batch, thetas, rows, row_weight)
        scores[rows] = objective.values(fitted.model, thetas) - base
        margin[rows] = np.einsum("nd,nd->n", batch.Z[rows], thetas[:, 0])
        start = rows.stop
    margin *= unit * side
    return Values(
        scores,
        "counterfactual",
        None,
        {"exact": exact, "margin": margin, "flipped": margin < 0},
    )


def _constrained(batch: Batch, thetas: Floats, rows: slice, weight: Floats | None) -> Floats:
    """Minima that keep the margin of their own row, a batch at a time."""
    ones = np.ones((1, len(batch.Z))) if weight is None else weight[None]
    normals, size = batch.Z[rows], batch.size()
    parts = []
    for first in range(0, len(thetas), size):
        some = slice(first, first + size)
        parts.append(batch.minimise(thetas[some], ones, _SHARP, Constraint(normals[some])))
    return np.concatenate(parts)
