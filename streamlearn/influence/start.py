"""Where to start from: rows that stand for all rows at a fraction of the cost."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from streamlearn.influence.kernel import Matrix, row_blocks
from streamlearn.influence.losses import Codes, Floats

_COPY_BYTES = 1 << 24  # of rare rows and of others, each; a subsample is a copy
_RARE = 64.0  # squares of the root mean square: an indicator that one row in 64 has


def subsamples(
    X: Matrix, weight: Floats | None, parameters: int
) -> Iterator[tuple[NDArray[np.intp], Floats]]:
    """Rows and weights of coarser problems, the smallest first; none where n is small.

    Every k-th row stands for k. Rows with an entry far out of its column's range (the few that
    have a rare category) stand for themselves: without them their coefficients start nowhere
    near, and Newton's steps are as short as the worst of them demands.
    """
    n, width = X.shape[0], (X.nnz / max(X.shape[0], 1) if sparse.issparse(X) else X.shape[1])
    small = max(1024, 20 * parameters)
    if n < 8 * small:
        return
    most = max(small, int(_COPY_BYTES / (8 * width)))
    is_rare = _rare(X)
    if np.count_nonzero(is_rare) > n // 4:
        is_rare[:] = False
    thin = 1 + np.count_nonzero(is_rare) // most
    rare = np.flatnonzero(is_rare)[::thin]
    # the first may be rough; the last is worth a few gradient passes over all rows
    for stride in (n // small, max(4, min(16, n // (8 * small)), 1 + n // most)):
        common = np.arange(0, n, stride)
        common = common[~is_rare[common]]
        rows = np.concatenate([rare, common])
        share = np.repeat([float(thin), float(stride)], [len(rare), len(common)])
        order = np.argsort(rows)
        rows, share = rows[order], share[order]
        yield rows, share if weight is None else share * weight[rows]


def _rare(X: Matrix) -> NDArray[np.bool_]:
    """Rows whose squares, in units of the columns' mean squares, add up to too much."""
    sample = X[::16]
    square = sample.multiply(sample) if sparse.issparse(X) else np.square(sample)
    mean = np.asarray(square.mean(axis=0), dtype=np.float64).ravel()
    inverse = 1.0 / np.maximum(mean, 1e-12 * max(float(mean.max()), 1e-300))
    typical = float(np.count_nonzero(mean))
    codes: Codes = np.zeros(X.shape[0], dtype=np.intp)
    scores = [
        (block.multiply(block) if sparse.issparse(block) else np.square(block)) @ inverse
        for block, _, _ in row_blocks(X, codes, None)
    ]
    return np.asarray(np.concatenate(scores) > typical + _RARE)
