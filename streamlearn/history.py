"""What an answer changed, as a Round, and rounds as a learning curve."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from streamlearn.data import Judgement, Labelled, Query, Round
from streamlearn.ledger import Ledger
from streamlearn.memory import NO_ROWS


def changed(
    query: Query | None,
    answered: Labelled,
    ledger: Ledger,
    judgement: Judgement | None = None,
    judged: Labelled | None = None,
    reopened: int = 0,
    scores: Mapping[str, float] | None = None,
) -> Round:
    """Return what an answer changed; ``judged`` are the answered rows as learned, if any were."""
    trimmed = relabelled = 0
    if judgement is not None and judged is not None:
        trimmed = int(np.count_nonzero(judged.weight == 0))
        relabelled = int(np.count_nonzero((judged.y != answered.y) & (judged.weight > 0)))
    return Round(
        number=0 if query is None else query.round,
        query=query,
        answered=answered,
        judgement=judgement,
        closed=len(answered),
        trimmed=trimmed,
        relabelled=relabelled,
        reopened=reopened,
        scores={} if scores is None else scores,
        labels=ledger.labels,
        cost=ledger.cost,
    )


def without_rows(round: Round) -> Round:
    """Return counts and scores only: a stream would fill the memory with rows gone by."""
    counts = round.closed, round.trimmed, round.relabelled, round.reopened
    spent = round.labels, round.cost
    return Round(round.number, None, NO_ROWS, None, *counts, round.scores, *spent)


def learning_curve(history: Iterable[Round]) -> pd.DataFrame:
    """Return one row a round, with labels, cost, counts and scores."""
    return pd.DataFrame(
        {
            "round": r.number,
            "labels": r.labels,
            "cost": r.cost,
            "closed": r.closed,
            "trimmed": r.trimmed,
            "relabelled": r.relabelled,
            "reopened": r.reopened,
            **r.scores,
        }
        for r in history
    )
