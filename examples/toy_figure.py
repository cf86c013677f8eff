"""Figure 1 of Chhabra et al. (2024), redrawn: regions, trimmed points, before and after.

    python examples/toy_figure.py [toy.png]

Without STREAMLEARN_DATA a toy like the paper's is drawn anew.
"""

import os
import sys
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from streamlearn.datasets import load
from streamlearn.influence import (
    AdversarialLoss,
    DemographicParity,
    InfluenceTree,
    LinearClassifier,
    ValidationLoss,
    influence,
)
from streamlearn.simulators.toys import chhabra2024_toy

BLUE, ORANGE, HELPS, HARMS = "#0072B2", "#D55E00", "#CFE8DC", "#F6D5CC"


def parts() -> Any:
    """Training and validation rows, labels and groups, standardised on the training rows."""
    if "STREAMLEARN_DATA" in os.environ:
        toy: Any = load("toy", recipe="chhabra2024")
        held_out = toy.split != "train"
        return *toy.part("train"), toy.X[held_out], toy.y[held_out], toy.sensitive[held_out]
    toy = chhabra2024_toy()
    train, rest = toy.part("train"), toy.part("validation")
    mean, scale = train.X.mean(axis=0), train.X.std(axis=0)
    left, right = ((part.X - mean) / scale for part in (train, rest))
    return left, train.y, train.sensitive, right, rest.y, rest.sensitive


def rows(ax: Any, X: Any, y: Any, g: Any, **style: Any) -> None:
    """Colour is the class, the marker the group."""
    for label, colour in ((1, BLUE), (0, ORANGE)):
        for group, marker in ((1, "o"), (0, "x")):
            some = (y == label) & (g == group)
            ax.scatter(*X[some].T, c=colour, marker=marker, s=20, linewidths=1.1, **style)


def boundary(ax: Any, model: LinearClassifier, **style: Any) -> None:
    w, b = model.coef_[0], model.intercept_[0]
    foot = -b * w / (w @ w)
    ax.axline(foot, foot + np.array([-w[1], w[0]]), color="black", **style)


def regions(ax: Any, tree: InfluenceTree, low: Any, high: Any) -> None:
    """Helping regions green and plain, harming ones red and hatched."""
    across, up = (np.linspace(a, b, 300) for a, b in zip(low, high, strict=True))
    grid = np.stack(np.meshgrid(across, up), axis=-1)
    harms = tree.predict(grid.reshape(-1, 2)).reshape(300, 300) < 0
    ax.contourf(across, up, harms, levels=[-1, 0.5, 2], colors=[HELPS, HARMS], hatches=["", "//"])


def moved(X: Any, model: LinearClassifier, gamma: float = 1.3) -> Any:
    """Rows under the paper's attack."""
    w, b = model.coef_[0], model.intercept_[0]
    return X - gamma * ((X @ w + b) / (w @ w))[:, None] * w


def main() -> None:
    X, y, g, V, w, h = parts()
    model = LinearClassifier(l2=0.01, fit_intercept=False).fit(X, y)
    objectives = {
        "utility": (ValidationLoss(V, w), "accuracy"),
        "fairness": (DemographicParity(V, h), "parity gap"),
        "robustness": (AdversarialLoss(V, w).at(model), "accuracy, attacked"),
    }
    scores = influence(model, X, y, [objective for objective, _ in objectives.values()])
    plt.rcParams.update(
        {"font.size": 9, "axes.titlesize": 10, "hatch.linewidth": 0.4, "hatch.color": "#B5634B"}
    )
    figure, axes = plt.subplots(3, 3, figsize=(11, 9.5), layout="constrained")
    low, high = (f(np.vstack([X, V]), axis=0) * 1.1 for f in (np.min, np.max))
    for q, (name, (objective, metric)) in enumerate(objectives.items()):
        worst = np.argsort(scores[:, q])[:10]
        trimmed = LinearClassifier(l2=0.01, fit_intercept=False).fit(
            np.delete(X, worst, 0), np.delete(y, worst)
        )
        tree = InfluenceTree(max_depth=3, random_state=0).fit(X, scores[:, q])
        before, after = objective.metric(model), objective.metric(trimmed)
        left, middle, right = axes[q]
        regions(left, tree, low, high)
        rows(left, X, y, g)
        left.set_title(f"{name}: what helps and what harms")
        left.set_xlabel(f"tree: held-out R² {tree.r2_:.2f}, rank corr. {tree.spearman_:.2f}")
        rows(middle, X, y, g, alpha=0.35)
        middle.scatter(*X[worst].T, s=110, facecolors="none", edgecolors="black", linewidths=1.6)
        middle.set_title("the 10 rows of lowest influence")
        rows(right, moved(V, model) if name == "robustness" else V, w, h)
        right.set_title(f"validation {metric}: {before:.2f} → {after:.2f}")
        if name == "robustness":
            again = AdversarialLoss(V, w).metric(trimmed)
            right.set_xlabel(f"attacked again, the new model has {again:.2f}")
        for ax in (left, middle, right):
            boundary(ax, model, linestyle="-" if ax is not right else ":", linewidth=1.4)
            ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), xticks=[], yticks=[])
        boundary(right, trimmed, linestyle="-", linewidth=1.4)
    marks = [
        Line2D([], [], color=c, marker=m, linestyle="", label=f"{k} class, {n}")
        for c, k in ((BLUE, "+"), (ORANGE, "–"))
        for m, n in (("o", "majority"), ("x", "minority"))
    ]
    figure.legend(
        handles=[
            *marks,
            Patch(facecolor=HELPS, label="helps"),
            Patch(facecolor=HARMS, hatch="//", label="harms"),
            Line2D([], [], color="black", linestyle=":", label="before"),
            Line2D([], [], color="black", label="boundary; after"),
        ],
        loc="outside lower center",
        ncols=4,
        frameon=False,
    )
    figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "toy.png", dpi=120)


if __name__ == "__main__":
    main()
