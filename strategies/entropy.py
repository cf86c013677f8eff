"""Entropy sampling: ask where the predicted classes are spread widest."""

import numpy as np
from scipy.special import entr

from streamlearn.arrays import Floats
from streamlearn.protocols import View
from streamlearn.strategies.base import UtilityStrategy
from streamlearn.strategies.outputs import uncertainty


class Entropy(UtilityStrategy):
    """Ask the rows whose predicted class has the highest entropy.

    Notes
    -----
    Two classes: the distance |f| from the boundary where the learner has a decision function
    (the same ordering). More: Shannon entropy of the probabilities, or of the softmax of the
    decision values of a learner without probabilities.

    References
    ----------
    Settles (2009), Active learning literature survey, section 3.1.

    Examples
    --------
    >>> Entropy()
    Entropy()
    """

    def utilities(self, view: View) -> Floats:
        """Return the entropy of each row.

        Parameters
        ----------
        view : View
            The run as it stands.

        Returns
        -------
        ndarray of float64, shape (n,)
            In nats, or −|f| in the unit of the decision function; NaN for rows that may not be
            asked.
        """
        return uncertainty(view, _entropy)


def _entropy(p: Floats) -> Floats:
    """Shannon entropy of each row, in nats."""
    return np.asarray(entr(p).sum(axis=1))
