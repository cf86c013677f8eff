"""Data Shapley: a row's mean effect on the objective over all orders in which rows may come."""

from math import comb
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from threadpoolctl import threadpool_limits

from streamlearn.arrays import Floats, Labels, Matrix
from streamlearn.errors import InputError, whole
from streamlearn.influence.linear import LinearClassifier
from streamlearn.influence.objectives import Objective
from streamlearn.keyed import key
from streamlearn.valuation.checkpoint import Tally, fingerprint, load, save
from streamlearn.valuation.result import Values
from streamlearn.valuation.scan import Game, as_game

_MOST_ROWS = 16  # to enumerate: 65,536 subsets


def by_shapley(
    model: Any,
    X: Matrix,
    y: Labels,
    objective: Objective,
    weight: Floats | None,
    *,
    permutations: int = 500,
    truncation: float = 0.0,
    until: float | None = None,
    random_state: int = 0,
    n_jobs: int | None = None,
    state: str | Path | None = None,
    exact: bool = False,
) -> Values:
    """Average over random orders, block by block; every order is drawn from its own number.

    Parameters
    ----------
    model : LinearClassifier or classifier
        What to fit.
    X, y : ndarray or CSR of shape (n, d), ndarray of shape (n,)
        Training rows.
    objective : Objective
        What the rows are worth something for.
    weight : ndarray of shape (n,) or None
        Row weights.
    permutations : int
        Orders to draw at most.
    truncation : float
        Share of what all rows gain, within which the rest of an order is taken for gained.
    until : float or None
        Stop after a block when the two halves of the orders rank rows as alike as this.
    random_state : int
        Of the orders, and of classifiers that draw at random and have no seed.
    n_jobs : int or None
        Processes; the values do not depend on how many.
    state : path or None
        File that the sums are kept in after each block, and continued from.
    exact : bool
        Enumerate all subsets instead.

    Returns
    -------
    Values
        With standard errors over orders.
    """
    permutations = whole(permutations, "permutations", 2)
    if not 0 <= truncation < 1:
        raise InputError(f"truncation is {truncation!r}; give a share from 0 up to below 1")
    if until is not None and not 0 < until < 1:
        raise InputError(f"until is {until!r}; give a rank correlation between 0 and 1")
    fitted = isinstance(model, LinearClassifier) and hasattr(model, "coef_")
    objective = objective.at(model) if fitted else objective
    n, game = len(y), as_game(model, X, y, objective, weight, random_state)
    if exact:
        return enumerate_subsets(game, n)
    size, tally, file, mark = game.size(), Tally.empty(n), None, ""
    if state is not None:
        file = Path(state)
        mark = fingerprint(
            {
                "X": X,
                "y": y,
                "sample_weight": weight,
                "model": (type(model), model.get_params()),
                "objective": objective,
                "random_state": random_state,
                "truncation": truncation,
            }
        )
        tally = load(file, n, mark)
    edges = [(first, min(size, permutations - first)) for first in range(0, permutations, size)]
    todo = [edge for edge in edges if edge[0] >= tally.count]
    workers = effective_n_jobs(n_jobs)
    with Parallel(n_jobs=n_jobs) as parallel:
        while todo and not (until is not None and tally.agreement() >= until):
            now, todo = todo[:workers], todo[workers:]
            for marginals in parallel(
                delayed(_block)(game, n, first, count, random_state, truncation)
                for first, count in now
            ):
                tally = tally.plus(marginals)
                # a last block that is not full is made again when more orders are asked for
                if file is not None and len(marginals) == size:
                    save(file, tally, mark)
    return Values(
        tally.mean,
        "shapley",
        tally.standard_error(),
        {
            "permutations": tally.count,
            "rank_correlation": tally.agreement(),
            "history": np.array(tally.history),
            "empty": float(game.empty),
            "full": float(game.full),
        },
    )


def _block(game: Game, n: int, first: int, count: int, seed: int, truncation: float) -> Floats:
    """Marginal effects (count, n) of all rows in the orders from a number on."""
    orders = np.array(
        [
            np.random.default_rng(key(seed, f"order {number}")).permutation(n)
            for number in range(first, first + count)
        ]
    )
    with threadpool_limits(limits=1):  # sums must not depend on how many threads a process has
        f = game.scan(orders, truncation)
    marginals = np.empty((count, n))
    np.put_along_axis(marginals, orders, f[:, :-1] - f[:, 1:], axis=1)
    return marginals


def enumerate_subsets(game: Game, n: int) -> Values:
    """Exact values from all subsets of a few rows.

    Parameters
    ----------
    game : Game
        The rows.
    n : int
        How many, 16 at most.

    Returns
    -------
    Values
        Without an error.
    """
    if n > _MOST_ROWS:
        raise InputError(
            f"exact=True would fit {n} rows' 2**{n} subsets; give {_MOST_ROWS} rows at most, or "
            "exact=False"
        )
    f = np.empty(2**n)
    bits = 1 << np.arange(n)
    for number in range(2**n):
        f[number] = game.subset((number & bits) > 0)
    subsets = np.arange(2**n)
    sizes = np.array([int(number).bit_count() for number in subsets])
    weight = np.array([1.0 / (n * comb(n - 1, s)) for s in range(n)])
    scores = np.empty(n)
    for i in range(n):
        without = subsets[(subsets & bits[i]) == 0]
        scores[i] = weight[sizes[without]] @ (f[without] - f[without | bits[i]])
    return Values(scores, "shapley", None, {"subsets": 2**n, "empty": f[0], "full": f[-1]})
