"""What the loop costs beside the learning it organises; ratios within one process.

    OMP_NUM_THREADS=1 python benchmarks/loop_overhead.py

- a stream of 1,000 × 50 batches against bare ``partial_fit`` (bar: 1.2×) and against River's bare
  ``learn_many`` with the building of its frames (bar: 1.2×);
- loop and journal in a campaign with LogisticRegression (bar: 5 % of the campaign's time), against
  the hand-written loop that fits, predicts and scores the same.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from river.linear_model import LogisticRegression as RiverRegression
from sklearn.linear_model import LogisticRegression, SGDClassifier

from streamlearn import Loop, Stream
from streamlearn.simulators import SimulatedAnnotator
from streamlearn.strategies import Margin

RNG = np.random.default_rng(0)
BATCHES = [(RNG.normal(size=(1000, 50)), RNG.integers(0, 2, 1000)) for _ in range(60)]
POOL = RNG.normal(size=(2000, 30))
TRUTH = (POOL @ RNG.normal(size=30) + RNG.logistic(size=2000) > 0).astype(int)
FIRST = np.r_[np.flatnonzero(TRUTH)[:10], np.flatnonzero(TRUTH == 0)[:10]]
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


def campaign_by_hand() -> None:
    labelled = FIRST
    for k in range(ROUNDS + 1):
        model = LogisticRegression(C=0.1).fit(POOL[labelled], TRUTH[labelled])
        model.score(POOL, TRUTH)
        if k < ROUNDS:
            margin = np.abs(model.decision_function(POOL))
            margin[labelled] = np.inf
            labelled = np.concatenate([labelled, np.argpartition(margin, SIZE)[:SIZE]])


def campaign(journal: Path | None) -> None:
    loop = Loop(
        POOL,
        LogisticRegression(C=0.1),
        Margin(),
        per_round=SIZE,
        budget=ROUNDS * SIZE,
        initial=(FIRST, TRUTH[FIRST]),
        test=(POOL, TRUTH),
        journal=journal,
    )
    for _ in loop.run(SimulatedAnnotator(TRUTH)):
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
    compare("campaign / by hand", lambda: campaign(None), campaign_by_hand)
    with tempfile.TemporaryDirectory() as folder:
        names = (Path(folder) / f"{k}.db" for k in range(10**6))
        compare("campaign with journal / by hand", lambda: campaign(next(names)), campaign_by_hand)
        fresh = (Path(folder) / f"j{k}.db" for k in range(10**6))
        compare(
            "campaign with journal / without",
            lambda: campaign(next(fresh)),
            lambda: campaign(None),
        )
