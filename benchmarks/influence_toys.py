"""The toy of Chhabra et al. (2024): as shipped, and twenty drawn anew; group removal on Adult.

For utility, fairness and robustness: Spearman's correlation of scores with leave-one-out
refitting, with and without an intercept; what the ten lowest rows are worth when they are left
out, robustness both against the old attack (static) and against the new model (re-attacked).
Needs STREAMLEARN_DATA for the shipped toy and for Adult.

    python benchmarks/influence_toys.py
"""

import os
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from streamlearn.datasets import load
from streamlearn.influence import (
    AdversarialLoss,
    DemographicParity,
    LinearClassifier,
    ValidationLoss,
    influence,
    remove,
)
from streamlearn.simulators.toys import chhabra2024_toy


def study(X: Any, y: Any, V: Any, w: Any, g: Any, intercept: bool) -> list[float]:
    """Three correlations, then accuracy, parity, robustness before and after, and re-attacked."""
    model = LinearClassifier(l2=0.01, fit_intercept=intercept, tol=1e-10).fit(X, y)
    objectives = [ValidationLoss(V, w), DemographicParity(V, g), AdversarialLoss(V, w).at(model)]
    scores = influence(model, X, y, objectives)
    truth = influence(model, X, y, objectives, exact=True)
    row = [float(spearmanr(scores[:, q], truth[:, q])[0]) for q in range(3)]
    for q, objective in enumerate(objectives):
        worst = np.argsort(scores[:, q])[:10]
        kept = np.delete(np.arange(len(y)), worst)
        trimmed = LinearClassifier(l2=0.01, fit_intercept=intercept).fit(X[kept], y[kept])
        row += [objective.metric(model), objective.metric(trimmed)]
    row.append(AdversarialLoss(V, w).metric(trimmed))
    return row


HEAD = (
    f"{'':<28}{'rho: utility, parity, robust':>30}{'accuracy':>16}{'parity':>16}"
    f"{'robustness':>16}{'re-attacked':>13}"
)


def show(name: str, row: Any) -> None:
    rho = "".join(f"{v:>10.5f}" for v in row[:3])
    pairs = "".join(f"{a:>8.3f}>{b:>7.3f}" for a, b in zip(row[3:9:2], row[4:9:2], strict=True))
    print(f"{name:<28}{rho}{pairs}{row[9]:>13.3f}")


def removal() -> None:
    """How near two Newton steps come to a refit of Adult, for random and for chosen groups."""
    adult = load("adult", recipe="chhabra2024")
    X, y, _ = adult.part("train")
    V, w, _ = adult.part("validation")
    f = ValidationLoss(V, w)
    model = LinearClassifier(l2=2.2622, tol=1e-10).fit(X, y)
    scores = influence(model, X, y, f)
    rng = np.random.default_rng(0)
    print("\nAdult, group removal: change of the validation loss, and distance to the refit")
    for name, share in [("random", 0.05), ("random", 0.1), ("lowest", 0.05), ("lowest", 0.1)]:
        size = int(share * len(y))
        rows = rng.choice(len(y), size, False) if name == "random" else np.argsort(scores)[:size]
        refit = LinearClassifier(l2=2.2622, tol=1e-10).fit(
            np.delete(X, rows, 0), np.delete(y, rows)
        )
        change = f.value(refit) - f.value(model)
        print(
            f"{name} {share:.0%}: refit {change:+.3e}, sum of influences {scores[rows].sum():+.3e}"
        )
        for steps in (1, 2, 3, None):
            result = remove(model, X, y, rows, steps=steps)
            moved = f.value(result.model) - f.value(model)
            distance = np.linalg.norm(result.model._theta() - refit._theta())
            print(
                f"   {result.steps} steps: {moved:+.3e} ({abs(moved / change - 1):.2%} off), "
                f"distance {distance:.1e}, certified {result.bound:.1e}"
            )


def main() -> None:
    print(HEAD)
    if "STREAMLEARN_DATA" in os.environ:
        toy = load("toy", recipe="chhabra2024")
        X, y, _ = toy.part("train")
        V, w, g = toy.part("validation" if "validation" in toy.split else "test")
        for intercept in (False, True):
            show(f"shipped, intercept {intercept}", study(X, y, V, w, g, intercept))
    for intercept in (False, True):
        rows = []
        for seed in range(20):
            drawn = chhabra2024_toy(seed)
            train, held_out = drawn.part("train"), drawn.part("validation")
            mean, scale = train.X.mean(axis=0), train.X.std(axis=0)
            X, V = (train.X - mean) / scale, (held_out.X - mean) / scale
            rows.append(study(X, train.y, V, held_out.y, held_out.sensitive, intercept))
        table = np.array(rows)
        print(f"20 drawn, intercept {intercept}:")
        show("   mean", table.mean(axis=0))
        show("   standard error", table.std(axis=0, ddof=1) / np.sqrt(len(table)))
        show("   least", table.min(axis=0))
    if "STREAMLEARN_DATA" in os.environ:
        removal()


if __name__ == "__main__":
    main()
