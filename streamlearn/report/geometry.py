"""Where things lie in a drawing: scales, ticks and paths, in SVG's user units."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from matplotlib.ticker import MaxNLocator

from streamlearn.arrays import Floats

# Outlines of the markers, centred, about seven units wide; the order is that of arms.MARKERS.
OUTLINES = (
    "m-3,0a3,3 0 1,0 6,0a3,3 0 1,0 -6,0z",
    "m-2.7,-2.7h5.4v5.4h-5.4z",
    "m0,-3.6l3.5,6h-7z",
    "m0,-3.8l3.8,3.8l-3.8,3.8l-3.8,-3.8z",
    "m0,3.6l3.5,-6h-7z",
    "m0,-3.7l3.5,2.6l-1.3,4.1h-4.4l-1.3,-4.1z",
    "m-3.6,-2l1.6,-1.6l2,2l2,-2l1.6,1.6l-2,2l2,2l-1.6,1.6l-2,-2l-2,2l-1.6,-1.6l2,-2z",
    "m-3.6,0l6,-3.5v7z",
)


@dataclass(frozen=True)
class Scale:
    """A linear or logarithmic scale from values to user units.

    Parameters
    ----------
    low, high : float
        Values at the two ends.
    start, end : float
        Where the ends lie.
    log : bool
        Whether equal steps are equal ratios.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, values: float | Floats) -> Floats:
        """Return where values lie."""
        low, high, at = self.low, self.high, np.asarray(values, float)
        if self.log:
            low, high, at = math.log(low), math.log(high), np.log(at)
        share: Floats = (at - low) / ((high - low) or 1.0)
        return self.start + share * (self.end - self.start)

    def ticks(self, n: int) -> list[tuple[float, str]]:
        """Return about n round values inside, each as its place and its text."""
        if self.log:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            marks = [10.0**p for p in powers if self.low * 0.999 <= 10.0**p <= self.high * 1.001]
            return [(float(self(mark)), f"{mark:g}") for mark in marks]
        # A factor guards against spans that differ in the last bit from a round one.
        slack = (self.high - self.low) * 1e-9
        locator = MaxNLocator(nbins=n, steps=[1, 2, 2.5, 5, 10])
        values = np.asarray(locator.tick_values(self.low, self.high))
        values = values[(values >= self.low - slack) & (values <= self.high + slack)]
        step = values[1] - values[0] if len(values) > 1 else 1.0
        decimals = max(0, -math.floor(math.log10(step) + 1e-9))
        if decimals and not math.isclose(round(step, decimals), step):
            decimals += 1
        texts = (f"{value:.{decimals}f}".replace("-", "−") for value in values)
        return list(zip(self(values).tolist(), texts, strict=True))


def around(low: float, high: float, share: float = 0.04) -> tuple[float, float]:
    """Return a range with some air at both ends, and never an empty one."""
    air = (high - low) * share or abs(high) * share or 0.5
    return low - air, high + air


def line(x: Floats, y: Floats) -> str:
    """Return the path of a line, broken where a value is missing."""
    path, pen = [], "M"
    for a, b in zip(x.tolist(), y.tolist(), strict=True):
        if math.isnan(b):
            pen = "M"
        else:
            path.append(f"{pen}{number(a)} {number(b)}")
            pen = "L"
    return "".join(path)


def band(x: Floats, low: Floats, high: Floats) -> str:
    """Return the path of the area between two lines, where both are known."""
    known = ~(np.isnan(low) | np.isnan(high))
    if known.sum() < 2:
        return ""
    x, low, high = x[known], low[known], high[known]
    return line(np.r_[x, x[::-1]], np.r_[high, low[::-1]]) + "z"


def markers(x: Floats, y: Floats, marker: int) -> str:
    """Return one path with a marker at every point."""
    points = zip(x.tolist(), y.tolist(), strict=True)
    return "".join(
        f"M{number(a)} {number(b)}{OUTLINES[marker]}" for a, b in points if not math.isnan(b)
    )


def number(value: float) -> str:
    """Return a coordinate to a tenth of a unit, as short as it gets."""
    return f"{round(value, 1):g}"


def numbers(values: Iterable[float]) -> str:
    """Return values to four digits, for a script to read."""
    return " ".join(f"{value:.4g}" for value in values)
