"""A campaign of 10 rounds of 10 labels on 2,000 × 20: our loop and warm Newton learner, and modAL.

    OMP_NUM_THREADS=1 python benchmarks/campaign_peers.py

Needs streamlearn[modal]. Both ask by margin, start from the same ten labels, pay the same penalty
and, in half of the comparisons, score a learning curve on 1,000 other rows. modAL's learner is its
``ActiveLearner`` around scikit-learn's ``LogisticRegression``, used as its manual shows: query,
teach, delete from the pool. Its ``teach`` names a keyword that scikit-learn has renamed
(``force_all_finite``); the new name is patched in and nothing else is. Our arms: the learner as it
is, which stops at a gradient of 1e-8 a row; the same with scikit-learn's own tolerance of 1e-4; and
``LogisticRegression`` in our loop, which shows what is the learner's and what the loop's doing.

Times are of the process; printed are medians and quartiles of ratios of neighbouring runs.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np
from modAL.models import ActiveLearner, learners
from modAL.uncertainty import margin_sampling
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.utils import check_X_y

from streamlearn import Loop
from streamlearn.influence import LinearClassifier
from streamlearn.simulators import SimulatedAnnotator
from streamlearn.strategies import Margin

ROUNDS, SIZE = 10, 10
Curve = tuple[list[list[int]], list[float]]


def table(rows: int, columns: int) -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows + 1000, columns))
    y = (X @ rng.normal(size=columns) + rng.logistic(size=len(X)) > 0).astype(int)
    first = np.concatenate([np.flatnonzero(y[:rows] == c)[:5] for c in (0, 1)])
    return X[:rows], y[:rows], X[rows:], y[rows:], first


def ours(data: tuple[Any, ...], scored: bool, learner: Any) -> Curve:
    X, y, X_test, y_test, first = data
    loop = Loop(
        X,
        learner,
        Margin(),
        per_round=SIZE,
        budget=ROUNDS * SIZE,
        initial=(first, y[first]),
        test=(X_test, y_test) if scored else None,
    )
    asked = [sorted(r.query.ids.tolist()) for r in loop.run(SimulatedAnnotator(y)) if r.query]
    return asked, [r.scores["accuracy"] for r in loop.history if r.scores]


def renamed(X: Any, y: Any, force_all_finite: Any = True, **options: Any) -> Any:
    """What modAL calls, under the keyword's new name."""
    return check_X_y(X, y, ensure_all_finite=force_all_finite, **options)


def modals(data: tuple[Any, ...], scored: bool, estimator: Any) -> Curve:
    X, y, X_test, y_test, first = data
    ids = np.setdiff1d(np.arange(len(y)), first)
    pool, labels, asked, curve = X[ids], y[ids], [], []
    learner = ActiveLearner(clone(estimator), margin_sampling, X[first], y[first])
    if scored:
        curve.append(float(learner.score(X_test, y_test)))
    for _ in range(ROUNDS):
        at, rows = learner.query(pool, n_instances=SIZE)
        learner.teach(rows, labels[at])
        asked.append(sorted(ids[at].tolist()))
        pool, labels, ids = (np.delete(part, at, axis=0) for part in (pool, labels, ids))
        if scored:
            curve.append(float(learner.score(X_test, y_test)))
    return asked, curve


def timed(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def compare(name: str, base: Callable[[], object], call: Callable[[], object], n: int) -> None:
    call(), base()
    pairs = np.array([(timed(base), timed(call)) for _ in range(n)])
    low, middle, high = np.quantile(pairs[:, 0] / pairs[:, 1], (0.25, 0.5, 0.75))
    fastest = 1e3 * pairs.min(axis=0)
    print(
        f"  {name:22s} {middle:5.1f}x [{low:.1f}, {high:.1f}]   "
        f"fastest of each: {fastest[0]:.1f} / {fastest[1]:.1f} ms"
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rows", type=int, default=2000)
    options.add_argument("--columns", type=int, default=20)
    options.add_argument("--repeats", type=int, default=41)
    o = options.parse_args()
    data = table(o.rows, o.columns)
    plain = LogisticRegression()
    arms = {
        "warm Newton": LinearClassifier(l2=1.0, warm_start=True),
        "warm Newton, tol=1e-4": LinearClassifier(l2=1.0, warm_start=True, tol=1e-4),
        "LogisticRegression": plain,
    }
    with patch.object(learners, "check_X_y", renamed):
        asked, curve = ours(data, True, arms["warm Newton"])
        for tol in (plain.tol, 1e-10):
            peer = LogisticRegression(tol=tol, max_iter=1000)
            theirs, their_curve = modals(data, True, peer)
            same = sum(len(set(a) & set(b)) for a, b in zip(asked, theirs, strict=True))
            print(
                f"LogisticRegression(tol={tol}) in modAL asks {same} of our {ROUNDS * SIZE} rows, "
                f"accuracy at the end {their_curve[-1]:.3f}; ours {curve[-1]:.3f}"
            )
        print(f"modAL's time / ours, median [quartiles] of {o.repeats} pairs; the bar is 10x")
        for scored in (False, True):
            print("with a learning curve" if scored else "without a learning curve")
            base = partial(modals, data, scored, plain)
            for name, learner in arms.items():
                compare(name, base, partial(ours, data, scored, learner), o.repeats)


if __name__ == "__main__":
    main()
