"""Speed and memory of diverse selections, as ratios to named baselines in turn with them.

Processor times, medians over the rounds, one thread. apricot and submodlib live in an environment
of their own: a child process there does one selection whenever it is asked, between ours. Both are
given the finished kernel matrix, which we never form; scikit-learn's time to make it is told apart.

    python -m venv ENV && ENV/bin/pip install apricot-select submodlib-py scikit-learn
    python benchmarks/selection_speed.py [--peers ENV/bin/python]
                                         [--only facility,pass,large,sweep]
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    """Processor time and result."""
    start = time.process_time()
    result = run()
    return time.process_time() - start, result


def theirs(folder: Path) -> None:
    """In the peers' interpreter: read a name a line, do its selection, print it as JSON."""
    import warnings

    warnings.simplefilter("ignore")
    from apricot import FacilityLocationSelection  # type: ignore[import-not-found]
    from sklearn.metrics.pairwise import rbf_kernel
    from submodlib import FacilityLocationFunction  # type: ignore[import-not-found]

    X, width = np.load(folder / "X.npy"), float(np.load(folder / "width.npy"))
    K = np.empty((0, 0))

    def kernel() -> list[int]:
        nonlocal K
        K = rbf_kernel(X, gamma=0.5 / width**2)
        return []

    def apricot() -> Any:
        return FacilityLocationSelection(100, metric="precomputed", optimizer="lazy").fit(K).ranking

    def submodlib() -> Any:
        function = FacilityLocationFunction(n=len(K), mode="dense", sijs=K, separate_rep=False)
        pairs = function.maximize(budget=100, optimizer="LazyGreedy", show_progress=False)
        return [row for row, _ in pairs]

    jobs = {"kernel": kernel, "apricot": apricot, "submodlib": submodlib}
    for line in sys.stdin:
        took, rows = timed(jobs[line.strip()])
        print(json.dumps([took, [int(row) for row in rows]]), file=sys.__stdout__, flush=True)


if "--child" in sys.argv:  # that interpreter has no streamlearn
    theirs(Path(sys.argv[-1]))
    sys.exit()

from threadpoolctl import threadpool_limits  # noqa: E402

from streamlearn.datasets import load  # noqa: E402
from streamlearn.selection import (  # noqa: E402
    GAMMAS,
    MMD,
    RBF,
    FacilityLocation,
    SumRedundancy,
    select_diverse,
    trade_off,
)
from streamlearn.selection.kernels import median_distance  # noqa: E402
from streamlearn.selection.space import Space  # noqa: E402


def clusters(n: int, d: int = 50) -> tuple[Any, Any]:
    """Values, and rows in thirty clusters, with columns of variance one."""
    rng = np.random.default_rng(0)
    X = 1.5 * rng.normal(size=(30, d))[rng.integers(30, size=n)] + rng.normal(size=(n, d))
    return rng.normal(size=n), (X - X.mean(axis=0)) / X.std(axis=0)


class Peers:
    """The child process."""

    def __init__(self, python: str, X: Any, width: float, folder: str) -> None:
        np.save(Path(folder) / "X.npy", X)
        np.save(Path(folder) / "width.npy", width)
        self.process = subprocess.Popen(
            [python, __file__, "--child", folder],
            env=os.environ | ONE_THREAD,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def ask(self, name: str) -> tuple[float, list[int]]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{name}\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("["):  # submodlib prints other things as well
                took, rows = json.loads(line)
                return took, rows
        raise RuntimeError(f"the peers' process ended at {name!r}; are both installed there?")

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def facility(python: str | None, rounds: int) -> None:
    tables = {"thirty clusters, 10,000 x 50": clusters(10_000)[1]}
    if "STREAMLEARN_DATA" in os.environ:
        bank = load("bank", recipe="bhatt2021").part("train")[0][:10_000]
        tables[f"Bank, 10,000 x {bank.shape[1]}"] = bank
    for title, X in tables.items():
        width = median_distance(Space(X, True, False), np.arange(len(X)), 0)
        exact = FacilityLocation(RBF(width, standardise=False), reference=None)

        def ours(X: Any = X, exact: Any = exact) -> Any:
            return select_diverse(np.zeros(len(X)), X, 100, exact, gamma=1.0)

        print(f"\nFacility location, {title}, choose 100, all rows to be served")
        times: dict[str, list[float]] = {"ours": []}
        chosen: dict[str, Any] = {}
        with tempfile.TemporaryDirectory() as folder:
            peers = Peers(python, X, width, folder) if python else None
            names = ["kernel", "apricot", "submodlib"] if peers else []
            for k in range(rounds):
                took, few = timed(ours)
                times["ours"].append(took)
                chosen["ours"] = few.ids
                for name in names:
                    if peers is not None and (name != "kernel" or k == 0):
                        took, chosen[name] = peers.ask(name)
                        times.setdefault(name, []).append(took)
            if peers is not None:
                peers.close()
        base = float(np.median(times["ours"]))
        kernel = times.pop("kernel", [0.0])[0]
        for name, seconds in times.items():
            took, chooses = float(np.median(seconds)), np.asarray(chosen[name], int)
            value = exact.measure(X, np.arange(len(X)), 0).value(chooses)
            whole = (
                "" if name == "ours" else f"{(took + kernel) / base:.1f} x from rows (kernel made)"
            )
            print(
                f"   {name:<12}{took:>8.2f} s {took / base:>7.2f} x ours   objective {value:.6f}   "
                f"{whole}",
                flush=True,
            )
    if python is None:
        print("   peers skipped: no interpreter of theirs was named (--peers)")


def one_pass(rounds: int) -> None:
    values, X = clusters(45_000)
    n, d = X.shape
    w, m = X[0].copy(), 100
    products, chosen = [], []
    for _ in range(rounds):
        products.append(timed(lambda: [X @ w for _ in range(m)])[0] / m)
        chosen.append(timed(lambda: select_diverse(values, X, m, gamma=1.0))[0] / m)
    product, step = float(np.median(products)), float(np.median(chosen))
    print(f"\nInfluence + sum-redundancy, {n:,} x {d}, choose {m}")
    print(f"   {step / product:.1f} passes X @ w a row chosen, all preparation included")
    more = np.tile(X, (4, 1)), np.tile(values, 4)
    peaks = [
        peak(lambda: select_diverse(values, X, m, gamma=1.0)),
        peak(lambda: select_diverse(more[1], more[0], m, gamma=1.0)),
    ]
    print(
        f"   peak beside X (which has {d} numbers a row): {peaks[0] / 2**20:.1f} MB, and "
        f"{(peaks[1] - peaks[0]) / (24 * n):.1f} numbers a row more for four times the rows"
    )


def peak(run: Callable[[], Any]) -> int:
    """Most bytes allocated while it runs."""
    tracemalloc.start()
    run()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def large() -> None:
    values, X = clusters(200_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    took, few = timed(lambda: select_diverse(values, X, 1000, gamma=1.0))
    extra = peak(lambda: select_diverse(values, X, 100, gamma=1.0))
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"\nInfluence + sum-redundancy, 200,000 x 50, choose {len(few):,}")
    print(
        f"   {took:.1f} s; process maximum {before / 1024:.0f} MB before (X in it), "
        f"{most / 1024:.0f} MB after; {extra / 2**20:.0f} MB beside X"
    )


def sweep() -> None:
    print("\nSweep of 46 gammas against 46 single selections")
    for n in (10_000, 45_000):
        values, X = clusters(n)
        for diversity in (SumRedundancy(), MMD(), FacilityLocation()):
            for m in (5, 10, 20, 50):
                if n > 10_000 and (m > 10 or not isinstance(diversity, SumRedundancy)):
                    continue
                together, curve = timed(lambda: trade_off(values, X, m, diversity))  # noqa: B023
                single, few = timed(
                    lambda: [
                        tuple(select_diverse(values, X, m, diversity, gamma=g).ids.tolist())  # noqa: B023
                        for g in GAMMAS
                    ]
                )
                same = few == curve["ids"].tolist()[1:]
                print(
                    f"   {n:>7,} rows, m = {m:<3} {diversity!r:<20}{single / together:>7.1f} x "
                    f"cheaper, {'identical sets' if same else 'SETS DIFFER'}, "
                    f"{curve['ids'].nunique()} distinct",
                    flush=True,
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--peers", help="interpreter of an environment with apricot and submodlib")
    parser.add_argument("--only", default="facility,pass,large,sweep")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    parts: dict[str, Callable[[], None]] = {
        "facility": lambda: facility(options.peers, options.rounds),
        "pass": lambda: one_pass(options.rounds),
        "large": large,
        "sweep": sweep,
    }
    with threadpool_limits(1):
        for name in options.only.split(","):
            parts[name]()


if __name__ == "__main__":
    main()
