"""The choice among the answers to noise, by what they do for the trusted rows."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from streamlearn.arrays import Floats, Labels, Matrix, as_labels
from streamlearn.data import Judgement, Labelled
from streamlearn.errors import InputError, whole
from streamlearn.influence import LinearClassifier
from streamlearn.influence.tuning import (
    PENALTIES,
    TRUSTED_WEIGHTS,
    Tuning,
    cross_validate,
    folds,
    held_out,
    log_loss,
    tune,
)
from streamlearn.influence.unchecked import unchecked
from streamlearn.protocols import View
from streamlearn.trimming.choice import Choice
from streamlearn.trimming.flip_rate_model import checked, weights
from streamlearn.trimming.flip_rates import Said, stacked, with_ones
from streamlearn.trimming.flip_rates import cross_validate as cross_validate_rates
from streamlearn.trimming.noise_model import NoiseModel
from streamlearn.trimming.rejudge import check_options, settle, together
from streamlearn.trimming.share import keep

KEEP, ALONE, TRIM, NOISE = "keep all", "reference alone", "trim", "noise model"
_GRID = [(l2, share) for share in TRUSTED_WEIGHTS for l2 in PENALTIES]
_JUDGE_L2 = 10.0  # of the model of the reference that trims; fixed, so that no fold has chosen it


class Auto(BaseEstimator):  # type: ignore[misc]
    """Keep all, learn from the reference alone, trim, or model the noise: whatever predicts best.

    Parameters
    ----------
    action : {"weight", "relabel", "trim"}
        What becomes of rows where the noise model is chosen, see ``NoiseModel``. Not every learner
        takes weights; "trim" serves all.
    share : float
        Share of the rows to trim where trimming is chosen, 0 to 1.
    margin : float
        How many standard errors another choice must be ahead of keeping all.
    trimmer : Trimmer, optional
        Trims instead of "the highest losses under a model of the reference". It must judge by the
        view's reference, which is a part of the reference here, and not by the learner, which has
        learned from all of it.
    scope : {"answered", "seen"}
        Whether new rows only are judged, or older ones anew with what is known now.
    folds : int
        Folds of the reference.
    seed : int
        Shuffles the folds.

    Notes
    -----
    Every choice is carried out without a fold of the reference, a linear classifier is fitted to
    the rows as that leaves them and to the other folds, and its log-loss on the fold is what
    counts: nothing judges what it has taught. Penalty (1, 10, 50) and weight of a reference row
    (1, 5) are chosen along with the rest, for every choice alike. The noise model is represented
    by its own classifier. The loss of the winner is the least of several and so a little too
    good; score it on test rows.

    The fits behind the choice are linear; the learner need not be. Of one that learns every row
    once, as it comes, what was judged stays learned: there "weight" did better than "trim", which
    loses the rows it is wrong about, and "relabel", which teaches its errors.

    Without a reference, or with one of fewer than two rows or classes, all rows are kept. The
    reference alone is no choice where it lacks a class that somebody named.

    Nothing is remembered: every judgement chooses anew from the view, and each row's reason says
    what was chosen.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(700, 10))
    >>> truth = (X.sum(axis=1) > 0).astype(int)
    >>> given = np.where(rng.random(700) < 0.4, 1 - truth, truth)
    >>> chosen = Auto().choose(X[100:], given[100:], reference=(X[:100], truth[:100]))
    >>> chosen.name
    'noise model'
    """

    def __init__(
        self,
        action: str = "weight",
        *,
        share: float = 0.3,
        margin: float = 1.0,
        trimmer: Any = None,
        scope: str = "seen",
        folds: int = 4,
        seed: int = 0,
    ) -> None:
        self.action = action
        self.share = share
        self.margin = margin
        self.trimmer = trimmer
        self.scope = scope
        self.folds = folds
        self.seed = seed

    def judge(self, answered: Labelled, view: View) -> Judgement:
        """Judge answered rows, and older ones if the scope says so.

        Parameters
        ----------
        answered : Labelled
            The rows just answered.
        view : View
            Its seen rows are judged as given, its reference rows judge.

        Returns
        -------
        Judgement
            Of all answered rows, and of the older ones. The score is the posterior probability of
            the label (noise model), p(y | x) under a model of the reference (trim), else 0.

        Raises
        ------
        InputError
            If a parameter is out of range.
        """
        self._check()
        noisy, reference = together(answered, view.seen), view.reference
        if reference is None or not _can_judge(reference.y) or not noisy.weight.any():
            return keep(answered)
        chosen = self._choose(noisy, reference, view)
        verdict = chosen.y, chosen.weight, chosen.score, chosen.reason
        return settle(answered, view.seen, noisy, *verdict, scope=self.scope)

    def choose(
        self,
        X: Matrix,
        y: Labels,
        sample_weight: Floats | None = None,
        *,
        reference: tuple[Matrix, Labels],
    ) -> Choice:
        """Choose on arrays.

        Parameters
        ----------
        X : ndarray or CSR matrix, shape (n, d)
            Features.
        y : ndarray, shape (n,)
            Labels as given.
        sample_weight : ndarray of float64, shape (n,), optional
            What a row counts.
        reference : tuple of (X, y)
            Rows whose labels are right; two at least, of two classes.

        Returns
        -------
        Choice

        Raises
        ------
        InputError
            If the reference cannot judge, or a parameter is out of range.
        """
        self._check()
        X, known = checked(X, reference)
        y = as_labels(y)
        if len(y) != X.shape[0] or not len(y):
            raise InputError(f"got {X.shape[0]} rows and {len(y)} labels; give one each")
        if not _can_judge(known[1]):
            raise InputError(
                f"reference has {len(known[1])} rows of {len(np.unique(known[1]))} "
                "classes; give rows of two classes at least"
            )
        if self.trimmer is not None:
            raise InputError("a trimmer of one's own needs the loop's view; leave trimmer=None")
        noisy = Labelled(np.arange(len(y)), X, y, weights(sample_weight, len(y)))
        ids = -1 - np.arange(len(known[1]))
        return self._choose(noisy, Labelled(ids, *known, np.ones(len(ids))), None)

    def _check(self) -> None:
        check_options(self.action, self.scope)
        whole(self.folds, "folds", least=2)
        if not 0 <= self.share <= 1:
            raise InputError(f"share must be between 0 and 1, got {self.share!r}")
        if not self.margin >= 0:
            raise InputError(f"margin must be 0 or more standard errors, got {self.margin!r}")

    def _choose(self, noisy: Labelled, reference: Labelled, view: View | None) -> Choice:
        """Score every choice, take the best, and carry it out with the whole reference."""
        n = len(noisy)
        X = stacked(noisy.X, reference.X)
        y = np.concatenate([noisy.y, reference.y])
        weight = np.concatenate([noisy.weight, reference.weight])
        trusted = np.arange(len(y)) >= n
        dealt: dict[str, Any] = {"count": self.folds, "seed": self.seed}
        tunings = {KEEP: cross_validate(X, y, weight, trusted, **dealt)}
        if not len(np.setdiff1d(noisy.y, reference.y)):
            alone = reference.weight, np.ones(len(reference), dtype=bool)
            tunings[ALONE] = cross_validate(reference.X, reference.y, *alone, **dealt)
        tunings[TRIM] = self._tune_trimming(X, y, weight, noisy, reference, view)
        classes, codes = np.unique(y, return_inverse=True)
        said = Said(with_ones(noisy.X, reference.X), codes[:n, None], codes[n:], weight,
                    len(classes), NoiseModel().prior)  # fmt: skip
        tunings[NOISE] = cross_validate_rates(said, _GRID, self.folds, self.seed)
        tunings = {name: tuning for name, tuning in tunings.items() if tuning.losses}
        name = self._best(tunings)
        return self._carry_out(name, tunings, noisy, reference, view)

    def _best(self, tunings: dict[str, Tuning]) -> str:
        """The choice of least mean loss that is ahead of keeping all by the margin asked for."""
        if KEEP not in tunings:
            return KEEP
        ahead = {KEEP: 0.0}
        for name, tuning in tunings.items():
            gain = tunings[KEEP].loss - tuning.loss
            if name != KEEP and gain.mean() > self.margin * gain.std() / np.sqrt(len(gain)):
                ahead[name] = float(gain.mean())
        return max(ahead, key=lambda name: ahead[name])

    def _carry_out(
        self,
        name: str,
        tunings: dict[str, Tuning],
        noisy: Labelled,
        reference: Labelled,
        view: View | None,
    ) -> Choice:
        """Judge the rows in the way chosen."""
        y, weight, score = noisy.y, np.ones(len(noisy)), np.zeros(len(noisy))
        if name == ALONE:
            weight = np.zeros(len(noisy))
        elif name == TRIM:
            y, weight, score = self._trim(noisy, reference, view)
        elif name == NOISE:
            best_l2, share = tunings[NOISE].best
            model = NoiseModel(self.action, l2=best_l2, reference_weight=share)
            known = reference.X, reference.y
            model.fit(noisy.X, noisy.y, noisy.weight, reference=known)
            y, weight, score, _ = model.verdict(noisy.y)
        reason = name
        if KEEP in tunings:
            loss, least = (float(tunings[which].loss.mean()) for which in (KEEP, name))
            reason = f"{name}: log-loss {least:.3f} on the reference"
            reason += "" if name == KEEP else f", {loss:.3f} keeping all"
        return Choice(name, tunings, y, weight, score, np.full(len(noisy), reason))

    def _trim(
        self, noisy: Labelled, reference: Labelled, view: View | None
    ) -> tuple[Labels, Floats, Floats]:
        """Labels, weights and scores once the rows most at odds with the reference are gone."""
        if self.trimmer is not None and view is not None:
            none = noisy.take(slice(0, 0))
            part = View(view.candidates, view.pending, reference, view.learner, lambda: none)
            ones = np.ones(len(noisy))  # what rows count besides is for the caller to multiply by
            said = self.trimmer.judge(Labelled(noisy.ids, noisy.X, noisy.y, ones), part)
            at = np.argsort(said.ids)  # noisy rows come by id
            return said.y[at], said.weight[at], said.score[at]
        model = unchecked(LinearClassifier(l2=_JUDGE_L2)).fit(reference.X, reference.y)
        # A label the reference does not know is not at odds with it.
        proba, known = model.predict_proba(noisy.X), np.isin(noisy.y, model.classes_)
        score = np.where(known, np.exp(-log_loss(proba, model.classes_, noisy.y)), 1.0)
        weight = np.ones(len(noisy))
        worst = np.lexsort((noisy.ids, score))[: int(self.share * len(noisy))]
        weight[worst] = 0.0
        return noisy.y, weight, score

    def _tune_trimming(
        self,
        X: Matrix,
        y: Labels,
        weight: Floats,
        noisy: Labelled,
        reference: Labelled,
        view: View | None,
    ) -> Tuning:
        """Losses on every fold after trimming by the other folds."""
        n, trusted = len(noisy), np.arange(len(y)) >= len(noisy)
        parts = folds(reference.y, self.folds, self.seed)
        if any(not _can_judge(reference.y[~out]) for out in parts):
            return Tuning({})
        known = np.ones(len(reference))
        said = [self._trim(noisy, reference.take(~out), view) for out in parts]
        counts = [weight * np.append(kept, known) for _, kept, _ in said]
        if self.trimmer is None:  # which trims, and leaves labels as they are
            return tune(X, y, counts, trusted, parts)
        losses = {setting: np.zeros(len(reference)) for setting in _GRID}
        for out, (labels, _, _), used in zip(parts, said, counts, strict=True):
            given = np.concatenate([labels, y[n:]])
            found = held_out(X, given, used, trusted, n + np.flatnonzero(out), _GRID)
            for setting, loss in found.items():
                losses[setting][out] = loss
        return Tuning(losses if parts else {})


def _can_judge(y: Labels) -> bool:
    return len(y) >= 2 and len(np.unique(y)) >= 2
