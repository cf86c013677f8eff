"""Rows and values, checked, and what is to be maximised over them."""

from collections.abc import Callable
from math import fsum
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from streamlearn.arrays import Floats, Ids, Matrix, as_ids
from streamlearn.errors import InputError, nearest, whole
from streamlearn.influence.rows import as_matrix
from streamlearn.selection.diversity import Diversity, Measure
from streamlearn.selection.facility_location import Service
from streamlearn.selection.greedy import Choice, Task, as_values, rounding_of
from streamlearn.selection.space import Space
from streamlearn.selection.sum_redundancy import SumRedundancy
from streamlearn.selection.trade_off import kept_share, largest_sum

OPTIMISERS = ("auto", "greedy", "lazy", "stochastic")


class Table:
    """Rows and values, checked."""

    def __init__(
        self, values: ArrayLike, X: ArrayLike | Matrix, m: int, ids: ArrayLike | None, seed: int
    ) -> None:
        self.X = as_matrix(X, finite=True)
        n = self.X.shape[0]
        self.values = as_values(values, n)
        self.m, self.seed = whole(m, "m", least=1), seed
        if self.m > n:
            raise InputError(f"cannot choose m={m} of {n} rows; give m of at most {n}")
        self.ids = np.arange(n) if ids is None else as_ids(ids)
        if self.ids.shape != (n,):
            raise InputError(f"ids has shape {self.ids.shape}, but X has {n} rows")
        if len(np.unique(self.ids)) < n:
            raise InputError(f"ids must be unique, got {n - len(np.unique(self.ids))} repeated")
        self.scale = float(np.abs(self.values).max()) or 1.0
        self.top = largest_sum(self.values, self.m)

    def measure(self, diversity: Diversity | None, reuse: bool) -> Measure:
        """Diversity of these rows."""
        diversity = SumRedundancy() if diversity is None else diversity
        if not isinstance(diversity, Diversity):
            raise InputError(f"diversity must have a method measure, got {diversity!r}")
        return diversity.measure(self.X, self.ids, self.seed, reuse=reuse)

    def task(
        self,
        measure: Measure,
        optimiser: str,
        epsilon: float,
        recalculate: Callable[[Ids], ArrayLike] | None,
        every: int,
    ) -> Task:
        """What is to be maximised, and how."""
        if optimiser not in OPTIMISERS:
            raise nearest(optimiser, OPTIMISERS, "optimiser")
        if not 0 < epsilon < 1:
            raise InputError(f"epsilon must lie between 0 and 1, got {epsilon!r}")
        if optimiser == "auto":
            pays = isinstance(measure, Service) and recalculate is None
            optimiser = "lazy" if pays else "greedy"
        if optimiser == "lazy" and recalculate is not None:
            raise InputError(
                "lazy greedy needs values that stay as they are, but recalculate is given; use "
                "optimiser='greedy'"
            )
        if optimiser == "lazy" and not measure.submodular:
            raise InputError(
                f"lazy greedy needs a submodular diversity, and {type(measure).__name__} is not "
                "(for these rows); use optimiser='greedy'"
            )
        n = len(self.values)
        return Task(
            values=self.values / self.scale,
            ids=self.ids,
            measure=measure,
            m=self.m,
            optimiser=optimiser,
            rounding=rounding_of(getattr(measure, "dtype", self.X.dtype)),
            share=int(np.ceil(n / self.m * np.log(1.0 / epsilon))),
            seed=self.seed,
            recalculate=None if recalculate is None else self._recalculated(recalculate),
            every=whole(every, "every", least=1),
        )

    def _recalculated(self, recalculate: Callable[[Ids], ArrayLike]) -> Callable[[Ids], Floats]:
        """The user's function, asked with ids and answered in the scale of the first values."""

        def values(chosen: Ids) -> Floats:
            array = np.array(recalculate(self.ids[chosen]), dtype=np.float64)
            if array.shape == self.values.shape:
                array[chosen] = 0.0  # nobody reads them, so NaN is as good as any number
            return as_values(array, len(self.values), "what recalculate returned") / self.scale

        return values

    def curve(self, measure: Measure, gammas: list[float], choices: list[Choice]) -> pd.DataFrame:
        """One row for each gamma; equal choices are looked at once."""
        space = self.space(measure)
        seen: dict[int, dict[str, Any]] = {}
        for choice in choices:
            if id(choice) not in seen:
                influence = fsum(self.values[choice.rows])
                seen[id(choice)] = {
                    "influence": influence,
                    "share": kept_share(influence, self.top),
                    "diversity": choice.diversity,
                    "distance": space.mean_distance(choice.rows),
                    "ids": tuple(self.ids[choice.rows].tolist()),
                }
        return pd.DataFrame(
            [{"gamma": g} | seen[id(choice)] for g, choice in zip(gammas, choices, strict=True)]
        )

    def space(self, measure: Measure) -> Space:
        """Rows as the kernel sees them."""
        space = getattr(measure, "space", None)
        return space if isinstance(space, Space) else Space(self.X, centre=True, scale=True)
