"""Random sampling: the arm every other strategy has to beat."""

import numpy as np

from streamlearn.arrays import Floats
from streamlearn.protocols import View
from streamlearn.strategies.base import UtilityStrategy


class Random(UtilityStrategy):
    """Ask rows drawn uniformly, without replacement.

    Examples
    --------
    >>> Random()
    Random()
    """

    def utilities(self, view: View) -> Floats:
        """Return the same utility for all open rows: the ties decide.

        Parameters
        ----------
        view : View
            The run as it stands.

        Returns
        -------
        ndarray of float64, shape (n,)
            0, or NaN for rows that may not be asked.
        """
        return np.where(view.candidates.open, 0.0, np.nan)
