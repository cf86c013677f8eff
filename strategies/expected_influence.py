"""Expected influence: ask the rows whose label, whichever it is, would move the objective most."""

import numpy as np

from streamlearn.arrays import Floats
from streamlearn.influence import LinearClassifier
from streamlearn.influence.losses import Loss
from streamlearn.protocols import View
from streamlearn.strategies.base import UtilityStrategy
from streamlearn.strategies.direction import ObjectiveFactory, score_by_direction


class ExpectedInfluence(UtilityStrategy):
    """Ask rows whose label is expected to change the objective most, for better or worse.

    The utility is Σ p(y | x) |∇f·H⁻¹∇ℓ(x, y)| with the surrogate's own probabilities: for two
    classes 2 p (1 − p) |x·s| with s = H⁻¹∇f.

    Parameters
    ----------
    objective : callable, optional
        Reference rows and labels (X, y) to an ``Objective`` f, lower is better, fairness
        included; ``ValidationLoss`` by default. With folds it is called for each of them, so it
        must find all it needs in X and y.
    surrogate : LinearClassifier, optional
        The model that influence is computed with, one with probabilities; see `ISAL`.
    folds : int or None
        Folds in which the reference judges while it trains the surrogate; None: it judges only.
        See `ISAL`.

    Raises
    ------
    InputError
        When it selects, if the run has no reference or the surrogate no probabilities.

    Notes
    -----
    The absolute value is needed: Σ p(y | x) ∇ℓ(x, y) is zero for any x, so the expected influence
    itself says nothing. All rows are equal while fewer than two classes are labelled.

    References
    ----------
    Expected gradient length (Settles, Craven, Ray 2008, Multiple-instance active learning), with
    the gradient seen along H⁻¹∇f (Koh and Liang 2017, eq. 2).

    Examples
    --------
    >>> ExpectedInfluence()
    ExpectedInfluence()
    """

    def __init__(
        self,
        objective: ObjectiveFactory | None = None,
        surrogate: LinearClassifier | None = None,
        folds: int | None = 3,
    ) -> None:
        self.objective = objective
        self.surrogate = surrogate
        self.folds = folds

    def utilities(self, view: View) -> Floats:
        """Return the expected size of each candidate's influence.

        Parameters
        ----------
        view : View
            With a reference.

        Returns
        -------
        ndarray of float64, shape (n,)
            In units of the objective; NaN for rows that are not open.

        Raises
        ------
        InputError
            If the view has no reference, or the surrogate no probabilities.
        """
        return score_by_direction(
            view, self.objective, self.surrogate, self.folds, _mean_absolute_influence
        )


def _mean_absolute_influence(loss: Loss, U: Floats) -> Floats:
    """Return Σ p_c |s·∇ℓ(x, c)|: class scores v along s deviate by |v_c − Σ p v|."""
    P = loss.probabilities(U[0])
    if len(loss.contrast) == 1:
        size: Floats = np.abs(U[1, 0])
        size *= P[0]
        size *= P[1]
        size *= 2.0
        return size
    V = loss.scores(U[1])
    V -= (P * V).sum(axis=0)
    np.abs(V, out=V)
    V *= P
    total: Floats = V.sum(axis=0)
    return total
