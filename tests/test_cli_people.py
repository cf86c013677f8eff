"""People as annotators: ask, tell, label, with files as spreadsheets give them back."""

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from streamlearn.cli import app
from streamlearn.console.run_folder import Run
from streamlearn.console.vocabulary import Vocabulary
from streamlearn.errors import InputError

CONFIG = """
budget = 12
per_round = 4
classes = ["no", "yes"]
[data]
table = "rows.csv"
id = "number"
drop = ["remark"]
"""


def cli(*words: object, **options: Any) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], **options)


def ok(*words: object, **options: Any) -> Result:
    result = cli(*words, **options)
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Start a run in the folder r, of 30 rows with odd texts, numbered from 100."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "number": np.arange(100, 130),
            "size": rng.normal(size=30),
            "kind": ["a", "b", "ü"] * 10,
            "remark": ['plain, "quoted"', "two\nlines", "a;b\tc"] * 10,
        }
    )

    def run(config: str = CONFIG, **columns: Any) -> None:
        table.assign(**columns).to_csv("rows.csv", index=False)
        Path("c.toml").write_text(config, encoding="utf-8")
        ok("run", "c.toml", "--out", "r")

    return run


def asked() -> pd.DataFrame:
    Path("batch.csv").write_text(ok("ask", "r").stdout, encoding="utf-8", newline="")
    return pd.read_csv("batch.csv", keep_default_na=False)


def told(batch: pd.DataFrame, *options: object, **how: Any) -> dict[str, Any]:
    batch.to_csv("back.csv", index=False, **how)
    said: dict[str, Any] = json.loads(ok("tell", "r", "back.csv", "--json", *options).stdout)
    return said


def refused(batch: pd.DataFrame, *words: str, **how: Any) -> None:
    before = status()
    batch.to_csv("back.csv", index=False, **how)
    result = cli("tell", "r", "back.csv")
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    for word in words:
        assert word in result.stderr
    assert status() == before  # all of a batch, or nothing


def status() -> dict[str, Any]:
    said: dict[str, Any] = json.loads(ok("status", "r", "--json").stdout)
    return said


def journal() -> pd.DataFrame:
    with Run(Path("r")) as run:
        assert run.loop.journal is not None
        return run.loop.journal.to_frame()


def test_run_tells_what_to_do_next(start: Callable[..., None]) -> None:
    start()
    result = ok("status", "r")
    for step in ("label r", "ask r > batch.csv", "tell r batch.csv"):
        assert f"streamlearn {step}" in result.stderr
    assert ok("resume", "r").exit_code == 0


def test_the_whole_way(start: Callable[..., None]) -> None:
    start()
    for labels in (4, 8, 12):
        batch = asked()
        assert list(batch.columns) == ["id", "size", "kind", "remark", "label"]
        batch["label"] = np.where(batch["size"] > 0, "yes", "no")
        assert told(batch)["labels"] == labels
    end = cli("ask", "r")
    assert (end.exit_code, end.stdout) == (1, "")
    assert "budget spent" in end.stderr
    ok("export", "r", "--labels", "l.csv", "--model", "m.joblib")
    out = pd.read_csv("l.csv").set_index("id")
    table = pd.read_csv("rows.csv").set_index("number").loc[out.index]
    pd.testing.assert_frame_equal(out[table.columns], table, check_names=False)
    assert (out["label"] == np.where(table["size"] > 0, "yes", "no")).all()
    assert set(joblib.load("m.joblib").predict(table)) <= {"yes", "no"}


def test_open_rows_are_offered_again_unchanged(start: Callable[..., None]) -> None:
    start()
    first = asked()
    pd.testing.assert_frame_equal(asked(), first)
    assert len(journal()) == 4
    more = ok("ask", "r", "--more").stdout
    assert len(journal()) == 8
    assert more.startswith(Path("batch.csv").read_text())


def test_original_columns_survive(start: Callable[..., None]) -> None:
    start()
    batch = asked().set_index("id")
    table = pd.read_csv("rows.csv").set_index("number").loc[batch.index]
    pd.testing.assert_frame_equal(batch[table.columns], table, check_names=False)


def test_rows_missing_or_empty_stay_open(start: Callable[..., None]) -> None:
    start()
    batch = asked()
    batch["label"] = ["yes", "", " ", "no"]
    said = told(batch.iloc[:3])
    assert (said["told"]["labels"], said["left"]) == (1, 3)
    again = asked()
    assert again["id"].tolist() == batch["id"].tolist()[1:]
    said = told(again.assign(label="no"))
    assert (said["told"]["labels"], said["left"]) == (3, 0)


def test_an_empty_file_and_a_header_alone(start: Callable[..., None]) -> None:
    start()
    batch = asked()
    assert told(batch.iloc[:0])["left"] == 4
    Path("back.csv").write_bytes(b"")
    result = cli("tell", "r", "back.csv")
    assert result.exit_code == 2
    assert "no column 'id'" in result.stderr


def test_a_question_mark_abstains(start: Callable[..., None]) -> None:
    start()
    batch = asked()
    said = told(batch.assign(label=["?", "yes", "no", "yes"]))
    assert said["told"] == {"labels": 3, "abstained": 1, "repeated": 0, "unseen": []}
    assert (said["labels"], said["left"]) == (4, 0)
    assert batch["id"][0] not in asked()["id"].tolist()


def test_rows_doubled(start: Callable[..., None]) -> None:
    start()
    batch = asked().assign(label=["yes", "no", "no", "yes"])
    other = batch.iloc[:1].assign(label="no")
    refused(pd.concat([batch, other]), f"id {batch['id'][0]} comes twice", "'yes'", "'no'")
    empty = batch.iloc[1:2].assign(label="")
    assert told(pd.concat([empty, batch, batch]))["told"]["labels"] == 4


def test_told_again(start: Callable[..., None]) -> None:
    start()
    batch = asked().assign(label=["yes", "no", "no", "yes"])
    told(batch.iloc[:2])
    said = told(batch.iloc[:3])
    assert said["told"] == {"labels": 1, "abstained": 0, "repeated": 2, "unseen": []}
    refused(batch.assign(label=["no", "no", "no", "yes"]), "'yes' before", "'no' now")
    refused(batch.assign(label=["?", "", "", ""]), "'yes' before", "'?' now")


def test_columns_renamed_lost_or_doubled(start: Callable[..., None]) -> None:
    start()
    batch = asked().assign(label="yes")
    refused(batch.rename(columns={"label": "answer"}), "no column 'label'", "answer")
    refused(batch.drop(columns="id"), "no column 'id'")
    double = batch.assign(x="yes").rename(columns={"x": "label"})
    refused(double, "column 'label' twice")
    assert told(batch[["label", "id"]].iloc[::-1])["told"]["labels"] == 4


def test_unknown_ids_and_labels_are_listed_by_line(start: Callable[..., None]) -> None:
    start()
    batch = asked().assign(label=["yess", "maybe", "no", "yes"])
    strange = batch.iloc[:1].assign(id=7, label="yes")
    words = ["line 2: unknown label 'yess': did you mean 'yes'?", "unknown label 'maybe'"]
    refused(
        pd.concat([batch, strange]).drop(columns="remark"), *words, "line 6: id 7 was never asked"
    )
    refused(batch.assign(id=["x", "1,000", "1E+05", ""], label="yes"), "'x'", "'1,000'", "'1E+05'")


@pytest.mark.parametrize(
    "how",
    [
        {"sep": ";", "encoding": "utf-8-sig", "lineterminator": "\r\n"},
        {"sep": "\t", "encoding": "utf-16"},
        {"sep": ",", "encoding": "cp1252", "lineterminator": "\r\n"},
        {"sep": ";", "encoding": "utf-8", "lineterminator": "\r\n", "quoting": 1},
    ],
)
def test_what_spreadsheets_do(start: Callable[..., None], how: dict[str, Any]) -> None:
    start()
    batch = asked()
    batch["id"] = [f"{i},0" if how["sep"] == ";" else f"{i}.0" for i in batch["id"]]
    batch["label"] = [" yes", "no ", "YES", "No" if how["encoding"] == "cp1252" else "\u00a0No"]
    blank = pd.DataFrame({name: [""] for name in batch.columns})
    batch = pd.concat([batch.astype(object), blank]).assign(**{"": ""})
    assert told(batch, **how)["told"]["labels"] == 4
    assert journal()["label"].tolist() == ["yes", "no", "yes", "no"]


def test_labels_in_another_encoding(start: Callable[..., None]) -> None:
    start(CONFIG.replace('"yes"', '"größer"'))
    refused(asked().assign(label="größer"), "save the file as CSV UTF-8", encoding="cp1252")
    assert told(asked().assign(label="größer"))["told"]["labels"] == 4


def test_stdin(start: Callable[..., None]) -> None:
    start()
    text = asked().assign(label="yes").to_csv(index=False)
    assert "4 labels told" in ok("tell", "r", "-", input=text).stderr
    assert cli("tell", "r", "nowhere.csv").exit_code == 2


def test_classes_decide_the_type(start: Callable[..., None]) -> None:
    start(CONFIG.replace('["no", "yes"]', "[0, 1]"))
    told(asked().assign(label=["1.0", "0", "1,0", " 1 "]))
    assert journal()["label"].tolist() == [1, 0, 1, 1]
    refused(asked().assign(label="yes"), "unknown label 'yes'", "valid: 0, 1")


def test_without_classes_labels_are_text_and_new_ones_are_named(start: Callable[..., None]) -> None:
    start(CONFIG.replace('classes = ["no", "yes"]', ""))
    assert told(asked().assign(label=["1.0", "1", "x", "007"]))["told"]["unseen"] == [
        "1",
        "x",
        "007",
    ]
    batch = asked().assign(label=["1", "x", "X", "x"])
    batch.to_csv("back.csv", index=False)
    assert "new labels, nobody used them before: X" in ok("tell", "r", "back.csv").stderr


def test_labels_known_beforehand_are_learned_first(start: Callable[..., None]) -> None:
    known = pd.Series([1, 2, None] * 10).convert_dtypes()
    config = CONFIG.replace('classes = ["no", "yes"]', "test = 5").replace(
        "id =", 'target = "grade"\nid ='
    )
    start(config, grade=known)
    said = status()
    assert (said["annotator"], said["initial"], said["labels"]) == ("people", 15, 0)
    batch = asked()
    assert "grade" not in batch.columns
    assert set((batch["id"] - 100) % 3) == {2}  # the others' label is known
    refused(batch.assign(label="two"), "'two'", "whole numbers")
    told(batch.assign(label="2.0"))
    assert set(journal()["label"]) == {2}
    ok("export", "r", "--labels", "l.parquet")
    labels = pd.read_parquet("l.parquet")
    assert len(labels) == 19
    assert labels["label"].dtype == np.int64


@pytest.mark.parametrize(
    ("config", "columns", "words"),
    [
        (CONFIG + "target = 'grad'\n", {"grade": 1}, "did you mean 'grade'"),
        (CONFIG.replace("number", "nmber"), {}, "[data].id"),
        (CONFIG.replace("number", "kind"), {}, "must hold whole numbers"),
        (CONFIG.replace("number", "size2"), {"size2": 3}, "'size2' holds 3 twice"),
        (CONFIG.replace("remark", "remrk"), {}, "did you mean 'remark'"),
        (CONFIG.replace("rows.csv", "row.csv"), {}, "there is no file"),
        (CONFIG.replace("rows.csv", "c.toml"), {}, "must end in .parquet or .csv"),
        (CONFIG, {"label": "x"}, 'say [data] target = "label"'),
        ("test = 0.2\n" + CONFIG, {}, "test = 0.2"),
        ("initial = 5\n" + CONFIG, {}, "initial = 5"),
        (CONFIG + '[annotator]\nkind = "simulated"\n', {}, "needs the label of every row"),
        (CONFIG + "[annotator]\nnoise = 0.1\n", {}, "so people answer"),
        (
            CONFIG + 'target = "grade"\n[annotator]\nkind = "people"\n',
            {"grade": ["no", "yes"] * 15},
            "nothing is left to ask",
        ),
        (CONFIG + "[data]\n", {}, "not valid TOML"),
        (CONFIG, {"size": None}, "columns"),
        (CONFIG + 'target = "grade"\n', {"grade": np.linspace(0, 1, 30)}, "30 different numbers"),
    ],
)
def test_tables_that_do_not_fit(
    start: Callable[..., None], config: str, columns: dict[str, Any], words: str
) -> None:
    if columns == {"size": None}:
        columns, config = {}, config.replace('["remark"]', '["remark", "size", "kind"]')
    with pytest.raises(AssertionError) as caught:
        start(config, **columns)
    assert words in str(caught.value)
    assert "Traceback" not in str(caught.value)
    assert not Path("r").exists()


def test_several_people(start: Callable[..., None]) -> None:
    start("votes = 2\n" + CONFIG)
    batch = asked()
    told(batch.assign(label="yes"), "--annotator", "anna")
    assert status()["open"] == 4
    assert len(pd.read_csv("back.csv")) == 4
    for_bob = ok("ask", "r", "--annotator", "bob").stdout
    assert for_bob == Path("batch.csv").read_text()
    told(batch.assign(label=["yes", "no", "?", "yes"]), "--annotator", "bob")
    assert status()["open"] == 0
    assert status()["labels"] == 8
    assert sorted(journal()["annotator"].unique()) == ["anna", "bob"]


def test_the_price_of_an_answer(start: Callable[..., None]) -> None:
    start(
        CONFIG.replace("budget = 12", "budget = { cost = 3.0, price = 0.5 }")
        + "[annotator]\ncost = 0.5\n"
    )
    assert told(asked().assign(label="yes"))["cost"] == 2.0
    assert len(asked()) == 2


def test_a_stream_of_rows_for_people(start: Callable[..., None]) -> None:
    start(CONFIG.replace('id = "number"', "stream = true\nbatch_size = 7"))
    for first in (0, 7, 14):
        batch = asked()
        assert set(batch["id"]) < set(range(first, first + 7))
        assert batch["number"].tolist() == (batch["id"] + 100).tolist()
        told(batch.assign(label=["yes", "no", "yes", "no"]))
    assert cli("ask", "r").exit_code == 1


def test_label_in_the_terminal(start: Callable[..., None]) -> None:
    start()
    words = ["yes", "1", "b", "2", "nope", "", "No", "s"]  # 1 = no, taken back; 2 = yes
    result = ok("label", "r", input="\n".join(words) + "\n")
    assert "did you mean 'no'" in result.stderr
    assert "3 labels told, 1 cannot be said" in result.stderr
    answers = journal().dropna(subset="annotator")
    assert answers["label"].fillna("?").tolist() == ["yes", "yes", "no", "?"]
    result = ok("label", "r", input="no\nq\n")
    assert "Go on with: streamlearn label r" in result.stderr
    assert status()["labels"] == 5
    assert status()["open"] == 3
    for text in ("size", "kind", "remark"):
        assert text in result.stderr
    result = ok("label", "r", input="yes\n" * 9)
    assert "nothing to ask: budget spent" in result.stderr
    assert status()["labels"] == 12


def test_a_new_label_in_the_terminal_is_confirmed(start: Callable[..., None]) -> None:
    start(CONFIG.replace('classes = ["no", "yes"]', ""))
    ok("label", "r", input="cat\ny\ncta\nn\ncat\ns\nq\n")
    assert journal()["label"].dropna().tolist() == ["cat", "cat"]


def test_digits_are_labels_before_they_are_shortcuts(start: Callable[..., None]) -> None:
    start(CONFIG.replace('["no", "yes"]', "[1, 2, 3]"))
    ok("label", "r", input="3\n1\nq\n")
    assert journal()["label"].dropna().tolist() == [3, 1]


def test_a_label_called_like_a_command(start: Callable[..., None]) -> None:
    start(CONFIG.replace('["no", "yes"]', '["q", "s"]'))
    ok("label", "r", input="q\ns\nskip\nquit\n")
    said = journal().dropna(subset="annotator")
    assert said["label"].fillna("?").tolist() == ["q", "s", "?"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_terminal_left_in_any_way_loses_nothing(start: Callable[..., None], number: int) -> None:
    start()
    here, there = pty.openpty()
    label = [sys.executable, "-m", "streamlearn", "label", "r"]
    heard = signal.signal(number, signal.SIG_DFL)  # what runs behind a shell ignores Ctrl-C
    process = subprocess.Popen(label, stdin=there, stdout=there, stderr=there)
    signal.signal(number, heard)
    os.close(there)

    def read_until(text: str, times: int) -> None:
        seen = ""
        while seen.count(text) < times:
            seen += os.read(here, 4096).decode(errors="replace")

    read_until("label:", 1)
    os.write(here, b"yes\nno\n")
    read_until("label:", 2)
    for _ in range(6):  # one that comes just before a blocking read waits for the next key
        process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
            break
    assert process.wait(60) == 0
    os.close(here)
    assert journal()["label"].dropna().tolist() == ["yes", "no"]


def test_somebody_else_tells_while_a_terminal_is_open(start: Callable[..., None]) -> None:
    start("votes = 2\n" + CONFIG)
    asked()

    def meanwhile() -> Any:
        yield b"yes\n"
        told(pd.read_csv("batch.csv").assign(label="no"), "--annotator", "bob")
        yield b"no\n"
        yield b"q\n"

    class Keyboard:
        """A person whose colleague tells a batch between two answers."""

        words = meanwhile()

        def readline(self) -> str:
            return bytes(next(self.words)).decode()

    from streamlearn.console.interview import Interview
    from streamlearn.console.telling import tell, waiting
    from streamlearn.console.wording import ERR
    from streamlearn.errors import JournalError

    with Run(Path("r")) as run:
        answers: dict[int, Any] = {}
        keyboard = Keyboard()
        interview = Interview(
            run.campaign.table, run.campaign.vocabulary, ERR, lambda _: keyboard.readline()
        )
        assert not interview.run(waiting(run.loop, "anna"), answers)
        with pytest.raises(JournalError):
            tell(run.campaign, run.loop, answers, "anna")
    with Run(Path("r")) as run:
        assert tell(run.campaign, run.loop, answers, "anna").labels == 2


LABELS = st.one_of(
    st.lists(st.integers(-(10**9), 10**9), min_size=2, unique=True),
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1),
        min_size=2,
        unique_by=str.casefold,
    ),
    st.lists(st.floats(-1e9, 1e9), min_size=2, unique=True),
    st.just([False, True]),
)


@given(LABELS)
def test_every_class_reads_back_as_itself(classes: list[Any]) -> None:
    vocabulary = Vocabulary(classes=classes)
    for label in classes:
        read = vocabulary.read(f" {label} ")
        assert read == label
        assert type(read) is type(label)
    with pytest.raises(InputError, match="unknown label"):
        vocabulary.read("no such label")
