"""A table explained by its rows."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer
from typer.testing import CliRunner

from streamlearn.cli import app
from streamlearn.errors import InputError
from streamlearn.explanation import explain
from streamlearn.influence import LinearClassifier, ValidationLoss


def table(n: int = 300, flipped: int = 20, seed: int = 0) -> tuple[pd.DataFrame, Any, Any]:
    """Two groups, a number and a category that tell the label, and some wrong labels."""
    rng = np.random.default_rng(seed)
    number, group = rng.normal(size=n), rng.choice(["f", "m"], n)
    y = (number + 0.7 * (group == "m") + 0.3 * rng.normal(size=n) > 0).astype(int)
    y[:flipped] = 1 - y[:flipped]
    return pd.DataFrame({"number": number, "group": group}), np.where(y, "yes", "no"), group


def test_wrong_labels_are_among_the_most_harmful() -> None:
    frame, y, _ = table()
    told = explain(frame, y)
    wrong = told.table.index < 20
    worst = told.table["value"].rank().to_numpy()[wrong]
    assert np.median(worst) < 0.15 * len(told.table)
    assert told.removal.loc["harmful rows removed", "loss"] < told.removal["loss"].iloc[0]


def test_no_row_is_in_two_parts_and_scores_are_those_of_the_test_rows() -> None:
    frame, y, group = table()
    told = explain(frame, y, group, l2=2.0, seed=3)
    assert told.table.index.is_unique
    assert len(told.table) == 180
    pd.testing.assert_frame_equal(told.table[["number", "group"]], frame.loc[told.table.index])
    assert (told.table["label"].to_numpy() == y[told.table.index]).all()
    assert set(told.removal.columns) == {"removed", "accuracy", "loss", "gap", "hard gap"}
    again = explain(frame, y, group, l2=2.0, seed=3)
    pd.testing.assert_frame_equal(told.removal, again.removal)


def test_the_rows_called_most_harmful_harm_rows_they_were_not_judged_by() -> None:
    helped = []
    for seed in range(5):
        frame, y, _ = table(flipped=45, seed=seed)
        told = explain(frame, y, seed=seed)
        scaled = (frame["number"] - frame["number"].mean()) / frame["number"].std()
        X = np.column_stack([scaled, frame["group"] == "m"])
        rest = np.setdiff1d(frame.index, told.table.index)
        rest = rest[rest >= 45]  # their labels are right
        objective = ValidationLoss(X[rest], y[rest])
        train = told.table.sort_values("value").index.to_numpy()
        full, without = (LinearClassifier().fit(X[rows], y[rows]) for rows in (train, train[15:]))
        helped.append(objective.value(without) < objective.value(full))
    assert sum(helped) >= 4


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"target": ["no"] * 300}, "target needs two values"),
        ({"sensitive": ["f"] * 299 + ["m"]}, "sensitive needs two values"),
        ({"target": ["no", "yes"]}, "differ in length"),
        ({"few": 0}, "few must be"),
        ({"few": 1000}, "few is 1000, but there are only 300 rows"),
        ({"missing": "guess"}, "got 'guess'"),
    ],
    ids=str,
)
def test_bad_input_is_named(change: dict[str, Any], words: str) -> None:
    frame, y, group = table()
    with pytest.raises(InputError, match=words):
        explain(**{"frame": frame, "target": y, "sensitive": group} | change)


def test_the_command_prints_and_draws(tmp_path: Path) -> None:
    frame, y, _ = table()
    frame.assign(answer=y).to_csv(tmp_path / "people.csv", index=False)
    run = CliRunner().invoke
    file = str(tmp_path / "people.csv")
    done = run(app, ["explain", file, "--target", "answer", "--sensitive", "group",
                     "--rows", "3", "--out", str(tmp_path / "out")])  # fmt: skip
    assert done.exit_code == 0, done.output
    for words in ("Most helpful", "Most harmful", "held-out R²", "random rows removed"):
        assert words in done.output
    assert (tmp_path / "out" / "explanation.png").stat().st_size > 10_000
    rows = pd.read_csv(tmp_path / "out" / "rows.csv", index_col="row")
    assert (rows["number"] == frame.loc[rows.index, "number"]).all()
    for arguments, words in (
        ([file], "--target NAME"),
        ([file, "--target", "anwser"], "answer"),
        ([file, "--target", "answer", "--sensitive", "grop"], "group"),
        (["breast_cancer", "--target", "y"], "knows its target"),
        (["breast_cancr"], "breast_cancer"),
    ):
        failed = run(app, ["explain", *arguments])
        assert failed.exit_code == 2
        assert words in failed.output.replace("\n", " ")


def test_a_data_set_is_explained_by_name() -> None:
    done = CliRunner().invoke(app, ["explain", "breast_cancer", "--few", "4"])
    assert done.exit_code == 0, done.output
    assert "341 training rows" in done.output
    assert load_breast_cancer().feature_names[0] in done.output
