"""Asking again: doubtful labels are not thrown away but put to other annotators."""

from dataclasses import replace

import numpy as np
from sklearn.base import BaseEstimator

from streamlearn.data import Judgement, Labelled
from streamlearn.errors import InputError, whole
from streamlearn.protocols import Trimmer, View


class AskAgain(BaseEstimator):  # type: ignore[misc]
    """Ask other annotators about the rows that another trimmer doubts, and believe the majority.

    Parameters
    ----------
    trimmer : Trimmer
        Whatever it would trim, relabel or weigh less than ``doubt`` is asked again.
    answers : int
        Labels a row gets in all before its majority is believed; odd numbers cannot tie in two
        classes.
    doubt : float
        A weight below it is a doubt.

    Notes
    -----
    A row asked again is set aside until it closes with the majority of all its answers. Those
    come from annotators who have not answered it yet: a run with one annotator alone never
    closes it. In a simulation, `streamlearn.simulators.Panel` with ``per_row="asked"`` passes a
    row on to the next in line. Rows nobody was asked about (initial ones) are left as they are.

    Examples
    --------
    >>> from streamlearn.trimming import LossTrim
    >>> AskAgain(LossTrim(budget=0.2), answers=5)
    AskAgain(answers=5, trimmer=LossTrim(budget=0.2))
    """

    def __init__(self, trimmer: Trimmer, answers: int = 3, doubt: float = 0.5) -> None:
        self.trimmer = trimmer
        self.answers = answers
        self.doubt = doubt

    def judge(self, answered: Labelled, view: View) -> Judgement:
        """Judge answered rows as the inner trimmer does, and ask again instead of acting.

        Parameters
        ----------
        answered : Labelled
            The rows just answered.
        view : View
            Its votes tell how often a row was answered.

        Returns
        -------
        Judgement
            Doubtful rows have the weight 0 and ``again`` above 0; all others are learned as given.

        Raises
        ------
        InputError
            If a parameter is out of range.
        """
        whole(self.answers, "answers", least=2)
        if not 0 <= self.doubt <= 1:
            raise InputError(f"doubt must be a weight from 0 to 1, got {self.doubt!r}")
        return asked_again(self.trimmer.judge(answered, view), answered, view, self)


def asked_again(said: Judgement, answered: Labelled, view: View, how: AskAgain) -> Judgement:
    """Turn verdicts against rows into questions, as far as there is somebody left to ask."""
    given, usual = said.y.copy(), np.ones(len(said))
    for rows in (view.seen, answered):
        if len(rows):
            order = np.argsort(rows.ids)
            place = np.minimum(np.searchsorted(rows.ids[order], said.ids), len(rows) - 1)
            known = rows.ids[order][place] == said.ids
            if known.any():
                given = given.astype(np.result_type(given, rows.y))
                given[known] = rows.y[order][place[known]]
    doubtful = (said.weight < how.doubt) | (said.y != given)
    heard = view.votes.count(said.ids)
    pending = np.isin(said.ids, view.pending)
    asking = doubtful & (heard > 0) & (heard < how.answers) & ~pending
    usual[asking | pending] = 0.0
    more = np.where(asking, how.answers - heard, 0)
    reason = said.reason.astype(np.dtypes.StringDType())
    reason[~doubtful & ~pending] = ""
    believed = doubtful & ~asking & ~pending
    reason[believed] = np.where(
        heard[believed] > 0, "kept: the majority of its answers", "kept: nobody can be asked again"
    )
    reason[pending] = "set aside until it is answered again"
    reason[asking] = "asked again, as it was " + reason[asking]
    text = np.array(reason.tolist(), dtype=np.str_) if len(reason) else said.reason
    return replace(said, y=given, weight=usual, reason=text, again=more)
