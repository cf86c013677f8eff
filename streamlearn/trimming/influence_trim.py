"""Influence trimming in the loop: rows that harm the reference are not learned as they are."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone

from streamlearn.arrays import Floats, located
from streamlearn.data import Judgement, Labelled
from streamlearn.errors import InputError, nearest, whole
from streamlearn.influence.linear import LinearClassifier
from streamlearn.influence.objectives import Objective, ValidationLoss
from streamlearn.influence.unchecked import unchecked
from streamlearn.keyed import uniform
from streamlearn.memory import stack
from streamlearn.protocols import View
from streamlearn.surrogate import fit_surrogate
from streamlearn.trimming.ask_again import AskAgain
from streamlearn.trimming.judges import Rows, SoftErrors, folds_by_class
from streamlearn.trimming.share import allowed, spare
from streamlearn.trimming.trim_rows import FITS, as_printed, ceiling, with_reference
from streamlearn.trimming.verify import ACTIONS, Verified, verified

SCOPES = ("answered", "seen")
WITHOUT = ("recent", "error")
_DONE = {"trim": "trimmed", "relabel": "relabelled", "weight": "re-weighted"}


class InfluenceTrim(BaseEstimator):  # type: ignore[misc]
    """Trim (relabel, re-weight) the rows that harm an objective, if unseen trusted rows agree.

    Parameters
    ----------
    objective : callable, optional
        (X_ref, y_ref) -> Objective, what must get better; None is the loss on the reference. It
        is called on parts of the reference, which must hold what the objective needs (both
        groups, for a fairness gap).
    budget : float or "auto"
        Share of each batch to act on at most; a fraction of a row is acted on that often. "auto"
        is up to half, in small steps, as far as it pays.
    action : {"trim", "relabel", "weight", "ask_again"}
        Not learned at all; learned with the likeliest other label; learned with the
        probability of its label under the surrogate as weight; or put to other annotators as
        ``AskAgain`` does.
    verify : bool
        Accept only what parts of the reference approve that the fit has not seen. False:
        Algorithm 2 of Chhabra et al. on each batch, the reference judging and not training.
    l2 : float
        Penalty of the surrogate, in units of the loss of one row.
    fit_intercept : bool
        Whether the surrogate has an intercept; the paper's has none.
    fit : {"full", "one_step"}
        Fit the surrogate, or make one Newton step from zero: cheap, and good enough for batches
        of 1,000 rows.
    scope : {"answered", "seen"}
        Judge new rows alone, or all remembered ones anew: those trimmed before can come back.
    without_reference : {"recent", "error"}
        What to do in a run without ``reference=``: let the recent rows judge each other,
        cross-fitted, errors and all, by the mean probability of the labels not given (then
        "recent rows" stands in the reasons), or raise. Judges with errors of their own are no
        substitute for trusted ones: it can do harm, without noise too.
    folds : int
        Parts that judge.
    demand : float
        Standard errors that an improvement must exceed.
    seed : int
        Draws folds, breaks ties and rounds the budget, by id.

    Notes
    -----
    The surrogate is fitted on the answered rows (the remembered ones too, if the scope says so,
    starting from the fit that strategies with the same settings made for the query) and the
    reference. Rows of a class that the reference lacks are kept, and so is the last row
    of a class. A batch that holds no second class and has no reference beside it is kept as it
    is. The reason of every row acted on gives the objective before and after.

    References
    ----------
    Chhabra et al. (2024), "What Data Benefits My Classifier?", Algorithm 2 and Section 5.4.

    Examples
    --------
    >>> InfluenceTrim(budget="auto", l2=10.0)
    InfluenceTrim(budget='auto', l2=10.0)
    """

    def __init__(
        self,
        objective: Callable[[Any, Any], Objective] | None = None,
        budget: float | str = 0.1,
        action: str = "trim",
        verify: bool = True,
        l2: float = 1.0,
        fit_intercept: bool = True,
        fit: str = "full",
        scope: str = "answered",
        without_reference: str = "recent",
        folds: int = 4,
        demand: float = 1.0,
        seed: int = 0,
    ) -> None:
        self.objective = objective
        self.budget = budget
        self.action = action
        self.verify = verify
        self.l2 = l2
        self.fit_intercept = fit_intercept
        self.fit = fit
        self.scope = scope
        self.without_reference = without_reference
        self.folds = folds
        self.demand = demand
        self.seed = seed

    def judge(self, answered: Labelled, view: View) -> Judgement:
        """Judge answered rows, and older ones if the scope says so.

        Parameters
        ----------
        answered : Labelled
            The rows just answered.
        view : View
            Its reference judges and trains; its seen rows where they are needed.

        Returns
        -------
        Judgement
            Of all answered rows, and of the older ones that change. The score is the influence,
            about the change of the objective if the row is left out; 0 for rows not judged.

        Raises
        ------
        InputError
            If a parameter is out of range, there is no reference where one is needed, or the
            objective cannot be computed on a part of the reference.
        """
        if self.action == "ask_again":
            return AskAgain(clone(self).set_params(action="trim")).judge(answered, view)
        self._check()
        reference = view.reference if view.reference is not None and len(view.reference) else None
        if reference is None and (self.without_reference == "error" or not self.verify):
            raise InputError(
                f"{self!r} needs trusted rows that judge; give Loop(reference=…), or "
                "verify=True and without_reference='recent'"
            )
        own = _Sorted(answered, view, self.scope, judged_by_recent=reference is None)
        if not len(answered):
            return own.unchanged("")
        if reference is not None:
            known = np.unique(reference.y[reference.weight > 0])
            if len(known) and not located(own.rows.y, known)[1].any():
                return own.unchanged("the reference has no row of this class")
        if not self.verify:
            assert reference is not None
            return self._as_printed(own, reference, view)
        rows = self._rows(own, reference)
        if rows is None:
            return own.unchanged("too few rows of two classes to judge each other")
        most, steps = self._most(own.rows.ids[own.candidate])
        if most == 0:
            return own.unchanged("")
        found = verified(
            self._surrogate(),
            rows,
            SoftErrors if reference is None and self.objective is None else self.objective,
            most=most,
            steps=steps,
            action=self.action,
            demand=self.demand,
            one_step=self.fit == "one_step",
            start=self._start(rows, view) if reference is not None else None,
        )
        who = "recent rows" if reference is None else "reference rows"
        return own.judgement(found, rows.candidate[: len(own.rows)], self.action, view, who)

    def _check(self) -> None:
        """Refuse parameters that cannot be used."""
        for name, valid in (
            ("action", (*ACTIONS, "ask_again")),
            ("fit", FITS),
            ("scope", SCOPES),
            ("without_reference", WITHOUT),
        ):
            if getattr(self, name) not in valid:
                raise nearest(getattr(self, name), valid, f"{name} of InfluenceTrim")
        whole(self.folds, "folds", least=2)
        if isinstance(self.budget, str):
            ceiling(self.budget, 0)
            if not self.verify:
                raise InputError("budget 'auto' is found by verifying; give a share")
        if not self.verify and (self.action != "trim" or self.scope != "answered"):
            raise InputError(
                f"verify=False is Algorithm 2, which trims answered rows; got {self!r}"
            )

    def _surrogate(self) -> LinearClassifier:
        return LinearClassifier(l2=self.l2, fit_intercept=self.fit_intercept)

    def _start(self, rows: Rows, view: View) -> Floats | None:
        """The parameters of the surrogate that strategies share, where older rows count too."""
        if self.scope != "seen" or self.fit == "one_step":
            return None
        surrogate = fit_surrogate(view, self._surrogate())
        classes = np.unique(rows.rows.y[rows.rows.weight > 0])
        if surrogate is None or not np.array_equal(surrogate.model.classes_, classes):
            return None
        return surrogate.fitted.theta

    def _most(self, ids: NDArray[np.int64]) -> tuple[int, int]:
        """How many rows may be acted on, and in how many steps."""
        if isinstance(self.budget, str):
            return ceiling(self.budget, len(ids))
        return allowed(self.budget, ids, self.seed), ceiling(self.budget, 0)[1]

    def _rows(self, own: "_Sorted", reference: Labelled | None) -> Rows | None:
        """Rows to verify on; None where the recent rows are too few to judge each other."""
        if reference is not None:
            rows = with_reference(own.rows, reference, self.folds, self.seed)
            return rows if len(np.unique(rows.rows.y[rows.rows.weight > 0])) > 1 else None
        live = own.rows.weight > 0
        classes, counts = np.unique(own.rows.y[live], return_counts=True)
        large = classes[counts >= 2 * self.folds]
        if len(large) < 2:
            return None
        judges = live & np.isin(own.rows.y, large)
        key = uniform(self.seed, own.rows.ids, stream="trim")
        fold = np.full(len(own.rows), -1)
        fold[judges] = folds_by_class(own.rows.y[judges], key[judges], self.folds)
        weight = np.where(judges, own.rows.weight, 0.0)
        return Rows(replace(own.rows, weight=weight), own.candidate & judges, fold, key)

    def _as_printed(self, own: "_Sorted", reference: Labelled, view: View) -> Judgement:
        """Algorithm 2 on the answered rows."""
        rows = own.rows
        classes = np.unique(rows.y[rows.weight > 0])
        if len(classes) < 2:
            return own.unchanged("one class only: there is no model to judge with")
        known = located(reference.y, classes)[1] & (reference.weight > 0)
        judges = reference.take(known)
        if not len(judges):
            return own.unchanged("the reference has no row of these classes")
        objective = (
            ValidationLoss._of_checked(judges.X, judges.y, judges.weight)
            if self.objective is None
            else self.objective(judges.X, judges.y)
        )
        model = self._surrogate()
        if self.fit == "full":
            counted = rows if rows.weight.all() else rows.take(rows.weight > 0)
            unchecked(model).fit(counted.X, counted.y, counted.weight)
        most = self._most(rows.ids)[0]
        found = as_printed(model, rows, objective, most, self.fit, self.seed)
        trimmed = spare(rows, found.trimmed, view)
        weight = rows.weight.copy()
        weight[trimmed] = 0.0
        said = f"harms the reference ({found.before:.4g}), not verified"
        reason = np.full(len(rows), "", dtype=f"<U{len(said)}")
        reason[trimmed] = said
        return own.pick(Judgement(rows.ids, rows.y, weight, found.scores, reason))


class _Sorted:
    """The rows to judge in the order of their ids, so that nothing hangs on how they came."""

    def __init__(
        self, answered: Labelled, view: View, scope: str, *, judged_by_recent: bool
    ) -> None:
        self.answered = answered
        parts = [answered]
        if scope == "seen" or judged_by_recent:
            seen = view.seen
            if len(seen):
                # Seen rows that are answered anew count once, with their new label.
                parts.append(seen.take(~np.isin(seen.ids, answered.ids)))
        rows = stack(parts) if len(answered) else answered
        order = np.argsort(rows.ids, kind="stable")
        in_order = (rows.ids[1:] > rows.ids[:-1]).all()  # as a stream's mostly are: no copy then
        self.rows = self.old = rows if in_order else rows.take(order)
        self.is_new = (order < len(answered)) if len(answered) else np.empty(0, dtype=bool)
        self.candidate = self.is_new | (scope == "seen")
        if scope == "seen":  # everybody gets a new hearing
            weight = np.where(self.is_new, self.rows.weight, 1.0)
            self.rows = replace(self.rows, weight=weight)

    def pick(self, said: Judgement, relabels: bool = False) -> Judgement:
        """Verdicts on answered rows in the order they came, then on older ones that change."""
        if self.rows is self.answered:
            return said
        changed = ~self.is_new & self.candidate & (said.weight != self.old.weight)
        if relabels:  # seen rows show the label given, not the one learned: say it all again
            changed = ~self.is_new & self.candidate
        new = np.searchsorted(self.rows.ids, self.answered.ids)
        at = np.concatenate([new, np.flatnonzero(changed)])
        return Judgement(said.ids[at], said.y[at], said.weight[at], said.score[at], said.reason[at])

    def unchanged(self, reason: str) -> Judgement:
        """Every answered row stays as it is."""
        n = len(self.answered)
        return Judgement(
            self.answered.ids,
            self.answered.y,
            self.answered.weight,
            np.zeros(n),
            np.full(n, reason),
        )

    def judgement(
        self, found: Verified, judged: NDArray[np.bool_], action: str, view: View, who: str
    ) -> Judgement:
        """What a verification says of the rows, to those it judged."""
        n = len(self.rows)
        chosen = found.chosen
        if action == "trim":
            chosen = spare(self.rows, chosen, view)
        y, weight = self.rows.y.copy(), self.rows.weight.copy()
        if action == "relabel":
            y[chosen] = found.model.classes_[found.second[chosen]]
        elif action == "weight":
            weight[chosen] = found.weight[chosen]
        else:
            weight[chosen] = 0.0
        absent = f"not judged: too few such labels among the {who}"
        done = (
            f"{_DONE[action]}, it harms the {who}: {found.before:.4g} -> {found.after:.4g} "
            f"(standard error {found.error:.2g})"
        )
        reason = np.full(n, "", dtype=f"<U{max(len(absent), len(done))}")
        reason[self.candidate & ~judged] = absent
        reason[chosen] = done
        untouched = np.ones(n, dtype=bool)
        untouched[chosen] = False
        reason[untouched & ~self.is_new & (weight != self.old.weight)] = "cleared by newer rows"
        score: Floats = found.score[:n]
        said = Judgement(self.rows.ids, y, weight, score, reason)
        return self.pick(said, relabels=action == "relabel")
