"""Which rows of a table are offered, known at the start, trusted, or only scored."""

from dataclasses import dataclass

import numpy as np

from streamlearn.arrays import Ids, in_proportion
from streamlearn.config import Config
from streamlearn.console.table import Table
from streamlearn.errors import InputError


@dataclass(frozen=True, eq=False)
class Split:
    """A division of a table's ids.

    Parameters
    ----------
    offered : ndarray of int64
        May be asked; the initial rows are among them.
    initial : ndarray of int64
        Labelled before the first query.
    reference : ndarray of int64
        Trusted.
    test : ndarray of int64
        Only scored.
    """

    offered: Ids
    initial: Ids
    reference: Ids
    test: Ids


def split_table(config: Config, table: Table, people: bool) -> Split:
    """Divide a table as a configuration says, by its seed alone.

    Parameters
    ----------
    config : Config
        What the file says.
    table : Table
        The data.
    people : bool
        Whether people answer.

    Returns
    -------
    Split
        Every id is in exactly one of offered, reference and test.

    Raises
    ------
    InputError
        If more labels are wanted than are known, or nothing is left to ask.
    """
    rng = np.random.default_rng([config.seed, 0])  # queries count from 1
    stream = config.data.stream
    left = table.known()
    test = config.test
    if test is None:
        test = 0.0 if people or stream else 0.3
    n = test if isinstance(test, int) else round(test * len(left))
    if n == 0 and test:
        raise InputError(f"test = {test} of {len(left)} rows whose label is known makes no row")
    held_out, left = draw(rng, table, left, n, "test")
    trusted, left = draw(rng, table, left, config.reference, "reference")
    if stream and config.initial:
        raise InputError(
            f"initial = {config.initial!r} is for pools; a stream's first labels are its reference"
        )
    first = config.initial
    if first is None:
        first = "known" if people else min(20, len(left) // 2)
    n = len(left) if first == "known" else int(first)
    initial, _ = draw(rng, table, left, 0 if stream else n, "initial")
    away = np.concatenate([held_out, trusted])
    offered = table.ids[~np.isin(table.ids, away)]
    if len(initial) == len(offered):
        raise InputError(
            f"nothing is left to ask: of {len(table.ids)} rows {len(held_out)} are held out as "
            f"test, {len(trusted)} as reference, and {len(initial)} have a label from the start; "
            "give initial a smaller number"
        )
    if stream and config.data.shuffle:
        offered = rng.permutation(offered)
    return Split(offered, initial, trusted, held_out)


def draw(rng: np.random.Generator, table: Table, ids: Ids, n: int, what: str) -> tuple[Ids, Ids]:
    """Draw n of the ids, each class in its proportion, and return them and the others."""
    if n > len(ids):
        raise InputError(f"{what} = {n} rows with a known label are wanted, {len(ids)} are left")
    if n == 0:
        return ids[:0], ids
    shuffled = rng.permutation(ids)
    chosen = shuffled[in_proportion(table.labels(shuffled))[:n]]
    return chosen, ids[~np.isin(ids, chosen)]
