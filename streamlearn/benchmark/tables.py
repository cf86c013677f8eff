"""Where the rows of a comparison come from: data sets by name, pairs, and makers of streams."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from streamlearn import datasets
from streamlearn.arrays import Labels, as_labels
from streamlearn.benchmark.arms import call
from streamlearn.benchmark.identity import describe, digest, fingerprint
from streamlearn.datasets import Dataset
from streamlearn.errors import InputError
from streamlearn.keyed import key


@dataclass(frozen=True, eq=False)
class Rows:
    """Labelled rows, in one piece or as batches in their own order.

    Parameters
    ----------
    X : array, CSR matrix or DataFrame of n rows, or list of them
        A list: the batches of a stream.
    y : ndarray, shape (n,)
        True labels.
    """

    X: Any
    y: Labels

    @property
    def streaming(self) -> bool:
        """Whether the rows came in batches."""
        return isinstance(self.X, list)


@dataclass(frozen=True, eq=False)
class Table:
    """A data set of a comparison.

    Parameters
    ----------
    name : str
        How the tables call it.
    draw : callable
        Gives the rows of a seed.
    description : str
        Tells it from every other data.
    """

    name: str
    draw: Callable[[int], Rows]
    description: str


def tables(given: Any) -> list[Table]:
    """Return the data sets of a comparison.

    Parameters
    ----------
    given : object, or sequence or mapping of them
        Each the name of a data set, a ``Dataset``, a pair (X, y), or a function that makes a
        pair, a ``Dataset`` or an iterable of (X, y) batches (of the seed, if it has a parameter
        ``seed``); a mapping names them.

    Returns
    -------
    list of Table
        Names differ.

    Raises
    ------
    InputError
        For a name that is not known, data that has none, and two of one name.

    Examples
    --------
    >>> [table.name for table in tables(["iris", "digits"])]
    ['iris', 'digits']
    """
    if isinstance(given, Mapping):
        made = [_table(value, str(name)) for name, value in given.items()]
    else:
        alone = isinstance(given, str | Dataset | tuple) or callable(given)
        made = [_table(value) for value in ([given] if alone else given)]
    if not made:
        raise InputError("no data set is given; name at least one")
    names = [table.name for table in made]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"two data sets are called {twice!r}; name them in a mapping {{name: …}}")
    return made


def _table(value: Any, name: str | None = None) -> Table:
    if isinstance(value, str):
        name, value = name or value, datasets.load(value)
    if isinstance(value, Dataset):
        name = name or value.name
    if name is None:
        raise InputError(
            f"a data set given as {type(value).__name__} has no name; give a mapping, such as "
            '{"mine": (X, y)}'
        )
    if not callable(value):
        rows = _rows(value, name)
        return Table(name, lambda seed: rows, _content(rows))

    def draw(seed: int) -> Rows:
        return _rows(call(value, key(seed, f"data {name}") % 2**32), name)

    # What it makes of one seed stands for what it would make of another.
    return Table(name, draw, digest(_maker(value), _content(draw(0))))


def _rows(value: Any, name: str) -> Rows:
    """Data as it was given or made, with plain labels."""
    if isinstance(value, Dataset):
        return Rows(value.frame, as_labels(value.target.to_numpy(), f"labels of {name}"))
    if isinstance(value, tuple) and len(value) == 2:
        X, y = value
        X = X if hasattr(X, "shape") else np.asarray(X)
        labels = as_labels(y, f"labels of {name}")
        if X.shape[0] != len(labels):
            raise InputError(f"data set {name!r} has {X.shape[0]} rows and {len(labels)} labels")
        return Rows(X, labels)
    if isinstance(value, Iterable):
        batches = [(X, as_labels(y)) for X, y in value if len(y)]
        if batches:
            return Rows([X for X, _ in batches], np.concatenate([y for _, y in batches]))
    raise InputError(
        f"data set {name!r} must be a pair (X, y), a Dataset, a name, or a function that makes one "
        f"of these or an iterable of (X, y) batches; got {type(value).__name__}"
    )


def _content(rows: Rows) -> str:
    parts = rows.X if rows.streaming else [rows.X]
    return digest(*map(fingerprint, parts), fingerprint(rows.y))


def _maker(value: Any) -> str:
    try:
        return describe(value)
    except InputError:
        return ""  # its name and what it makes tell it apart
