"""What a measure of diversity has to offer, ours or yours."""

from typing import Protocol, runtime_checkable

from streamlearn.arrays import Floats, Ids, Matrix


class Measure(Protocol):
    """Diversity R(S) of a growing set S of rows of one X, with R of the empty set 0.

    Attributes
    ----------
    submodular : bool
        Whether a row never adds more to a larger set than to a smaller one: lazy greedy needs it.
    dtype : dtype, optional
        Precision of the gains, float32 or float64: what counts as a tie hangs on it. That of X by
        default.
    """

    submodular: bool

    def reset(self) -> None:
        """Empty the set."""

    def gains(self, rows: Ids | None = None) -> Floats:
        """What each row would add to the set.

        Parameters
        ----------
        rows : ndarray of int64, shape (k,), optional
            Positions in X; all n rows by default.

        Returns
        -------
        ndarray of shape (k,) or (n,)
            R with the row, less R without. What it says of rows in the set is not read. The
            array stays the measure's own: the caller does not write to it.
        """

    def add(self, row: int) -> None:
        """Put a row into the set.

        Parameters
        ----------
        row : int
            Its position in X.
        """

    def value(self, rows: Ids) -> float:
        """Diversity of a set, counted on all rows of X.

        Parameters
        ----------
        rows : ndarray of int64, shape (k,)
            Positions in X. The growing set stays as it is.

        Returns
        -------
        float
            R, which may differ from the sum of the gains where those come from a sample.
        """


@runtime_checkable
class Diversity(Protocol):
    """A kind of diversity; its parameters are set before any rows are seen."""

    def measure(self, X: Matrix, ids: Ids, seed: int, *, reuse: bool) -> Measure:
        """Get ready for some rows.

        Parameters
        ----------
        X : ndarray or CSR matrix of shape (n, d)
            Finite, float32 or float64.
        ids : ndarray of int64, shape (n,)
            Ids of the rows: what is drawn at random hangs on them and not on the order.
        seed : int
            Seed of what is drawn.
        reuse : bool
            Whether several selections follow, so that memory may be spent on what they share.

        Returns
        -------
        Measure
            Of the empty set.
        """
