"""Campaigns and a stream under noisy labels: does a strategy beat random, a trimmer keeping all?

Twenty seeds an arm; all arms of one seed share the split, the initial labels and the annotator's
errors, so their differences are paired.
"""

import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from rich.console import Console
from rich.table import Table
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import scale

from streamlearn import Loop, Pool, Stream, Trimmer
from streamlearn.datasets import load
from streamlearn.simulators import NoisyStream, SimulatedAnnotator, batches
from streamlearn.strategies import Entropy, Margin, Random, Uncertainty
from streamlearn.trimming import KeepAll, LossTrim, RandomTrim

SEEDS = range(20)
CAMPAIGN = [Random(), Entropy(), Margin(), Uncertainty()]
STREAM: list[Trimmer] = [KeepAll(), RandomTrim(0.3), LossTrim(0.3)]


def campaign(name: str, seed: int) -> list[pd.DataFrame]:
    """Label 100 of the pool's rows, ten a round; one label in five comes back wrong."""
    data = load(name)
    X, y = scale(data.frame.to_numpy(float)), data.target.to_numpy()
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.4, stratify=y, random_state=seed)
    first, _ = train_test_split(np.arange(len(y)), train_size=20, stratify=y, random_state=seed)
    annotator = SimulatedAnnotator(y, noise=0.2, seed=seed)
    curves = []
    for strategy in CAMPAIGN:
        loop = Loop(
            Pool(X),
            LogisticRegression(C=0.1),
            strategy,
            per_round=10,
            budget=100,
            seed=seed,
            initial=(first, y[first]),
            test=(X_test, y_test),
        )
        for _ in loop.run(annotator):
            pass
        curves.append(loop.to_frame().assign(data=name, arm=repr(strategy), seed=seed))
    return curves


def stream(name: str, seed: int) -> list[pd.DataFrame]:
    """Learn from batches of 80 rows; one label in three is wrong, the test rows' are right."""
    data = load(name)
    X, y = scale(data.frame.to_numpy(float)), data.target.to_numpy()
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.3, stratify=y, random_state=seed)
    noisy = NoisyStream(batches(X, y, size=80), noise=1 / 3, seed=seed)
    curves = []
    for trimmer in STREAM:
        learner = SGDClassifier(loss="log_loss", average=True)
        loop = Loop(Stream(noisy), learner, trimmer=trimmer, seed=seed, test=(X_test, y_test))
        for _ in loop.run():
            pass
        curves.append(loop.to_frame().assign(data=name, arm=type(trimmer).__name__, seed=seed))
    return curves


def summary(curves: pd.DataFrame, title: str, control: str) -> Table:
    """Mean and standard error over seeds, and the paired difference to the control arm."""
    table = Table("data", "arm", "mean accuracy", "final", f"against {control}", title=title)
    for name, part in curves.groupby("data", sort=False):
        mean = part.groupby(["seed", "arm"])["accuracy"].mean().unstack()
        last = part.groupby(["seed", "arm"])["accuracy"].last().unstack()
        for arm in part["arm"].unique():
            gap = "" if arm == control else both(mean[arm] - mean[control], "+")
            table.add_row(str(name), arm, both(mean[arm]), both(last[arm]), gap)
    return table


def both(values: pd.Series, sign: str = "") -> str:
    """A mean and its standard error."""
    v = values.to_numpy(float)
    return f"{v.mean():{sign}.3f} ± {v.std(ddof=1) / len(v) ** 0.5:.3f}"


def draw(curves: list[pd.DataFrame], path: Path) -> None:
    """One panel a data set: mean curves over seeds with bands of one standard error."""
    panels = [part for frame in curves for _, part in frame.groupby("data", sort=False)]
    figure, axes = plt.subplots(1, len(panels), figsize=(5 * len(panels), 4), layout="tight")
    for axis, part in zip(axes, panels, strict=True):
        for k, (arm, runs) in enumerate(part.groupby("arm", sort=False)):
            at = runs.groupby("labels")["accuracy"]
            style = {"color": f"C{k}", "linestyle": ["-", "--", "-.", ":"][k]}
            axis.plot(at.mean(), label=arm, **style)
            low, high = at.mean() - at.sem(), at.mean() + at.sem()
            axis.fill_between(low.index, low, high, color=f"C{k}", alpha=0.15, linewidth=0)
        axis.set(title=part["data"].iloc[0], xlabel="labels", ylabel="accuracy on test rows")
        axis.legend(frameon=False)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    began = time.perf_counter()
    jobs = [delayed(campaign)(name, s) for name in ("digits", "breast_cancer") for s in SEEDS]
    jobs += [delayed(stream)("phishing", s) for s in SEEDS]
    runs = [curve for curves in Parallel(n_jobs=2)(jobs) for curve in curves]
    in_pool = pd.concat([r for r in runs if r["data"].iloc[0] != "phishing"])
    in_stream = pd.concat([r for r in runs if r["data"].iloc[0] == "phishing"])
    console = Console(width=100)
    console.print(summary(in_pool, "Campaigns, 20 % of labels flipped", "Random()"))
    console.print(summary(in_stream, "A stream, 33 % of labels flipped", "KeepAll"))
    picture = Path("out") / "demo.png"
    draw([in_pool, in_stream], picture)
    console.print(f"± is one standard error over {len(SEEDS)} seeds; differences are paired.")
    console.print(f"Learning curves: {picture} ({time.perf_counter() - began:.0f} s)")
