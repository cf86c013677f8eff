"""A strategy of one's own: uncertain rows that are far from every row labelled so far."""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import pairwise_distances_argmin_min

from streamlearn import Loop, View
from streamlearn.arrays import Floats
from streamlearn.checks import check_strategy
from streamlearn.simulators import SimulatedAnnotator
from streamlearn.strategies import Margin, Random, UtilityStrategy


class Isolated(UtilityStrategy):
    """Ask the uncertain rows that are far from every row labelled so far.

    Parameters
    ----------
    weight : float
        What a unit of distance counts beside the margin.
    """

    def __init__(self, weight: float = 0.1) -> None:
        self.weight = weight

    def utilities(self, view: View) -> Floats:
        """Return margin utility plus weighted distance to the nearest labelled row."""
        utility = Margin().utilities(view)
        if len(view.seen) == 0:
            return utility
        _, distance = pairwise_distances_argmin_min(view.candidates.X, view.seen.X)
        return utility + self.weight * np.asarray(distance)


check_strategy(Isolated())  # the laws every strategy keeps; a broken one is named

X, y = load_digits(return_X_y=True)
X = X / 16
for strategy in (Random(), Margin(), Isolated()):
    areas = []
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(y))
        pool, test = order[:800], order[800:]
        loop = Loop(
            X[pool],
            LogisticRegression(),
            strategy,
            per_round=20,
            budget=120,
            seed=seed,
            test=(X[test], y[test]),
        )
        for _ in loop.run(SimulatedAnnotator(y[pool])):
            pass
        areas.append(loop.to_frame()["accuracy"].mean())
    error = np.std(areas, ddof=1) / 5**0.5
    print(f"{strategy!s:24} {np.mean(areas):.3f} ± {error:.3f}  (5 seeds: exploratory, no verdict)")
