"""DIVINE: a few rows that are influential and unlike each other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import fsum

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from streamlearn.arrays import Ids, Matrix
from streamlearn.errors import InputError, nearest
from streamlearn.selection.diversity import Diversity, Measure
from streamlearn.selection.greedy import Choice
from streamlearn.selection.table import Table
from streamlearn.selection.trade_off import GAMMAS, as_gammas, kept_share, sweep

RULES = ("influence", "distance")


@dataclass(frozen=True, eq=False)
class Selection:
    """A few rows, and what they cost and bring.

    Attributes
    ----------
    ids : ndarray of int64, shape (m,)
        The rows in the order of choice: the first k are the selection of k rows.
    gamma : float
        Weight of diversity.
    influence : float
        Sum of their values.
    share : float
        Of the largest sum that m rows can have; 0.9 means that a tenth was given up. Where that
        sum is not positive, one less what was given up in sizes of it.
    diversity : float
        R of the rows, counted on all rows of X.
    error : float
        What a sample of reference rows made of R, less R: 0 where all rows were used.
    distance : float
        Mean distance over their unordered pairs, as the kernel sees them (columns standardised,
        unless it was told otherwise; for a diversity of your own standardised as well).
    curve : DataFrame or None
        The whole trade-off, if gamma was chosen from it: see `trade_off`.
    """

    ids: Ids
    gamma: float
    influence: float
    share: float
    diversity: float
    error: float
    distance: float
    curve: pd.DataFrame | None = None

    def __len__(self) -> int:
        return len(self.ids)


def select_diverse(
    values: ArrayLike,
    X: ArrayLike | Matrix,
    m: int,
    diversity: Diversity | None = None,
    *,
    gamma: float | str = "influence",
    keep: float = 0.9,
    gammas: Sequence[float] = GAMMAS,
    optimiser: str = "auto",
    epsilon: float = 0.1,
    recalculate: Callable[[Ids], ArrayLike] | None = None,
    every: int = 1,
    ids: ArrayLike | None = None,
    random_state: int = 0,
) -> Selection:
    """Choose m rows of great value that differ from each other.

    Maximises greedily the sum of the values, divided by the largest absolute one of all rows,
    plus gamma times a diversity.

    Parameters
    ----------
    values : array-like of shape (n,)
        Importance of every row, as from `streamlearn.influence.influence`. Positive helps, so
        give ``-values`` to choose what harms most.
    X : array-like or CSR matrix of shape (n, d)
        The rows, or their embedding.
    m : int
        Rows to choose.
    diversity : SumRedundancy, FacilityLocation, MMD or your own `Diversity`, optional
        ``SumRedundancy()`` by default.
    gamma : float, "influence" or "distance", default="influence"
        Weight of diversity, 0 for influence alone. "influence" takes the largest of ``gammas``
        that keeps a share ``keep`` of the influence m rows can have, "distance" that with the
        largest mean distance between the rows (of equal ones the smallest).
    keep : float, default=0.9
        For "influence".
    gammas : sequence of float
        The sweep, 46 points from 1e-4 to 1e5 as in the paper; 0 is added.
    optimiser : {"auto", "greedy", "lazy", "stochastic"}, default="auto"
        "greedy" looks at all rows for each choice, "lazy" at those only that could still be the
        best (the same rows; for submodular diversities, else an error), "stochastic" at a random
        share. "auto" is lazy for `FacilityLocation`, where it pays, and greedy for all others.
    epsilon : float, default=0.1
        Of "stochastic": ``n / m ln(1 / epsilon)`` rows are looked at a choice.
    recalculate : callable, optional
        Ids chosen so far -> values (n,) without those rows: asked for after every ``every``
        choices. What it says of rows chosen is not read. See `influence_without`.
    every : int, default=1
        For ``recalculate``.
    ids : array-like of int64, shape (n,), optional
        Ids of the rows; their positions by default. Of rows with equal scores the lowest id is
        chosen, and samples are drawn by id, so that the order of the rows plays no part.
    random_state : int, default=0
        Seed of the kernel width's rows, of reference rows and of "stochastic".

    Returns
    -------
    Selection
        The rows.

    Raises
    ------
    InputError
        If m is larger than n, a value is not finite, gamma is negative, all rows are alike (no
        kernel width), or "lazy" is not valid.

    Notes
    -----
    Algorithm 1 of the paper has a slip in line 7: what is maximised there must be R of S *with*
    the row, R(S + i). Sums of influences are a first-order guess at the influence of a group.

    References
    ----------
    Bhatt et al. (2021), DIVINE, section 3; Minoux (1978), Accelerated greedy algorithms (lazy);
    Mirzasoleiman et al. (2015), Lazier than lazy greedy (stochastic).

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[0.0], [0.1], [0.2], [5.0], [5.1]])
    >>> values = np.array([1.0, 0.9, 0.8, 0.7, 0.6])
    >>> select_diverse(values, X, 2, gamma=0).ids
    array([0, 1])
    >>> few = select_diverse(values, X, 2, gamma=1.0)
    >>> few.ids, round(few.share, 3)
    (array([0, 3]), 0.895)
    """
    if not isinstance(gamma, str):
        weights = [_weight(gamma)]
    elif gamma in RULES:
        weights = as_gammas(gammas)
    else:
        raise nearest(gamma, RULES, "rule for gamma")
    if not 0 <= keep <= 1:
        raise InputError(f"keep must lie between 0 and 1, got {keep!r}")
    table = Table(values, X, m, ids, random_state)
    measure = table.measure(diversity, reuse=len(weights) > 1)
    task = table.task(measure, optimiser, epsilon, recalculate, every)
    if not isinstance(gamma, str):
        return _selection(table, measure, task.choose(weights[0]), weights[0], None)
    choices = sweep(task.choose, weights)
    curve = table.curve(measure, weights, choices)
    if gamma == "influence":
        enough = np.flatnonzero(curve["share"] >= keep)
        if not len(enough):  # possible with values that are recalculated, even for gamma = 0
            raise InputError(
                f"no gamma keeps a share of {keep} (at most {curve['share'].max():.3g}); lower "
                "keep or give gamma a number"
            )
        best = int(enough[-1])
    else:
        best = int(curve["distance"].to_numpy().argmax())
    return _selection(table, measure, choices[best], weights[best], curve)


def trade_off(
    values: ArrayLike,
    X: ArrayLike | Matrix,
    m: int,
    diversity: Diversity | None = None,
    *,
    gammas: Sequence[float] = GAMMAS,
    optimiser: str = "auto",
    epsilon: float = 0.1,
    ids: ArrayLike | None = None,
    random_state: int = 0,
) -> pd.DataFrame:
    """Influence kept and diversity won for every gamma of a sweep.

    The rows are those that `select_diverse` chooses for each gamma. Work is shared: kernel columns
    are kept, and nothing is chosen between two gammas that choose the same rows.

    Parameters
    ----------
    values, X, m, diversity, gammas, optimiser, epsilon, ids, random_state
        As for `select_diverse`.

    Returns
    -------
    DataFrame
        A row for each gamma, 0 first, with the columns ``gamma``, ``influence`` (sum of the
        values), ``share`` (of the largest sum), ``diversity`` (as the optimiser saw it),
        ``distance`` (mean over pairs) and ``ids`` (tuples, in order of choice).

    References
    ----------
    Bhatt et al. (2021), section 5.1 and figures 3a, 4.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[0.0], [0.1], [0.2], [5.0], [5.1]])
    >>> curve = trade_off([1.0, 0.9, 0.8, 0.7, 0.6], X, 2, gammas=[0.01, 1.0])
    >>> curve["ids"].tolist()
    [(0, 1), (0, 1), (0, 3)]
    """
    weights = as_gammas(gammas)
    table = Table(values, X, m, ids, random_state)
    measure = table.measure(diversity, reuse=True)
    task = table.task(measure, optimiser, epsilon, None, 1)
    return table.curve(measure, weights, sweep(task.choose, weights))


def _selection(
    table: Table, measure: Measure, choice: Choice, gamma: float, curve: pd.DataFrame | None
) -> Selection:
    """What is handed out."""
    influence, diversity = fsum(table.values[choice.rows]), measure.value(choice.rows)
    return Selection(
        ids=table.ids[choice.rows],
        gamma=gamma,
        influence=influence,
        share=kept_share(influence, table.top),
        diversity=diversity,
        error=choice.diversity - diversity,
        distance=table.space(measure).mean_distance(choice.rows),
        curve=curve,
    )


def _weight(gamma: float) -> float:
    """Check one gamma."""
    if not (np.isfinite(gamma) and gamma >= 0):
        raise InputError(f"gamma must be a finite number of 0 or more, got {gamma!r}")
    return float(gamma)
