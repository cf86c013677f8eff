"""Greedy choice of rows by value plus gamma times what they add to diversity.

Gains that differ by rounding alone are ties, and of tied rows the one with the lowest id is
chosen: so the order of the rows does not matter, and lazy evaluation, which computes the same
gains in another order, ends with the same rows.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from streamlearn.arrays import Floats, Ids
from streamlearn.errors import InputError
from streamlearn.keyed import uniform
from streamlearn.selection.diversity import Measure

# What rounding does to a gain: relative to itself, and to the largest first one; by bytes of X.
_ROUNDING = {4: (1e-5, 2e-7), 8: (1e-10, 1e-13)}
_FIRST_BATCH = 8  # rows that lazy greedy looks at together, doubled while it must look further


@dataclass(frozen=True, eq=False)
class Choice:
    """Positions of rows in the order of choice, and the gains of diversity added up."""

    rows: Ids
    diversity: float


@dataclass(frozen=True, eq=False)
class Task:
    """Everything a greedy choice needs, apart from gamma.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
        Importance, scaled.
    ids : ndarray of int64, shape (n,)
        Unique.
    measure : Measure
        Diversity.
    m : int
        Rows to choose.
    optimiser : {"greedy", "lazy", "stochastic"}
        How to look for the best row.
    rounding : (float, float)
        What counts as equal gains: relative to them, and to the largest first gain.
    share : int
        Rows that stochastic greedy looks at a step.
    seed : int
        Of those rows.
    recalculate : callable or None
        Positions chosen -> values (n,), scaled alike.
    every : int
        Choices from one recalculation to the next.
    """

    values: Floats
    ids: Ids
    measure: Measure
    m: int
    optimiser: str
    rounding: tuple[float, float]
    share: int
    seed: int
    recalculate: Callable[[Ids], Floats] | None
    every: int

    def choose(self, gamma: float) -> Choice:
        """Choose m rows for one gamma."""
        self.measure.reset()
        floor = gamma * self.rounding[1] * float(np.abs(self.measure.gains()).max())
        step = (_lazy if self.optimiser == "lazy" else _plain)(self, gamma, floor)
        chosen, diversity = np.empty(self.m, dtype=np.int64), 0.0
        for k, row in zip(range(self.m), step, strict=False):
            chosen[k] = row
            diversity += float(self.measure.gains(chosen[k : k + 1])[0])
            self.measure.add(row)
        return Choice(chosen, diversity)

    def margin(self, score: float, value: float, floor: float) -> float:
        """Difference to the best score that rounding can make; none without diversity."""
        if floor == 0:
            return 0.0
        return max(self.rounding[0] * abs(score - value), floor) + 4e-16 * abs(value)

    def best(self, rows: Ids | None, scores: Floats, values: Floats, floor: float) -> int:
        """Position of the row with the best score, of tied ones that with the lowest id."""
        top = int(scores.argmax())
        if np.isnan(scores[top]):
            row = top if rows is None else rows[top]
            raise InputError(f"the diversity says that row {row} adds NaN; it must be a number")
        least = scores[top] - self.margin(scores[top], values[top], floor)
        tied = np.flatnonzero(scores >= least)
        tied = tied if rows is None else rows[tied]
        return int(tied[np.argmin(self.ids[tied])])


def rounding_of(dtype: DTypeLike) -> tuple[float, float]:
    """What counts as equal gains, for gains computed in that type."""
    size = np.dtype(dtype).itemsize
    if size not in _ROUNDING:
        raise InputError(f"gains must be float32 or float64, got {np.dtype(dtype)}")
    return _ROUNDING[size]


def as_values(values: ArrayLike, n: int, what: str = "values") -> Floats:
    """Check values: one finite number a row."""
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (n,):
        raise InputError(f"{what} has shape {array.shape}, but X has {n} rows; give one a row")
    if not np.isfinite(array).all():
        row = int(np.flatnonzero(~np.isfinite(array))[0])
        raise InputError(f"{what} holds {array[row]} at row {row}; leave such rows out")
    return array


def _plain(task: Task, gamma: float, floor: float) -> Iterator[int]:
    """Look at all rows left, or at a random share of them, at every step."""
    values, scores = task.values, np.empty(len(task.values))
    left, chosen = np.arange(len(values)), np.empty(0, dtype=np.int64)
    while True:
        if task.recalculate and len(chosen) and len(chosen) % task.every == 0:
            values = task.recalculate(chosen)
        if task.optimiser == "stochastic":
            rows = _drawn(task, left, len(chosen))
            some = values[rows]
            row = task.best(rows, some + gamma * task.measure.gains(rows), some, floor)
            left = left[left != row]
        else:
            np.multiply(task.measure.gains(), gamma, out=scores)
            scores += values
            scores[chosen] = -np.inf
            row = task.best(None, scores, values, floor)
        yield row
        chosen = np.append(chosen, row)


def _drawn(task: Task, left: Ids, step: int) -> Ids:
    """Some of the rows left, drawn by id."""
    if task.share >= len(left):
        return left
    draws = uniform(task.seed, task.ids[left], f"stochastic greedy, step {step}")
    return left[np.argpartition(draws, task.share)[: task.share]]


def _lazy(task: Task, gamma: float, floor: float) -> Iterator[int]:
    """Look again only at rows whose last known gain could still be the largest."""
    values, last = task.values, len(task.values) - 1
    bounds = values + gamma * task.measure.gains()
    while True:
        batch, looked, found = _FIRST_BATCH, [], []
        least = -np.inf
        while (limit := bounds.max()) >= least and limit > -np.inf:
            rows = np.argpartition(-bounds, min(batch, last))[: batch + 1]
            rows = rows[bounds[rows] > -np.inf]
            scores = values[rows] + gamma * task.measure.gains(rows)
            bounds[rows] = -np.inf
            looked.append(rows)
            found.append(scores)
            top = int(scores.argmax())
            margin = task.margin(scores[top], values[rows[top]], floor)
            least = max(least, scores[top] - margin)
            batch *= 2
        rows, scores = np.concatenate(looked), np.concatenate(found)
        row = task.best(rows, scores, values[rows], floor)
        bounds[rows] = scores
        bounds[row] = -np.inf
        yield row
