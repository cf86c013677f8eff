"""What the loop costs beside the learning it organises; ratios within one process.

    OMP_NUM_THREADS=1 python benchmarks/loop_overhead.py

- a stream of 1,000 × 50 batches against bare ``partial_fit`` (bar: 1.2×) and against River's bare
  ``learn_many`` with the building of its frames (bar: 1.2×);
- loop and journal in a campaign with LogisticRegression on digits (bar: 5 % of the campaign's time)
  and, harder, on two classes and 30 features: what the same campaign takes with a learner and a
  strategy that cost nothing, as a share of what it takes with the real ones.
"""

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from river.linear_model import LogisticRegression as RiverRegression
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression, SGDClassifier

from streamlearn import Loop, Stream
from streamlearn.simulators import SimulatedAnnotator
from streamlearn.strategies import Margin

RNG = np.random.default_rng(0)
BATCHES = [(RNG.normal(size=(1000, 50)), RNG.integers(0, 2, 1000)) for _ in range(60)]
BINARY = RNG.normal(size=(1000, 30))
TABLES = {
    "digits": (load_digits(return_X_y=True)[0] / 16, load_digits(return_X_y=True)[1]),
    "two classes, 30 features": (
        BINARY,
        (BINARY @ RNG.normal(size=30) + RNG.logistic(size=1000) > 0).astype(int),
    ),
}
ROUNDS, SIZE = 40, 10


def timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def bare_partial_fit() -> None:
    model = SGDClassifier(loss="log_loss", random_state=0)
    for X, y in BATCHES:
        model.partial_fit(X, y, classes=[0, 1])


def bare_learn_many() -> None:
    model = RiverRegression()
    for X, y in BATCHES:
        model.learn_many(pd.DataFrame(X, columns=[f"x{i}" for i in range(50)]), pd.Series(y))


def looped(model: Any) -> None:
    loop = Loop(Stream(BATCHES), model, classes=[0, 1])
    for _ in loop.run():
        pass


class Free:
    """A learner and a strategy in one that cost nothing: what is left is the loop's own time."""

    def __init__(self, y: Any) -> None:
        self.y = y
        self.classes_ = np.unique(y)

    def learn(self, new: Any, kept: Any) -> None:
        kept()

    def predict(self, X: Any) -> Any:
        return self.y[: X.shape[0]]

    def predict_proba(self, X: Any) -> Any:
        raise NotImplementedError

    def select(self, view: Any, n: int, rng: Any) -> Any:
        return view.candidates.ids[np.flatnonzero(view.candidates.open)[:n]]


def campaign(X: Any, y: Any, free: bool, journal: Path | None) -> None:
    first = np.concatenate([np.flatnonzero(y == c)[:3] for c in np.unique(y)])
    loop = Loop(
        X,
        Free(y) if free else LogisticRegression(C=0.1),
        Free(y) if free else Margin(),
        per_round=SIZE,
        budget=ROUNDS * SIZE,
        initial=(first, y[first]),
        test=(X[500:], y[500:]),
        journal=journal,
    )
    for _ in loop.run(SimulatedAnnotator(y)):
        pass


def compare(name: str, ours: Callable[[], object], base: Callable[[], object], n: int = 9) -> None:
    """Median ratio of neighbouring runs, after a warm-up of each."""
    ours(), base()
    ratios = [timed(ours) / timed(base) for _ in range(n)]
    low, mid, high = np.quantile(ratios, [0.25, 0.5, 0.75])
    print(f"{name:55} {mid:5.2f}×  (quartiles {low:.2f} … {high:.2f})")


if __name__ == "__main__":
    sgd = SGDClassifier(loss="log_loss")
    compare("stream loop / bare partial_fit", lambda: looped(sgd), bare_partial_fit)
    compare("stream loop / bare learn_many", lambda: looped(RiverRegression()), bare_learn_many)
    for name, (X, y) in TABLES.items():
        for title, journaled in (("loop", False), ("loop and journal", True)):
            shares = []
            for _ in range(9):
                with tempfile.TemporaryDirectory() as folder:
                    a, b = (Path(folder) / f if journaled else None for f in "ab")
                    real = timed(partial(campaign, X, y, False, a))
                    shares.append(timed(partial(campaign, X, y, True, b)) / real)
            low, mid, high = 100 * np.quantile(shares, [0.25, 0.5, 0.75])
            print(f"{title}, {name:40} {mid:5.1f} %  (quartiles {low:.1f} … {high:.1f})")
