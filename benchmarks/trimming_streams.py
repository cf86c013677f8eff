"""What each way to clean a noisy stream is worth, on real data and against every baseline.

    python benchmarks/trimming_streams.py --quick              # a look: three sets, three seeds
    python benchmarks/trimming_streams.py --paper              # the paper's own setting, Adult
    python benchmarks/trimming_streams.py --jobs 2             # main and side tables; resumes
    python benchmarks/trimming_streams.py --show               # print what is there

Streams of at most 1,500 rows in ten batches (Phishing about 550 to 850, digits about 1,050 to
1,250), of which no label is seen twice. The reference is clean unless said, trains first, and
judges; test rows are a quarter, at most 5,000. Every arm tunes the learner's penalty alike, by
the log-loss on two folds of the reference. A cell is one stream, all arms and learners on the
same rows: one file, written whole; a stop at any time leaves a table of equally many seeds.

Main table: averaged logistic SGD, 100 and 300 reference rows. Side tables, on Adult and digits at
one third symmetric flips: averaged hinge, plain SGD, River's logistic regression (one step a
batch), a reference as noisy as the stream, and a large one (3,000 rows of Adult, 600 of digits,
which has no more). Needs STREAMLEARN_DATA for Adult, Bank and Compas. Fewer than 20 seeds are a
look and no verdict.
"""

import argparse
import os
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn import config_context
from streams_arms import LOSS, Chosen, arms
from streams_learners import ALPHAS, KINDS, learner, loss, run
from streams_paper import paper
from streams_setting import NOISES, SETS, draw
from streams_tables import show

SIDE = ("adult", "digits_even_odd")
LARGE = {"adult": 3000, "digits_even_odd": 600}


class Cell(NamedTuple):
    """One stream."""

    data: str
    noise: str
    reference: int
    judges: str  # "clean" or "noisy"
    seed: int

    @property
    def kinds(self) -> tuple[str, ...]:
        """The learners to teach: all of them in the side tables."""
        large = self.reference == LARGE.get(self.data)
        side = self.data in SIDE and self.noise == "symmetric" and self.judges == "clean"
        return KINDS if side and not large else KINDS[:1]

    def file(self, folder: Path) -> Path:
        return folder / ("-".join(map(str, self)) + ".csv")


def measure(cell: Cell) -> pd.DataFrame:
    """All arms on one stream."""
    at = draw(cell.data, cell.noise, cell.reference, cell.seed, cell.judges == "noisy")
    X_test, y_test = at.test
    out = []
    for arm, trimmer in arms(at.wrong).items():
        losses = np.zeros((len(cell.kinds), len(ALPHAS)))
        for fold, reference in reversed(list(enumerate(at.references()))):  # the whole one first
            grid = [[learner(kind, a, cell.seed) for a in ALPHAS] for kind in cell.kinds]
            models = [model for row in grid for model in row]
            found = run(trimmer, at.stream, reference, models,
                        train=arm != "stream alone", each=arm == LOSS)  # fmt: skip
            if fold == len(at.folds):
                trained, trimmed = grid, found
                continue
            held = at.reference.take(at.folds[fold][1])
            losses += [[loss(model, kind, held) for model in row]
                       for kind, row in zip(cell.kinds, grid, strict=True)]  # fmt: skip
        caught = np.count_nonzero(trimmed & at.wrong)
        for kind, row, tuned in zip(cell.kinds, trained, losses, strict=True):
            right = [100 * float(np.mean(model.predict(X_test) == y_test)) for model in row]
            out.append({
                **cell._asdict(), "learner": kind, "arm": arm,
                "accuracy": right[int(np.argmin(tuned))],
                "plain": right[0],  # scikit-learn's default penalty, not tuned
                "trimmed": trimmed.mean(),
                "precision": caught / trimmed.sum() if trimmed.any() else np.nan,
                "recall": caught / at.wrong.sum() if at.wrong.any() else np.nan,
                "chosen": " ".join(n.replace(" ", "_") for n in trimmer.names.values())
                if isinstance(trimmer, Chosen) and trimmer.auto else "",
            })  # fmt: skip
    return pd.DataFrame(out)


def make(cell: Cell, folder: Path) -> None:
    """Measure a cell and write it, whole or not at all."""
    file = cell.file(folder)
    part = file.with_suffix(f".{os.getpid()}.part")
    with config_context(assume_finite=True, skip_parameter_validation=True):
        measure(cell).to_csv(part, index=False)
    part.replace(file)


def cells(seeds: int, sets: list[str], noises: list[str], sizes: list[int]) -> list[Cell]:
    """Seed by seed, the main table before the sides."""
    wanted = []
    for seed in range(seeds):
        main = product(noises, sizes, sets)
        wanted += [Cell(data, noise, size, "clean", seed) for noise, size, data in main]
        for data in SIDE:
            if data in sets and "symmetric" in noises:
                wanted += [Cell(data, "symmetric", size, "noisy", seed) for size in sizes]
                wanted += [Cell(data, "symmetric", LARGE[data], "clean", seed)]
    return wanted


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--quick", action="store_true", help="three seeds, three sets")
    options.add_argument("--paper", action="store_true")
    options.add_argument("--show", action="store_true", help="print what is there")
    options.add_argument("--seeds", type=int)
    options.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    options.add_argument("--noise", nargs="+", default=list(NOISES), choices=list(NOISES))
    options.add_argument("--reference", nargs="+", type=int, default=[100, 300])
    options.add_argument("--jobs", type=int, default=1)
    options.add_argument("--folder", type=Path, default=Path("out/streams"))
    o = options.parse_args()
    if o.paper:
        paper(o.seeds or 20)
        return
    if o.quick:
        o.sets, o.noise, o.reference = list(SETS[2:]), ["none", "symmetric"], [100]
    wanted = cells(o.seeds or (3 if o.quick else 20), o.sets, o.noise, o.reference)
    o.folder.mkdir(parents=True, exist_ok=True)
    if not o.show:
        todo = [cell for cell in wanted if not cell.file(o.folder).exists()]
        print(f"{len(todo)} of {len(wanted)} streams to run", flush=True)
        Parallel(n_jobs=o.jobs)(delayed(make)(cell, o.folder) for cell in todo)
    files = [file for cell in wanted if (file := cell.file(o.folder)).exists()]
    if not files:
        raise SystemExit(f"there are no results in {o.folder}; run without --show")
    show(pd.concat([pd.read_csv(file) for file in files], ignore_index=True))


if __name__ == "__main__":
    main()
