"""Streams whose concept (what the label means) changes: abruptly, gradually, or to and fro."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streamlearn.arrays import Floats, Labels, as_ids, as_labels
from streamlearn.errors import InputError, nearest
from streamlearn.simulators.noise import SymmetricNoise, probability
from streamlearn.simulators.rows import gather

_KINDS = ("abrupt", "gradual", "recurring")


@dataclass(frozen=True, slots=True, eq=False)
class Hyperplane:
    """A concept: class 1 on the positive side of a plane through the origin.

    Parameters
    ----------
    normal : ndarray of float64, shape (d,)
        Points to the positive side.
    """

    normal: Floats

    def __call__(self, X: Floats) -> Labels:
        """Return 0 or 1 for each row, shape (n,)."""
        return (X @ self.normal > 0).astype(np.int64)


class DriftStream:
    """Standard normal rows in batches, labelled by concepts that replace each other.

    Parameters
    ----------
    kind : {"abrupt", "gradual", "recurring"}
        Abrupt: the next concept rules from one batch to the next. Gradual: during `width`
        batches each row falls to the new concept with a probability that rises in equal steps.
        Recurring: the concepts take turns, back to the first after the last.
    n_batches, batch_size, n_features : int
        The shape of the stream.
    at : int or sequence of int, optional
        Batches, counted from 0. Abrupt and gradual: the first batch of each change (None means
        one in the middle, or evenly spread over the `concepts` given). Recurring: how many
        batches a concept rules at a time (None means a quarter of the stream).
    width : int, optional
        Batches a gradual change takes; None means a fifth of the stream.
    concepts : sequence of callable, optional
        Each maps X (n, d) to n labels. None means hyperplanes, each turned by `angle` against
        the one before.
    angle : float
        Degrees between successive hyperplanes; they disagree on angle / 180 of the rows.
    noise : float
        Probability of a flipped label, in [0, 1]; for other noise wrap it in a `NoisyStream`.
    seed : int
        Not negative.

    Raises
    ------
    InputError
        If the kind is unknown, or a number is out of range.

    Notes
    -----
    Each batch is drawn from (seed, number of the batch), each flip from (seed, number of the
    row): the stream is the same each time it is iterated, and nothing need be remembered to say
    afterwards what was flipped. Rows are numbered from 0.

    References
    ----------
    Gama et al. (2014), A survey on concept drift adaptation, ACM Computing Surveys 46(4),
    section 2.2.

    Examples
    --------
    >>> stream = DriftStream("abrupt", n_batches=4, batch_size=5, at=3)
    >>> [stream.concept(batch) for batch in range(4)]
    [0, 0, 0, 1]
    >>> X, y = next(iter(stream))
    >>> X.shape, y.shape
    ((5, 10), (5,))
    """

    def __init__(
        self,
        kind: str = "abrupt",
        *,
        n_batches: int = 20,
        batch_size: int = 100,
        n_features: int = 10,
        at: int | Sequence[int] | None = None,
        width: int | None = None,
        concepts: Sequence[Callable[[Floats], ArrayLike]] | None = None,
        angle: float = 90.0,
        noise: float = 0.0,
        seed: int = 0,
    ) -> None:
        if kind not in _KINDS:
            raise nearest(kind, _KINDS, "kind of drift")
        least = {"n_batches": 2, "batch_size": 1, "n_features": 1 if concepts else 2}
        given = {"n_batches": n_batches, "batch_size": batch_size, "n_features": n_features}
        for name, value in given.items():
            if value < least[name]:
                raise InputError(f"{name} must be at least {least[name]}, got {value}")
        if seed < 0:
            raise InputError(f"seed must not be negative, got {seed}")
        if not math.isfinite(angle):
            raise InputError(f"angle must be finite, got {angle}")
        self.kind, self.seed = kind, seed
        self.n_batches, self.batch_size, self.n_features = n_batches, batch_size, n_features
        self.noise = probability(noise, "noise")
        self._check(concepts, width)
        self.at = self._changes(at, len(concepts) if concepts else None)
        self.width = max(1, n_batches // 5) if width is None else width
        turns = 2 if kind == "recurring" else len(self.at) + 1
        self.concepts: tuple[Callable[[Floats], ArrayLike], ...] = tuple(
            concepts or self._hyperplanes(turns, angle)
        )
        self._noise = self._fit_noise() if self.noise else None

    def __len__(self) -> int:
        return self.n_batches

    def __iter__(self) -> Iterator[tuple[Floats, Labels]]:
        for batch in range(self.n_batches):
            X, true = self._draw(batch)
            yield X, self._corrupt(batch, true)

    def __repr__(self) -> str:
        return (
            f"DriftStream({self.kind!r}, {self.n_batches} batches of {self.batch_size} × "
            f"{self.n_features}, at={self.at}, {len(self.concepts)} concepts, "
            f"noise={self.noise}, seed={self.seed})"
        )

    def share(self, batch: int) -> Floats:
        """Return the probability of each concept to rule a row of a batch, sums to 1."""
        if not 0 <= batch < self.n_batches:
            raise InputError(f"batch must be from 0 to {self.n_batches - 1}, got {batch}")
        share = np.zeros(len(self.concepts))
        if self.kind == "recurring":
            share[batch // self.at[0] % len(self.concepts)] = 1.0
            return share
        share[0] = 1.0
        for number, change in enumerate(self.at, start=1):
            width = self.width if self.kind == "gradual" else 0
            new = min(1.0, (batch - change + 1) / (width + 1)) if batch >= change else 0.0
            share *= 1 - new
            share[number] += new
        return share

    def concept(self, batch: int) -> int:
        """Return the number of the concept that rules most of a batch, the newer one in a tie."""
        share = self.share(batch)
        return len(share) - 1 - int(np.argmax(share[::-1]))

    def flipped(self, ids: ArrayLike | None = None) -> NDArray[np.bool_]:
        """Return which rows carry a flipped label, shape (n,); None means the whole stream."""

        def read(batch: int) -> NDArray[np.bool_]:
            true = self._draw(batch)[1]
            wrong: NDArray[np.bool_] = self._corrupt(batch, true) != true
            return wrong

        wrong: NDArray[np.bool_] = self._gather(ids, read)
        return wrong

    def truth(self, ids: ArrayLike | None = None) -> Labels:
        """Return the labels before noise, shape (n,); None means the whole stream."""
        true: Labels = self._gather(ids, lambda batch: self._draw(batch)[1])
        return true

    def _draw(self, batch: int) -> tuple[Floats, Labels]:
        """Return the rows of a batch and their true labels."""
        rng = np.random.default_rng((self.seed, batch + 1))
        X = rng.standard_normal((self.batch_size, self.n_features))
        pick = rng.random(self.batch_size)
        share = self.share(batch)
        ruling = np.flatnonzero(share)
        labels = [self._label(int(number), X) for number in ruling]
        which = np.searchsorted(np.cumsum(share[ruling])[:-1], pick, side="right")
        return X, np.stack(labels)[which, np.arange(self.batch_size)]

    def _label(self, number: int, X: Floats) -> Labels:
        y = as_labels(self.concepts[number](X), f"labels of concept {number}")
        if len(y) != len(X):
            raise InputError(f"concept {number} gave {len(y)} labels for {len(X)} rows")
        return y

    def _corrupt(self, batch: int, true: Labels) -> Labels:
        if self._noise is None:
            return true
        ids = np.arange(len(true)) + batch * self.batch_size
        return self._noise.corrupt(true, ids, seed=self.seed)

    def _check(self, concepts: Sequence[Any] | None, width: int | None) -> None:
        if concepts is not None and not len(concepts):
            raise InputError("concepts is empty; give at least one, or None for hyperplanes")
        if width is not None and self.kind != "gradual":
            raise InputError(f"width is for gradual drift, got width={width} with {self.kind!r}")
        if width is not None and width < 1:
            raise InputError(f"width must be at least 1 batch, got {width}")

    def _fit_noise(self) -> SymmetricNoise:
        """Return the noise, fitted to what every concept says of the first batch."""
        X, _ = self._draw(0)
        said = np.concatenate([self._label(c, X) for c in range(len(self.concepts))])
        return SymmetricNoise(self.noise).fit(said)

    def _gather(self, ids: ArrayLike | None, read: Callable[[int], Any]) -> Any:
        n = self.n_batches * self.batch_size
        rows = np.arange(n) if ids is None else as_ids(ids)
        unknown = rows[(rows < 0) | (rows >= n)]
        if len(unknown):
            raise InputError(f"there is no row {unknown[0]}; the stream has {n}, numbered from 0")
        return gather(rows // self.batch_size, rows % self.batch_size, read)

    def _changes(self, at: int | Sequence[int] | None, n_concepts: int | None) -> tuple[int, ...]:
        """Return the batches of change, or the one length of a turn, checked."""
        n = self.n_batches
        if self.kind == "recurring":
            at = max(1, n // 4) if at is None else at
            if not isinstance(at, int) or at < 1:
                raise InputError(
                    f"recurring drift needs at, batches a turn, of 1 or more; got {at}"
                )
            return (at,)
        if at is None:
            parts = n_concepts or 2
            at = [n * part // parts for part in range(1, parts)]
        changes = (at,) if isinstance(at, int) else tuple(at)
        if list(changes) != sorted(set(changes)) or not all(0 < c < n for c in changes):
            raise InputError(f"at must rise and lie between 1 and {n - 1} (batches), got {at}")
        if n_concepts is not None and len(changes) != n_concepts - 1:
            raise InputError(
                f"{n_concepts} concepts need {n_concepts - 1} batches of change, got at={at}"
            )
        return changes

    def _hyperplanes(self, n: int, angle: float) -> list[Hyperplane]:
        """Return n planes, each turned against the one before within one random plane."""
        rng = np.random.default_rng((self.seed, 0))
        basis = np.linalg.qr(rng.standard_normal((self.n_features, 2)))[0].T
        turn = np.deg2rad(angle) * np.arange(n)
        return [Hyperplane(normal) for normal in np.c_[np.cos(turn), np.sin(turn)] @ basis]
