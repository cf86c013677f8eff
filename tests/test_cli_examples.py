"""The examples of the command line, run as they stand."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from streamlearn.cli import app

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.mark.parametrize(("name", "labels"), [("campaign", 200), ("stream", 950)])
def test_simulations(tmp_path: Path, name: str, labels: int) -> None:
    config = str(EXAMPLES / f"{name}.toml")
    result = CliRunner().invoke(app, ["run", config, "--out", str(tmp_path / "run"), "--json"])
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert said["labels"] == labels
    assert said["scores"]["accuracy"] > 0.6


@pytest.mark.skipif(shutil.which("awk") is None, reason="the walkthrough's person is awk")
def test_annotation_by_hand(tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", str(EXAMPLES / "annotate_by_hand.sh"), str(tmp_path)],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    labels = pd.read_csv(tmp_path / "labels.csv")
    assert len(labels) == 40
    assert (labels["id"] >= 1000).all()
    assert (tmp_path / "model.joblib").is_file()


def test_examples_are_short() -> None:
    files = [*EXAMPLES.glob("*.toml"), *EXAMPLES.glob("*.sh")]
    assert files
    for file in files:
        assert len(file.read_text(encoding="utf-8").splitlines()) < 60
