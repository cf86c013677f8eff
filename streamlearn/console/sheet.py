"""Batches for people as CSV: written for a spreadsheet, and read as spreadsheets give them back."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from streamlearn.arrays import Ids
from streamlearn.console.table import ID, LABEL, Table, separator_of
from streamlearn.console.vocabulary import whole_number
from streamlearn.errors import InputError


@dataclass(frozen=True)
class Cell:
    """What a person wrote beside an id; empty text if nothing."""

    line: int
    id: int
    text: str


def write_batch(table: Table, ids: Ids) -> bytes:
    """Return rows to be labelled as CSV: the id first, the original columns, an empty label last.

    Parameters
    ----------
    table : Table
        The data.
    ids : ndarray of int64
        The rows, in order.

    Returns
    -------
    bytes
        In UTF-8.
    """
    frame = table.shown.loc[ids].rename_axis(index=ID).reset_index().assign(**{LABEL: ""})
    return frame.to_csv(index=False, lineterminator="\n").encode()


def read_batch(content: bytes, name: str) -> list[Cell]:
    """Read a batch told back.

    Parameters
    ----------
    content : bytes
        Of a CSV file separated by comma, semicolon or tab, with any line ends; the order of
        columns and rows does not matter, and other columns than id and label are not read.
    name : str
        Of the file, for errors.

    Returns
    -------
    list of Cell
        One a row, in the order of the file.

    Raises
    ------
    InputError
        Naming every line that cannot be understood.
    """
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = content.decode("utf-16")
    else:
        # Columns nobody reads here may be of any encoding; id and label are checked below.
        text = content.decode("utf-8-sig", errors="surrogateescape")
    first = text.split("\n", 1)[0].rstrip("\r")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator_of(first, (ID, LABEL)))
    header = [cell.strip() for cell in next(reader, [])]
    for column in (ID, LABEL):
        if header.count(column) > 1:
            raise InputError(f"{name} has the column {column!r} twice; keep one of them")
        if column not in header:
            found = ", ".join(header) or "none"
            raise InputError(
                f"{name} has no column {column!r} (its columns: {found}); keep the first line as "
                "streamlearn ask wrote it"
            )
    cells, problems = [], []
    for line, row in _rows(reader):
        try:
            cells.append(_cell(header, row, line))
        except InputError as error:
            problems.append(f"line {line}: {error}")
    complain(problems, name)
    return cells


def complain(problems: list[str], name: str) -> None:
    """Raise one InputError that lists the problems, if there are any."""
    if problems:
        shown = problems[:10] + ([f"and {len(problems) - 10} more"] if len(problems) > 10 else [])
        raise InputError(f"{name}: nothing was told\n  " + "\n  ".join(shown))


def _rows(reader: Any) -> Iterator[tuple[int, list[str]]]:
    """Rows with something in them, each with the line it ends in."""
    for row in reader:
        if any(cell.strip() for cell in row):
            yield reader.line_num, row


def _cell(header: list[str], row: list[str], line: int) -> Cell:
    if any(cell.strip() for cell in row[len(header) :]):
        raise InputError(
            f"{len(row)} cells under {len(header)} columns; quote cells with separators"
        )
    row = row + [""] * (len(header) - len(row))
    written, text = row[header.index(ID)].strip(), row[header.index(LABEL)].strip()
    id = whole_number(written)
    if id is None:
        raise InputError(f"id {written!r} is no whole number; ids must stay as asked")
    if not text.isprintable() or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise InputError(f"the label of id {id} is not UTF-8; save the file as CSV UTF-8")
    return Cell(line, id, text)
