"""An influence tree in words: conditions in original units, rules from harming to helping."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamlearn.errors import InputError, nearest
from streamlearn.influence.tree_nodes import LEAF, Nodes

Bounds = dict[int, tuple[float, float]]  # column -> (low, high], as a path has narrowed it


@dataclass(frozen=True)
class Wording:
    """How to say that a column lies between two bounds.

    Attributes
    ----------
    names : list of str
        One a column.
    mean, std : ndarray of float64
        ``x * std + mean`` is in original units.
    units : mapping of str to str
        What follows a number, by column name.
    either : mapping of int to (str, str)
        Columns that have only two values: what to say for the lower one and for the higher one.
    precision : int
        Significant digits.
    """

    names: list[str]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    units: Mapping[str, str]
    either: Mapping[int, tuple[str, str]]
    precision: int

    def condition(self, j: int, low: float, high: float) -> str:
        """Say ``low < x_j <= high``, either bound being infinite where it is absent."""
        if j in self.either:
            return self.either[j][0 if np.isfinite(high) else 1]
        name, unit = self.names[j], self.units.get(self.names[j], "")
        unit = f" {unit}" if unit else ""
        if not np.isfinite(low):
            return f"{name} ≤ {self.number(j, high)}{unit}"
        if not np.isfinite(high):
            return f"{name} > {self.number(j, low)}{unit}"
        return f"{self.number(j, low)} < {name} ≤ {self.number(j, high)}{unit}"

    def number(self, j: int, x: float) -> str:
        """Give a value of column j in original units."""
        return digits(_unscale(x, self.mean[j], self.std[j]), self.precision)


def _unscale(x: float, mean: float, std: float) -> float:
    """Undo standardisation; what float32 made of a zero is a zero again."""
    original = x * std + mean
    rounding = 1e-6 * (abs(x * std) + abs(mean))
    return 0.0 if mean != 0.0 and abs(original) < rounding else float(original)


def digits(x: float, precision: int) -> str:
    """Write a number with so many significant digits, whole thousands in full."""
    if 10**precision <= abs(x) < 1e15:
        return f"{x:,.0f}"
    return f"{x:.{precision}g}"


def wording(
    names: list[str],
    n_features: int,
    two_valued: Mapping[int, tuple[float, float]],
    classes: NDArray[Any] | None,
    scale: Any,
    units: Mapping[str, str] | None,
    precision: int,
) -> Wording:
    """Collect what is needed to word conditions.

    Parameters
    ----------
    names : list of str
        One a column, label columns included.
    n_features : int
        Columns before the label's.
    two_valued : mapping of int to (float, float)
        Columns with only two values.
    classes : ndarray or None
        The labels.
    scale : (mean, std), fitted scaler with ``mean_`` and ``scale_``, or None
        How the columns were standardised.
    units : mapping of str to str, or None
        Units by column name.
    precision : int
        Significant digits.

    Returns
    -------
    Wording
        Ready to word any condition of the tree.

    Raises
    ------
    InputError
        Where ``scale`` or ``units`` does not fit the columns.
    """
    mean, std = _mean_and_std(scale, n_features)
    extra = len(names) - n_features
    mean, std = np.append(mean, np.zeros(extra)), np.append(std, np.ones(extra))
    for name in units or {}:
        if name not in names:
            raise nearest(name, names, "feature name in units")
    worded = Wording(names, mean, std, units or {}, {}, precision)
    either = {
        j: (f"{names[j]} = {worded.number(j, low)}", f"{names[j]} = {worded.number(j, high)}")
        for j, (low, high) in two_valued.items()
    }
    if classes is not None and classes.size == 2:
        either[n_features] = (f"label = {classes[0]}", f"label = {classes[1]}")
    elif classes is not None and classes.size > 2:
        for j, label in enumerate(classes, start=n_features):
            either[j] = (f"label ≠ {label}", f"label = {label}")
    return Wording(names, mean, std, units or {}, either, precision)


def _mean_and_std(scale: Any, n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if scale is None:
        return np.zeros(n), np.ones(n)
    if hasattr(scale, "scale_"):
        # StandardScaler(with_mean=False) has a mean_ all the same, and does not use it.
        mean = scale.mean_ if getattr(scale, "with_mean", True) else None
        std = scale.scale_
        scale = (np.zeros(n) if mean is None else mean, np.ones(n) if std is None else std)
    mean, std = (np.asarray(part, dtype=np.float64) for part in scale)
    if mean.shape != (n,) or std.shape != (n,):
        raise InputError(
            f"scale has means of shape {mean.shape} and deviations of shape {std.shape}; the "
            f"tree was fitted on {n} features: pass one of each a feature, or the fitted scaler"
        )
    if not (np.isfinite(mean).all() and np.isfinite(std).all() and (std > 0).all()):
        raise InputError(
            f"scale has a deviation of {std.min()}: pass finite means and deviations above 0 "
            "(1 for a constant column)"
        )
    return mean, std


def paths(nodes: Nodes) -> list[Bounds]:
    """Bounds on every column that a node's rows satisfy.

    Parameters
    ----------
    nodes : Nodes
        The tree.

    Returns
    -------
    list of dict
        One a node; column -> (low, high], in the order of the splits.
    """
    bounds: list[Bounds] = [{} for _ in range(nodes.feature.size)]
    for parent in np.flatnonzero(nodes.feature != LEAF):
        j, cut = int(nodes.feature[parent]), float(nodes.threshold[parent])
        low, high = bounds[parent].get(j, (-np.inf, np.inf))
        bounds[nodes.left[parent]] = {**bounds[parent], j: (low, cut)}
        bounds[nodes.right[parent]] = {**bounds[parent], j: (cut, high)}
    return bounds


def headline(shrinkage: float, n: int, r2: float, spearman: float) -> str:
    """Say how far to trust the tree.

    Parameters
    ----------
    shrinkage : float
        λ.
    n : int
        Rows.
    r2, spearman : float
        Held-out fit, NaN where not measured.

    Returns
    -------
    str
        One line.
    """
    if np.isnan(r2):
        fit = "held-out fit not measured"
    else:
        fit = f"held-out R² {r2:.2f}, rank correlation {spearman:.2f}"
        fit += " (no better than the mean)" if r2 <= 0 else ""
    return f"{fit}; λ = {shrinkage:g}; {n:,} rows"


def verdict(value: float) -> str:
    """Name the sign of an influence: rows with a positive one help the model."""
    return "helps" if value > 0 else "harms" if value < 0 else "no effect"


def rules(nodes: Nodes, value: NDArray[np.float64], words: Wording) -> str:
    """One line a leaf, the most harmful first.

    Parameters
    ----------
    nodes : Nodes
        The tree.
    value : ndarray of float64, shape (n_nodes,)
        Its values after shrinkage.
    words : Wording
        How to word conditions.

    Returns
    -------
    str
        The lines: verdict, value, rows, mean before shrinkage, conditions.
    """
    bounds = paths(nodes)
    leaves = np.flatnonzero(nodes.feature == LEAF)
    lines = []
    for leaf in leaves[np.argsort(value[leaves], kind="stable")]:
        terms = [words.condition(j, low, high) for j, (low, high) in bounds[leaf].items()]
        lines.append(
            f"{verdict(value[leaf]):9} {value[leaf]:+10.3g} {nodes.count[leaf]:8,d} "
            f"{nodes.mean[leaf]:+10.3g}  {' and '.join(terms) or 'all rows'}"
        )
    return "\n".join([f"{'':9} {'influence':>10} {'rows':>8} {'unshrunk':>10}  where", *lines])
