"""modAL's query functions in our loop, and our strategies in modAL's learners."""

import pickle
import sys
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import scale
from sklearn.svm import SVC

from streamlearn import Loop
from streamlearn.checks import strategy_checks
from streamlearn.errors import InputError, MissingExtraError
from streamlearn.learners import RiverLearner
from streamlearn.simulators import SimulatedAnnotator
from streamlearn.strategies import ISAL, Diverse, Margin, Random, as_modal, from_modal

X, Y = load_breast_cancer(return_X_y=True)
X = scale(X)
IRIS = scale(load_iris().data), load_iris().target_names[load_iris().target]
PLAIN = ["uncertainty_sampling", "margin_sampling", "entropy_sampling"]
RANKED = "uncertainty_batch_sampling"
COMMITTEE = ["vote_entropy_sampling", "consensus_entropy_sampling", "max_disagreement_sampling"]


def made(name: str) -> Any:
    pytest.importorskip("modAL", reason="needs streamlearn[modal]")
    return from_modal(name, committee=4 if name in COMMITTEE else None)


def campaign(strategy: Any, data: Any = IRIS, **options: Any) -> list[list[int]]:
    features, labels = data
    first = np.concatenate([np.flatnonzero(labels == c)[:3] for c in np.unique(labels)])
    settings = {"learner": LogisticRegression(), "initial": (first, labels[first]), **options}
    loop = Loop(features, strategy=strategy, per_round=5, budget=20, **settings)
    return [r.query.ids.tolist() for r in loop.run(SimulatedAnnotator(labels)) if r.query]


def worst_first(learner: Any, X: Any, n_instances: int = 1) -> Any:
    """A query function as modAL's readme shows how to write one."""
    return np.argsort(learner.predict_proba(X).max(axis=1))[:n_instances]


# What needs no modAL


def test_without_modal_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("modAL", "modAL.models"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=r'pip install "streamlearn\[modal\]"'):
        from_modal("margin_sampling")


@pytest.mark.parametrize(
    ("name", "reason"),
    [("expected_error_reduction", "NumPy 1.24"), ("max_std_sampling", "committee of regressors")],
)
def test_what_cannot_be_used_says_why(name: str, reason: str) -> None:
    with pytest.raises(InputError, match=f"{name} cannot be used here: .*{reason}"):
        from_modal(name)


@pytest.mark.parametrize("estimator", [LogisticRegression(), SVC()], ids=repr)
def test_our_strategy_chooses_from_a_fitted_estimator(estimator: Any) -> None:
    model = estimator.fit(X[:80], Y[:80])
    positions, ranks = as_modal(Margin())(model, X[80:], n_instances=7)
    by_hand = np.argsort(np.abs(model.decision_function(X[80:])))[:7]
    assert positions.tolist() == by_hand.tolist()
    assert len(ranks) == 7


def test_a_learner_that_knows_nothing_is_asked_at_random() -> None:
    asked = {int(as_modal(Margin(), seed=s)(LogisticRegression(), X)[0][0]) for s in range(20)}
    assert len(asked) > 10


def test_a_pool_that_is_no_matrix_is_refused() -> None:
    with pytest.raises(InputError, match=r"the pool is a list.*to_numpy"):
        as_modal(Margin())(LogisticRegression(), X.tolist())


# modAL in our loop


@pytest.mark.extra
@pytest.mark.parametrize("name", ["entropy_sampling", RANKED, "max_disagreement_sampling"])
@pytest.mark.parametrize("check", strategy_checks(), ids=lambda c: c.__name__)
def test_every_law_of_strategies_holds(name: str, check: Any) -> None:
    check(made(name))


@pytest.mark.extra
@pytest.mark.parametrize("name", [*PLAIN, RANKED, *COMMITTEE])
def test_a_campaign_runs_and_runs_again_alike(name: str) -> None:
    asked = campaign(made(name))
    assert [len(query) for query in asked] == [5, 5, 5, 5]
    assert np.unique(asked).size == 20
    assert asked == campaign(pickle.loads(pickle.dumps(clone(made(name)))))


@pytest.mark.extra
@pytest.mark.parametrize("name", ["margin_sampling", RANKED, "vote_entropy_sampling"])
def test_a_river_learner_and_a_reference_do_as_well(name: str) -> None:
    from river.linear_model import LogisticRegression as RiverRegression

    reference = X[400:], Y[400:]
    asked = campaign(
        made(name), (X[:400], Y[:400]), reference=reference, learner=RiverLearner(RiverRegression())
    )
    assert [len(query) for query in asked] == [5, 5, 5, 5]


@pytest.mark.extra
def test_a_function_written_for_modal_and_its_options() -> None:
    pytest.importorskip("modAL", reason="needs streamlearn[modal]")
    own, theirs = campaign(from_modal(worst_first)), campaign(made("uncertainty_sampling"))
    assert [sorted(a) for a in own] == [sorted(b) for b in theirs]
    shuffled = from_modal("margin_sampling", random_tie_break=True)
    assert repr(shuffled) == "ModalStrategy(margin_sampling, random_tie_break=True)"
    assert campaign(shuffled) == campaign(shuffled)


@pytest.mark.extra
def test_ranked_batch_spreads_and_reads_the_rows_learned() -> None:
    twice = np.repeat(X, 2, axis=0), np.repeat(Y, 2)
    pairs = [len({i // 2 for i in query}) for query in campaign(made(RANKED), twice)]
    assert pairs == [5, 5, 5, 5]  # never a row and its copy, which is as uncertain
    assert min(len({i // 2 for i in q}) for q in campaign(made("margin_sampling"), twice)) < 5


@pytest.mark.extra
def test_a_committee_is_fitted_once_a_round_and_hangs_on_the_seed() -> None:
    one, other = (campaign(made("vote_entropy_sampling"), seed=s) for s in (0, 1))
    assert one != other
    again = campaign(Diverse(made("vote_entropy_sampling"), pool_factor=1))
    assert again == one


@pytest.mark.extra
@pytest.mark.parametrize("committee", [None, 1, 2.0])
def test_a_committee_of_two_at_least(committee: Any) -> None:
    pytest.importorskip("modAL", reason="needs streamlearn[modal]")
    with pytest.raises(InputError, match="committee"):
        from_modal("vote_entropy_sampling", committee=committee)


@pytest.mark.extra
def test_misspelt_names_and_wrong_choices_are_errors() -> None:
    pytest.importorskip("modAL", reason="needs streamlearn[modal]")
    with pytest.raises(InputError, match="did you mean 'margin_sampling'"):
        from_modal("margin_samplin")
    with pytest.raises(InputError, match="got 3; give a query function"):
        from_modal(3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="must return distinct positions"):
        campaign(from_modal(lambda learner, X, n_instances: [0, 0]))


# Ours in modAL's learners


@pytest.mark.extra
@pytest.mark.parametrize("strategy", [Margin(), Diverse(), Random(), ISAL(folds=2)], ids=repr)
def test_our_strategies_query_for_a_modal_learner(strategy: Any) -> None:
    models = pytest.importorskip("modAL.models", reason="needs streamlearn[modal]")
    query = as_modal(strategy, reference=(X[-40:], Y[-40:]))
    learner = models.ActiveLearner(LogisticRegression(), query, X[:30], Y[:30])
    for n in (1, 2, 5):  # two positions must not be taken for positions and scores
        positions, rows = learner.query(X[30:500], n_instances=n)
        assert len(set(positions.tolist())) == n
        np.testing.assert_array_equal(rows, X[30:500][positions])
    again, _ = pickle.loads(pickle.dumps(query))(learner, X[30:500], n_instances=5)
    assert again.tolist() == positions.tolist()


@pytest.mark.extra
def test_our_strategies_query_for_a_committee() -> None:
    models = pytest.importorskip("modAL.models", reason="needs streamlearn[modal]")
    members = [
        models.ActiveLearner(LogisticRegression(C=c), X_training=X[:30], y_training=Y[:30])
        for c in (0.01, 1)
    ]
    committee = models.Committee(members, as_modal(Margin()))
    positions, _ = committee.query(X[30:], n_instances=4)
    proba = committee.predict_proba(X[30:])
    by_hand = np.argsort(np.abs(proba[:, 1] - proba[:, 0]))[:4]
    assert sorted(positions.tolist()) == sorted(by_hand.tolist())
