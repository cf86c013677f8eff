"""How a check fails: always with an AssertionError that names the law and what was seen."""

import pickle
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import numpy as np
from scipy import sparse
from sklearn.base import clone

T = TypeVar("T")


def law(check: Callable[[T], None]) -> Callable[[T], None]:
    """Turn whatever goes wrong in a check into an AssertionError with the law's name."""

    @wraps(check)
    def checked(subject: T) -> None:
        name = getattr(subject, "__name__", type(subject).__name__)
        try:
            check(subject)
        except AssertionError as broken:
            raise AssertionError(f"{check.__name__}: {name} {broken}") from None
        except Exception as error:
            raise AssertionError(
                f"{check.__name__}: {name} raised {type(error).__name__}: {error}"
            ) from error

    return checked


def expect(holds: bool | np.bool_, seen: str) -> None:
    """Fail with what was seen; an assert statement would vanish under python -O."""
    if not holds:
        raise AssertionError(seen)


def arrays_of(value: Any) -> list[Any]:
    """Every array inside frozen values, sparse matrices included."""
    if isinstance(value, np.ndarray):
        return [value]
    if sparse.issparse(value):
        return [value.data, value.indices, value.indptr]
    names = getattr(type(value), "__slots__", ())
    return [array for name in names for array in arrays_of(getattr(value, name))]


def freeze(*values: Any) -> None:
    """Make every array inside read-only."""
    for array in arrays_of_all(values):
        array.setflags(write=False)


def snapshot(*values: Any) -> list[bytes]:
    """The bytes of every array inside."""
    return [array.tobytes() for array in arrays_of_all(values)]


def arrays_of_all(values: tuple[Any, ...]) -> list[Any]:
    """Every array inside several values."""
    return [array for value in values for array in arrays_of(value)]


def expect_same_bytes(before: list[bytes], after: list[bytes]) -> None:
    """Expect that no input was written to."""
    expect(before == after, "wrote to an array it was given; copy it first")


def expect_plain_habits(subject: Any) -> Any:
    """Expect a readable repr and a scikit-learn clone, which is returned."""
    text = repr(subject)
    expect(type(subject).__name__ in text and " at 0x" not in text, f"has the repr {text}")
    return clone(subject)


def global_state() -> bytes:
    """NumPy's global generator, which nobody may use."""
    return pickle.dumps(np.random.get_state())  # noqa: NPY002
