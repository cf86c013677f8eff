"""A table explained by its rows."""

import re
from base64 import b64decode
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from sklearn.datasets import load_breast_cancer
from typer.testing import CliRunner

from streamlearn.cli import app
from streamlearn.encoding import FrameEncoder
from streamlearn.errors import InputError
from streamlearn.explanation import _split, explain
from streamlearn.influence import LinearClassifier, ValidationLoss
from streamlearn.report import report
from streamlearn.report.explained import sentences


def table(n: int = 300, flipped: int = 20, seed: int = 0) -> tuple[pd.DataFrame, Any, Any]:
    """Two groups, a number and a category that tell the label, and some wrong labels."""
    rng = np.random.default_rng(seed)
    number, group = rng.normal(size=n), rng.choice(["f", "m"], n)
    y = (number + 0.7 * (group == "m") + 0.3 * rng.normal(size=n) > 0).astype(int)
    y[:flipped] = 1 - y[:flipped]
    return pd.DataFrame({"number": number, "group": group}), np.where(y, "yes", "no"), group


def test_values_are_what_leaving_a_row_out_does_to_the_judges() -> None:
    frame, y, _ = table()
    told = explain(frame, y)
    train, judge, test = _split(y, None, 0)
    assert sorted([*train, *judge, *test]) == list(range(300))
    X = FrameEncoder().fit(frame.iloc[train]).transform(frame)
    objective = ValidationLoss(X[judge], y[judge])
    full = objective.value(LinearClassifier().fit(X[train], y[train]))
    rows = np.random.default_rng(0).choice(len(train), 30, replace=False)
    retrained = []
    for row in rows:
        kept = np.delete(train, row)
        retrained.append(objective.value(LinearClassifier().fit(X[kept], y[kept])) - full)
    assert spearmanr(told.table["value"].iloc[rows], retrained).statistic > 0.98


def test_what_is_removed_was_better_for_the_judges_and_harmful_by_value() -> None:
    frame, y, _ = table(flipped=60)
    told = explain(frame, y)
    train, judge, _ = _split(y, None, 0)
    X = FrameEncoder().fit(frame.iloc[train]).transform(frame)
    removed = int(told.removal["removed"].iloc[1])
    assert 0 < removed <= (told.table["value"] < 0).sum()
    kept = train[np.argsort(told.table["value"].to_numpy(), kind="stable")[removed:]]
    objective = ValidationLoss(X[judge], y[judge])
    before, after = (LinearClassifier().fit(X[rows], y[rows]) for rows in (train, kept))
    assert objective.value(after) < objective.value(before)


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


def test_the_page_says_what_the_explanation_says(tmp_path: Path) -> None:
    frame, y, group = table(flipped=60)
    told = explain(frame.rename(columns={"number": "<b>number</b>"}), y, group, few=4)
    html = report(told, tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<b>number</b>" not in html  # what users call things is text
    assert "http://" not in html.replace("http://www.w3.org", "")
    text = unescape(re.sub(r"<[^>]+>", " ", html))
    for sentence in sentences(told):
        assert sentence in text
    for title, rows in told.rows(8).items():
        listed = re.search(rf"<h3>{title}</h3>.*?</table>", html, re.S)
        assert listed is not None
        shown = [float(v) for v in re.findall(r"<td>([^<]*)</td></tr>", listed[0])]
        np.testing.assert_allclose(shown, rows["value"], rtol=1e-3)
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)" alt="([^";]+)', html)
    assert [title for _, title in pictures] == list(told.drawings())
    assert all(b64decode(image).startswith(b"\x89PNG") for image, _ in pictures)
