"""A campaign as a TOML file says it: every key, name and value checked, with its place."""

import inspect
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, get_type_hints

from streamlearn.arrays import as_labels
from streamlearn.console.parts import Part, check_parameter, check_value, read_part
from streamlearn.errors import InputError, nearest, whole
from streamlearn.metrics import resolve
from streamlearn.protocols import Stop
from streamlearn.stopping import Agreement, Budget, BudgetSpent, Plateau, PoolEmpty, TimeUp

CONDITIONS: Mapping[str, type] = {
    "agreement": Agreement,
    "budget_spent": BudgetSpent,
    "plateau": Plateau,
    "pool_empty": PoolEmpty,
    "time_up": TimeUp,
}


@dataclass(frozen=True)
class Data:
    """``[data]``: a data set by name, or a table.

    Parameters
    ----------
    name : str, optional
        Of a data set; see ``streamlearn list datasets``.
    table : str, optional
        A Parquet or CSV file; a relative path starts at the TOML file.
    target : str, optional
        The table's column of labels; cells may be empty where people annotate.
    id : str, optional
        The table's column of row numbers; by default rows are numbered 0, 1, 2 …
    drop : list of str
        Columns the learner does not read; people see them all the same.
    missing : {"error", "impute"}
        What to do with missing numbers.
    stream : bool
        Offer the rows in batches that come by once, instead of as a pool.
    batch_size : int
        Rows a batch of a stream.
    shuffle : bool
        Shuffle a stream; by default the rows come in the order of the table.
    """

    name: str | None = None
    table: str | None = None
    target: str | None = None
    id: str | None = None
    drop: list[str] = field(default_factory=list)
    missing: Literal["error", "impute"] = "error"
    stream: bool = False
    batch_size: int = 100
    shuffle: bool = False


@dataclass(frozen=True)
class Answering:
    """``[annotator]``: who answers, and how well.

    Parameters
    ----------
    kind : {"simulated", "people"}, optional
        By default simulated where every row has a label, else people.
    noise : table or float, optional
        Which labels a simulated annotator gets wrong: a noise model, or a rate of flips.
    abstain : float
        Probability that it refuses a row.
    delay : int or float
        Rounds between question and answer; a float is the mean of a geometric number.
    cost : float
        Price of an answer.
    """

    kind: Literal["simulated", "people"] | None = None
    noise: Part | float | None = None
    abstain: float = 0.0
    delay: int | float = 0
    cost: float = 1.0


@dataclass(frozen=True)
class Config:
    """What a TOML file says of a campaign.

    Parameters
    ----------
    seed : int
        Of everything random.
    budget : int or table, optional
        Labels that may be bought, or ``{ labels = …, cost = …, price = … }``.
    per_round : int, float or "all", optional
        Rows a query; by default 10 of a pool, and all of a stream's batch.
    initial : int or "known", optional
        Rows of a pool labelled before the first query, drawn by class. By default 20, at most
        half, in a simulation; with people, all whose label the table knows.
    test : float or int, optional
        Rows held out and only scored, a share or a number. By default 0.3 of a simulated
        pool, else none.
    reference : int
        Trusted rows, with true labels.
    votes : int
        Answers that close a row.
    memory : int, optional
        The latest rows remembered; by default all of a pool, 10,000 of a stream.
    metrics : list of str
        Scores on the test rows.
    classes : list, optional
        All labels there can be.
    data, learner, strategy, trimmer, annotator
        The sections; where rows have to be chosen the strategy is margin by default, and the
        learner a linear one that chooses its own penalty.
    stop : Stop, optional
        When to end early.
    """

    seed: int = 0
    budget: Budget | None = None
    per_round: int | float | str | None = None
    initial: int | str | None = None
    test: float | int | None = None
    reference: int = 0
    votes: int = 1
    memory: int | None = None
    metrics: list[str] = field(default_factory=lambda: ["accuracy"])
    classes: list[Any] | None = None
    data: Data = field(default_factory=Data)
    learner: Part = field(default_factory=lambda: Part("learners", "tuned_linear"))
    strategy: Part | None = None
    trimmer: Part | None = None
    annotator: Answering = field(default_factory=Answering)
    stop: Stop | None = None


def read(path: Path, seed: int | None = None) -> Config:
    """Read a TOML file.

    Parameters
    ----------
    path : Path
        The file.
    seed : int, optional
        Instead of the file's own.

    Returns
    -------
    Config

    Raises
    ------
    InputError
        Naming the file, the place in it, what stands there and what would be right.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        config = _config(raw)
    except FileNotFoundError as error:
        raise InputError(f"there is no file {path}; name a TOML file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as text ({error}); name a TOML file") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path} is not valid TOML: {error}") from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return config if seed is None else replace(config, seed=whole(seed, "seed", 0))


def _config(raw: Mapping[str, Any]) -> Config:
    _check_keys(raw, Config, "")
    values: dict[str, Any] = {}
    for key, value in raw.items():
        if key in _READERS:
            values[key] = _READERS[key](value)
        else:
            check_value(value, get_type_hints(Config)[key], key)
            values[key] = value
    if "data" not in values:
        raise InputError('a [data] section is missing; for example [data] name = "digits"')
    config = Config(**values)
    for key, least in (("seed", 0), ("reference", 0), ("votes", 1)):
        whole(getattr(config, key), key, least)
    for key in ("initial", "per_round", "memory"):
        if isinstance(value := getattr(config, key), int):
            whole(value, key, 0 if key == "initial" else 1)
    _one_of(config.initial, "initial", "known")
    _one_of(config.per_round, "per_round", "all")
    if isinstance(config.per_round, float) and not 0 < config.per_round < 1:
        raise InputError(f"per_round as a share must lie between 0 and 1, got {config.per_round}")
    test = config.test
    if test is not None and (test < 0 or (isinstance(test, float) and test >= 1)):
        raise InputError(f"test must be a share below 1 or a number of rows, got {test}")
    try:
        resolve(config.metrics)
    except InputError as error:
        raise InputError(f"metrics: {error}") from error
    if config.classes is not None:
        if len({type(label) for label in config.classes}) > 1:
            raise InputError(f"classes mix text and numbers: {config.classes}; make them one kind")
        if len(set(as_labels(config.classes, "classes"))) < 2:
            raise InputError(f"classes must name at least two labels, got {config.classes}")
    return config


def _one_of(value: object, key: str, word: str) -> None:
    if isinstance(value, str) and value != word:
        raise InputError(f"{key} must be a number or {word!r}, got {value!r}")


def _check_keys(raw: Any, section: type, place: str) -> None:
    """Refuse a key that a section does not have."""
    if not isinstance(raw, Mapping):
        raise InputError(f"[{place}] must be a section with keys of its own, got {raw!r}")
    valid = [f.name for f in fields(section)]
    for key in raw:
        if key not in valid:
            where = f"[{place}].{key}: " if place else ""
            if place and key in (f.name for f in fields(Config)):
                raise InputError(
                    f"{where}{key!r} belongs to no section; move it above the first [section]"
                )
            raise InputError(f"{where}{nearest(key, valid, 'key')}")


def _section(section: type, place: str, raw: Any, **read: Any) -> Any:
    """Read a section whose keys are fixed."""
    _check_keys(raw, section, place)
    values = {key: read.get(key, value) for key, value in raw.items()}
    hints = get_type_hints(section)
    for key, value in values.items():
        if not isinstance(value, Part):
            check_value(value, hints[key], f"[{place}].{key}")
    return section(**values)


def _data(raw: Any) -> Data:
    data: Data = _section(Data, "data", raw)
    if (data.name is None) == (data.table is None):
        raise InputError('[data] needs either a name, such as name = "digits", or a table')
    if data.name is not None:
        for key in ("target", "id"):
            if getattr(data, key) is not None:
                raise InputError(
                    f"[data].{key} is for a table; data set {data.name!r} knows its own"
                )
    whole(data.batch_size, "[data].batch_size", 1)
    return data


def _annotator(raw: Any) -> Answering:
    if not isinstance(raw, Mapping) or not isinstance(raw.get("noise"), Mapping):
        who: Answering = _section(Answering, "annotator", raw)
    else:
        noise = read_part("noise", raw["noise"], "[annotator].noise")
        who = _section(Answering, "annotator", raw, noise=noise)
    if who.kind == "people":
        for key in ("noise", "abstain", "delay"):
            if key in raw:
                raise InputError(f"[annotator].{key} is for a simulated annotator, not for people")
    return who


def _budget(raw: Any) -> Budget:
    if not isinstance(raw, Mapping):
        return Budget(labels=whole(raw, "budget", 0))
    for key, value in raw.items():
        check_parameter(Budget, key, value, "budget")
    return Budget(**raw)


def _stop(raw: Any) -> Stop | None:
    """Conditions by name, each with its parameters; the first one met ends the run, or all."""
    if not isinstance(raw, Mapping):
        raise InputError(f"[stop] must be a section of conditions, got {raw!r}")
    stop: Any = None
    together = raw.get("require", "any")
    check_value(together, Literal["any", "all"], "[stop].require")
    for name, parameters in raw.items():
        if name == "require":
            continue
        if name not in CONDITIONS:
            raise InputError(
                f"[stop].{name}: {nearest(name, [*CONDITIONS, 'require'], 'condition')}"
            )
        make, place = CONDITIONS[name], f"[stop].{name}"
        if not isinstance(parameters, Mapping):
            takes = ", ".join(f"{key} = …" for key in inspect.signature(make).parameters)
            raise InputError(f"{place} must be a table {{ {takes} }}, got {parameters!r}")
        for key, value in parameters.items():
            check_parameter(make, key, value, place)
        try:
            condition = make(**parameters)
        except TypeError as error:
            raise InputError(f"{place}: {error}") from error
        if stop is None:
            stop = condition
        else:
            stop = stop | condition if together == "any" else stop & condition
    made: Stop | None = stop
    return made


def _read_named(group: str, key: str, default: str | None = None) -> Any:
    return lambda raw: read_part(group, raw, f"[{key}]", default)


_READERS: Mapping[str, Any] = {
    "budget": _budget,
    "data": _data,
    "learner": _read_named("learners", "learner", "tuned_linear"),
    "strategy": _read_named("strategies", "strategy"),
    "trimmer": _read_named("trimmers", "trimmer"),
    "annotator": _annotator,
    "stop": _stop,
}
