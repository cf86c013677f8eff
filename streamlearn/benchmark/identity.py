"""What an object is, as text that stays the same from run to run and machine to machine."""

import functools
import hashlib
import inspect
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from streamlearn.errors import InputError


def digest(*texts: str | bytes) -> str:
    """Return a short hash of texts, 32 hexadecimal digits.

    Parameters
    ----------
    *texts : str or bytes
        In order; where one ends counts.

    Returns
    -------
    str

    Examples
    --------
    >>> digest("a", "bc") == digest("ab", "c")
    False
    """
    hashed = hashlib.blake2b(digest_size=16)
    for text in texts:
        body = text.encode() if isinstance(text, str) else text
        hashed.update(len(body).to_bytes(8, "little"))
        hashed.update(body)
    return hashed.hexdigest()


def fingerprint(value: Any) -> str:
    """Return a hash of the contents of an array, sparse matrix, frame or series.

    Parameters
    ----------
    value : array-like, sparse matrix, DataFrame or Series
        Object arrays count by the text of their elements.

    Returns
    -------
    str

    Examples
    --------
    >>> fingerprint(np.zeros(3)) == fingerprint(np.zeros(3)), fingerprint([1]) == fingerprint([2])
    (True, False)
    """
    if isinstance(value, pd.DataFrame):
        names = [f"{name!r} {dtype}" for name, dtype in value.dtypes.items()]
        rows = pd.util.hash_pandas_object(value, index=False).to_numpy()
        return digest("frame", repr(names), rows.tobytes())
    if sparse.issparse(value):
        rows = value.tocsr()
        return digest(
            "sparse", repr(rows.shape), *map(fingerprint, (rows.data, rows.indices, rows.indptr))
        )
    array = np.ascontiguousarray(value)
    body = repr(array.tolist()).encode() if array.dtype.kind == "O" else array.tobytes()
    return digest("array", f"{array.dtype.str} {array.shape}", body)


def describe(value: Any) -> str:
    """Return a text that equal configurations share and different ones do not.

    Parameters
    ----------
    value : object
        A plain value, an array, a class or function of a module, an object with ``get_params``
        or a repr of its own, or a collection of these.

    Returns
    -------
    str

    Raises
    ------
    InputError
        If there is nothing but its place in memory to tell it by.

    Examples
    --------
    >>> from streamlearn.strategies import Margin
    >>> describe(Margin()), describe(np.argsort)
    ('streamlearn.strategies.margin.Margin()', 'numpy.argsort')
    """
    if value is None or isinstance(value, str | bytes | bool | int | float | complex):
        return repr(value)
    if isinstance(value, np.generic):
        return repr(value.item())
    if isinstance(value, np.ndarray | pd.DataFrame | pd.Series) or sparse.issparse(value):
        return f"{type(value).__name__}<{fingerprint(value)}>"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{describe(k)}: {describe(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "(" + ", ".join(map(describe, value)) + ")"
    if isinstance(value, set | frozenset):
        return "{" + ", ".join(sorted(map(describe, value))) + "}"
    if isinstance(value, functools.partial):
        return _call(f"partial {describe(value.func)}", value.keywords, *value.args)
    if inspect.ismethod(value):
        return f"{describe(value.__self__)}.{value.__name__}"
    if hasattr(value, "__qualname__"):
        return _place(value)
    kind = _place(type(value))
    if hasattr(value, "get_params"):
        return _call(kind, value.get_params(deep=False))
    if is_dataclass(value):
        return _call(kind, {field.name: getattr(value, field.name) for field in fields(value)})
    text = repr(value)
    if " at 0x" in text:
        raise InputError(
            f"{text} can be told by its place in memory only, so its results could not be found "
            "again; give it get_params or a __repr__ with its parameters, or give it a name in a "
            "mapping {name: object}, which then stands for it"
        )
    return f"{kind} {text}"


def _call(kind: str, named: Mapping[str, Any], *others: Any) -> str:
    shown = [describe(other) for other in others]
    shown += [f"{key}={describe(value)}" for key, value in sorted(named.items())]
    return f"{kind}({', '.join(shown)})"


def _place(value: Any) -> str:
    """A class or function by its module; a nested or anonymous one cannot be found by it."""
    place = f"{value.__module__}.{value.__qualname__}"
    if "<" in place:
        raise InputError(
            f"{place} is defined inside a function, so its name does not tell what it does; move "
            "it to the top of a module, or give it a name in a mapping {name: object}"
        )
    return place
