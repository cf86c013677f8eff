"""ISAL: ask the rows that would lower the loss on trusted rows most, were the guess right."""

from streamlearn.arrays import Floats
from streamlearn.influence import LinearClassifier
from streamlearn.influence.losses import Loss
from streamlearn.protocols import View
from streamlearn.strategies.base import UtilityStrategy
from streamlearn.strategies.direction import ObjectiveFactory, score_by_direction


class ISAL(UtilityStrategy):
    """Influence selection: ask rows whose likeliest label would help most.

    The utility is the influence ∇f·H⁻¹∇ℓ(x, ŷ) of the row with its pseudo-label ŷ, the class
    that the surrogate predicts: positive where learning it lowers the objective f.

    Parameters
    ----------
    objective : callable, optional
        Reference rows and labels (X, y) to an ``Objective`` f, lower is better, fairness
        included; ``ValidationLoss`` by default. With folds it is called for each of them, so it
        must find all it needs in X and y.
    surrogate : LinearClassifier, optional
        The model that influence is computed with, fitted once a round to reference and labelled
        rows. By default the learner's own where it is a linear classifier, else a
        ``LinearClassifier()``.
    folds : int or None
        The reference trains the surrogate, as it does the learner, and judges in so many folds,
        each at the parameters without it. None: it judges only, as in the paper.

    Raises
    ------
    InputError
        When it selects, if the run has no reference.

    Notes
    -----
    The published score is −∇ℓ·H⁻¹∇f, lowest first: the same order. All rows are equal while
    fewer than two classes are labelled.

    References
    ----------
    Liu, Ding, Zhong, Li, Dai, He (2021), Influence selection for active learning, ICCV.

    Examples
    --------
    >>> from streamlearn.influence import DemographicParity
    >>> fairer = ISAL(lambda X, y: DemographicParity(X, sensitive=X[:, 0] > 0), folds=None)
    >>> ISAL(folds=5)
    ISAL(folds=5)
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
        """Return the influence of each candidate with its pseudo-label.

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
            If the view has no reference.
        """
        return score_by_direction(
            view, self.objective, self.surrogate, self.folds, _with_pseudo_label
        )


def _with_pseudo_label(loss: Loss, U: Floats) -> Floats:
    """Return s·∇ℓ(x, ŷ)."""
    pull = loss.residual(U[0], loss.predict(U[0]))
    pull *= U[1]
    total: Floats = pull.sum(axis=0)
    return total
