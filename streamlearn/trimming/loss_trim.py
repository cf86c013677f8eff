"""Loss trimming: rows that surprise the learner most are not learned."""

import numpy as np
from sklearn.base import BaseEstimator

from streamlearn.arrays import Floats
from streamlearn.data import Judgement, Labelled
from streamlearn.protocols import View
from streamlearn.trimming.share import allowed, keep, lowest, spare, verdict


class LossTrim(BaseEstimator):  # type: ignore[misc]
    """Trim the rows of highest log-loss under the running learner.

    Parameters
    ----------
    budget : float
        Share of each batch to trim at most, 0 to 1. A fraction of a row is trimmed that often:
        10 % of batches of 5 rows is one row in every second batch, on average.
    seed : int
        Breaks ties and rounds the budget, by id.

    Notes
    -----
    Nothing is trimmed while the learner is cold: fewer than two classes known, or the same
    probability for all of them on every row. Rows with a label that is new to the learner are
    kept, as it cannot judge them, and so is the last row of a class.

    The learner has no other teacher than the rows it lets pass, so it can only confirm itself: a
    baseline, and a poor one where much of the early data is wrong.

    References
    ----------
    Rousseeuw (1984), Least median of squares regression (trimming the largest residuals); Shen
    and Sanghavi (2019), Learning with bad training data via iterative trimmed loss minimization.

    Examples
    --------
    >>> LossTrim(0.2)
    LossTrim(budget=0.2)
    """

    def __init__(self, budget: float = 0.1, seed: int = 0) -> None:
        self.budget = budget
        self.seed = seed

    def judge(self, answered: Labelled, view: View) -> Judgement:
        """Trim the rows of highest loss.

        Parameters
        ----------
        answered : Labelled
            The rows just answered.
        view : View
            Its learner gives the losses.

        Returns
        -------
        Judgement
            Of all answered rows; the score is log p(y | x) in nats, at most 0, and 0 for rows that
            were not judged.

        Raises
        ------
        InputError
            If the budget is no share.
        """
        n = allowed(self.budget, answered.ids, self.seed)
        score = _log_likelihood(answered, view)
        if score is None:
            return keep(answered)
        judged = int(np.count_nonzero(score < 0))  # certain and unjudged rows are nobody's loss
        order = lowest(answered, score, min(n, judged), self.seed)
        return verdict(answered, spare(answered, order, view), score, "highest loss")


def _log_likelihood(answered: Labelled, view: View) -> Floats | None:
    """log p(y | x) of each row, 0 where y is unknown to the learner; None while it is cold."""
    classes = view.learner.classes_
    if len(classes) < 2 or not len(answered):
        return None
    p = view.learner.predict_proba(answered.X)
    if np.ptp(p) < 1e-12:  # uniform everywhere
        return None
    at = np.minimum(np.searchsorted(classes, answered.y), len(classes) - 1)
    likelihood = np.where(classes[at] == answered.y, p[np.arange(len(at)), at], 1.0)
    return np.asarray(np.log(np.clip(likelihood, np.finfo(float).tiny, 1.0)))
