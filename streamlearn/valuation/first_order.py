"""Values from one linear system: influence, the parameter update, and relative influence."""

from collections.abc import Iterator
from typing import cast

import numpy as np

from streamlearn.arrays import Floats, Labels, Matrix
from streamlearn.errors import nearest
from streamlearn.influence.fitted import Fitted, training_rows
from streamlearn.influence.kernel import as_float64, margins, row_blocks, take
from streamlearn.influence.leave_one_out import leave_one_out
from streamlearn.influence.leverage import Quadratic
from streamlearn.influence.linear import LinearClassifier
from streamlearn.influence.losses import Floats as Array
from streamlearn.influence.objectives import Objective, ValidationLoss, WeightedSum
from streamlearn.influence.scores import influence
from streamlearn.influence.solve import Factor
from streamlearn.valuation.result import Values

_CHUNK_BYTES = 1 << 21  # parameters of as many models as are evaluated together
FORMS = ("auto", "gradient", "update")
NORMS = ("parameters", "loss")


def fitted_rows(
    model: LinearClassifier, X: Matrix, y: Labels, weight: Floats | None, tol: float | None = None
) -> Fitted:
    """Certify a model on its rows and factorise its Hessian."""
    return Fitted(model, training_rows(model, X, y, weight, None), "cholesky", tol)


def by_influence(
    model: LinearClassifier,
    X: Matrix,
    y: Labels,
    objective: Objective,
    weight: Floats | None,
    *,
    form: str = "auto",
    leverage: bool = True,
    n_jobs: int | None = None,
    tol: float | None = None,
) -> Values:
    """Equation 1, or f at the parameters it predicts.

    Parameters
    ----------
    model : LinearClassifier
        Fitted to the rows.
    X, y : ndarray or CSR of shape (n, d), ndarray of shape (n,)
        Training rows.
    objective : Objective
        What the rows are worth something for.
    weight : ndarray of shape (n,) or None
        Row weights.
    form : {"auto", "gradient", "update"}
        ``grad f . H^-1 . g``, or ``f(theta + H^-1 g) - f(theta)``. Auto takes the update for a
        loss on the training rows themselves: its gradient vanishes at the model, or is no more
        than the penalty's, and ranks nothing.
    leverage : bool
        With the row's own curvature taken out of the Hessian.
    n_jobs : int or None
        Threads.
    tol : float, optional
        Gradient a row to accept of the model.

    Returns
    -------
    Values
        With ``form`` in the report.
    """
    if form not in FORMS:
        raise nearest(form, FORMS, "form")
    if form == "auto":
        form = "update" if _on_training_rows(objective, X) else "gradient"
    if form == "gradient":
        scores = influence(
            model, X, y, objective, sample_weight=weight, leverage=leverage, n_jobs=n_jobs, tol=tol
        )
        return Values(scores, "influence", None, {"form": form})
    fitted, objective = fitted_rows(model, X, y, weight, tol), objective.at(model)
    if leverage:
        scores = leave_one_out(fitted, [objective], refine=False)[:, 0]
    else:
        scores = changes(fitted, objective, residuals(fitted))
    return Values(scores, "influence", None, {"form": form})


def by_relative_influence(
    model: LinearClassifier,
    X: Matrix,
    y: Labels,
    objective: Objective,
    weight: Floats | None,
    *,
    norm: str = "parameters",
    n_jobs: int | None = None,
    tol: float | None = None,
) -> Values:
    """Influence a unit of what the row changes in the model.

    Parameters
    ----------
    model : LinearClassifier
        Fitted to the rows.
    X, y : ndarray or CSR of shape (n, d), ndarray of shape (n,)
        Training rows.
    objective : Objective
        What the rows are worth something for.
    weight : ndarray of shape (n,) or None
        Row weights.
    norm : {"parameters", "loss"}
        The change measured by ``|H^-1 g|``, in the parameters, or by ``|H^-1/2 g|``, in the loss.
    n_jobs : int or None
        Threads.
    tol : float, optional
        Gradient a row to accept of the model.

    Returns
    -------
    Values
        Zero for rows that change nothing.
    """
    if norm not in NORMS:
        raise nearest(norm, NORMS, "norm")
    scores = influence(
        model, X, y, objective, sample_weight=weight, leverage=False, n_jobs=n_jobs, tol=tol,
        solver="cholesky",
    )  # fmt: skip
    fitted = fitted_rows(model, X, y, weight, tol)
    factor = cast(Factor, fitted.factor)
    form = Quadratic(
        factor if norm == "loss" else cast(Factor, _Square(factor)), fitted.theta.shape
    )
    R = residuals(fitted)
    blocks = [form(as_float64(part)) for part, _, _ in row_blocks(*_only(fitted))]
    length = np.sqrt(np.einsum("an,abn,bn->n", R, np.concatenate(blocks, axis=-1), R))
    relative = np.divide(scores, length, out=np.zeros_like(scores), where=length > 0)
    return Values(relative, "relatif", None, {"norm": norm})


class _Square:
    """The inverse of a matrix squared, as far as quadratic forms want to know."""

    triangular = False

    def __init__(self, factor: Factor) -> None:
        inverse = factor.inverse()
        self.square = inverse @ inverse

    def inverse(self) -> Array:
        return self.square


def _only(fitted: Fitted) -> tuple[Matrix, np.ndarray, Array | None]:
    """The rows as the one block in memory that they are."""
    ((X, codes, weight),) = list(fitted.rows)
    return X, codes, weight


def residuals(fitted: Fitted) -> Array:
    """Derivatives of each row's loss in its margins, (m, n), times its weight."""
    X, codes, weight = _only(fitted)
    U = margins(as_float64(X), fitted.theta, fitted.intercept)
    R = fitted.loss.residual(U, codes)
    return R if weight is None else R * weight


def changes(fitted: Fitted, objective: Objective, coefficients: Array) -> Floats:
    """Change of an objective at theta + H^-1 (c_i x_i), for coefficients (m, n)."""
    base = objective.values(fitted.model, fitted.theta[None])[0]
    parts = [
        objective.values(fitted.model, thetas) - base for thetas in shifted(fitted, coefficients)
    ]
    return np.concatenate(parts)


def shifted(fitted: Fitted, coefficients: Array) -> Iterator[Array]:
    """Parameters (B, m, D) at theta + H^-1 (c_i x_i), some rows at a time."""
    X, _, _ = _only(fitted)
    size = max(1, _CHUNK_BYTES // (8 * fitted.theta.size))
    for start in range(0, X.shape[0], size):
        part = as_float64(take(X, start, min(start + size, X.shape[0])))
        dense = part.toarray() if hasattr(part, "toarray") else part
        if fitted.intercept:
            dense = np.column_stack([dense, np.ones(len(dense))])
        rows = coefficients[:, start : start + size].T[:, :, None] * dense[:, None, :]
        steps = fitted.solve(rows.reshape(len(dense), -1).T).T
        yield fitted.theta + steps.reshape(rows.shape)


def _on_training_rows(objective: Objective, X: Matrix) -> bool:
    """Whether a loss on the training rows is, or is part of, the objective."""
    if isinstance(objective, WeightedSum):
        return any(_on_training_rows(term, X) for _, term in objective.terms)
    if not isinstance(objective, ValidationLoss) or objective.X.shape != X.shape:
        return False
    different = objective.X != X
    return not (different.nnz if hasattr(different, "nnz") else np.any(different))
