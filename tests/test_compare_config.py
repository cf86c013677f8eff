"""Comparisons from a TOML file and from the command line."""

import functools
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from streamlearn.benchmark import Results
from streamlearn.benchmark.cell import Settings
from streamlearn.benchmark.configuration import read
from streamlearn.benchmark.division import Sizes, divide
from streamlearn.benchmark.grid import Grid
from streamlearn.benchmark.suites import SUITES, suite
from streamlearn.cli import app
from streamlearn.datasets import Dataset, load

SMALL = """
datasets = ["iris"]
strategies = ["random", "margin"]
learners = "naive_bayes"
seeds = 2
rounds = 2
n_jobs = 1
folder = "out"
"""


def command(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["compare", *map(str, arguments)])


def written(folder: Path, text: str) -> Path:
    path = folder / "these.toml"
    path.write_text(text)
    return path


def test_lists_sections_and_numbers(tmp_path: Path) -> None:
    load("iris").frame.assign(kind=load("iris").target).to_csv(tmp_path / "rows.csv", index=False)
    text = """
    seeds = [3, 5]
    per_round = "all"
    noise = ["none", 0.2, { name = "symmetric", rate = 0.1 }]
    [strategies]
    random = {}
    far = { name = "diverse", strategy = { name = "margin" } }
    [datasets]
    digits = {}
    mine = { table = "rows.csv", target = "kind" }
    turning = { drift = "abrupt", n_batches = 6 }
    """
    given = read(written(tmp_path, text))
    assert given["seeds"] == [3, 5]
    assert given["per_round"] is None
    assert given["noise"][:2] == ["none", 0.2]
    assert list(given["strategies"]) == ["random", "far"]
    assert given["datasets"]["digits"] == "digits"
    assert isinstance(given["datasets"]["mine"], Dataset)
    assert len(given["datasets"]["mine"].frame.columns) == 4
    assert isinstance(given["datasets"]["turning"], functools.partial)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("roundz = 3", "unknown key 'roundz': did you mean 'rounds'?"),
        ("seeds = 'two'", "seeds must be"),
        ("strategies = ['random']", "datasets are missing"),
        ("datasets = ['iris']", "strategies are missing"),
        ("suite = 'clasic'", "did you mean 'classic'"),
        ("strategies = ['margn']", "strategies[0].name: unknown strategy 'margn'"),
        ("[strategies]\nx = { name = 'diverse', stratgy = 3 }", "[strategies].x.stratgy"),
        ("datasets = ['digts']", "did you mean 'digits'"),
        ("datasets = [{ table = 'no.csv', target = 'y' }]", "no file"),
        ("datasets = [{ table = 'no.csv' }]", "datasets[0].target is missing"),
        ("datasets = [{ tabel = 'no.csv' }]", "did you mean 'table'"),
        ("datasets = [{ drift = 'abrubt' }]", "did you mean 'abrupt'"),
        ("datasets = [{ drift = 'abrupt', batchsize = 3 }]", "did you mean 'batch_size'"),
        ("metrics = ['acuracy']", "did you mean 'accuracy'"),
        ("per_round = 'every'", 'per_round must be a number or "all"'),
        ("noise = [{ name = 'symetric' }]", "did you mean 'symmetric'"),
        ("strategies = []", "strategies is empty"),
        ("seeds = ", "not valid TOML"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    result = command(written(tmp_path, text))
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())


def test_the_example_can_be_read() -> None:
    given = read(Path(__file__).parents[1] / "examples" / "compare.toml")
    assert given["noise"] == {"clean": "none", "one in five wrong": 0.2}


def test_a_file_or_a_suite() -> None:
    assert "give either a CONFIG.toml or --suite" in command().stderr
    assert command("--suite", "clasic").exit_code == 2


def test_run_look_run_again(tmp_path: Path) -> None:
    path = written(tmp_path, SMALL)
    result = command(path)
    assert result.exit_code == 0, result.stderr
    assert "4 cells done" in result.stdout
    first = Results.load(tmp_path / "out")
    result = command(path, "--seeds", 3, "--json")
    assert result.exit_code == 0, result.stderr
    said = json.loads(result.stdout)
    assert said["cells"] == {"done": 6}
    assert said["failed"] == []
    second = Results.load(tmp_path / "out").cells
    common = second[second["seed"] < 2].reset_index(drop=True)
    pd.testing.assert_frame_equal(common, first.cells)


def test_failed_cells_are_said_and_the_exit_code_tells(tmp_path: Path) -> None:
    nobody = '{ name = "class_conditional", rates = { nobody = 0.1 } }'
    path = written(tmp_path, SMALL + f'noise = ["none", {nobody}]\n')
    result = command(path)
    assert result.exit_code == 1
    assert "4 cells failed" in result.stderr
    assert "--retry-failed" in result.stderr
    assert "random: " in result.stderr
    assert command(path, "--retry-failed", "-q").exit_code == 1


def test_a_damaged_file_is_said_in_one_line(tmp_path: Path) -> None:
    path = written(tmp_path, SMALL)
    assert command(path, "-q").exit_code == 0
    next((tmp_path / "out" / "cells").glob("*.parquet")).write_bytes(b"PAR1")
    result = command(path)
    assert result.exit_code == 0
    assert "warning: " in result.stderr
    assert "damaged" in result.stderr


@pytest.mark.parametrize("name", sorted(SUITES))
def test_a_suite_is_a_grid_that_can_be_run(name: str) -> None:
    given = suite(name)
    factors = {
        "dataset": given["datasets"],
        "learner": given["learners"],
        "noise": given.get("noise"),
        "strategy": given["strategies"],
        "trimmer": given.get("trimmers"),
    }
    seeds: Any = list(range(given["seeds"]))
    sizes = Sizes(**{k: v for k, v in given.items() if k in Sizes.__dataclass_fields__})
    grid = Grid.of(factors, seeds, sizes, Settings(None, 10, 1, {}))
    cells = grid.cells()
    assert len({cell.key for cell in cells}) == len(cells)
    for table in grid.tables:
        division = divide(table, 0, sizes)
        assert len(division.y) <= 2000
        assert len(division.classes) >= 2
