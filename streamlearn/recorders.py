"""Observers of a run: they see every query and every round, and cannot steer."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from streamlearn.arrays import Ids, Index, Labels
from streamlearn.data import Query, Round
from streamlearn.protocols import View


class Observer:
    """A recorder that does nothing: derive from it and override what you need."""

    def before(self, view: View, query: Query) -> None:
        """See a query before its labels are known."""

    def after(self, round: Round, view: View) -> None:
        """See what an answer changed, after learning."""


class Prequential(Observer):
    """Score a run by what the learner predicted before it learned.

    Rows that came before any class was known are not scored.

    Parameters
    ----------
    truth : callable, optional
        Gives the labels to score against for ids, where a simulator knows better than the
        annotator; by default the labels as answered.

    Attributes
    ----------
    rounds_ : list of tuple (round, rows, right)
        Of every round that closed rows.

    References
    ----------
    Gama, Sebastião & Rodrigues (2013), On evaluating stream learning algorithms, Machine
    Learning 90.
    """

    def __init__(self, truth: Callable[[Ids], Labels] | None = None) -> None:
        self.truth = truth
        self.rounds_: list[tuple[int, int, int]] = []
        self._predicted: dict[int, tuple[Ids, Labels]] = {}

    def before(self, view: View, query: Query) -> None:
        """Predict the rows asked; a learner that knows no class yet predicts nothing."""
        if len(view.learner.classes_) == 0:
            return
        candidates = view.candidates
        if np.array_equal(query.ids, candidates.ids):
            X = candidates.X
        else:
            X = candidates.X[candidates.positions(query.ids)]
        self._predicted[query.round] = query.ids, view.learner.predict(X)

    def after(self, round: Round, view: View) -> None:
        """Compare with the labels."""
        if len(round.answered) == 0 or round.number not in self._predicted:
            return
        ids, predicted = self._predicted[round.number]
        closed = round.answered.ids
        if not np.array_equal(ids, closed):
            predicted = predicted[Index(ids).positions(closed)]
        y = round.answered.y if self.truth is None else self.truth(closed)
        self.rounds_.append((round.number, len(closed), int(np.count_nonzero(predicted == y))))
        if not np.isin(ids, view.pending).any():
            del self._predicted[round.number]

    @property
    def accuracy(self) -> float:
        """Share of all rows so far predicted right before they were learned; NaN at first."""
        rows = sum(n for _, n, _ in self.rounds_)
        return sum(right for *_, right in self.rounds_) / rows if rows else float("nan")

    def to_frame(self) -> pd.DataFrame:
        """Return one row a round: round, rows, accuracy, accuracy_so_far."""
        frame = pd.DataFrame(self.rounds_, columns=["round", "rows", "right"])
        frame["accuracy"] = frame["right"] / frame["rows"]
        frame["accuracy_so_far"] = frame["right"].cumsum() / frame["rows"].cumsum()
        return frame.drop(columns="right")
