"""Give every part of an estimator that draws at random, and has no seed, the run's seed."""

from typing import Any

import numpy as np

from streamlearn.errors import InputError


def checked(seed: int) -> int:
    """Return a seed that scikit-learn and River both accept."""
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise InputError(f"seed must be a whole number, 0 or more, got {seed!r}")
    return int(seed) % 2**32


def sow(estimator: Any, seed: int) -> None:
    """Set ``random_state`` or ``seed`` where it is None, in place, nested parts included.

    Every parameter is looked at, so splitters (``cv=KFold(shuffle=True)``) are seeded as well.
    """
    for part in (estimator, *estimator.get_params(deep=True).values()):
        for name in ("random_state", "seed"):
            if not isinstance(part, type) and getattr(part, name, seed) is None:
                setattr(part, name, seed)
