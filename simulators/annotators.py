"""Annotators that know the truth, and err, abstain, dawdle and charge as they are told to."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streamlearn.arrays import Floats, Ids, Labels, as_labels, take
from streamlearn.data import Answer, Query
from streamlearn.errors import InputError
from streamlearn.keyed import key, uniform
from streamlearn.simulators.noise import Noise, fitted
from streamlearn.simulators.rows import height, index_of


class SimulatedAnnotator:
    """One annotator with known truth, whose every answer hangs on (seed, name, id) alone.

    Parameters
    ----------
    y : array-like or Series, shape (n,)
        True labels: of the rows named by `ids`, else by a Series' index, else by position.
    ids : array-like of int, shape (n,), optional
        The id of each label.
    X : array, CSR matrix or DataFrame of n rows, optional
        The rows of y, for noise or abstention that looks at them.
    noise : Noise or float, optional
        Which labels come out wrong; a number is the rate of `SymmetricNoise`. Fitted here to
        y and X, unless it is fitted already.
    abstain : float, array-like or callable
        Probability to refuse a row: one number, one for each row of y, or a function of X
        that returns one for each row.
    delay : int or float
        Rounds between question and answer. An int is that number for every row; a float is
        the mean of a geometric number drawn for each row.
    cost : float
        Price of a row, answered or refused.
    name : str
        Who answers; annotators of other names err on other rows.
    seed : int
        Any whole number.

    Raises
    ------
    InputError
        If lengths differ, an id comes twice, or a parameter is out of range.

    Notes
    -----
    Nothing is remembered: an open row offered again gets the same answer again, so a replayed
    or resumed run gets the labels it got before.

    Examples
    --------
    >>> annotator = SimulatedAnnotator(["cat", "dog", "cat"], noise=0.0, abstain=[0, 0, 1])
    >>> [answer] = annotator.answer([Query(1, np.array([1, 2]), None)], round=1)
    >>> answer.ids.tolist(), answer.y.tolist(), answer.abstained.tolist(), answer.cost
    ([1], ['dog'], [2], 2.0)
    """

    def __init__(
        self,
        y: Any,
        *,
        ids: ArrayLike | None = None,
        X: Any = None,
        noise: Noise | float | None = None,
        abstain: float | ArrayLike | Callable[[Any], ArrayLike] = 0.0,
        delay: float = 0,
        cost: float = 1.0,
        name: str = "simulated",
        seed: int = 0,
    ) -> None:
        if not isinstance(cost, int | float) or not 0 <= cost < math.inf:
            raise InputError(f"cost must be a finite number of at least 0, got {cost!r}")
        self.name, self.seed, self.cost, self.delay = name, seed, cost, delay
        self._truth = as_labels(y).copy()
        self._rows = index_of(y, ids, f"label of annotator {name!r}")
        n = len(self._rows)
        if X is not None and height(X) != n:
            raise InputError(f"X and y differ in length: {height(X)} rows, {n} labels")
        # Drawn once for all rows: an answer is then a look-up, whatever the noise.
        own = key(seed, name)
        self._given = self._truth
        if noise is not None:
            model = fitted(noise, self._truth, X)
            self._given = model.corrupt(self._truth, self._rows.ids, seed=own, X=X)
        refusal = _refusal(abstain, X, n)
        self._refuses = uniform(own, self._rows.ids, "abstain") < refusal
        self._wait = _wait(delay, uniform(own, self._rows.ids, "delay"))

    def __repr__(self) -> str:
        return (
            f"SimulatedAnnotator({self.name!r}, {len(self._rows)} labels, "
            f"{np.count_nonzero(self.flipped())} flipped, {np.count_nonzero(self._refuses)} "
            f"refused, delay={self.delay}, cost={self.cost}, seed={self.seed})"
        )

    @property
    def ids(self) -> Ids:
        """The ids it has labels for, shape (n,), in the order of y."""
        return self._rows.ids

    def answer(self, open_queries: Sequence[Query], round: int) -> list[Answer]:
        """Answer the open rows that are due.

        Parameters
        ----------
        open_queries : sequence of Query
            What is still open.
        round : int
            The present round; a row is due once its query's round and its delay are over.

        Returns
        -------
        list of Answer
            One for each query with a row due.

        Raises
        ------
        InputError
            If a row has no label.
        """
        answers = []
        for query in open_queries:
            rows = self._rows.find(query.ids)
            rows = rows[query.round + self._wait[rows] <= round]
            if len(rows):
                refused = self._refuses[rows]
                said, unsaid = rows[~refused], rows[refused]
                answers.append(
                    Answer(
                        query.round,
                        self.ids[said],
                        self._given[said],
                        abstained=self.ids[unsaid],
                        annotator=self.name,
                        cost=float(self.cost * len(rows)),
                    )
                )
        return answers

    def flipped(self, ids: ArrayLike | None = None) -> NDArray[np.bool_]:
        """Return which labels it flips if asked, shape (n,); None means all its ids, in order."""
        rows = self._pick(ids)
        wrong: NDArray[np.bool_] = self._given[rows] != self._truth[rows]
        return wrong

    def truth(self, ids: ArrayLike | None = None) -> Labels:
        """Return the true labels, shape (n,); None means all its ids, in order."""
        true: Labels = self._truth[self._pick(ids)]
        return true

    def _pick(self, ids: ArrayLike | None) -> Any:
        return slice(None) if ids is None else self._rows.find(ids)


class Panel:
    """Several simulated annotators, asked together or by turns.

    Parameters
    ----------
    annotators : sequence of SimulatedAnnotator
        The members; names differ, truth is the same.
    per_row : int or "asked", optional
        How many of them see each row, drawn for each row by (seed, name, id); "asked" means as
        many as the query asks for, the next in line if a row is asked again; None means all.
    seed : int
        Any whole number.

    Raises
    ------
    InputError
        If names are shared, truths differ, or per_row is more than there are.

    Examples
    --------
    >>> y = ["no", "yes", "no"]
    >>> careful = SimulatedAnnotator(y, noise=0.0, name="careful")
    >>> careless = SimulatedAnnotator(y, noise=0.4, name="careless", cost=0.2)
    >>> panel = Panel([careful, careless], per_row=1)
    >>> answers = panel.answer([Query(1, np.arange(3), None)], round=1)
    >>> sum(len(answer) for answer in answers)
    3
    """

    def __init__(
        self,
        annotators: Sequence[SimulatedAnnotator],
        per_row: int | str | None = None,
        *,
        seed: int = 0,
    ) -> None:
        self.annotators = tuple(annotators)
        names = [member.name for member in self.annotators]
        if not names or len(set(names)) < len(names):
            raise InputError(f"a panel needs members of different names, got {names}")
        counted = isinstance(per_row, int) and not isinstance(per_row, bool)
        if not (per_row in (None, "asked") or (counted and 1 <= per_row <= len(names))):  # type: ignore[operator]
            raise InputError(
                f'per_row must be from 1 to {len(names)} (all) or "asked", got {per_row!r}'
            )
        first = self.annotators[0]
        for other in self.annotators[1:]:
            if len(other.ids) != len(first.ids) or (other.truth(first.ids) != first.truth()).any():
                raise InputError(
                    f"{first.name!r} and {other.name!r} do not hold the same truth; "
                    "give every member of a panel the same y and ids"
                )
        self.per_row, self.seed = per_row, seed

    def __repr__(self) -> str:
        names = [member.name for member in self.annotators]
        return f"Panel({names}, per_row={self.per_row}, seed={self.seed})"

    def answer(self, open_queries: Sequence[Query], round: int) -> list[Answer]:
        """Answer the open rows that are due: at most one Answer a query and member.

        Parameters
        ----------
        open_queries : sequence of Query
            What is still open.
        round : int
            The present round.

        Returns
        -------
        list of Answer
        """
        if self.per_row is None:
            return [a for member in self.annotators for a in member.answer(open_queries, round)]
        shares = [
            (query, self.assigned(query.ids, query.votes if self.per_row == "asked" else None))
            for query in open_queries
        ]
        answers = []
        for j, member in enumerate(self.annotators):
            own = [_part(query, asked[:, j]) for query, asked in shares]
            answers += member.answer(own, round)
        return answers

    def assigned(self, ids: ArrayLike, votes: int | Ids | None = None) -> NDArray[np.bool_]:
        """Return who sees which row, shape (n, members).

        Parameters
        ----------
        ids : array-like of int, shape (n,)
            The rows.
        votes : int or ndarray of int64, shape (n,), optional
            How many see each row; None is ``per_row``, or one if that is "asked".

        Returns
        -------
        ndarray of bool, shape (n, members)
        """
        draws = np.column_stack(
            [uniform(self.seed, ids, f"panel {member.name}") for member in self.annotators]
        )
        if votes is None:
            votes = 1 if self.per_row == "asked" else self.per_row  # type: ignore[assignment]
        if votes is None:
            return np.ones(draws.shape, dtype=bool)
        place = draws.argsort(axis=1).argsort(axis=1)
        return place < np.reshape(votes, (-1, 1))

    def flipped(self, ids: ArrayLike | None = None) -> NDArray[np.bool_]:
        """Return which member flips which label if asked, shape (n, members)."""
        return np.column_stack([member.flipped(ids) for member in self.annotators])

    def truth(self, ids: ArrayLike | None = None) -> Labels:
        """Return the true labels, shape (n,); None means all ids of the first member."""
        return self.annotators[0].truth(ids)


def _part(query: Query, rows: NDArray[np.bool_]) -> Query:
    """Return the query of some of its rows."""
    X = None if query.X is None else take(query.X, rows)
    votes = query.votes if isinstance(query.votes, int) else query.votes[rows]
    return Query(query.round, query.ids[rows], X, votes)


def _refusal(abstain: Any, X: Any, n: int) -> Floats:
    """Return the probability to refuse each row."""
    if callable(abstain):
        if X is None:
            raise InputError("abstain is a function of the rows; give X as well")
        abstain = abstain(X)
    chance = np.asarray(abstain, dtype=np.float64)
    if chance.shape not in ((), (n,)):
        raise InputError(f"abstain must be one number or {n}, one a row; got shape {chance.shape}")
    if not ((chance >= 0) & (chance <= 1)).all():
        raise InputError(f"abstain must hold probabilities from 0 to 1, got {abstain!r}")
    return chance


def _wait(delay: float, draw: Floats) -> NDArray[np.int64]:
    """Return the rounds each row takes."""
    if isinstance(delay, bool) or not isinstance(delay, int | float | np.number):
        raise InputError(f"delay must be a number of rounds, got {delay!r}")
    if not 0 <= delay < math.inf:
        raise InputError(f"delay must be finite and at least 0 rounds, got {delay}")
    if isinstance(delay, int | np.integer) or delay == 0:
        return np.full(len(draw), delay, dtype=np.int64)
    # Inverse of the geometric distribution on 0, 1, 2, … with P(wait >= k) = q ** k.
    return np.floor(np.log1p(-draw) / math.log(delay / (1 + delay))).astype(np.int64)
