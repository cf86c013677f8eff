"""The conformance checks: what ships here passes them, and each of them can fail."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression, Perceptron, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from streamlearn import plugins
from streamlearn.checks import (
    annotator_checks,
    check_annotator,
    check_learner,
    check_strategy,
    check_trimmer,
    learner_checks,
    strategy_checks,
    trimmer_checks,
)
from streamlearn.checks.worlds import Means, MeansWithMargins
from streamlearn.data import Answer, Judgement
from streamlearn.learners import wrap
from streamlearn.simulators import Panel, SimulatedAnnotator
from streamlearn.strategies import Diverse, Entropy, Margin, Random, Uncertainty, UtilityStrategy
from streamlearn.trimming import AskAgain, ConfidentTrim, DawidSkene, KeepAll, LossTrim, RandomTrim


def name_of(check: Any) -> str:
    return str(check.__name__)


# What ships


@pytest.mark.parametrize("check", strategy_checks(), ids=name_of)
@pytest.mark.parametrize(
    "strategy",
    [
        Random(), Margin(), Entropy(), Uncertainty(), Diverse(), Diverse(Random(), 1.5),
        Diverse(Entropy(), method="kcenter"),
    ],
    ids=repr,
)  # fmt: skip
def test_our_strategies(strategy: Any, check: Callable[[Any], None]) -> None:
    check(strategy)


@pytest.mark.parametrize("check", trimmer_checks(), ids=name_of)
@pytest.mark.parametrize(
    "trimmer",
    [
        KeepAll(), RandomTrim(), RandomTrim(1.0), LossTrim(0.5), ConfidentTrim(),
        ConfidentTrim(DecisionTreeClassifier(max_depth=3), scope="seen"),
        AskAgain(LossTrim(0.5)), AskAgain(ConfidentTrim(scope="seen")),
        DawidSkene(l2=1.0), DawidSkene(l2=1.0, action="trim", scope="seen"),
    ],
    ids=repr,
)  # fmt: skip
def test_our_trimmers(trimmer: Any, check: Callable[[Any], None]) -> None:
    check(trimmer)


LEARNERS: dict[str, Callable[[], Any]] = {
    "refit": lambda: wrap(LogisticRegression(), seed=0),
    "refit, margins only": lambda: wrap(SVC(), seed=0),
    "refit, classes": lambda: wrap(GaussianNB(), seed=0, classes=["a", "b", "c"]),
    "incremental": lambda: wrap(SGDClassifier(loss="log_loss"), seed=0, incremental=True),
    "incremental, margins only": lambda: wrap(Perceptron(), seed=0, incremental=True),
    "built in": MeansWithMargins,
}


@pytest.mark.parametrize("check", learner_checks(), ids=name_of)
@pytest.mark.parametrize("learner", LEARNERS)
def test_our_learners(learner: str, check: Callable[[Any], None]) -> None:
    check(LEARNERS[learner])


ANNOTATORS: dict[str, Callable[[Any], Any]] = {
    "exact": lambda y: SimulatedAnnotator(y),
    "fallible, late": lambda y: SimulatedAnnotator(y, noise=0.3, abstain=0.2, delay=2.0, seed=1),
    "panel": lambda y: Panel(
        [SimulatedAnnotator(y, noise=0.2, name=name, seed=2) for name in "abc"], per_row=2
    ),
}


@pytest.mark.parametrize("check", annotator_checks(), ids=name_of)
@pytest.mark.parametrize("annotator", ANNOTATORS)
def test_our_annotators(annotator: str, check: Callable[[Any], None]) -> None:
    check(ANNOTATORS[annotator])


@pytest.mark.parametrize("name", plugins.names("strategies"))
def test_registered_strategies(name: str) -> None:
    check_strategy(plugins.load("strategies", name)())


@pytest.mark.parametrize("name", plugins.names("trimmers"))
def test_registered_trimmers(name: str) -> None:
    check_trimmer(plugins.load("trimmers", name)())


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # few, tiny rows
@pytest.mark.parametrize("name", plugins.names("learners"))
def test_registered_learners(name: str) -> None:
    check_learner(lambda: wrap(plugins.load("learners", name)(), seed=0))


# What is broken, law by law: strategies


class Broken(UtilityStrategy):
    """Margin sampling; subclasses break one law each."""

    def utilities(self, view: Any) -> Any:
        return Margin().utilities(view)


class AsksTaken(Broken):
    def select(self, view: Any, n: int, rng: Any) -> Any:
        return rng.permutation(view.candidates.ids)[:n]


class AsksTwice(Broken):
    def select(self, view: Any, n: int, rng: Any) -> Any:
        return np.repeat(super().select(view, n, rng), 2)[:n]


class AsksPositions(Broken):
    def select(self, view: Any, n: int, rng: Any) -> Any:
        return np.flatnonzero(np.isin(view.candidates.ids, super().select(view, n, rng)))


class AsksOneMore(Broken):
    def select(self, view: Any, n: int, rng: Any) -> Any:
        return super().select(view, n + 1, rng)


class Remembers(Broken):
    def select(self, view: Any, n: int, rng: Any) -> Any:
        self.calls_ = getattr(self, "calls_", 0) + 1
        return super().select(view, n + self.calls_, rng)[-n:] if n else view.candidates.ids[:0]


class DrawsGlobally(Broken):
    def select(self, view: Any, n: int, rng: Any) -> Any:
        np.random.random()  # noqa: NPY002
        return super().select(view, n, rng)


class ScalesInPlace(Broken):
    def utilities(self, view: Any) -> Any:
        X = view.candidates.X
        values = X.data if sparse.issparse(X) else X
        values.setflags(write=True)  # read-only does not stop the determined
        values *= 2
        return super().utilities(view)


class CentresInPlace(Broken):
    def utilities(self, view: Any) -> Any:
        X = view.candidates.X
        X = X.data if sparse.issparse(X) else X
        X += 0.0  # changes no byte, and fails where arrays are read-only
        return super().utilities(view)


class Teaches(Broken):
    def select(self, view: Any, n: int, rng: Any) -> Any:
        view.learner.means = view.learner.means + 0.1
        return super().select(view, n, rng)


class FirstOfEquals(Broken):
    def select(self, view: Any, n: int, rng: Any) -> Any:
        u = np.where(view.candidates.open, self.utilities(view), -np.inf)
        best = np.argsort(-u, kind="stable")[: min(n, view.candidates.open.sum())]
        return view.candidates.ids[best]


class KeysByPosition(Broken):
    def select(self, view: Any, n: int, rng: Any) -> Any:
        c = view.candidates
        u = np.where(c.open, self.utilities(view), -np.inf)
        best = np.lexsort((rng.random(len(c)), -u))[: min(n, c.open.sum())]
        return c.ids[best]


class NeedsTwoRows(Broken):
    def utilities(self, view: Any) -> Any:
        distance = np.abs(view.candidates.X - view.candidates.X[[1]])
        return super().utilities(view) + 0 * distance.sum(axis=1)


class NeedsAnOpenRow(Broken):
    def select(self, view: Any, n: int, rng: Any) -> Any:
        u = self.utilities(view)
        assert u[view.candidates.open].max() <= 0
        return super().select(view, n, rng)


class NeedsNRows(Broken):
    def select(self, view: Any, n: int, rng: Any) -> Any:
        np.partition(view.candidates.ids, n)
        return super().select(view, n, rng)


class NeedsTwoClasses(Broken):
    def utilities(self, view: Any) -> Any:
        p = view.learner.predict_proba(view.candidates.X)
        return -np.abs(p[:, 0] - p[:, 1])


class NeedsDenseRows(Broken):
    def utilities(self, view: Any) -> Any:
        return super().utilities(view) + 0 * np.linalg.norm(view.candidates.X, axis=1)


class HoldsALambda(Broken):
    def __init__(self) -> None:
        self.weight = lambda x: x


class LosesItsParameter(Broken):
    def __init__(self, skip: int = 0) -> None:
        self.skip = skip

    def __reduce__(self) -> Any:
        return LosesItsParameter, ()

    def select(self, view: Any, n: int, rng: Any) -> Any:
        return super().select(view, n + self.skip, rng)[self.skip :]


class NotAnEstimator:
    def select(self, view: Any, n: int, rng: Any) -> Any:
        return Margin().select(view, n, rng)


class ReadableNotAnEstimator(NotAnEstimator):
    def __repr__(self) -> str:
        return "ReadableNotAnEstimator()"


BROKEN_STRATEGIES = [
    ("check_open_ids", AsksTaken(), "not open"),
    ("check_open_ids", AsksTwice(), "asked an id twice"),
    ("check_open_ids", AsksPositions(), "not open"),
    ("check_at_most_n", AsksOneMore(), "asked 1 rows where 0 were allowed"),
    ("check_same_generator", Remembers(), "with the same generator"),
    ("check_no_global_randomness", DrawsGlobally(), "global generator"),
    ("check_inputs_not_mutated", ScalesInPlace(), "wrote to an array"),
    ("check_inputs_not_mutated", CentresInPlace(), "read-only"),
    ("check_learner_unchanged", Teaches(), "changed the learner"),
    ("check_permutation", FirstOfEquals(), "permuted"),
    ("check_permutation", KeysByPosition(), "permuted"),
    ("check_one_candidate", NeedsTwoRows(), "IndexError"),
    ("check_nothing_open", NeedsAnOpenRow(), "ValueError"),
    ("check_n_larger_than_pool", NeedsNRows(), "ValueError"),
    ("check_one_class", NeedsTwoClasses(), "IndexError"),
    ("check_cold_learner", NeedsTwoClasses(), "IndexError"),
    ("check_ties", FirstOfEquals(), "asked only 1 of 20 equal rows"),
    ("check_sparse", NeedsDenseRows(), "raised"),
    ("check_picklable", HoldsALambda(), "raised"),
    ("check_picklable", LosesItsParameter(3), "asks other rows after pickling"),
    ("check_clone_and_repr", NotAnEstimator(), "has the repr"),
    ("check_clone_and_repr", ReadableNotAnEstimator(), "raised TypeError"),
]


# Trimmers


class BrokenTrimmer(BaseEstimator):  # type: ignore[misc]
    """Loss trimming; subclasses spoil the verdict."""

    def judge(self, answered: Any, view: Any) -> Any:
        return self.spoil(LossTrim(0.3).judge(answered, view), answered, view)

    def spoil(self, said: Any, answered: Any, view: Any) -> Any:
        return said


def part(said: Any, rows: Any) -> Judgement:
    columns = (said.ids, said.y, said.weight, said.score, said.reason)
    return Judgement(*(column[rows] for column in columns))


class LosesRows(BrokenTrimmer):
    def spoil(self, said: Any, answered: Any, view: Any) -> Any:
        return part(said, said.weight > 0)


class InventsRows(BrokenTrimmer):
    def spoil(self, said: Any, answered: Any, view: Any) -> Any:
        return replace(said, ids=np.append(said.ids[:-1], 5)) if len(said) else said


class RepeatsRows(BrokenTrimmer):
    def spoil(self, said: Any, answered: Any, view: Any) -> Any:
        return part(said, np.r_[np.arange(len(said)), :1])


class TearsColumns(BrokenTrimmer):
    def spoil(self, said: Any, answered: Any, view: Any) -> Any:
        return replace(said, score=said.score[:-1])


class WeighsBelowZero(BrokenTrimmer):
    def spoil(self, said: Any, answered: Any, view: Any) -> Any:
        return replace(said, weight=said.weight - 0.5)


class WeighsNothing(BrokenTrimmer):
    def spoil(self, said: Any, answered: Any, view: Any) -> Any:
        return replace(said, weight=np.where(said.weight > 0, 1, np.nan))


class InventsLabels(BrokenTrimmer):
    def spoil(self, said: Any, answered: Any, view: Any) -> Any:
        return replace(said, y=said.y + 17)


class SaysNothing(BrokenTrimmer):
    def spoil(self, said: Any, answered: Any, view: Any) -> Any:
        return replace(said, reason=np.full(len(said), ""))


class LearnsDoubts(BrokenTrimmer):
    def spoil(self, said: Any, answered: Any, view: Any) -> Any:
        return replace(said, again=np.ones(len(said), np.int64))


class Alternates(BrokenTrimmer):
    def spoil(self, said: Any, answered: Any, view: Any) -> Any:
        self.turn_ = not getattr(self, "turn_", False)
        return said if self.turn_ else replace(said, weight=np.ones(len(said)))


class TrimsGlobally(BrokenTrimmer):
    def spoil(self, said: Any, answered: Any, view: Any) -> Any:
        np.random.random()  # noqa: NPY002
        return said


class WeighsInPlace(BrokenTrimmer):
    def spoil(self, said: Any, answered: Any, view: Any) -> Any:
        answered.weight[said.weight == 0] = 0
        return said


class TeachesToo(BrokenTrimmer):
    def spoil(self, said: Any, answered: Any, view: Any) -> Any:
        view.learner.means = view.learner.means + 0.1
        return said


class TrimsTheFirst(BrokenTrimmer):
    def spoil(self, said: Any, answered: Any, view: Any) -> Any:
        first = np.arange(len(said)) == 0
        return replace(said, weight=np.where(first, 0.0, said.weight),
                       reason=np.where(first, "first", said.reason))  # fmt: skip


class NeedsTwoAnswers(BrokenTrimmer):
    def spoil(self, said: Any, answered: Any, view: Any) -> Any:
        return said if len(said) != 1 else part(said, [1])


class NeedsAnAnswer(BrokenTrimmer):
    def spoil(self, said: Any, answered: Any, view: Any) -> Any:
        answered.y[0]
        return said


class NeedsTwoLabels(BrokenTrimmer):
    def spoil(self, said: Any, answered: Any, view: Any) -> Any:
        if len(answered) > 1:
            np.unique(answered.y)[1]
        return said


class NeedsAWarmLearner(BrokenTrimmer):
    def spoil(self, said: Any, answered: Any, view: Any) -> Any:
        view.learner.predict(answered.X)
        return said


class KnowsAllClasses(BrokenTrimmer):
    def spoil(self, said: Any, answered: Any, view: Any) -> Any:
        view.learner.predict_proba(answered.X)[np.arange(len(answered)), answered.y]
        return said


class NeedsDenseAnswers(BrokenTrimmer):
    def spoil(self, said: Any, answered: Any, view: Any) -> Any:
        np.linalg.norm(answered.X, axis=1)
        return said


class TrimmerWithALambda(BrokenTrimmer):
    def __init__(self) -> None:
        self.weight = lambda x: x


class PlainTrimmer:
    def judge(self, answered: Any, view: Any) -> Any:
        return KeepAll().judge(answered, view)


BROKEN_TRIMMERS = [
    ("check_rows_conserved", LosesRows(), "no verdict on answered ids"),
    ("check_rows_conserved", InventsRows(), "no verdict on|never answered"),
    ("check_rows_conserved", RepeatsRows(), "judged an id twice"),
    ("check_rows_conserved", TearsColumns(), "different lengths"),
    ("check_weights", WeighsBelowZero(), "gave the weight"),
    ("check_weights", WeighsNothing(), "gave the weight"),
    ("check_labels_known", InventsLabels(), "nobody ever said"),
    ("check_changes_have_reasons", SaysNothing(), "without a reason"),
    ("check_asked_again_is_set_aside", LearnsDoubts(), "learns them as well"),
    ("check_same_answer", Alternates(), "when asked again"),
    ("check_no_global_randomness", TrimsGlobally(), "global generator"),
    ("check_inputs_not_mutated", WeighsInPlace(), "wrote to an array|read-only"),
    ("check_learner_unchanged", TeachesToo(), "changed the learner"),
    ("check_permutation", TrimsTheFirst(), "permuted"),
    ("check_one_row", NeedsTwoAnswers(), "IndexError"),
    ("check_empty_batch", NeedsAnAnswer(), "IndexError"),
    ("check_one_class", NeedsTwoLabels(), "IndexError"),
    ("check_cold_learner", NeedsAWarmLearner(), "raised"),
    ("check_new_class", KnowsAllClasses(), "IndexError"),
    ("check_sparse", NeedsDenseAnswers(), "raised"),
    ("check_picklable", TrimmerWithALambda(), "raised"),
    ("check_clone_and_repr", PlainTrimmer(), "has the repr"),
]


# Learners


class BreaksCold(MeansWithMargins):
    def predict_proba(self, X: Any) -> Any:
        return super().predict_proba(X) if len(self.classes_) else np.zeros((X.shape[0], 1))


class BreaksProbabilities(MeansWithMargins):
    def predict_proba(self, X: Any) -> Any:
        p = super().predict_proba(X)
        return np.sqrt(p)


class BreaksShape(MeansWithMargins):
    def predict_proba(self, X: Any) -> Any:
        return super().predict_proba(X)[:, :1]


class BreaksOrder(MeansWithMargins):
    def learn(self, new: Any, kept: Any) -> None:
        super().learn(new, kept)
        self.classes_, self.means = self.classes_[::-1], self.means[::-1]


class SwapsColumns(MeansWithMargins):
    def predict_proba(self, X: Any) -> Any:
        return super().predict_proba(X)[:, ::-1]


class MakesCodes(MeansWithMargins):
    def predict(self, X: Any) -> Any:
        return np.searchsorted(self.classes_, super().predict(X))


class FailsOnOneClass(MeansWithMargins):
    def learn(self, new: Any, kept: Any) -> None:
        if len(np.unique(kept().y)) < 2:
            raise ValueError("needs two classes")
        super().learn(new, kept)


class ForgetsOnNothing(MeansWithMargins):
    def learn(self, new: Any, kept: Any) -> None:
        super().learn(new, kept)
        if not len(new) and len(self.classes_):
            self.means = 0 * self.means


class CountsEveryRow(MeansWithMargins):
    def learn(self, new: Any, kept: Any) -> None:
        rows = kept()
        whole = replace(rows, weight=np.ones(len(rows)))
        super().learn(whole, lambda: whole)


class NeverTheSame(MeansWithMargins):
    makes = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        self.shift = next(self.makes)

    def predict_proba(self, X: Any) -> Any:
        return super().predict_proba(X + self.shift * 0.01 if len(self.classes_) else X)


class SharesItsState(MeansWithMargins):
    def __deepcopy__(self, memo: Any) -> Any:
        return self


class ShufflesInPlace(MeansWithMargins):
    def learn(self, new: Any, kept: Any) -> None:
        super().learn(new, kept)
        rows = kept()
        if len(rows):
            rows.y[:] = rows.y[::-1]


class LearnerWithALambda(MeansWithMargins):
    def __init__(self) -> None:
        super().__init__()
        self.link = lambda x: x


class FailsOnSparse(MeansWithMargins):
    def predict_proba(self, X: Any) -> Any:
        if sparse.issparse(X):
            raise KeyError("rows")
        return super().predict_proba(X)


class ContradictsItself(MeansWithMargins):
    def decision_function(self, X: Any) -> Any:
        return -super().decision_function(X)


BROKEN_LEARNERS: list[tuple[str, Any, str]] = [
    ("check_cold", BreaksCold, "sum to"),
    ("check_probabilities", BreaksProbabilities, "sum to"),
    ("check_probabilities", BreaksShape, "of shape"),
    ("check_classes_sorted", BreaksOrder, "not sorted"),
    ("check_columns_follow_classes", SwapsColumns, "far apart right"),
    ("check_labels_round_trip", MakesCodes, "learned the labels"),
    ("check_one_class", FailsOnOneClass, "needs two classes"),
    ("check_empty_batch", ForgetsOnNothing, "empty later batch"),
    ("check_weight_zero_is_absent", CountsEveryRow, "weight 0"),
    ("check_same_twice", NeverTheSame, "differs from its twin"),
    ("check_deepcopy_is_independent", SharesItsState, "when its copy learned"),
    ("check_inputs_not_mutated", ShufflesInPlace, "wrote to an array"),
    ("check_picklable", LearnerWithALambda, "raised"),
    ("check_sparse", FailsOnSparse, "KeyError"),
    ("check_decision_values", ContradictsItself, "contradict predict"),
]


# Annotators


class AnswersAll:
    """Knows every label; subclasses misbehave."""

    def __init__(self, y: Any) -> None:
        self.y = np.asarray(y)

    def answer(self, open_queries: Any, round: int) -> list[Answer]:
        return [Answer(q.round, q.ids, self.y[q.ids]) for q in open_queries]


class AnswersMore(AnswersAll):
    def answer(self, open_queries: Any, round: int) -> list[Answer]:
        ids = np.arange(len(self.y))
        return [Answer(q.round, ids, self.y) for q in open_queries]


class NeedsBothQueries(AnswersAll):
    def answer(self, open_queries: Any, round: int) -> list[Answer]:
        return [super(NeedsBothQueries, self).answer(open_queries, round)[i] for i in (0, 1)]


class ErrsByPosition(AnswersAll):
    def answer(self, open_queries: Any, round: int) -> list[Answer]:
        return [Answer(q.round, q.ids, np.where(np.arange(len(q)) % 2, self.y[q.ids], 0))
                for q in open_queries]  # fmt: skip


class ErrsAnew(AnswersAll):
    makes = itertools.count()

    def __init__(self, y: Any) -> None:
        super().__init__(y)
        self.y = np.random.default_rng(next(self.makes)).permutation(self.y)


class AnswersCodes(AnswersAll):
    def __init__(self, y: Any) -> None:
        super().__init__(np.asarray(y) + 10)


class SortsTheQuery(AnswersAll):
    def answer(self, open_queries: Any, round: int) -> list[Answer]:
        for q in open_queries:
            q.ids.setflags(write=True)
            q.ids.sort()
        return super().answer(open_queries, round)


class AnnotatorWithALambda(AnswersAll):
    def __init__(self, y: Any) -> None:
        super().__init__(y)
        self.link = lambda x: x


BROKEN_ANNOTATORS: list[tuple[str, Any, str]] = [
    ("check_only_ids_asked", AnswersMore, "has not"),
    ("check_partial_queries", NeedsBothQueries, "IndexError"),
    ("check_same_answer_again", ErrsByPosition, "differently when asked again"),
    ("check_same_answer_again", ErrsAnew, "differently when asked again"),
    ("check_labels_known", AnswersCodes, "which is no label"),
    ("check_inputs_not_mutated", SortsTheQuery, "wrote to an array"),
    ("check_picklable", AnnotatorWithALambda, "raised"),
]


GROUPS = {
    "strategies": (strategy_checks, BROKEN_STRATEGIES),
    "trimmers": (trimmer_checks, BROKEN_TRIMMERS),
    "learners": (learner_checks, BROKEN_LEARNERS),
    "annotators": (annotator_checks, BROKEN_ANNOTATORS),
}


@pytest.mark.parametrize("group", GROUPS)
def test_every_law_has_somebody_who_breaks_it(group: str) -> None:
    checks, broken = GROUPS[group]
    assert {name_of(check) for check in checks()} == {name for name, _, _ in broken}


@pytest.mark.parametrize(
    ("group", "law", "subject", "seen"),
    [(group, *case) for group, (_, broken) in GROUPS.items() for case in broken],
    ids=lambda value: getattr(value, "__name__", None) or type(value).__name__
    if not isinstance(value, str) else value.replace(" ", "_"),
)  # fmt: skip
def test_each_check_can_fail(group: str, law: str, subject: Any, seen: str) -> None:
    checks: Any = {name_of(check): check for check in GROUPS[group][0]()}
    name = getattr(subject, "__name__", type(subject).__name__)
    with pytest.raises(AssertionError, match=rf"^{law}: {name} .*({seen})"):
        checks[law](subject)


def test_the_unbroken_ones_pass() -> None:
    check_strategy(Broken())
    check_trimmer(BrokenTrimmer())
    check_learner(MeansWithMargins)
    check_learner(Means)
    check_annotator(AnswersAll)
