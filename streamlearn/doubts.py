"""Rows a trimmer wants asked again: noted, put into queries of their own, closed once answered."""

from typing import Any

import numpy as np

from streamlearn.arrays import Ids
from streamlearn.data import Judgement, Labelled, Query
from streamlearn.errors import StreamlearnError
from streamlearn.ledger import Ledger
from streamlearn.memory import NO_ROWS, Memory
from streamlearn.protocols import Source
from streamlearn.stopping import Budget


class Doubts:
    """Keeps count of rows to be asked again; knows no model and asks nobody.

    A row asked again goes out in a query of its own, before anything new, and takes the answers it
    had along. So budgets, late answers, journal and resume need no special case for it.
    """

    def __init__(self) -> None:
        self._more: dict[int, int] = {}  # id: further answers to ask for
        self._out: Ids = NO_ROWS.ids

    def __contains__(self, id: int) -> bool:
        return id in self._more

    def note(self, judgement: Judgement | None, ledger: Ledger, trimmer: Any) -> int:
        """Remember what a judgement wants asked again; return how many rows that are.

        Raises
        ------
        StreamlearnError
            If such a row is to be learned meanwhile, or was never asked.
        """
        if judgement is None or judgement.again is None or not judgement.again.any():
            return 0
        doubted = np.flatnonzero(judgement.again > 0)
        ids = judgement.ids[doubted]
        if (judgement.weight[doubted] > 0).any():
            odd = ids[judgement.weight[doubted] > 0][0]
            raise StreamlearnError(
                f"{trimmer!r} asks id {odd} again and lets it be learned meanwhile; "
                "a row asked again must have the weight 0 until it is answered"
            )
        if not (known := ledger.latest(ids) > 0).all():
            raise StreamlearnError(
                f"id {ids[~known][0]} cannot be asked again: it was never asked, or its query is "
                "forgotten; a trimmer may ask again for ids in view.votes"
            )
        fresh = ~np.isin(ids, ledger.pending)
        # What deserves it least to be kept is asked first, should the money not reach for all.
        order = np.argsort(judgement.score[doubted][fresh], kind="stable")
        more = judgement.again[doubted][fresh][order]
        self._more |= dict(zip(ids[fresh][order].tolist(), more.tolist(), strict=True))
        return int(np.count_nonzero(fresh))

    def due(self, budget: Budget, ledger: Ledger) -> Ids | None:
        """Return doubted rows of one earlier query, as far as the budget goes; None for none."""
        if not self._more:
            return None
        ids, more = np.array(list(self._more.items()), np.int64).T
        allowed = budget.affords(ledger.labels, ledger.cost, ledger.pending_votes, 1)
        if allowed is not None and not (affordable := np.cumsum(more) <= allowed).all():
            ids = ids[affordable]
            self._more = {i: self._more[i] for i in ids.tolist()}
            if not self._more:
                return None
        asked_in = ledger.latest(ids)
        due: Ids = ids[asked_in == asked_in.min()]
        return due

    def open(self, query: Query, ledger: Ledger, source: Source) -> Query:
        """Count a query of doubted rows as out."""
        more = np.array([self._more.pop(i) for i in query.ids.tolist()])
        self._out = np.union1d(self._out, query.ids)
        return ledger.again(query, source.encode(query.X), more)

    def close(self, answered: Labelled, memory: Memory) -> None:
        """Let the memory forget rows that were answered anew, before they enter it again."""
        if len(self._out):
            memory.drop(np.intersect1d(self._out, answered.ids))
            self._out = np.setdiff1d(self._out, answered.ids)
