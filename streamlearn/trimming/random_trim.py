"""Random trimming: the arm every other trimmer has to beat."""

from sklearn.base import BaseEstimator

from streamlearn.data import Judgement, Labelled
from streamlearn.keyed import uniform
from streamlearn.protocols import View
from streamlearn.trimming.share import allowed, lowest, spare, verdict


class RandomTrim(BaseEstimator):  # type: ignore[misc]
    """Trim rows drawn at random.

    Parameters
    ----------
    budget : float
        Share of each batch to trim, 0 to 1. A fraction of a row is trimmed that often: 10 % of
        batches of 5 rows is one row in every second batch, on average.
    seed : int
        What is trimmed depends on the seed and the ids of the batch alone.

    Notes
    -----
    The last row of a class is spared, as every trimmer here spares it.

    Examples
    --------
    >>> RandomTrim(0.3)
    RandomTrim(budget=0.3)
    """

    def __init__(self, budget: float = 0.1, seed: int = 0) -> None:
        self.budget = budget
        self.seed = seed

    def judge(self, answered: Labelled, view: View) -> Judgement:
        """Trim a share of the rows.

        Parameters
        ----------
        answered : Labelled
            The rows just answered.
        view : View
            Read only where a class could lose its last row.

        Returns
        -------
        Judgement
            Of all answered rows; the score is a random number in [0, 1), the lowest go.

        Raises
        ------
        InputError
            If the budget is no share.
        """
        score = uniform(self.seed, answered.ids)
        n = allowed(self.budget, answered.ids, self.seed)
        trimmed = spare(answered, lowest(answered, score, n, self.seed), view)
        return verdict(answered, trimmed, score, "drawn at random")
