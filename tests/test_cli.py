"""The command line on simulated campaigns: run, resume, status, list, export."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from streamlearn.cli import app
from streamlearn.console.run_folder import Run
from streamlearn.datasets import load
from streamlearn.loop import Loop

POOL = """
budget = 30
per_round = 5
initial = 9
[data]
name = "iris"
[annotator]
noise = { name = "symmetric", rate = 0.2 }
"""
STREAM = """
test = 0.2
reference = 12
[data]
name = "iris"
stream = true
batch_size = 20
shuffle = true
[learner]
name = "naive_bayes"
[trimmer]
name = "loss"
budget = 0.25
[annotator]
noise = 0.3
delay = 1
"""


def cli(*words: object, **options: Any) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], **options)


def ok(*words: object, **options: Any) -> Result:
    result = cli(*words, **options)
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture
def pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pool.toml").write_text(POOL, encoding="utf-8")
    return tmp_path / "pool.toml"


def test_run_writes_a_folder_and_a_summary(pool: Path) -> None:
    result = ok("run", pool)
    folder = Path("runs/pool-0")
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["config.toml", "curve.csv", "journal.sqlite", "run.json"]
    assert (folder / "config.toml").read_text() == POOL
    curve = pd.read_csv(folder / "curve.csv")
    assert curve["labels"].tolist() == [0, 5, 10, 15, 20, 25, 30]
    assert "30 of 30 in 6 rounds, 9 initial" in result.stdout
    assert "budget spent" in result.stdout
    assert result.stderr == ""


def test_json_and_quiet(pool: Path) -> None:
    said = json.loads(ok("run", pool, "--json", "--out", "a").stdout)
    assert said["labels"] == 30
    assert said["stopped"] == "budget spent"
    assert 0 <= said["scores"]["accuracy"] <= 1
    assert json.loads(ok("status", "a", "--json").stdout) == said
    assert json.loads(ok("resume", "a", "--json").stdout) == said
    quiet = ok("run", pool, "--quiet", "--out", "b")
    assert quiet.output == ""


def test_same_seed_same_run_and_another_seed_another(pool: Path) -> None:
    for out, seed in (("a", 1), ("b", 1), ("c", 2)):
        ok("run", pool, "--out", out, "--seed", seed)
    a, b, c = (Path(out, "curve.csv").read_text() for out in "abc")
    assert a == b != c
    ok("run", pool, "--seed", 7)
    assert Path("runs/pool-7").is_dir()
    assert Run(Path("runs/pool-7")).campaign.config.seed == 7


def test_a_folder_that_holds_a_run_is_not_overwritten(pool: Path) -> None:
    ok("run", pool)
    before = Path("runs/pool-0/journal.sqlite").read_bytes()
    again = cli("run", pool)
    assert again.exit_code == 2
    assert "streamlearn resume runs/pool-0" in again.stderr
    assert Path("runs/pool-0/journal.sqlite").read_bytes() == before
    Path("full").mkdir()
    Path("full/thesis.txt").touch()
    assert cli("run", pool, "--out", "full").exit_code == 2
    Path("empty").mkdir()
    ok("run", pool, "--out", "empty")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (POOL.replace("budget", "budgt"), "did you mean 'budget'"),
        (POOL.replace("iris", "irs"), "did you mean 'iris'"),
        (POOL.replace("initial = 9", "initial = 900"), "initial = 900"),
        (POOL.replace("0.2", "1.2"), "rate must be a number from 0 to 1"),
        (POOL + "abstain = 2\n", "[annotator]"),
        (POOL + '[strategy]\nname = "diverse"\nmethod = "kmean"\n', "did you mean 'kmeans'"),
        (STREAM + "[strategy]\n", "needs a name"),
        ("initial = 5\n" + STREAM, "is for pools"),
    ],
)
def test_a_wrong_file_leaves_nothing_behind(pool: Path, wrong: str, words: str) -> None:
    pool.write_text(wrong, encoding="utf-8")
    result = cli("run", pool)
    assert result.exit_code == 2
    assert words in result.stderr
    assert "Traceback" not in result.output
    assert result.stdout == ""
    assert not list(Path("runs").glob("*")) if Path("runs").exists() else True


def test_commands_on_what_is_no_run(tmp_path: Path) -> None:
    for command in ("resume", "status", "ask", "label"):
        result = cli(command, tmp_path)
        assert result.exit_code == 2
        assert "there is no run in" in result.stderr
    assert cli("run", tmp_path / "no.toml").exit_code == 2


def test_people_commands_refuse_a_simulation(pool: Path) -> None:
    ok("run", pool)
    result = cli("ask", "runs/pool-0")
    assert result.exit_code == 2
    assert "simulated annotator" in result.stderr


def test_a_changed_configuration_or_table_is_noticed(pool: Path) -> None:
    data = load("iris")
    data.frame.assign(kind=data.target).to_csv("rows.csv", index=False)
    pool.write_text(POOL.replace('name = "iris"', 'table = "rows.csv"\ntarget = "kind"'))
    ok("run", pool, "--out", "deep/er/run")
    ok("resume", "deep/er/run")
    table = Path("rows.csv").read_text()
    Path("rows.csv").write_text(table.replace("5.1", "5.2", 1))
    result = cli("resume", "deep/er/run")
    assert result.exit_code == 2
    assert "rows.csv was changed since" in result.stderr
    Path("rows.csv").unlink()
    assert "rows.csv is gone" in cli("status", "deep/er/run").stderr
    Path("rows.csv").write_text(table)
    ok("status", "deep/er/run")
    config = Path("deep/er/run/config.toml")
    config.write_text(config.read_text() + "\n# note\n")
    assert "config.toml was changed since" in cli("resume", "deep/er/run").stderr


def test_a_project_can_be_moved(pool: Path, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    frame = load("iris").frame.assign(kind=load("iris").target)
    frame.to_parquet(tmp_path / "old/rows.parquet")
    text = POOL.replace('name = "iris"', 'table = "rows.parquet"\ntarget = "kind"')
    (tmp_path / "old/c.toml").write_text(text)
    ok("run", "old/c.toml", "--out", "old/run")
    (tmp_path / "old").rename(tmp_path / "new")
    ok("resume", "new/run")


def test_a_stream_is_scored_before_it_learns(pool: Path) -> None:
    pool.write_text(STREAM)
    said = json.loads(ok("run", pool, "--json").stdout)
    curve = pd.read_csv("runs/pool-0/curve.csv")
    assert said["labels"] == 108
    assert curve["closed"].sum() == 108
    assert curve["trimmed"].sum() == said["trimmed"] > 0
    assert said["trimming"]["base_rate"] == pytest.approx(0.3, abs=0.15)
    assert curve["prequential_accuracy_so_far"].iloc[-1] == said["prequential_accuracy"]
    assert curve["prequential_accuracy"].iloc[1:].notna().all()
    ok("export", "runs/pool-0", "--labels", "rows.parquet", "--model", "m.joblib")
    rows = pd.read_parquet("rows.parquet")
    assert len(rows) == 120
    assert (rows["weight"] == 0).sum() == said["trimmed"]
    assert (rows.loc[rows["weight"] == 0, "reason"] != "").all()
    assert joblib.load("m.joblib").predict(load("iris").frame).shape == (150,)


def test_export(pool: Path) -> None:
    ok("run", pool, "--out", "r")
    assert cli("export", "r").exit_code == 2
    ok("export", "r", "--labels", "l.csv", "--model", "m.joblib", "--curve", "c.csv")
    labels, iris = pd.read_csv("l.csv"), load("iris").frame
    assert len(labels) == 39
    assert labels["id"].is_unique
    assert (labels["round"] == 0).sum() == 9
    np.testing.assert_array_equal(labels[iris.columns], iris.loc[labels["id"]])
    assert Path("c.csv").read_text() == Path("r/curve.csv").read_text()
    model = joblib.load("m.joblib")
    curve = pd.read_csv("c.csv")
    campaign = Run(Path("r")).campaign
    test = campaign.split.test
    right = model.predict(iris.loc[test]) == campaign.table.labels(test)
    assert np.mean(right) == curve["accuracy"].iloc[-1]
    np.testing.assert_allclose(model.predict_proba(iris).sum(axis=1), 1)
    assert cli("export", "r", "--labels", "l.xlsx").exit_code == 2
    assert cli("export", "r", "--labels", "no/where.csv").exit_code == 2


def test_the_split_has_every_row_once_and_every_class(pool: Path) -> None:
    ok("run", pool, "--out", "r")
    split, table = Run(Path("r")).campaign.split, Run(Path("r")).campaign.table
    everything = np.concatenate([split.offered, split.reference, split.test])
    assert sorted(everything) == sorted(table.ids)
    assert set(split.initial) <= set(split.offered)
    for part, n in ((split.initial, 3), (split.test, 15)):
        assert np.unique(table.labels(part), return_counts=True)[1].tolist() == [n] * 3


def test_initial_rows_are_known_at_once_whatever_the_delay(pool: Path) -> None:
    pool.write_text(POOL + "delay = 3\n")
    assert json.loads(ok("run", pool, "--json").stdout)["labels"] == 30
    curve = pd.read_csv("runs/pool-0/curve.csv")
    assert (curve["round"][0], curve["closed"][0], curve["labels"][0]) == (0, 9, 0)


@pytest.mark.parametrize("group", ["strategies", "learners", "trimmers", "noise", "datasets"])
def test_list(group: str) -> None:
    known = {
        "strategies": "margin",
        "learners": "logistic",
        "trimmers": "loss",
        "noise": "symmetric",
        "datasets": "digits",
    }
    assert known[group] in ok("list", group).stdout
    rows = json.loads(ok("list", group, "--json").stdout)
    assert known[group] in [row["name"] for row in rows]
    assert all(row["what"] for row in rows if "rows" in row)


def test_list_of_something_else() -> None:
    result = cli("list", "strategy")
    assert result.exit_code == 2
    assert "did you mean 'strategies'" in result.stderr


def test_killed_and_resumed_is_the_same_run(pool: Path) -> None:
    pool.write_text(POOL.replace("budget = 30", "budget = 90").replace("= 5", "= 1"))
    ok("run", pool, "--out", "whole")
    run = [sys.executable, "-m", "streamlearn", "run", str(pool), "--out", "cut"]
    wal = Path("cut/journal.sqlite-wal")
    with Path("said.txt").open("w") as said:
        process = subprocess.Popen(run, stdout=said, stderr=said)
        while not (wal.is_file() and wal.stat().st_size > 100_000):
            assert process.poll() is None, Path("said.txt").read_text()
            time.sleep(0.001)
        process.kill()
    assert process.wait() == -signal.SIGKILL
    cut = json.loads(ok("status", "cut", "--json").stdout)
    assert 0 < cut["labels"] < 90
    ok("resume", "cut")
    assert Path("cut/curve.csv").read_text() == Path("whole/curve.csv").read_text()


def test_killed_before_the_journal_was_made(pool: Path) -> None:
    ok("run", pool, "--out", "a")
    before = Path("a/curve.csv").read_text()
    for file in ("journal.sqlite", "curve.csv"):
        Path("a", file).unlink()
    ok("resume", "a")
    assert Path("a/curve.csv").read_text() == before


def test_a_negative_seed(pool: Path) -> None:
    result = cli("run", pool, "--seed", -1)
    assert result.exit_code == 2
    assert "seed must be" in result.stderr


def test_a_place_that_cannot_be_written(pool: Path) -> None:
    result = cli("run", pool, "--out", "pool.toml/run")
    assert result.exit_code == 1
    assert "pool.toml" in result.stderr
    assert "Traceback" not in result.output
    ok("run", pool, "--out", "r")
    assert cli("export", "r", "--model", "r").exit_code == 1
    assert sorted(path.name for path in Path().iterdir()) == ["pool.toml", "r"]


def test_damaged_files(pool: Path) -> None:
    ok("run", pool, "--out", "r")
    journal = Path("r/journal.sqlite")
    whole = journal.read_bytes()
    journal.write_bytes(b"rubbish" * 100)
    assert "cannot be opened as a journal" in cli("resume", "r").stderr
    journal.write_bytes(whole)
    Path("r/run.json").write_text("{")
    result = cli("resume", "r")
    assert result.exit_code == 2
    assert "is damaged" in result.stderr


def test_interrupted_by_the_keyboard(pool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ok("run", pool, "--out", "whole")

    def impatient(self: Loop, annotator: Any) -> Any:
        query = self.ask()
        assert query is not None
        for answer in annotator.answer([query], query.round):
            yield self.tell(answer)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Loop, "run", impatient)
        result = cli("run", pool, "--out", "cut")
    assert result.exit_code == 130
    assert "streamlearn resume cut" in result.stderr
    ok("resume", "cut")
    assert Path("cut/curve.csv").read_text() == Path("whole/curve.csv").read_text()
