"""Plug-ins by name: what this package and others register as entry points."""

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from streamlearn.errors import StreamlearnError, nearest

GROUPS = {  # and how one of them is called
    "strategies": "strategy",
    "learners": "learner",
    "trimmers": "trimmer",
    "noise": "noise",
    "datasets": "dataset",
}


def names(group: str) -> list[str]:
    """List what is registered.

    Parameters
    ----------
    group : {"strategies", "learners", "trimmers", "noise", "datasets"}
        Stands for the entry-point group ``streamlearn.<group>``.

    Returns
    -------
    list of str
        Sorted.

    Raises
    ------
    InputError
        If there is no such group.
    StreamlearnError
        If two packages register one name.

    Examples
    --------
    >>> "margin" in names("strategies")
    True
    """
    return sorted(_registered(group))


def load(group: str, name: str) -> Any:
    """Import what is registered under a name.

    Parameters
    ----------
    group : {"strategies", "learners", "trimmers", "noise", "datasets"}
        Stands for the entry-point group ``streamlearn.<group>``.
    name : str
        One of ``names(group)``.

    Returns
    -------
    object
        What the entry point names: mostly a class, to be called.

    Raises
    ------
    InputError
        If there is no such group or name; the nearest one is suggested.
    StreamlearnError
        If two packages register one name, or the plug-in cannot be imported (with the cause).

    Examples
    --------
    >>> load("strategies", "margin")()
    Margin()
    """
    registered = _registered(group)
    if name not in registered:
        raise nearest(name, registered, GROUPS[group])
    point = registered[name]
    try:
        return point.load()
    except Exception as error:  # a plug-in may fail in any way while it is imported
        raise StreamlearnError(
            f"{GROUPS[group]} {name!r}, registered by {_package(point)} as {point.value!r}, "
            f"cannot be imported ({type(error).__name__}: {error}); repair or uninstall the package"
        ) from error


def _registered(group: str) -> dict[str, EntryPoint]:
    """Entry points by name, read anew: a package may have been installed meanwhile."""
    if group not in GROUPS:
        raise nearest(group, GROUPS, "group of plug-ins")
    found: dict[str, EntryPoint] = {}
    for point in sorted(entry_points(group=f"streamlearn.{group}"), key=_order):
        other = found.setdefault(point.name, point)
        if (other.value, _package(other)) != (point.value, _package(point)):
            raise StreamlearnError(
                f"{GROUPS[group]} {point.name!r} is registered twice: by {_package(other)} "
                f"as {other.value!r} and by {_package(point)} as {point.value!r}; uninstall or "
                "rename one"
            )
    return found


def _order(point: EntryPoint) -> tuple[str, str, str]:
    return point.name, _package(point), point.value


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "an unknown package"
