"""Scores against exact retraining: eight data sets, two penalties.

Truth is scikit-learn's newton-cholesky, refitted without each row in turn: another solver, to its
own tightest tolerance. Printed for plain influence, for the leverage-corrected default and for
``exact=True``: Spearman's rank correlation with the truth, and the largest error over the largest
score. Rows whose truth is below 1e-9 of the largest count as equal. Tables of the folder named
by STREAMLEARN_DATA take the place of generated ones where it is set.

    python benchmarks/influence_truth.py [--rows 500]
"""

import argparse
import os
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression

from streamlearn.datasets import load
from streamlearn.influence import LinearClassifier, ValidationLoss, influence

BUNDLED = ("breast_cancer", "wine", "digits_even_odd", "phishing", "bananas", "image_segments")


def tables(rows: int) -> Iterator[tuple[str, Any, Any]]:
    for name in BUNDLED:
        data = load(name)
        yield name, pd.get_dummies(data.frame, dtype=float).to_numpy(), data.target.to_numpy()
    if "STREAMLEARN_DATA" in os.environ:
        for name in ("debrecen", "bank"):
            recipe = load(name, recipe="chhabra2024")
            yield name, recipe.X, recipe.y
    else:
        for k in (2, 5):
            X, y = make_classification(
                2 * rows, 20, n_informative=8, n_classes=k, flip_y=0.2, random_state=k
            )
            yield f"generated, {k} classes", X, y


def halves(X: Any, y: Any, rows: int) -> tuple[Any, Any, Any, Any]:
    """Standardised training and validation rows, at most that many of each."""
    order = np.random.default_rng(0).permutation(len(y))
    n = min(rows, len(y) // 2)
    train, held_out = order[:n], order[n : 2 * n]
    known = np.isin(y[held_out], y[train])
    scale = X[train].std(axis=0)
    X = (X - X[train].mean(axis=0)) / np.where(scale > 0, scale, 1.0)
    return X[train], y[train], X[held_out][known], y[held_out][known]


def retrained(X: Any, y: Any, objective: ValidationLoss, model: LinearClassifier) -> Any:
    """f(without i) - f by scikit-learn, evaluated through a copy of our model."""
    reference = LogisticRegression(C=1 / model.l2, solver="newton-cholesky", tol=1e-13, max_iter=99)

    def value(rows: Any) -> float:
        reference.fit(X[rows], y[rows])
        full = np.column_stack([reference.coef_, reference.intercept_])
        return objective.value(model._at(model._loss().contrast.T @ full))

    everything = np.arange(len(y))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 1e-13 is often just out of reach, that is the point
        base = value(everything)
        return np.array([value(np.delete(everything, i)) for i in everything]) - base


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=500, help="most training rows a table")
    rows = parser.parse_args().rows
    head = "".join(f"{name:>26}" for name in ("plain", "leverage", "exact"))
    print(f"{'table':<22}{'n x d':>10}{'k':>3}{'l2':>6}{head}   (Spearman, error)")
    for name, X_all, y_all in tables(rows):
        X, y, V, w = halves(np.asarray(X_all, float), np.asarray(y_all), rows)
        for l2 in (1.0, 10.0):
            model = LinearClassifier(l2=l2).fit(X, y)
            f = ValidationLoss(V, w)
            truth = retrained(X, y, f, model)
            largest = np.abs(truth).max()
            cells = ""
            for leverage, exact in ((False, False), (True, False), (True, True)):
                scores = influence(model, X, y, f, leverage=leverage, exact=exact)
                ties = [np.round(v / largest, 9) for v in (scores, truth)]
                rank = float(spearmanr(*ties)[0])
                cells += f"{rank:>14.6f} {np.abs(scores - truth).max() / largest:>11.1e}"
            size = f"{X.shape[0]} x {X.shape[1]}"
            print(f"{name:<22}{size:>10}{len(model.classes_):>3}{l2:>6g}{cells}", flush=True)


if __name__ == "__main__":
    main()
