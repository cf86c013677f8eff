"""The paths of a verification: what the folds' own rankings would do, and what all folds' would."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from streamlearn.arrays import Floats, Ids
from streamlearn.influence.linear import LinearClassifier
from streamlearn.influence.objectives import Objective, ValidationLoss, reduced
from streamlearn.trimming.judges import Factory, Rows
from streamlearn.trimming.refits import Refits

_SETTLED = 0.1  # of the gain's standard error
_AHEAD = 5.0  # as many times the last change may be to come
_CORRECTIONS = 3  # of a model without one more fold: each leaves the fold's share of the error


@dataclass(frozen=True)
class State:
    """A path's parameters, weights with given and second labels, rows acted on and scores."""

    theta: Floats
    weight: Floats
    second: Floats | None
    chosen: Ids
    score: Floats


class Paths:
    """One path for each of K folds and a last one, walked in step.

    A fold judges its own path, which it has no part in: its rows do not train the path's model
    and do not rank. Others rank, each by a model without itself too. The last path, of all
    folds, is judged by nobody.

    Parameters
    ----------
    settings : LinearClassifier
        Loss, penalty and intercept.
    rows : Rows
        Candidates and judges.
    objective : callable or None
        (X, y) of judging rows -> Objective; None means the loss.
    action : {"trim", "relabel", "weight"}
        What is done to a row.
    one_step : bool
        Use single Newton steps instead of fits.
    start : ndarray of shape (m, D), optional
        Parameters to start from; without them a fit to all rows is made.
    """

    def __init__(
        self,
        settings: LinearClassifier,
        rows: Rows,
        objective: Factory | None,
        action: str,
        one_step: bool,
        start: Floats | None = None,
    ) -> None:
        X, y, weight = rows.rows.X, rows.rows.y, rows.rows.weight
        self.rows, self.action, self.objective = rows, action, objective
        classes = np.unique(y[weight > 0])
        if not weight.all():  # rows that count for nothing may be of a class no model knows
            y = np.where(np.isin(y, classes), y, classes[0])
        self.fits = Refits(settings, X, y, classes, one_step=one_step)
        self.folds = K = int(rows.fold.max()) + 1
        self.judges = [np.flatnonzero((rows.fold == j) & (weight > 0)) for j in range(K)]
        self.open = np.tile(rows.candidate & (weight > 0), (K + 1, 1))
        self.W = np.tile(weight, (K + 1, 1))  # of each path, with the labels given
        for p in range(K):
            self.W[p, rows.fold == p] = 0.0
            self.open[p, rows.fold == p] = False
        self.V = np.zeros_like(self.W) if action == "relabel" else None
        self.room = self.open.sum(axis=1)
        # Candidates of a fold are ranked by the other folds: a row does not judge itself.
        self.groups = np.unique(rows.fold[rows.candidate])
        self.group = np.minimum(np.searchsorted(self.groups, rows.fold), len(self.groups) - 1)
        self.chosen: Ids = np.empty(0, dtype=np.int64)
        self.counts = np.zeros(K + 1, dtype=np.int64)
        self.score = np.zeros(len(y))
        if one_step or start is None or start.shape != self.fits.shape:
            start = np.zeros(self.fits.shape)
            if not one_step:
                first = LinearClassifier(**{**settings.get_params(), "tol": 1e-4})
                start = first.fit(X, y, weight)._theta()
        self.thetas = self.fits.fit(np.repeat(start[None], K + 1, axis=0), self.W)
        if action == "relabel":
            self.fits.second_labels(self.thetas[-1])
        model = self.fits.model(self.thetas[-1])
        make = ValidationLoss if objective is None else objective
        self.objectives: list[Objective] = []
        for at in self.judges:
            share = (weight[at],) if objective is None else ()
            self.objectives.append(make(X[at], y[at], *share).at(model))
        self.before = self.judge(self.thetas)

    def state(self) -> State:
        """Where the last path is."""
        second = None if self.V is None else self.V[-1].copy()
        return State(
            self.thetas[-1].copy(), self.W[-1].copy(), second, self.chosen.copy(), self.score.copy()
        )

    def model(self, state: State) -> LinearClassifier:
        """The model of the last path at some state, fitted on."""
        second = None if state.second is None else state.second[None]
        return self.fits.model(self.fits.fit(state.theta[None], state.weight[None], second)[0])

    def judge(self, thetas: Floats) -> Floats:
        """What every fold says of its own path: losses of its rows, or one value a fold."""
        if self.objective is not None:
            models = [self.fits.model(theta) for theta in thetas[:-1]]
            own = zip(self.objectives, models, strict=True)
            return np.array([f.value(model) for f, model in own])
        said, counted = [], 0.0
        for theta, at in zip(thetas[:-1], self.judges, strict=True):
            weight = self.rows.rows.weight[at]
            loss = self.fits.loss.value(self.fits.margins_of(theta, at), self.fits.codes[at])
            said.append(loss * weight)
            counted += float(weight.sum())
        values = np.concatenate(said)
        return values * (len(values) / counted)  # a mean of equals: each row weighs its share

    def gain(self, thetas: Floats) -> tuple[float, float]:
        """How much better the folds find their paths than at the start, and its error."""
        change = self.before - self.judge(thetas)
        n = len(change)
        error = float(change.std(ddof=1)) / np.sqrt(n) if n > 1 else np.inf
        return float(change.mean()), error

    def advance(self, most: int, share: float, demand: float = 1.0, best: float = 0.0) -> bool:
        """Go on by the rows that do most harm now; false where no row is harmful.

        Models are fitted until the gain has settled, and whether it is the demanded number of
        errors and more than the best so far; or until that is out of reach.
        """
        if not self.open[-1].any():
            return False
        directions = self.fits.solve(self.thetas, self._gradients(), self.W, self.V)
        scores = self.fits.scores(self.thetas, directions)
        moved = False
        for p, said in enumerate(scores):
            score = said[0] if len(said) == 1 else said[self.group, np.arange(len(self.group))]
            quota = round(most * share * self.room[p] / max(self.room[-1], 1)) - self.counts[p]
            picked = self._worst(p, score, quota)
            self._act(p, picked)
            if p == self.folds:
                moved = len(picked) > 0
                free = self.rows.candidate.copy()
                free[self.chosen] = False
                self.score[free] = score[free]
                self.chosen = np.concatenate([self.chosen, picked])
        if moved:
            settled = self._settling(demand, best)
            self.thetas = self.fits.fit(self.thetas, self.W, self.V, settled)
        return moved

    def _settling(self, demand: float, best: float) -> Callable[[Floats, bool], bool]:
        """Whether another step would change nothing that is decided."""
        last = np.inf

        def settled(thetas: Floats, calm: bool) -> bool:
            nonlocal last
            gain, error = self.gain(thetas)
            change, last = abs(gain - last), gain
            off = min(abs(gain - bar) for bar in (demand * error, best))
            near = change <= _SETTLED * error and _AHEAD * change <= off
            return (calm and near) or gain + _AHEAD * change < max(demand * error, best)

        return settled

    def _gradients(self) -> Floats:
        """The objective's gradients for every path and group of candidates, (P, groups, m, D).

        The mean over the folds that may rank, each at the path's model without that fold, which
        is ∆ = H^-1 ∇(the fold's loss at θ + ∆) away.
        """
        K, folds = self.folds, np.arange(self.folds)
        slopes = np.empty((K + 1, K, *self.fits.shape))
        strides = self.fits.strides(self.W, self.V)
        for j, at in enumerate(self.judges):
            thetas = self.thetas
            V = None if self.V is None else self.V[:, at]
            for _ in range(_CORRECTIONS):
                pull = self.fits.pulls(thetas, at, self.W[:, at], V)
                thetas = self.thetas + strides * self.fits.solve_near(pull)
            slopes[:, j] = self._slopes(j, thetas)
        group, path = self.groups[None, :, None], np.arange(K + 1)[:, None, None]
        ranks = ((folds != path) & (folds != group)).astype(np.float64)
        ranks /= np.maximum(ranks.sum(axis=-1, keepdims=True), 1.0)
        gradients: Floats = np.einsum("pgj,pjmn->pgmn", ranks, slopes)
        return gradients

    def _slopes(self, j: int, thetas: Floats) -> Floats:
        """Gradients of one fold's objective at every path's parameters; its own does not count."""
        if self.objective is None:
            at = self.judges[j]
            weight = self.rows.rows.weight[at]
            return self.fits.pulls(thetas, at, np.tile(weight / weight.sum(), (len(thetas), 1)))

        def pull(theta: Floats) -> Floats:
            model = self.fits.model(theta)
            return reduced(self.objectives[j].gradient(model), model)

        return np.array(
            [np.zeros_like(theta) if p == j else pull(theta) for p, theta in enumerate(thetas)]
        )

    def _worst(self, p: int, score: Floats, n: int) -> Ids:
        """The n open rows of a path that do most harm, fewer if fewer do any."""
        at = np.flatnonzero(self.open[p] & (score < 0))
        if 0 < n < len(at):
            at = at[score[at] <= np.partition(score[at], n - 1)[n - 1]]
        return at[np.lexsort((self.rows.key[at], score[at]))[: max(n, 0)]]

    def _act(self, p: int, picked: Ids) -> None:
        """Trim, relabel or re-weight rows of a path, once and for all."""
        before = self.W[p, picked]
        self.open[p, picked] = False
        self.counts[p] += len(picked)
        self.W[p, picked] = 0.0
        if self.action == "weight":
            P = self.fits.loss.probabilities(self.fits.margins_of(self.thetas[p], picked))
            self.W[p, picked] = before * P[self.fits.codes[picked], np.arange(len(picked))]
        elif self.V is not None:
            self.V[p, picked] = before
