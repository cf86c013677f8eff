"""What was asked and told, in one SQLite file a run: enough to restore the run by replay."""

import json
import sqlite3
import time
import weakref
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import sparse

from streamlearn.data import Answer
from streamlearn.errors import JournalError

FORMAT = 1
_SCHEMA = """
create table run (key text primary key, value text not null);
create table event (number integer primary key, at real not null, kind text not null,
                    body text not null);
"""


@dataclass(frozen=True)
class Asked:
    """A query as it was opened: its number, ids, batches drawn so far, and the batch's checksum."""

    round: int
    ids: list[int]
    draws: int
    checksum: int


class Journal:
    """The record of one run: append-only, one transaction an event, safe against SIGKILL.

    Parameters
    ----------
    path : str or Path
        The SQLite file; made if it is missing.
    synchronous : {"NORMAL", "FULL"}
        NORMAL survives a killed process; FULL survives a power cut too, and is some thirty
        times slower.

    Raises
    ------
    JournalError
        If the file is no journal, is damaged, or cannot be written.
    """

    def __init__(self, path: str | Path, synchronous: Literal["NORMAL", "FULL"] = "NORMAL") -> None:
        if synchronous not in ("NORMAL", "FULL"):
            raise JournalError(f"synchronous must be 'NORMAL' or 'FULL', got {synchronous!r}")
        self.path = Path(path)
        self._events = 0
        try:
            self._db = sqlite3.connect(self.path, isolation_level=None, timeout=10.0)
            self._closer = weakref.finalize(self, self._db.close)
            self._db.execute(f"pragma synchronous={synchronous}")
            tables = {row[0] for row in self._db.execute("select name from sqlite_master")}
            if not tables:
                self._db.execute("pragma journal_mode=wal")
                self._db.executescript(f"begin immediate; {_SCHEMA} commit;")
            elif {"run", "event"} - tables:
                raise JournalError(f"{self.path} is a database, but no journal; give another path")
            damage = self._db.execute("pragma quick_check").fetchone()[0]
            if damage != "ok":
                raise sqlite3.DatabaseError(damage)
            self._events = self._db.execute("select count(*) from event").fetchone()[0]
        except sqlite3.Error as error:
            raise JournalError(
                f"{self.path} cannot be opened as a journal ({error}); restore it from a copy, "
                "or start a new run"
            ) from error

    def __repr__(self) -> str:
        return f"Journal({str(self.path)!r}, {self._events} events)"

    def __len__(self) -> int:
        return self._events

    @property
    def config(self) -> dict[str, str]:
        """What the run was made of; empty before ``begin``."""
        row = self._db.execute("select value from run where key = 'config'").fetchone()
        return dict(json.loads(row[0])) if row else {}

    def begin(self, config: Mapping[str, str]) -> None:
        """Note what a new run is made of, or refuse a file that holds a run already."""
        if self.config:
            raise JournalError(
                f"{self.path} holds a run already; continue it with Loop.resume, "
                "or give another path"
            )
        config = {"format": str(FORMAT), "streamlearn": version("streamlearn"), **config}
        self._write("insert into run values ('config', ?)", (json.dumps(config),))

    def verify(self, config: Mapping[str, str]) -> None:
        """Refuse to continue a run that was made of something else.

        Raises
        ------
        JournalError
            Naming every difference.
        """
        before = self.config
        now = {"format": str(FORMAT), "streamlearn": version("streamlearn"), **config}
        if not before:
            raise JournalError(f"{self.path} holds no run yet; start one with Loop(journal=…)")
        differing = [k for k in {**before, **now} if before.get(k) != now.get(k)]
        if differing:
            shown = "; ".join(f"{k}: {before.get(k)} then, {now.get(k)} now" for k in differing)
            raise JournalError(
                f"{self.path} was written by another configuration or version ({shown}); "
                "resume with what it was made of, or start a new run with its labels as initial"
            )

    def asked(self, event: Asked) -> None:
        """Write an opened query."""
        self._append("ask", vars(event))

    def told(self, answer: Answer) -> None:
        """Write an answer."""
        body = {
            "round": answer.round,
            "ids": answer.ids.tolist(),
            "y": answer.y.tolist(),
            "abstained": answer.abstained.tolist(),
            "annotator": answer.annotator,
            "cost": answer.cost,
        }
        self._append("tell", body)

    def _append(self, kind: str, body: Mapping[str, Any]) -> None:
        values = (self._events + 1, time.time(), kind, json.dumps(body))
        self._write("insert into event values (?, ?, ?, ?)", values)
        self._events += 1

    def _write(self, statement: str, values: tuple[Any, ...]) -> None:
        try:
            self._db.execute(statement, values)
        except sqlite3.IntegrityError as error:
            raise JournalError(
                f"another process has written to {self.path}; resume the run to see what it did"
            ) from error
        except sqlite3.Error as error:
            raise JournalError(
                f"cannot write to {self.path} ({error}); nothing was changed: make room or mend "
                "the file, then try again"
            ) from error

    def events(self) -> Iterator[Asked | Answer]:
        """Yield what was asked and told, in order."""
        for _, kind, body in self._rows():
            yield Asked(**body) if kind == "ask" else Answer(**body)

    def _rows(self) -> Iterator[tuple[float, str, dict[str, Any]]]:
        try:
            rows = self._db.execute("select number, at, kind, body from event order by number")
            for expected, (number, at, kind, body) in enumerate(rows, 1):
                if number != expected or kind not in ("ask", "tell"):
                    raise JournalError(
                        f"{self.path} is damaged at event {expected}; restore it from a copy"
                    )
                yield at, kind, json.loads(body)
        except (sqlite3.Error, json.JSONDecodeError) as error:
            raise JournalError(
                f"{self.path} is damaged ({error}); restore it from a copy"
            ) from error

    def to_frame(self) -> pd.DataFrame:
        """Return one row for every id asked and annotator who answered it.

        Returns
        -------
        DataFrame
            Columns round, id, annotator, label, abstained, asked_at and told_at (UTC); an id
            nobody answered yet has neither annotator nor label.
        """
        columns = ["round", "id", "annotator", "label", "abstained", "asked_at", "told_at"]
        asked: dict[tuple[int, int], float] = {}
        rows: list[tuple[Any, ...]] = []
        told: set[tuple[int, int, str]] = set()
        for at, kind, body in self._rows():
            if kind == "ask":
                asked.update({(body["round"], i): at for i in body["ids"]})
                continue
            given = [(i, y, False) for i, y in zip(body["ids"], body["y"], strict=True)]
            for i, y, abstained in given + [(i, None, True) for i in body["abstained"]]:
                key = (body["round"], i)
                if (*key, body["annotator"]) not in told:
                    told.add((*key, body["annotator"]))
                    rows.append((*key, body["annotator"], y, abstained, asked[key], at))
        answered = {row[:2] for row in rows}
        rows += [
            (*key, None, None, False, at, None) for key, at in asked.items() if key not in answered
        ]
        frame = pd.DataFrame(rows, columns=columns)
        for column in ("asked_at", "told_at"):
            seconds = pd.to_numeric(frame[column])
            frame[column] = pd.to_datetime(seconds, unit="s", utc=True)
        return frame.sort_values(["round", "told_at"], kind="stable", ignore_index=True)

    def close(self) -> None:
        """Close the file now, not when the journal is forgotten; it takes no more events then."""
        self._closer()


def checksum(value: Any) -> int:
    """Return a CRC-32 of arrays, frames, labels, or tuples of them; 0 for None."""
    if value is None:
        return 0
    if isinstance(value, tuple):
        return zlib.crc32(repr([checksum(part) for part in value]).encode())
    if isinstance(value, pd.DataFrame):
        return zlib.crc32(pd.util.hash_pandas_object(value).to_numpy().tobytes())
    if sparse.issparse(value):
        return checksum((value.data, value.indices, value.indptr))
    array = np.ascontiguousarray(value)
    if array.dtype.kind == "O":
        return zlib.crc32(repr(array.tolist()).encode())
    return zlib.crc32(array.reshape(-1).view(np.uint8).data) if array.size else 1


def describe(value: Any) -> str:
    """Return what to hold against a later resume: the repr, or the type where it has none."""
    text = repr(value)
    return type(value).__qualname__ if " at 0x" in text else text
