"""Acting on values: what becomes of the model as rows are removed, relabelled or weighed down."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from streamlearn.arrays import Floats, Labels, Matrix, as_labels
from streamlearn.errors import InputError, nearest, whole
from streamlearn.influence.linear import LinearClassifier
from streamlearn.influence.objectives import Objective
from streamlearn.influence.rows import as_matrix, as_weight
from streamlearn.keyed import key
from streamlearn.valuation.result import Values

ACTIONS = ("remove", "relabel", "down_weight")
_COLUMNS = ("arm", "seed", "touched", "share", "harmful", "watched", "value", "metric")
Worth: TypeAlias = Callable[..., ArrayLike | Values]


def removal_curve(
    model: LinearClassifier,
    X: ArrayLike,
    y: ArrayLike,
    worth: Values | ArrayLike | Worth,
    watch: Mapping[str, Objective],
    *,
    action: str = "remove",
    step: float | int = 0.05,
    most: float = 0.6,
    recalculate: bool = False,
    beyond_zero: bool = False,
    factor: float = 0.5,
    random: int = 0,
    random_state: int = 0,
    sample_weight: ArrayLike | None = None,
) -> pd.DataFrame:
    """Act on the most harmful rows step by step, refit, and watch what becomes of the model.

    Parameters
    ----------
    model : LinearClassifier
        Fitted to the rows; it is not changed.
    X : array-like or sparse matrix of shape (n, d)
        Training rows.
    y : array-like of shape (n,)
        Labels.
    worth : Values, array-like of shape (n,), or callable
        What rows are worth, positive helps; or a function of (model, X, y[, sample_weight=…])
        that says so of rows of positive weight, such as ``partial(values, objective=…)``.
    watch : mapping of str to Objective
        What to follow, on any rows: training, validation, test.
    action : {"remove", "relabel", "down_weight"}, default="remove"
        Relabelled rows get the other label, of several that which the first model finds most
        probable; rows weighed down have their weight multiplied by ``factor``.
    step : float or int, default=0.05
        Rows a step: a share of n, or how many.
    most : float, default=0.6
        Share of the rows at which the curve ends.
    recalculate : bool, default=False
        Value the rows anew after each step, with the model of that step; needs a callable.
    beyond_zero : bool, default=False
        Go on to rows that help when no harmful one is left; otherwise the curve ends there.
    factor : float, default=0.5
        For ``action="down_weight"``.
    random : int, default=0
        Random orders to follow beside, each as far as the values' own.
    random_state : int, default=0
        Of the random orders.
    sample_weight : array-like of shape (n,), optional
        Weights the model was fitted with.

    Returns
    -------
    DataFrame
        A row for each arm ("values", "random"), seed (-1, or the random order's number), point of
        the curve and objective: ``touched`` (rows acted on), ``share`` of n, ``harmful`` (rows
        left with a value below zero), ``watched`` (name), ``value`` and ``metric``. A curve ends
        before the step that would leave a class without rows.

    References
    ----------
    Bhatt et al. (2021), section 5.3: steps of 5 % up to 60 %.

    Examples
    --------
    >>> from functools import partial
    >>> from streamlearn.influence import ValidationLoss
    >>> from streamlearn.valuation import values
    >>> X, y = np.array([[-2.0], [-1.0], [1.0], [2.0], [2.0]]), np.array([0, 0, 1, 1, 0])
    >>> model, judge = LinearClassifier().fit(X, y), ValidationLoss([[-1.5], [1.5]], [0, 1])
    >>> worth = partial(values, objective=judge)
    >>> curve = removal_curve(model, X, y, worth, {"judge": judge}, step=1)
    >>> curve[["touched", "harmful", "metric"]].values.tolist()
    [[0.0, 1.0, 1.0], [1.0, 0.0, 1.0]]
    >>> bool(curve["value"].is_monotonic_decreasing)
    True
    """
    rows, labels = as_matrix(X, finite=True), as_labels(y, "y")
    n = rows.shape[0]
    weight = as_weight(sample_weight, n)
    weight = np.ones(n) if weight is None else weight
    _check(model, action, most, factor, watch)
    if recalculate and not callable(worth):
        raise InputError(f"recalculate=True needs a callable worth, got {type(worth).__name__}")
    share = whole(step, "step", 1) / n if isinstance(step, int) else _share(step)
    size = max(1, round(share * n))
    limit = size * int(most / share + 1e-9)
    plan = _Plan(rows, labels, weight, action, factor, _others(model, rows, labels, action))

    def valued(now: LinearClassifier, y: Labels, w: Floats) -> Floats:
        kept = w > 0
        scores = np.zeros(n)
        if callable(worth):
            # all ones go unsaid: some methods know no weights
            weights = {} if (w[kept] == 1).all() else {"sample_weight": w[kept]}
            scores[kept] = np.asarray(worth(now, rows[kept], y[kept], **weights), dtype=np.float64)
        else:
            scores = np.asarray(worth, dtype=np.float64)
        if scores.shape != (n,) or np.isnan(scores).any():
            raise InputError(f"worth must be {n} numbers, none of them NaN, got {scores!r}")
        return scores

    first = valued(model, labels, weight)

    def by_values(touched: NDArray[np.bool_], fitted: LinearClassifier) -> tuple[Any, Any]:
        """Order of the rows at this point, and how many of those not yet touched harm."""
        at_start = not (recalculate and touched.any())
        scores = first if at_start else valued(fitted, *plan.after(touched))
        scores = np.where(touched, np.inf, scores)
        harmful = int(np.count_nonzero(scores < 0))
        allowed = n - int(touched.sum()) if beyond_zero else harmful
        return np.argsort(scores, kind="stable")[: min(size, allowed)], harmful

    frames = [_follow(model, plan, by_values, limit, watch, "values", -1)]
    counts = frames[0]["touched"].unique()
    for seed in range(whole(random, "random", 0)):
        order = np.random.default_rng(key(random_state, f"removal {seed}")).permutation(n)

        def by_chance(
            touched: NDArray[np.bool_], _: LinearClassifier, order: Any = order
        ) -> tuple[Any, Any]:
            """As many rows as the values' own curve took here."""
            done = int(touched.sum())
            later = counts[counts > done]
            left = int(np.count_nonzero(first[~touched] < 0))
            return order[done : later[0] if len(later) else done], left

        frames.append(_follow(model, plan, by_chance, limit, watch, "random", seed))
    return pd.concat(frames, ignore_index=True)


class _Plan:
    """The training rows, and what an action makes of them."""

    def __init__(
        self, X: Matrix, y: Labels, weight: Floats, action: str, factor: float, others: Labels
    ) -> None:
        self.X, self.y, self.weight = X, y, weight
        self.action, self.factor, self.others = action, factor, others

    def after(self, touched: NDArray[np.bool_]) -> tuple[Labels, Floats]:
        """Labels and weights once these rows have been acted on."""
        if self.action == "relabel":
            return np.where(touched, self.others, self.y), self.weight
        factor = 0.0 if self.action == "remove" else self.factor
        return self.y, np.where(touched, factor * self.weight, self.weight)

    def refit(self, model: LinearClassifier, touched: NDArray[np.bool_]) -> LinearClassifier | None:
        """Fit what is left, from the model's parameters; None if a class has no rows left."""
        y, weight = self.after(touched)
        kept = weight > 0
        if len(np.unique(y[kept])) < len(model.classes_):
            return None
        warm: LinearClassifier = clone(model).set_params(warm_start=True)
        warm.__dict__.update({k: v for k, v in vars(model).items() if k.endswith("_")})
        return warm.fit(self.X[kept], y[kept], weight[kept])


def _follow(
    model: LinearClassifier,
    plan: _Plan,
    choose: Callable[[NDArray[np.bool_], LinearClassifier], tuple[Any, Any]],
    limit: int,
    watch: Mapping[str, Objective],
    arm: str,
    seed: int,
) -> pd.DataFrame:
    """One curve as a frame."""
    touched, lines = np.zeros(len(plan.y), dtype=bool), []
    fitted: LinearClassifier | None = model
    while fitted is not None:
        chosen, harmful = choose(touched, fitted)
        done = int(touched.sum())
        for name, objective in watch.items():
            seen = (objective.value(fitted), objective.metric(fitted))
            lines.append((arm, seed, done, done / len(touched), harmful, name, *seen))
        if not len(chosen) or done + len(chosen) > limit:
            break
        touched[chosen] = True
        fitted = plan.refit(fitted, touched)
    return pd.DataFrame(lines, columns=list(_COLUMNS))


def _others(model: LinearClassifier, X: Matrix, y: Labels, action: str) -> Labels:
    """For each row the label it would be given instead of its own."""
    if action != "relabel":
        return y
    Z = model.decision_function(X)
    Z = np.column_stack([-Z, Z]) if Z.ndim == 1 else Z.copy()
    Z[y[:, None] == model.classes_] = -np.inf
    others: Labels = model.classes_[Z.argmax(axis=1)]
    return others


def _check(
    model: Any, action: str, most: float, factor: float, watch: Mapping[str, Objective]
) -> None:
    if not isinstance(model, LinearClassifier):
        raise InputError(
            f"a removal curve needs a LinearClassifier, got {type(model).__name__}; fit one on the "
            "model's embedding (EmbeddedClassifier)"
        )
    check_is_fitted(model)
    if action not in ACTIONS:
        raise nearest(action, ACTIONS, "action")
    _share(most, "most")
    if not 0 <= factor < 1:
        raise InputError(f"factor is {factor!r}; give a number from 0 up to below 1")
    if not watch:
        raise InputError("watch names nothing; give at least one objective to follow")


def _share(value: float, name: str = "step") -> float:
    if not 0 < value <= 1:
        raise InputError(f"{name} is {value!r}; give a share above 0 and up to 1")
    return float(value)
