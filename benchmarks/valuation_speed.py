"""Shapley values a permutation and KNN-Shapley, beside scikit-learn refits and pyDVL.

A permutation of n rows is n refits and n evaluations of the log-loss on 200 rows. Ours scans 64
permutations at a time; the baselines are LogisticRegression fitted anew to every prefix (defaults,
predict_proba, log-loss in NumPy), and pyDVL's Shapley values of the same model and permutations
drawn by its own sampler. KNN-Shapley values 10,000 rows by 1,000, exactly, on both sides.

pyDVL pins an old numpy and lives in an environment of its own; its half is a child process that
takes turns with ours (without --python its rows are left out). Processor time, one thread each,
medians of interleaved turns.

    python -m venv ENV && ENV/bin/pip install "pydvl==0.10.0" "numpy<2"
    python benchmarks/valuation_speed.py --python ENV/bin/python
"""

import argparse
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

SIZES = (100, 300, 1000)
COLUMNS, JUDGES, K = 10, 200, 5


def data(n: int, d: int, judges: int) -> tuple[Any, ...]:
    """The same rows in every process: logistic labels of Gaussian rows."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n + judges, d))
    y = (X @ rng.normal(size=d) + rng.logistic(size=n + judges) > 0).astype(np.int64)
    return X[:n], y[:n], X[n:], y[n:]


def timed(run: Callable[[], Any]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def theirs() -> None:
    """Serve pyDVL: a line "shapley N" or "knn" in, seconds out."""
    warnings.simplefilter("ignore")
    from pydvl.valuation import (  # type: ignore[import-not-found]
        Dataset,
        KNNShapleyValuation,
        MinUpdates,
        ModelUtility,
        PermutationSampler,
        ShapleyValuation,
        SupervisedScorer,
    )
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier

    def shapley(n: int) -> float:
        X, y, V, w = data(n, COLUMNS, JUDGES)
        train, test = Dataset(X, y), Dataset(V, w)
        scorer = SupervisedScorer("neg_log_loss", test, default=-np.log(2))
        utility = ModelUtility(LogisticRegression(), scorer, show_warnings=False)
        valuation = ShapleyValuation(utility, PermutationSampler(seed=0), MinUpdates(1))
        return timed(lambda: valuation.fit(train))

    def knn() -> float:
        X, y, V, w = data(10_000, 50, 1_000)
        model = KNeighborsClassifier(n_neighbors=K).fit(X, y)
        valuation = KNNShapleyValuation(model, Dataset(V, w), progress=False)
        return timed(lambda: valuation.fit(Dataset(X, y)))

    for line in sys.stdin:
        what, *size = line.split()
        print("seconds", shapley(int(size[0])) if what == "shapley" else knn(), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--python", help="interpreter of an environment with pyDVL")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        theirs()
        return

    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    from streamlearn.influence import LinearClassifier, ValidationLoss
    from streamlearn.valuation import values

    child: Any = None
    if options.python:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        child = subprocess.Popen(
            [options.python, __file__, "--child"],
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def ask(line: str) -> float:
        """Let the child have its turn."""
        if child is None:
            return np.nan
        child.stdin.write(line + "\n")
        child.stdin.flush()
        answers = iter(child.stdout.readline, "")
        return next(float(text.split()[1]) for text in answers if text.startswith("seconds"))

    def refits(n: int) -> None:
        X, y, V, w = data(n, COLUMNS, JUDGES)
        order = np.random.default_rng(0).permutation(n)
        for t in range(1, n + 1):
            rows = order[:t]
            if len(np.unique(y[rows])) == 2:
                proba = LogisticRegression().fit(X[rows], y[rows]).predict_proba(V)
                -np.log(proba[np.arange(len(w)), w]).mean()

    def ours(n: int) -> float:
        X, y, V, w = data(n, COLUMNS, JUDGES)
        f, model = ValidationLoss(V, w), LinearClassifier()
        return timed(lambda: values(model, X, y, f, "shapley", permutations=64)) / 64

    def knn() -> float:
        X, y, V, w = data(10_000, 50, 1_000)
        f = ValidationLoss(V, w)
        return timed(lambda: values(None, X, y, f, "knn_shapley", k=K))

    with threadpool_limits(1):
        ours(50)
        refits(50)
        print(f"processor time, one thread, {COLUMNS} columns, {JUDGES} judging rows; medians")
        print(f"   {'':<26}{'ours':>12}{'scikit-learn':>20}{'pyDVL':>20}")
        for n in SIZES:
            turns = [
                (ours(n), timed(partial(refits, n)), ask(f"shapley {n}"))
                for _ in range(options.turns)
            ]
            report(f"a permutation of {n:,}", np.array(turns))
        turns = [(knn(), np.nan, ask("knn")) for _ in range(options.turns)]
        report("KNN-Shapley 10,000 x 1,000", np.array(turns))
    if child is not None:
        child.stdin.close()
        child.wait()
    else:
        print("   pyDVL left out: --python names no environment with it")


def report(label: str, turns: Any) -> None:
    """Print medians, and the median of each turn's ratio to ours."""
    own = float(np.median(turns[:, 0]))
    cells = []
    for other in turns[:, 1:].T:
        ratio = np.median(other / turns[:, 0])
        cells.append(f"{np.median(other) * 1e3:>11.1f} ms {ratio:>4.0f} x" if ratio > 0 else "")
    print(f"   {label:<26}{own * 1e3:>9.2f} ms" + "".join(f"{cell:>20}" for cell in cells))


if __name__ == "__main__":
    main()
