"""What `Auto` chose, and why."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamlearn.arrays import Floats, Labels
from streamlearn.influence.tuning import Tuning


@dataclass(frozen=True, eq=False)
class Choice:
    """What `Auto` chose, and what it was chosen from.

    Parameters
    ----------
    name : {"keep all", "reference alone", "trim", "noise model"}
        The choice.
    tunings : dict of str to Tuning
        Cross-fitted losses of every choice, on the rows of the reference.
    y : ndarray, shape (n,)
        The labels to learn from.
    weight, score : ndarray of float64, shape (n,)
        What rows count, and how much their labels are worth keeping.
    reason : ndarray of str, shape (n,)
        The choice with its log-loss and that of keeping all.
    """

    name: str
    tunings: dict[str, Tuning]
    y: Labels
    weight: Floats
    score: Floats
    reason: NDArray[np.str_]
