"""Growing a regression tree: on 8-bit quantile bins in NumPy, or exactly by scikit-learn's CART."""

import heapq
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeRegressor

from streamlearn.influence.tree_bins import Bins
from streamlearn.influence.tree_nodes import LEAF, Nodes


@dataclass(frozen=True)
class Limits:
    """When growth stops."""

    max_leaf_nodes: int | None
    max_depth: int | None
    min_samples_leaf: int


def grow_exact(X: Any, values: NDArray[np.float64], limits: Limits, seed: Any) -> Nodes:
    """Grow scikit-learn's CART.

    Parameters
    ----------
    X : ndarray or CSR matrix of float32, shape (n, d)
        The rows.
    values : ndarray of float64, shape (n,)
        Targets.
    limits : Limits
        When to stop.
    seed : int, RandomState or None
        Decides between equally good splits.

    Returns
    -------
    Nodes
        The same tree.
    """
    cart = DecisionTreeRegressor(
        max_leaf_nodes=limits.max_leaf_nodes,
        max_depth=limits.max_depth,
        min_samples_leaf=limits.min_samples_leaf,
        random_state=seed,
    )
    tree = cart.fit(X, values).tree_
    leaf = tree.children_left == LEAF
    return Nodes(
        feature=np.where(leaf, LEAF, tree.feature),
        threshold=np.where(leaf, np.nan, tree.threshold),
        left=tree.children_left.astype(np.intp),
        right=tree.children_right.astype(np.intp),
        count=tree.n_node_samples.astype(np.int64),
        mean=tree.value[:, 0, 0].astype(np.float64),
    )


@dataclass
class _Histogram:
    """Rows and sum of targets in every bin, over the rows of one node."""

    count: NDArray[np.float64]
    total: NDArray[np.float64]

    def __sub__(self, other: "_Histogram") -> "_Histogram":
        return _Histogram(self.count - other.count, self.total - other.total)


def grow_binned(
    bins: Bins, values: NDArray[np.float64], limits: Limits, rows: NDArray[np.intp]
) -> Nodes:
    """Grow best-first on binned columns, by histograms.

    Parameters
    ----------
    bins : Bins
        All columns.
    values : ndarray of float64, shape (n,)
        Targets.
    limits : Limits
        When to stop.
    rows : ndarray of intp
        The rows to grow on.

    Returns
    -------
    Nodes
        A tree in the columns' own units: a threshold lies halfway between the bins, filled in
        its node, that it parts. With at most 256 distinct values a column this is CART.

    Notes
    -----
    The larger child's histogram is its parent's minus its sibling's. Targets are first rounded
    to a grid on which every sum is exact, so neither this difference nor the order of rows
    leaves a trace: equally good splits stay equal, and the lowest column, then cut, wins.
    """
    target = _on_exact_grid(values[rows], bins.codes.shape[0])
    codes = bins.codes.take(rows, axis=1) if rows.size < bins.codes.shape[1] else bins.codes
    column = np.repeat(np.arange(float(codes.shape[0])), np.diff(bins.start))
    members = [np.arange(rows.size)]
    depth = [0]
    feature, threshold, left, right = [LEAF], [math.nan], [LEAF], [LEAF]
    heap: list[tuple[float, int, int, _Histogram]] = []

    def consider(node: int, histogram: _Histogram) -> None:
        """Queue the node's best cut, if it has one."""
        found = _best_cut(histogram, bins.start, column, limits.min_samples_leaf)
        if found is not None:
            # Without a limit on leaves the order is free: depth-first keeps few histograms.
            first = -found[0] if limits.max_leaf_nodes else -node
            heapq.heappush(heap, (first, node, found[1], histogram))

    def may_split(node: int) -> bool:
        inside = target[members[node]]
        shallow = limits.max_depth is None or depth[node] < limits.max_depth
        large = inside.size >= 2 * limits.min_samples_leaf
        return shallow and large and bool(np.ptp(inside) > 0)

    n_leaves, most = 1, limits.max_leaf_nodes or rows.size
    if may_split(0) and most > 1:
        consider(0, _histogram(codes, target, bins.start, members[0]))
    while heap and n_leaves < most:
        _, node, cut, histogram = heapq.heappop(heap)
        j = int(column[cut])
        feature[node] = j
        threshold[node] = _between(bins, histogram, cut, int(bins.start[j + 1]))
        below = codes[j][members[node]] <= cut - bins.start[j]
        left[node], right[node] = children = (len(feature), len(feature) + 1)
        members += [members[node][below], members[node][~below]]
        depth += [depth[node] + 1] * 2
        feature += [LEAF] * 2
        left += [LEAF] * 2
        right += [LEAF] * 2
        threshold += [math.nan] * 2
        n_leaves += 1
        splittable = [child for child in children if may_split(child)]
        if splittable and n_leaves < most:
            small = min(children, key=lambda child: members[child].size)
            part = _histogram(codes, target, bins.start, members[small])
            for child in splittable:
                consider(child, part if child == small else histogram - part)
    inside = [values[rows[member]] for member in members]
    return Nodes(
        feature=np.array(feature, dtype=np.intp),
        threshold=np.array(threshold),
        left=np.array(left, dtype=np.intp),
        right=np.array(right, dtype=np.intp),
        count=np.array([member.size for member in inside], dtype=np.int64),
        mean=np.array([member.mean() for member in inside]),
    )


def _on_exact_grid(values: NDArray[np.float64], n_columns: int) -> NDArray[np.float64]:
    """Centre and round to integers small enough for any sum over rows and columns to be exact."""
    centred = values - np.median(values)
    largest = np.abs(centred).max()
    if largest == 0:
        return centred
    centred /= largest
    return np.rint(centred / (2 * math.ulp(n_columns * np.abs(centred).sum())))


def _histogram(
    codes: NDArray[np.uint8],
    target: NDArray[np.float64],
    start: NDArray[np.intp],
    rows: NDArray[np.intp],
) -> _Histogram:
    inside = codes if rows.size == codes.shape[1] else codes.take(rows, axis=1)
    weights = target[rows]
    count, total = np.empty(start[-1]), np.empty(start[-1])
    bounds = start.tolist()
    for narrow, first, last in zip(inside, bounds, bounds[1:], strict=False):
        code = narrow.astype(np.intp)
        count[first:last] = np.bincount(code, minlength=last - first)
        total[first:last] = np.bincount(code, weights, last - first)
    return _Histogram(count, total)


def _between(bins: Bins, histogram: _Histogram, cut: int, end: int) -> float:
    """Halfway from the bin ``cut`` to the next one that is filled, rounded down if need be."""
    above = cut + 1 + int(np.flatnonzero(histogram.count[cut + 1 : end])[0])
    low, high = float(bins.high[cut]), float(bins.low[above])
    middle = low / 2 + high / 2
    return middle if middle < high else low


def _best_cut(
    histogram: _Histogram, start: NDArray[np.intp], column: NDArray[np.float64], min_leaf: int
) -> tuple[float, int] | None:
    """Gain (in squared error) of the best cut and the flat number of the last bin to its left."""
    n, total = histogram.count[: start[1]].sum(), histogram.total[: start[1]].sum()
    # One running sum over all columns: each earlier column has added the node's whole sum.
    below = histogram.count.cumsum()
    below -= column * n
    above = n - below
    legal = np.minimum(below, above) >= min_leaf
    if not legal.any():
        return None
    excess = histogram.total.cumsum()
    excess -= column * total
    excess -= below * (total / n)
    above *= below
    above[~legal] = np.inf
    excess *= excess
    excess /= above
    cut = int(excess.argmax())
    return float(excess[cut] * n), cut
