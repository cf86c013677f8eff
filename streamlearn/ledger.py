"""What is out with annotators, what came back, and what it cost."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from streamlearn.arrays import Ids, Index, Labels, Matrix, take
from streamlearn.data import Answer, Labelled, Query, Votes
from streamlearn.errors import AnswerError, InputError

_NONE, _LABEL, _ABSTAINED = 0, 1, 2


@dataclass(eq=False)
class _Sheet:
    """One query: its encoded rows and every annotator's column of votes."""

    query: Query
    X: Matrix
    wanted: int | Ids  # answers that close a row
    votes: dict[str, tuple[NDArray[np.int8], Labels]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.closed = np.zeros(len(self.query.ids), np.bool_)
        self.moved = np.zeros(len(self.query.ids), np.bool_)  # asked again by a later query


@dataclass(frozen=True, eq=False)
class Checked:
    """An answer found to fit, and what of it is new: rows of the query, kinds, labels, cost."""

    answer: Answer
    sheet: _Sheet
    rows: Ids
    kinds: NDArray[np.int8]
    y: Labels
    cost: float
    in_order: bool = False  # every row labelled, in the query's own order, by the first to answer


class Ledger:
    """Keeps the votes of every query; knows ids, labels and prices, and no model.

    Parameters
    ----------
    votes : int
        Answers (labels or abstentions) that close a row.
    seed : int
        Breaks tied majorities, together with the id.
    forget : int, optional
        How many closed queries to keep; None keeps all. A stream that never ends needs a bound.
    """

    def __init__(self, votes: int, seed: int, forget: int | None = None) -> None:
        self.votes, self.seed, self.forget = votes, seed, forget
        self.queries = 0
        self.labels = 0
        self.cost = 0.0
        self._sheets: dict[int, _Sheet] = {}  # open ones, oldest first
        self._done: dict[int, _Sheet] = {}

    def open(self, query: Query, X: Matrix) -> None:
        """Note a query as out; X are its encoded rows."""
        self.queries = query.round
        self._sheets[query.round] = _Sheet(query, X, self.votes)

    def latest(self, ids: Ids) -> Ids:
        """Return the latest query that holds each id, shape (n,); 0 where none is remembered."""
        number = np.zeros(len(ids), np.int64)
        for found, mask in self.find(ids):
            number[mask] = np.maximum(number[mask], found)
        return number

    def again(self, query: Query, X: Matrix, more: Ids) -> Query:
        """Note closed rows of one query as out again, each for so many answers more.

        Their votes go with them: who has answered them is known, and counts.
        """
        self.queries = query.round
        old = self._done.get(number := int(self.latest(query.ids)[0])) or self._sheets[number]
        at = Index(old.query.ids).positions(query.ids)
        old.moved[at] = True
        votes = {name: (state[at], y[at]) for name, (state, y) in old.votes.items()}
        heard = sum((state > _NONE).astype(np.int64) for state, _ in votes.values())
        query = replace(query, votes=heard + more)
        self._sheets[query.round] = _Sheet(query, X, query.votes, votes)
        return query

    def told(self) -> Votes:
        """Every label told, of open and closed queries that are not forgotten."""
        ids, who, said = [], [], []
        for sheet in (*self._done.values(), *self._sheets.values()):
            for name, (state, y) in sheet.votes.items():
                labelled = (state == _LABEL) & ~sheet.moved
                ids.append(sheet.query.ids[labelled])
                who.append(np.full(len(ids[-1]), name))
                said.append(y[labelled])
        if not ids:
            return Votes(np.empty(0, np.int64), np.empty(0, np.str_), np.empty(0))
        y = np.concatenate([column for column in said if len(column)] or said)
        return Votes(np.concatenate(ids), np.concatenate(who), y)

    @property
    def pending(self) -> Ids:
        """Ids still open, shape (n,)."""
        parts = [s.query.ids[~s.closed] for s in self._sheets.values()]
        return np.concatenate(parts) if parts else np.empty(0, np.int64)

    @property
    def pending_votes(self) -> int:
        """Answers still expected for the open rows: what a budget must hold back."""
        total = 0
        for sheet in self._sheets.values():
            given = np.zeros(len(sheet.closed), np.int64)
            for state, _ in sheet.votes.values():
                given += state > _NONE
            total += int((sheet.wanted - given)[~sheet.closed].sum())
        return total

    def open_queries(self) -> list[Query]:
        """Return the open queries, oldest first, each with its open rows only."""
        return [
            s.query
            if not s.closed.any()
            else replace(
                s.query,
                ids=s.query.ids[~s.closed],
                X=take(s.query.X, ~s.closed),
                votes=s.wanted if isinstance(s.wanted, int) else s.wanted[~s.closed],
            )
            for s in self._sheets.values()
        ]

    def check(self, answer: Answer) -> Checked:
        """Hold an answer against its query, changing nothing.

        Raises
        ------
        AnswerError
            For a round or an id never asked, or an annotator who contradicts an earlier answer.
        """
        sheet = self._sheets.get(answer.round) or self._done.get(answer.round)
        if sheet is None:
            known = 0 < answer.round <= self.queries
            what = "is closed and forgotten" if known else "was never asked"
            raise AnswerError(
                f"round {answer.round} {what}; open rounds: {sorted(self._sheets) or 'none'}"
            )
        price = float(len(answer)) if answer.cost is None else answer.cost
        ids = sheet.query.ids
        alone = not sheet.votes and len(answer.abstained) == 0
        if alone and (answer.ids is ids or np.array_equal(answer.ids, ids)):
            # The common case, every row labelled in one go, without the book-keeping of the rest.
            kinds = np.full(len(ids), _LABEL, np.int8)
            return Checked(answer, sheet, np.arange(len(ids)), kinds, answer.y, price, True)
        asked = np.concatenate([answer.ids, answer.abstained])
        try:
            rows = Index(ids).positions(asked)
        except InputError as error:
            wrong = asked[~np.isin(asked, sheet.query.ids)][0]
            raise AnswerError(
                f"id {wrong} was not asked in round {answer.round}; answer the ids of the query"
            ) from error
        n = len(answer.ids)
        kinds = np.full(len(asked), _ABSTAINED, np.int8)
        kinds[:n] = _LABEL
        new = np.ones(len(asked), np.bool_)
        if (before := sheet.votes.get(answer.annotator)) is not None:
            state, given = before
            new = state[rows] == _NONE
            differs = ~new & (state[rows] != kinds)
            both = ~new[:n] & (state[rows[:n]] == _LABEL)
            differs[:n] |= both & (given[rows[:n]] != answer.y)
            if differs.any():
                at = int(np.flatnonzero(differs)[0])
                was = given[rows[at]] if state[rows[at]] == _LABEL else "an abstention"
                now = answer.y[at] if at < n else "an abstention"
                raise AnswerError(
                    f"annotator {answer.annotator!r} answered id {asked[at]} with {was!s} before "
                    f"and with {now!s} now; the first answer stands"
                )
        if (gone := new & sheet.moved[rows]).any():
            odd = asked[gone][:1]
            raise AnswerError(
                f"id {odd[0]} was asked again in round {self.latest(odd)[0]}; answer it there"
            )
        share = np.count_nonzero(new) / max(len(new), 1)
        return Checked(answer, sheet, rows[new], kinds[new], answer.y[new[:n]], price * share)

    def apply(self, checked: Checked) -> Labelled:
        """Enter a checked answer; return the rows it closed with the label they got."""
        sheet, rows, kinds = checked.sheet, checked.rows, checked.kinds
        n = len(sheet.query)
        if self.votes == 1 and checked.in_order:
            self.labels += n
            self.cost += checked.cost
            y = checked.y.copy()  # it stays, and the caller's array is the caller's
            sheet.votes[checked.answer.annotator] = kinds, y
            sheet.closed[:] = True
            answered = Labelled(sheet.query.ids, sheet.X, y, np.ones(n))
            self._retire(sheet)
            return answered
        labelled = rows[kinds == _LABEL]
        if (before := sheet.votes.get(checked.answer.annotator)) is None:
            before = np.zeros(n, np.int8), np.zeros(n, checked.y.dtype)
        state, given = before
        if len(checked.y) and checked.y.dtype != given.dtype:
            # A longer string, or the first label of somebody who had only abstained.
            wide = checked.y.dtype
            if (state == _LABEL).any():
                wide = np.promote_types(given.dtype, wide)
            given = given.astype(wide)
        state[rows] = kinds
        given[labelled] = checked.y
        sheet.votes[checked.answer.annotator] = state, given
        self.labels += len(rows)
        self.cost += checked.cost

        count = sum((s[rows] > _NONE).astype(np.int64) for s, _ in sheet.votes.values())
        closing = rows[(count >= _of(sheet.wanted, rows)) & ~sheet.closed[rows]]
        sheet.closed[closing] = True
        heard = np.zeros(len(closing), np.bool_)
        for s, _ in sheet.votes.values():
            heard |= s[closing] == _LABEL
        at = closing[heard]
        y = self._majority(sheet, at)
        whole = len(at) == n and bool((at[1:] > at[:-1]).all())
        answered = Labelled(
            sheet.query.ids[at], sheet.X if whole else sheet.X[at], y, np.ones(len(at))
        )
        if sheet.closed.all():
            self._retire(sheet)
        return answered

    def _majority(self, sheet: _Sheet, rows: Ids) -> Labels:
        """The most frequent label of each row; ties fall by (seed, id)."""
        columns = [(state, y) for state, y in sheet.votes.values() if (state[rows] == _LABEL).any()]
        if len(rows) == 0:
            return np.empty(0)
        if len(columns) == 1:
            return columns[0][1][rows]
        given = np.stack([y[rows] for _, y in columns])
        valid = np.stack([s[rows] == _LABEL for s, _ in columns])
        classes, codes = np.unique(given, return_inverse=True)
        codes = codes.reshape(given.shape)
        tally = np.zeros((len(rows), len(classes)))
        for code, mask in zip(codes, valid, strict=True):
            np.add.at(tally, (np.flatnonzero(mask), code[mask]), 1.0)
        best = tally == tally.max(axis=1, keepdims=True)
        for i in np.flatnonzero(best.sum(axis=1) > 1):
            tied = np.flatnonzero(best[i])
            rng = np.random.default_rng([self.seed, int(sheet.query.ids[rows[i]])])
            tally[i, rng.choice(tied)] += 0.5
        return np.asarray(classes[tally.argmax(axis=1)])

    def _retire(self, sheet: _Sheet) -> None:
        """Let go of a closed query's features; its votes stay, so that repeats are known."""
        number = sheet.query.round
        del self._sheets[number]
        sheet.query, sheet.X = Query(number, sheet.query.ids, None), None
        self._done[number] = sheet
        if self.forget is not None and len(self._done) > self.forget:
            del self._done[next(iter(self._done))]

    def find(self, ids: Ids) -> Iterator[tuple[int, NDArray[np.bool_]]]:
        """Yield (round, mask) for every query that holds some of the ids, open ones first."""
        for number, sheet in [*self._sheets.items(), *reversed(self._done.items())]:
            if (mask := np.isin(ids, sheet.query.ids)).any():
                yield number, mask


def _of(wanted: int | Ids, rows: Ids) -> int | Ids:
    return wanted if isinstance(wanted, int) else wanted[rows]
