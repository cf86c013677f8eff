"""Verified trimming: a budget is a ceiling, and every step has to prove itself on unseen rows."""

from dataclasses import dataclass

from streamlearn.arrays import Floats, Ids
from streamlearn.influence.linear import LinearClassifier
from streamlearn.influence.losses import Codes
from streamlearn.trimming.judges import Factory, Rows
from streamlearn.trimming.paths import Paths

ACTIONS = ("trim", "relabel", "weight")
_PATIENCE = 2  # steps without a new best before giving up


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
    start: Floats | None = None,
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
    start : ndarray of shape (m, D), optional
        Parameters to start from; without them a fit to all rows is made.

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
    path = Paths(settings, rows, objective, action, one_step, start)
    tried: list[Step] = []
    best, snapshots = -1, [path.state()]
    base = float(path.before.mean())
    steps = max(1, min(steps, most))
    for step in range(1, steps + 1):
        if not path.advance(most, step / steps, demand, tried[best].gain if best >= 0 else 0.0):
            break
        gain, error = path.gain(path.thetas)
        tried.append(Step(len(path.chosen), base - gain, gain, error))
        snapshots.append(path.state())
        if gain > demand * error and (best < 0 or gain > tried[best].gain):
            best = step - 1
        elif step - (best + 1) >= _PATIENCE:
            break
    end = snapshots[best + 1]
    # Of the estimate that settled the choice; where no row harms there was no step to settle.
    score = snapshots[max(best + 1, 1)].score if tried else path.score
    after, error = (tried[best].objective, tried[best].error) if best >= 0 else (base, 0.0)
    return Verified(
        chosen=end.chosen,
        weight=end.weight,
        second=path.fits.other,
        score=score,
        before=base,
        after=after,
        error=error,
        model=path.model(end),
        tried=tuple(tried),
    )
