"""What every method of valuation gives back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamlearn.arrays import Floats


@dataclass(frozen=True, eq=False)
class Values:
    """What each training row is worth: positive helps, negative harms.

    It stands for its scores wherever an array is expected: ``np.argsort(values)``,
    ``values[3]``, ``len(values)``.

    Attributes
    ----------
    scores : ndarray of float64, shape (n,)
        Values, in units of the objective.
    method : str
        How they were found.
    standard_error : ndarray of float64, shape (n,), or None
        Of the scores, where the method is random.
    report : mapping of str
        What the method has to say of itself: see `values`.

    Examples
    --------
    >>> worth = Values(np.array([0.5, -1.0]), "influence")
    >>> int(np.argmin(worth)), len(worth), float(worth[0])
    (1, 2, 0.5)
    """

    scores: Floats
    method: str
    standard_error: Floats | None = None
    report: Mapping[str, Any] = field(default_factory=dict)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.scores, dtype=dtype, copy=copy)

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, rows: Any) -> Any:
        return self.scores[rows]

    def __repr__(self) -> str:
        low, high = (float(f(self.scores)) for f in (np.min, np.max))
        harm = int(np.count_nonzero(self.scores < 0))
        return f"Values({self.method}: {len(self)} rows, {harm} harm, from {low:.3g} to {high:.3g})"
