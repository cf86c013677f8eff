"""A 31-leaf influence tree against scikit-learn's trees, in one process, with held-out R².

Every table (a fresh synthetic one, or a fresh split of Adult) is fitted by all contenders in
turn, on one thread. Time is processor time, so that other load on the machine weighs less;
ratios and differences are taken table by table. Adult's influences are measured too where
STREAMLEARN_DATA names a folder with adult.parquet.
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor
from threadpoolctl import threadpool_limits

from streamlearn.influence.tree import InfluenceTree

Floats = NDArray[np.float64]
LEAVES, LEAST = 31, 20


def contenders() -> dict[str, Callable[[], Any]]:
    """Unfitted models by name; the first is the baseline."""
    size: dict[str, Any] = {"max_leaf_nodes": LEAVES, "min_samples_leaf": LEAST}
    one = {**size, "shrinkage": 0.0, "cv": None}
    return {
        "DecisionTreeRegressor": lambda: DecisionTreeRegressor(**size, random_state=0),
        "HistGradientBoosting, 1 tree": lambda: HistGradientBoostingRegressor(
            max_iter=1, learning_rate=1.0, early_stopping=False, **size
        ),
        "exact": lambda: InfluenceTree(**one, splitter="exact", random_state=0),
        "binned": lambda: InfluenceTree(**one),
        "binned, cv: 16 trees": lambda: InfluenceTree(**size, random_state=0),
    }


def compare(title: str, tables: Iterator[tuple[Floats, Floats]], held_out: int) -> None:
    """Print one line a contender: time and held-out fit, against the baseline's."""
    rows = []
    for X, values in tables:
        shape = (X.shape[0] - held_out, X.shape[1])
        for name, make in contenders().items():
            model = make()
            start = time.process_time()
            model.fit(X[:-held_out], values[:-held_out])
            taken = time.process_time() - start
            predicted, truth = model.predict(X[-held_out:]), values[-held_out:]
            r2 = 1 - ((predicted - truth) ** 2).mean() / truth.var()
            rho = spearmanr(predicted, truth).statistic
            rows.append((name, taken, r2, rho, getattr(model, "r2_", np.nan)))
    found = pd.DataFrame(rows, columns=["name", "taken", "r2", "rho", "own"])
    columns = {name: found[found["name"] == name].reset_index(drop=True) for name in contenders()}
    base = columns["DecisionTreeRegressor"]
    print(f"\n{title}: {shape[0]:,} × {shape[1]}, held out {held_out:,}, {len(base)} tables")
    print(f"{'':30}{'ms':>7}{'faster (range)':>24}{'R²':>8}{'less baseline ± s.e.':>22}{'rho':>7}")
    for name in contenders():
        of = columns[name]
        faster = base["taken"] / of["taken"]
        gain = (of["r2"] - base["r2"]).to_numpy(dtype=np.float64)
        error = gain.std(ddof=1) / np.sqrt(gain.size)
        span = f"{faster.median():.2f}× ({faster.min():.2f} to {faster.max():.2f})"
        print(
            f"{name:30}{1e3 * of['taken'].median():7.0f}{span:>24}{of['r2'].mean():8.4f}"
            f"{f'{gain.mean():+.4f} ± {error:.4f}':>22}{of['rho'].mean():7.3f}"
        )
    print(f"r2_ of the last: {columns['binned, cv: 16 trees']['own'].mean():.4f}")


def synthetic(n: int, d: int, seed: int) -> tuple[Floats, Floats]:
    """Normal columns and a target with steps, slopes and an interaction."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    values = np.sin(X[:, 0]) * X[:, 1] + (X[:, 2] > 0) * X[:, 3] + rng.normal(size=n)
    return X, values


def adult(folder: Path) -> tuple[Floats, dict[str, Floats]]:
    """Standardised one-hot Adult with the label, and influences on validation loss and parity."""
    table = pd.read_parquet(folder / "adult.parquet")
    table = table[~table.isin(["?"]).any(axis=1)].drop(columns="fnlwgt")
    y = table["income"].str.startswith(">50K").to_numpy().astype(np.float64)
    train = (table["split"] == "train").to_numpy()
    raw = pd.get_dummies(table.drop(columns=["income", "split"]), dtype=float)
    X = np.asarray(StandardScaler().fit(raw[train]).transform(raw))
    male = raw["sex_Male"].to_numpy() > 0
    model = LogisticRegression(C=1 / 2.2622, solver="newton-cholesky", tol=1e-10).fit(
        X[train], y[train]
    )
    p = model.predict_proba(X)[:, 1]
    bordered = np.column_stack([X, np.ones(y.size)])
    inside = bordered[train]
    hessian = (inside * (p * (1 - p))[train, None]).T @ inside
    hessian[np.diag_indices(X.shape[1])] += 2.2622
    slope = (p * (1 - p))[:, None] * bordered
    gap = slope[~train & male].mean(axis=0) - slope[~train & ~male].mean(axis=0)
    wanted = {
        "validation loss": bordered[~train].T @ (p - y)[~train] / (~train).sum(),
        "demographic parity": gap,
    }
    # Influence of removing a row: gradient of the objective, inverse Hessian, gradient of the row.
    scores = {
        name: (p - y)[train] * (inside @ np.linalg.solve(hessian, gradient))
        for name, gradient in wanted.items()
    }
    return np.column_stack([X, y])[train], scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--tables", type=int, default=20, help="synthetic tables, and splits of Adult; 2 or more"
    )
    n_tables = parser.parse_args().tables
    with threadpool_limits(1):
        compare("Synthetic", (synthetic(40_000, 100, s) for s in range(n_tables)), 10_000)
        folder = os.environ.get("STREAMLEARN_DATA")
        if folder is None:
            print("\nSTREAMLEARN_DATA is not set: Adult left out")
            return
        X, scores = adult(Path(folder))
        rng = np.random.default_rng(0)
        for name, values in scores.items():
            orders = [rng.permutation(values.size) for _ in range(n_tables)]
            compare(f"Adult, {name}", ((X[o], values[o]) for o in orders), 7_500)


if __name__ == "__main__":
    main()
