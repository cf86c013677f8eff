"""A plug-in named in a file, with its parameters held against what it takes before it is made."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from streamlearn import plugins
from streamlearn.errors import InputError, nearest

# A parameter that is a plug-in itself is a table with a name, of this group.
_NESTED = {"strategy": "strategies", "estimator": "learners", "noise": "noise"}


@dataclass(frozen=True)
class Part:
    """A plug-in by name.

    Parameters
    ----------
    group : str
        As in ``streamlearn.plugins``.
    name : str
        As registered.
    parameters : mapping of str to object
        What it is called with; a nested plug-in is a Part.

    Examples
    --------
    >>> part = Part("strategies", "margin")
    >>> part.make()
    Margin()
    """

    group: str
    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def make(self, **defaults: Any) -> Any:
        """Make the object; ``defaults`` go to parameters it has and the file does not set."""
        make = plugins.load(self.group, self.name)
        takes = inspect.signature(make).parameters
        given = {key: value for key, value in defaults.items() if key in takes}
        for key, value in self.parameters.items():
            given[key] = value.make(**defaults) if isinstance(value, Part) else value
        return make(**given)


def read_part(group: str, raw: Any, place: str, default: str | None = None) -> Part:
    """Read a table with a name and parameters.

    Parameters
    ----------
    group : str
        Of the plug-in.
    raw : object
        What the file holds there.
    place : str
        Where in the file, for errors.
    default : str, optional
        The name where none is given.

    Returns
    -------
    Part

    Raises
    ------
    InputError
        For a name that is not registered, or a parameter it does not take.
    """
    if not isinstance(raw, Mapping):
        raise InputError(
            f"{place} must be a table with a name, such as {{ name = … }}, got {raw!r}"
        )
    name = raw.get("name", default)
    keys, valid = [key for key in raw if key != "name"], plugins.names(group)
    if name is None:
        if keys:
            raise InputError(f"{place}.{keys[0]}: {nearest(keys[0], ['name'], 'key')}")
        raise InputError(f"{place} needs a name, one of: {', '.join(valid)}")
    if name not in valid:
        raise InputError(f"{place}.name: {nearest(str(name), valid, plugins.GROUPS[group])}")
    make = plugins.load(group, name)
    parameters = {}
    for key in keys:
        value = raw[key]
        if isinstance(value, Mapping) and "name" in value and key in _NESTED:
            value = read_part(_NESTED[key], value, f"{place}.{key}")
        check_parameter(make, key, value, place, also=("name",))
        parameters[key] = value
    _check_complete(make, parameters, place, name)
    part = Part(group, name, parameters)
    _check_values(part, place)
    return part


def check_parameter(
    make: Callable[..., Any], key: str, value: Any, place: str, also: tuple[str, ...] = ()
) -> None:
    """Raise InputError unless ``make`` takes a parameter of this name and kind of value."""
    takes = parameters_of(make)
    if any(p.kind is p.VAR_KEYWORD for p in takes.values()):
        return
    if key not in takes:
        raise InputError(f"{place}.{key}: {nearest(key, [*takes, *also], 'key')}")
    if not isinstance(value, Part):
        check_value(value, _hints(make).get(key, Any), f"{place}.{key}")


def parameters_of(make: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Return the parameters by name; a function that passes ``**parameters`` on to the class it
    returns takes those of the class."""
    takes = dict(inspect.signature(make).parameters)
    made = inspect.signature(make, eval_str=True).return_annotation
    if inspect.isclass(made) and any(p.kind is p.VAR_KEYWORD for p in takes.values()):
        own = {key: p for key, p in takes.items() if p.kind is not p.VAR_KEYWORD}
        return {**inspect.signature(made).parameters, **own}
    return takes


def check_value(value: Any, hint: Any, place: str) -> None:
    """Raise InputError unless a value of a TOML file fits a type annotation."""
    if _fits(value, hint):
        return
    choices = [c for part in (hint, *get_args(hint)) for c in _literals(part)]
    if choices and isinstance(value, str):
        raise InputError(f"{place}: {nearest(value, map(str, choices), 'value')}")
    raise InputError(f"{place} must be {_readable(hint)}, got {value!r}")


def _check_complete(
    make: Callable[..., Any], parameters: Mapping[str, Any], place: str, name: str
) -> None:
    for key, p in inspect.signature(make).parameters.items():
        needed = p.default is p.empty and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
        if needed and key not in parameters:
            raise InputError(f"{place}.{key} is missing: {name!r} cannot do without it")


def _check_values(part: Part, place: str) -> None:
    """Let a plug-in that can check its parameters do so now, not after the first answers."""
    try:
        made = part.make()
        # scikit-learn looks at parameters when it fits; that would be after rows were asked.
        if hasattr(made, "_parameter_constraints"):
            made._validate_params()
    except (ValueError, TypeError) as error:
        raise InputError(f"{place}: {error}") from error


def _hints(make: Callable[..., Any]) -> dict[str, Any]:
    """The annotations of a class's or function's parameters; none where they name odd things."""
    try:
        return get_type_hints(make.__init__ if inspect.isclass(make) else make)
    except (NameError, TypeError):
        return {}


def _fits(value: Any, hint: Any) -> bool:
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return any(_fits(value, part) for part in get_args(hint))
    if origin is Literal:
        return value in get_args(hint)
    if origin is list:
        inner = get_args(hint)[0]
        return isinstance(value, list) and all(_fits(item, inner) for item in value)
    if hint in (int, float):
        number = int if hint is int else (int, float)
        return isinstance(value, number) and not isinstance(value, bool)
    if hint in (str, bool, NoneType):
        return isinstance(value, hint)
    return True  # a type TOML knows nothing of


def _literals(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) is Literal else ()


def _readable(hint: Any) -> str:
    """A type as a person says it."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(_readable(a) for a in args if a is not NoneType))
    if origin is Literal:
        return "one of " + ", ".join(map(str, args))
    if origin is list:
        return f"a list, each {_readable(args[0])}"
    names = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
    return names.get(hint, f"a {getattr(hint, '__name__', hint)}")
