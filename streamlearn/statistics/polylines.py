"""Many curves at once as straight lines from point to point: heights, areas, crossings."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from streamlearn.arrays import Floats
from streamlearn.errors import InputError


@dataclass(frozen=True, slots=True, eq=False)
class Polylines:
    """All curves end to end, sorted by curve and label count; ``start`` and ``end`` index them."""

    table: pd.DataFrame
    owner: NDArray[np.intp]
    x: Floats
    y: Floats
    start: NDArray[np.intp]
    end: NDArray[np.intp]

    @classmethod
    def of(cls, curves: pd.DataFrame, keys: list[str]) -> "Polylines":
        """Sort the points of a table; ``keys`` are the columns that tell curves apart."""
        owner = curves.groupby(keys, sort=True, observed=True).ngroup().to_numpy()
        x = curves["labels"].to_numpy(np.float64)
        y = curves["value"].to_numpy(np.float64)
        order = np.lexsort((y, x, owner))
        owner, x, y = owner[order], x[order], y[order]
        again = np.r_[False, (owner[1:] == owner[:-1]) & (x[1:] == x[:-1])]
        clash = np.flatnonzero(again & (y != np.roll(y, 1)))
        if len(clash):
            row = curves.iloc[order[clash[0]]]
            raise InputError(
                f"the curve {say(row, keys)} has two values at {row['labels']} labels,"
                f" {y[clash[0] - 1]!r} and {row['value']!r}: give each point once"
            )
        owner, x, y, order = (part[~again] for part in (owner, x, y, order))
        start = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]])
        end = np.r_[start[1:], len(owner)] - 1
        table = curves[keys].iloc[order[start]].reset_index(drop=True)
        return cls(table, owner, x, y, start, end)

    @property
    def points(self) -> NDArray[np.intp]:
        """How many points each curve has."""
        return self.end - self.start + 1

    @property
    def first(self) -> Floats:
        """Where each curve begins."""
        return self.x[self.start]

    @property
    def last(self) -> Floats:
        """Where each curve ends."""
        return self.x[self.end]

    @property
    def finite(self) -> NDArray[np.bool_]:
        """Which curves hold no NaN and no infinity."""
        return np.logical_and.reduceat(np.isfinite(self.y), self.start)

    def at(self, where: Floats) -> Floats:
        """The value of each curve at one label count of its own."""
        before = np.bincount(self.owner, self.x <= where[self.owner], len(self.start))
        left = self.start + before.astype(np.intp) - 1
        right = np.minimum(left + 1, self.end)
        gap = self.x[right] - self.x[left]
        share = (where - self.x[left]) / np.where(gap > 0, gap, 1.0)
        # A point met exactly keeps its value to the last bit, whatever its neighbour is.
        return np.where(
            share > 0, self.y[left] + share * (self.y[right] - self.y[left]), self.y[left]
        )

    def mean(self, low: Floats, high: Floats) -> Floats:
        """The mean height of each curve between two label counts of its own."""
        inner = np.flatnonzero(self.owner[1:] == self.owner[:-1])
        owner, x, y = self.owner[inner], self.x[inner], self.y[inner]
        slope = (self.y[inner + 1] - y) / (self.x[inner + 1] - x)
        left = np.clip(x, low[owner], high[owner])
        right = np.clip(self.x[inner + 1], low[owner], high[owner])
        height = y + slope * ((left + right) / 2 - x)
        area = np.bincount(owner, (right - left) * height, len(self.start))
        width = high - low
        return np.where(width > 0, area / np.where(width > 0, width, 1.0), self.at(low))

    def reach(self, target: Floats, up: NDArray[np.bool_]) -> Floats:
        """The label count at which each curve first is as good as its target; else infinity."""
        sign = np.where(up, 1.0, -1.0)[self.owner]
        good = np.flatnonzero(sign * (self.y - target[self.owner]) >= 0)
        owner, first = np.unique(self.owner[good], return_index=True)
        here = good[first]
        before = np.maximum(here - 1, self.start[owner])
        rise = self.y[here] - self.y[before]
        share = np.where(before < here, (target[owner] - self.y[before]) / _nonzero(rise), 0.0)
        labels = np.full(len(self.start), np.inf)
        labels[owner] = self.x[before] + share * (self.x[here] - self.x[before])
        return labels


def _nonzero(values: Floats) -> Floats:
    return np.where(values == 0, 1.0, values)


def say(row: "pd.Series[Any]", keys: list[str]) -> str:
    """Which curve a row of a table stands for."""
    return "(" + ", ".join(f"{key} {row[key]}" for key in keys) + ")"
