"""Verified trimming: a budget is a ceiling, and every step has to prove itself on unseen rows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streamlearn.data import Floats, Ids, Labelled
from streamlearn.influence.linear import LinearClassifier
from streamlearn.influence.losses import Codes
from streamlearn.influence.objectives import (
    MarginObjective,
    Objective,
    ValidationLoss,
    reduced_gradient,
)
from streamlearn.influence.rows import encode
from streamlearn.influence.solve import Factor
from streamlearn.trimming.refits import Refits

Factory: TypeAlias = Callable[[Any, Any], Objective]

ACTIONS = ("trim", "relabel", "weight")
_PATIENCE = 2  # steps without a new best before giving up


@dataclass(frozen=True)
class Rows:
    """What a verification works on: candidates and judges, one below the other.

    Parameters
    ----------
    rows : Labelled
        All n rows that train.
    candidate : ndarray of bool, shape (n,)
        Rows that may be acted on.
    fold : ndarray of int, shape (n,)
        Part of the judges a row belongs to; −1 for rows that never judge.
    key : ndarray, shape (n,)
        Breaks ties.
    """

    rows: Labelled
    candidate: NDArray[np.bool_]
    fold: Ids
    key: Floats


@dataclass(frozen=True)
class Step:
    """One step tried: rows acted on, the objective after it, its gain and the gain's error."""

    rows: int
    objective: float
    gain: float
    error: float


@dataclass(frozen=True)
class Verified:
    """What a verification found.

    Parameters
    ----------
    chosen : ndarray of int
        Rows to act on, in the order of harm.
    weight : ndarray, shape (n,)
        Weights of the rows with their labels, after the action.
    second : ndarray of int, shape (n,)
        The likeliest other class of every row.
    score : ndarray, shape (n,)
        Influences, as last estimated before a row's fate was settled; 0 for rows not judged.
    before, after, error : float
        Cross-fitted objective without and with the action, standard error of the difference.
    model : LinearClassifier
        Fitted to what is left.
    tried : tuple of Step
        Every step.
    """

    chosen: Ids
    weight: Floats
    second: Codes
    score: Floats
    before: float
    after: float
    error: float
    model: LinearClassifier
    tried: tuple[Step, ...]


class SoftErrors(MarginObjective):
    """Mean probability of all labels but the given one: a share of errors with a slope.

    Labels that are wrong at random add a constant to it and scale the rest (Ghosh, Kumar & Sastry
    2017), so judges with errors of their own still know the better model. On the log-loss they
    prefer one that is in doubt.
    """

    def __init__(self, X: Any, y: Any) -> None:
        super().__init__(X)
        self.y = np.asarray(y)

    def _of_margins(self, model: LinearClassifier, U: Floats) -> Floats:
        codes = encode(self.y, model.classes_, len(self.y))
        P = model._loss().probabilities(U)[..., codes, np.arange(len(codes))]
        return np.asarray(1.0 - P.mean(axis=-1))

    def _slope(self, model: LinearClassifier, U: Floats) -> Floats:
        codes = encode(self.y, model.classes_, len(self.y))
        G = np.zeros((len(model.classes_), len(codes)))
        G[codes, np.arange(len(codes))] = -1.0 / len(codes)
        return model._loss().pull(U, G)


def folds_by_class(y: ArrayLike, key: Floats, folds: int) -> Ids:
    """Spread rows over folds, every class evenly, in the order of the keys."""
    order = np.lexsort((key, np.asarray(y)))
    fold = np.empty(len(order), dtype=np.int64)
    fold[order] = np.arange(len(order)) % folds
    return fold


def verified(
    settings: LinearClassifier,
    rows: Rows,
    objective: Factory | None,
    *,
    most: int,
    steps: int,
    action: str = "trim",
    demand: float = 1.0,
    one_step: bool = False,
) -> Verified:
    """Act on the most harmful rows, as many as judges that the fit has not seen approve.

    Parameters
    ----------
    settings : LinearClassifier
        Loss, penalty and intercept of the surrogate.
    rows : Rows
        With at least two folds.
    objective : callable or None
        (X, y) of judging rows -> Objective; None means the loss.
    most : int
        Rows to act on at most.
    steps : int
        In how many steps to go there; influences are estimated anew before each.
    action : {"trim", "relabel", "weight"}
        What is done to a row.
    demand : float
        How many standard errors an improvement must exceed.
    one_step : bool
        Use single Newton steps instead of fits.

    Returns
    -------
    Verified

    Notes
    -----
    There is a path for every fold, which that fold judges and which has not seen it: its models
    are trained without the fold, and its ranking is made by the other folds, each with a model
    trained without both. One more path, ranked by all folds, is what is acted on, as far as the
    folds' own paths gained.
    """
    path = _Paths(settings, rows, objective, action, one_step)
    before = path.judge()
    tried: list[Step] = []
    best, snapshots = -1, [path.state()]
    steps = max(1, min(steps, most))
    for step in range(1, steps + 1):
        if not path.advance(most, step / steps):
            break
        now = path.judge()
        change = now - before
        error = float(change.std(ddof=1)) / np.sqrt(len(change)) if len(change) > 1 else np.inf
        gain = -float(change.mean())
        tried.append(Step(len(path.chosen), float(now.mean()), gain, error))
        snapshots.append(path.state())
        if gain > demand * error and (best < 0 or gain > tried[best].gain):
            best = step - 1
        elif step - (best + 1) >= _PATIENCE:
            break
    theta, weight, chosen, _ = snapshots[best + 1]
    # Of the estimate that settled the choice; where no row harms there was no step to settle.
    score = snapshots[max(best + 1, 1)][3] if tried else path.score
    base = float(before.mean())
    after, error = (tried[best].objective, tried[best].error) if best >= 0 else (base, 0.0)
    return Verified(
        chosen=chosen,
        weight=weight,
        second=path.fits.other,
        score=score,
        before=base,
        after=after,
        error=error,
        model=path.fits.model(theta),
        tried=tuple(tried),
    )


class _Paths:
    """The folds' paths and the last one, walked in step."""

    def __init__(
        self,
        settings: LinearClassifier,
        rows: Rows,
        objective: Factory | None,
        action: str,
        one_step: bool,
    ) -> None:
        X, y, weight = rows.rows.X, rows.rows.y, rows.rows.weight
        self.rows, self.action, self.objective = rows, action, objective
        self.fits = Refits(settings, X, y, np.unique(y[weight > 0]), one_step=one_step)
        self.folds = K = int(rows.fold.max()) + 1
        self.judges = [np.flatnonzero((rows.fold == j) & (weight > 0)) for j in range(K)]
        # The models of a path leave out the fold that judges it: its rankers one more fold each,
        # its own, the last of them, no more. The last path is judged by nobody.
        self.rankers = [[j for j in range(K) if j != p] for p in range(K + 1)]
        self.held = [
            np.array([(rows.fold != p) & (rows.fold != j) for j in [*self.rankers[p], p]], float)
            for p in range(K + 1)
        ]
        self.W = np.tile(weight, (K + 1, 1))  # of each path, with the labels given
        self.V = np.zeros_like(self.W) if action == "relabel" else None
        self.open = np.tile(rows.candidate & (weight > 0), (K + 1, 1))
        self.open[:K] &= rows.fold != np.arange(K)[:, None]
        self.room = self.open.sum(axis=1)
        self.chosen: Ids = np.empty(0, dtype=np.int64)
        self.counts = np.zeros(K + 1, dtype=np.int64)
        self.score = np.zeros(len(y))
        self.objectives: list[Objective] = []
        theta = np.zeros(self.fits.shape)
        if not one_step:
            first = LinearClassifier(**{**settings.get_params(), "tol": 1e-5})
            theta = first.fit(X, y, weight)._theta()
        self.thetas = [np.repeat(theta[None], len(held), axis=0) for held in self.held]
        self.factors: list[Factor] = []
        self._refit()
        self.fits.second_labels(self.thetas[-1][-1])
        model = self.fits.model(self.thetas[-1][-1])
        make = ValidationLoss if objective is None else objective
        for at in self.judges:
            share = (weight[at],) if objective is None else ()
            self.objectives.append(make(X[at], y[at], *share).at(model))

    def _refit(self) -> None:
        """Fit every path's models to what it has left, sharing nothing with other paths."""
        near: list[Factor | None] = [*self.factors] or [None] * len(self.held)
        found = []
        for p, held in enumerate(self.held):
            V = None if self.V is None or not self.V[p].any() else self.V[p] * held
            found.append(self.fits.fit(self.thetas[p], self.W[p] * held, V, near[p]))
        self.thetas, self.factors = [f[0] for f in found], [f[1] for f in found]

    def state(self) -> tuple[Floats, Floats, Ids, Floats]:
        """The last path's parameters, weights, choice and scores."""
        return self.thetas[-1][-1].copy(), self.W[-1].copy(), self.chosen.copy(), self.score.copy()

    def judge(self) -> Floats:
        """What every fold says of its own path: losses of its rows, or one value a fold."""
        said = []
        for k, at in enumerate(self.judges):
            theta = self.thetas[k][-1]
            if self.objective is not None:
                said.append(np.array([self.objectives[k].value(self.fits.model(theta))]))
                continue
            U = self.fits.margins_of(theta, at)
            weight = self.rows.rows.weight[at]
            said.append(self.fits.loss.value(U, self.fits.codes[at]) * weight)
        values = np.concatenate(said)
        if self.objective is None:  # a mean of equals: each row weighs its share
            values *= len(values) / sum(
                float(self.rows.rows.weight[at].sum()) for at in self.judges
            )
        return values

    def advance(self, most: int, share: float) -> bool:
        """Go on by the rows that do most harm now; false where no row is harmful."""
        moved = False
        for p, (rankers, thetas) in enumerate(zip(self.rankers, self.thetas, strict=True)):
            gradients = [
                reduced_gradient(self.objectives[j], self.fits.model(theta))
                for j, theta in zip(rankers, thetas, strict=False)
            ]
            scores = self.fits.scores(thetas[:-1], np.array(gradients), self.factors[p])
            # A row does not judge itself: only the models that left others out count.
            others = np.array([self.rows.fold != j for j in rankers])
            score = (scores * others).sum(axis=0) / np.maximum(others.sum(axis=0), 1)
            quota = round(most * share * self.room[p] / max(self.room[-1], 1)) - self.counts[p]
            picked = self._worst(p, score, quota)
            moved |= p == self.folds and len(picked) > 0
            self._act(p, picked)
            if p == self.folds:
                free = self.rows.candidate.copy()
                free[self.chosen] = False
                self.score[free] = score[free]
                self.chosen = np.concatenate([self.chosen, picked])
        if moved:
            self._refit()
        return moved

    def _worst(self, p: int, score: Floats, n: int) -> Ids:
        """The n open rows of a path that do most harm, fewer if fewer do any."""
        at = np.flatnonzero(self.open[p] & (score < 0))
        return at[np.lexsort((self.rows.key[at], score[at]))[: max(n, 0)]]

    def _act(self, p: int, picked: Ids) -> None:
        """Trim, relabel or re-weight rows of a path, once and for all."""
        self.open[p, picked] = False
        self.counts[p] += len(picked)
        if self.action == "weight":
            U = self.fits.margins_of(self.thetas[p][-1], picked)
            P = self.fits.loss.probabilities(U)
            self.W[p, picked] *= P[self.fits.codes[picked], np.arange(len(picked))]
            return
        if self.V is not None:
            self.V[p, picked] = self.W[p, picked]
        self.W[p, picked] = 0.0
