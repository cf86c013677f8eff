"""What all cells of one (dataset, seed) share: who is offered, known, trusted, only scored."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from streamlearn.arrays import Ids, Labels, Matrix, in_proportion, take
from streamlearn.benchmark.tables import Rows, Table
from streamlearn.encoding import FrameEncoder, as_matrix
from streamlearn.errors import InputError
from streamlearn.keyed import key


@dataclass(frozen=True)
class Sizes:
    """How many rows of a data set are for what.

    Parameters
    ----------
    initial : int
        Of a pool, labelled before the first query (by the annotator, who may err).
    reference : int
        Trusted, with true labels.
    test : int or float
        Of a pool, only scored: a number or a share.
    max_rows : int or None
        Rows used of a data set at most, drawn anew for each seed.
    stream : int or None
        Rows a batch, to offer a table as a stream; None offers it as a pool.
    """

    initial: int = 20
    reference: int = 0
    test: int | float = 0.3
    max_rows: int | None = None
    stream: int | None = None


@dataclass(frozen=True, eq=False)
class Division:
    """The rows of one (dataset, seed), as numbers.

    Parameters
    ----------
    seed : int
        Of everything random in its cells but the labels' errors and the strategy's own draws,
        which hang on it too.
    X : ndarray or CSR matrix, shape (n, d)
        What is offered.
    y : ndarray, shape (n,)
        The truth of it.
    classes : ndarray, shape (k,)
        All labels there are.
    initial : ndarray of int64
        Rows of X labelled from the start.
    reference, test : tuple (X, y) or None
        Trusted rows; rows only scored.
    sizes : tuple of int or None
        Rows of each batch of a stream.
    """

    seed: int
    X: Matrix
    y: Labels
    classes: Labels
    initial: Ids
    reference: tuple[Matrix, Labels] | None
    test: tuple[Matrix, Labels] | None
    sizes: tuple[int, ...] | None


def divide(table: Table, seed: int, sizes: Sizes) -> Division:
    """Divide a data set, by (its name, seed) alone.

    Parameters
    ----------
    table : Table
        The data.
    seed : int
        Of the comparison.
    sizes : Sizes
        How many rows are for what.

    Returns
    -------
    Division
        Every row used is in exactly one of offered, reference and test; of each class as many as
        its share. Frames are encoded: numbers standardised, categories one-hot, by what is
        offered (a stream's by its reference, or else its first batch).

    Raises
    ------
    InputError
        If the data has too few rows for it.
    """
    own = key(seed, table.name) % 2**32  # plug-ins may have seeds of scikit-learn's range
    rows = table.draw(seed)
    if rows.streaming:
        return _stream(own, rows, sizes)
    rng = np.random.default_rng(own)
    n = len(rows.y)
    left = rng.permutation(n)
    if sizes.max_rows is not None and sizes.max_rows < n:
        left = left[in_proportion(rows.y[left])[: sizes.max_rows]]
    pool = sizes.stream is None
    wanted = 0 if not pool else sizes.test
    test, left = _draw(rows, left, wanted if isinstance(wanted, int) else round(wanted * len(left)))
    reference, left = _draw(rows, left, sizes.reference)
    initial, _ = _draw(rows, left, sizes.initial if pool else 0)
    if len(initial) >= len(left):
        raise InputError(
            f"data set {table.name!r} has {n} rows: {len(test)} for the test, {len(reference)} as "
            f"reference and {sizes.initial} initial ones leave none to ask; want fewer"
        )
    if pool:
        left = np.sort(left)
    batches = None
    if sizes.stream is not None:
        left = rng.permutation(left)
        batches = tuple(len(part) for part in _cut(left, sizes.stream))
    basis = left if pool else (reference if len(reference) else left[: sizes.stream])
    encode = _encoder(take(rows.X, basis))
    return Division(
        seed=own,
        X=encode(take(rows.X, left)),
        y=rows.y[left],
        classes=np.unique(rows.y),
        initial=np.flatnonzero(np.isin(left, initial)),
        reference=_known(encode, rows, reference),
        test=_known(encode, rows, test),
        sizes=batches,
    )


def _draw(rows: Rows, left: Ids, n: int) -> tuple[Ids, Ids]:
    """Take n of the rows left, each class in its proportion; return them and the others."""
    if n == 0:
        return left[:0], left
    first = in_proportion(rows.y[left])[:n]
    return left[first], np.delete(left, first)


def _cut(rows: Ids, size: int) -> list[Ids]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _stream(seed: int, rows: Rows, sizes: Sizes) -> Division:
    """Batches in their own order; the first rows are the reference."""
    trusted = sizes.reference
    X: Any = pd.concat(rows.X) if isinstance(rows.X[0], pd.DataFrame) else np.concatenate(rows.X)
    ends = np.cumsum([part.shape[0] for part in rows.X]) - trusted
    batches = np.diff(np.maximum(ends, 0), prepend=0)
    if len(rows.y) <= trusted:
        raise InputError(
            f"a stream of {len(rows.y)} rows cannot give {trusted} as reference; want fewer"
        )
    ids = np.arange(len(rows.y))
    encode = _encoder(take(X, ids[: trusted or int(batches[0])]))
    return Division(
        seed=seed,
        X=encode(take(X, ids[trusted:])),
        y=rows.y[trusted:],
        classes=np.unique(rows.y),
        initial=ids[:0],
        reference=_known(encode, Rows(X, rows.y), ids[:trusted]),
        test=None,
        sizes=tuple(int(n) for n in batches if n),
    )


def _encoder(basis: Any) -> Any:
    """What turns rows into numbers, fitted without labels."""
    if isinstance(basis, pd.DataFrame):
        return FrameEncoder(missing="impute").fit(basis).transform
    return as_matrix


def _known(encode: Any, rows: Rows, ids: Ids) -> tuple[Matrix, Labels] | None:
    return (encode(take(rows.X, ids)), rows.y[ids]) if len(ids) else None
