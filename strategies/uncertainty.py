"""Least-confidence sampling: ask where the likeliest class is least likely."""

from streamlearn.arrays import Floats
from streamlearn.protocols import View
from streamlearn.strategies.base import UtilityStrategy
from streamlearn.strategies.outputs import uncertainty


class Uncertainty(UtilityStrategy):
    """Ask the rows whose likeliest class is least likely (least confidence).

    Notes
    -----
    Two classes: the distance |f| from the boundary where the learner has a decision function.
    More: the highest probability, or the highest decision value of a learner without
    probabilities.

    References
    ----------
    Lewis and Gale (1994), A sequential algorithm for training text classifiers.

    Examples
    --------
    >>> Uncertainty()
    Uncertainty()
    """

    def utilities(self, view: View) -> Floats:
        """Return the negative confidence of each row.

        Parameters
        ----------
        view : View
            The run as it stands.

        Returns
        -------
        ndarray of float64, shape (n,)
            In the unit of the learner's output; NaN for rows that may not be asked.
        """
        return uncertainty(view, _negative_top, _negative_top)


def _negative_top(values: Floats) -> Floats:
    """The highest of each row, negative."""
    top: Floats = values.max(axis=1)
    return -top
