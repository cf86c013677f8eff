"""Judging new rows together with older ones, whatever order they came in."""

import numpy as np
from numpy.typing import NDArray

from streamlearn.arrays import Floats, Labels
from streamlearn.data import Judgement, Labelled
from streamlearn.errors import nearest
from streamlearn.memory import stack

ACTIONS = ("relabel", "trim", "weight")
SCOPES = ("answered", "seen")


def check_options(action: str, scope: str) -> None:
    """Raise for an unknown action or scope."""
    if action not in ACTIONS:
        raise nearest(action, ACTIONS, "action")
    if scope not in SCOPES:
        raise nearest(scope, SCOPES, "scope")


def together(answered: Labelled, seen: Labelled) -> Labelled:
    """Answered and older rows as they were given, by id, so that no order shows in a fit.

    Rows answered anew count once; what was trimmed before counts again.
    """
    old = seen.take(~np.isin(seen.ids, answered.ids)) if len(seen) else seen
    old = Labelled(old.ids, old.X, old.y, np.ones(len(old)))
    parts = [rows for rows in (answered, old) if len(rows)]
    rows = stack(parts) if parts else answered
    return rows.take(np.argsort(rows.ids))


def settle(
    answered: Labelled,
    seen: Labelled,
    noisy: Labelled,
    y: Labels,
    weight: Floats,
    score: Floats,
    reason: NDArray[np.str_],
    scope: str,
) -> Judgement:
    """Judge the answered rows in their order, then the older ones if the scope says so."""
    place = np.argsort(answered.ids)
    at = np.empty(len(answered), dtype=np.int64)
    at[place] = np.flatnonzero(np.isin(noisy.ids, answered.ids))
    if scope == "seen":
        at = np.concatenate([at, np.flatnonzero(~np.isin(noisy.ids, answered.ids))])
    weight = noisy.weight * weight
    before = noisy.weight.copy()
    if len(seen):
        old = np.isin(seen.ids, noisy.ids) & ~np.isin(seen.ids, answered.ids)
        before[np.searchsorted(noisy.ids, seen.ids[old])] = seen.weight[old]
    back = (reason == "") & (weight != before)
    reason = np.where(back, "cleared by newer rows", reason)
    return Judgement(noisy.ids[at], y[at], weight[at], score[at], reason[at])
