"""Rows whose labels are known without asking: initial, reference and test rows, checked."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from streamlearn.data import Labelled, Labels, Matrix, as_ids, as_labels
from streamlearn.errors import InputError
from streamlearn.protocols import Source


def _pair(given: Any, name: str, shape: str) -> tuple[Any, Any]:
    if not isinstance(given, tuple) or len(given) != 2:
        raise InputError(f"{name} must be a tuple ({shape}), got {type(given).__name__}")
    return given


def initial_rows(source: Source, initial: tuple[ArrayLike, ArrayLike]) -> Labelled:
    """Return the pool's rows of the given ids with their labels."""
    given, labels = _pair(initial, "initial", "ids, labels")
    if source.streaming:
        raise InputError("a stream has no initial rows; give reference=(X, y) instead")
    ids, y = as_ids(given, "initial ids"), as_labels(labels, "initial labels")
    if len(ids) != len(y):
        raise InputError(f"initial has {len(ids)} ids and {len(y)} labels; give one each")
    if len(np.unique(ids)) < len(ids):
        raise InputError("initial names an id twice; give each once")
    return Labelled(ids, source.encode(source.rows(ids)), y, np.ones(len(ids)))


def reference_rows(source: Source, reference: tuple[Any, ArrayLike]) -> Labelled:
    """Return the reference encoded, with ids -1, -2, …"""
    X, y = labelled_rows(source, reference, "reference")
    return Labelled(-1 - np.arange(len(y)), X, y, np.ones(len(y)))


def labelled_rows(source: Source, given: tuple[Any, ArrayLike], name: str) -> tuple[Matrix, Labels]:
    """Return a pair (X, y) encoded like the source's rows."""
    rows, labels = _pair(given, name, "X, y")
    X, y = source.encode(rows), as_labels(labels, f"{name} labels")
    if X.shape[0] != len(y) or len(y) == 0:
        raise InputError(f"{name} has {X.shape[0]} rows and {len(y)} labels; give one each")
    return X, y
