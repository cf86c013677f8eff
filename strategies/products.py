"""One pass over the candidates for all who want their products with the same directions."""

from collections.abc import Callable, Iterator

import numpy as np
from scipy import sparse

from streamlearn.arrays import Floats, Matrix
from streamlearn.influence.kernel import margins, take
from streamlearn.protocols import View
from streamlearn.strategies.outputs import on_open
from streamlearn.surrogate import Surrogate


def products(
    view: View,
    surrogate: Surrogate,
    X: Matrix,
    name: str = "no direction",
    directions: Callable[[], list[Floats]] = list,
) -> Floats:
    """Return the rows' products with the surrogate's parameters and with directions, in one pass.

    Parameters
    ----------
    view : View
        The run as it stands; strategies that share the directions share the pass.
    surrogate : Surrogate
        Its parameters are the first to be multiplied.
    X : ndarray or CSR matrix, shape (n, d)
        All candidates, or all that are open.
    name : str
        Key of the directions.
    directions : callable
        Gives arrays (m, D).

    Returns
    -------
    ndarray of float64, shape (1 + number of directions, m, n)
        Shared: not to be written to.
    """
    pool, fitted = view.candidates, surrogate.fitted
    # Which rows are open may change before anything is learned; the pool itself does not.
    part = "all rows" if X is pool.X else f"open rows {hash(pool.open.tobytes())}"

    def multiply() -> Floats:
        wanted, n = np.array([fitted.theta, *directions()]), X.shape[0]
        if sparse.issparse(X):  # a slice is checked anew: one of all rows costs less than many
            return margins(X, wanted, fitted.intercept)
        U = np.empty((*wanted.shape[:2], n))
        for rows in blocks(n, X.shape[1]):
            U[..., rows] = margins(take(X, rows.start, rows.stop), wanted, fitted.intercept)
        return U

    return view.once(f"products of {part}, {name}, {surrogate.name}", multiply)


def blocks(n: int, width: int) -> Iterator[slice]:
    """Cut n rows of so many numbers into slices of about a megabyte, which stay in the cache."""
    step = max(1, (1 << 17) // max(width, 1))
    for start in range(0, n, step):
        yield slice(start, min(n, start + step))


def all_equal(view: View) -> Floats:
    """Return the same utility for every open row: nothing is known that tells them apart."""
    return on_open(view.candidates, lambda X: np.zeros(X.shape[0]))
