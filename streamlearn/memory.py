"""The rows learned so far: all of them, the latest, or a uniform sample."""

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from streamlearn.arrays import Ids, Index, Labels
from streamlearn.data import Judgement, Labelled
from streamlearn.errors import InputError, StreamlearnError
from streamlearn.keyed import uniform

NO_ROWS = Labelled(np.empty(0, np.int64), np.empty((0, 0)), np.empty(0), np.empty(0))


@dataclass(frozen=True)
class Reservoir:
    """Remember a uniform sample of all rows seen.

    Parameters
    ----------
    size : int
        How many rows.

    Notes
    -----
    Random keys depend on (seed, id) alone and the rows with the smallest keys stay (a bottom-k
    sample), so a resumed run remembers the same rows.
    """

    size: int


class Memory:
    """Rows in chunks, joined when somebody reads them; each with its label as given and as judged.

    Parameters
    ----------
    reference : Labelled or None
        Trusted rows: always kept, never forgotten, not among ``seen``.
    limit : int, Reservoir or None
        How many other rows to remember: the latest, a sample, or all.
    seed : int
        Seeds the reservoir.
    """

    def __init__(
        self, reference: Labelled | None, limit: int | Reservoir | None, seed: int
    ) -> None:
        self.size = limit.size if isinstance(limit, Reservoir) else limit
        if self.size is not None and self.size < 0:
            raise InputError(f"memory must not be negative, got {self.size}")
        self.sample, self.seed, self.reference = isinstance(limit, Reservoir), seed, reference
        self._chunks: list[Labelled] = []
        self._given: list[Labels] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def drop(self, ids: Ids) -> None:
        """Forget rows: they were answered again, and enter anew."""
        rows = self.rows()
        stay = ~np.isin(rows.ids, ids)
        if len(rows) and not stay.all():
            self._cut(0, np.flatnonzero(stay))
            self._count = len(self._chunks[0])

    def enter(self, answered: Labelled, judgement: Judgement | None) -> Labelled:
        """Remember answered rows; apply a judgement to them and to older ones.

        Returns the answered rows as judged, weight 0 included.
        """
        if judgement is None:
            self._add(answered, answered.y)
            return answered
        weight = np.asarray(judgement.weight, np.float64)
        if not (np.isfinite(weight).all() and (weight >= 0).all()):
            odd = weight[~(np.isfinite(weight) & (weight >= 0))][0]
            raise StreamlearnError(f"a trimmer's weights must be finite and ≥ 0, got {odd}")
        judgement = replace(judgement, weight=weight)
        if np.array_equal(judgement.ids, answered.ids):
            judged = replace(answered, y=judgement.y, weight=weight)
        else:
            judged = _revised(answered, judgement)
            self._chunks = [_revised(self.rows(), judgement)] if self._chunks else []
        self._add(judged, answered.y)
        return judged

    def _add(self, rows: Labelled, given: Labels) -> None:
        if self.size == 0 or len(rows) == 0:
            return
        self._chunks.append(rows)
        self._given.append(given)
        self._count += len(rows)
        if self.size is not None and self._count > self.size:
            self._forget(self.size)

    def _forget(self, size: int) -> None:
        if self.sample:
            keys = uniform(self.seed, self.rows().ids, stream=1)
            self._cut(0, np.sort(np.argpartition(keys, size - 1)[:size]))
        else:
            while self._count - len(self._chunks[0]) >= size:
                self._count -= len(self._chunks.pop(0))
                del self._given[0]
            if (extra := self._count - size) > 0:
                self._cut(0, np.arange(extra, len(self._chunks[0])))
        self._count = size

    def _cut(self, chunk: int, rows: Ids) -> None:
        self._chunks[chunk] = self._chunks[chunk].take(rows)
        self._given[chunk] = self._given[chunk][rows]

    def rows(self) -> Labelled:
        """All remembered rows as judged, weight 0 included, the reference not."""
        if not self._chunks:
            return NO_ROWS
        if len(self._chunks) > 1:
            self._chunks, self._given = [stack(self._chunks)], [_join(self._given)]
        return self._chunks[0]

    def seen(self) -> Labelled:
        """All remembered rows with the labels given and the weights judged, the reference not."""
        rows = self.rows()
        return replace(rows, y=self._given[0]) if self._given else rows

    def learned(self) -> Labelled:
        """All remembered rows of weight above 0 as judged, the reference not."""
        rows = self.rows()
        return rows if rows.weight.all() else rows.take(rows.weight > 0)

    def kept(self) -> Labelled:
        """The rows to learn from: the reference and everything remembered of weight above 0."""
        rows = self.learned()
        if self.reference is None:
            return rows
        return stack([self.reference, rows]) if len(rows) else self.reference


def _revised(rows: Labelled, judgement: Judgement) -> Labelled:
    """Rows with the label and weight a judgement gives to those among them."""
    known = np.isin(judgement.ids, rows.ids)
    at = Index(rows.ids).positions(judgement.ids[known])
    weight, new = rows.weight.copy(), judgement.y[known]
    weight[at] = judgement.weight[known]
    # Concatenating finds the type that holds both, a longer string for example.
    y = _join([rows.y, new])[: len(rows)].copy()
    y[at] = new
    return replace(rows, y=y, weight=weight)


def stack(parts: list[Labelled]) -> Labelled:
    """Join labelled rows into one value; a single part is returned as it is."""
    if len(parts) == 1:
        return parts[0]
    if any(sparse.issparse(p.X) for p in parts):
        X = sparse.vstack([p.X for p in parts], format="csr")
    else:
        X = np.concatenate([p.X for p in parts])
    return Labelled(
        np.concatenate([p.ids for p in parts]),
        X,
        _join([p.y for p in parts]),
        np.concatenate([p.weight for p in parts]),
    )


def _join(labels: list[Labels]) -> Labels:
    """Concatenate labels, refusing to turn one kind into another."""
    filled = [y for y in labels if len(y)]
    if len({y.dtype.kind for y in filled}) > 1:
        shown = ", ".join(repr(y[0].item()) for y in filled)
        raise InputError(f"labels of different kinds cannot be learned together: {shown}")
    return np.concatenate(filled or labels)
