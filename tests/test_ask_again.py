"""Rows asked again: reopened, answered by somebody else, learned once, paid for."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.naive_bayes import GaussianNB

from streamlearn.data import Answer, Judgement, Labelled, Query
from streamlearn.errors import AnswerError, InputError, StreamlearnError
from streamlearn.loop import Loop
from streamlearn.protocols import View
from streamlearn.simulators import Panel, SimulatedAnnotator
from streamlearn.sources import Stream
from streamlearn.stopping import Budget
from streamlearn.strategies import Margin, Random
from streamlearn.trimming import (
    AskAgain,
    ConfidentTrim,
    InfluenceTrim,
    LossTrim,
    NoiseModel,
    RandomTrim,
)

X, Y = load_digits(return_X_y=True)
X, Y = X[:200] / 16, Y[:200] % 2


class Doubt:
    """Asks every row of the given ids again until it has three answers; learns the others."""

    def __init__(self, ids: Any, more: int = 2, weight: float = 0.0) -> None:
        self.ids, self.more, self.weight = ids, more, weight

    def __repr__(self) -> str:
        return "Doubt()"

    def judge(self, answered: Labelled, view: View) -> Judgement:
        again = np.isin(answered.ids, self.ids) & (view.votes.count(answered.ids) < 2)
        n = len(answered)
        return Judgement(
            answered.ids,
            answered.y,
            np.where(again, self.weight, 1.0),
            np.zeros(n),
            np.where(again, "doubt", ""),
            np.where(again, self.more, 0),
        )


def panel(noise: float = 0.3, members: int = 5, **options: Any) -> Panel:
    return Panel(
        [
            SimulatedAnnotator(Y, noise=noise, name=f"a{i}", seed=i, **options)
            for i in range(members)
        ],
        per_row="asked",
        seed=3,
    )


def test_a_row_asked_again_is_set_aside_until_others_have_answered() -> None:
    loop = Loop(X, GaussianNB(), Random(), Doubt([7]), per_round=200, seed=1)
    query = loop.ask()
    assert query is not None
    first = loop.tell(
        Answer(1, query.ids, np.where(query.ids == 7, 1 - Y[query.ids], Y[query.ids]))
    )
    assert first.reopened == 1
    assert 7 not in loop.labelled().ids
    assert loop.open_queries == []
    open_query = loop.ask()
    assert open_query is not None
    assert open_query.round == 2
    assert open_query.ids.tolist() == [7]
    assert np.asarray(open_query.votes).tolist() == [3]
    np.testing.assert_array_equal(open_query.X, X[[7]])
    second = loop.tell(Answer(2, [7], [Y[7]], annotator="second"))
    assert second.closed == 0
    assert 7 not in loop.labelled().ids
    third = loop.tell(Answer(2, [7], [Y[7]], annotator="third"))
    assert third.closed == 1
    kept = loop.labelled()
    assert kept.y[kept.ids == 7].tolist() == [Y[7]]
    assert len(kept) == len(np.unique(kept.ids)) == 200
    assert third.labels == 202
    assert loop.to_frame().reopened.tolist() == [1, 0, 0]


def test_whoever_answered_before_cannot_answer_otherwise_and_repeats_for_nothing() -> None:
    loop = Loop(X, GaussianNB(), Random(), Doubt([7]), per_round=200, seed=1)
    query = loop.ask()
    assert query is not None
    loop.tell(Answer(1, query.ids, Y[query.ids]))
    again = loop.ask()
    assert again is not None
    for round in (1, again.round):
        assert loop.tell(Answer(round, [7], [Y[7]])).labels == 200
        with pytest.raises(AnswerError, match="the first answer stands"):
            loop.tell(Answer(round, [7], [1 - Y[7]]))
    with pytest.raises(AnswerError, match="id 7 was asked again in round 2; answer it there"):
        loop.tell(Answer(1, [7], [Y[7]], annotator="late"))
    assert loop.split([7, 8]).keys() == {1, 2}


@settings(max_examples=15, deadline=None)
@given(
    budget=st.integers(20, 120),
    per_round=st.integers(1, 20),
    share=st.floats(0.05, 0.6),
    seed=st.integers(0, 99),
    abstain=st.sampled_from([0.0, 0.2]),
)
def test_rows_are_conserved_and_the_budget_holds(
    budget: int, per_round: int, share: float, seed: int, abstain: float
) -> None:
    trimmer = AskAgain(RandomTrim(budget=share, seed=seed), answers=3)
    loop = Loop(X, GaussianNB(), Random(), trimmer, per_round=per_round, budget=budget, seed=seed)
    spent = 0
    for round in loop.run(panel(abstain=abstain), patience=3):
        view = loop._view()
        assert len(np.unique(view.seen.ids)) == len(view.seen)
        aside = view.seen.ids[view.seen.weight == 0]
        assert set(loop.labelled().ids) | set(aside) == set(view.seen.ids)
        assert round.labels + loop._ledger.pending_votes <= budget
        spent = round.labels
    assert spent <= budget
    votes = loop._view().votes
    counts = votes.count(loop.labelled().ids)
    assert ((counts >= 1) & (counts <= 3)).all()
    assert len(set(zip(votes.ids.tolist(), votes.annotator.tolist(), strict=True))) == len(votes)


def test_the_majority_of_all_answers_is_learned() -> None:
    loop = Loop(X, GaussianNB(), Random(), AskAgain(RandomTrim(0.5)), per_round=20, seed=2,
                budget=Budget(labels=150))  # fmt: skip
    list(loop.run(panel()))
    votes, rows = loop._view().votes, loop.labelled()
    asked_again = 0
    for i, y in zip(rows.ids.tolist(), rows.y.tolist(), strict=True):
        said = votes.y[votes.ids == i]
        assert (said == y).sum() > len(said) / 2
        asked_again += len(said) == 3
    assert asked_again > 5


def test_a_resumed_run_knows_what_was_asked_again(tmp_path: Path) -> None:
    parts: dict[str, Any] = {
        "strategy": Margin(), "per_round": 10, "budget": 120, "seed": 4,
        "trimmer": AskAgain(LossTrim(budget=0.3)), "initial": (np.arange(20), Y[:20]),
    }  # fmt: skip
    whole = Loop(X, GaussianNB(), **parts)
    list(whole.run(panel(delay=1.0)))
    assert sum(r.reopened for r in whole.history) > 5
    loop = Loop(X, GaussianNB(), journal=tmp_path / "run.db", **parts)
    run = loop.run(panel(delay=1.0))
    for _ in range(9):
        next(run)
    assert loop.journal is not None
    loop.journal.close()
    again = Loop.resume(tmp_path / "run.db", X, GaussianNB(), **parts)
    list(again.run(panel(delay=1.0)))
    assert again.labelled().ids.tolist() == whole.labelled().ids.tolist()
    assert again.labelled().y.tolist() == whole.labelled().y.tolist()


def test_a_stream_asks_again_within_the_batches_it_remembers() -> None:
    def loop(remember: int) -> Loop:
        batches = [X[i : i + 20] for i in range(0, 200, 20)]
        trimmer = AskAgain(RandomTrim(0.3), answers=3)
        learner = SGDClassifier(loss="log_loss", average=True)
        return Loop(Stream(batches, remember=remember), learner, None, trimmer, classes=[0, 1])

    stream = loop(remember=10)
    list(stream.run(panel(delay=1.0), patience=5))
    assert sum(r.reopened for r in stream.history) > 20
    assert len(stream.labelled()) == 200
    late = loop(remember=1)
    first, _ = late.ask(), late.ask()
    assert first is not None
    late.tell(Answer(1, first.ids, Y[first.ids]))
    with pytest.raises(InputError, match=r"Stream\(…, remember=…\)"):
        late.ask()


def test_a_trimmer_that_asks_wrongly_is_told_so() -> None:
    for trimmer, words in (
        (Doubt([7], weight=1.0), "must have the weight 0"),
        (AskAgain(ConfidentTrim(), answers=1), "answers must be a whole number of at least 2"),
        (AskAgain(RandomTrim(), doubt=2.0), "doubt must be a weight from 0 to 1, got 2.0"),
    ):
        loop = Loop(X, GaussianNB(), Random(), trimmer, per_round=200)
        query = loop.ask()
        assert query is not None
        with pytest.raises(StreamlearnError, match=words):
            loop.tell(Answer(1, query.ids, Y[query.ids]))


@pytest.mark.parametrize(
    "trimmer",
    [
        InfluenceTrim(budget=0.3, action="ask_again", verify=False),
        NoiseModel(action="ask_again", l2=1.0, reference_weight=1.0),
    ],
    ids=repr,
)
def test_trimmers_know_the_action_by_name(trimmer: Any) -> None:
    parts: dict[str, Any] = {"per_round": 40, "budget": 120, "reference": (X[150:], Y[150:])}
    loop = Loop(X, GaussianNB(), Random(), trimmer, **parts)
    list(loop.run(panel()))
    assert loop.to_frame().reopened.sum() > 0


def test_initial_rows_are_left_as_they_are() -> None:
    rows = Labelled(np.arange(3), X[:3], Y[:3], np.ones(3))
    view = View(None, np.empty(0, np.int64), None, None, lambda: rows)  # type: ignore[arg-type]
    said = AskAgain(RandomTrim(0.9)).judge(rows, view)
    assert said.weight.tolist() == [1.0, 1.0, 1.0]
    assert said.again is not None
    assert not said.again.any()
    assert "kept: nobody can be asked again" in said.reason


def test_a_panel_passes_a_row_on_to_the_next_in_line() -> None:
    people = panel()
    once, thrice = people.assigned(np.arange(50), 1), people.assigned(np.arange(50), 3)
    assert (once.sum(axis=1) == 1).all()
    assert (thrice.sum(axis=1) == 3).all()
    assert (thrice | ~once).all()
    query = Query(1, np.arange(3), X[:3], np.array([1, 3, 5]))
    heard = np.concatenate([a.ids for a in people.answer([query], 1)])
    assert np.bincount(heard).tolist() == [1, 3, 5]
    with pytest.raises(InputError, match="'some'"):
        Panel(people.annotators, per_row="some")
