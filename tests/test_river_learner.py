import math
import pickle
import warnings
from copy import deepcopy
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import (
    active,
    compat,
    compose,
    ensemble,
    forest,
    linear_model,
    multiclass,
    naive_bayes,
    neighbors,
    optim,
    preprocessing,
    tree,
)
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import SGDClassifier

from streamlearn.data import Labelled
from streamlearn.errors import InputError
from streamlearn.learners import RiverLearner, wrap
from streamlearn.learners.river_model import (
    learns_many,
    river_logistic,
    river_one_vs_rest,
    seeded,
)
from streamlearn.protocols import HasMargins, Learner

BINARY = [
    linear_model.LogisticRegression(optim.SGD(1.0)),
    linear_model.Perceptron(),
    linear_model.PAClassifier(),
    river_logistic(),
    preprocessing.StandardScaler() | linear_model.ALMAClassifier(),
    ensemble.AdaBoostClassifier(linear_model.LogisticRegression(), n_models=3),
    ensemble.VotingClassifier([linear_model.Perceptron(), linear_model.PAClassifier()]),
]
MANY_CLASSES = [
    naive_bayes.GaussianNB(),
    linear_model.SoftmaxRegression(optim.SGD(0.1)),
    tree.HoeffdingTreeClassifier(grace_period=10),
    neighbors.KNNClassifier(3),
    river_one_vs_rest(),
    multiclass.OneVsOneClassifier(linear_model.LogisticRegression(optim.SGD(0.1))),
    ensemble.BaggingClassifier(tree.HoeffdingTreeClassifier(grace_period=10), n_models=3),
    forest.ARFClassifier(n_models=3),
    (preprocessing.StandardScaler() + preprocessing.MinMaxScaler()) | naive_bayes.GaussianNB(),
]
ALL = BINARY + MANY_CLASSES
NAMES = [f"{type(m).__name__}-{n}" for n, m in enumerate(ALL)]
each_model = pytest.mark.parametrize("model", ALL, ids=NAMES)


def labelled(n: int = 60, k: int = 2, d: int = 3, seed: int = 0, names: Any = None) -> Labelled:
    rng = np.random.default_rng(seed)
    at = np.arange(n) % k
    X = rng.normal(size=(n, d)) + 3 * np.eye(k, d)[at]
    return Labelled(np.arange(n), X, at if names is None else np.asarray(names)[at], np.ones(n))


def with_weight(rows: Labelled, weight: Any) -> Labelled:
    return Labelled(rows.ids, rows.X, rows.y, np.asarray(weight, dtype=float))


def learned(learner: Any, *batches: Labelled) -> Any:
    for batch in batches:
        learner.learn(batch, forbidden)
    return learner


def forbidden() -> Labelled:
    raise AssertionError("an incremental learner does not read the rows kept")


def frame(X: Any) -> pd.DataFrame:
    return pd.DataFrame(X, columns=[f"x{j}" for j in range(X.shape[1])])


def lawful(learner: Any, X: Any, k: int) -> None:
    proba = learner.predict_proba(X)
    assert proba.shape == (X.shape[0], k)
    assert np.isfinite(proba).all()
    assert (proba >= 0).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=0, atol=1e-12)


@each_model
def test_rows_sum_to_one_from_cold_to_learned(model: Any) -> None:
    k = 3 if model._multiclass else 2
    learner = wrap(model, seed=0)
    assert isinstance(learner, RiverLearner)
    assert isinstance(learner, Learner)
    assert not isinstance(learner, HasMargins)
    X = labelled().X
    lawful(learner, X, 1)
    lawful(wrap(model, seed=0, classes=range(k)), X, k)
    batches = [labelled(k=k, seed=s) for s in range(5)]
    learned(learner, *batches)
    lawful(learner, X, k)
    lawful(learner, X[:0], k)
    assert learner.classes_.tolist() == list(range(k))
    assert (learner.predict(batches[0].X) == batches[0].y).mean() > 0.7


@each_model
def test_probabilities_are_the_bare_models(model: Any) -> None:
    k = 3 if model._multiclass else 2
    batches = [labelled(k=k, seed=s) for s in range(3)]
    learner: Any = learned(wrap(model, seed=3), *batches)
    bare = seeded(model, 3)
    for batch in batches:
        if learns_many(model):
            y = batch.y if model._multiclass else batch.y == 1
            bare.learn_many(frame(batch.X), pd.Series(y))
        else:
            for x, label in zip(batch.X.tolist(), batch.y.tolist(), strict=True):
                y_one = label if model._multiclass else bool(label)
                bare.learn_one({f"x{j}": v for j, v in enumerate(x)}, y_one)
    X = labelled(20, seed=9).X
    for i, row in enumerate(X.tolist()):
        x = {f"x{j}": v for j, v in enumerate(row)}
        if learns_many(model):
            answers = bare.predict_proba_many(frame(X[[i]])).iloc[0].to_dict()
        elif learner.probabilistic:
            answers = bare.predict_proba_one(x)
        else:
            answers = {bare.predict_one(x): 1.0}
        total = sum(answers.values())
        wanted = [answers.get(c if model._multiclass else bool(c), 0) / total for c in range(k)]
        np.testing.assert_allclose(learner.predict_proba(X[[i]])[0], wanted, rtol=1e-15)


def test_weights_of_a_logistic_regression_are_bare_rivers_bit_for_bit() -> None:
    learner: Any = wrap(river_logistic(), seed=0)
    bare = river_logistic()
    for s in range(5):
        rows = labelled(n=1000, d=20, seed=s)
        learned(learner, rows)
        bare.learn_many(frame(rows.X), pd.Series(rows.y))
    ours, theirs = (m["LogisticRegression"] for m in (learner.model_, bare))
    assert ours.weights == theirs.weights
    assert ours.intercept == theirs.intercept
    assert learner.model_["StandardScaler"].vars == bare["StandardScaler"].vars


@each_model
def test_the_model_given_is_never_trained_and_seeds_agree(model: Any) -> None:
    before = pickle.dumps(model)
    rows = labelled(200)
    one, two = (learned(wrap(model, seed=5), rows) for _ in "ab")
    np.testing.assert_array_equal(one.predict_proba(rows.X), two.predict_proba(rows.X))
    assert pickle.loads(before)._get_params().keys() == model._get_params().keys()
    assert pickle.dumps(model) == before


@each_model
def test_copies_pickles_and_clones(model: Any) -> None:
    rows = labelled()
    learner = learned(wrap(model, seed=5), rows)
    before = learner.predict_proba(rows.X)
    for copy in (deepcopy(learner), pickle.loads(pickle.dumps(learner)), wrap(learner, seed=9)):
        np.testing.assert_array_equal(copy.predict_proba(rows.X), before)
        learned(copy, labelled(names=[1, 0]))
        np.testing.assert_array_equal(learner.predict_proba(rows.X), before)
    assert len(clone(learner).classes_) == 0
    assert "RiverLearner(" in repr(learner)


@each_model
def test_one_class(model: Any) -> None:
    rows = labelled(names=["yes", "yes"])
    learner = learned(wrap(model, seed=0), rows, rows)
    lawful(learner, rows.X, 1)
    assert (learner.predict(rows.X) == "yes").all()
    declared = learned(wrap(model, seed=0, classes=["yes", "no"]), rows)
    lawful(declared, rows.X, 2)
    assert set(declared.predict(rows.X)) <= {"yes", "no"}
    only: Any = learned(wrap(model, seed=0, classes=["yes"]), rows)
    lawful(only, rows.X, 1)
    assert only.held_ == ()


@each_model
def test_empty_batches_change_nothing(model: Any) -> None:
    rows = labelled()
    empty = rows.take(slice(0, 0))
    plain = learned(wrap(model, seed=5), rows)
    learner = learned(wrap(model, seed=5), empty, rows, empty, with_weight(rows, np.zeros(60)))
    np.testing.assert_array_equal(plain.predict_proba(rows.X), learner.predict_proba(rows.X))


def test_bare_river_is_ruined_by_an_empty_batch_and_by_nan() -> None:
    """The traps that the guards are for; when River mends them this fails, and they can go."""
    rows = labelled()
    for X, y in ((rows.X[:0], rows.y[:0]), (rows.X * np.nan, rows.y)):
        bare = linear_model.LogisticRegression()
        bare.learn_many(frame(rows.X), pd.Series(rows.y))
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            bare.learn_many(frame(X), pd.Series(y))
        assert any(math.isnan(w) for w in [*bare.weights.values(), bare.intercept])


@each_model
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_finite_is_refused_and_leaves_the_model(model: Any, value: float) -> None:
    rows, bad = labelled(), labelled()
    learner = learned(wrap(model, seed=5), rows)
    before = learner.predict_proba(rows.X)
    bad.X[3, 1] = value
    with pytest.raises(InputError, match="NaN or infinity"):
        learned(learner, bad)
    np.testing.assert_array_equal(learner.predict_proba(rows.X), before)


def test_negative_variance_is_lifted_to_zero() -> None:
    X = np.full((1000, 1), 0.1) * 3 + np.zeros((1, 40)) + np.linspace(1e6, 1e8, 40)
    y = np.arange(1000) % 2
    bare = preprocessing.StandardScaler()
    bare.learn_many(frame(X))
    assert min(bare.vars.values()) < 0  # the trap
    rows = Labelled(np.arange(1000), X, y, np.ones(1000))
    learner: Any = learned(wrap(river_logistic(), seed=0), rows, rows)
    assert min(learner.model_["StandardScaler"].vars.values()) == 0
    lawful(learner, X, 2)
    nested = (preprocessing.StandardScaler() + preprocessing.OneHotEncoder()) | river_logistic()
    assert learns_many(nested)
    lawful(learned(wrap(nested, seed=0), rows), X[:5], 2)


@pytest.mark.parametrize("names", [[1, 2], [-1, 1], ["b", "a"], [False, True], [0.5, 0.25]])
@pytest.mark.parametrize("model", BINARY, ids=NAMES[: len(BINARY)])
def test_any_two_labels_are_false_and_true(model: Any, names: list[Any]) -> None:
    rows = labelled(names=names)
    learner = learned(wrap(model, seed=0), rows)
    twin = learned(wrap(model, seed=0), labelled(names=[0, 1] if names[0] < names[1] else [1, 0]))
    assert learner.classes_.tolist() == sorted(names)
    np.testing.assert_array_equal(learner.predict_proba(rows.X), twin.predict_proba(rows.X))
    assert learner.predict(rows.X).dtype == rows.y.dtype
    assert set(learner.predict(rows.X).tolist()) <= set(names)


@pytest.mark.parametrize("model", BINARY, ids=NAMES[: len(BINARY)])
def test_a_third_class_is_an_error_for_a_model_of_two(model: Any) -> None:
    rows = labelled()
    learner = learned(wrap(model, seed=0), rows)
    before = learner.predict_proba(rows.X)
    with pytest.raises(InputError, match=r"(?s)two classes apart, got 0, 1, 2.*OneVsRest"):
        learned(learner, labelled(k=3))
    np.testing.assert_array_equal(learner.predict_proba(rows.X), before)
    with pytest.raises(InputError, match="OneVsRest"):
        learned(wrap(model, seed=0, classes=["a", "b", "c"]), labelled(names=["a", "b"]))


@pytest.mark.parametrize("model", MANY_CLASSES, ids=NAMES[len(BINARY) :])
@pytest.mark.parametrize("names", [[7, -1, 30], ["no", "a", "perhaps"], [0.5, 2.25, 1.5]])
def test_classes_may_come_late_and_in_any_order(model: Any, names: list[Any]) -> None:
    first, later = labelled(names=names[:2]), labelled(200, k=3, names=names)
    learner = learned(wrap(model, seed=0), first)
    assert learner.classes_.tolist() == sorted(names[:2])
    learned(learner, later, later)
    assert learner.classes_.tolist() == sorted(names)
    lawful(learner, later.X, 3)
    assert learner.predict(later.X).dtype == later.y.dtype
    assert (learner.predict(later.X) == later.y).mean() > 0.7
    declared = wrap(model, seed=0, classes=[*names, *names[:1]])
    learned(declared, first)
    lawful(declared, first.X, 3)
    assert (declared.predict(first.X) == first.y).mean() > 0.7


def test_labels_outside_the_classes() -> None:
    for model in (river_logistic(), naive_bayes.GaussianNB()):
        with pytest.raises(InputError, match="'c' is none of the classes 'a', 'b'"):
            learned(wrap(model, seed=0, classes=["b", "a"]), labelled(names=["a", "c"]))


@settings(deadline=None, max_examples=25)
@given(lengths=st.lists(st.integers(1, 6), max_size=4))
def test_held_rows_are_learned_as_if_classes_had_been_given(lengths: list[int]) -> None:
    rows = labelled(40)
    ones = rows.take(rows.y == 1)
    batches = [ones.take(slice(0, n)) for n in lengths]
    for model in (river_logistic(), linear_model.PAClassifier()):
        held = learned(wrap(model, seed=1), *batches, rows)
        told = learned(wrap(model, seed=1, classes=[0, 1]), *batches, rows)
        np.testing.assert_array_equal(held.predict_proba(rows.X), told.predict_proba(rows.X))


def test_held_rows_survive_a_reused_buffer_and_a_pickle() -> None:
    rows = labelled(40)
    buffer = rows.take(rows.y == 1)
    told = learned(wrap(river_logistic(), seed=1, classes=[0, 1]), deepcopy(buffer), rows)
    held = learned(wrap(river_logistic(), seed=1), buffer)
    buffer.X[:] = 1e9
    held = learned(pickle.loads(pickle.dumps(held)), rows)
    np.testing.assert_array_equal(held.predict_proba(rows.X), told.predict_proba(rows.X))


def test_the_model_given_to_the_adapter_itself_is_never_trained() -> None:
    model = naive_bayes.GaussianNB()
    learned(RiverLearner(model), labelled())
    assert not model.class_counts


@each_model
def test_weight_zero_is_absent(model: Any) -> None:
    rows = labelled(80)
    weight = np.arange(80) % 4 != 0
    zeros = learned(wrap(model, seed=0), with_weight(rows, weight))
    absent = learned(wrap(model, seed=0), rows.take(weight))
    np.testing.assert_array_equal(zeros.predict_proba(rows.X), absent.predict_proba(rows.X))


WEIGHTED = [
    linear_model.Perceptron(),
    linear_model.LogisticRegression(optim.SGD(1.0)),
    river_logistic(),
    river_one_vs_rest(),
    tree.HoeffdingTreeClassifier(grace_period=10),
    preprocessing.StandardScaler() | tree.HoeffdingTreeClassifier(grace_period=10),
]
UNWEIGHTED = [
    naive_bayes.GaussianNB(),
    neighbors.KNNClassifier(),
    linear_model.PAClassifier(),
    multiclass.OneVsRestClassifier(linear_model.PAClassifier()),
    forest.ARFClassifier(n_models=2),
]


@pytest.mark.parametrize("model", WEIGHTED, ids=lambda m: type(m).__name__)
def test_weights_reach_the_model(model: Any) -> None:
    rows = labelled(80)
    heavy = with_weight(rows, np.where(rows.y == 1, 5.0, 0.5))
    X = labelled(seed=4).X
    plain, ours = (learned(wrap(model, seed=0), r).predict_proba(X) for r in (rows, heavy))
    assert ours[:, 1].mean() > plain[:, 1].mean()
    same = learned(wrap(model, seed=0), with_weight(rows, np.full(80, 1.0)))
    np.testing.assert_array_equal(same.predict_proba(X), plain)


@pytest.mark.parametrize("model", UNWEIGHTED, ids=lambda m: type(m).__name__)
def test_weights_are_refused_where_the_model_has_none(model: Any) -> None:
    rows = with_weight(labelled(), np.linspace(0, 2, 60))
    with pytest.raises(InputError, match="takes no sample weights, got the weight"):
        learned(wrap(model, seed=0), rows)


@each_model
def test_csr_rows_are_learned_as_dense_ones(model: Any) -> None:
    k = 3 if model._multiclass else 2
    rows = labelled(k=k)
    rows.X[np.abs(rows.X) < 1] = 0
    thin = Labelled(rows.ids, sparse.csr_matrix(rows.X), rows.y, rows.weight)
    one, two = (learned(wrap(model, seed=0), r, r) for r in (rows, thin))
    for X in (rows.X, thin.X):
        np.testing.assert_allclose(one.predict_proba(X), two.predict_proba(X), atol=1e-12)
    bad = sparse.csr_matrix(rows.X)
    bad.data[0] = np.nan
    with pytest.raises(InputError, match="NaN"):
        learned(two, Labelled(rows.ids, bad, rows.y, rows.weight))


def test_linear_models_learn_wide_csr_rows_by_their_stored_values() -> None:
    wide = sparse.random(20, 500_000, density=1e-5, format="csr", random_state=0)
    rows = Labelled(np.arange(20), wide, np.arange(20) % 2, np.ones(20))
    learner: Any = learned(wrap(linear_model.PAClassifier(), seed=0), rows)
    assert len(learner.model_.weights) <= wide.nnz
    lawful(learner, wide, 2)
    many = Labelled(
        np.arange(400), sparse.vstack([wide] * 20).tocsr(), np.arange(400) % 2, np.ones(400)
    )
    with pytest.raises(InputError, match=r"400 × 500000 would take 1 GiB; give smaller batches"):
        learned(wrap(linear_model.LogisticRegression(), seed=0), many)


@pytest.mark.parametrize(
    "model",
    [naive_bayes.MultinomialNB(), naive_bayes.ComplementNB(), naive_bayes.BernoulliNB()],
    ids=lambda m: type(m).__name__,
)
def test_naive_bayes_of_counts_keeps_whole_number_labels(model: Any) -> None:
    rows = labelled(90, k=3)
    X = np.maximum(np.round(rows.X), 0)
    dense = Labelled(rows.ids, X, rows.y, rows.weight)
    thin = Labelled(rows.ids, sparse.csr_matrix(X), rows.y, rows.weight)
    one, two = (learned(wrap(model, seed=0), r) for r in (dense, thin))
    assert one.predict(X).dtype == np.int64
    np.testing.assert_array_equal(one.predict_proba(X), two.predict_proba(thin.X))
    lawful(one, X, 3)
    assert (one.predict(X) == rows.y).mean() > 0.7


def test_columns_have_names() -> None:
    model = compose.Select("age") | linear_model.LogisticRegression(optim.SGD(1.0))
    rows = labelled()
    learner: Any = learned(RiverLearner(model, names=["id", "age", "height"]), rows)
    assert set(learner.model_["LogisticRegression"].weights) == {"age"}
    for each in (learner, learned(wrap(naive_bayes.GaussianNB(), seed=0), rows)):
        with pytest.raises(InputError, match="2 columns, the model knows 3"):
            each.predict_proba(rows.X[:, :2])
        with pytest.raises(InputError, match="2 columns, the model knows 3"):
            learned(each, Labelled(rows.ids, rows.X[:, :2], rows.y, rows.weight))
    with pytest.raises(InputError, match="3 columns, the model knows 1"):
        learned(RiverLearner(model, names=["age"]), rows)


def test_divergence_is_told() -> None:
    rows = labelled()
    learner = wrap(linear_model.LogisticRegression(optim.SGD(1e308), l2=1e3), seed=0)
    with np.errstate(all="ignore"):
        learned(learner, *[rows] * 50)
        with pytest.raises(InputError, match="diverged"):
            learner.predict_proba(rows.X)


def test_batches_that_overflow_the_exponential_are_learned() -> None:
    rows = labelled()
    far = Labelled(rows.ids, rows.X * 1e4, rows.y, rows.weight)
    lawful(learned(wrap(BINARY[0], seed=0), far, far, far), far.X, 2)


def test_one_mean_gradient_step_a_batch() -> None:
    rows = labelled()
    learner: Any = learned(wrap(linear_model.LogisticRegression(optim.SGD(0.5)), seed=0), rows)
    gradient = rows.X.T @ (0.5 - rows.y) / len(rows)
    weights = [learner.model_.weights[f"x{j}"] for j in range(3)]
    np.testing.assert_allclose(weights, -0.5 * gradient)


def test_swapped_probabilities_of_a_bridge_are_refused() -> None:
    inner = SGDClassifier(loss="log_loss", random_state=0)
    bridge = compat.SKL2RiverClassifier(inner, classes=["b", "a"])
    rows = labelled(names=["a", "b"])
    bridge.learn_many(frame(rows.X), pd.Series(rows.y))
    swapped = bridge.predict_proba_many(frame(rows.X))["b"]
    assert swapped[rows.y == "b"].mean() < 0.5  # the trap
    for model in (
        bridge,
        preprocessing.StandardScaler() | bridge,
        compat.River2SKLClassifier(river_logistic()),
    ):
        with pytest.raises(InputError, match="bridge"):
            wrap(model, seed=0)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (active.EntropySampler(river_logistic()), "asks for labels itself"),
        (linear_model.LinearRegression(), "no classifier of River"),
        (preprocessing.StandardScaler(), "no classifier of River"),
        (preprocessing.StandardScaler() | linear_model.LinearRegression(), "no classifier of"),
    ],
)
def test_what_cannot_be_wrapped(model: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        wrap(model, seed=0)
    with pytest.raises(InputError, match=message):
        learned(RiverLearner(model), labelled())


def test_river_is_never_refitted() -> None:
    with pytest.raises(InputError, match="learns each batch once"):
        wrap(river_logistic(), seed=0, incremental=False)


def test_every_part_without_a_seed_gets_the_runs() -> None:
    inner = ensemble.BaggingClassifier(
        linear_model.LogisticRegression(initializer=optim.initializers.Normal())
    )
    model = seeded(preprocessing.StandardScaler() | inner, 7)["BaggingClassifier"]
    assert model.seed == 7
    assert model.model.initializer.seed == 7
    assert inner.seed is None
    assert seeded(forest.ARFClassifier(seed=3), 7).seed == 3
    vote = ensemble.VotingClassifier([forest.ARFClassifier(), tree.HoeffdingTreeClassifier()])
    assert [getattr(m, "seed", 7) for m in seeded(vote, 7).models] == [7, 7]
    learner: Any = wrap(RiverLearner(forest.ARFClassifier()), seed=5)
    assert learner.model.seed == 5
