"""Leverages: how much of its own fit a row makes, x' H^-1 x."""

from itertools import pairwise
from typing import cast

import numpy as np
from scipy import sparse

from streamlearn.influence.kernel import Matrix, pairs, short_and_even
from streamlearn.influence.losses import Floats
from streamlearn.influence.solve import Factor

_LEAST = 1e-10  # 1 - leverage is not taken for less: such a row alone determines a parameter


class Quadratic:
    """Quadratic forms x' (H^-1)_ab x of rows, for all outputs a and b: (m, m, n).

    Parameters
    ----------
    factor : Factor
        Of the Hessian (m D, m D).
    shape : (int, int)
        m and D; D is one more than a row has columns if there is an intercept.
    """

    def __init__(self, factor: Factor, shape: tuple[int, ...]) -> None:
        self.m, self.D = shape
        self.root = factor.whitener() if factor.triangular else None
        blocks = factor.inverse().reshape(self.m, self.D, self.m, self.D).transpose(0, 2, 1, 3)
        self.blocks = (blocks + blocks.transpose(0, 1, 3, 2)) / 2

    def __call__(self, X: Matrix) -> Floats:
        """Forms (m, m, n) of the rows of X."""
        n, d = X.shape
        if self.m == 1 and self.root is not None and not sparse.issparse(X):
            return self._by_root(X, self.root)
        G = np.empty((self.m, self.m, n))
        for a in range(self.m):
            for b in range(a, self.m):
                A = self.blocks[a, b]
                form = _sparse_form(X, A) if sparse.issparse(X) else _dense_form(X, A)
                if d < self.D:
                    form += 2.0 * (X @ A[:d, d]) + A[d, d]
                G[a, b] = G[b, a] = form
        return G

    def _by_root(self, X: Floats, root: Floats) -> Floats:
        """|R x|^2 with R triangular, in strips that leave out most of the zeros.

        No cancellation, and little more work than a triangular product; that one (scipy's
        dtrmm) holds the interpreter lock, so workers would wait for each other.
        """
        n, d = X.shape
        form = np.zeros(n)
        for start, stop in pairwise(np.linspace(0, d, 5).astype(int)):
            Y = root[start:stop, :stop] @ X[:, :stop].T
            form += np.einsum("in,in->n", Y, Y)
        if d < self.D:
            form += (X @ root[d, :d] + root[d, d]) ** 2
        return form[None, None]


def newton_step(residual: Floats, C: Floats, G: Floats) -> Floats:
    """(I - C G)^-1 r for every row: its residual (m, n) without its own pull on the fit."""
    m = len(residual)
    if m == 1:
        return cast(Floats, residual / np.maximum(1.0 - C[0] * G[0], _LEAST))
    A = np.eye(m) - np.einsum("abn,bcn->nac", C, G)
    return np.ascontiguousarray(np.linalg.solve(A, residual.T[..., None])[..., 0].T)


def _dense_form(X: Floats, A: Floats) -> Floats:
    d = X.shape[1]
    return cast(Floats, np.einsum("nd,nd->n", X @ A[:d, :d], X))


def _sparse_form(X: Matrix, A: Floats) -> Floats:
    """Sum over the pairs of non-zeros of a row; those off the diagonal count twice."""
    if not short_and_even(X):
        d = X.shape[1]
        return np.asarray(X.multiply(X @ A[:d, :d]).sum(axis=1)).ravel()
    form = np.zeros(X.shape[0])
    table = (2.0 * A - np.diag(np.diag(A))).ravel()
    for rows, codes, products in pairs(X, len(A)):
        form[rows] = np.einsum("pn,pn->n", table[codes], products)
    return form
