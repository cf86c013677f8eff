"""Methods of valuation on the sets of Bhatt et al. (2021): do they agree, does acting on them help?

Five sets, splits drawn anew for every seed, at most 5,000 training rows. Values are of the
unfairness (gap in the probability of being right; of the synthetic set the loss) on the validation
rows. Each method is held against leave-one-out by the rank correlation of its values. Then the rows
that harm most by its values are removed, a flat 5 % of the training rows as in the paper or the
share up to 5 % that the validation rows like best, none included; the model is fitted again and
scored on test rows that had no part in it, beside random orders treated alike (mean of five).
Differences are paired with keeping all rows; ranks are by the test rows' gap (loss), over sets and
seeds. With --count instead: Table 7, how many rows of a whole table cause unfairness on the
training rows, and how many of those the model predicts right.

    python benchmarks/divine_methods.py [--seeds 20] [--sets compas ...] [--count]

Needs STREAMLEARN_DATA for all but the synthetic set. Data Shapley is run on the synthetic set
alone: elsewhere its noise would need hours (docs/measured.md).
"""

import argparse
import json
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from divine_paper import TABLES, draw
from scipy.stats import rankdata, spearmanr
from threadpoolctl import threadpool_limits

from streamlearn.influence import EqualAccuracy, LinearClassifier, Objective, ValidationLoss
from streamlearn.valuation import HardGap, values

MOST, DRAWS = 5000, 5
SHARES = (0.005, 0.01, 0.02, 0.03, 0.05)  # the last is the flat one
METHODS: dict[str, dict[str, Any]] = {
    "leave_one_out": {},
    "influence": {},
    "relatif": {},
    "counterfactual": {"exact": False},
    "knn_shapley": {"k": 10},
    "shapley": {"permutations": 100},
}
PAPER = {  # Table 7: rows that cause unfairness, and those of them predicted right
    "adult": {"leave_one_out": (87, 26), "influence": (428, 418), "counterfactual": (432, 379)},
    "bank": {"leave_one_out": (66, 38), "influence": (305, 294), "counterfactual": (375, 325)},
    "compas": {"leave_one_out": (614, 325), "influence": (598, 519), "counterfactual": (1116, 775)},
    "law_school": {"leave_one_out": (158, 50), "influence": (72, 70), "counterfactual": (706, 391)},
}


def objective(name: str, X: Any, y: Any, group: Any) -> Objective:
    """What values are of."""
    return ValidationLoss(X, y) if name == "synthetic" else EqualAccuracy(X, y, group)


def measure(name: str, seed: int) -> dict[str, dict[str, float]]:
    """All methods on one split."""
    parts = draw(name, seed)
    X, y, _ = (part[:MOST] for part in parts["train"])
    judge = objective(name, *parts["validation"])
    T, w, group = parts["test"]
    scored = objective(name, T, w, group)
    model = LinearClassifier().fit(X, y)
    rng = np.random.default_rng(seed)

    def scores(m: LinearClassifier) -> dict[str, float]:
        return {"gap": scored.value(m), "accuracy": float(np.mean(m.predict(T) == w))}

    def acted(order: Any) -> dict[str, float]:
        refits = []
        for share in SHARES:
            kept = np.delete(np.arange(len(y)), order[: round(share * len(y))])
            refits.append(LinearClassifier().fit(X[kept], y[kept]))
        best = min([model, *refits], key=judge.value)
        chosen = {f"chosen {key}": value for key, value in scores(best).items()}
        return {**scores(refits[-1]), **chosen}

    none = scores(model)
    found = {"all rows": {**none, **{f"chosen {key}": value for key, value in none.items()}}}
    truth = None
    for method, options in METHODS.items():
        if method == "shapley" and name != "synthetic":
            continue
        worth = np.asarray(values(model, X, y, judge, method, **options))
        truth = worth if truth is None else truth
        agreement = float(spearmanr(worth, truth)[0])
        found[method] = {**acted(np.argsort(worth, kind="stable")), "agreement": agreement}
    draws = [acted(rng.permutation(len(y))) for _ in range(DRAWS)]
    found["random"] = {key: float(np.mean([draw[key] for draw in draws])) for key in draws[0]}
    return found


def count(name: str) -> None:
    """Table 7 for one set, whole, beside the paper's figures: by the soft gap and the hard one.

    The hard one has no gradient: influence is then the gap at the parameters predicted.
    """
    X, y, group = draw(name, 0)["train"]
    model = LinearClassifier().fit(X, y)
    right = model.predict(X) == y
    soft = EqualAccuracy(X, y, group)
    for method, theirs in PAPER[name].items():
        told = []
        for judge in (soft, HardGap(soft)):
            hard = {"form": "update"} if method == "influence" and judge is not soft else {}
            worth = np.asarray(values(model, X, y, judge, method, **METHODS[method] | hard))
            worth = worth + 1e-9  # a hard gap that stays as it is may differ by rounding
            told.append(
                f"{np.count_nonzero(worth < 0):>7,} {np.count_nonzero((worth < 0) & right):>7,}"
            )
        print(
            f"   {name:<12}{method:<16}paper {theirs[0]:>6,} {theirs[1]:>6,}   soft {told[0]}   "
            f"hard {told[1]}   of {len(y):,}, {np.count_nonzero(right):,} right",
            flush=True,
        )


def show(found: dict[str, list[dict[str, dict[str, float]]]]) -> None:
    """Print agreement, paired changes on test rows, and ranks over sets."""
    for kind, what in (
        ("", f"a flat {SHARES[-1]:.0%}"),
        ("chosen ", "as many as validation likes"),
    ):
        by_set: dict[str, dict[str, float]] = {}
        for name, seeds in found.items():
            base = ", ".join(
                f"{key} {np.mean([s['all rows'][key] for s in seeds]):.4f}"
                for key in ("gap", "accuracy")
            )
            print(f"\n{name}: {len(seeds)} seeds, {what} removed; before: {base}")
            arms = [arm for arm in [*METHODS, "random"] if arm in seeds[0]]
            ranks = np.array([rankdata([s[arm][f"{kind}gap"] for arm in arms]) for s in seeds])
            by_set[name] = dict(zip(arms, ranks.mean(axis=0).tolist(), strict=True))
            for arm, rank in zip(arms, ranks.T, strict=True):
                parts = [f"   {arm:<16}{' ' * 25}"]
                if arm != "random":
                    agreed = around([s[arm]["agreement"] for s in seeds], 3)
                    parts = [f"   {arm:<16}agreement {agreed}"]
                for key, unit, digits in (("gap", 1.0, 4), ("accuracy", 100.0, 2)):
                    key = f"{kind}{key}"
                    moved = [unit * (s[arm][key] - s["all rows"][key]) for s in seeds]
                    parts.append(f"{key} {around(moved, digits, '+')}")
                print("   ".join([*parts, f"rank {around(rank.tolist(), 2)}"]), flush=True)
        arms = list(set.intersection(*(set(ranks) for ranks in by_set.values())))
        mean = {arm: float(np.mean([ranks[arm] for ranks in by_set.values()])) for arm in arms}
        print(f"\nmean rank by the gap on test rows, {what} removed, {len(by_set)} sets; 1 is best")
        for arm in sorted(mean, key=mean.__getitem__):
            each = ", ".join(f"{name} {ranks[arm]:.2f}" for name, ranks in by_set.items())
            print(f"   {arm:<16}{mean[arm]:.2f}   {each}")


def around(numbers: list[float], digits: int, sign: str = "") -> str:
    """Mean and standard error."""
    error = np.std(numbers, ddof=1) / np.sqrt(len(numbers)) if len(numbers) > 1 else np.nan
    return f"{np.mean(numbers):{sign}.{digits}f} ± {error:.{digits}f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--sets", nargs="+", default=list(TABLES), choices=TABLES)
    parser.add_argument("--count", action="store_true", help="Table 7 instead")
    parser.add_argument("--folder", type=Path, default=Path("out/divine"), help="keeps seeds")
    options = parser.parse_args()
    if "STREAMLEARN_DATA" not in os.environ and set(options.sets) != {"synthetic"}:
        raise SystemExit("STREAMLEARN_DATA names no folder: set it, or give --sets synthetic")
    options.folder.mkdir(parents=True, exist_ok=True)
    with threadpool_limits(1):
        if options.count:
            print("Rows that cause unfairness on the training rows, and those predicted right")
            for name in [s for s in options.sets if s in PAPER]:
                count(name)
            return
        found: dict[str, list[dict[str, dict[str, float]]]] = defaultdict(list)
        for seed in range(options.seeds):
            for name in options.sets:
                file = options.folder / f"methods-{name}-{seed}.json"
                if not file.exists():
                    part = file.with_suffix(f".{os.getpid()}.part")
                    part.write_text(json.dumps(measure(name, seed)))
                    part.replace(file)
                found[name].append(json.loads(file.read_text()))
    show(found)


if __name__ == "__main__":
    main()
