"""A comparison killed at any moment, and started again, ends with the table of one never killed."""

import multiprocessing
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from streamlearn.benchmark import Results, compare

TIMES = ["seconds", "query_seconds", "trim_seconds"]


def arguments(seeds: int) -> dict[str, Any]:
    return {
        "strategies": ["random", "margin"],
        "datasets": "iris",
        "learners": "naive_bayes",
        "noise": [None, 0.2],
        "seeds": seeds,
        "rounds": 8,
        "per_round": 5,
    }


def run(folder: str, seeds: int, n_jobs: int, begun: Any) -> None:
    warnings.simplefilter("error")
    begun.set()
    compare(**arguments(seeds), folder=folder, n_jobs=n_jobs)


def live(folder: Path, seeds: int, n_jobs: int, after: float, cells: int = 0) -> None:
    """Start it in a process of its own and kill that, some seconds after so many cells."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["streamlearn.benchmark", "streamlearn.simulators"])
    begun = context.Event()
    process = context.Process(target=run, args=(str(folder), seeds, n_jobs, begun), daemon=False)
    process.start()
    assert begun.wait(60)
    while process.is_alive() and len(done(folder)) < cells:
        time.sleep(0.002)
    time.sleep(after)
    process.kill()
    process.join()


def done(folder: Path) -> list[Path]:
    return list((folder / "cells").glob("*.parquet"))


def same(one: Results, other: Results) -> None:
    pd.testing.assert_frame_equal(one.cells.drop(columns=TIMES), other.cells.drop(columns=TIMES))
    pd.testing.assert_frame_equal(one.curves, other.curves)


def test_killed_ten_times_at_random_moments(tmp_path: Path) -> None:
    seeds, rng = 40, np.random.default_rng()
    counts = [0]
    for _ in range(10):
        live(tmp_path, seeds, 1, after=rng.uniform(0, 0.03), cells=counts[-1] + 2)
        counts.append(len(done(tmp_path)))
    assert all(np.diff(counts) >= 2), "every life adds cells to those of the lives before"
    assert counts[-1] < 4 * seeds, "each was killed before the end"
    cut_short = Results.load(tmp_path)
    assert (cut_short.cells["status"] == "missing").sum() == 4 * seeds - counts[-1]
    kept = {path.name: path.stat().st_ino for path in done(tmp_path)}
    result = compare(**arguments(seeds), folder=tmp_path, n_jobs=1)
    same(result, compare(**arguments(seeds), n_jobs=1))
    same(result, Results.load(tmp_path))
    assert kept.items() <= {path.name: path.stat().st_ino for path in done(tmp_path)}.items()


@pytest.mark.filterwarnings("ignore:resource_tracker")
def test_the_coordinator_of_two_processes_killed(tmp_path: Path) -> None:
    live(tmp_path, 10, 2, after=0.0, cells=1)
    same(compare(**arguments(10), folder=tmp_path, n_jobs=1), compare(**arguments(10), n_jobs=1))
