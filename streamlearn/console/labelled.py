"""Every label a run learned of, as a table."""

from typing import Any

import numpy as np
import pandas as pd

from streamlearn.arrays import Ids, Labels
from streamlearn.data import Judgement, Round
from streamlearn.loop import Loop
from streamlearn.protocols import View
from streamlearn.recorders import Observer


class LabelledTable(Observer):
    """Records the label of each row as it is closed, and what a trimmer made of it.

    Notes
    -----
    A stream's loop forgets its rows; a table that is exported holds them all.
    """

    def __init__(self) -> None:
        self._closed: list[tuple[int, Ids, Labels]] = []
        self._judged: list[Judgement] = []

    def start(self, loop: Loop) -> None:
        """Add what was known before the first query."""
        if loop.history and loop.history[0].number == 0:
            first = loop.history[0].answered
            self._closed.insert(0, (0, first.ids, first.y))

    def after(self, round: Round, view: View) -> None:
        """Note what an answer closed."""
        if len(round.answered):
            self._closed.append((round.number, round.answered.ids, round.answered.y))
        if round.judgement is not None:
            self._judged.append(round.judgement)

    @property
    def labels(self) -> list[Any]:
        """Every label so far."""
        return [y for _, _, labels in self._closed for y in labels.tolist()]

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each labelled id.

        Returns
        -------
        DataFrame
            Indexed by id; columns label and round, and if anything was judged learned (the
            label learned from), weight (0 = trimmed) and reason.
        """
        numbers = [np.full(len(ids), number) for number, ids, _ in self._closed]
        frame = pd.DataFrame(
            {
                "label": pd.Series(self.labels),
                "round": np.concatenate(numbers) if numbers else np.empty(0, np.int64),
            }
        )
        frame.index = pd.Index([i for _, ids, _ in self._closed for i in ids.tolist()], name="id")
        if self._judged:
            frame = frame.assign(learned=frame["label"], weight=1.0, reason="")
            for said in self._judged:
                rows = np.isin(said.ids, frame.index)
                ids = said.ids[rows]
                frame.loc[ids, "learned"] = said.y[rows]
                frame.loc[ids, "weight"] = said.weight[rows]
                frame.loc[ids, "reason"] = said.reason[rows]
        return frame
