"""What a query costs on a pool of 100,000 × 50, against plain NumPy in the same process.

    OMP_NUM_THREADS=1 python benchmarks/query_speed.py

The baseline of a round is |Xw + b| over the pool, taken rows masked out, and argpartition. Printed
are medians of ratios of neighbouring runs: single times mean little on a shared machine.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, SGDClassifier

from streamlearn.arrays import Floats
from streamlearn.data import Candidates, Labelled
from streamlearn.learners import wrap
from streamlearn.protocols import QueryStrategy, View
from streamlearn.strategies import Diverse, Entropy, Margin, Random, Uncertainty


def timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def view_of(X: Floats, taken: int, estimator: object, classes: int) -> View:
    rng = np.random.default_rng(1)
    rows = rng.choice(len(X), 500, replace=False)
    y = np.argmax(X[rows, :classes] + rng.normal(size=(500, classes)), axis=1)
    labelled = Labelled(rows, X[rows], y, np.ones(500))
    learner = wrap(estimator, seed=0)
    learner.learn(labelled, lambda: labelled)
    opened = np.ones(len(X), dtype=bool)
    opened[rng.choice(len(X), taken, replace=False)] = False
    pool = Candidates(np.arange(len(X)), X, opened)
    return View(pool, np.empty(0, np.int64), None, learner, lambda: labelled)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=100_000)
    options.add_argument("--columns", type=int, default=50)
    options.add_argument("--per-round", type=int, default=100)
    options.add_argument("--repeats", type=int, default=41)
    o = options.parse_args()
    X = np.random.default_rng(0).normal(size=(o.rows, o.columns))
    print(f"ratio to |Xw+b| + argpartition, {o.rows} x {o.columns}, {o.per_round} a round,")
    print(f"median [quartiles] of {o.repeats} pairs; the bar for margin is 1.5")

    for taken in (o.rows // 100, o.rows * 2 // 5, o.rows * 9 // 10):
        binary = view_of(X, taken, LogisticRegression(max_iter=1000), 2)
        model = binary.learner.model_  # type: ignore[attr-defined]
        w, b = model.coef_[0], model.intercept_[0]
        closed = ~binary.candidates.open

        def baseline(w: Floats = w, b: float = b, closed: NDArray[np.bool_] = closed) -> object:
            distance = np.abs(X @ w + b)
            distance[closed] = np.inf
            return np.argpartition(distance, o.per_round)[: o.per_round]

        ten = view_of(X, taken, LogisticRegression(max_iter=1000), 10)
        hinge = view_of(X, taken, SGDClassifier(), 10)
        arms: list[tuple[str, QueryStrategy, View]] = [
            ("margin", Margin(), binary),
            ("entropy", Entropy(), binary),
            ("uncertainty", Uncertainty(), binary),
            ("random", Random(), binary),
            ("diverse margin", Diverse(Margin(), method="kcenter"), binary),
            ("margin, 10 classes", Margin(), ten),
            ("entropy, 10 classes", Entropy(), ten),
            ("margin, 10 classes, hinge", Margin(), hinge),
        ]
        print(f"\n{taken} of {o.rows} rows taken (baseline {1e3 * timed(baseline):.1f} ms)")
        for name, strategy, view in arms:
            rng = np.random.default_rng(0)

            def select(
                strategy: QueryStrategy = strategy,
                view: View = view,
                rng: np.random.Generator = rng,
            ) -> object:
                return strategy.select(view, o.per_round, rng)

            select(), baseline()
            ratios = [timed(select) / timed(baseline) for _ in range(o.repeats)]
            low, middle, high = np.quantile(ratios, (0.25, 0.5, 0.75))
            print(f"  {name:26s} {middle:6.2f}  [{low:.2f}, {high:.2f}]")


if __name__ == "__main__":
    main()
