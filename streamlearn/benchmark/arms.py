"""What is compared, by name: strategies, learners, noises and trimmers as a user gives them."""

import functools
import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from streamlearn import plugins
from streamlearn.benchmark.identity import describe
from streamlearn.console.parts import Part
from streamlearn.errors import InputError

# Of each factor: its group of plug-ins, what an object of it can do, how its absence is called.
_KINDS = {
    "strategy": ("strategies", ("select",), "all"),
    "learner": ("learners", ("fit", "learn", "learn_one"), None),
    "noise": ("noise", ("corrupt",), "none"),
    "trimmer": ("trimmers", ("judge",), "none"),
}


@dataclass(frozen=True, eq=False)
class Arm:
    """One level of a factor.

    Parameters
    ----------
    factor : str
        Which factor.
    name : str
        How the tables call it.
    made_of : object
        None, a plug-in by name, an object, or what makes one.
    description : str
        Tells it from every other configuration.
    """

    factor: str
    name: str
    made_of: Any
    description: str

    def make(self, seed: int) -> Any:
        """Return the object; what makes one is given the seed if it takes it."""
        return _made(self.factor, self.made_of, seed)


def arms(factor: str, given: Any) -> list[Arm]:
    """Return the levels of a factor.

    Parameters
    ----------
    factor : {"strategy", "learner", "noise", "trimmer"}
        Which factor.
    given : object, or sequence or mapping of them
        Each None, the name of a plug-in, a ``Part``, an object, or a class or function that
        makes one (of the seed, if it has a parameter ``seed`` or ``random_state``); a mapping
        names them. A noise may be a number: the rate of symmetric flips.

    Returns
    -------
    list of Arm
        Names differ.

    Raises
    ------
    InputError
        For a name nobody registered, an object that cannot do its part or has no identity, and
        two arms of one name.

    Examples
    --------
    >>> [arm.name for arm in arms("noise", [None, 0.2])]
    ['none', 'symmetric 0.2']
    """
    if isinstance(given, Mapping):
        made = [_arm(factor, value, str(name)) for name, value in given.items()]
    elif (
        isinstance(given, Iterable)
        and not isinstance(given, str | bytes)
        and not _fits(factor, given)
    ):
        made = [_arm(factor, value) for value in given]
    else:
        made = [_arm(factor, given)]
    if not made:
        raise InputError(f"no {factor} is given; name at least one")
    names = [arm.name for arm in made]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(
            f"two arms are called {twice!r}; tell them apart with a mapping {{name: {factor}}}"
        )
    return made


def _arm(factor: str, value: Any, name: str | None = None) -> Arm:
    group, _, absent = _KINDS[factor]
    if absent is not None and (
        value is None or (isinstance(value, str) and value in ("none", absent))
    ):
        return Arm(factor, name or absent, None, "None")
    if isinstance(value, str):
        name, value = name or value, Part(group, value)
    if isinstance(value, Part):
        name, value = name or value.name, _recipe(value)
    made = _made(factor, value, seed=0)
    if factor == "noise" and isinstance(made, int | float):
        if not 0 <= made <= 1:
            raise InputError(f"a noise given as a rate must lie between 0 and 1, got {made!r}")
        name = name or f"symmetric {made:g}"
    elif not _fits(factor, made):
        needed = " or ".join(_KINDS[factor][1])
        raise InputError(
            f"{factor} {name or ''!r} must be an object with {needed}, what makes one, or a name; "
            f"got {value!r}"
        )
    try:
        description = describe(made)
    except InputError as error:
        if name is None:
            raise InputError(f"{factor}: {error}") from error
        description = f"{type(made).__qualname__} called {name}"
    return Arm(factor, name or " ".join(repr(made).split()), value, description)


def _fits(factor: str, value: Any) -> bool:
    return any(hasattr(value, method) for method in _KINDS[factor][1])


def _made(factor: str, value: Any, seed: int) -> Any:
    """The object itself: made, if it has to be."""
    if isinstance(value, type) or (callable(value) and not _fits(factor, value)):
        return call(value, seed)
    return value


def call(make: Any, seed: int) -> Any:
    """Call what makes an object, with the seed if it takes one."""
    takes = inspect.signature(make).parameters
    seeds = {"seed": seed, "random_state": seed}
    return make(**{key: value for key, value in seeds.items() if key in takes})


@dataclass(frozen=True, eq=False)
class _Recipe:
    """A ``Part`` whose plug-ins are imported: looking for them takes longer than a small cell."""

    make: Any
    parameters: Mapping[str, Any]

    def __call__(self, seed: int) -> Any:
        given = {
            key: value(seed) if isinstance(value, _Recipe) else value
            for key, value in self.parameters.items()
        }
        return call(functools.partial(self.make, **given), seed)


def _recipe(part: Part) -> _Recipe:
    parameters = {
        key: _recipe(value) if isinstance(value, Part) else value
        for key, value in part.parameters.items()
    }
    return _Recipe(plugins.load(part.group, part.name), parameters)
