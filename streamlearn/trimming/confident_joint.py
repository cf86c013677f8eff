"""Confident learning on arrays: count which labels are taken for which, and find the wrong ones."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamlearn.arrays import Floats
from streamlearn.errors import InputError

Codes = NDArray[np.integer[Any]]
Counts = NDArray[np.int64]
_CLOSE = 1e-6  # probabilities nearer than this count as equal


def confident_joint(codes: Codes, proba: Floats) -> Counts:
    """Estimate how many rows of each given label belong to each true one.

    Parameters
    ----------
    codes : ndarray of int, shape (n,)
        Given labels as columns of ``proba``.
    proba : ndarray of float64, shape (n, k)
        Class probabilities of models that have not seen the row.

    Returns
    -------
    ndarray of int64, shape (k, k)
        Entry (i, j): rows with the given label i and the true label j. Row i sums to the number of
        rows with label i.

    Raises
    ------
    InputError
        If shapes do not fit or a code has no column.

    Notes
    -----
    A row counts for the classes whose probability reaches the mean self-confidence of the class,
    for the likeliest class where there are several, and for none where there is none. Each class
    counts at least one row as rightly labelled. Counts are then scaled to the number of rows of
    each label and rounded with their sums preserved (largest remainders).

    References
    ----------
    Northcutt, Jiang and Chuang (2021), Confident learning: estimating uncertainty in dataset
    labels, JAIR 70, equations 1 to 3.

    Examples
    --------
    >>> p = np.array([0.9, 0.8, 0.1, 0.1, 0.2, 0.7])
    >>> confident_joint(np.array([0, 0, 0, 1, 1, 1]), np.column_stack([p, 1 - p]))
    array([[2, 1],
           [1, 2]])
    """
    n, k = proba.shape
    if len(codes) != n or (n and not 0 <= codes.min() <= codes.max() < k):
        raise InputError(f"got {len(codes)} codes for probabilities of shape {proba.shape}")
    size = np.bincount(codes, minlength=k)
    own = np.bincount(codes, weights=proba[np.arange(n), codes], minlength=k)
    threshold = np.where(size, np.maximum(own / np.maximum(size, 1), 2 * _CLOSE), np.inf)
    confident = proba >= threshold - _CLOSE
    # The likeliest class where several are confident, even if it is not among them: as in the
    # authors' code, which the paper's equation 1 (likeliest of the confident) differs from.
    true = np.where(confident.sum(axis=1) > 1, proba.argmax(axis=1), confident.argmax(axis=1))
    sure = confident.any(axis=1)
    counts = np.zeros((k, k))
    np.add.at(counts, (codes[sure], true[sure]), 1)
    np.fill_diagonal(counts, np.maximum(counts.diagonal(), 1))
    return _rounded(counts / counts.sum(axis=1, keepdims=True) * size[:, None])


def prune_by_noise_rate(codes: Codes, proba: Floats) -> NDArray[np.bool_]:
    """Find the rows whose label is probably wrong.

    Parameters
    ----------
    codes : ndarray of int, shape (n,)
        Given labels as columns of ``proba``.
    proba : ndarray of float64, shape (n, k)
        Class probabilities of models that have not seen the row.

    Returns
    -------
    ndarray of bool, shape (n,)
        True where the label should not be trusted; never all rows of a class.

    Raises
    ------
    InputError
        If shapes do not fit or a code has no column.

    Notes
    -----
    For each pair of classes i ≠ j, as many rows of label i as the joint counts for true label j:
    those of the largest p(j) − p(i). Rows whose label is the likeliest after all stay.

    References
    ----------
    Northcutt, Jiang and Chuang (2021), section 3.2, method "prune by noise rate".

    Examples
    --------
    >>> p = np.array([0.9, 0.8, 0.1, 0.1, 0.2, 0.7])
    >>> prune_by_noise_rate(np.array([0, 0, 0, 1, 1, 1]), np.column_stack([p, 1 - p]))
    array([False, False,  True, False, False,  True])
    """
    joint = _keep_one(confident_joint(codes, proba))
    wrong = np.zeros(len(codes), dtype=bool)
    for i in range(len(joint)):
        rows = np.flatnonzero(codes == i)
        if len(rows) < 2:
            continue
        for j in np.flatnonzero(joint[i]):
            if i != j:
                worst = np.argsort(proba[rows, i] - proba[rows, j], kind="stable")
                wrong[rows[worst[: joint[i, j]]]] = True
    lifted = proba.copy()
    lifted[np.arange(len(codes)), codes] += _CLOSE
    wrong &= lifted.argmax(axis=1) != codes
    return wrong


def _keep_one(joint: Counts) -> Counts:
    """Leave every label one row at least, taken evenly off its estimated errors."""
    lack = np.maximum(1 - joint.diagonal(), 0)
    errors = np.maximum(np.count_nonzero(joint, axis=1) - 1, 1)
    less: Counts = np.maximum(joint - (lack / errors)[:, None], 0).astype(np.int64)
    np.fill_diagonal(less, np.maximum(joint.diagonal(), 1))
    return less


def _rounded(counts: Floats) -> Counts:
    """Round each row so that it keeps its sum: the remainders farthest off give way."""
    whole = np.round(counts)
    for row, exact in zip(whole, counts, strict=True):
        short = int(round(exact.sum()) - row.sum())
        farthest = np.argsort(exact - row)[:: -1 if short > 0 else 1]
        row[farthest[: abs(short)]] += np.sign(short)
    return whole.astype(np.int64)
