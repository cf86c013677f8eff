"""A fitted model together with its training rows: certified, with the Hessian at hand."""

from collections.abc import Iterable
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from streamlearn.errors import ConvergenceError, InputError
from streamlearn.influence.kernel import Matrix
from streamlearn.influence.linear import LinearClassifier
from streamlearn.influence.losses import Floats
from streamlearn.influence.problem import InexactSolver, Problem, use_factor
from streamlearn.influence.rows import Rows, as_matrix, as_weight
from streamlearn.influence.solve import Factor


class Fitted:
    """What influence needs to know of a model and the rows it was fitted to.

    Raises
    ------
    ConvergenceError
        If the gradient on these rows is not zero to tolerance.
    """

    def __init__(
        self, model: LinearClassifier, rows: Rows, solver: str = "auto", tol: float | None = None
    ) -> None:
        self.model, self.rows = model, rows
        self.loss, self.theta = model._loss(), model._theta()
        self.intercept = bool(model.fit_intercept)
        d = model.n_features_in_
        self.problem = Problem(rows, self.loss, self.intercept, float(model.l2), d)
        self.factor: Factor | None = None
        if use_factor(solver, self.theta.size):
            _, gradient, weight, self.factor = self.problem.expand(self.theta.ravel())
        else:
            _, gradient, weight = self.problem.oracle(self.theta.ravel())
        self.count = cast(int, rows.count)
        self.limit = 10.0 * float(model.tol) if tol is None else tol
        norm = float(np.abs(gradient).max()) / weight
        if not norm <= self.limit:
            raise ConvergenceError(
                f"the gradient on these rows is {norm:.2e} a row, accepted is {self.limit:.0e}: "
                "give the rows (and weights) the model was fitted to, or fit it until it converges"
            )

    def solve(self, B: Floats) -> Floats:
        """H^-1 times columns (N, q)."""
        if self.factor is not None:
            return self.factor.solve(B)
        solver = InexactSolver(self.problem, self.theta.ravel(), 1e-10)
        S = solver.solve(B)
        if not solver.residual <= 1e-8:
            raise ConvergenceError(
                f"conjugate gradients left a residual of {solver.residual:.1e}; raise l2, scale "
                "the columns or give solver='cholesky'"
            )
        return S


def training_rows(
    model: LinearClassifier,
    X: ArrayLike | Matrix | Iterable[Any],
    y: ArrayLike | None,
    sample_weight: ArrayLike | None,
    n_jobs: int | None,
) -> Rows:
    """Take rows from memory, or from batches where there is no y."""
    check_is_fitted(model)
    if y is None:
        if sample_weight is not None:
            raise InputError("with batches, weights come as the third item of each batch")
        return Rows(cast(Iterable[Any], X), model.classes_, n_jobs)
    X = as_matrix(X)
    if X.shape[1] != model.n_features_in_:
        raise InputError(
            f"X has {X.shape[1]} columns, but the model was fitted to {model.n_features_in_}"
        )
    return Rows.in_memory(X, y, as_weight(sample_weight, X.shape[0]), model.classes_, n_jobs)
