"""Influence given up for diversity, over a sweep of gamma."""

from collections.abc import Callable, Sequence
from math import fsum

import numpy as np
from numpy.typing import ArrayLike

from streamlearn.arrays import Floats
from streamlearn.errors import InputError
from streamlearn.selection.greedy import Choice

#: The sweep of Bhatt et al. (2021), section 5.1: five points a decade from 1e-4 to 1e5.
GAMMAS = tuple(np.logspace(-4, 5, 46).tolist())


def sweep(choose: Callable[[float], Choice], gammas: Sequence[float]) -> list[Choice]:
    """Choices for gammas in ascending order, made only where they can differ.

    A row that has the best score, value plus gamma times gain, for two gammas has it for all
    between: scores are straight lines in gamma. So where both ends choose the same rows in the
    same order, everything between does.
    """
    made: dict[int, Choice] = {}
    waiting = [(0, len(gammas) - 1)]
    while waiting:
        low, high = waiting.pop()
        for end in (low, high):
            if end not in made:
                made[end] = choose(gammas[end])
        if np.array_equal(made[low].rows, made[high].rows):
            made |= dict.fromkeys(range(low, high + 1), made[low])
        elif high - low > 1:
            middle = (low + high) // 2
            waiting += [(middle, high), (low, middle)]
    return [made[k] for k in range(len(gammas))]


def kept_share(value: float, top: float) -> float:
    """Part of the largest possible influence that is kept: 1 less what was given up.

    What is given up is counted in sizes of the largest sum, which may be negative or zero.
    """
    if value >= top:
        return 1.0
    return 1.0 - (top - value) / abs(top) if top else -np.inf


def largest_sum(values: Floats, m: int) -> float:
    """Most influence that m rows can have together; exact, so that their order plays no part."""
    return fsum(np.partition(values, len(values) - m)[len(values) - m :])


def as_gammas(gammas: ArrayLike) -> list[float]:
    """Check a sweep; gamma = 0, influence alone, always belongs to it."""
    array = np.unique(np.asarray(gammas, dtype=np.float64).ravel())
    if array.size == 0 or not np.isfinite(array).all() or array[0] < 0:
        raise InputError(f"gammas must be finite numbers of 0 or more, got {gammas!r}")
    return [0.0, *array[array > 0].tolist()]
