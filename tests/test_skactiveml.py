"""scikit-activeml's strategies in our loop."""

import pickle
import sys
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import scale

from streamlearn import Loop
from streamlearn.checks import strategy_checks
from streamlearn.errors import InputError, MissingExtraError
from streamlearn.influence import LinearClassifier
from streamlearn.simulators import SimulatedAnnotator
from streamlearn.strategies import from_skactiveml

ROWS = np.random.default_rng(0).permutation(569)[:100]
BINARY = tuple(part[ROWS] for part in load_breast_cancer(return_X_y=True))
BINARY = scale(BINARY[0]), np.array(["malignant", "benign"])[BINARY[1]]
IRIS = scale(load_iris().data), load_iris().target_names[load_iris().target]

# name, parameters, how many classes it can tell
STRATEGIES: list[tuple[str, dict[str, Any], int]] = [
    ("Badge", {}, 3),
    ("BatchBALD", {}, 3),
    ("Clue", {}, 3),
    ("ContrastiveAL", {}, 3),
    ("CoreSet", {}, 3),
    ("CostEmbeddingAL", {}, 3),
    ("DiscriminativeAL", {"greedy_selection": True}, 3),
    ("DropQuery", {}, 3),
    ("EpistemicUncertaintySampling", {}, 2),
    ("Falcun", {}, 3),
    ("FourDs", {}, 2),
    ("GreedyBALD", {}, 3),
    ("GreedySamplingX", {}, 3),
    ("MaxHerding", {}, 3),
    ("ProbCover", {}, 3),
    ("ProbabilisticAL", {}, 3),
    ("QueryByCommittee", {"method": "KL_divergence"}, 3),
    ("QueryByCommittee", {"method": "vote_entropy"}, 3),
    ("Quire", {}, 3),
    ("RandomSampling", {}, 3),
    ("TypiClust", {}, 3),
    ("UncertaintySampling", {"method": "entropy"}, 3),
    ("UncertaintySampling", {"method": "least_confident"}, 3),
    ("UncertaintySampling", {"method": "margin_sampling"}, 3),
]
LAWFUL = ["UncertaintySampling", "QueryByCommittee", "Clue", "TypiClust"]
BLIND = ["CoreSet", "GreedySamplingX", "MaxHerding", "ProbCover", "TypiClust"]


def made(name: str, **options: Any) -> Any:
    pytest.importorskip("skactiveml", reason="needs streamlearn[skactiveml]")
    return from_skactiveml(name, **options)


def run(strategy: Any, data: Any, rounds: int = 2, **options: Any) -> Any:
    X, y = data
    first = np.concatenate([np.flatnonzero(y == c)[:3] for c in np.unique(y)])
    settings = {"learner": LinearClassifier(), "initial": (first, y[first]), **options}
    loop = Loop(X, strategy=strategy, per_round=4, budget=4 * rounds, test=data, **settings)
    asked = [r.query.ids.tolist() for r in loop.run(SimulatedAnnotator(y)) if r.query]
    return asked, loop


def test_without_scikit_activeml_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("skactiveml", "skactiveml.pool"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=r'pip install "streamlearn\[skactiveml\]"'):
        from_skactiveml("UncertaintySampling")


@pytest.mark.extra
def test_at_least_twenty_strategies_are_driven() -> None:
    assert len({name for name, _, _ in STRATEGIES}) >= 20


@pytest.mark.extra
@pytest.mark.parametrize(("name", "options", "classes"), STRATEGIES)
def test_a_campaign_runs_and_runs_again_alike(
    name: str, options: dict[str, Any], classes: int
) -> None:
    for data in (BINARY, IRIS)[: classes - 1]:
        asked, loop = run(made(name, **options), data)
        assert [len(query) for query in asked] == [4, 4]
        assert np.unique(asked).size == 8
        assert loop.history[-1].scores["accuracy"] > 0.6
    again, _ = run(pickle.loads(pickle.dumps(clone(made(name, **options)))), data)
    assert again == asked


@pytest.mark.extra
@pytest.mark.parametrize("name", ["MonteCarloEER", "ValueOfInformationEER"])
def test_expected_error_refits_the_loops_learner(name: str) -> None:
    rows = np.concatenate([np.flatnonzero(BINARY[1] == c)[:7] for c in np.unique(BINARY[1])])
    asked, _ = run(made(name), (BINARY[0][rows], BINARY[1][rows]), rounds=1)
    assert len(set(asked[0])) == 4


@pytest.mark.extra
@pytest.mark.parametrize("name", LAWFUL)
@pytest.mark.parametrize("check", strategy_checks(), ids=lambda c: c.__name__)
def test_every_law_of_strategies_holds(name: str, check: Any) -> None:
    check(made(name))


@pytest.mark.extra
@pytest.mark.parametrize("name", BLIND)
def test_strategies_that_look_at_no_label_need_none(name: str) -> None:
    asked, _ = run(made(name), BINARY, initial=None)
    other, _ = run(made("RandomSampling"), BINARY, initial=None)
    assert np.unique(asked).size == 8
    assert asked != other


@pytest.mark.extra
def test_the_first_rows_are_random_where_labels_are_needed() -> None:
    first = {tuple(run(made("Badge"), BINARY, 1, initial=None, seed=s)[0][0]) for s in range(4)}
    assert len(first) == 4


@pytest.mark.extra
def test_the_loops_own_learner_is_asked() -> None:
    asked, loop = run(
        made("UncertaintySampling", method="entropy"), BINARY, 1, learner=LogisticRegression()
    )
    model = LogisticRegression(random_state=0).fit(
        BINARY[0][loop.history[0].answered.ids], loop.history[0].answered.y
    )
    rest = np.setdiff1d(np.arange(100), loop.history[0].answered.ids)
    distance = np.abs(model.decision_function(BINARY[0][rest]))
    assert sorted(asked[0]) == sorted(rest[np.argsort(distance)[:4]].tolist())


@pytest.mark.extra
def test_another_model_can_take_its_place() -> None:
    classifiers = pytest.importorskip("skactiveml.classifier", reason="needs the extra")
    window = made("UncertaintySampling", model=classifiers.ParzenWindowClassifier())
    assert run(window, BINARY)[0] != run(made("UncertaintySampling"), BINARY)[0]


@pytest.mark.extra
def test_instances_classes_wrappers_and_sparse_rows() -> None:
    pool = pytest.importorskip("skactiveml.pool", reason="needs streamlearn[skactiveml]")
    named = run(made("CoreSet"), BINARY)[0]
    assert named == run(from_skactiveml(pool.CoreSet), BINARY)[0]
    assert named == run(from_skactiveml(pool.CoreSet()), BINARY)[0]
    assert named == run(made("CoreSet"), (sparse.csr_matrix(BINARY[0]), BINARY[1]))[0]
    inner = pool.UncertaintySampling(method="margin_sampling")
    wrapped = made("SubSamplingWrapper", query_strategy=inner, max_candidates=0.5)
    assert run(wrapped, BINARY)[0] == run(wrapped, BINARY)[0]


@pytest.mark.extra
def test_classes_and_missing_labels_are_those_of_the_rows_handed_over() -> None:
    named = made("Quire", classes=["benign", "malignant"], missing_label="nobody knows")
    assert run(named, BINARY)[0] == run(made("Quire"), BINARY)[0]


class Failing(LinearClassifier):
    """Learns what a campaign brings, and no hundred rows."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        if len(y) >= 90:
            raise InputError("too many rows for me")
        return super().fit(X, y, sample_weight)


@pytest.mark.extra
def test_an_error_of_the_learner_is_not_swallowed() -> None:
    strategy = made("DiscriminativeAL", greedy_selection=True)
    with pytest.raises(UserWarning, match="too many rows for me"):
        run(strategy, BINARY, learner=Failing())


@pytest.mark.extra
@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("UncertaintySamplin", {}, "did you mean 'UncertaintySampling'"),
        ("UncertaintySampling", {"metod": "entropy"}, "did you mean 'method'"),
        ("GreedySamplingTarget", {}, "asks rows for a regressor"),
        ("ExpectedErrorReduction", {}, "it is abstract; give MonteCarloEER"),
        ("ParallelUtilityEstimationWrapper", {}, "one row a query"),
        ("QueryByCommittee", {"committee": 1}, "committee must be a whole number of at least 2"),
    ],
)
def test_what_cannot_be_used_says_why(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        made(name, **options)


@pytest.mark.extra
def test_what_is_no_strategy_is_refused() -> None:
    pool = pytest.importorskip("skactiveml.pool", reason="needs streamlearn[skactiveml]")
    with pytest.raises(InputError, match="cannot be set; give its class"):
        from_skactiveml(pool.CoreSet(), metric="cosine")
    for wrong in (3, LogisticRegression()):
        with pytest.raises(InputError, match="give a pool strategy"):
            from_skactiveml(wrong)
