"""Cutting columns into at most 256 bins of about equally many rows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_BINS = 256
N_CELLS = 2**14

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Bins:
    """Every column cut into at most 256 bins; column j owns the bins start[j] to start[j + 1].

    Attributes
    ----------
    codes : ndarray of uint8, shape (d, n)
        Bin of each value, counted from its column's first.
    start : ndarray of intp, shape (d + 1,)
        First bin of each column in the flat list of all bins.
    low, high : ndarray of float32, shape (start[-1],)
        What each bin spans; its smallest and largest value, if the column had to be sorted.
    """

    codes: NDArray[np.uint8]
    start: NDArray[np.intp]
    low: Floats
    high: Floats


def bin_columns(X: Floats) -> Bins:
    """Cut every column at quantiles, or between all distinct values if there are few.

    Parameters
    ----------
    X : ndarray of float32, shape (n, d)
        Finite values.

    Returns
    -------
    Bins
        The codes and what each bin spans. The order of rows does not matter.

    Notes
    -----
    Sorting is the dear part, and is left out where a grid of 16,384 cells over the column shows
    its rows to be spread out: quantiles are then those of the grid.
    """
    codes = np.empty(X.shape[::-1], dtype=np.uint8)
    low, high = [], []
    for first in range(0, X.shape[1], 16):  # transposed by cache lines, never all of X at once
        some = slice(first, first + 16)
        for x, code in zip(np.ascontiguousarray(X[:, some].T), codes[some], strict=True):
            below, above = _bin(x, code)
            low.append(np.append(x.min(), above))
            high.append(np.append(below, x.max()))
    start = np.cumsum([0, *(len(bins) for bins in low)])
    return Bins(codes, start, np.concatenate(low), np.concatenate(high))


def _bin(x: Floats, code: NDArray[np.uint8]) -> tuple[Floats, Floats]:
    """Fill in the codes; return where each bin but the last ends, and where the next begins."""
    least, most = x.min(), x.max()
    if np.count_nonzero(x == least) + np.count_nonzero(x == most) >= x.size:
        code[:] = x > least
        both = np.unique([least, most])
        return both[:-1], both[1:]
    cell = _cells(x, least, most)
    edges = _even_edges(cell, least, most)
    if edges is not None:
        _encode(x, cell, edges, _cells(edges, least, most), out=code)
        return edges, edges
    ordered = np.sort(x)
    cut = _cuts(ordered)
    edges = ordered[cut]
    inner = edges[0], edges[-1]  # the grid is not to be wasted on outliers
    _encode(x, _cells(x, *inner), edges, _cells(edges, *inner), out=code)
    return edges, ordered[cut + 1]


def _cells(values: Floats, origin: Any, end: Any) -> NDArray[np.int16]:
    """Number the cells of a uniform grid from 1, 0 below it; never falls as the value grows."""
    place = values.astype(np.float64)
    place -= origin
    place *= N_CELLS / ((float(end) - float(origin)) or 1.0)
    return np.clip(place, -1, N_CELLS, out=place).astype(np.int16) + np.int16(1)


def _even_edges(cell: NDArray[np.int16], least: Any, most: Any) -> Floats | None:
    """Quantiles to within a cell, or None if rows crowd in some cell."""
    share = cell.size / MAX_BINS
    rows = np.bincount(cell)
    if rows.max() > share / 2:
        return None
    last = np.searchsorted(rows.cumsum(), share * np.arange(1, MAX_BINS))
    width = (float(most) - float(least)) / N_CELLS
    edges = np.unique((float(least) + last * width).astype(np.float32))
    return np.asarray(edges[edges < most])


def _cuts(ordered: Floats) -> NDArray[np.intp]:
    """Positions of the last value of each bin but the last one."""
    change = np.flatnonzero(ordered[1:] != ordered[:-1])
    if change.size < MAX_BINS:
        return change
    share = ordered.size / MAX_BINS
    mass = change + 1.0
    quantiles = ordered[(share * np.arange(1, MAX_BINS + 1)).astype(np.intp) - 1]
    if (quantiles[1:] == quantiles[:-1]).any():
        # A value that would fill bins on its own counts for one: the others get what is left.
        mass = np.minimum(np.diff(change, prepend=-1), share).cumsum()
        share = mass[-1] / MAX_BINS
    return np.unique(change[np.searchsorted(mass, share * np.arange(1, MAX_BINS))])


def _encode(
    x: Floats,
    cell: NDArray[np.int16],
    edges: Floats,
    edge_cell: NDArray[np.int16],
    out: NDArray[np.uint8],
) -> None:
    """Write the number of edges below each value: guessed from its cell, then put right."""
    # Edges in lower cells are below the value, so the guess is never too high.
    edges_in = np.bincount(edge_cell, minlength=N_CELLS + 2)
    guess = (edges_in.cumsum() - edges_in).astype(np.uint8)
    np.take(guess, cell, out=out, mode="clip")
    low = np.flatnonzero(x > np.append(edges, np.float32(np.inf))[out])
    out[low] = np.searchsorted(edges, x[low])
