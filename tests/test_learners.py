import pickle
import warnings
from copy import deepcopy
from importlib.metadata import EntryPoint
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.cluster import KMeans
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    Perceptron,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from streamlearn.data import Labelled
from streamlearn.errors import InputError
from streamlearn.learners import Incremental, Refit, wrap
from streamlearn.learners.named import averaged_sgd, passive_aggressive, sgd
from streamlearn.protocols import HasMargins, Learner

REFITTED = [
    LogisticRegression(),
    RidgeClassifier(),
    LinearSVC(),
    SVC(),
    SGDClassifier(loss="log_loss"),
    GaussianNB(),
    KNeighborsClassifier(3),
    DecisionTreeClassifier(),
    RandomForestClassifier(5),
    GradientBoostingClassifier(n_estimators=3),
    HistGradientBoostingClassifier(max_iter=2, max_leaf_nodes=3, min_samples_leaf=2),
    LinearDiscriminantAnalysis(),
    make_pipeline(StandardScaler(), LogisticRegression()),
    make_pipeline(StandardScaler(), RandomForestClassifier(3)),
]
INCREMENTAL = [
    sgd(),
    averaged_sgd(),
    SGDClassifier(loss="hinge"),
    SGDClassifier(loss="modified_huber"),
    Perceptron(),
    passive_aggressive(),
    GaussianNB(),
    MLPClassifier((8,), learning_rate_init=0.05),
]
BOTH = [(e, False) for e in REFITTED] + [(e, True) for e in INCREMENTAL]
NAMES = [f"{type(e).__name__}-{'new' if i else 'kept'}-{n}" for n, (e, i) in enumerate(BOTH)]
each_learner = pytest.mark.parametrize(("estimator", "incremental"), BOTH, ids=NAMES)
LABELS: dict[str, list[Any]] = {
    "int": [-1, 7, 30],
    "str": ["a", "no", "yes, perhaps"],
    "float": [0.5, 1.5, 2.25],
    "whole floats": [0.0, 1.0, 2.0],
}


def labelled(n: int = 60, k: int = 2, d: int = 3, seed: int = 0, names: Any = None) -> Labelled:
    rng = np.random.default_rng(seed)
    at = np.arange(n) % k
    X = rng.normal(size=(n, d)) + 3 * np.eye(k, d)[at]
    y = at if names is None else np.asarray(names)[at]
    return Labelled(np.arange(n), X, y, np.ones(n))


def with_weight(rows: Labelled, weight: Any) -> Labelled:
    return Labelled(rows.ids, rows.X, rows.y, np.asarray(weight, dtype=float))


def joined(a: Labelled, b: Labelled) -> Labelled:
    return Labelled(
        np.concatenate([a.ids, b.ids]),
        np.concatenate([a.X, b.X]),
        np.concatenate([a.y, b.y]),
        np.concatenate([a.weight, b.weight]),
    )


def learned(learner: Any, *batches: Labelled) -> Any:
    kept: Labelled | None = None
    for batch in batches:
        kept = batch if kept is None else joined(kept, batch)
        all_rows = kept
        learner.learn(batch, lambda all_rows=all_rows: all_rows)
    return learner


def lawful(learner: Any, X: Any, k: int) -> None:
    proba = learner.predict_proba(X)
    assert proba.shape == (X.shape[0], k)
    assert proba.dtype == np.float64
    assert np.isfinite(proba).all()
    assert (proba >= 0).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=0, atol=1e-12)
    if isinstance(learner, HasMargins):
        values = learner.decision_function(X)
        assert values.shape == ((X.shape[0],) if k <= 2 else (X.shape[0], k))
        assert np.isfinite(values).all()


@each_learner
@pytest.mark.parametrize("k", [2, 3])
def test_rows_sum_to_one_from_cold_to_learned(estimator: Any, incremental: bool, k: int) -> None:
    rows = labelled(k=k)
    learner = wrap(estimator, seed=0, incremental=incremental)
    assert isinstance(learner, Learner)
    lawful(learner, rows.X, 1)
    assert len(learner.classes_) == 0
    learned(learner, *[rows] * 20 if incremental else [rows])
    lawful(learner, rows.X, k)
    assert learner.classes_.tolist() == list(range(k))
    assert (learner.predict(rows.X) == rows.y).mean() > 0.7


@each_learner
def test_declared_classes_are_uniform_before_the_first_row(
    estimator: Any, incremental: bool
) -> None:
    learner = wrap(estimator, seed=0, incremental=incremental, classes=["c", "a", "b"])
    X = labelled().X
    assert learner.classes_.tolist() == ["a", "b", "c"]
    lawful(learner, X, 3)
    assert (learner.predict_proba(X) == 1 / 3).all()
    assert (learner.predict(X) == "a").all()
    if isinstance(learner, HasMargins):
        assert not learner.decision_function(X).any()


@each_learner
def test_margins_are_there_only_where_the_estimator_has_them(
    estimator: Any, incremental: bool
) -> None:
    learner: Any = wrap(estimator, seed=0, incremental=incremental)
    assert isinstance(learner, HasMargins) == hasattr(estimator, "decision_function")
    assert hasattr(learner, "decision_function") == hasattr(estimator, "decision_function")
    assert learner.probabilistic == hasattr(estimator, "predict_proba")


@each_learner
def test_predictions_are_the_bare_estimators(estimator: Any, incremental: bool) -> None:
    rows, more = labelled(k=3), labelled(k=3, seed=1)
    learner: Any = learned(wrap(estimator, seed=7, incremental=incremental), rows, more)
    bare = clone(estimator)
    for name, value in bare.get_params().items():
        if name.split("__")[-1] == "random_state" and value is None:
            bare.set_params(**{name: 7})
    if incremental:
        bare.partial_fit(rows.X, rows.y, classes=[0, 1, 2])
        bare.partial_fit(more.X, more.y)
    else:
        both = joined(rows, more)
        bare.fit(both.X, both.y)
    X = labelled(seed=2).X
    np.testing.assert_array_equal(learner.predict(X), bare.predict(X))
    if hasattr(bare, "predict_proba"):
        np.testing.assert_array_equal(learner.predict_proba(X), bare.predict_proba(X))
    if hasattr(bare, "decision_function"):
        np.testing.assert_array_equal(learner.decision_function(X), bare.decision_function(X))
        if not hasattr(bare, "predict_proba"):
            order = learner.predict_proba(X).argmax(axis=1)
            np.testing.assert_array_equal(order, bare.decision_function(X).argmax(axis=1))


@each_learner
def test_one_class_is_certain(estimator: Any, incremental: bool) -> None:
    rows = labelled(names=["yes", "yes"])
    for classes, expected in ((None, [1.0]), (["yes", "no"], [0.0, 1.0])):
        learner: Any = wrap(estimator, seed=0, incremental=incremental, classes=classes)
        learned(learner, rows, rows)
        lawful(learner, rows.X, len(expected))
        if not (incremental and classes):  # the estimator itself was trained
            assert (learner.predict_proba(rows.X) == expected).all()
            assert (learner.predict(rows.X) == "yes").all()
            if isinstance(learner, HasMargins):
                assert not learner.decision_function(rows.X).any()


@each_learner
def test_weight_zero_is_absent(estimator: Any, incremental: bool) -> None:
    rows = labelled(80)
    weight = np.arange(80) % 4 != 0
    X = labelled(seed=3).X
    zeros = learned(wrap(estimator, seed=0, incremental=incremental), with_weight(rows, weight))
    absent = learned(wrap(estimator, seed=0, incremental=incremental), rows.take(weight))
    np.testing.assert_array_equal(zeros.predict_proba(X), absent.predict_proba(X))


@each_learner
def test_weights_reach_the_estimator_or_are_refused(estimator: Any, incremental: bool) -> None:
    rows = labelled(80)
    rows = with_weight(rows, np.where(rows.y == 1, 50.0, 0.5))
    learner = wrap(estimator, seed=0, incremental=incremental)
    X = labelled(400, seed=3).X
    name = type(estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator).__name__
    if name in ("KNeighborsClassifier", "LinearDiscriminantAnalysis"):
        with pytest.raises(InputError, match=rf"(?s){name}.*no sample weights.*0\.5"):
            learned(learner, rows)
        return
    learned(learner, rows)
    plain = learned(
        wrap(estimator, seed=0, incremental=incremental), with_weight(rows, np.ones(80))
    )
    assert not np.array_equal(learner.predict_proba(X), plain.predict_proba(X))


@each_learner
def test_same_seed_same_model_and_the_original_is_untouched(
    estimator: Any, incremental: bool
) -> None:
    before = repr(estimator), set(vars(estimator))
    rows = labelled(k=3)
    one, two = (learned(wrap(estimator, seed=5, incremental=incremental), rows) for _ in "ab")
    np.testing.assert_array_equal(one.predict_proba(rows.X), two.predict_proba(rows.X))
    assert (repr(estimator), set(vars(estimator))) == before


@each_learner
def test_copies_pickles_and_clones(estimator: Any, incremental: bool) -> None:
    rows = labelled()
    learner = learned(wrap(estimator, seed=5, incremental=incremental), rows)
    for copy in (deepcopy(learner), pickle.loads(pickle.dumps(learner)), wrap(learner, seed=9)):
        np.testing.assert_array_equal(copy.predict_proba(rows.X), learner.predict_proba(rows.X))
        before = learner.predict_proba(rows.X)
        learned(copy, labelled(names=[1, 0]))
        np.testing.assert_array_equal(before, learner.predict_proba(rows.X))
    fresh = clone(learner)
    assert type(fresh) is type(learner)
    assert len(fresh.classes_) == 0
    assert type(estimator).__name__ in repr(learner)


@each_learner
def test_empty_batches_change_nothing(estimator: Any, incremental: bool) -> None:
    rows = labelled()
    empty = rows.take(slice(0, 0))
    plain = learned(wrap(estimator, seed=5, incremental=incremental), rows)
    learner: Any = learned(wrap(estimator, seed=5, incremental=incremental), empty, rows, empty)
    np.testing.assert_array_equal(plain.predict_proba(rows.X), learner.predict_proba(rows.X))
    lawful(learner, rows.X[:0], 2)
    assert learner.predict(rows.X[:0]).shape == (0,)
    assert len(learned(wrap(estimator, seed=5, incremental=incremental), empty).classes_) == 0


@each_learner
def test_input_is_not_mutated(estimator: Any, incremental: bool) -> None:
    rows = labelled()
    rows = with_weight(rows, np.arange(60) % 5 != 0)
    frozen = deepcopy(rows)
    for array in (rows.X, rows.y, rows.weight):
        array.flags.writeable = False
    learner = learned(wrap(estimator, seed=5, incremental=incremental), rows)
    learner.predict_proba(rows.X)
    for name in ("ids", "X", "y", "weight"):
        np.testing.assert_array_equal(getattr(rows, name), getattr(frozen, name))


@pytest.mark.parametrize("incremental", [False, True])
@pytest.mark.parametrize("kind", [*LABELS, "bool"])
@pytest.mark.parametrize("declared", [False, True])
@pytest.mark.parametrize(
    "estimator", [GaussianNB(), sgd(), Perceptron(), MLPClassifier((8,), learning_rate_init=0.05)]
)
def test_labels_come_back_as_they_went_in(
    estimator: Any, kind: str, incremental: bool, declared: bool
) -> None:
    names = [False, True] if kind == "bool" else LABELS[kind]
    rows = labelled(k=len(names), names=names)
    classes = names[::-1] if declared else None
    learner: Any = wrap(estimator, seed=0, incremental=incremental, classes=classes)
    batches = [rows] * 20 if incremental else [rows]
    with warnings.catch_warnings():  # a network does not converge, and says so
        warnings.simplefilter("ignore", ConvergenceWarning)
        learned(learner, *batches)
    predicted = learner.predict(rows.X)
    assert learner.classes_.tolist() == names
    assert predicted.dtype == rows.y.dtype
    assert (predicted == rows.y).mean() > 0.5
    assert set(predicted.tolist()) <= set(names)
    coded = labelled(k=len(names))
    twin: Any = wrap(estimator, seed=0, incremental=incremental)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        learned(twin, *[coded] * len(batches))
    np.testing.assert_array_equal(learner.predict_proba(rows.X), twin.predict_proba(rows.X))


distinct = (
    st.lists(st.text(max_size=5), min_size=2, max_size=4, unique=True)
    | st.lists(st.integers(-(2**60), 2**60), min_size=2, max_size=4, unique=True)
    | st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=4, unique=True)
)


@settings(deadline=None, max_examples=40)
@given(names=distinct, incremental=st.booleans(), declared=st.booleans())
def test_any_labels_round_trip(names: list[Any], incremental: bool, declared: bool) -> None:
    y = np.asarray(names)  # NumPy drops trailing NULs of text: compare with what it keeps
    if len(np.unique(y)) < len(names):
        return
    rows = labelled(40, k=len(names), d=4, names=y)
    learner: Any = wrap(
        GaussianNB(), seed=0, incremental=incremental, classes=y if declared else None
    )
    learned(learner, rows)
    assert learner.classes_.tolist() == np.sort(y).tolist()
    assert set(learner.predict(rows.X).tolist()) <= set(y.tolist())
    assert (learner.predict(rows.X) == rows.y).mean() > 0.5


@settings(deadline=None, max_examples=25)
@given(order=st.permutations(range(12)), cut=st.integers(1, 11))
def test_a_refit_depends_on_the_rows_kept_not_on_their_history(order: list[int], cut: int) -> None:
    rows = labelled(12, d=2)
    once = learned(wrap(GaussianNB(), seed=0), rows)
    pieces = learned(wrap(GaussianNB(), seed=0), rows.take(order[:cut]), rows.take(order[cut:]))
    np.testing.assert_allclose(
        once.predict_proba(rows.X), pieces.predict_proba(rows.X), rtol=1e-9, atol=1e-12
    )


@settings(deadline=None, max_examples=25)
@given(lengths=st.lists(st.integers(1, 6), min_size=0, max_size=5))
def test_held_rows_are_learned_as_if_classes_had_been_given(lengths: list[int]) -> None:
    rows = labelled(40)
    ones = rows.take(rows.y == 1)
    batches, at = [], 0
    for length in lengths:
        batches.append(ones.take(slice(at, at + length) if at + length <= 20 else slice(0, 1)))
        at += length
    for estimator in (sgd(), Perceptron(), MLPClassifier((3,))):
        held = wrap(estimator, seed=1, incremental=True)
        told = wrap(estimator, seed=1, incremental=True, classes=[0, 1])
        learned(held, *batches, rows)
        learned(told, *batches, rows)
        np.testing.assert_array_equal(held.predict_proba(rows.X), told.predict_proba(rows.X))


def test_held_rows_survive_a_reused_buffer_and_a_pickle() -> None:
    rows = labelled(40)
    buffer = rows.take(rows.y == 1)
    told = learned(wrap(sgd(), seed=1, incremental=True, classes=[0, 1]), deepcopy(buffer))
    held = learned(wrap(sgd(), seed=1, incremental=True), buffer)
    buffer.X[:] = 1e9
    held = pickle.loads(pickle.dumps(held))
    learned(held, rows)
    learned(told, rows)
    np.testing.assert_array_equal(held.predict_proba(rows.X), told.predict_proba(rows.X))


def test_nothing_is_held_when_no_second_class_can_come() -> None:
    learner: Any = wrap(sgd(), seed=0, incremental=True, classes=["only"])
    learned(learner, labelled(names=["only", "only"]))
    assert learner.held_ == ()
    assert (learner.predict_proba(labelled().X) == 1).all()


@pytest.mark.parametrize("estimator", [LogisticRegression(), RandomForestClassifier(3), SVC()])
def test_declared_classes_a_refit_has_not_seen(estimator: Any) -> None:
    rows = labelled(names=["a", "c"])
    learner: Any = learned(wrap(estimator, seed=0, classes=["a", "b", "c"]), rows)
    lawful(learner, rows.X, 3)
    assert (learner.predict_proba(rows.X)[:, 1] == 0).all()
    assert (learner.predict(rows.X) == rows.y).mean() > 0.8
    if isinstance(learner, HasMargins):
        values = learner.decision_function(rows.X)
        bare = clone(estimator).fit(rows.X, rows.y).decision_function(rows.X)
        np.testing.assert_array_equal(values[:, 2], bare)
        np.testing.assert_array_equal(values[:, 0], -bare)
        assert (values.argmax(axis=1) != 1).all()


def test_an_unseen_class_of_naive_bayes_warns_nothing() -> None:
    rows = labelled()
    learner: Any = learned(wrap(GaussianNB(), seed=0, classes=[0, 1, 2], incremental=True), rows)
    assert (learner.predict_proba(rows.X)[:, 2] == 0).all()


@pytest.mark.parametrize("incremental", [False, True])
def test_labels_outside_the_classes(incremental: bool) -> None:
    learner = wrap(sgd(), seed=0, classes=["ham", "spam"], incremental=incremental)
    rows = labelled(names=["ham", "spma"])
    with pytest.raises(InputError, match=r"'spma' is none of the classes 'ham', 'spam'"):
        learned(learner, rows)
    with pytest.raises(InputError, match=r"label 0 is none of the classes 'ham', 'spam'"):
        learned(learner, labelled())
    digits = wrap(sgd(), seed=0, classes=["0", "1"], incremental=incremental)
    with pytest.raises(InputError, match=r"label 0 is none of the classes '0', '1'"):
        learned(digits, labelled())
    lawful(learner, rows.X, 2)
    assert (learner.predict_proba(rows.X) == 0.5).all()


def test_a_late_class_names_the_remedy_and_leaves_the_model() -> None:
    learner: Any = learned(wrap(sgd(), seed=0, incremental=True), labelled())
    before = learner.predict_proba(labelled().X)
    for names in ([1, 2], ["a", "b"], [0, 0.5]):
        with pytest.raises(InputError, match="classes="):
            learned(learner, labelled(names=names))
    np.testing.assert_array_equal(before, learner.predict_proba(labelled().X))


def test_kinds_of_labels_may_not_change_while_rows_are_held() -> None:
    learner = learned(wrap(sgd(), seed=0, incremental=True), labelled(names=[1, 1]))
    with pytest.raises(InputError, match="one kind"):
        learned(learner, labelled(names=["a", "b"]))


def test_no_class_known() -> None:
    with pytest.raises(InputError, match="classes="):
        wrap(GaussianNB(), seed=0).predict(np.zeros((2, 2)))
    with pytest.raises(InputError, match="empty"):
        _ = wrap(GaussianNB(), seed=0, classes=[]).classes_


@pytest.mark.parametrize("incremental", [False, True])
@pytest.mark.parametrize("weight", [-1.0, np.nan, np.inf])
def test_bad_weights(incremental: bool, weight: float) -> None:
    learner = wrap(sgd(), seed=0, incremental=incremental)
    with pytest.raises(InputError, match="finite and not negative"):
        learned(learner, with_weight(labelled(), np.full(60, weight)))


@pytest.mark.parametrize("incremental", [False, True])
def test_lengths_that_differ(incremental: bool) -> None:
    rows = labelled()
    with pytest.raises(InputError, match="60 rows, 59 labels"):
        learned(
            wrap(sgd(), seed=0, incremental=incremental),
            Labelled(rows.ids, rows.X, rows.y[1:], rows.weight),
        )


def test_all_rows_trimmed_is_cold_again() -> None:
    rows = labelled()
    learner: Any = learned(wrap(GaussianNB(), seed=0), rows)
    gone = with_weight(rows, np.zeros(60))
    learner.learn(gone, lambda: gone)
    assert len(learner.classes_) == 0
    assert learner.predict_proba(rows.X).shape == (60, 1)


@pytest.mark.parametrize("pipe", [False, True])
def test_warm_start_goes_on_from_the_last_fit(pipe: bool) -> None:
    rows, more = labelled(200), labelled(200, seed=1)

    def network() -> Any:
        net = MLPClassifier((5,), warm_start=True, max_iter=3, random_state=0)
        return make_pipeline(StandardScaler(), net) if pipe else net

    both = joined(rows, more)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        learner: Any = learned(wrap(network(), seed=0), rows, more)
        bare = network().fit(rows.X, rows.y).fit(both.X, both.y)
        cold = network().fit(both.X, both.y)
        np.testing.assert_array_equal(learner.predict_proba(rows.X), bare.predict_proba(rows.X))
        assert not np.array_equal(learner.predict_proba(rows.X), cold.predict_proba(rows.X))
        third = labelled(names=[0, 2])
        learned(learner, joined(both, third))  # another class: from the start, not an error
        assert learner.classes_.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestClassifier(3, warm_start=True),
        GradientBoostingClassifier(warm_start=True),
        HistGradientBoostingClassifier(warm_start=True),
        BaggingClassifier(warm_start=True),
    ],
)
def test_warm_trees_would_never_see_later_rows(estimator: Any) -> None:
    with pytest.raises(InputError, match="warm_start=False"):
        learned(wrap(estimator, seed=0), labelled())


@pytest.mark.parametrize("estimator", [LogisticRegression(), KNeighborsClassifier(), LinearSVC()])
def test_csr_rows_are_learned_as_dense_ones(estimator: Any) -> None:
    rows = labelled(k=3)
    rows.X[np.abs(rows.X) < 1] = 0
    thin = Labelled(rows.ids, sparse.csr_matrix(rows.X), rows.y, np.arange(60) % 5 != 0)
    dense = with_weight(rows, thin.weight)
    one, two = (learned(wrap(estimator, seed=0), r) for r in (dense, thin))
    np.testing.assert_allclose(one.predict_proba(rows.X), two.predict_proba(thin.X), atol=1e-6)
    assert two.predict_proba(thin.X[:0]).shape == (0, 3)


@pytest.mark.parametrize("pipe", [False, True])
def test_fewer_rows_than_neighbours(pipe: bool) -> None:
    few = labelled(3)
    knn = KNeighborsClassifier(5)
    learner: Any = learned(wrap(make_pipeline(knn) if pipe else knn, seed=0), few)
    lawful(learner, few.X, 2)
    learned(learner, labelled())
    assert "5" in str(learner.model_.get_params().values())
    assert (
        learner.estimator.get_params()[
            "kneighborsclassifier__n_neighbors" if pipe else "n_neighbors"
        ]
        == 5
    )


def test_convergence_warnings_surface() -> None:
    with pytest.warns(ConvergenceWarning):
        learned(wrap(LogisticRegression(max_iter=1), seed=0), labelled())


def test_float32_rows_sum_to_one() -> None:
    rows = labelled(k=3)
    thin = Labelled(rows.ids, rows.X.astype(np.float32), rows.y, rows.weight)
    lawful(learned(wrap(MLPClassifier((4,)), seed=0, incremental=True), thin), thin.X, 3)


class Bare:
    """A duck-typed classifier without probabilities, decision values or tags."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {}

    def set_params(self, **parameters: Any) -> "Bare":
        return self

    def fit(self, X: Any, y: Any) -> "Bare":
        self.top_ = np.unique(y)[-1]
        return self

    def predict(self, X: Any) -> Any:
        return np.full(len(X), self.top_)


class Tagged(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    def fit(self, X: Any, y: Any) -> "Tagged":
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: Any) -> Any:
        return np.full(len(X), self.classes_[-1])


@pytest.mark.parametrize("estimator", [Bare(), Tagged()])
def test_an_estimator_that_only_predicts(estimator: Any) -> None:
    learner: Any = learned(wrap(estimator, seed=0), labelled(names=["a", "b"]))
    lawful(learner, labelled().X, 2)
    assert (learner.predict_proba(labelled().X) == [0, 1]).all()
    assert not learner.probabilistic


def test_every_part_without_a_seed_gets_the_runs() -> None:
    inner = make_pipeline(StandardScaler(), SGDClassifier())
    grid = GridSearchCV(
        inner, {"sgdclassifier__alpha": [0.1, 1]}, cv=StratifiedKFold(2, shuffle=True)
    )
    vote = VotingClassifier([("g", grid), ("f", RandomForestClassifier(random_state=3))])
    learner: Any = wrap(vote, seed=2**40 + 11)
    seeds = {
        name: value
        for name, value in learner.estimator.get_params().items()
        if name.endswith("random_state")
    }
    assert set(seeds.values()) == {11, 3}
    assert learner.estimator.estimators[0][1].cv.random_state == 11
    assert grid.cv.random_state is None
    assert inner.steps[-1][1].random_state is None
    inside: Any = wrap(Refit(RandomForestClassifier()), seed=4, classes=[0, 1])
    assert inside.estimator.random_state == 4
    assert inside.classes_.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("given_", "options", "message"),
    [
        (LogisticRegression, {}, r"make an instance: LogisticRegression\(\)"),
        (LinearRegression(), {}, "LinearRegression is no classifier"),
        (KMeans(), {}, "KMeans is no classifier"),
        (object(), {}, "of type object; give a scikit-learn classifier"),
        ("logistic", {}, "'logistic' of type str"),
        (SVC(), {"incremental": True}, "SVC has no partial_fit"),
        (SVC(), {"seed": -1}, "0 or more, got -1"),
        (SVC(), {"seed": None}, "0 or more, got None"),
        (SVC(decision_function_shape="ovo"), {}, "ovr"),
        (make_pipeline(SVC(decision_function_shape="ovo")), {}, "ovr"),
    ],
)
def test_what_cannot_be_wrapped(given_: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        wrap(given_, **{"seed": 0, **options})


def test_a_learner_is_copied_not_shared() -> None:
    class Own:
        classes_ = np.array([0, 1])

        def __init__(self) -> None:
            self.batches: list[int] = []

        def learn(self, new: Labelled, kept: Any) -> None:
            self.batches.append(len(new))

        def predict_proba(self, X: Any) -> Any:
            return np.full((len(X), 2), 0.5)

        def predict(self, X: Any) -> Any:
            return np.zeros(len(X), dtype=int)

    own = Own()
    wrapped: Any = learned(wrap(own, seed=0, classes=[0, 1]), labelled())
    assert isinstance(wrapped, Own)
    assert wrapped.batches == [60]
    assert own.batches == []


def test_assume_finite_is_left_as_it_was() -> None:
    import sklearn

    learned(wrap(sgd(), seed=0), labelled()).predict(labelled().X)
    assert not sklearn.get_config()["assume_finite"]


ENTRY_POINTS = """
averaged_sgd = "streamlearn.learners.named:averaged_sgd"
decision_tree = "sklearn.tree:DecisionTreeClassifier"
gradient_boosting = "sklearn.ensemble:GradientBoostingClassifier"
hinge_sgd = "sklearn.linear_model:SGDClassifier"
hist_gradient_boosting = "sklearn.ensemble:HistGradientBoostingClassifier"
hoeffding_tree = "river.tree:HoeffdingTreeClassifier"
knn = "sklearn.neighbors:KNeighborsClassifier"
linear_svm = "sklearn.svm:LinearSVC"
logistic = "sklearn.linear_model:LogisticRegression"
mlp = "sklearn.neural_network:MLPClassifier"
naive_bayes = "sklearn.naive_bayes:GaussianNB"
passive_aggressive = "streamlearn.learners.named:passive_aggressive"
perceptron = "sklearn.linear_model:Perceptron"
random_forest = "sklearn.ensemble:RandomForestClassifier"
rbf_svm = "sklearn.svm:SVC"
ridge = "sklearn.linear_model:RidgeClassifier"
river_forest = "river.forest:ARFClassifier"
river_logistic = "streamlearn.learners.river_model:river_logistic"
river_naive_bayes = "river.naive_bayes:GaussianNB"
river_one_vs_rest = "streamlearn.learners.river_model:river_one_vs_rest"
sgd = "streamlearn.learners.named:sgd"
"""


@pytest.mark.parametrize("line", ENTRY_POINTS.split("\n")[1:-1])
def test_names_for_the_command_line(line: str) -> None:
    name, value = line.split(" = ")
    make = EntryPoint(name, value.strip('"'), "streamlearn.learners").load()
    estimator = make()
    rows = labelled(40)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        lawful(learned(wrap(estimator, seed=0), rows), rows.X, 2)
    if hasattr(estimator, "partial_fit"):
        lawful(learned(wrap(estimator, seed=0, incremental=True), rows), rows.X, 2)


def test_presets_take_parameters() -> None:
    assert sgd(loss="hinge").loss == "hinge"
    assert averaged_sgd(alpha=1.0).alpha == 1.0
    assert passive_aggressive(eta0=2.0).eta0 == 2.0
    assert isinstance(wrap(sgd(), seed=0), Refit)
    assert isinstance(wrap(sgd(), seed=0, incremental=True), Incremental)
