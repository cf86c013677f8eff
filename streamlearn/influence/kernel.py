"""The one pass over row blocks that fits, Hessians, scores and workers share.

A block is about a megabyte, so whatever is computed from it after the first touch comes out of
the cache. The intercept is a border: X is never copied to hold a column of ones. Sparse blocks
are never turned dense.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from streamlearn.influence.losses import Codes, Floats, Loss

Matrix = Any  # ndarray (n, d), float32 or float64, or CSR of the same types
Block = tuple[Matrix, Codes, Floats | None]

_BLOCK_BYTES = 1 << 20


@dataclass
class Sums:
    """What a pass adds up over rows; penalties are not in it."""

    value: float
    gradient: Floats
    hessian: Floats | None
    products: Floats | None
    weight: float
    rows: int

    def add(self, other: "Sums") -> None:
        """Take another part of the rows into the sums."""
        self.value += other.value
        self.gradient += other.gradient
        if self.hessian is not None and other.hessian is not None:
            self.hessian += other.hessian
        if self.products is not None and other.products is not None:
            self.products += other.products
        self.weight += other.weight
        self.rows += other.rows


def row_blocks(
    X: Matrix, y: Codes, weight: Floats | None, step: int | None = None
) -> Iterator[Block]:
    """Cut rows into blocks of ``step``, or of about a megabyte of float64, without copying."""
    n, d = X.shape
    if step is None:
        # sparse blocks hold half a million non-zeros: their products cost per block, too
        width = d if not sparse.issparse(X) else int(X.nnz / max(4 * n, 1)) + 4
        step = max(64, _BLOCK_BYTES // (8 * max(width, 1)))
    for start in range(0, n, step):
        stop = min(n, start + step)
        yield take(X, start, stop), y[start:stop], None if weight is None else weight[start:stop]


def take(X: Matrix, start: int, stop: int) -> Matrix:
    """Rows start to stop as a view; CSR shares its indices and values."""
    if not sparse.issparse(X):
        return X[start:stop]
    first, last = X.indptr[start], X.indptr[stop]
    return sparse.csr_array(
        (X.data[first:last], X.indices[first:last], X.indptr[start : stop + 1] - first),
        shape=(stop - start, X.shape[1]),
    )


def margins(X: Matrix, theta: Floats, intercept: bool) -> Floats:
    """Turn parameters (..., m, D) into margins (..., m, n)."""
    d = X.shape[1]
    flat = theta.reshape(-1, theta.shape[-1])
    if len(flat) == 1:
        U = (X @ flat[0, :d])[None]
    elif sparse.issparse(X) or len(flat) < 16:  # a thin product is faster this way round
        U = np.ascontiguousarray((X @ flat[:, :d].T).T)
    else:
        U = flat[:, :d] @ X.T
    if intercept:
        U += flat[:, d:]
    return cast(Floats, U.reshape(*theta.shape[:-1], X.shape[0]))


def backproject(R: Floats, X: Matrix, intercept: bool) -> Floats:
    """Turn derivatives in the margins (..., m, n) into ones in the parameters (..., m, D)."""
    flat = R.reshape(-1, R.shape[-1])
    if sparse.issparse(X):
        G = (X.T @ flat[0])[None] if len(flat) == 1 else (X.T @ flat.T).T
    else:
        G = flat @ X
    if intercept:
        G = np.concatenate([G, flat.sum(axis=1, keepdims=True)], axis=1)
    return cast(Floats, G.reshape(*R.shape[:-1], G.shape[-1]))


@np.errstate(invalid="ignore", over="ignore")  # a sum that is not finite is the caller's to judge
def sweep(
    blocks: Iterable[Block],
    theta: Floats,
    loss: Loss,
    intercept: bool,
    hessian: bool = False,
    directions: Floats | None = None,
) -> Sums:
    """One pass: loss, gradient and, if wanted, Hessian or Hessian products, all weighted sums.

    ``theta`` is (m, D), ``directions`` (q, m, D), the Hessian (m D, m D), products (q, m, D).
    """
    m, D = theta.shape
    H = np.zeros((m, m, D, D)) if hessian else None
    HV = np.zeros_like(directions) if directions is not None else None
    total = Sums(0.0, np.zeros((m, D)), None, HV, 0.0, 0)
    curved = hessian or directions is not None
    wanted = theta[None] if directions is None else np.concatenate([theta[None], directions])
    for X, y, weight in blocks:
        X = as_float64(X)
        U = margins(X, wanted, intercept)
        value, R, C = loss.evaluate(U[0], y, curved)
        if weight is not None:
            value, R = value * weight, R * weight
            C = None if C is None else C * weight
        total.value += float(value.sum())
        total.gradient += backproject(R, X, intercept)
        total.weight += len(y) if weight is None else float(weight.sum())
        total.rows += len(y)
        if H is not None:
            _add_hessian(H, X, cast(Floats, C), intercept)
        if HV is not None:
            HV += backproject(np.einsum("abn,qbn->qan", cast(Floats, C), U[1:]), X, intercept)
    if H is not None:
        total.hessian = _assemble(H)
    return total


def as_float64(X: Matrix) -> Matrix:
    """Compute in float64 whatever the storage; a float32 block is small when it is converted."""
    return X if X.dtype == np.float64 else X.astype(np.float64)


def _add_hessian(H: Floats, X: Matrix, C: Floats, intercept: bool) -> None:
    """Add the lower triangles of X' diag(C_ab) X, which is symmetric, for a <= b."""
    m, d = len(C), X.shape[1]
    if sparse.issparse(X):
        _add_sparse(H, X, C)
    else:
        for a in range(m):
            for b in range(a, m):
                _add_dense(H[a, b, :d, :d], X, C[a, b])
    if intercept:
        H[:, :, d, :] += backproject(C.reshape(m * m, -1), X, True).reshape(m, m, d + 1)


def _add_dense(H: Floats, X: NDArray[np.float64], c: Floats) -> None:
    """Rows of positive and of negative curvature apart, so each part is a symmetric product."""
    for sign in (1.0, -1.0):
        rows = sign * c > 0
        inside = np.count_nonzero(rows)
        if inside:
            whole = inside == len(c)
            part = X if whole else X[rows]
            root = np.sqrt(sign * (c if whole else c[rows]))
            scaled = part * root[:, None]
            # numpy sees a matrix times its own transpose and halves the work; scipy's dsyrk would
            # too, but holds the interpreter lock, so that workers would wait for each other
            if sign > 0:
                H += scaled.T @ scaled
            else:
                H -= scaled.T @ scaled


def _add_sparse(H: Floats, X: Matrix, C: Floats) -> None:
    """Scatter the products of all pairs of non-zeros of a row, or leave it to scipy."""
    m, D = len(C), H.shape[-1]
    if not short_and_even(X):
        row = np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))
        for a in range(m):
            for b in range(a, m):
                scaled = sparse.csr_array((X.data * C[a, b][row], X.indices, X.indptr), X.shape)
                product = (X.T @ scaled).tocoo()
                H[a, b, product.row, product.col] += product.data
        return
    for rows, codes, products in pairs(X, D):
        for a in range(m):
            for b in range(a, m):
                np.add.at(H[a, b].reshape(-1), codes.ravel(), (products * C[a, b, rows]).ravel())


def short_and_even(X: Matrix) -> bool:
    """Whether all rows have equally few non-zeros, as one-hot tables do: then pairs are faster."""
    counts = np.diff(X.indptr)
    return bool(len(counts)) and 0 < counts[0] <= 32 and bool((counts == counts[0]).all())


def pairs(X: Matrix, stride: int) -> Iterator[tuple[slice, Codes, Floats]]:
    """All pairs j >= k of non-zeros within a row, of rows with equally many of them.

    Yields rows, codes j * stride + k of shape (pairs, rows), and the products of the values.
    """
    n, length = X.shape[0], X.indptr[1] - X.indptr[0]
    columns = np.ascontiguousarray(X.indices.reshape(n, length).T.astype(np.intp))
    values = np.ascontiguousarray(X.data.reshape(n, length).T)
    upper, lower = np.triu_indices(length)
    step = max(1, (_BLOCK_BYTES // 16) // len(upper))
    for start in range(0, n, step):
        rows = slice(start, start + step)
        j, k = columns[:, rows], values[:, rows]
        yield rows, (j * stride)[lower] + j[upper], k[lower] * k[upper]


def _assemble(H: Floats) -> Floats:
    """Mirror the filled triangles into one symmetric (m D, m D) matrix."""
    m, D = len(H), H.shape[-1]
    for a in range(m):
        for b in range(a, m):
            low = np.tril(H[a, b])
            H[a, b] = H[b, a] = low + np.tril(low, -1).T
    return np.ascontiguousarray(H.transpose(0, 2, 1, 3)).reshape(m * D, m * D)
