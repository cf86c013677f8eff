"""The arms of the active-learning benchmark: strategy, learner, trimmer, and what they may see."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from streamlearn.arrays import Floats
from streamlearn.data import Labelled
from streamlearn.influence import LinearClassifier
from streamlearn.learners import Refit, TunedLinear
from streamlearn.protocols import QueryStrategy
from streamlearn.strategies import (
    ISAL,
    ExpectedInfluence,
    InfluenceTreeSampling,
    Margin,
    Random,
    VarianceReduction,
)

INITIAL = 20
BASELINE = "margin"


@dataclass(frozen=True)
class Arm:
    """A strategy, whether it is shown the reference, and how the learner learns."""

    strategy: QueryStrategy
    shown: bool = True
    trains: bool = True
    tuned: bool = False
    auto: bool = False


def strategies(tuned: bool) -> dict[str, Arm]:
    """All strategies, with the reference in training and without it."""

    def tree(folds: int | None, **options: Any) -> InfluenceTreeSampling:
        return InfluenceTreeSampling(folds=folds, **options)

    initial: dict[str, Any] = {"refit": False, "initial": INITIAL}
    made = {
        "random": Arm(Random()),
        BASELINE: Arm(Margin()),
        "ISAL": Arm(ISAL()),
        "expected influence": Arm(ExpectedInfluence()),
        "variance reduction": Arm(VarianceReduction()),
        "tree": Arm(InfluenceTreeSampling()),
        "tree, label averaged": Arm(InfluenceTreeSampling(label="expected")),
        "tree, static": Arm(InfluenceTreeSampling(**initial)),
        "random -": Arm(Random(), shown=False),
        "margin -": Arm(Margin(), shown=False),
        "ISAL -": Arm(ISAL(folds=None), trains=False),
        "expected influence -": Arm(ExpectedInfluence(folds=None), trains=False),
        "variance reduction -": Arm(VarianceReduction(), shown=False),
        "tree -": Arm(tree(None), trains=False),
        "tree, label averaged -": Arm(tree(None, label="expected"), trains=False),
        "tree, static -": Arm(tree(None, **initial), trains=False),
    }
    return {
        f"tuned {name}" if tuned else name: Arm(arm.strategy, arm.shown, arm.trains, tuned)
        for name, arm in made.items()
    }


def with_auto(names: list[str], tuned: bool) -> dict[str, Arm]:
    """The same with labels judged by ``Auto``, which needs the reference in training."""
    of = strategies(tuned=False)
    return {
        f"{'tuned ' * tuned}{name} + Auto": Arm(of[name].strategy, tuned=tuned, auto=True)
        for name in names
    }


FIXED, TUNED = strategies(tuned=False), strategies(tuned=True)
WITH_REFERENCE = [name for name in FIXED if not name.endswith("-")]
FAMILIES = {
    "fixed": FIXED,
    "bar": {"tuned margin": TUNED["tuned margin"]} | with_auto([BASELINE], True),
    "tuned": {name: arm for name, arm in TUNED.items() if name != "tuned margin"},
    "auto": with_auto(["margin"], False) | with_auto(["random", "ISAL"], True),
    "more auto": with_auto(["random", *WITH_REFERENCE[2:]], False)
    | with_auto(WITH_REFERENCE[3:], True),
}
ARMS = {name: arm for family in FAMILIES.values() for name, arm in family.items()}


class WithoutReference(Refit):
    """A refitted estimator that leaves the reference rows, whose ids are negative, out."""

    def learn(self, new: Labelled, kept: Callable[[], Labelled]) -> None:
        super().learn(new, lambda: answered(kept()))

    def decision_function(self, X: Any) -> Floats:
        if self.model_ is None:
            return np.zeros(X.shape[0])
        values: Floats = self.model_.decision_function(X)
        return values


class TunedWithoutReference(TunedLinear):
    """The same of the learner that tunes itself, on folds of the rows answered."""

    def learn(self, new: Labelled, kept: Callable[[], Labelled]) -> None:
        super().learn(new, lambda: answered(kept()))


def answered(rows: Labelled) -> Labelled:
    return rows.take(rows.ids >= 0)


def learner(arm: Arm) -> Any:
    if arm.tuned:
        return TunedLinear() if arm.trains else TunedWithoutReference()
    return LinearClassifier() if arm.trains else WithoutReference(LinearClassifier())
