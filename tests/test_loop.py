"""The loop: ask and tell in any order, budgets, votes, streams; nothing lost or counted twice."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import sparse
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import scale

from streamlearn.data import Answer, Judgement, Labelled, Round
from streamlearn.loop import Loop
from streamlearn.memory import Reservoir
from streamlearn.protocols import View
from streamlearn.recorders import Prequential
from streamlearn.simulators import Panel, SimulatedAnnotator
from streamlearn.sources import Pool, Stream
from streamlearn.stopping import Agreement, Budget, BudgetSpent, Plateau, PoolEmpty, TimeUp
from streamlearn.strategies import Margin, Random

X, Y = load_breast_cancer(return_X_y=True)
X, Y = scale(X)[:300], np.where(Y[:300] == 1, "benign", "malignant")


def campaign(**changes: Any) -> Loop:
    made: dict[str, Any] = {
        "strategy": Margin(),
        "per_round": 7,
        "budget": 60,
        "initial": ([0, 1, 2, 3, 19, 20], Y[[0, 1, 2, 3, 19, 20]]),
        "test": (X[250:], Y[250:]),
    }
    made |= changes
    return Loop(made.pop("source", X), made.pop("learner", GaussianNB()), **made)


def asked(loop: Loop) -> NDArray[np.int64]:
    return np.concatenate([r.query.ids for r in loop.history if r.query is not None])


def test_run_is_nothing_but_ask_and_tell() -> None:
    annotator = SimulatedAnnotator(Y, noise=0.2)
    loop, by_hand = campaign(), campaign()
    rounds = list(loop.run(annotator))
    while (query := by_hand.ask()) is not None:
        for answer in annotator.answer([query], query.round):
            by_hand.tell(answer)
    assert by_hand.to_frame().equals(loop.to_frame())
    assert (asked(by_hand) == asked(loop)).all()
    assert [r.number for r in rounds] == list(range(1, 10))
    assert loop.stopped == "budget spent"


def test_every_id_is_asked_once_and_the_budget_is_kept() -> None:
    loop = campaign(budget=60)
    list(loop.run(SimulatedAnnotator(Y)))
    ids = asked(loop)
    assert len(ids) == len(set(ids.tolist())) == 60 == loop.history[-1].labels
    assert not set(ids.tolist()) & {0, 1, 2, 3, 19, 20}


def test_a_pool_is_emptied_when_nothing_stops_it() -> None:
    loop = campaign(budget=None, per_round=100)
    list(loop.run(SimulatedAnnotator(Y)))
    assert sorted([*asked(loop), 0, 1, 2, 3, 19, 20]) == list(range(300))
    assert loop.stopped == "no row left to ask"


def test_the_same_seed_asks_the_same_and_another_seed_something_else() -> None:
    runs = []
    for seed in (0, 0, 1):
        loop = campaign(strategy=Random(), seed=seed)
        list(loop.run(SimulatedAnnotator(Y)))
        runs.append(asked(loop).tolist())
    assert runs[0] == runs[1] != runs[2]


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_answers_in_any_order_in_any_pieces_end_alike(data: st.DataObject) -> None:
    """Several open queries, answered row by row in a random order, some rows twice."""
    whole = campaign(per_round=5, budget=15, strategy=Random())
    pieces = campaign(per_round=5, budget=15, strategy=Random())
    queries = [[loop.ask() for _ in range(3)] for loop in (whole, pieces)]
    assert whole.ask() is None  # open queries count against the budget
    for query in queries[0]:
        assert query is not None
        whole.tell(Answer(query.round, query.ids, Y[query.ids]))
    todo = [(q.round, i) for q in queries[1] if q is not None for i in q.ids.tolist()]
    order = data.draw(st.permutations(todo))
    twice = data.draw(st.lists(st.sampled_from(todo), max_size=5))
    for k, (number, i) in enumerate(order):
        pieces.tell(Answer(number, [i], [Y[i]]))
        if k < len(twice) and twice[k] in order[: k + 1]:
            before = len(pieces.history)
            pieces.tell(Answer(twice[k][0], [twice[k][1]], [Y[twice[k][1]]]))
            assert len(pieces.history) == before
    assert not pieces.open_queries
    assert pieces.history[-1].labels == whole.history[-1].labels == 15
    a, b = whole.labelled(), pieces.labelled()
    assert sorted(a.ids.tolist()) == sorted(b.ids.tolist())
    np.testing.assert_allclose(
        whole.learner.predict_proba(X), pieces.learner.predict_proba(X), atol=1e-9
    )


def test_abstained_rows_are_charged_and_not_offered_again() -> None:
    loop = campaign(budget=40, strategy=Random())
    list(loop.run(SimulatedAnnotator(Y, abstain=0.5, seed=3)))
    assert loop.history[-1].labels == 40
    learned = len(loop.labelled()) - 6
    assert 5 < learned < 35
    assert sum(r.closed for r in loop.history) - 6 == learned


def test_a_majority_of_votes_counts_and_every_vote_is_paid() -> None:
    panel = Panel([SimulatedAnnotator(Y, noise=0.3, name=f"a{i}", seed=i) for i in range(3)])
    loop = campaign(votes=3, budget=90, strategy=Random())
    list(loop.run(panel))
    rows = loop.labelled().take(slice(6, None))
    assert len(rows) == 30
    assert loop.history[-1].labels == 90 == loop.history[-1].cost  # repeats are not paid twice
    flips = np.stack([a.flipped(rows.ids) for a in panel.annotators])
    votes = np.where(flips, np.where(Y == "benign", "malignant", "benign")[rows.ids], Y[rows.ids])
    benign = (votes == "benign").sum(axis=0) >= 2
    assert (rows.y == np.where(benign, "benign", "malignant")).all()


def test_tied_votes_fall_by_seed_and_id_and_not_by_order() -> None:
    def vote(first: str) -> Any:
        loop = campaign(votes=2, strategy=Random(), per_round=40, budget=None)
        query = loop.ask()
        assert query is not None
        for who in (first, "benign" if first == "malignant" else "malignant"):
            loop.tell(Answer(1, query.ids, [who] * len(query), annotator=who))
        return loop.labelled().y[6:]

    assert (vote("benign") == vote("malignant")).all()
    assert 5 < (vote("benign") == "benign").sum() < 35


def test_a_budget_of_money_holds_back_what_is_open() -> None:
    loop = campaign(budget=Budget(cost=10.0, price=0.5), per_round=15, strategy=Random())
    first, second = loop.ask(), loop.ask()
    assert first is not None
    assert second is not None
    assert (len(first), len(second), loop.ask()) == (15, 5, None)
    loop.tell(Answer(1, first.ids, Y[first.ids], cost=1.5))  # cheaper than feared
    third = loop.ask()
    assert third is not None
    assert len(third) == 12


def test_late_answers_let_several_queries_be_open() -> None:
    prompt, late = campaign(strategy=Random()), campaign(strategy=Random())
    list(prompt.run(SimulatedAnnotator(Y)))
    rounds = list(late.run(SimulatedAnnotator(Y, delay=3)))
    assert len(rounds) == 9
    assert sorted(late.labelled().ids) == sorted(prompt.labelled().ids)
    assert not late.open_queries


def test_an_annotator_who_never_answers_ends_the_run_with_a_reason() -> None:
    class Silent:
        def answer(self, open_queries: Any, round: int) -> list[Answer]:
            return []

    loop = campaign(per_round=60)
    assert list(loop.run(Silent(), patience=5)) == []
    assert loop.stopped == "no answer to 1 open queries"


@pytest.mark.parametrize("kind", ["csr", "frame", "float32"])
def test_pools_of_every_kind_give_the_campaign(kind: str) -> None:
    table: Any = {
        "csr": sparse.csr_array(X),
        "frame": pd.DataFrame(X, columns=[f"f{i}" for i in range(X.shape[1])]),
        "float32": X.astype(np.float32),
    }[kind]
    test = (table.iloc[250:] if kind == "frame" else table[250:], Y[250:])
    learner = LogisticRegression(max_iter=1000)
    loop = campaign(source=table, learner=learner, test=test)
    rounds = list(loop.run(SimulatedAnnotator(Y)))
    assert rounds[-1].scores["accuracy"] > 0.9
    assert isinstance(rounds[0].query.X, type(table))  # type: ignore[union-attr]


def test_ids_of_the_users_own_cross_every_boundary() -> None:
    ids = np.random.default_rng(0).permutation(10_000)[:300]
    loop = campaign(source=Pool(X, ids=ids), initial=(ids[:8], Y[:8]))
    list(loop.run(SimulatedAnnotator(Y, ids=ids)))
    rows = loop.labelled()
    position = {i: k for k, i in enumerate(ids.tolist())}
    at = [position[i] for i in rows.ids.tolist()]
    assert (rows.y == Y[at]).all()
    assert (X[at] == rows.X).all()


class FlipTenth:
    """A trimmer that trims ids ending in 0, relabels those ending in 1, acquits on sight of 5."""

    def judge(self, answered: Labelled, view: View) -> Judgement:
        rows = view.seen
        ids = np.concatenate([answered.ids, rows.ids])
        given_ = np.concatenate([answered.y, rows.y])
        flipped = np.where(given_ == "benign", "malignant", "benign")
        acquit = (answered.ids % 10 == 5).any()
        y = np.where(ids % 10 == 1, flipped, given_)
        weight = np.where((ids % 10 == 0) & ~acquit, 0.0, 1.0)
        return Judgement(ids, y, weight, weight, np.full(len(ids), ""))


def test_a_judgement_trims_relabels_and_may_take_it_back() -> None:
    loop = campaign(trimmer=FlipTenth(), strategy=Random(), per_round=20, budget=120)
    rounds = list(loop.run(SimulatedAnnotator(Y)))
    last = rounds[-1]
    acquitted = bool((last.answered.ids % 10 == 5).any())
    rows = loop.labelled()
    bought = np.concatenate([[0, 1, 2, 3, 19, 20], asked(loop)])
    expected = bought if acquitted else bought[bought % 10 != 0]
    assert sorted(rows.ids.tolist()) == sorted(expected.tolist())
    truth = Y[rows.ids]
    assert (rows.y[rows.ids % 10 != 1] == truth[rows.ids % 10 != 1]).all()
    assert (rows.y[rows.ids % 10 == 1] != truth[rows.ids % 10 == 1]).all()
    for r in rounds:
        assert r.relabelled == (r.answered.ids % 10 == 1).sum()


def batches(size: int = 25) -> list[tuple[Any, Any]]:
    return [(X[i : i + size], Y[i : i + size]) for i in range(0, 300, size)]


@pytest.mark.parametrize("averaged", [False, True])
def test_a_plain_stream_is_bare_partial_fit(averaged: bool) -> None:
    sgd = SGDClassifier(loss="log_loss", average=averaged, random_state=3)
    loop = Loop(Stream(batches()), sgd, classes=["benign", "malignant"])
    list(loop.run())
    bare = SGDClassifier(loss="log_loss", average=averaged, random_state=3)
    for A, b in batches():
        bare.partial_fit(A, b, classes=["benign", "malignant"])
    assert (loop.learner.predict_proba(X) == bare.predict_proba(X)).all()
    assert loop.history[-1].labels == 300


def test_prequential_scores_are_of_predictions_made_before_learning() -> None:
    recorder = Prequential()
    loop = Loop(
        Stream(batches()),
        SGDClassifier(random_state=3),
        classes=["benign", "malignant"],
        recorders=[recorder],
    )
    list(loop.run())
    bare, right = SGDClassifier(random_state=3), []
    for k, (A, b) in enumerate(batches()):
        if k:
            right.append(np.mean(bare.predict(A) == b))
        bare.partial_fit(A, b, classes=["benign", "malignant"])
    assert recorder.to_frame()["accuracy"].tolist()[1:] == right


@pytest.mark.parametrize("share", [0.02, 0.1, 0.34, 0.9])
def test_a_stream_asks_its_share_of_the_rows_and_no_more(share: float) -> None:
    sgd = SGDClassifier(loss="log_loss")
    loop = Loop(Stream(batches(34)), sgd, Margin(), per_round=share, classes=list("bm"))
    answers = np.where(Y == "benign", "b", "m")
    list(loop.run(SimulatedAnnotator(answers)))
    assert loop.history[-1].labels == int(share * 300)


def test_a_stream_stays_within_its_budget() -> None:
    loop = Loop(Stream(batches()), GaussianNB(), Random(), per_round=10, budget=33)
    list(loop.run())
    assert [r.closed for r in loop.history] == [10, 10, 10, 3]


@pytest.mark.parametrize("memory", [40, Reservoir(40)])
def test_memory_is_bounded(memory: Any) -> None:
    loop = Loop(Stream(batches()), GaussianNB(), memory=memory)
    list(loop.run())
    ids = loop.labelled().ids
    assert len(ids) == 40
    if isinstance(memory, int):
        assert ids.tolist() == list(range(260, 300))
    else:
        assert ids.min() < 100 < 200 < ids.max()
    assert all(r.query is None and len(r.answered) == 0 for r in loop.history)


def test_the_reference_trains_and_is_never_forgotten() -> None:
    loop = Loop(Stream(batches()), GaussianNB(), memory=10, reference=(X[:20], Y[:20]))
    assert loop.history[0].number == 0
    list(loop.run())
    assert (loop.labelled().ids < 0).sum() == 20


def test_frames_stream_through_one_encoder_fitted_on_the_reference() -> None:
    frame = pd.DataFrame({"a": X[:, 0], "kind": np.where(X[:, 1] > 0, "up", "down")})
    pieces = [(frame.iloc[i : i + 30], Y[i : i + 30]) for i in range(50, 300, 30)]
    loop = Loop(Stream(pieces), GaussianNB(), reference=(frame[:50], Y[:50]))
    list(loop.run())
    first = loop.labelled().X[:50, 0]
    assert abs(first.mean()) < 1e-9
    assert abs(first.std() - 1) < 1e-9


def history(*accuracies: float) -> list[Round]:
    none = Labelled(np.empty(0, np.int64), np.empty((0, 1)), np.empty(0), np.empty(0))
    return [
        Round(k, None, none, None, scores={"accuracy": a}, labels=10 * k)
        for k, a in enumerate(accuracies)
    ]


def test_stopping_conditions_compose() -> None:
    view = campaign()._view()
    plateau, spent = Plateau(rounds=2), BudgetSpent(labels=40)
    flat, rising = history(0.5, 0.6, 0.6, 0.6), history(0.5, 0.6, 0.7, 0.8, 0.9)
    assert plateau.check(flat, view)
    assert not plateau.check(rising, view)
    assert spent.check(rising, view)
    assert not spent.check(flat, view)
    assert (plateau | spent).check(flat, view)
    assert (plateau | spent).check(rising, view)
    assert not (plateau & spent).check(flat, view)
    assert not (plateau & spent).check(rising, view)
    assert (plateau & spent).check(history(0.5, 0.6, 0.6, 0.6, 0.6), view)
    assert ((plateau & spent) | plateau).check(flat, view)


@pytest.mark.parametrize(
    ("stop", "word"),
    [
        (Plateau(rounds=3, tolerance=0.02), "accuracy gained"),
        (Agreement(threshold=0.97, rounds=2), "agree"),
        (TimeUp(1e-9), "seconds"),
        (BudgetSpent(cost=21), "21 spent"),
    ],
)
def test_a_condition_ends_a_campaign_early(stop: Any, word: str) -> None:
    loop = campaign(budget=None, stop=stop)
    list(loop.run(SimulatedAnnotator(Y)))
    assert word in str(loop.stopped)
    assert loop.history[-1].labels < 290
    assert loop.ask() is None


def test_pool_empty_is_a_condition_as_well() -> None:
    loop = campaign(budget=None, per_round=294, stop=PoolEmpty())
    list(loop.run(SimulatedAnnotator(Y)))
    assert loop.stopped == "no row left to ask"


def test_a_pool_is_never_copied() -> None:
    big = np.random.default_rng(0).normal(size=(1000, 5))
    source = Pool(big)
    offered = source.draw(np.array([3]))
    assert offered is not None
    assert offered.X is big


def test_labels_told_are_the_loops_own() -> None:
    loop = campaign(strategy=Random(), initial=None, test=None)
    query = loop.ask()
    assert query is not None
    y = np.arange(len(query)) % 2
    loop.tell(Answer(1, query.ids, y))
    y[:] = 7  # the caller fills his buffer anew
    assert set(loop.labelled().y.tolist()) == {0, 1}
