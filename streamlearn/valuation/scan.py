"""Objectives of a model fitted to the first row, the first two, … of many orders at once.

A row that comes in moves the minimum little, and where to is known: one Newton step with the
row's own curvature, from numbers that are at hand. One pass over the rows shows what is left, and
one more step takes that away. Hessians are made anew only when their rows have grown by a fifth.
"""

from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from streamlearn.arrays import Floats, Labels, Matrix, take
from streamlearn.errors import InputError
from streamlearn.influence.linear import LinearClassifier
from streamlearn.influence.objectives import Objective
from streamlearn.influence.rows import encode
from streamlearn.valuation.batch import Batch
from streamlearn.valuation.utility import Uninformed, blank, evaluate, seeded

_SHARP = 1e-7  # last Newton step of a refit, in the norm of the Hessian a row; see Batch.minimise
_ROUGH = 1e-4  # the same of a scan: objectives come out good to 1e-6, at small l2 to 1e-5
_GROWTH = 1.2  # of the rows, until a Hessian is made anew
_PATIENCE = 5  # prefixes in a row that are as good as all rows

Orders = NDArray[np.intp]


class Game(Protocol):
    """Rows as players: the objective of what a model learns from any of them."""

    empty: float  # objective of a model that has learned nothing
    full: float  # objective of the model fitted to all rows

    def size(self) -> int:
        """How many orders to scan at once."""
        ...

    def scan(self, orders: Orders, truncation: float) -> Floats:
        """Objectives (B, n + 1) of the prefixes of orders (B, n), from none to all rows."""
        ...

    def subset(self, rows: NDArray[np.bool_]) -> float:
        """Objective of the model fitted to some rows."""
        ...


def as_game(
    model: Any, X: Matrix, y: Labels, objective: Objective, weight: Floats | None, seed: int
) -> Game:
    """Give the rows of a linear classifier warm scans, those of any other refits."""
    if isinstance(model, LinearClassifier):
        return LinearGame(model, X, y, objective, weight)
    return RefitGame(model, X, y, objective, weight, seed)


class Truncation:
    """Which orders still go on: those that are not yet as good as all rows, five in a row."""

    def __init__(self, empty: float, full: float, share: float, orders: int) -> None:
        self.full, self.margin = full, share * abs(full - empty)
        self.streak = np.zeros(orders, dtype=np.intp)

    def done(self, models: NDArray[np.intp], values: Floats) -> NDArray[np.bool_]:
        """Take the values of these orders' next prefixes; say which can stop."""
        if self.margin == 0:
            return np.zeros(len(models), dtype=bool)
        close = np.abs(values - self.full) <= self.margin
        self.streak[models] = np.where(close, self.streak[models] + 1, 0)
        return self.streak[models] >= _PATIENCE


def spread(f: Floats, at: int) -> None:
    """Give the rows after a prefix equal shares of what is left, so that all adds up."""
    f[at:] = np.linspace(f[at], f[-1], len(f) - at)


class LinearGame:
    """Warm scans of a linear classifier.

    Parameters
    ----------
    model : LinearClassifier
        Its parameters say what to fit; it need not be fitted.
    X, y : ndarray or CSR of shape (n, d), ndarray of shape (n,)
        Training rows.
    objective : Objective
        What the rows are worth something for.
    weight : ndarray of shape (n,) or None
        Row weights.
    """

    def __init__(
        self,
        model: LinearClassifier,
        X: Matrix,
        y: Labels,
        objective: Objective,
        weight: Floats | None,
    ) -> None:
        if not model.l2 > 0:
            raise InputError(
                f"l2 is {model.l2!r}: few rows are separable, and without a penalty they have no "
                "minimum; give l2 > 0"
            )
        self.model, self.X, self.y = model, X, y
        self.classes = np.unique(y if weight is None else y[weight > 0])
        self.objective = objective
        self.template = blank(model, self.classes, X.shape[1])
        self.weight = np.ones(len(y)) if weight is None else weight
        loss = self.template._loss()
        codes = encode(np.where(self.weight > 0, y, self.classes[0]), self.classes, len(y))
        self.batch = Batch(X, codes, loss, float(model.l2), bool(model.fit_intercept))
        zero = np.zeros((1, *self.batch.shape))
        self.start = self.batch.minimise(zero, self.weight[None], _SHARP)[0]
        self.empty = self._values(zero)[0]
        self.full = self._values(self.start[None])[0]

    def _values(self, theta: Floats) -> Floats:
        return np.asarray(self.objective.values(self.template, theta))

    def size(self) -> int:
        """As many as keep margins and inverse Hessians in the cache."""
        N = int(np.prod(self.batch.shape))
        return int(min(self.batch.size(), max(1, (1 << 18) // N**2)))

    def subset(self, rows: NDArray[np.bool_]) -> float:
        """Objective of the model fitted to some rows; that of none where a class is missing."""
        weight = rows * self.weight
        if len(np.unique(self.batch.y[weight > 0])) < len(self.classes):
            return float(self.empty)
        theta = self.batch.minimise(np.zeros((1, *self.batch.shape)), weight[None], _SHARP)
        return float(self._values(theta)[0])

    def scan(self, orders: Orders, truncation: float) -> Floats:
        """Objectives (B, n + 1) of all prefixes."""
        B, n = orders.shape
        f = np.full((B, n + 1), self.empty)
        f[:, n] = self.full
        stop = Truncation(self.empty, self.full, truncation, B)
        state = _State(self.batch, B, n, len(self.classes))
        for t in range(1, n):
            state.enter(orders[state.alive, t - 1], self.weight)
            ready = state.fit()
            if not len(ready):
                continue
            models = state.alive[ready]
            f[models, t] = self._values(state.theta[ready])
            done = stop.done(models, f[models, t])
            for b in models[done]:
                spread(f[b], t)
            if done.any():
                state.keep(np.setdiff1d(np.arange(len(state.alive)), ready[done]))
                if not len(state.alive):
                    break
        return f


class _State:
    """The models of a scan: which rows they have, where they are, how they are curved."""

    def __init__(self, batch: Batch, B: int, n: int, k: int) -> None:
        self.batch, self.k = batch, k
        self.alive = np.arange(B)
        self.weight = np.zeros((B, n))
        self.counts = np.zeros((B, k), dtype=np.intp)
        self.theta = np.zeros((B, *batch.shape))
        self.before = self.theta
        self.inverse: Floats | None = None
        self.total = np.zeros(B)
        self.fresh = 0.0  # rows when the Hessians were made

    def keep(self, models: NDArray[np.intp]) -> None:
        """Go on with some of the models."""
        self.alive, self.weight, self.counts = (
            self.alive[models], self.weight[models], self.counts[models]
        )  # fmt: skip
        self.theta, self.total = self.theta[models], self.total[models]
        self.inverse = None if self.inverse is None else self.inverse[models]

    def enter(self, rows: Orders, weight: Floats) -> None:
        """Let one row into each model; with curvature at hand, go where it pulls."""
        batch, B = self.batch, len(rows)
        models = np.arange(B)
        w = weight[rows]
        self.weight[models, rows] = w
        self.counts[models, batch.y[rows]] += w > 0
        self.total += w
        if self.inverse is None:
            return
        self.before = self.theta.copy()
        m, D = batch.shape
        x = batch.Z[rows]
        u = np.einsum("bmd,bd->mb", self.theta, x)
        _, r, C = batch.loss.evaluate(u, batch.y[rows])
        r, C = (r * w).T, (cast(Floats, C) * w).transpose(2, 0, 1)
        if m == 1:
            V = (self.inverse @ x[..., None])[..., 0]
            shrink = 1.0 / (1.0 + C[:, 0, 0] * np.einsum("bd,bd->b", V, x))
            self.theta[:, 0] -= (shrink * r[:, 0])[:, None] * V
            self.inverse -= (shrink * C[:, 0, 0])[:, None, None] * V[:, :, None] * V[:, None, :]
            return
        V = np.einsum("bnad,bd->bna", self.inverse.reshape(B, m * D, m, D), x)
        G = np.einsum("bmda,bd->bma", V.reshape(B, m, D, m), x)
        K = np.linalg.inv(np.eye(m) + C @ G)  # (I + C G)^-1 C is symmetric
        self.theta -= (V @ (K @ r[..., None])).reshape(self.theta.shape)
        self.inverse -= V @ (K @ C) @ V.transpose(0, 2, 1)

    def fit(self) -> NDArray[np.intp]:
        """Refit all models that have rows of every class; give those."""
        complete = (self.counts > 0).all(axis=1)
        if not complete.all():
            ready = np.flatnonzero(complete)
            if len(ready):
                self.theta[ready] = self.batch.minimise(
                    self.theta[ready], self.weight[ready], _ROUGH
                )
            return ready
        rows = float(self.total.mean())
        if self.inverse is None or rows > _GROWTH * self.fresh:
            start = self.theta if self.inverse is None else self.before
            self.theta = self.batch.minimise(start, self.weight, _ROUGH)
            self.inverse = self.batch.inverse(self.theta, self.weight)
            self.fresh = rows
            return np.arange(len(self.alive))
        going, last = np.arange(len(self.alive)), np.full(len(self.alive), np.inf)
        # of few parameters a new Hessian costs little more than a pass, of many a hundred of them
        slowest = 0.01 if self.theta[0].size <= 64 else 0.3
        for _ in range(12):
            g = self.batch.gradient(self.theta[going], self.weight[going])
            step = (self.inverse[going] @ g[..., None])[..., 0]
            self.theta[going] -= step.reshape(-1, *self.batch.shape)
            size = np.einsum("bi,bi->b", g, step)
            open_ = size > _ROUGH**2 * self.total[going]
            slow = going[open_ & (size > slowest * last)] if np.isfinite(last[0]) else going[:0]
            going, last = going[open_], size[open_]
            if not len(going):
                return np.arange(len(self.alive))
            if len(slow):
                self.inverse[slow] = self.batch.inverse(self.theta[slow], self.weight[slow])
        self.theta[going] = self.batch.minimise(self.before[going], self.weight[going], _ROUGH)
        self.inverse[going] = self.batch.inverse(self.theta[going], self.weight[going])
        return np.arange(len(self.alive))


class RefitGame:
    """Refits of any classifier; those without a seed get the run's."""

    def __init__(
        self,
        model: Any,
        X: Matrix,
        y: Labels,
        objective: Objective,
        weight: Floats | None,
        seed: int,
    ) -> None:
        self.model, self.X, self.y, self.objective = seeded(model, seed), X, y, objective
        self.weight = weight
        self.classes = np.unique(y if weight is None else y[weight > 0])
        self.empty = evaluate(objective, Uninformed(self.classes), self.classes)
        self.full = self.subset(np.ones(len(y), dtype=bool))

    def size(self) -> int:
        """A few: an order is long."""
        return 4

    def subset(self, rows: NDArray[np.bool_]) -> float:
        """Objective of the model fitted to some rows; that of none where a class is missing."""
        if self.weight is not None:
            rows = rows & (self.weight > 0)
        at = np.flatnonzero(rows)
        if len(np.unique(self.y[at])) < len(self.classes):
            return float(self.empty)
        args = {} if self.weight is None else {"sample_weight": self.weight[at]}
        fitted = seeded(self.model, 0).fit(take(self.X, at), self.y[at], **args)
        return evaluate(self.objective, fitted, self.classes)

    def scan(self, orders: Orders, truncation: float) -> Floats:
        """Objectives (B, n + 1) of all prefixes, one refit each."""
        B, n = orders.shape
        f = np.full((B, n + 1), self.empty)
        f[:, n] = self.full
        stop = Truncation(self.empty, self.full, truncation, B)
        for b, order in enumerate(orders):
            rows = np.zeros(n, dtype=bool)
            for t, row in enumerate(order[:-1], start=1):
                rows[row] = True
                f[b, t] = self.subset(rows)
                if stop.done(np.array([b]), f[b, t : t + 1]).any():
                    spread(f[b], t)
                    break
        return f
