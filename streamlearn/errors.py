"""What can go wrong, each as an error that names the value received and the remedy."""

import difflib
from collections.abc import Iterable
from numbers import Integral


class StreamlearnError(Exception):
    """Base of every error this package raises on purpose."""


class InputError(StreamlearnError, ValueError):
    """A value given by the caller cannot be used."""


class AnswerError(StreamlearnError, ValueError):
    """An answer does not fit the query it claims to answer."""


class JournalError(StreamlearnError, RuntimeError):
    """A journal cannot be written, read or continued."""


class ConvergenceError(StreamlearnError, RuntimeError):
    """A fit did not reach the tolerance it was asked to certify."""


class MissingExtraError(StreamlearnError, ImportError):
    """An optional package is not installed.

    Parameters
    ----------
    package : str
        What could not be imported.
    extra : str
        The extra of this package that brings it.

    Examples
    --------
    >>> print(MissingExtraError("modAL", "modal"))
    modAL is not installed; install it with: pip install "streamlearn[modal]"
    """

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f'{package} is not installed; install it with: pip install "streamlearn[{extra}]"'
        )


def nearest(name: str, valid: Iterable[str], kind: str) -> InputError:
    """Say that ``name`` is no valid ``kind``, and which valid one is nearest.

    Parameters
    ----------
    name : str
        What was received.
    valid : iterable of str
        The names that would have been accepted.
    kind : str
        What the name stands for, as it should read in the sentence.

    Returns
    -------
    InputError
        To be raised by the caller.

    Examples
    --------
    >>> print(nearest("entropi", ["entropy", "margin"], "strategy"))
    unknown strategy 'entropi': did you mean 'entropy'? (valid: entropy, margin)
    """
    names = sorted(valid)
    close = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    hint = f": did you mean {close[0]!r}?" if close else ";"
    return InputError(f"unknown {kind} {name!r}{hint} (valid: {', '.join(names) or 'none'})")


def whole(value: object, name: str, least: int) -> int:
    """Return a whole number, or say what is wrong with it.

    Parameters
    ----------
    value : object
        What was received.
    name : str
        How to call it in an error.
    least : int
        The smallest number allowed.

    Returns
    -------
    int

    Raises
    ------
    InputError
        If it is no whole number, or too small.

    Examples
    --------
    >>> whole(3, "votes", least=1)
    3
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise InputError(f"{name} must be a whole number of at least {least}, got {value!r}")
    return int(value)
