"""What strategies share: the best of the open rows, ties broken at random by id."""

from abc import ABC, abstractmethod

import numpy as np
from sklearn.base import BaseEstimator

from streamlearn.arrays import Floats, Ids
from streamlearn.errors import InputError
from streamlearn.keyed import uniform
from streamlearn.protocols import View


class UtilityStrategy(BaseEstimator, ABC):  # type: ignore[misc]
    """A strategy that asks the rows of highest utility; subclasses say what utility is.

    Examples
    --------
    >>> class Norm(UtilityStrategy):
    ...     def utilities(self, view):
    ...         return np.abs(view.candidates.X).sum(axis=1)
    >>> Norm()
    Norm()
    """

    @abstractmethod
    def utilities(self, view: View) -> Floats:
        """Return what a label of each candidate is worth.

        Parameters
        ----------
        view : View
            The run as it stands.

        Returns
        -------
        ndarray of float64, shape (n,)
            Higher is better, in any unit; NaN for rows that may not be asked.
        """

    def select(self, view: View, n: int, rng: np.random.Generator) -> Ids:
        """Return the rows of highest utility.

        Parameters
        ----------
        view : View
            The run as it stands.
        n : int
            How many rows to ask at most; all that may be asked where there are fewer.
        rng : Generator
            Breaks ties; exactly one number is drawn from it.

        Returns
        -------
        ndarray of int64, shape (min(n, rows that may be asked),)
            Distinct open ids, highest utility first.

        Raises
        ------
        InputError
            If n is negative, or the utilities are not one number a candidate.
        """
        candidates = view.candidates
        utilities = np.asarray(self.utilities(view), dtype=np.float64)
        if utilities.shape != (len(candidates),):
            raise InputError(
                f"{self!r} gave utilities of shape {utilities.shape} for {len(candidates)} "
                "candidates; return one number for each"
            )
        if not (candidates.open | np.isnan(utilities)).all():
            utilities = np.where(candidates.open, utilities, np.nan)
        return best(candidates.ids, utilities, n, rng)


def best(ids: Ids, utilities: Floats, n: int, rng: np.random.Generator) -> Ids:
    """Return the n ids of highest utility, highest first, ties in random order.

    Parameters
    ----------
    ids : ndarray of int64, shape (m,)
        Unique.
    utilities : ndarray of float64, shape (m,)
        NaN where an id may not be chosen.
    n : int
        How many; all that may be chosen where there are fewer.
    rng : Generator
        Exactly one number is drawn from it.

    Returns
    -------
    ndarray of int64, shape (min(n, number of utilities that are not NaN),)

    Raises
    ------
    InputError
        If n is negative.

    Notes
    -----
    Random keys go by id, so permuting the rows changes nothing. Utilities that agree in their
    first 40 bits (1e-12) count as equal: a matrix product rounds the last rows of an array, and
    rows that were gathered, in another order than the rest, and a tie must stay one.

    Examples
    --------
    >>> ids = np.array([5, 6, 7, 8])
    >>> best(ids, np.array([0.2, np.nan, 0.9, 0.5]), 2, np.random.default_rng(0))
    array([7, 8])
    """
    if n < 0:
        raise InputError(f"cannot ask {n} rows; n must be 0 or more")
    seed = int(rng.integers(2**63))
    loss = _rounded(0.0 - utilities)  # a copy, with one zero only
    n = min(int(n), len(loss) - int(np.count_nonzero(np.isnan(loss))))
    if n == 0:
        return ids[:0]
    worst = _nth_lowest(loss, n)
    chosen, tied = np.flatnonzero(loss < worst), np.flatnonzero(loss == worst)
    short = n - len(chosen)
    if short < len(tied):
        tied = tied[np.argpartition(uniform(seed, ids[tied]), short)[:short]]
    chosen = np.concatenate([chosen, tied])
    losses = loss[chosen]
    order = np.argsort(losses)
    ranked = losses[order]
    if (ranked[1:] == ranked[:-1]).any():
        order = np.lexsort((uniform(seed, ids[chosen]), losses))
    return ids[chosen[order]]


def _nth_lowest(loss: Floats, n: int) -> float:
    """Return the n-th lowest value, NaN being the highest."""
    if 64 * n < len(loss):
        # What is n-th of some rows is no lower than what is n-th of all: few rows stay to be looked
        # at, none where it is NaN.
        low = loss[loss <= np.partition(loss[::16], n - 1)[n - 1]]
        loss = low if len(low) >= n else loss
    return float(np.partition(loss, n - 1)[n - 1])


def _rounded(values: Floats) -> Floats:
    """Round to 40 bits of mantissa in place, by adding half a unit and cutting off the rest."""
    bits = values.view(np.int64)
    bits += 1 << 11
    bits &= ~0xFFF  # infinities and NaN stay what they are
    return bits.view(np.float64)
