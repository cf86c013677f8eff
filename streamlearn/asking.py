"""What to ask next: candidates drawn, the quota of the round, the strategy's choice checked."""

from collections.abc import Callable
from typing import Any

import numpy as np

from streamlearn.arrays import Ids, as_ids
from streamlearn.data import Candidates
from streamlearn.errors import InputError, StreamlearnError, whole
from streamlearn.protocols import QueryStrategy, Source, View

NO_IDS: Ids = np.empty(0, np.int64)


class Asking:
    """Keeps count of what was offered and asked; knows no labels.

    Parameters
    ----------
    source : Source
        Where candidates come from.
    strategy : QueryStrategy or None
        Chooses among them; None asks them all.
    per_round : int, float or None
        Rows a query: a number, a share of what is offered, or all.
    seed : int
        Of the run.
    """

    def __init__(
        self, source: Source, strategy: QueryStrategy | None, per_round: Any, seed: int
    ) -> None:
        self.source, self.strategy, self.seed = source, strategy, seed
        self.per_round = _checked(per_round, strategy)
        self.candidates = Candidates(NO_IDS, np.empty((0, 0)), np.empty(0, np.bool_))
        self.taken = NO_IDS
        self._back: Candidates | None = None
        self.draws = self._offered = self._asked = 0

    def draw(self) -> Candidates | None:
        """Return the source's next candidates; None at its end."""
        drawn, self._back = self._back or self.source.draw(self.taken), None
        if drawn is not None:
            self.draws += 1
            self._offered += int(np.count_nonzero(drawn.open))
            self.candidates = drawn
        return drawn

    def put_back(self) -> None:
        """Offer the same candidates again: the query made of them could not be opened."""
        self.draws -= 1
        self._offered -= int(np.count_nonzero(self.candidates.open))
        self._back = self.candidates

    def quota(self) -> int:
        """Return how many of the candidates this round may ask."""
        offered = int(np.count_nonzero(self.candidates.open))
        if self.per_round is None:
            return offered
        if isinstance(self.per_round, int):
            return min(self.per_round, offered)
        if not self.source.streaming:
            return max(1, int(self.per_round * offered))
        # Fractions carry over, so that small batches do not all round to nothing.
        return min(offered, int(self.per_round * self._offered + 1e-9) - self._asked)

    def choose(self, view: Callable[[], View], n: int, number: int) -> Ids:
        """Return at most n open ids for query ``number``, the strategy's choice checked."""
        candidates = self.candidates
        if n <= 0:
            return NO_IDS
        if self.strategy is None:
            whole = n == len(candidates) and bool(candidates.open.all())
            return candidates.ids if whole else candidates.ids[candidates.open][:n]
        rng = np.random.default_rng([self.seed, number])
        ids = as_ids(self.strategy.select(view(), n, rng), "a strategy's choice")
        at = candidates.positions(ids)
        if len(ids) > n or len(np.unique(at)) < len(at) or not candidates.open[at].all():
            raise StreamlearnError(
                f"{self.strategy!r} must choose at most {n} distinct open ids, got {ids[:10]}…"
            )
        return ids

    def take(self, ids: Ids) -> Any:
        """Count ids as asked and return their encoded rows."""
        candidates = self.candidates
        at: Any = slice(None)
        X = candidates.X
        if ids is not candidates.ids and not np.array_equal(ids, candidates.ids):
            at = candidates.positions(ids)
            X = candidates.X[at]
        still = candidates.open.copy()
        still[at] = False
        self.candidates = Candidates(candidates.ids, candidates.X, still, candidates.index)
        self._asked += len(ids)
        if not self.source.streaming:
            self.taken = np.concatenate([self.taken, ids])
        return X


def _checked(per_round: Any, strategy: QueryStrategy | None) -> int | float | None:
    if per_round is None:
        return None
    if strategy is None:
        raise InputError(
            f"per_round={per_round!r} needs a strategy to choose the rows, such as "
            "streamlearn.strategies.Random()"
        )
    if isinstance(per_round, float):
        if not 0 < per_round < 1:
            raise InputError(f"a share per_round must lie between 0 and 1, got {per_round!r}")
        return per_round
    return whole(per_round, "per_round", least=1)
