"""Sums over random orders, and the file that holds them between two runs."""

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from scipy.stats import rankdata

from streamlearn.arrays import Floats
from streamlearn.errors import InputError


@dataclass(frozen=True, eq=False)
class Tally:
    """Mean and spread of marginal effects over the orders seen so far.

    Attributes
    ----------
    count : int
        Orders.
    mean, squares : ndarray of shape (n,)
        Mean, and the sum of squared distances from it.
    halves : ndarray of shape (2, n)
        Sums over the even and over the odd orders.
    history : ndarray of shape (blocks, 3)
        After each block: orders, split-half rank correlation, median standard error.
    """

    count: int
    mean: Floats
    squares: Floats
    halves: Floats
    history: Floats

    @classmethod
    def empty(cls, n: int) -> "Tally":
        """No orders yet."""
        return cls(0, np.zeros(n), np.zeros(n), np.zeros((2, n)), np.empty((0, 3)))

    def plus(self, marginals: Floats) -> "Tally":
        """Take a block of orders in (Chan, Golub and LeVeque's update).

        Parameters
        ----------
        marginals : ndarray of shape (b, n)
            Effects of each row in each order.

        Returns
        -------
        Tally
            Of all orders.
        """
        b = len(marginals)
        count = self.count + b
        mean = marginals.mean(axis=0)
        apart = mean - self.mean
        squares = self.squares + ((marginals - mean) ** 2).sum(axis=0)
        squares += apart**2 * self.count * b / count
        first = self.count % 2
        pair = np.array([marginals[first::2].sum(axis=0), marginals[1 - first :: 2].sum(axis=0)])
        new = Tally(count, self.mean + apart * b / count, squares, self.halves + pair, self.history)
        row = [count, new.agreement(), float(np.median(new.standard_error()))]
        return Tally(new.count, new.mean, squares, new.halves, np.vstack([self.history, row]))

    def standard_error(self) -> Floats:
        """Of the means, (n,); infinite for a single order."""
        if self.count < 2:
            return np.full(len(self.mean), np.inf)
        return np.sqrt(self.squares / (self.count - 1) / self.count)

    def agreement(self) -> float:
        """Rank correlation between the values of even and of odd orders; 0 if one is constant."""
        a, b = self.halves
        if np.ptp(a) == 0 or np.ptp(b) == 0:
            return 0.0
        return float(np.corrcoef(rankdata(a), rankdata(b))[0, 1])


def fingerprint(parts: dict[str, Any]) -> str:
    """One line that differs when any of the parts does.

    Parameters
    ----------
    parts : dict
        Arrays, numbers and objects that can be pickled.

    Returns
    -------
    str
        Names and hashes.
    """
    try:
        return " ".join(f"{name}={joblib.hash(part)}" for name, part in parts.items())
    except Exception as error:
        raise InputError(
            f"a state file needs parts that can be pickled, to tell runs apart: {error}; define "
            "functions of an objective at the top of a module, or give state=None"
        ) from error


def save(path: Path, tally: Tally, mark: str) -> None:
    """Write a state so that the file is at any time the old one or the new one, whole.

    Parameters
    ----------
    path : Path
        The file.
    tally : Tally
        The state.
    mark : str
        Fingerprint of the run.
    """
    beside = path.with_name(path.name + ".new")
    with beside.open("wb") as file:
        np.savez(file, mark=mark, **vars(tally))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def load(path: Path, n: int, mark: str) -> Tally:
    """Read a state; there is none yet where there is no file.

    Parameters
    ----------
    path : Path
        The file.
    n : int
        Rows.
    mark : str
        Fingerprint of the run that wants to go on.

    Returns
    -------
    Tally
        Where it stood.

    Raises
    ------
    InputError
        If the file belongs to another run, or is no state.
    """
    if not path.exists():
        if not path.parent.is_dir():
            raise InputError(f"state is {str(path)!r}, but there is no folder {str(path.parent)!r}")
        return Tally.empty(n)
    try:
        with np.load(path) as held:
            found = {name: held[name] for name in held.files}
            found_mark = str(found.pop("mark"))
            tally = Tally(**{**found, "count": int(found["count"])})
    except (ValueError, KeyError, TypeError, OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{str(path)!r} holds no state of Shapley values: {error}") from error
    theirs = dict(part.split("=", 1) for part in found_mark.split())
    ours = dict(part.split("=", 1) for part in mark.split())
    changed = sorted(name for name in ours if theirs.get(name) != ours[name])
    if changed:
        raise InputError(
            f"{str(path)!r} is of a run with other {', '.join(changed)}; give another file, or "
            "remove it to start anew"
        )
    return tally
