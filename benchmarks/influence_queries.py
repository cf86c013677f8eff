"""What an influence query costs on a pool of 100,000 × 50, against margin's in the same process.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/influence_queries.py

A round is one ``select`` with nothing remembered: surrogate fitted (or taken from the learner),
reference folded, direction solved, pool passed over. Printed are medians of ratios of
neighbouring runs: single times mean little on a shared machine.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from streamlearn.arrays import Matrix
from streamlearn.data import Candidates, Labelled
from streamlearn.influence import LinearClassifier
from streamlearn.learners import wrap
from streamlearn.protocols import QueryStrategy, View
from streamlearn.strategies import (
    ISAL,
    ExpectedInfluence,
    InfluenceTreeSampling,
    Margin,
    VarianceReduction,
)

ARMS: list[tuple[str, QueryStrategy, str]] = [
    ("ISAL", ISAL(), "3"),
    ("ISAL, reference only judges", ISAL(folds=None), "3"),
    ("expected influence", ExpectedInfluence(), "3"),
    ("influence tree", InfluenceTreeSampling(), "10"),
    ("influence tree, label averaged", InfluenceTreeSampling(label="expected"), "10"),
    ("influence tree, static", InfluenceTreeSampling(refit=False), "10"),
    ("variance reduction", VarianceReduction(), "none"),
]


def timed(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def view_of(X: Matrix, labelled: int, taken: int, estimator: object, classes: int) -> View:
    rng = np.random.default_rng(1)
    rows = rng.choice(X.shape[0], labelled + 200, replace=False)
    part = X[rows].toarray() if sparse.issparse(X) else X[rows]
    y = np.argmax(part[:, :classes] + rng.normal(size=(len(rows), classes)), axis=1)
    seen, known = slice(labelled), slice(labelled, None)
    labels = Labelled(rows[seen], X[rows[seen]], y[seen], np.ones(labelled))
    reference = Labelled(-1 - np.arange(200), X[rows[known]], y[known], np.ones(200))
    both = Labelled(rows, X[np.roll(rows, 200)], np.roll(y, 200), np.ones(len(rows)))
    learner = wrap(estimator, seed=0)
    learner.learn(both, lambda: both)
    opened = np.ones(X.shape[0], dtype=bool)
    opened[rng.choice(X.shape[0], taken, replace=False)] = False
    pool = Candidates(np.arange(X.shape[0]), X, opened)
    return View(pool, np.empty(0, np.int64), reference, learner, lambda: labels)


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--rows", type=int, default=100_000)
    options.add_argument("--columns", type=int, default=50)
    options.add_argument("--labelled", type=int, default=300, help="beside 200 reference rows")
    options.add_argument("--per-round", type=int, default=100)
    options.add_argument("--repeats", type=int, default=21)
    o = options.parse_args()
    X = np.random.default_rng(0).normal(size=(o.rows, o.columns))
    csr = sparse.random_array((o.rows, o.columns), density=0.1, format="csr", rng=0)
    taken = o.rows // 100
    worlds = {
        "linear learner": view_of(X, o.labelled, taken, LinearClassifier(), 2),
        "any learner": view_of(X, o.labelled, taken, LogisticRegression(max_iter=1000), 2),
        "linear, 90 % taken": view_of(X, o.labelled, o.rows * 9 // 10, LinearClassifier(), 2),
        "linear, 5 classes": view_of(X, o.labelled, taken, LinearClassifier(), 5),
        "linear, CSR": view_of(sparse.csr_matrix(csr), o.labelled, taken, LinearClassifier(), 2),
    }
    print(f"ratio to margin's round, {o.rows} x {o.columns}, {o.labelled} labelled rows and 200")
    print(f"reference rows, {o.per_round} a round; median [quartiles] of {o.repeats} pairs; the")
    print("bars are for two classes")
    for title, world in worlds.items():

        def select(strategy: QueryStrategy, world: View = world) -> object:
            world.memo.clear()
            return strategy.select(world, o.per_round, np.random.default_rng(0))

        margin = Margin()
        print(f"\n{title} (margin {1e3 * timed(lambda: select(margin)):.1f} ms)")  # noqa: B023
        for name, strategy, bar in ARMS:
            select(strategy), select(margin)
            ratios = [
                timed(lambda: select(strategy)) / timed(lambda: select(margin))  # noqa: B023
                for _ in range(o.repeats)
            ]
            low, middle, high = np.quantile(ratios, (0.25, 0.5, 0.75))
            print(f"  {name:32s} {middle:6.2f}  [{low:.2f}, {high:.2f}]  bar {bar}")


if __name__ == "__main__":
    main()
