"""Influence trimming of a training set: as printed in the paper, or verified."""

from dataclasses import dataclass, replace
from numbers import Integral, Real

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from streamlearn.arrays import Floats, Ids, Matrix, as_labels
from streamlearn.data import Labelled
from streamlearn.errors import InputError, nearest, whole
from streamlearn.influence.fitted import Fitted
from streamlearn.influence.linear import LinearClassifier
from streamlearn.influence.objectives import Objective, ValidationLoss, reduced
from streamlearn.influence.rows import Rows as Batches
from streamlearn.influence.rows import as_matrix, as_weight, encode
from streamlearn.influence.scores import influence
from streamlearn.influence.unchecked import unchecked
from streamlearn.keyed import uniform
from streamlearn.memory import stack
from streamlearn.trimming.judges import Factory, Rows, folds_by_class
from streamlearn.trimming.refits import Refits
from streamlearn.trimming.verify import Step, Verified, verified

FITS = ("full", "one_step")
_STEPS, _AUTO_STEPS, _AUTO_MOST = 4, 10, 0.5


@dataclass(frozen=True)
class Trimming:
    """What was trimmed from a training set, and what it did to the objective.

    Attributes
    ----------
    trimmed : ndarray of int, shape (b,)
        Positions of the rows trimmed, most harmful first.
    kept : ndarray of bool, shape (n,)
        The rows that stay.
    scores : ndarray of shape (n,)
        Influence of leaving a row out, about the change of the objective: negative harms. After
        several steps, as it was when the row's fate was settled.
    before, after : float
        Objective without and with the trimming. Verified: cross-fitted, over folds of the
        reference that the fit had not seen. Unverified: ``before`` is that of the model given, and
        ``after`` is None, as nothing was fitted again.
    error : float or None
        Standard error of the difference; None if unverified.
    model : LinearClassifier or None
        Fitted to what is left and the reference; None if unverified.
    tried : tuple of Step
        Every step of the verification: rows, objective, gain and its standard error.
    """

    trimmed: Ids
    kept: NDArray[np.bool_]
    scores: Floats
    before: float
    after: float | None
    error: float | None
    model: LinearClassifier | None
    tried: tuple[Step, ...]


def trim(
    model: LinearClassifier,
    X: ArrayLike | Matrix,
    y: ArrayLike,
    objective: Objective | Factory | None = None,
    *,
    reference: tuple[ArrayLike | Matrix, ArrayLike] | None = None,
    budget: float | int | str = 0.1,
    verify: bool = True,
    sample_weight: ArrayLike | None = None,
    folds: int = 4,
    demand: float = 1.0,
    fit: str = "full",
    seed: int = 0,
) -> Trimming:
    """Trim the rows that harm an objective most.

    Parameters
    ----------
    model : LinearClassifier
        The surrogate. Unverified it must be fitted to these rows (unless ``fit="one_step"``);
        verified only its parameters are read.
    X : array-like or CSR matrix of shape (n, d)
        Training rows.
    y : array-like of shape (n,)
        Their labels.
    objective : Objective or callable, optional
        What must get better. Unverified, any Objective. Verified, a function of (X, y) of judging
        rows that gives an Objective, as it is needed on parts of the reference; for a
        ``ValidationLoss`` those are known and become the reference. None is the validation loss.
    reference : (X, y), optional
        Trusted rows that judge, and train where they do not judge.
    budget : float, int or "auto"
        Share of the rows to trim at most (a float), or their number (an int); "auto" is half of
        them in small steps and can only be verified.
    verify : bool
        Accept only what rows that the fit has not seen find better. False: Algorithm 2 as printed.
    sample_weight : array-like of shape (n,), optional
        Weights of the rows; 0 counts as absent.
    folds : int
        Parts of the reference.
    demand : float
        Standard errors that an improvement must exceed.
    fit : {"full", "one_step"}
        Fit the surrogate, or make one Newton step from zero (for two classes that of the quadratic
        bound H = X'X / 4 + l2): much cheaper, and nearly as good for batches of 1,000 rows.
    seed : int
        Draws the folds and breaks ties.

    Returns
    -------
    Trimming

    Raises
    ------
    InputError
        If something does not fit, or there is nobody to judge.
    ConvergenceError
        If, unverified, the model is not at its minimum on these rows.

    Notes
    -----
    Sums of influences are wrong for groups that were chosen by them, and the rows they are
    computed on are the first to be overfitted: a fixed 10 % judged by 100 clean rows costs one to
    two points of accuracy where there is no noise. Hence the check. Rows of a class that the
    reference lacks are never trimmed by it: nobody there could speak for them.

    References
    ----------
    Chhabra et al. (2024), "What Data Benefits My Classifier?", Algorithm 2, with its cap b' on the
    number of negative scores.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X, X_ref = rng.normal(size=(400, 3)), rng.normal(size=(100, 3))
    >>> truth, y_ref = X[:, 0] > 0, X_ref[:, 0] > 0
    >>> y = truth ^ (rng.random(400) < 0.3)
    >>> found = trim(LinearClassifier(), X, y, reference=(X_ref, y_ref), budget=0.2)
    >>> found.after < found.before, bool((y != truth)[found.trimmed].mean() > 0.9)
    (True, True)
    """
    given = labelled(X, y, sample_weight, "rows")
    if fit not in FITS:
        raise nearest(fit, FITS, "fit")
    if reference is None and isinstance(objective, ValidationLoss) and verify:
        used = objective.share > 0
        reference, objective = (objective.X[used], objective.y[used]), None
    if not verify:
        return as_printed(model, given, _judge(objective, reference), budget, fit, seed)
    if reference is None:
        raise InputError(
            "verified trimming needs rows that judge; give reference=(X, y), or verify=False"
        )
    if isinstance(objective, Objective):
        raise InputError(
            f"a {type(objective).__name__} cannot be judged on parts of the reference; give a "
            "function, objective=lambda X, y: …, or verify=False"
        )
    trusted = labelled(*reference, None, "reference")
    rows = with_reference(given, replace(trusted, ids=-1 - trusted.ids), folds, seed)
    most, steps = ceiling(budget, len(given))
    found = verified(
        model, rows, objective, most=most, steps=steps, demand=demand, one_step=fit == "one_step"
    )
    return _of_rows(found, len(given))


def ceiling(budget: float | int | str, n: int) -> tuple[int, int]:
    """How many of n rows a budget allows, and in how many steps to go there."""
    if isinstance(budget, str):
        if budget != "auto":
            raise nearest(budget, ["auto"], "budget")
        return int(_AUTO_MOST * n), _AUTO_STEPS
    if isinstance(budget, Integral) and not isinstance(budget, bool):
        return min(whole(budget, "budget", least=0), n), _STEPS
    if isinstance(budget, bool) or not (isinstance(budget, Real) and 0 <= budget <= 1):
        raise InputError(
            f"budget must be a share between 0 and 1, a number of rows or 'auto', got {budget!r}"
        )
    return int(float(budget) * n + 1e-9), _STEPS


def with_reference(candidates: Labelled, reference: Labelled, folds: int, seed: int) -> Rows:
    """Rows to verify on: candidates first, then the reference, which trains and judges in turn."""
    whole(folds, "folds", least=2)
    reference = reference.take(reference.weight > 0)
    if len(reference) < 2:
        raise InputError(
            f"the reference has {len(reference)} rows of positive weight; give at least two"
        )
    n, r, d = len(candidates), len(reference), candidates.X.shape[1]
    if reference.X.shape[1] != d:
        raise InputError(f"X has {d} columns, but the reference has {reference.X.shape[1]}")
    rows = stack([candidates, reference])
    key = uniform(seed, rows.ids, stream="trim")
    fold = folds_by_class(reference.y, key[n:], min(folds, r))
    # Nobody in the reference could speak for the rows of a class that it lacks.
    known = np.isin(candidates.y, reference.y)
    return Rows(
        rows=rows,
        candidate=np.concatenate([known, np.zeros(r, dtype=bool)]),
        fold=np.concatenate([np.full(n, -1), fold]),
        key=key,
    )


def labelled(
    X: ArrayLike | Matrix, y: ArrayLike, sample_weight: ArrayLike | None, what: str
) -> Labelled:
    """Check arrays and number their rows."""
    # A sum sees every entry and costs less than the whole check, which has to say what is wrong.
    given: Matrix = X
    plain = type(given) is np.ndarray and given.dtype == np.float64 and given.ndim == 2
    with np.errstate(over="ignore", invalid="ignore"):
        if not (plain and given.size and np.isfinite(given.sum())):
            given = as_matrix(given, finite=True)
    y = as_labels(y, f"y of the {what}")
    n = given.shape[0]
    if y.shape != (n,):
        raise InputError(f"the {what} have y of shape {y.shape}, but X has {n} rows")
    weight = as_weight(sample_weight, n)
    return Labelled(np.arange(n), given, y, np.ones(n) if weight is None else weight)


def _judge(
    objective: Objective | Factory | None, reference: tuple[ArrayLike, ArrayLike] | None
) -> Objective:
    """The objective on the whole reference."""
    if isinstance(objective, Objective):
        return objective
    if reference is None:
        raise InputError("nobody judges; give an Objective, or reference=(X, y)")
    return (ValidationLoss if objective is None else objective)(*reference)


def as_printed(
    model: LinearClassifier,
    rows: Labelled,
    objective: Objective,
    budget: float | int | str,
    fit: str,
    seed: int,
) -> Trimming:
    """Algorithm 2: the b smallest scores, no more than there are negative ones."""
    if budget == "auto":
        raise InputError("budget 'auto' is found by verifying; give a share, or verify=True")
    most = ceiling(budget, len(rows))[0]
    scores, value = (_one_step if fit == "one_step" else _at_minimum)(model, rows, objective)
    at = np.flatnonzero(scores < 0)
    if 0 < most < len(at):
        at = at[scores[at] <= np.partition(scores[at], most - 1)[most - 1]]
    tie = uniform(seed, rows.ids[at], stream="trim")
    trimmed = at[np.lexsort((tie, scores[at]))[:most]]
    kept = np.ones(len(rows), dtype=bool)
    kept[trimmed] = False
    return Trimming(trimmed, kept, scores, value, None, None, None, ())


def _at_minimum(
    model: LinearClassifier, rows: Labelled, objective: Objective
) -> tuple[Floats, float]:
    """Influences at a fitted model, and the objective there."""
    check_is_fitted(model)
    if rows.X.shape[1] != model.n_features_in_:
        raise InputError(
            f"X has {rows.X.shape[1]} columns, but the model was fitted to {model.n_features_in_}"
        )
    there = unchecked(model)
    objective = objective.at(there)
    value, full = objective.value_and_gradient(there)
    gradient = reduced(full, there)
    if np.abs(gradient).max() <= 100.0 * float(model.tol):  # no slope to go by: see `influence`
        scores = influence(
            model, rows.X, rows.y, objective, sample_weight=rows.weight, leverage=False
        )
        return scores, value
    codes = encode(rows.y, model.classes_, len(rows))
    weight = None if (rows.weight == 1).all() else rows.weight
    batch = Batches([(rows.X, codes, weight)], model.classes_)
    batch.checked = True
    fitted = Fitted(there, batch, model.solver)
    direction = fitted.solve(gradient.reshape(-1, 1)).reshape(gradient.shape)
    fits = Refits(model, rows.X, rows.y, model.classes_)
    scores = fits.scores(fitted.theta[None], direction[None, None])[0, 0]
    return scores * rows.weight, value


def _one_step(
    model: LinearClassifier, rows: Labelled, objective: Objective
) -> tuple[Floats, float]:
    """Influences at one Newton step from zero, and the objective there."""
    fits = Refits(model, rows.X, rows.y, np.unique(rows.y[rows.weight > 0]))
    problem = fits.problem(rows.weight)
    _, gradient, _, factor = problem.expand(np.zeros(fits.shape).ravel())
    theta = -factor.solve(gradient).reshape(fits.shape)
    there = unchecked(fits.model(theta))
    objective = objective.at(there)
    value, pull = objective.value_and_gradient(there)
    direction = factor.solve(reduced(pull, there).ravel()).reshape(fits.shape)
    scores = fits.scores(theta[None], direction[None, None])[0, 0]
    return scores * rows.weight, value


def _of_rows(found: Verified, n: int) -> Trimming:
    """What a verification says of the first n rows, the candidates."""
    kept = np.ones(n, dtype=bool)
    kept[found.chosen] = False
    return Trimming(
        trimmed=found.chosen,
        kept=kept,
        scores=found.score[:n],
        before=found.before,
        after=found.after,
        error=found.error,
        model=found.model,
        tried=found.tried,
    )
