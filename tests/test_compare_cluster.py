"""The same comparison on a Dask or Ray cluster of real processes on loopback."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from streamlearn.benchmark import Results, compare
from streamlearn.errors import MissingExtraError

TIMES = ["seconds", "query_seconds", "trim_seconds"]
SMALL: dict[str, Any] = {
    "strategies": ["random", "margin"],
    "datasets": "iris",
    "learners": "naive_bayes",
    "noise": [None, 0.2],
    "rounds": 5,
    "per_round": 5,
}
# A worker kills itself with SIGKILL, once: in the middle of a cell, with others under way.
DASK = """
import os, signal, sys
from pathlib import Path
from typing import Any

from distributed import Client, LocalCluster
from sklearn.naive_bayes import GaussianNB

from streamlearn.benchmark import compare


class Deadly(GaussianNB):
    '''Naive Bayes that takes its process with it the first time it meets 35 rows.'''

    def __init__(self, flag: str = "") -> None:
        super().__init__()
        self.flag = flag

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        if self.flag and len(y) == 35 and Path(self.flag).exists():
            Path(self.flag).unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().fit(X, y, sample_weight)


if __name__ == "__main__":
    folder, flag = sys.argv[1:]
    small = {small}
    small["learners"] = {{"naive_bayes": Deadly(flag)}}
    Path(flag).touch()
    with LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1",
                      dashboard_address=None) as cluster:
        with Client(cluster) as client:
            before = set(client.run(os.getpid).values())
            compare(**small, seeds=10, folder=folder, backend="dask",
                    address=cluster.scheduler_address, progress=False)
            after = set(client.run(os.getpid).values())
    assert not Path(flag).exists(), "no worker was killed"
    assert len(before) == 2 and before != after, (before, after)
"""
RAY = """
import sys
from streamlearn.benchmark import compare

if __name__ == "__main__":
    compare(**{small}, seeds=10, folder=sys.argv[1], backend="ray", n_jobs=2, progress=False)
"""


def ran(script: str, folder: Path, *more: object) -> Results:
    path = folder.parent / "script.py"
    path.write_text(script.format(small=SMALL))
    command = [sys.executable, str(path), str(folder), *map(str, more)]
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0"}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        said, _ = process.communicate(timeout=240)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        said, _ = process.communicate()
        pytest.fail(f"it never ended:\n{said[-3000:]}")
    assert process.returncode == 0, said[-3000:]
    return Results.load(folder)


def same(one: Results, other: Results) -> None:
    # The key of a cell tells Deadly from plain naive Bayes; nothing else differs.
    drop = [*TIMES, "cell"]
    pd.testing.assert_frame_equal(one.cells.drop(columns=drop), other.cells.drop(columns=drop))
    pd.testing.assert_frame_equal(one.curves, other.curves)


@pytest.mark.extra
def test_a_dask_worker_killed_half_way_loses_nothing(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="needs streamlearn[dask]")
    found = ran(DASK, tmp_path / "dask", tmp_path / "flag")
    assert (found.cells["status"] == "done").all()
    same(found, compare(**SMALL, seeds=10, n_jobs=1))


@pytest.mark.extra
def test_ray_gives_what_one_process_gives(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="needs streamlearn[ray]")
    same(ran(RAY, tmp_path / "ray"), compare(**SMALL, seeds=10, n_jobs=1))


@pytest.mark.parametrize(("backend", "package"), [("dask", "distributed"), ("ray", "ray")])
def test_a_missing_package_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, backend: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"streamlearn\[{backend}\]"):
        compare(**SMALL, seeds=1, backend=backend)
