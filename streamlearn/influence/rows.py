"""Labelled rows, in memory or in batches from somewhere else, behind one way to pass over them."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import Any, Self, TypeVar

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.utils.validation import assert_all_finite, check_array
from threadpoolctl import ThreadpoolController

from streamlearn.arrays import located
from streamlearn.errors import InputError
from streamlearn.influence.kernel import Block, Matrix, Sums, row_blocks, sweep, take
from streamlearn.influence.losses import Codes, Floats, Loss

Result = TypeVar("Result")

_LEAST_SHARE = 1 << 18  # numbers that are worth a thread


class Rows:
    """Rows to pass over as often as needed.

    Parameters
    ----------
    batches : iterable of (X, y) or (X, y, sample_weight)
        Iterated anew for every pass, so a list, a data set or any object whose ``__iter__``
        starts again; a generator runs dry and is refused.
    classes : ndarray of shape (k,)
        Sorted labels.
    n_jobs : int or None
        Threads to share the rows of a batch among; BLAS runs on one thread within each.
    """

    def __init__(
        self, batches: Iterable[Any], classes: NDArray[Any], n_jobs: int | None = None
    ) -> None:
        if isinstance(batches, Iterator):
            raise InputError(
                f"batches is a {type(batches).__name__}, which can be read only once; "
                "give a list or an object whose __iter__ starts anew"
            )
        self.source = batches
        self.classes = classes
        self.workers = effective_n_jobs(n_jobs)
        self.checked = False
        self.count: int | None = None  # rows seen by the first pass

    @classmethod
    def in_memory(
        cls,
        X: Matrix,
        y: ArrayLike,
        weight: Floats | None,
        classes: NDArray[Any],
        n_jobs: int | None = None,
    ) -> Self:
        """Rows of one checked matrix: labels are turned into class numbers once, not every pass."""
        rows = cls([(X, encode(y, classes, X.shape[0]), weight)], classes, n_jobs)
        rows.checked = True
        return rows

    def __iter__(self) -> Iterator[Block]:
        if self.checked:
            yield from self.source
            return
        for batch in self.source:
            X, y, weight = batch if len(batch) == 3 else (*batch, None)
            X = as_matrix(X)
            yield X, encode(y, self.classes, X.shape[0]), as_weight(weight, X.shape[0])

    def map(self, function: Callable[[Iterable[Block]], Result]) -> Iterator[Result]:
        """Apply a function to the row blocks of every batch, or of every worker's share of it."""
        for batch in self:
            parts = list(_share(batch, self.workers))
            if len(parts) == 1:
                yield function(row_blocks(*batch))
                continue
            with _blas().limit(limits=1), ThreadPoolExecutor(len(parts)) as pool:
                results = list(pool.map(lambda part: function(row_blocks(*part)), parts))
            yield from results

    def sweep(
        self,
        theta: Floats,
        loss: Loss,
        intercept: bool,
        hessian: bool = False,
        directions: Floats | None = None,
    ) -> Sums:
        """One pass over all rows; see ``kernel.sweep``."""
        total: Sums | None = None
        for part in self.map(
            lambda blocks: sweep(blocks, theta, loss, intercept, hessian, directions)
        ):
            if total is None:
                total = part
            else:
                total.add(part)
        if total is None or total.rows == 0:
            raise InputError("there are no rows; give at least one batch with a row in it")
        if not np.isfinite(total.gradient).all():
            for X, _, _ in self:  # the gradient has seen every entry: look only now for the cause
                assert_all_finite(X, input_name="X")
        if self.count is not None and total.rows != self.count:
            raise InputError(
                f"this pass over the batches gave {total.rows} rows, the one before {self.count}; "
                "give batches that are the same every time they are read"
            )
        self.count = total.rows
        return total


@cache
def _blas() -> ThreadpoolController:
    """Handle on the BLAS of numpy and scipy; to find it takes longer than many a pass."""
    return ThreadpoolController()


def _share(batch: Block, workers: int) -> Iterator[Block]:
    """Cut a batch into one contiguous part a worker, fewer if there is little to do."""
    if workers == 1:
        yield batch
        return
    X, y, weight = batch
    size = X.nnz if sparse.issparse(X) else X.size
    workers = max(1, min(workers, size // _LEAST_SHARE))
    edges = np.linspace(0, X.shape[0], workers + 1).astype(int)
    for start, stop in pairwise(edges):
        if stop > start:
            part = None if weight is None else weight[start:stop]
            yield take(X, start, stop), y[start:stop], part


def as_matrix(X: ArrayLike | Matrix, finite: bool = False) -> Matrix:
    """Check features: two-dimensional, float32 or float64, dense or canonical CSR.

    Whether they are finite shows in the first pass; ``finite=True`` spends one more on it.
    """
    return canonical(
        check_array(
            X, accept_sparse="csr", dtype=[np.float64, np.float32], ensure_all_finite=finite
        )
    )


def canonical(X: Matrix) -> Matrix:
    """Sum duplicate entries of a CSR matrix, in a copy; anything else is returned as it is."""
    if sparse.issparse(X) and not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    return X


def as_weight(weight: ArrayLike | None, n: int) -> Floats | None:
    """Check sample weights: finite, not negative, one a row."""
    if weight is None:
        return None
    values = np.asarray(weight, dtype=np.float64)
    if values.shape != (n,):
        raise InputError(f"sample_weight has shape {values.shape}, but there are {n} rows")
    if not np.isfinite(values).all() or (values < 0).any():
        bad = values[~np.isfinite(values) | (values < 0)][0]
        raise InputError(f"sample_weight holds {bad}; weights must be finite and not negative")
    return values


def encode(y: ArrayLike, classes: NDArray[Any], n: int) -> Codes:
    """Turn labels into class numbers; a label the model does not know is an error."""
    labels = np.asarray(y)
    if labels.shape != (n,):
        raise InputError(f"y has shape {labels.shape}, but X has {n} rows")
    codes, known = located(labels, classes)
    if not known.all():
        raise InputError(
            f"y holds the label {labels[~known].tolist()[0]!r}, which the model does not know; "
            f"its classes are {classes.tolist()}"
        )
    return codes
