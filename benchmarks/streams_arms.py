"""What is done about a noisy stream: every trimmer of the table, and the two bounds.

An arm judges each batch with a reference, once with the whole of it and once without each of its
folds. `NoiseModel` and `Auto` choose their settings on the whole reference alone and are refitted
with them for the folds, which tune nothing but the learner's penalty: that spares three quarters
of the choosing, and test rows are never seen.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamlearn.arrays import Floats, Labels
from streamlearn.data import Judgement, Labelled
from streamlearn.influence import LinearClassifier
from streamlearn.protocols import View
from streamlearn.trimming import (
    Auto,
    Choice,
    ConfidentTrim,
    InfluenceTrim,
    KeepAll,
    LossTrim,
    NoiseModel,
    RandomTrim,
)
from streamlearn.trimming.auto import NOISE
from streamlearn.trimming.share import allowed, lowest, verdict

LOSS = "loss 10%"  # the one arm that looks at the learner


class ReferenceLoss:
    """Trim the rows of highest loss under a model of the reference alone."""

    def __init__(self, budget: float) -> None:
        self.budget = budget

    def judge(self, answered: Labelled, view: View) -> Judgement:
        assert view.reference is not None
        model = LinearClassifier().fit(view.reference.X, view.reference.y)
        P = model.predict_proba(answered.X)
        score = P[np.arange(len(answered)), np.searchsorted(model.classes_, answered.y)]
        trimmed = lowest(answered, score, allowed(self.budget, answered.ids, 0), 0)
        return verdict(answered, trimmed, score, "high loss")


class Oracle:
    """Trim exactly the rows whose labels are wrong; all rows, for the reference alone."""

    def __init__(self, wrong: NDArray[np.bool_]) -> None:
        self.wrong = wrong

    def judge(self, answered: Labelled, view: View) -> Judgement:
        score = np.zeros(len(answered))
        return verdict(answered, np.flatnonzero(self.wrong[answered.ids]), score, "wrong")


class Choosing:
    """`Auto` and `NoiseModel` of one stream: they share the tuning of the noise model."""

    def __init__(self) -> None:
        self.auto = Auto()
        self.made: dict[int, Choice] = {}  # by the first new row of a batch
        self.fits: dict[tuple[int, tuple[int, ...]], NoiseModel] = {}  # by that and the reference

    def noise_model(self, rows: Labelled, batch: int, reference: Labelled, choice: Choice) -> Any:
        """The noise model fitted to all rows so far; once for both arms."""
        key = batch, tuple(reference.ids.tolist())
        if key not in self.fits:
            l2, share = choice.tunings[NOISE].best
            model = NoiseModel(self.auto.action, l2=l2, reference_weight=share)
            self.fits[key] = model.fit(rows.X, rows.y, reference=(reference.X, reference.y))
        return self.fits[key]

    def of(self, answered: Labelled, view: View) -> tuple[Labelled, Choice]:
        """All rows so far, and what was chosen when the whole reference judged them."""
        assert view.reference is not None
        seen = view.seen
        X = np.concatenate([seen.X, answered.X]) if len(seen) else answered.X
        y = np.concatenate([seen.y, answered.y]) if len(seen) else answered.y
        rows = Labelled(np.arange(len(y)), X, y, np.ones(len(y)))
        first = int(answered.ids[0])
        if first not in self.made:
            known = view.reference.X, view.reference.y
            self.made[first] = self.auto.choose(X, y, reference=known)
        return rows, self.made[first]


class Chosen:
    """One of the two."""

    def __init__(self, choosing: Choosing, *, auto: bool) -> None:
        self.choosing = choosing
        self.auto = auto
        self.names: dict[int, str] = {}

    def judge(self, answered: Labelled, view: View) -> Judgement:
        assert view.reference is not None
        rows, choice = self.choosing.of(answered, view)
        batch = int(answered.ids[0])
        self.names[batch] = choice.name
        said: tuple[Labels, Floats, Floats]
        if choice.name == NOISE or not self.auto:
            model = self.choosing.noise_model(rows, batch, view.reference, choice)
            model.action = self.choosing.auto.action if self.auto else NoiseModel().action
            said = model.verdict(rows.y)[:3]
        else:
            made = self.choosing.auto._carry_out(
                choice.name, choice.tunings, rows, view.reference, None
            )
            said = made.y, made.weight, made.score
        new = slice(len(rows) - len(answered), None)
        y, weight, score = (values[new] for values in said)
        return Judgement(answered.ids, y, weight, score, np.full(len(answered), choice.name))


def arms(wrong: NDArray[np.bool_]) -> dict[str, Any]:
    """All arms of one stream, by name; "stream alone" trains without the reference."""
    choosing = Choosing()
    return {
        "keep all": KeepAll(),
        "random 10%": RandomTrim(0.1),
        LOSS: LossTrim(0.1),
        "confident": ConfidentTrim(LinearClassifier(), scope="answered"),
        "reference loss 30%": ReferenceLoss(0.3),
        "paper 10%": InfluenceTrim(verify=False, fit_intercept=False),
        "influence 10%": InfluenceTrim(verify=False),
        "verified 10%": InfluenceTrim(),
        "noise model": Chosen(choosing, auto=False),
        "Auto": Chosen(choosing, auto=True),
        "oracle": Oracle(wrong),
        "reference alone": Oracle(np.ones_like(wrong)),
        "stream alone": KeepAll(),
    }
