"""No trimming: every answer is learned as it came."""

from sklearn.base import BaseEstimator

from streamlearn.data import Judgement, Labelled
from streamlearn.protocols import View
from streamlearn.trimming.share import keep


class KeepAll(BaseEstimator):  # type: ignore[misc]
    """Learn every answer as it came.

    Examples
    --------
    >>> KeepAll()
    KeepAll()
    """

    def judge(self, answered: Labelled, view: View) -> Judgement:
        """Keep every row.

        Parameters
        ----------
        answered : Labelled
            The rows just answered.
        view : View
            Not read.

        Returns
        -------
        Judgement
            Of all answered rows; score 0.
        """
        return keep(answered)
