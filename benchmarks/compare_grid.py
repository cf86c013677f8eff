"""A grid of small campaigns beside a hand-written loop over the same fits, and over processes.

    python benchmarks/compare_grid.py [--cells 1000] [--repeats 3]

Each campaign: 1,000 rows × 20, 700 of them the pool, 20 initial labels, 10 rounds of 10 labels by
margin, LogisticRegression fitted anew each round and scored on 300 rows. The baseline is what one
would write for a paper: NumPy, scikit-learn and joblib, results in a list, nothing kept on disk.
Ours keeps every cell on disk as well. Both use processes that are up already. Ratios are of runs
one after the other in one process, medians of the repeats; below 1.3 and above 1.8 are the aims.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable

import numpy as np
from joblib import Parallel, delayed, parallel_config
from numpy.typing import NDArray
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from streamlearn.benchmark import compare

ROUNDS, PER_ROUND, INITIAL = 10, 10, 20
X, Y = make_classification(1000, 20, n_informative=10, random_state=0)


def campaign(X: NDArray[np.float64], y: NDArray[np.int64], seed: int) -> list[float]:
    """A campaign as one writes it by hand."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(y))
    test, pool = order[:300], order[300:]
    labelled = list(pool[:INITIAL])
    left = pool[INITIAL:]
    model = LogisticRegression().fit(X[labelled], y[labelled])
    scores = [float((model.predict(X[test]) == y[test]).mean())]
    for _ in range(ROUNDS):
        margin = np.abs(model.predict_proba(X[left])[:, 0] - 0.5)
        chosen = np.argsort(margin)[:PER_ROUND]
        labelled += left[chosen].tolist()
        left = np.delete(left, chosen)
        model = LogisticRegression().fit(X[labelled], y[labelled])
        scores.append(float((model.predict(X[test]) == y[test]).mean()))
    return scores


def by_hand(cells: int, n_jobs: int) -> None:
    """The baseline's grid."""
    with threadpool_limits(1), parallel_config("loky", n_jobs=n_jobs, inner_max_num_threads=1):
        scores = Parallel()(delayed(campaign)(X, Y, seed) for seed in range(cells))
    assert len(scores) == cells


def ours(cells: int, n_jobs: int) -> None:
    """The same grid, every cell on disk when it is done."""
    with tempfile.TemporaryDirectory() as folder:
        results = compare(
            "margin", {"toy": (X, Y)}, seeds=cells, rounds=ROUNDS, per_round=PER_ROUND,
            initial=INITIAL, test=300, folder=folder, n_jobs=n_jobs, progress=False,
        )  # fmt: skip
    assert (results.cells["status"] == "done").all()


def seconds(run: Callable[[int, int], None], cells: int, n_jobs: int) -> tuple[float, float]:
    """Time by the wall, and of this process's own."""
    wall, own = time.perf_counter(), time.process_time()
    run(cells, n_jobs)
    return time.perf_counter() - wall, time.process_time() - own


def say(what: str, ratios: list[float]) -> None:
    spread = f"{min(ratios):.2f} … {max(ratios):.2f}"
    print(f"{what:48} {statistics.median(ratios):5.2f}×   ({spread})", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    for warm in (by_hand, ours):
        warm(20, 2)
    rows: list[tuple[float, ...]] = []
    for _ in range(given.repeats):
        hand, two = (seconds(run, given.cells, 2)[0] for run in (by_hand, ours))
        (lone, lone_cpu), (one, one_cpu) = (seconds(run, given.cells, 1) for run in (by_hand, ours))
        rows.append((two / hand, one_cpu / lone_cpu, one / two, lone / hand))
    grid, alone, speedup, possible = (list(column) for column in zip(*rows, strict=True))
    say("compare / by hand, two processes", grid)
    say("compare / by hand, one process, its CPU time", alone)
    say("compare, one process / two processes", speedup)
    say("by hand, one process / two processes", possible)
