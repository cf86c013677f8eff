"""Active learning on real data: what do strategy, learner and trimmer gain, and which of them?

    STREAMLEARN_DATA=... python benchmarks/active_learning.py --splits 40
    STREAMLEARN_DATA=... python benchmarks/active_learning.py --show

Every split: 40 % test rows (at most 5,000), 100 trusted reference rows, a pool of at most 5,000,
20 initial labels, 15 rounds of 10 (for the bar at 25 % flips 10 rounds of 20 as well, which its
prototype had), mean test accuracy over the rounds, in points. Every arm of a split starts from the
same rows and meets the same annotator, who flips 0, 20 or 25 % of all labels he gives, initial
ones included; reference rows are clean.

Arms marked "-" do not train on the reference rows (an influence strategy then uses them to judge
only, as published); all others train on them as well. The baseline is margin *with* the reference
in training and a fixed penalty (l2 = 1), since a strategy that needs trusted rows consumes labels
margin could train on. "tuned" arms learn with ``TunedLinear``, whose penalty and weight of the
reference are cross-validated on the reference, "Auto" ones have ``Auto()`` for a trimmer. With two
classes entropy, least confidence and margin are one ordering: margin stands for all three.

One CSV a (data set, noise, split, family of arms) makes a run resumable, and a stop at any time
leaves equally many splits of every set: they are made split by split.
"""

import argparse
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from active_learning_arms import ARMS, BASELINE, FAMILIES, INITIAL, Arm, learner
from joblib import Parallel, delayed
from sklearn.exceptions import ConvergenceWarning
from streams_setting import COMPAS
from streams_tables import one_sided

from streamlearn import Loop
from streamlearn.arrays import Floats, Labels
from streamlearn.datasets import load
from streamlearn.encoding import FrameEncoder
from streamlearn.simulators import SimulatedAnnotator
from streamlearn.trimming import Auto

DATASETS = ("debrecen", "breast_cancer", "digits_even_odd", "german", "phishing", "compas", "adult")
REFERENCE, LARGEST = 100, 5000
SHORT, LONG = (15, 10), (10, 20)  # rounds, labels a round
BAR = 0.25
NOISE: dict[float, tuple[str, ...]] = {BAR: ("bar", "auto"), 0.2: tuple(FAMILIES),
                                       0.0: tuple(FAMILIES)}  # fmt: skip


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
    frame = data.frame[COMPAS] if name == "compas" else data.frame
    rng = np.random.default_rng([seed, 1])
    order, y = rng.permutation(len(frame)), np.unique(data.target, return_inverse=True)[1]
    tests = min(LARGEST, int(0.4 * len(order)))
    test, known, pool = np.split(order, [tests, tests + REFERENCE])
    pool = pool[:LARGEST]
    encoder = FrameEncoder().fit(frame.iloc[pool])

    def encoded(rows: Labels) -> Floats:
        X = encoder.transform(frame.iloc[rows])
        dense: Floats = X.toarray() if hasattr(X, "toarray") else X
        return dense

    # Five of each class at least: no arm begins blind.
    both = np.concatenate([np.flatnonzero(y[pool] == c)[:5] for c in (0, 1)])
    rest = np.setdiff1d(np.arange(len(pool)), both)
    first = np.concatenate([both, rng.choice(rest, INITIAL - len(both), replace=False)])
    return Split(
        encoded(pool), y[pool], first, (encoded(known), y[known]), (encoded(test), y[test])
    )


def area(split: Split, arm: Arm, noise: float, seed: int, rounds: tuple[int, int]) -> float:
    """Mean test accuracy over the initial model and all rounds, in points."""
    annotator = SimulatedAnnotator(split.truth, noise=noise, seed=seed)
    said = np.where(annotator.flipped(split.first), 1 - split.truth[split.first],
                    split.truth[split.first])  # fmt: skip
    loop = Loop(
        split.pool,
        learner(arm),
        arm.strategy,
        Auto() if arm.auto else None,
        per_round=rounds[1],
        budget=rounds[0] * rounds[1],
        seed=seed,
        initial=(split.first, said),
        reference=split.reference if arm.shown else None,
        test=split.test,
        classes=[0, 1],
    )
    for _ in loop.run(annotator):
        pass
    return 100 * float(loop.to_frame()["accuracy"].mean())


class Cell(NamedTuple):
    """One split under one noise, and the arms to run on it."""

    dataset: str
    noise: float
    split: int
    family: str
    rounds: tuple[int, int] = SHORT

    def file(self, folder: Path) -> Path:
        name = f"{self.dataset}-{self.noise:.0%}-{self.split}-{self.family}"
        return folder / f"{name}{'' if self.rounds == SHORT else '-long'}.csv"


def make(cell: Cell, folder: Path) -> None:
    """Run all arms of one cell and write them, whole or not at all."""
    warnings.simplefilter("error", ConvergenceWarning)
    split = split_of(cell.dataset, cell.split)
    arms = FAMILIES[cell.family]
    if cell.noise == BAR and cell.family == "bar":
        arms = {BASELINE: ARMS[BASELINE], "random": ARMS["random"]} | arms
    rows = [
        {"dataset": cell.dataset, "noise": cell.noise, "split": cell.split, "arm": label,
         "area": f"{area(split, arm, cell.noise, cell.split, cell.rounds):.6f}"}
        for label, arm in arms.items()
    ]  # fmt: skip
    file = cell.file(folder)
    part = file.with_suffix(f".{os.getpid()}.part")
    pd.DataFrame(rows).to_csv(part, index=False)
    part.replace(file)


def show(results: pd.DataFrame) -> None:
    """Print the paired differences of every data set, their mean, and how to read it."""
    for (noise, rounds), part in results.groupby(["noise", "rounds"], sort=False):
        values = {
            str(name): of_set.pivot(index="split", columns="arm", values="area")
            for name, of_set in part.groupby("dataset", sort=False)
            if BASELINE in set(of_set["arm"])  # measured with the family "fixed"
        }
        gains = {name: wide.sub(wide[BASELINE], axis=0) for name, wide in values.items()}
        if not gains:
            continue
        print(f"\n{noise:.0%} flipped, rounds {rounds}: area in points, against margin with the")
        print("reference in training and a penalty of 1")
        print("(paired mean ± standard error over splits; '-': reference not trained on)")
        print(f"{'':28s}" + "".join(f"{name:>16s}" for name in gains) + f"{'mean of sets':>17s}"
              "  splits")  # fmt: skip
        level = "".join(f"{wide[BASELINE].mean():10.2f}      " for wide in values.values())
        print(f"{'(margin itself, level)':28s}{level}")
        better = []
        for label in ARMS:
            columns = [g[label].dropna() for g in gains.values() if label in g]
            if len(columns) < len(gains) or not min(map(len, columns)):
                continue
            cells = [one_sided(c)[:2] for c in columns]
            mean = float(np.mean([m for m, _ in cells]))
            error = float(np.sqrt(sum(e**2 for _, e in cells)) / len(cells))
            shown = "".join(f"{m:+9.2f} ±{e:5.2f}" for m, e in [*cells, (mean, error)])
            print(f"{label:28s}{shown}{min(map(len, columns)):8d}")
            if label != BASELINE and mean > 2 * error:
                better.append(label)
        print(f"reading: {', '.join(better) or 'no arm'}: ahead of the baseline by more than two")
        print("         standard errors on the mean of these sets; under 20 splits no verdict")
        bar = f"tuned {BASELINE} + Auto"
        if noise == BAR and all(bar in g for g in gains.values()):
            whole = pd.concat([g[bar] for g in gains.values()], axis=1).dropna().mean(axis=1)
            mean, error, bound = one_sided(whole)
            print(f"bar: {bar} over {BASELINE} on the mean of the sets {mean:+.2f} ± {error:.2f}, "
                  f"one-sided 95 % bound {bound:+.2f}; asked: +1.5")  # fmt: skip


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--datasets", nargs="+", default=DATASETS)
    options.add_argument("--families", nargs="+", default=list(FAMILIES), choices=list(FAMILIES))
    options.add_argument("--splits", type=int, default=40)
    options.add_argument("--folder", type=Path, default=Path("out/active-learning"))
    options.add_argument("--jobs", type=int, default=1)
    options.add_argument("--show", action="store_true", help="print what is there")
    o = options.parse_args()
    o.folder.mkdir(parents=True, exist_ok=True)
    wanted = [
        Cell(name, noise, split, family, rounds)
        for last in (False, True)  # what is dear and matters least comes after all splits
        for split in range(o.splits)
        for family in o.families
        if (family == "more auto") == last
        for noise, families in NOISE.items()
        for rounds in ((SHORT, LONG) if noise == BAR and family == "bar" else (SHORT,))
        for name in o.datasets
        if family in families
    ]
    if not o.show:
        todo = [cell for cell in wanted if not cell.file(o.folder).exists()]
        print(f"{len(todo)} of {len(wanted)} cells to run", flush=True)
        Parallel(n_jobs=o.jobs)(delayed(make)(cell, o.folder) for cell in todo)
    files = [file for cell in wanted if (file := cell.file(o.folder)).exists()]
    if not files:
        raise SystemExit(f"there are no results in {o.folder}; run without --show")
    tables = [
        pd.read_csv(file).assign(rounds="{} x {}".format(*cell.rounds))
        for cell in wanted
        if (file := cell.file(o.folder)) in files
    ]
    show(pd.concat(tables, ignore_index=True))


if __name__ == "__main__":
    main()
