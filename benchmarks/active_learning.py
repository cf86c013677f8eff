"""Active learning on real data: does an influence strategy repay the reference rows it needs?

    STREAMLEARN_DATA=... python benchmarks/active_learning.py --splits 40 --folder results

Every split: 40 % test rows (at most 5,000), 100 trusted reference rows, a pool of at most 5,000,
20 initial labels, 15 rounds of 10, logistic regression (l2 = 1), mean test accuracy over the
rounds, in points. Every arm of a split starts from the same rows and meets the same annotator,
who flips 0 or 20 % of all labels he gives, initial ones included; reference rows are clean.

Arms marked "-" do not train on the reference rows (an influence strategy then uses them to judge
only, as published); all others train on them as well. The baseline is margin *with* the reference
in training, since a strategy that needs trusted rows consumes labels margin could train on.

One CSV a (data set, noise, split) makes a run resumable: those that exist are not made again.
"""

import argparse
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.exceptions import ConvergenceWarning

from streamlearn import Loop
from streamlearn.data import Floats, Labelled, Labels
from streamlearn.datasets import load
from streamlearn.encoding import FrameEncoder
from streamlearn.influence import LinearClassifier
from streamlearn.learners import Refit
from streamlearn.protocols import QueryStrategy
from streamlearn.simulators import SimulatedAnnotator
from streamlearn.strategies import (
    ISAL,
    ExpectedInfluence,
    InfluenceTreeSampling,
    Margin,
    Random,
    VarianceReduction,
)

DATASETS = ("debrecen", "breast_cancer", "digits_even_odd", "german", "phishing", "compas", "adult")
NOISE = (0.0, 0.2)
INITIAL, ROUNDS, PER_ROUND, REFERENCE, LARGEST = 20, 15, 10, 100, 5000
BASELINE = "margin"


@dataclass(frozen=True)
class Arm:
    """A strategy, whether it is shown the reference, and whether the learner trains on it."""

    strategy: QueryStrategy
    shown: bool = True
    trains: bool = True


ARMS = {
    "random": Arm(Random()),
    BASELINE: Arm(Margin()),
    "ISAL": Arm(ISAL()),
    "expected influence": Arm(ExpectedInfluence()),
    "variance reduction": Arm(VarianceReduction()),
    "tree": Arm(InfluenceTreeSampling()),
    "tree, label averaged": Arm(InfluenceTreeSampling(label="expected")),
    "tree, static": Arm(InfluenceTreeSampling(refit=False, initial=INITIAL)),
    "random -": Arm(Random(), shown=False),
    "margin -": Arm(Margin(), shown=False),
    "ISAL -": Arm(ISAL(folds=None), trains=False),
    "expected influence -": Arm(ExpectedInfluence(folds=None), trains=False),
    "variance reduction -": Arm(VarianceReduction(), shown=False),
    "tree -": Arm(InfluenceTreeSampling(folds=None), trains=False),
    "tree, label averaged -": Arm(
        InfluenceTreeSampling(label="expected", folds=None), trains=False
    ),
    "tree, static -": Arm(
        InfluenceTreeSampling(refit=False, folds=None, initial=INITIAL), trains=False
    ),
}


class WithoutReference(Refit):
    """A refitted estimator that leaves the reference rows, whose ids are negative, out."""

    def learn(self, new: Labelled, kept: Callable[[], Labelled]) -> None:
        def answered() -> Labelled:
            rows = kept()
            return rows.take(rows.ids >= 0)

        super().learn(new, answered)

    def decision_function(self, X: Any) -> Floats:
        if self.model_ is None:
            return np.zeros(X.shape[0])
        values: Floats = self.model_.decision_function(X)
        return values


@dataclass(frozen=True)
class Split:
    """The parts of one data set, standardised on the pool, with what the annotator says."""

    pool: Floats
    truth: Labels
    first: Labels
    reference: tuple[Floats, Labels]
    test: tuple[Floats, Labels]


def split_of(name: str, seed: int) -> Split:
    """Shuffle, cut, and encode with what the pool alone tells."""
    data = load(name)
    rng = np.random.default_rng([seed, 1])
    order, y = rng.permutation(len(data.frame)), np.unique(data.target, return_inverse=True)[1]
    tests = min(LARGEST, int(0.4 * len(order)))
    test, known, pool = np.split(order, [tests, tests + REFERENCE])
    pool = pool[:LARGEST]
    encoder = FrameEncoder().fit(data.frame.iloc[pool])

    def encoded(rows: Labels) -> Floats:
        X = encoder.transform(data.frame.iloc[rows])
        dense: Floats = X.toarray() if hasattr(X, "toarray") else X
        return dense

    # Five of each class at least: no arm begins blind.
    both = np.concatenate([np.flatnonzero(y[pool] == c)[:5] for c in (0, 1)])
    rest = np.setdiff1d(np.arange(len(pool)), both)
    first = np.concatenate([both, rng.choice(rest, INITIAL - len(both), replace=False)])
    return Split(
        encoded(pool), y[pool], first, (encoded(known), y[known]), (encoded(test), y[test])
    )


def area(split: Split, arm: Arm, noise: float, seed: int) -> float:
    """Mean test accuracy over the initial model and all rounds, in points."""
    annotator = SimulatedAnnotator(split.truth, noise=noise, seed=seed)
    said = np.where(annotator.flipped(split.first), 1 - split.truth[split.first],
                    split.truth[split.first])  # fmt: skip
    loop = Loop(
        split.pool,
        LinearClassifier() if arm.trains else WithoutReference(LinearClassifier()),
        arm.strategy,
        per_round=PER_ROUND,
        budget=ROUNDS * PER_ROUND,
        seed=seed,
        initial=(split.first, said),
        reference=split.reference if arm.shown else None,
        test=split.test,
        classes=[0, 1],
    )
    for _ in loop.run(annotator):
        pass
    return 100 * float(loop.to_frame()["accuracy"].mean())


def make(name: str, noise: float, seed: int, file: Path) -> None:
    """Run all arms of one split and write them, whole or not at all."""
    if file.exists():
        return
    warnings.simplefilter("error", ConvergenceWarning)
    split = split_of(name, seed)
    rows = [
        {"dataset": name, "noise": noise, "split": seed, "arm": label, "area": f"{value:.6f}"}
        for label, arm in ARMS.items()
        for value in [area(split, arm, noise, seed)]
    ]
    part = file.with_suffix(f".{os.getpid()}.part")
    pd.DataFrame(rows).to_csv(part, index=False)
    part.replace(file)


def paired(values: pd.DataFrame) -> pd.DataFrame:
    """Mean difference to the baseline and its standard error, one row an arm."""
    gain = values.sub(values[BASELINE], axis=0)
    return pd.DataFrame({"mean": gain.mean(), "error": gain.std(ddof=1) / len(gain) ** 0.5})


def report(results: pd.DataFrame) -> None:
    """Print the paired differences of every data set, their mean, and how to read it."""
    for noise in NOISE:
        part = results[results["noise"] == noise]
        tables: dict[str, pd.DataFrame] = {}
        levels, splits = [], []
        for name, of_set in part.groupby("dataset", sort=False):
            values = of_set.pivot(index="split", columns="arm", values="area")
            tables[str(name)] = paired(values)
            levels.append(float(values[BASELINE].mean()))
            splits.append(len(values))
        least = min(splits)
        print(f"\n{noise:.0%} flipped; area against margin with the reference in training, points")
        print(
            f"({least} splits a set, paired mean ± standard error; '-': reference not trained on)"
        )
        print(f"{'':24s}" + "".join(f"{name:>17s}" for name in tables) + f"{'mean of sets':>17s}")
        print(f"{'(margin itself, level)':24s}" + "".join(f"{v:11.2f}      " for v in levels))
        verdicts = []
        for label in ARMS:
            cells = np.array([t.loc[label, ["mean", "error"]] for t in tables.values()], float)
            mean = float(cells[:, 0].mean())
            error = float(np.sqrt((cells[:, 1] ** 2).sum()) / len(cells))
            shown = [*cells.tolist(), [mean, error]]
            print(f"{label:24s}" + "".join(f"{m:+10.2f} ±{e:5.2f}" for m, e in shown))
            if label != BASELINE and mean > 2 * error:
                verdicts.append(label)
        better = ", ".join(verdicts) or "no arm"
        print(f"reading: {better} beats the baseline by more than two standard errors on the mean")
        if least < 20:
            print(f"         of these sets; {least} splits are exploratory, and no verdict")


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--datasets", nargs="+", default=DATASETS)
    options.add_argument("--splits", type=int, default=40)
    options.add_argument("--folder", type=Path, default=Path("active-learning"))
    options.add_argument("--jobs", type=int, default=2)
    options.add_argument("--report-only", action="store_true", help="print what is there")
    o = options.parse_args()
    o.folder.mkdir(parents=True, exist_ok=True)
    wanted = {
        (name, noise, seed): o.folder / f"{name}-{noise:.0%}-{seed}.csv"
        for seed in range(o.splits)
        for name in o.datasets
        for noise in NOISE
    }
    if not o.report_only:
        Parallel(n_jobs=o.jobs)(delayed(make)(*key, file) for key, file in wanted.items())
    files = [file for file in wanted.values() if file.exists()]
    if not files:
        raise SystemExit(f"there are no results in {o.folder}; run without --report-only")
    report(pd.concat([pd.read_csv(file) for file in files], ignore_index=True))


if __name__ == "__main__":
    main()
