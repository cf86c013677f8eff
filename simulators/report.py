"""How well a trimmer finds the labels that are wrong, held against a simulator's truth."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from streamlearn.arrays import Floats, Ids, Labels
from streamlearn.data import Query, Round
from streamlearn.protocols import View


class Oracle(Protocol):
    """Who can say the truth: an annotator, a panel or a stream of this package."""

    def truth(self, ids: Ids) -> Labels:
        """Return the true labels, shape (n,)."""


@dataclass(frozen=True, slots=True, eq=False)
class _Verdicts:
    """What became of rows, against the truth: one entry a row."""

    ids: Ids
    wrong: NDArray[np.bool_]
    trimmed: NDArray[np.bool_]
    relabelled: NDArray[np.bool_]
    hit: NDArray[np.bool_]

    def counts(self) -> dict[str, float]:
        acted = self.trimmed | self.relabelled
        n, wrong, caught = len(self.ids), _count(self.wrong), _count(self.wrong & acted)
        return {
            "rows": n,
            "wrong": wrong,
            "trimmed": _count(self.trimmed),
            "relabelled": _count(self.relabelled),
            "relabelled_right": _count(self.hit),
            "precision": _share(caught, _count(acted)),
            "recall": _share(caught, wrong),
            "base_rate": _share(wrong, n),
        }


class TrimReport:
    """Records precision and recall of a trimmer over a run.

    Parameters
    ----------
    oracle : SimulatedAnnotator, Panel, NoisyStream, DriftStream or the like
        Has ``truth(ids)``.

    Notes
    -----
    A row counts as *wrong* if its answered label is not the true one, and as *acted on* if the
    judgement gives it weight 0 (trimmed) or another label than the answered one (relabelled; not
    if trimmed as well). Precision is the share of wrong rows among those acted on: it means
    something only beside the base rate, which is what trimming at random reaches. Recall is the
    share acted on among the wrong rows. Rows judged anew count for the round that judged them;
    in the total each row counts once, as it was judged last. Judged rows that no recorded round
    answered (a reference, initial rows) are left out.

    Examples
    --------
    >>> from streamlearn.data import Judgement, Labelled
    >>> from streamlearn.simulators import SimulatedAnnotator
    >>> annotator = SimulatedAnnotator([0, 0, 1], noise=0.0)
    >>> report = TrimReport(annotator)
    >>> rows = Labelled(np.arange(3), np.zeros((3, 1)), np.array([1, 0, 1]), np.ones(3))
    >>> said = Judgement(rows.ids, rows.y, np.array([0.0, 0, 1]), np.ones(3), np.full(3, ""))
    >>> report.after(Round(1, None, rows, said), view=None)
    >>> total = report.total()
    >>> total["precision"], total["recall"], round(total["base_rate"], 3)
    (0.5, 1.0, 0.333)
    """

    def __init__(self, oracle: Oracle) -> None:
        self.oracle = oracle
        self._rounds: list[tuple[int, _Verdicts]] = []
        # Of each answered row: the label received, and the true one.
        self._answered: dict[int, tuple[Any, Any]] = {}

    def before(self, view: View, query: Query) -> None:
        """Do nothing: the labels are not known yet."""

    def after(self, round: Round, view: View | None) -> None:
        """Hold a round's judgement against the truth.

        Parameters
        ----------
        round : Round
            What an answer changed; without a judgement all its rows count as kept.
        view : View
            Not looked at.
        """
        rows = round.answered
        if len(rows):
            true = self.oracle.truth(rows.ids)
            pairs = zip(rows.y.tolist(), true.tolist(), strict=True)
            self._answered.update(zip(rows.ids.tolist(), pairs, strict=True))
        if round.judgement is None:
            ids, y, weight = rows.ids, rows.y, rows.weight
        else:
            ids, y, weight = round.judgement.ids, round.judgement.y, round.judgement.weight
        if not len(ids):
            return
        known = np.fromiter((i in self._answered for i in ids.tolist()), bool, len(ids))
        self._rounds.append((round.number, self._verdicts(ids[known], y[known], weight[known])))

    def to_frame(self) -> pd.DataFrame:
        """Return the figures answer by answer.

        Returns
        -------
        DataFrame
            One line for each answer that closed or judged rows: round, rows, wrong, trimmed,
            relabelled, relabelled_right (relabelled to the truth), precision, recall,
            base_rate. A share of nothing is NaN.
        """
        lines = [{"round": number, **verdicts.counts()} for number, verdicts in self._rounds]
        return pd.DataFrame(lines, columns=["round", *_EMPTY.counts()])

    def total(self) -> Mapping[str, float]:
        """Return the same figures for the whole run, each row counted once, as judged last."""
        if not self._rounds:
            return _EMPTY.counts()
        parts = [verdicts for _, verdicts in self._rounds]
        ids = np.concatenate([part.ids for part in parts])
        last = len(ids) - 1 - np.unique(ids[::-1], return_index=True)[1]
        flags = (
            np.concatenate([getattr(part, name) for part in parts])[last]
            for name in ("wrong", "trimmed", "relabelled", "hit")
        )
        return _Verdicts(ids[last], *flags).counts()

    def _verdicts(self, ids: Ids, y: Labels, weight: Floats) -> _Verdicts:
        pairs = [self._answered[i] for i in ids.tolist()]
        given = np.array([pair[0] for pair in pairs], dtype=object)
        true = np.array([pair[1] for pair in pairs], dtype=object)
        said = np.array(y.tolist(), dtype=object)
        trimmed = weight == 0
        relabelled = (said != given) & ~trimmed
        return _Verdicts(ids, given != true, trimmed, relabelled, relabelled & (said == true))


def _count(flags: NDArray[np.bool_]) -> int:
    return int(np.count_nonzero(flags))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


_EMPTY = _Verdicts(np.empty(0, dtype=np.int64), *[np.empty(0, dtype=bool)] * 4)
