"""What a reference, the noise model and Auto are worth under flipped labels.

    OMP_NUM_THREADS=1 STREAMLEARN_DATA=… python benchmarks/noise_model.py [--splits 16] [--jobs 2]

1,500 labels (70 % of the rows where there are fewer) with one third flipped, or none, and 100 or
300 clean reference rows that train as well; accuracy on the other rows, at most 6,000 rows in all.
Arms are compared in pairs, split by split. "plain" is logistic regression with a penalty of 1 on
everything; every other arm chooses penalty (1, 10, 50) and weight of a reference row (1, 5) by
4-fold log-loss on the reference. The noise model's own classifier is "noise model"; "rates known"
is told how often labels flip, so it is what modelling flips could reach at best; "weighted",
"relabelled" and "trimmed" rows are learned by the self-tuned learner, and so are Auto's.

Shares of the way to the oracle are ratios of means over the sets: from the tuned "keep all", and
from "plain". Standard errors are of the mean over sets, from the paired splits.
"""

import argparse
from collections import Counter
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from streamlearn.arrays import Floats, Labels
from streamlearn.data import Labelled
from streamlearn.datasets import load
from streamlearn.encoding import FrameEncoder
from streamlearn.influence import LinearClassifier
from streamlearn.learners import TunedLinear
from streamlearn.trimming import Auto, NoiseModel

SETS = ("digits_even_odd", "debrecen", "phishing", "adult", "bank", "compas")
LABELS, ROWS, MOST_VALUES = 1500, 6000, 50


def draw(name: str, split: int, reference: int, flips: float) -> tuple[Any, ...]:
    """Rows with given and true labels, reference and test of one split."""
    data, rng = load(name), np.random.default_rng(split)
    rows = rng.permutation(len(data.frame))[:ROWS]
    frame = data.frame.iloc[rows]
    frame = frame[[c for c in frame if frame[c].dtype.kind in "iuf" or
                   frame[c].nunique() <= MOST_VALUES]]  # fmt: skip
    y = (data.target.iloc[rows] == data.positive).to_numpy().astype(np.int64)
    X = FrameEncoder(missing="impute").fit(frame).transform(frame)
    X = X if isinstance(X, np.ndarray) else X.toarray()
    train = min(len(y) * 7 // 10, LABELS + reference)
    truth = y[reference:train]
    given = np.where(rng.random(len(truth)) < flips, 1 - truth, truth)
    known = X[:reference], y[:reference]
    return X[reference:train], given, truth, known, (X[train:], y[train:])


def one_split(name: str, split: int, reference: int, flips: float) -> tuple[dict[str, float], str]:
    """Accuracy of every arm in points, and what Auto chose."""
    X, given, truth, known, (X_test, y_test) = draw(name, split, reference, flips)
    ids = np.concatenate([np.arange(len(X)), -1 - np.arange(reference)])
    both = np.concatenate([X, known[0]])

    def points(model: Any) -> float:
        return 100 * float((model.predict(X_test) == y_test).mean())

    def tuned(y: Labels, weight: Floats) -> float:
        labels, counts = np.concatenate([y, known[1]]), np.append(weight, np.ones(reference))
        rows = Labelled(ids, both, labels, counts).take(counts > 0)
        learner = TunedLinear()
        learner.learn(rows, lambda: rows)
        return points(learner)

    all_rows = np.ones(len(X))
    plain = LinearClassifier().fit(both, np.concatenate([given, known[1]]))
    arms = {
        "plain": points(plain),
        "keep all": tuned(given, all_rows),
        "reference alone": tuned(given, 0 * all_rows),
        "oracle": tuned(truth, all_rows),
    }
    model = NoiseModel().fit(X, given, reference=known)
    arms["noise model"] = points(model)
    if flips:
        rates = [[1 - flips, flips], [flips, 1 - flips]]
        arms["rates known"] = points(NoiseModel(transition=rates).fit(X, given, reference=known))
    for action, arm in (("weight", "weighted"), ("relabel", "relabelled"), ("trim", "trimmed")):
        arms[arm] = tuned(*model.set_params(action=action).verdict(given)[:2])
    auto = Auto().choose(X, given, reference=known)
    arms["Auto"] = tuned(auto.y, auto.weight)
    return arms, auto.name


def report(found: list[tuple[str, dict[str, float], str]], reference: int, flips: float) -> None:
    """Print paired differences to keep all, set by set, and shares of the way."""
    by_set = {name: [arms for other, arms, _ in found if other == name] for name in SETS}
    print(f"\n{flips:.0%} flipped, {reference} reference rows: points over keep all")
    print(f"{'':16}" + "".join(f"{name[:9]:>10}" for name in SETS) +
          f"{'mean':>8}{'± se':>7}{'of way':>8}{'from plain':>12}")  # fmt: skip
    mean: dict[str, float] = {}
    lines = {}
    for arm in found[0][1]:
        gaps = np.array([[a[arm] - a["keep all"] for a in by_set[name]] for name in SETS])
        mean[arm] = float(gaps.mean())
        error = float(np.sqrt((gaps.var(axis=1, ddof=1) / gaps.shape[1]).sum()) / len(SETS))
        cells = "".join(f"{gap:+10.1f}" for gap in gaps.mean(axis=1))
        lines[arm] = f"{arm:16}{cells}{mean[arm]:+8.2f}{error:7.2f}"
    for arm, line in lines.items():
        for start, width in (("keep all", 8), ("plain", 12)):
            way = mean["oracle"] - mean[start]
            share = f"{(mean[arm] - mean[start]) / way:.0%}" if flips and way > 0 else "-"
            line += f"{share:>{width}}"
        print(line)
    print("Auto chose", dict(Counter(choice for *_, choice in found).most_common()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--splits", type=int, default=16)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    for flips in (1 / 3, 0.0):
        for reference in (100, 300):
            tasks = [(name, split) for split in range(options.splits) for name in SETS]
            results = Parallel(n_jobs=options.jobs)(
                delayed(one_split)(name, split, reference, flips) for name, split in tasks
            )
            found = [(name, *said) for (name, _), said in zip(tasks, results, strict=True)]
            report(found, reference, flips)
