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
    everyone = np.arange(len(y))

    def compare(rows: Any, steps: Any) -> tuple[list[float], list[tuple[float, float, float]]]:
        kept = np.delete(everyone, rows)
        refit = LinearClassifier(l2=2.2622, tol=1e-10).fit(X[kept], y[kept])
        change = f.value(refit) - f.value(model)
        moved = np.linalg.norm(refit._theta() - model._theta())
        results = []
        for count in steps:
            result = remove(model, X, y, rows, steps=count)
            off = abs((f.value(result.model) - f.value(model)) / change - 1)
            distance = np.linalg.norm(result.model._theta() - refit._theta())
            results.append((off, float(distance), result.bound))
        return [change, float(moved)], results

    print("\nAdult, random groups: 10 draws, error of the change in validation loss")
    for share in (0.05, 0.1):
        errors, certified = [], 0
        for seed in range(10):
            draw = np.random.default_rng(seed).choice(len(y), int(share * len(y)), replace=False)
            _, results = compare(draw, (1, 2, 3))
            errors.append([off for off, _, _ in results])
            certified += np.isfinite(results[1][2])
        table = np.sort(np.array(errors), axis=0)
        for count, column in enumerate(table.T, 1):
            print(
                f"   {share:.0%}, {count} steps: median {np.median(column):.2%}, worst "
                f"{column[-1]:.2%}, {np.sum(column <= 0.05)} of {len(column)} within 5 %"
            )
        print(f"   certified after two steps: {certified} of {len(table)}")
    print("Adult, chosen groups (lowest scores): distance to the refit and its certificate")
    scores = influence(model, X, y, f)
    for share in (0.05, 0.1):
        worst = np.argsort(scores)[: int(share * len(y))]
        steps: tuple[int | None, ...] = (1, 2, 4, 8, None)
        (change, moved), results = compare(worst, steps)
        print(
            f"   {share:.0%}: refit changes f by {change:+.2e}, influences add up to "
            f"{scores[worst].sum():+.2e}; the refit is {moved:.1e} away"
        )
        for step, (off, distance, bound) in zip(steps, results, strict=True):
            name = "to tol" if step is None else f"{step} steps"
            print(f"      {name}: {off:.2%} off, distance {distance:.1e}, certified {bound:.1e}")


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
