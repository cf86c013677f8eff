"""The journal: whatever happens to the process or the file, no told answer is lost."""

import os
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.naive_bayes import GaussianNB

from streamlearn.data import Answer
from streamlearn.errors import AnswerError, JournalError
from streamlearn.journal import Journal
from streamlearn.loop import Loop
from streamlearn.recorders import Prequential
from streamlearn.simulators import Panel, SimulatedAnnotator
from streamlearn.sources import Pool, Stream
from streamlearn.strategies import Margin, Random
from streamlearn.trimming import AskAgain, LossTrim

X, Y = load_digits(return_X_y=True)
X, Y = X[:200] / 16, Y[:200]


def pool_parts() -> tuple[Any, Any, dict[str, Any]]:
    rest = {
        "strategy": Margin(),
        "per_round": 5,
        "budget": 100,
        "initial": (np.arange(20), Y[:20]),
        "test": (X[150:], Y[150:]),
        "votes": 2,
        "seed": 5,
    }
    return Pool(X), SGDClassifier(loss="log_loss", max_iter=5, tol=None), rest


def stream_parts() -> tuple[Any, Any, dict[str, Any]]:
    batches = [(X[i : i + 10], Y[i : i + 10]) for i in range(0, 200, 10)]
    rest = {
        "strategy": Random(),
        "per_round": 0.5,
        "classes": range(10),
        "test": (X[150:], Y[150:]),
        "seed": 5,
    }
    return Stream(batches), SGDClassifier(loss="log_loss", average=True), rest


def again_parts() -> tuple[Any, Any, dict[str, Any]]:
    pool, learner, rest = pool_parts()
    return pool, learner, rest | {"votes": 1, "trimmer": AskAgain(LossTrim(0.3))}


PARTS = {"pool": pool_parts, "stream": stream_parts, "again": again_parts}


def annotator(kind: str) -> Any:
    noise: dict[str, Any] = {"noise": 0.2, "abstain": 0.1, "delay": 2.0}
    if kind == "stream":
        return SimulatedAnnotator(Y, **noise)
    members = [SimulatedAnnotator(Y, name=f"a{i}", seed=i, **noise) for i in range(3)]
    return Panel(members, per_row="asked" if kind == "again" else 2)


def work(kind: str, path: str) -> None:
    """Start the run, or go on with it, until it ends or somebody kills us."""
    source, learner, rest = PARTS[kind]()
    if Path(path).exists() and len(Journal(path)):
        loop = Loop.resume(path, source, learner, **rest)
    else:
        Path(path).unlink(missing_ok=True)
        loop = Loop(source, learner, journal=path, **rest)
    for _ in loop.run(annotator(kind)):
        pass


def fingerprint(loop: Loop) -> tuple[Any, ...]:
    rows = loop.labelled()
    return (
        loop.to_frame().fillna(-1.0).to_dict("list"),
        rows.ids.tolist(),
        rows.y.tolist(),
        loop.learner.predict_proba(X).tobytes(),
        loop.stopped,
    )


def finished(kind: str, path: str | Path) -> Loop:
    source, learner, rest = PARTS[kind]()
    loop = Loop.resume(path, source, learner, **rest)
    list(loop.run(annotator(kind)))
    return loop


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")  # fork: it never returns
@pytest.mark.parametrize("kind", ["pool", "stream", "again"])
def test_killed_at_random_moments_a_run_ends_as_if_never_killed(kind: str, tmp_path: Path) -> None:
    began = time.perf_counter()
    work(kind, str(tmp_path / "never.db"))
    lasts = time.perf_counter() - began
    expected = fingerprint(finished(kind, tmp_path / "never.db"))
    rng = np.random.default_rng(0)
    mid_way = 0
    for k in range(25):
        path = str(tmp_path / f"{k}.db")
        for _ in range(2):  # killed twice, then left to finish
            child = os.fork()
            if child == 0:
                try:
                    work(kind, path)
                finally:
                    os._exit(0)
            time.sleep(rng.uniform(0, lasts))
            os.kill(child, signal.SIGKILL)
            mid_way += os.WIFSIGNALED(os.waitpid(child, 0)[1])
        if not Path(path).exists() or len(Journal(path)) == 0:
            continue  # killed before the first query: nothing was told, nothing to lose
        assert fingerprint(finished(kind, path)) == expected
    assert mid_way >= 25  # else the kills came too late to show anything


def test_a_resumed_run_offers_open_queries_again_unchanged(tmp_path: Path) -> None:
    source, learner, rest = pool_parts()
    loop = Loop(source, learner, journal=tmp_path / "run.db", **rest)
    first, second = loop.ask(), loop.ask()
    assert first is not None
    assert second is not None
    loop.tell(Answer(1, first.ids[:3], Y[first.ids[:3]], annotator="ann"))
    loop.tell(Answer(1, first.ids[:2], Y[first.ids[:2]], annotator="bob"))
    third = loop.ask()
    source, learner, rest = pool_parts()
    again = Loop.resume(tmp_path / "run.db", source, learner, **rest)
    assert [q.ids.tolist() for q in again.open_queries] == [
        first.ids[2:].tolist(),
        second.ids.tolist(),
        third.ids.tolist() if third is not None else [],
    ]
    # Told twice: nothing; told otherwise: an error.
    assert again.tell(Answer(1, first.ids[:2], Y[first.ids[:2]], annotator="bob")).closed == 0
    with pytest.raises(AnswerError, match="the first answer stands"):
        again.tell(Answer(1, first.ids[:1], Y[first.ids[:1]] + 1, annotator="bob"))
    assert again.ask() is not None


def test_recorders_are_restored_by_the_replay(tmp_path: Path) -> None:
    before, after = Prequential(), Prequential()
    source, learner, rest = stream_parts()
    loop = Loop(source, learner, journal=tmp_path / "run.db", recorders=[before], **rest)
    list(loop.run(annotator("stream")))
    source, learner, rest = stream_parts()
    Loop.resume(tmp_path / "run.db", source, learner, recorders=[after], **rest)
    assert before.rounds_ == after.rounds_


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"strategy": Random()}, r"strategy: Margin\(\) then, Random\(\) now"),
        ({"seed": 6}, "seed: 5 then, 6 now"),
        ({"votes": 1}, "votes: 2 then, 1 now"),
        ({"initial": (np.arange(20), Y[:20][::-1])}, "initial"),
    ],
)
def test_another_configuration_is_refused(change: Any, words: str, tmp_path: Path) -> None:
    source, learner, rest = pool_parts()
    Loop(source, learner, journal=tmp_path / "run.db", **rest).ask()
    with pytest.raises(JournalError, match=words):
        Loop.resume(tmp_path / "run.db", source, learner, **(rest | change))
    with pytest.raises(JournalError, match="learner: "):
        Loop.resume(tmp_path / "run.db", source, GaussianNB(), **rest)
    with pytest.raises(JournalError, match="rows: "):
        Loop.resume(tmp_path / "run.db", Pool(X + 1e-9), learner, **rest)


def test_another_version_is_refused(tmp_path: Path) -> None:
    source, learner, rest = pool_parts()
    Loop(source, learner, journal=tmp_path / "run.db", **rest).ask()
    with sqlite3.connect(tmp_path / "run.db") as db:
        db.execute('update run set value = replace(value, \'"format": "1"\', \'"format": "0"\')')
    db.close()
    with pytest.raises(JournalError, match="format: 0 then, 1 now"):
        Loop.resume(tmp_path / "run.db", source, learner, **rest)


def test_another_stream_is_refused(tmp_path: Path) -> None:
    source, learner, rest = stream_parts()
    loop = Loop(source, learner, journal=tmp_path / "run.db", **rest)
    list(loop.run())
    other = Stream([(X[i : i + 10] + 1, Y[i : i + 10]) for i in range(0, 200, 10)])
    with pytest.raises(JournalError, match="batch of round 1"):
        Loop.resume(tmp_path / "run.db", other, learner, **rest)


def test_a_file_in_use_is_neither_overwritten_nor_shared(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    source, learner, rest = pool_parts()
    loop = Loop(source, learner, journal=path, **rest)
    loop.ask()
    with pytest.raises(JournalError, match="holds a run already"):
        Loop(source, learner, journal=path, **rest)
    other = Loop.resume(path, source, learner, **rest)
    other.ask()
    with pytest.raises(JournalError, match="another process has written"):
        loop.ask()


@pytest.mark.parametrize("spoil", ["bytes", "truncated", "event", "json", "foreign"])
def test_a_damaged_journal_is_refused(spoil: str, tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    source, learner, rest = stream_parts()
    loop = Loop(source, learner, journal=path, **rest)
    list(loop.run())
    assert loop.journal is not None
    loop.journal.close()
    if spoil == "bytes":
        whole = path.read_bytes()
        third = len(whole) // 3
        path.write_bytes(whole[:third] + b"\x07" * third + whole[2 * third :])
    elif spoil == "truncated":
        path.write_bytes(path.read_bytes()[:5000])
    else:
        statement = {
            "event": "delete from event where number = 3",
            "json": "update event set body = '{' where number = 3",
            "foreign": "drop table event",
        }[spoil]
        db = sqlite3.connect(path, isolation_level=None)
        db.execute(statement)
        db.close()
    source, learner, rest = stream_parts()
    with pytest.raises(JournalError, match=r"damaged|cannot be opened|no journal|another process"):
        Loop.resume(path, source, learner, **rest)


def test_no_journal_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="there is no journal"):
        Loop.resume(tmp_path / "none.db", X, GaussianNB())


@pytest.mark.parametrize("kind", ["pool", "stream"])
def test_a_full_disk_changes_nothing_and_the_run_goes_on_when_there_is_room(
    kind: str, tmp_path: Path
) -> None:
    path = tmp_path / "run.db"
    source, learner, rest = PARTS[kind]()
    loop = Loop(source, learner, journal=path, **rest)
    assert loop.journal is not None
    limited = loop.journal._db
    pages = limited.execute("pragma page_count").fetchone()[0]
    limited.execute(f"pragma max_page_count={pages + 1}")
    who = annotator(kind)
    with pytest.raises(JournalError, match=r"full.*make room"):
        list(loop.run(who))
    assert len(loop.journal) > 2
    limited.execute("pragma max_page_count=1000000")
    list(loop.run(who))
    work(kind, str(tmp_path / "never.db"))
    assert fingerprint(loop) == fingerprint(finished(kind, tmp_path / "never.db"))


def test_the_table_tells_who_said_what(tmp_path: Path) -> None:
    source, learner, rest = pool_parts()
    loop = Loop(source, learner, journal=tmp_path / "run.db", **rest)
    query = loop.ask()
    assert query is not None
    assert loop.journal is not None
    ids = query.ids
    loop.tell(Answer(1, ids[:3], Y[ids[:3]], abstained=ids[3:4], annotator="ann"))
    loop.tell(Answer(1, ids[:2], Y[ids[:2]], annotator="bob"))
    table = loop.journal.to_frame()
    assert len(table) == 4 + 2 + 1  # ann, bob, and a row nobody has answered
    assert table["label"].notna().sum() == 5
    assert table["abstained"].sum() == 1
    assert set(table.loc[table["annotator"].isna(), "id"]) == set(ids[4:].tolist())
    assert (table["told_at"].dropna() >= table["asked_at"][table["told_at"].notna()]).all()
