"""The grid of a comparison: every cell with the key of its configuration."""

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import product
from typing import Any

import pandas as pd

from streamlearn.benchmark.arms import Arm, arms
from streamlearn.benchmark.cell import Cell, Settings
from streamlearn.benchmark.division import Sizes
from streamlearn.benchmark.identity import digest
from streamlearn.benchmark.storage import FACTORS
from streamlearn.benchmark.tables import Table, tables

FORMAT = "1"
_PACKAGES = ("streamlearn", "numpy", "scipy", "scikit-learn", "pandas", "river", "joblib")
_OPTIONAL = {"modal": "modAL-python", "skactiveml": "scikit-activeml"}  # by module of an arm


@dataclass(frozen=True, eq=False)
class Grid:
    """Everything a comparison runs.

    Parameters
    ----------
    tables : list of Table
        The data sets.
    arms : mapping of factor to list of Arm
        The other factors.
    seeds : list of int
        The repetitions.
    sizes : Sizes
        How rows are divided.
    settings : Settings
        How every cell is run.
    """

    tables: list[Table]
    arms: Mapping[str, list[Arm]]
    seeds: list[int]
    sizes: Sizes
    settings: Settings

    @classmethod
    def of(
        cls, factors: Mapping[str, Any], seeds: list[int], sizes: Sizes, settings: Settings
    ) -> "Grid":
        """Return the grid of what a user gave for each of the factors."""
        named = {factor: arms(factor, factors[factor]) for factor in FACTORS if factor != "dataset"}
        return cls(tables(factors["dataset"]), named, seeds, sizes, settings)

    def cells(self) -> list[Cell]:
        """Return the cells in the order of the tables: data set first, seed last.

        Notes
        -----
        The key of a cell is a hash of its own configuration alone (names, descriptions and data,
        seed, sizes, settings, and the package's version up to the minor number), not of what else
        is in the grid: another strategy, data set or seed leaves it as it is.
        """
        common = digest(
            FORMAT,
            ".".join(version("streamlearn").split(".")[:2]),
            repr(sorted(asdict(self.sizes).items())),
            repr(sorted(self._run().items())),
        )
        order = ("learner", "noise", "trimmer", "strategy")
        cells = []
        combinations = product(*(self.arms[factor] for factor in order))
        for table, chosen in product(self.tables, list(combinations)):
            by_factor = dict(zip(order, chosen, strict=True))
            texts = [table.name, table.description]
            for arm in chosen:
                texts += [arm.factor, arm.name, arm.description]
            for seed in self.seeds:
                key = digest(common, *texts, str(seed))
                cells.append(Cell(key=key, dataset=table.name, seed=seed, **by_factor))
        return cells

    def meta(self) -> dict[str, Any]:
        """Return what the results say of how they were made: nothing of this machine's paths."""
        return {
            "format": FORMAT,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": {
                "python": platform.python_version(),
                **{name: version(name) for name in (*_PACKAGES, *self._optional())},
            },
            "configuration": {
                "datasets": {table.name: table.description for table in self.tables},
                **{
                    _PLURAL[factor]: {arm.name: arm.description for arm in levels}
                    for factor, levels in self.arms.items()
                },
                "seeds": self.seeds,
                **asdict(self.sizes),
                **self._run(),
            },
        }

    def _optional(self) -> list[str]:
        """Packages that some arm is taken from."""
        made_of = {arm.description.split("(")[0] for arms in self.arms.values() for arm in arms}
        modules = {name.split(".")[-2] for name in made_of if "." in name}
        return [package for module, package in _OPTIONAL.items() if module in modules]

    def _run(self) -> dict[str, Any]:
        """The settings as plain values; a metric goes by its name."""
        settings = self.settings
        return {
            "rounds": settings.rounds,
            "per_round": settings.per_round,
            "votes": settings.votes,
            "metrics": list(settings.metrics),
        }


_PLURAL = {
    "learner": "learners",
    "noise": "noise",
    "strategy": "strategies",
    "trimmer": "trimmers",
}


def table_of(cells: list[Cell]) -> pd.DataFrame:
    """Return the names of cells, one row each."""
    return pd.DataFrame([cell.place() for cell in cells], columns=["cell", *FACTORS, "seed"])
