"""Leave-one-out in truth: the model fitted again without each row."""

from typing import Any

import numpy as np
from joblib import Parallel, delayed

from streamlearn.arrays import Floats, Labels, Matrix
from streamlearn.errors import InputError
from streamlearn.influence.leave_one_out import leave_one_out
from streamlearn.influence.linear import LinearClassifier
from streamlearn.influence.objectives import Objective
from streamlearn.valuation.first_order import fitted_rows
from streamlearn.valuation.result import Values
from streamlearn.valuation.scan import RefitGame


def by_leave_one_out(
    model: Any,
    X: Matrix,
    y: Labels,
    objective: Objective,
    weight: Floats | None,
    *,
    n_jobs: int | None = None,
    tol: float | None = None,
    random_state: int = 0,
) -> Values:
    """Change of the objective when a row is left out and the model fitted again.

    Parameters
    ----------
    model : LinearClassifier or classifier
        A linear one fitted to the rows, or any other, which is fitted here.
    X, y : ndarray or CSR of shape (n, d), ndarray of shape (n,)
        Training rows.
    objective : Objective
        What the rows are worth something for.
    weight : ndarray of shape (n,) or None
        Row weights.
    n_jobs : int or None
        Processes, for models that are not linear.
    tol : float, optional
        Gradient a row to accept of a linear model.
    random_state : int
        For classifiers that draw at random and have no seed.

    Returns
    -------
    Values
        Exact to the tolerance of the fits.
    """
    counted = y if weight is None else y[weight > 0]
    classes, counts = np.unique(counted, return_counts=True)
    if (counts < 2).any():
        raise InputError(
            f"class {classes[counts < 2].tolist()[0]!r} has one row only: left out, nothing tells "
            "that there is such a class; give it more rows, or leave the class out"
        )
    if isinstance(model, LinearClassifier):
        fitted = fitted_rows(model, X, y, weight, tol)
        scores = leave_one_out(fitted, [objective.at(model)], refine=True)[:, 0]
        return Values(scores, "leave_one_out")
    game = RefitGame(model, X, y, objective, weight, random_state)
    values = Parallel(n_jobs=n_jobs)(delayed(_without)(game, i) for i in range(len(y)))
    return Values(np.array(values) - game.full, "leave_one_out")


def _without(game: RefitGame, row: int) -> float:
    rows = np.ones(len(game.y), dtype=bool)
    rows[row] = False
    return game.subset(rows)
