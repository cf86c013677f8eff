"""Trimming a share of a batch: how many rows, which ones, and what is said of them."""

from numbers import Real

import numpy as np

from streamlearn.arrays import Floats, Ids
from streamlearn.data import Judgement, Labelled
from streamlearn.errors import InputError
from streamlearn.keyed import uniform
from streamlearn.protocols import View

_COUNT, _TIES = 1, 2  # streams of the trimmers' random numbers; 0 is RandomTrim's own


def allowed(budget: float, ids: Ids, seed: int) -> int:
    """How many of these rows a budget allows: floor(budget · n + u), budget · n on average.

    u hangs on the seed and the set of ids alone, so a replay trims the same, and batches too
    small for one whole row are not spared for ever.
    """
    if not (isinstance(budget, Real) and 0 <= budget <= 1):
        raise InputError(f"budget must be a share between 0 and 1, got {budget!r}")
    if (exact := float(budget * len(ids))).is_integer():
        return int(exact)
    together = np.sort(ids) * np.arange(1, 2 * len(ids), 2)  # one number that knows every id
    u = uniform(seed, together.sum(keepdims=True), stream=_COUNT)[0]
    return min(int(exact + u), len(ids))


def lowest(answered: Labelled, score: Floats, n: int, seed: int) -> Ids:
    """Positions of the n rows of lowest score, ties by keys that go by id."""
    return np.lexsort((uniform(seed, answered.ids, stream=_TIES), score))[:n]


def spare(answered: Labelled, trimmed: Ids, view: View) -> Ids:
    """Take the last row of a class off the rows to trim; they come worst first.

    A class that no other row stands for would be unlearned, or never known.
    """
    left = np.delete(answered.y, trimmed)
    labels = np.unique(answered.y[trimmed])
    gone = labels[[not (left == label).any() for label in labels]]
    if not len(gone):
        return trimmed
    for rows in (view.seen, view.reference):  # gathered only where it can matter
        if rows is not None and len(rows):
            gone = np.setdiff1d(gone, rows.y[rows.weight > 0])
    best = [trimmed[answered.y[trimmed] == label][-1] for label in gone]
    return trimmed[~np.isin(trimmed, best)]


def verdict(answered: Labelled, trimmed: Ids, score: Floats, reason: str) -> Judgement:
    """Judge every answered row: the trimmed get weight 0 and the reason, the others stay."""
    weight, reasons = answered.weight.copy(), np.full(len(answered), "", dtype=f"<U{len(reason)}")
    weight[trimmed], reasons[trimmed] = 0.0, reason
    return Judgement(answered.ids, answered.y, weight, score, reasons)


def keep(answered: Labelled) -> Judgement:
    """Judge that every answered row stays as it is."""
    return verdict(answered, answered.ids[:0], np.zeros(len(answered)), "kept")
