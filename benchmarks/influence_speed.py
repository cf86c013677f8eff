"""Speed and memory of fits and scores, as ratios to one X'X in the same process.

Every ratio is of best times, baseline and contender in turn, on one BLAS thread. ``cpu`` is
processor time, which other load on the machine disturbs less than ``wall``.

    python benchmarks/influence_speed.py [--only dense,paper,sparse,batches,unscaled,loo,memory]
                                         [--million]
"""

import argparse
import os
import resource
import tempfile
import threading
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse
from scipy.stats import spearmanr
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from streamlearn.datasets import load
from streamlearn.influence import LinearClassifier, ValidationLoss, influence
from streamlearn.influence.kernel import row_blocks, sweep
from streamlearn.influence.losses import Logistic

HAVE_DATA = "STREAMLEARN_DATA" in os.environ


def race(contenders: dict[str, Callable[[], Any]], repeat: int = 5) -> None:
    """Print the best time of each beside that of the first."""
    best = {name: [np.inf, np.inf] for name in contenders}
    for _ in range(repeat):
        for name, run in contenders.items():
            wall, cpu = time.perf_counter(), time.process_time()
            run()
            took = time.perf_counter() - wall, time.process_time() - cpu
            best[name] = [min(a, b) for a, b in zip(best[name], took, strict=True)]
    base = best[next(iter(best))]
    for name, (wall, cpu) in best.items():
        print(
            f"   {name:<52}{wall * 1e3:>10.1f} ms   wall {wall / base[0]:>7.2f} x"
            f"   cpu {cpu / base[1]:>7.2f} x",
            flush=True,
        )


def generated(n: int, d: int, seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    y = (X @ rng.normal(size=d) * 0.2 + rng.logistic(size=n) > 0).astype(int)
    return X, y


def everything(X: Any, y: Any, f: Any, l2: float = 1.0, n_jobs: int | None = None) -> Any:
    """Fit to |g|/n <= 1e-8, Hessian, factor, leverage-corrected scores of all rows."""
    return influence(LinearClassifier(l2=l2, n_jobs=n_jobs).fit(X, y), X, y, f, n_jobs=n_jobs)


def one_table(X: Any, y: Any, V: Any, w: Any, l2: float, repeat: int, peers: bool) -> None:
    f = ValidationLoss(V, w)
    model = LinearClassifier(l2=l2).fit(X, y)
    contenders: dict[str, Callable[[], Any]] = {
        "X'X": lambda: X.T @ X,
        "fit": lambda: LinearClassifier(l2=l2).fit(X, y),
        "scores": lambda: influence(model, X, y, f),
        "scores without leverage": lambda: influence(model, X, y, f, leverage=False),
        "fit + Hessian + factor + scores": lambda: everything(X, y, f, l2),
        "the same, two row-block workers": lambda: everything(X, y, f, l2, n_jobs=2),
    }
    if peers:
        contenders["scikit-learn newton-cholesky, fit alone"] = lambda: LogisticRegression(
            C=1 / l2, solver="newton-cholesky", tol=1e-8
        ).fit(X, y)
    race(contenders, repeat)


def dense(million: bool) -> None:
    for n, d in [(30_000, 100), (100_000, 100)] + [(1_000_000, 100)] * million:
        X, y = generated(n, d)
        print(f"\nDense, {n:,} x {d}")
        one_table(X, y, X[:2000], y[:2000], 1.0, 3 if n > 500_000 else 7, n <= 100_000)
    if HAVE_DATA:
        for name, l2 in (("adult", 2.2622), ("bank", 1.1622)):
            recipe = load(name, recipe="chhabra2024")
            X, y, _ = recipe.part("train")
            V, w, _ = recipe.part("validation")
            print(f"\n{name}, standardised one-hot, {X.shape[0]:,} x {X.shape[1]}")
            one_table(X, y, V, w, l2, 7, True)


def papers_way(X: Any, y: Any, V: Any, w: Any, theta: Any, l2: float) -> Any:
    """As in the code of Chhabra et al.: every row's d x d Hessian, then their sum."""
    p = 1 / (1 + np.exp(-X @ theta))
    H = np.einsum("i,ij,ik->ijk", p * (1 - p), X, X, optimize=False).sum(axis=0)
    H += l2 * np.eye(len(theta))
    q = 1 / (1 + np.exp(-V @ theta))
    return ((p - y)[:, None] * X) @ np.linalg.solve(H, ((q - w)[:, None] * V).sum(axis=0))


def paper() -> None:
    if HAVE_DATA:
        recipe = load("adult", recipe="chhabra2024")
        X, y, _ = recipe.part("train")
        V, w, _ = recipe.part("validation")
    else:
        X, y = generated(30_000, 102)
        V, w = generated(7_500, 102, 1)
    model = LinearClassifier(l2=2.2622, fit_intercept=False).fit(X, y)
    f = ValidationLoss(V, w)
    theirs = papers_way(X, y, V, w, model.coef_[0], 2.2622)
    ours = influence(model, X, y, f, leverage=False)
    print(
        f"\nScores of {len(y):,} rows, {X.shape[1]} columns; Spearman with the paper's way "
        f"{spearmanr(ours, theirs)[0]:.6f}"
    )
    race(
        {
            "ours, leverage-corrected": lambda: influence(model, X, y, f),
            "the paper's way: an n x d x d array": lambda: papers_way(
                X, y, V, w, model.coef_[0], 2.2622
            ),
        },
        3,
    )


def one_hot(n: int, d: int, fields: int) -> Any:
    """A sparse table of that many categorical fields."""
    rng = np.random.default_rng(0)
    width = d // fields
    columns = rng.integers(0, width, (n, fields)) + width * np.arange(fields)
    pointers = np.arange(0, n * fields + 1, fields)
    return sparse.csr_matrix((np.ones(n * fields), columns.ravel(), pointers), shape=(n, d))


def sparse_hessian(million: bool) -> None:
    n = 1_000_000 if million else 200_000
    X = one_hot(n, 385, 8)
    rng = np.random.default_rng(0)
    theta = rng.normal(size=(1, 385)) * 0.3
    y = (rng.random(n) < 1 / (1 + np.exp(-(X @ theta[0])))).astype(np.intp)
    p = 1 / (1 + np.exp(-(X @ theta[0])))
    c = p * (1 - p)
    loss = Logistic(2)
    ours = sweep(row_blocks(X, y, None), theta, loss, False, hessian=True).hessian
    theirs = (X.T @ X.multiply(c[:, None]).tocsr()).toarray()
    print(
        f"\nSparse one-hot, {n:,} x 385, 8 non-zeros a row; largest difference "
        f"{np.abs(ours - theirs).max():.1e}"
    )
    f = ValidationLoss(X[:2000], y[:2000])
    race(
        {
            "the whole pass: loss, gradient, Hessian": lambda: sweep(
                row_blocks(X, y, None), theta, loss, False, hessian=True
            ),
            "scipy: X' (c X), the Hessian alone": lambda: X.T @ X.multiply(c[:, None]).tocsr(),
            "fit + Hessian + factor + scores": lambda: everything(X, y, f),
        },
        3,
    )


class _Files:
    """Batches on disk, read into the same two buffers every time."""

    def __init__(self, folder: Path, n: int, d: int, batch: int) -> None:
        self.folder, self.shape, self.parts = folder, (batch, d), n // batch
        for i in range(self.parts):
            rng = np.random.default_rng(i)
            X = rng.standard_normal((batch, d), dtype=np.float32)
            y = (X[:, 0] + X[:, 1] + rng.logistic(size=batch) > 0).astype(np.int8)
            X.tofile(folder / f"X{i}")
            y.tofile(folder / f"y{i}")

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        X, y = np.empty(self.shape, np.float32), np.empty(self.shape[0], np.int8)
        for i in range(self.parts):
            with (self.folder / f"X{i}").open("rb") as file:
                file.readinto(X.data)
            with (self.folder / f"y{i}").open("rb") as file:
                file.readinto(y.data)
            yield X, y


def _anonymous() -> int:
    """Bytes of anonymous memory held by this process now; zero where /proc is missing."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    for line in status.read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024
    return 0


def _peak(run: Callable[[], Any]) -> tuple[int, Any]:
    """Most anonymous memory while it runs, beyond what was held before."""
    before, most, done = _anonymous(), 0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.wait(0.005):
            most = max(most, _anonymous())

    watcher = threading.Thread(target=watch)
    watcher.start()
    result = run()
    done.set()
    watcher.join()
    return max(most, _anonymous()) - before, result


def batches(million: bool) -> None:
    d, batch = 50, 100_000
    print(f"\nOut of core, float32 x {d}, batches of {batch:,}: fit and scores")
    V, w = generated(2000, d)
    peaks = []
    for n in (batch, 4 * batch, (40 if million else 12) * batch):
        with tempfile.TemporaryDirectory() as folder:
            files = _Files(Path(folder), n, d, batch)

            def run(files: Any = files) -> Any:
                model = LinearClassifier().fit_batches(files, classes=[0, 1])
                return influence(model, files, None, ValidationLoss(V, w))

            wall = time.perf_counter()
            peak, scores = _peak(run)
            peaks.append((n, peak))
            took = time.perf_counter() - wall
            print(f"   {n:>10,} rows {took:>7.2f} s   peak {peak / 2**20:>7.1f} MB", flush=True)
            assert len(scores) == n
    (n0, p0), (n1, p1) = peaks[1], peaks[-1]
    print(f"   growth {(p1 - p0) / (n1 - n0):.2f} bytes a row (the scores themselves are 8)")


def memory() -> None:
    for n, d in [(100_000, 100), (400_000, 100)]:
        X, y = generated(n, d)
        f = ValidationLoss(X[:2000].copy(), y[:2000])
        tracemalloc.start()
        everything(X, y, f)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        print(
            f"\nMemory, {n:,} x {d}: peak beside X {peak / 2**20:.1f} MB, "
            f"that is {(peak - 24 * n) / 2**20:.1f} MB beside three vectors of n"
        )
    print(f"   process maximum {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def unscaled() -> None:
    """One-hot columns beside amounts of money: what stopping early does to influence."""
    if HAVE_DATA:
        import pandas as pd

        data = load("adult")
        frame = pd.get_dummies(data.frame, dtype=float)
        X, y = frame.to_numpy(), (data.target == data.positive).to_numpy(int)
    else:
        rng = np.random.default_rng(0)
        X = np.column_stack([one_hot(20_000, 80, 8).toarray(), rng.lognormal(9, 2, (20_000, 3))])
        y = (X[:, 0] + X[:, 9] + rng.logistic(size=len(X)) > 0.5).astype(int)
    print(
        f"\nUnscaled one-hot, {X.shape[0]:,} x {X.shape[1]}, condition of X'X "
        f"{np.linalg.cond(X.T @ X + np.eye(X.shape[1])):.0e} (with the penalty)"
    )
    f = ValidationLoss(X[::5], y[::5])
    wall = time.perf_counter()
    model = LinearClassifier().fit(X, y)
    truth = influence(model, X, y, f)
    print(
        f"   ours: |g|/n {model.gradient_norm_:.1e}, fit and scores "
        f"{time.perf_counter() - wall:.2f} s"
    )
    for limit in (100, 2048):
        wall = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            lbfgs = LogisticRegression(max_iter=limit).fit(X, y)
        took = time.perf_counter() - wall
        theirs = model._at(np.column_stack([lbfgs.coef_, lbfgs.intercept_]))
        scores = influence(theirs, X, y, f, tol=np.inf)
        problem = np.abs((lbfgs.predict_proba(X)[:, 1] - y) @ X + lbfgs.coef_[0]).max() / len(y)
        print(
            f"   lbfgs, {lbfgs.n_iter_[0]} iterations: |g|/n {problem:.1e}, {took:.2f} s, "
            f"Spearman of its scores {spearmanr(scores, truth)[0]:.2f}"
        )


def leave_one_out() -> None:
    if HAVE_DATA:
        recipe = load("bank", recipe="chhabra2024")
        X, y, _ = recipe.part("train")
        V, w, _ = recipe.part("validation")
        l2 = 1.1622
    else:
        X, y = generated(10_000, 50)
        V, w = generated(5_000, 50, 1)
        l2 = 1.0
    f = ValidationLoss(V, w)
    model = LinearClassifier(l2=l2, tol=1e-10).fit(X, y)
    wall, cpu = time.perf_counter(), time.process_time()
    exact = influence(model, X, y, f, exact=True)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    base, everyone = f.value(model), np.arange(len(y))
    sample = np.random.default_rng(0).choice(len(y), 100, replace=False)
    peers = {
        "lbfgs, default tol": LogisticRegression(C=1 / l2, max_iter=1000),
        "lbfgs, tol 1e-6": LogisticRegression(C=1 / l2, tol=1e-6, max_iter=1000),
        "newton-cholesky": LogisticRegression(C=1 / l2, solver="newton-cholesky"),
    }
    took, truth = {name: np.zeros(2) for name in peers}, []
    for i in sample:
        kept = np.delete(everyone, i)
        Xi, yi = X[kept], y[kept]
        for name, peer in peers.items():
            start = np.array([time.perf_counter(), time.process_time()])
            peer.fit(Xi, yi)
            took[name] += np.array([time.perf_counter(), time.process_time()]) - start
        sharp = LinearClassifier(l2=l2, tol=1e-12)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            truth.append(f.value(sharp.fit(Xi, yi)) - base)
    error = np.abs(exact[sample] - truth).max() / np.abs(exact).max()
    scores = influence(model, X, y, f)
    print(f"\nLeave-one-out of all {len(y):,} rows: {wall:.1f} s wall, {cpu:.1f} s cpu")
    for name, seconds in took.items():
        full = seconds * len(y) / len(sample)
        print(
            f"   scikit-learn's {name}, extrapolated from 100 refits: {full[0]:.0f} s, wall "
            f"{full[0] / wall:.0f} x, cpu {full[1] / cpu:.0f} x"
        )
    print(
        f"   against 100 certified refits: Spearman {spearmanr(exact[sample], truth)[0]:.6f}, "
        f"largest error / largest score {error:.1e}"
    )
    print(
        f"   one step (leverage-corrected scores) against it: Spearman "
        f"{spearmanr(scores, exact)[0]:.4f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="dense,paper,sparse,batches,memory,unscaled,loo")
    parser.add_argument("--million", action="store_true", help="a million rows where it says so")
    options = parser.parse_args()
    parts: dict[str, Callable[[], None]] = {
        "dense": lambda: dense(options.million),
        "paper": paper,
        "sparse": lambda: sparse_hessian(options.million),
        "batches": lambda: batches(options.million),
        "memory": memory,
        "unscaled": unscaled,
        "loo": leave_one_out,
    }
    with threadpool_limits(1):
        for name in options.only.split(","):
            parts[name]()


if __name__ == "__main__":
    main()
