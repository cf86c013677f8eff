"""A comparison as a TOML file says it: every key, name and value checked, with its place."""

import functools
import importlib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_type_hints

import pandas as pd

from streamlearn import datasets
from streamlearn.benchmark.engine import compare
from streamlearn.benchmark.suites import SUITES, suite
from streamlearn.config import Data
from streamlearn.console.parts import check_parameter, check_value, read_part
from streamlearn.console.table import read_table
from streamlearn.datasets import Dataset
from streamlearn.errors import InputError, nearest
from streamlearn.metrics import resolve

_GROUPS = {
    "strategies": "strategies",
    "learners": "learners",
    "noise": "noise",
    "trimmers": "trimmers",
}
_ABSENT = {"strategies": "all", "noise": "none", "trimmers": "none"}
_PLAIN = {  # the other keys of a file, and what compare takes there
    key: hint for key, hint in get_type_hints(compare).items() if key not in (*_GROUPS, "datasets")
}
_TYPES = {
    **{key: _PLAIN[key] for key in ("rounds", "initial", "reference", "test", "max_rows")},
    **{key: _PLAIN[key] for key in ("stream", "votes", "n_jobs", "backend", "address")},
    "seeds": int | list[int],
    "per_round": int | float | str,
    "metrics": str | list[str],
    "folder": str,
}
_TABLE = ("table", "target", "id", "drop")


def read(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Parameters
    ----------
    path : Path
        The file. Its keys are the parameters of ``compare``, and ``suite``, which gives those it
        does not name itself.

    Returns
    -------
    dict
        Arguments of ``compare``; a relative ``folder`` starts at the file.

    Raises
    ------
    InputError
        Naming the file, the place in it, what stands there and what would be right.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        return _arguments(raw, path.parent)
    except FileNotFoundError as error:
        raise InputError(f"there is no file {path}; name a TOML file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as text ({error}); name a TOML file") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path} is not valid TOML: {error}") from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _arguments(raw: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    valid = ["suite", "datasets", *_GROUPS, *_TYPES]
    for key in raw:
        if key not in valid:
            raise nearest(key, valid, "key")
    given: dict[str, Any] = {}
    if "suite" in raw:
        check_value(raw["suite"], str, "suite")
        given = suite(raw["suite"])
    for key, value in raw.items():
        if key == "datasets":
            given[key] = _levels(value, key, functools.partial(_dataset, folder=folder))
        elif key in _GROUPS:
            given[key] = _levels(value, key, functools.partial(_part, key))
        elif key in _TYPES:
            check_value(value, _TYPES[key], key)
            given[key] = value
    if isinstance(given.get("per_round"), str):
        if given["per_round"] != "all":
            raise InputError(f'per_round must be a number or "all", got {given["per_round"]!r}')
        given["per_round"] = None
    resolve(given.get("metrics", "accuracy"))
    for key in ("datasets", "strategies"):
        if key not in given:
            example = {"datasets": '["digits", "phishing"]', "strategies": '["random", "margin"]'}
            raise InputError(
                f"{key} are missing; for example {key} = {example[key]}, or name a suite: "
                f"{', '.join(SUITES)}"
            )
    if "folder" in raw:
        given["folder"] = folder / raw["folder"]
    return given


def _levels(raw: Any, key: str, read_one: Any) -> Any:
    """The levels of a factor: one, a list of them, or a section that names them."""
    if isinstance(raw, Mapping):
        return {name: read_one(value, f"[{key}].{name}", name) for name, value in raw.items()}
    if isinstance(raw, list):
        levels = [(value, read_one(value, f"{key}[{i}]", None)) for i, value in enumerate(raw)]
        if not levels:
            raise InputError(f"{key} is empty; name at least one")
        # A table of a file has no other name than the file's.
        if key != "datasets" or all(isinstance(value, str) for value, _ in levels):
            return [level for _, level in levels]
        return {_called(value): level for value, level in levels}
    return read_one(raw, key, None)


def _part(key: str, raw: Any, place: str, name: str | None) -> Any:
    group = _GROUPS[key]
    if key == "noise" and isinstance(raw, int | float) and not isinstance(raw, bool):
        return raw
    if isinstance(raw, str):
        if key in _ABSENT and raw in ("none", _ABSENT[key]):
            return raw
        raw = {"name": raw}
    return read_part(group, raw, place, name)


def _dataset(raw: Any, place: str, name: str | None, folder: Path) -> Any:
    if isinstance(raw, str):
        raw = {"name": raw}
    if not isinstance(raw, Mapping):
        raise InputError(
            f'{place} must be the name of a data set, {{ table = "file.csv", target = … }} or '
            f'{{ drift = "abrupt" }}, got {raw!r}'
        )
    if "drift" in raw:
        make = importlib.import_module("streamlearn.simulators").DriftStream
        options = {"kind": raw["drift"], **{k: v for k, v in raw.items() if k != "drift"}}
        for key, value in options.items():
            check_parameter(make, key, value, place, also=("drift",))
        try:
            make(**options)
        except InputError as error:
            raise InputError(f"{place}: {error}") from error
        return functools.partial(make, **options)
    if "table" in raw:
        for key, value in raw.items():
            if key not in _TABLE:
                raise InputError(f"{place}.{key}: {nearest(key, _TABLE, 'key')}")
            check_value(value, get_type_hints(Data)[key], f"{place}.{key}")
        if "target" not in raw:
            raise InputError(f"{place}.target is missing: name the column of labels")
        table = read_table(Data(**raw), folder)
        known = table.known()
        frame = table.read(known)
        target = pd.Series(table.labels(known), index=frame.index)
        return Dataset(name or Path(raw["table"]).stem, frame, target)
    for key in raw:
        if key != "name":
            valid = ["name", *_TABLE, "drift"]
            raise InputError(f"{place}.{key}: {nearest(key, valid, 'key')}")
    wanted = raw.get("name", name)
    if wanted is None:
        raise InputError(f"{place} needs a name, a table or a drift")
    if wanted not in datasets.names() and not str(wanted).startswith("openml:"):
        raise InputError(f"{place}: {nearest(str(wanted), datasets.names(), 'dataset')}")
    return str(wanted)


def _called(raw: Any) -> str:
    """The name of a data set in a list."""
    if isinstance(raw, str):
        return raw
    if "table" in raw:
        return Path(raw["table"]).stem
    return str(raw.get("name", f"{raw.get('drift')} drift"))
