"""How fast trimming is, against the learning that it protects.

    python benchmarks/trim_speed.py

A batch of 1,000 x 50: ratios to SGD's own ``partial_fit`` of that batch. Adult (needs
STREAMLEARN_DATA): ratios to one certified fit of the surrogate. Medians of neighbouring
runs, processor time; set OMP_NUM_THREADS=1.
"""

import argparse
import os
import time
from collections.abc import Callable
from functools import partial

import numpy as np
from sklearn.linear_model import LogisticRegression, SGDClassifier

from streamlearn.data import Candidates, Labelled
from streamlearn.datasets import load
from streamlearn.influence import LinearClassifier, ValidationLoss
from streamlearn.learners import wrap
from streamlearn.protocols import View
from streamlearn.trimming import InfluenceTrim, trim


def timed(call: Callable[[], object]) -> float:
    start = time.process_time()  # one thread; the machine may be busy with other things
    call()
    return time.process_time() - start


def ratios(baseline: Callable[[], object], arms: dict[str, Callable[[], object]], n: int) -> None:
    baseline()
    for name, call in arms.items():
        call()
        found = [timed(call) / timed(baseline) for _ in range(n)]
        low, middle, high = np.quantile(found, (0.25, 0.5, 0.75))
        print(f"  {name:42s} {middle:6.2f}  [{low:.2f}, {high:.2f}]")


def batch(n: int) -> None:
    rng = np.random.default_rng(0)
    X, V = rng.normal(size=(1000, 50)), rng.normal(size=(300, 50))
    w = rng.normal(size=50)
    y, v = (X @ w > 0) ^ (rng.random(1000) < 1 / 3), V @ w > 0
    judge, model, sgd = ValidationLoss(V, v), LinearClassifier(), SGDClassifier(loss="log_loss")
    sgd.partial_fit(X, y, classes=[False, True])
    rows = Labelled(np.arange(1000), X, y, np.ones(1000))
    trusted = Labelled(-1 - np.arange(300), V, v, np.ones(300))
    none = rows.take(slice(0, 0))
    pool = Candidates(none.ids, none.X, none.weight > 0)
    view = View(pool, none.ids, trusted, wrap(sgd, seed=0), lambda: none)
    print("1,000 x 50, ratio to SGDClassifier.partial_fit; bars: full 4, quick 1.5")
    ratios(
        lambda: sgd.partial_fit(X, y),
        {
            "full: fit and scores": lambda: trim(
                LinearClassifier().fit(X, y), X, y, judge, verify=False
            ),
            "quick: one step and scores": lambda: trim(
                model, X, y, judge, verify=False, fit="one_step"
            ),
            "full, in the loop": lambda: InfluenceTrim(verify=False).judge(rows, view),
            "quick, in the loop": lambda: InfluenceTrim(verify=False, fit="one_step").judge(
                rows, view
            ),
            "verified 10 %": lambda: trim(model, X, y, reference=(V, v)),
            "verified 10 %, one step": lambda: trim(model, X, y, reference=(V, v), fit="one_step"),
        },
        n,
    )


def adult(n: int) -> None:
    data = load("adult", recipe="chhabra2024")
    (X, y), (V, v) = (data.part(p)[:2] for p in ("train", "validation"))
    wrong = np.random.default_rng(0).random(len(y)) < 0.35
    model = LinearClassifier(l2=2.2622)
    for what, labels in (("clean", y), ("35 % flipped", np.where(wrong, 1 - y, y))):
        print(f"Adult {X.shape[0]:,} x {X.shape[1]}, {what}, ratio to one certified fit; bar 10")
        arms: dict[str, Callable[[], object]] = {
            f"verified, {k:,} reference rows, {budget}": partial(
                trim, model, X, labels, reference=(V[:k], v[:k]), budget=budget
            )
            for k in (300, 7530)
            for budget in (0.1, "auto")
        }
        sklearn = LogisticRegression(C=1 / 2.2622, solver="newton-cholesky", tol=1e-8)
        arms["scikit-learn's newton-cholesky, tol 1e-8"] = partial(sklearn.fit, X, labels)
        ratios(partial(model.fit, X, labels), arms, n)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--repeats", type=int, default=41)
    o = options.parse_args()
    batch(o.repeats)
    if "STREAMLEARN_DATA" in os.environ:
        adult(max(3, o.repeats // 10))


if __name__ == "__main__":
    main()
