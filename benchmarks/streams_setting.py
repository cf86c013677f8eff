"""One noisy stream on real data: its rows, its labels as given, its reference and its test rows."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler

from streamlearn.arrays import Floats, Labels
from streamlearn.data import Labelled
from streamlearn.datasets import load
from streamlearn.simulators import ClassConditionalNoise, InstanceDependentNoise, SymmetricNoise

BATCHES, MOST, MOST_TEST, FOLDS = 10, 1500, 5000, 2
SETS = ("adult", "bank", "compas", "phishing", "digits_even_odd")
NOISES: dict[str, Callable[[], Any]] = {
    "none": lambda: SymmetricNoise(0.0),
    "symmetric": lambda: SymmetricNoise(1 / 3),
    "class-conditional": lambda: ClassConditionalNoise({0: 0.15, 1: 0.45}),
    "instance-dependent": lambda: InstanceDependentNoise(1 / 3),
}
COMPAS = ["age", "priors_count", "juv_fel_count", "juv_misd_count", "juv_other_count", "sex",
          "c_charge_degree", "race"]  # fmt: skip


@dataclass(frozen=True)
class Setting:
    """A stream in batches, what is wrong with it, and who judges.

    ``folds`` are (fit, held out) positions of the reference: the penalty of a learner is tuned by
    what it says of rows that neither it nor the trimmer has seen.
    """

    stream: list[Labelled]
    wrong: NDArray[np.bool_]
    reference: Labelled
    test: tuple[Floats, Labels]
    folds: list[tuple[NDArray[np.intp], NDArray[np.intp]]]

    def references(self) -> list[Labelled]:
        """The reference less each fold, then the whole of it."""
        return [*(self.reference.take(fit) for fit, _ in self.folds), self.reference]


@cache
def table(name: str) -> tuple[Floats, Labels]:
    """All rows of a set as numbers, and 0 or 1."""
    if name in ("adult", "bank"):
        parts = load(name, recipe="chhabra2024")
        pairs = [parts.part(p) for p in ("train", "test")]
        X, y = np.concatenate([p[0] for p in pairs]), np.concatenate([p[1] for p in pairs])
        return np.asarray(X, dtype=np.float64), np.asarray(y, dtype=np.int64)
    data = load(name)
    frame = data.frame[COMPAS] if name == "compas" else data.frame
    X = pd.get_dummies(frame).to_numpy(np.float64)
    return X, (data.target == data.positive).to_numpy(np.int64)


def draw(name: str, noise: str, size: int, seed: int, noisy_reference: bool = False) -> Setting:
    """Shuffle, cut and standardise a set, and let the labels of the stream go wrong."""
    X, y = table(name)
    order = np.random.default_rng(seed).permutation(len(y))
    tests = min(len(y) // 4, MOST_TEST)
    test, ref, rest = np.split(order, [tests, tests + size])
    rest = rest[:MOST]
    X = StandardScaler().fit(X[rest]).transform(X)
    ids = np.arange(len(rest))
    errs = NOISES[noise]().fit(y[rest], X[rest])
    given = errs.corrupt(y[rest], ids, seed=seed, X=X[rest])
    rows = Labelled(ids, X[rest], given, np.ones(len(rest)))
    known = y[ref]
    if noisy_reference:
        known = errs.corrupt(known, len(rest) + np.arange(size), seed=seed, X=X[ref])
    split = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    return Setting(
        [rows.take(part) for part in np.array_split(ids, BATCHES)],
        given != y[rest],
        Labelled(-1 - np.arange(size), X[ref], known, np.ones(size)),
        (X[test], y[test]),
        list(split.split(X[ref], known)),
    )
