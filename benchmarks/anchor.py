"""The published anchor: uncertainty against uniform sampling on breast_cancer with an RBF SVM.

    python benchmarks/anchor.py [--seeds 40]

StandardScaler, 40 % test rows, 20 initial labels, one label a query until the pool is empty, SVC
with gamma="auto" and C=1. Area under the accuracy curve as published by Lu, Li & Lin (2023,
Re-Benchmarking Pool-Based Active Learning for Binary Classification): uniform .9539, uncertainty
.9652.
"""

import argparse

import numpy as np
from joblib import Parallel, delayed
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from streamlearn import Loop
from streamlearn.simulators import SimulatedAnnotator
from streamlearn.strategies import Random, Uncertainty

PUBLISHED = {"Random()": 0.9539, "Uncertainty()": 0.9652}


def area(seed: int) -> list[float]:
    """Area under both strategies' curves on one split: trapezoids over a unit of labels."""
    X, y = load_breast_cancer(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.4, stratify=y, random_state=seed)
    scaler = StandardScaler().fit(X)
    X, X_test = scaler.transform(X), scaler.transform(X_test)
    first, _ = train_test_split(np.arange(len(y)), train_size=20, stratify=y, random_state=seed)
    areas = []
    for strategy in (Random(), Uncertainty()):
        loop = Loop(
            X,
            SVC(gamma="auto", C=1.0),
            strategy,
            per_round=1,
            seed=seed,
            initial=(first, y[first]),
            test=(X_test, y_test),
        )
        for _ in loop.run(SimulatedAnnotator(y)):
            pass
        areas.append(float(np.trapezoid(loop.to_frame()["accuracy"], dx=1 / (len(y) - 20))))
    return areas


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=40)
    seeds = range(parser.parse_args().seeds)
    areas = np.array(Parallel(n_jobs=2)(delayed(area)(seed) for seed in seeds))
    for (arm, published), values in zip(PUBLISHED.items(), areas.T, strict=True):
        error = values.std(ddof=1) / len(values) ** 0.5
        gap = values.mean() - published
        print(f"{arm:14} {values.mean():.4f} ± {error:.4f}  published {published}  gap {gap:+.4f}")
    gain = areas[:, 1] - areas[:, 0]
    print(f"paired gain    {gain.mean():+.4f} ± {gain.std(ddof=1) / len(gain) ** 0.5:.4f}")
