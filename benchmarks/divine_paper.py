"""The experiments of Bhatt et al. (2021) that choose rows: the paper's figures beside ours.

Splits are drawn anew for every seed; figures are means and standard errors over seeds, and those
of fewer than 20 seeds get no verdict. IF is influence alone. DIVINE is influence with
sum-redundancy unless another diversity is named; "tenth" takes the largest gamma that keeps 90 %
of the influence, "distance" that of the largest mean pairwise distance (the paper's own default).
Needs STREAMLEARN_DATA for all but the synthetic set.

    python benchmarks/divine_paper.py [--only clusters,compas,lsat,mnist] [--seeds 20]
                                      [--image-seeds 20] [--pictures FOLDER] [--folder out/divine]

A seed of mnist takes a minute or two; each is kept in the folder, and a run stopped goes on there.
"""

import argparse
import json
import os
import warnings
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from streamlearn.datasets import load
from streamlearn.influence import (
    EmbeddedClassifier,
    EqualAccuracy,
    LinearClassifier,
    ValidationLoss,
    influence,
)
from streamlearn.selection import (
    MMD,
    RBF,
    Diversity,
    FacilityLocation,
    SumRedundancy,
    coverage_curve,
    plot_coverage,
    plot_images,
    plot_projection,
    plot_trade_off,
    rows_to_cover,
    select_diverse,
)
from streamlearn.simulators.toys import bhatt2021_toy

FEW = 100  # images to train on
TABLES = ("synthetic", "law_school", "compas", "adult", "bank")
Parts = dict[str, tuple[Any, Any, Any]]


class Results:
    """Numbers by name, one a seed."""

    def __init__(self) -> None:
        self.numbers: dict[str, list[float]] = defaultdict(list)

    def add(self, name: str, number: float) -> None:
        self.numbers[name].append(number)

    def show(self, paper: Mapping[str, str], digits: int = 2) -> None:
        for name, numbers in self.numbers.items():
            error = np.std(numbers, ddof=1) / np.sqrt(len(numbers)) if len(numbers) > 1 else np.nan
            said = paper.get(name, "-")
            print(
                f"   {name:<56}paper {said:>7}   ours {np.mean(numbers):>8.{digits}f} "
                f"± {error:.{digits}f}",
                flush=True,
            )


def draw(name: str, seed: int) -> Parts:
    """Features, labels and group of the training, validation and test rows."""
    parts = ("train", "validation", "test")
    if name == "synthetic":
        toy = bhatt2021_toy(seed)
        return {p: (toy.part(p).X, toy.part(p).y, toy.part(p).sensitive) for p in parts}
    table = load(name, recipe="bhatt2021", seed=seed)
    return {p: table.part(p) for p in parts}


def harm(parts: Parts) -> tuple[LinearClassifier, Any]:
    """Model, and how far every training row makes it unfair on the training rows."""
    X, y, group = parts["train"]
    model = LinearClassifier().fit(X, y)
    return model, -influence(model, X, y, EqualAccuracy(X, y, group))


def clusters(seeds: int, pictures: Path | None, folder: Path, k: int = 10, most: int = 300) -> None:
    """Figure 6: how many rows it takes to meet every cluster of the table."""
    for name in TABLES:
        results, curves = Results(), defaultdict(list)
        missed: dict[str, int] = defaultdict(int)
        for seed in range(seeds):
            parts = draw(name, seed)
            X, y, _ = parts["train"]
            if name == "synthetic":
                model = LinearClassifier().fit(X, y)
                worth = influence(model, X, y, ValidationLoss(*parts["validation"][:2]))
            else:
                worth = harm(parts)[1]
            group = KMeans(k, n_init=1, random_state=seed).fit_predict(X)
            order = np.random.default_rng(seed).permutation(len(X))[:most]
            orders = {"IF": np.argsort(-worth, kind="stable")[:most], "random": order}
            for rule, gamma in (("tenth", "influence"), ("distance", "distance")):
                weight = select_diverse(worth, X, k, gamma=gamma).gamma
                orders[f"DIVINE, {rule}"] = select_diverse(worth, X, most, gamma=weight).ids
            for arm, ids in orders.items():
                needed = rows_to_cover(ids, group)
                missed[arm] += needed is None
                results.add(arm, most if needed is None else needed)
                curves[arm].append(coverage_curve(ids, group))
        what = "validation loss" if name == "synthetic" else "unfairness, harmful rows"
        print(f"\nRows needed to meet {k} clusters, {name} ({what}); {most} where not met by then")
        results.show({"IF": "more", "DIVINE, distance": "fewer"}, 1)
        print("   not met:", ", ".join(f"{arm} {count}/{seeds}" for arm, count in missed.items()))
        if pictures:
            ax = plot_coverage({a: np.array(c) for a, c in curves.items()}, k)
            ax.set_title(name, loc="left")
            ax.figure.savefig(pictures / f"coverage_{name}.png", dpi=110)


def compas(seeds: int, pictures: Path | None, folder: Path) -> None:
    """Figure 7a: a tenth of the training rows removed, 5 % at a time."""
    results = Results()
    for seed in range(seeds):
        parts = draw("compas", seed)
        X, y, _ = parts["train"]
        model, worth = harm(parts)
        m = round(0.05 * len(y))
        unlike = select_diverse(worth, X, m, gamma="influence").gamma
        order = np.random.default_rng(seed).permutation(len(y))
        arms: dict[str, Any] = {
            "IF": np.argsort(-worth, kind="stable")[: 2 * m],
            "DIVINE, tenth": select_diverse(worth, X, 2 * m, gamma=unlike).ids,
            "diversity alone": select_diverse(np.zeros(len(y)), X, 2 * m, gamma=1.0).ids,
            "random": order[: 2 * m],
        }
        for where in ("train", "test"):
            V, w, g = parts[where]
            unfair = EqualAccuracy(V, w, g)
            before, right = unfair.metric(model), float(np.mean(model.predict(V) == w))
            results.add(f"before: unfairness, {where}", before)
            results.add(f"before: accuracy, {where}", right)
            for arm, rows in arms.items():
                kept = np.delete(np.arange(len(y)), rows)
                less = LinearClassifier().fit(X[kept], y[kept])
                for kind, was, now in (
                    ("unfairness", before, unfair.metric(less)),
                    ("soft unfairness", unfair.value(model), unfair.value(less)),
                ):
                    results.add(f"{arm}: {kind} %, {where}", 100 * (now / was - 1))
                gained = 100 * (float(np.mean(less.predict(V) == w)) - right)
                results.add(f"{arm}: accuracy, points, {where}", gained)
    print("\nCOMPAS, 10 % of the training rows removed")
    results.show({"IF: unfairness %, train": "-70", "IF: accuracy, points, train": "-2"}, 2)


def lsat(seeds: int, pictures: Path | None, folder: Path) -> None:
    """Section 5.3: who is among the first 5 % that cause unfairness."""
    results = Results()
    for seed in range(seeds):
        parts = draw("law_school", seed)
        X, y, female = parts["train"]
        model, worth = harm(parts)
        right, m = model.predict(X) == y, round(0.05 * len(y))
        arms: dict[str, Any] = {"all rows": slice(None)}
        rules: dict[str, float | str] = {
            "IF": 0.0,
            "DIVINE, tenth": "influence",
            "DIVINE, distance": "distance",
        }
        for arm, gamma in rules.items():
            arms[arm] = select_diverse(worth, X, m, gamma=gamma).ids
        for arm, rows in arms.items():
            results.add(f"{arm}: % female", 100 * float(np.mean(female[rows] == 1)))
            results.add(f"{arm}: % predicted right", 100 * float(np.mean(right[rows])))
    print("\nLSAT, the 5 % of training rows that cause most unfairness")
    paper = {
        "all rows: % female": "45",
        "all rows: % predicted right": "60",
        "IF: % female": "80",
        "IF: % predicted right": "26",
        "DIVINE, distance: % female": "50",
        "DIVINE, distance: % predicted right": "60",
    }
    results.show(paper, 1)


def mnist(seeds: int, pictures: Path | None, folder: Path) -> None:
    """Appendix D.4: a fresh model trained on 100 of the rows alone, by what chose them."""
    table = load("mnist", recipe="bhatt2021")
    X, y, _ = table.part("train")
    T, w, _ = table.part("test")
    train, test = (X.astype(np.float32), y), (T.astype(np.float32), w)
    results = Results()
    for seed in range(seeds):
        file = folder / f"mnist-{seed}.json"
        if not file.exists():
            found = images(train, test, seed, pictures if seed == 0 else None)
            part = file.with_suffix(f".{os.getpid()}.part")
            part.write_text(json.dumps(found))
            part.replace(file)
            print(f"   ... seed {seed}", flush=True)
        for name, number in json.loads(file.read_text()).items():
            results.add(name, number)
    print(f"\nMNIST, 1 against 7, trained on {FEW} rows, test accuracy; {seeds} seeds")
    paper = {"all rows": "99.72", "IF": "48.19", "IF+MMD, distance": "65.00",
             "IF+FL, distance": "48.75", "IF+SR, distance": "99.44"}  # fmt: skip
    results.show(paper)


def images(
    known: tuple[Any, Any], test: tuple[Any, Any], seed: int, pictures: Path | None
) -> dict[str, float]:
    """One seed of it."""
    (X, y), kernel = known, RBF(standardise=False)
    kinds: dict[str, Diversity] = {
        "SR": SumRedundancy(kernel), "MMD": MMD(kernel), "FL": FacilityLocation(kernel),
    }  # fmt: skip
    order = np.random.default_rng(seed).permutation(len(y))
    train, held = np.sort(order[2000:]), order[:2000]
    A, a = X[train], y[train]
    network = MLPClassifier((64, 64), max_iter=15, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fifteen epochs are enough here
        network.fit(A, a)
    deep = EmbeddedClassifier(network).fit(A, a)
    Z = deep.embed(A)
    model = LinearClassifier().fit(A, a)
    worths = {
        "": influence(model, A, a, ValidationLoss(X[held], y[held])),
        "MLP's last layer, ": influence(
            deep.linear_, Z, a, ValidationLoss(deep.embed(X[held]), y[held])
        ),
    }
    some = np.random.default_rng(seed).permutation(len(a))[:FEW]
    found = {
        "all rows": 100 * float(np.mean(model.predict(test[0]) == test[1])),
        "random": 100 * accuracy(A[some], a[some], *test),
    }
    for source, worth in worths.items():
        sets: dict[str, Any] = {"IF": select_diverse(worth, A, FEW, gamma=0.0).ids}
        for kind, diversity in kinds.items():
            if source and kind != "SR":
                continue
            few = select_diverse(worth, A, FEW, diversity, gamma="distance")
            assert few.curve is not None
            enough = few.curve["ids"][few.curve["share"] >= 0.9]
            sets[f"IF+{kind}, tenth"] = np.array(enough.iloc[-1])
            sets[f"IF+{kind}, distance"] = few.ids
        for arm, ids in sets.items():
            found[f"{source}{arm}"] = 100 * accuracy(A[ids], a[ids], *test)
            found[f"{source}{arm}: % of the rarer class"] = 100 * rarer(a[ids])
        if pictures:
            figure = plot_images(A, sets, (28, 28), labels=np.where(a == 1, "7", "1"))
            figure.savefig(pictures / f"mnist_{'mlp' if source else 'linear'}.png", dpi=80)
    return found


def rarer(labels: Any) -> float:
    share = float(np.mean(labels == 1))
    return min(share, 1 - share)


def accuracy(X: Any, y: Any, T: Any, w: Any) -> float:
    """Of a model trained on some rows; of one class it says that class."""
    if len(np.unique(y)) == 1:
        return float(np.mean(w == y[0]))
    return float(np.mean(LinearClassifier().fit(X, y).predict(T) == w))


def synthetic_pictures(folder: Path) -> None:
    """Figures 3 and 4."""
    parts = draw("synthetic", 0)
    X, y, _ = parts["train"]
    model = LinearClassifier().fit(X, y)
    worth = influence(model, X, y, ValidationLoss(*parts["validation"][:2]))
    few = select_diverse(worth, X, 5, gamma="distance")
    assert few.curve is not None
    plot_trade_off(few.curve).figure.savefig(folder / "trade_off.png", dpi=110)
    chosen = {"influence": select_diverse(worth, X, 5, gamma=0.0), "DIVINE": few}
    plot_projection(X, chosen, y=y).figure.savefig(folder / "synthetic.png", dpi=110)
    if "STREAMLEARN_DATA" in os.environ:
        parts = draw("law_school", 0)
        worth, X = harm(parts)[1], parts["train"][0]
        chosen = {"influence": select_diverse(worth, X, 8, gamma=0.0),
                  "DIVINE": select_diverse(worth, X, 8, gamma="distance")}  # fmt: skip
        for method in ("pca", "tsne"):
            ax = plot_projection(X, chosen, method=method, y=parts["train"][1])
            ax.figure.savefig(folder / f"law_school_{method}.png", dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="clusters,compas,lsat,mnist")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--image-seeds", type=int, default=20, help="for mnist, minutes a seed")
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--folder", type=Path, default=Path("out/divine"), help="keeps seeds")
    options = parser.parse_args()
    if options.pictures:
        mpl.use("Agg")
        options.pictures.mkdir(parents=True, exist_ok=True)
        synthetic_pictures(options.pictures)
    options.folder.mkdir(parents=True, exist_ok=True)
    parts: dict[str, Callable[..., None]] = {
        "clusters": clusters, "compas": compas, "lsat": lsat, "mnist": mnist,
    }  # fmt: skip
    with threadpool_limits(1):
        for name in options.only.split(","):
            if name != "clusters" and "STREAMLEARN_DATA" not in os.environ:
                print(f"\n{name} skipped: STREAMLEARN_DATA names no folder")
                continue
            seeds = options.image_seeds if name == "mnist" else options.seeds
            parts[name](seeds, options.pictures, options.folder)


if __name__ == "__main__":
    main()
