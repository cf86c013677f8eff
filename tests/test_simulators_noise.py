import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.stats import binom, kstest
from sklearn.base import clone
from sklearn.datasets import make_classification

from streamlearn.errors import InputError
from streamlearn.keyed import key, uniform
from streamlearn.simulators import (
    ClassConditionalNoise,
    GroupNoise,
    InstanceDependentNoise,
    SymmetricNoise,
)
from streamlearn.simulators.noise import fitted

N = 4000
IDS = np.arange(N)
X, Y = make_classification(
    N, 5, n_informative=3, n_redundant=0, n_classes=3, n_clusters_per_class=1, random_state=0
)
GROUP = np.where(IDS % 4 == 0, "a", "b")
seeds = st.integers(-(2**70), 2**70)


def within(hits: Any, n: Any, rate: float) -> bool:
    """Whether a count is believable: two-sided, one false alarm in 5e8."""
    return bool(binom.ppf(1e-9, n, rate) <= hits <= binom.isf(1e-9, n, rate))


def models() -> list[Any]:
    return [
        SymmetricNoise(0.3),
        ClassConditionalNoise({0: 0.5, 2: 0.1}),
        ClassConditionalNoise(
            [[0.7, 0.3, 0.0], [0.0, 1.0, 0.0], [0.2, 0.2, 0.6]], classes=[0, 1, 2]
        ),
        InstanceDependentNoise(0.2),
        GroupNoise({"a": 0.4, "b": 0.05}, groups=GROUP),
    ]


every_model = pytest.mark.parametrize("noise", models(), ids=lambda m: type(m).__name__)


# --- keyed numbers


@given(seeds, st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=40), st.data())
def test_keyed_numbers_ignore_order_and_company(
    seed: int, ids: list[int], data: st.DataObject
) -> None:
    some = data.draw(st.lists(st.sampled_from(range(len(ids))), max_size=40))
    whole = uniform(seed, ids)
    assert ((whole >= 0) & (whole < 1)).all()
    assert (uniform(seed, np.array(ids)[some]) == whole[some]).all()


@pytest.mark.parametrize("stream", [0, 1, "flip"])
@pytest.mark.parametrize("ids", [np.arange(20_000), np.arange(20_000) * 4096, -np.arange(20_000)])
def test_keyed_numbers_are_uniform_and_uncorrelated(ids: Any, stream: int | str) -> None:
    draws = uniform(3, ids, stream)
    assert len(np.unique(draws)) == len(draws)
    assert kstest(draws, "uniform").pvalue > 1e-6
    for other in (np.roll(draws, 1), uniform(4, ids, stream), uniform(3, ids, "other")):
        assert abs(np.corrcoef(draws, other)[0, 1]) < 5 / np.sqrt(len(ids))


def splitmix64(state: int) -> int:
    """The published generator's output for a state, in plain integers."""
    top = 2**64
    z = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 % top
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % top
    return z ^ (z >> 31)


@given(seeds, st.integers(-(2**63), 2**63 - 1), st.sampled_from([0, 1, "flip"]))
def test_keyed_numbers_are_the_published_generator(seed: int, id: int, stream: int | str) -> None:
    golden = 0x9E3779B97F4A7C15
    # First output of the reference implementation for the seed 1234567.
    assert splitmix64((1234567 + golden) % 2**64) == 6457827717110365317
    state = (key(seed, stream) + id * golden) % 2**64
    assert uniform(seed, [id], stream)[0] == (splitmix64(state) >> 11) / 2**53


@pytest.mark.parametrize("seed", [0.5, "1", None])
def test_a_seed_is_a_whole_number(seed: Any) -> None:
    with pytest.raises(InputError, match="seed must be a whole number"):
        uniform(seed, [1])


# --- laws of every model


@every_model
@settings(max_examples=15)
@given(seed=seeds, data=st.data())
def test_a_row_depends_on_seed_and_id_alone(noise: Any, seed: int, data: st.DataObject) -> None:
    model = fitted(noise, Y, X)
    rows = np.array(data.draw(st.lists(st.integers(0, N - 1), min_size=1, max_size=50)))
    whole = model.corrupt(Y, IDS, seed=seed, X=X)
    part = model.corrupt(Y[rows], IDS[rows], seed=seed, X=X[rows])
    assert (part == whole[rows]).all()
    assert (model.corrupt(Y, IDS, seed=seed, X=X) == whole).all()
    assert (model.corrupt(Y, IDS, seed=seed + 1, X=X) != whole).any()


@every_model
def test_inputs_stay_and_the_model_travels(noise: Any) -> None:
    y, ids, rows = Y.copy(), IDS.copy(), X.copy()
    for array in (y, ids, rows):
        array.flags.writeable = False
    model = fitted(noise, y, rows)
    out = model.corrupt(y, ids, seed=1, X=rows)
    assert not hasattr(noise, "classes_")
    assert model is not noise
    assert fitted(model, [5, 6]) is model
    assert out.flags.writeable
    assert not np.shares_memory(out, y)
    again = pickle.loads(pickle.dumps(model))
    assert (again.corrupt(y, ids, seed=1, X=rows) == out).all()
    assert repr(clone(noise)) == repr(noise)
    assert len(model.corrupt([], [], seed=1)) == 0


@every_model
def test_not_fitted_and_unequal_lengths_are_errors(noise: Any) -> None:
    with pytest.raises(InputError, match=r"call fit\(y\) first"):
        clone(noise).corrupt([0], [0], seed=0)
    model = fitted(noise, Y, X)
    with pytest.raises(InputError, match="2 labels, 1 ids"):
        model.corrupt([0, 1], [0], seed=0)
    with pytest.raises(InputError, match="1 labels, 1 ids, 4000 rows"):
        model.corrupt([0], [0], seed=0, X=X)
    with pytest.raises(InputError, match=r"class 7 \(known: 0, 1, 2\)"):
        model.corrupt([0, 7], [0, 1], seed=0, X=X[:2])
    with pytest.raises(InputError, match="class 'x'"):
        model.corrupt(["x"], [0], seed=0, X=X[:1])


# --- symmetric


@settings(max_examples=25)
@given(
    seed=seeds,
    rate=st.floats(0, 1),
    classes=st.sampled_from([[0, 1], [False, True], ["n", "yes"], [0.5, 1.5, 9.0], list("abcde")]),
)
def test_symmetric_rate_and_targets(seed: int, rate: float, classes: list[Any]) -> None:
    y = np.array(classes)[IDS % len(classes)]
    out = SymmetricNoise(rate).fit(y).corrupt(y, IDS, seed=seed)
    assert out.dtype == y.dtype
    flips = out != y
    assert within(np.count_nonzero(flips), N, rate)
    for wrong in classes:
        rows = y != wrong
        k = len(classes)
        assert within(np.count_nonzero(out[rows] == wrong), np.count_nonzero(rows), rate / (k - 1))


def test_a_flip_never_equals_the_truth_and_rates_nest() -> None:
    assert (SymmetricNoise(1.0).fit(Y).corrupt(Y, IDS, seed=5) != Y).all()
    low, high = (SymmetricNoise(r).fit(Y).corrupt(Y, IDS, seed=5) != Y for r in (0.1, 0.3))
    assert (high | ~low).all()


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan"), float("inf"), "0.2", None])
def test_rates_are_checked(rate: Any) -> None:
    for noise in (
        SymmetricNoise(rate),
        ClassConditionalNoise({0: rate}),
        InstanceDependentNoise(rate),
        GroupNoise({"a": rate, "b": 0.1}, groups=GROUP),
    ):
        with pytest.raises(InputError, match="number from 0 to 1, got"):
            noise.fit(Y, X)


def test_one_class_cannot_flip_unless_more_are_named() -> None:
    with pytest.raises(InputError, match=r"two classes .* got \[1\]"):
        SymmetricNoise(0.1).fit([1, 1])
    noise = SymmetricNoise(1.0, classes=[1, 0]).fit([1, 1])
    assert noise.corrupt([1], [0], seed=0).tolist() == [0]


def test_a_longer_class_name_fits() -> None:
    noise = SymmetricNoise(1.0, classes=["n", "maybe"]).fit(["n"])
    assert noise.corrupt(["n"], [0], seed=0).tolist() == ["maybe"]


def test_a_number_is_a_rate_and_nonsense_is_none() -> None:
    assert repr(fitted(0.25, [0, 1])) == "SymmetricNoise(rate=0.25)"
    with pytest.raises(InputError, match="got str"):
        fitted("symmetric", [0, 1])  # type: ignore[arg-type]


# --- class conditional


@settings(max_examples=20)
@given(seed=seeds, flat=st.lists(st.floats(0.01, 1), min_size=9, max_size=9))
def test_the_transition_matrix_is_respected(seed: int, flat: list[float]) -> None:
    matrix = np.reshape(flat, (3, 3))
    matrix[0, 2] = 0.0
    matrix /= matrix.sum(axis=1, keepdims=True)
    order = ["c", "a", "b"]
    y = np.array(order)[IDS % 3]
    noise = ClassConditionalNoise(matrix, classes=order).fit(y)
    out = noise.corrupt(y, IDS, seed=seed)
    for i, true in enumerate(order):
        said = out[y == true]
        for j, answer in enumerate(order):
            assert within(np.count_nonzero(said == answer), len(said), matrix[i, j])
    assert not (out[y == "c"] == "b").any()


def test_rates_by_class_leave_the_others_alone() -> None:
    out = ClassConditionalNoise({1: 0.4}).fit(Y).corrupt(Y, IDS, seed=0)
    assert (out[Y != 1] == Y[Y != 1]).all()
    assert within(np.count_nonzero(out[Y == 1] != 1), np.count_nonzero(Y == 1), 0.4)


def test_rates_by_class_may_be_keyed_by_text_or_value() -> None:
    for y in ([0, 1], [False, True], [0.0, 1.0]):
        names = [str(v) for v in y]
        by_value = ClassConditionalNoise({1: 0.4}).fit(y).transition_
        by_text = ClassConditionalNoise({names[1]: 0.4}).fit(y).transition_
        assert (by_value == by_text).all()


@pytest.mark.parametrize(
    ("noise", "message"),
    [
        (ClassConditionalNoise({3: 0.1}), "unknown class '3'"),
        (ClassConditionalNoise([[1, 0], [0, 1]]), "needs classes="),
        (ClassConditionalNoise([[1, 0], [0, 1]], classes=[0, 1, 2]), r"shape \(2, 2\)"),
        (ClassConditionalNoise(np.eye(3), classes=[0, 1, 2, 2]), "each once"),
        (ClassConditionalNoise(np.full((3, 3), 0.5), classes=[0, 1, 2]), "rows sum to 1"),
        (ClassConditionalNoise(np.eye(3) * np.nan, classes=[0, 1, 2]), "rows sum to 1"),
    ],
)
def test_bad_matrices_and_classes(noise: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        noise.fit(Y)


# --- instance dependent


@settings(max_examples=15)
@given(rate=st.floats(0, 0.49), sharpness=st.floats(0.1, 10))
def test_instance_dependent_rates_have_the_mean_and_fall_with_distance(
    rate: float, sharpness: float
) -> None:
    noise = InstanceDependentNoise(rate, sharpness=sharpness).fit(Y, X)
    p = noise.rates(X)
    assert p.mean() == pytest.approx(rate, abs=1e-9)
    assert ((p >= 0) & (p <= 0.5)).all()
    scores = np.sort(noise.model_.decision_function(X), axis=1)
    margin = scores[:, -1] - scores[:, -2]
    assert (np.diff(p[np.argsort(margin)]) <= 1e-12).all()
    # Below the ceiling the chance falls by exp(-sharpness) over the mean distance.
    free = p < 0.5 - 1e-9
    if rate > 1e-6 and np.count_nonzero(free) > 1:
        level = np.log(p[free]) + sharpness * margin[free] / margin.mean()
        assert np.ptp(level) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("rows", [X, pd.DataFrame(X), csr_matrix(X)], ids=["array", "frame", "csr"])
def test_instance_dependent_flips_more_near_the_boundary(rows: Any) -> None:
    binary = (Y == 1).astype(int)
    noise = InstanceDependentNoise(0.2).fit(binary, rows)
    margin = np.abs(noise.model_.decision_function(rows))
    flips = noise.corrupt(binary, IDS, seed=2, X=rows) != binary
    near, far = flips[margin < np.median(margin)], flips[margin >= np.median(margin)]
    assert within(np.count_nonzero(flips), N, 0.2)
    assert near.mean() > 2 * far.mean()


def test_instance_dependent_errors() -> None:
    with pytest.raises(InputError, match=r"rate 0.5 and ceiling 0.5"):
        InstanceDependentNoise(0.5).fit(Y, X)
    with pytest.raises(InputError, match="sharpness must be finite and above 0, got 0"):
        InstanceDependentNoise(0.1, sharpness=0).fit(Y, X)
    with pytest.raises(InputError, match="got no X and 4000 labels"):
        InstanceDependentNoise(0.1).fit(Y)
    with pytest.raises(InputError, match="give X as well"):
        InstanceDependentNoise(0.1).fit(Y, X).corrupt(Y, IDS, seed=0)


def test_an_own_estimator_without_decision_function_serves() -> None:
    from sklearn.naive_bayes import GaussianNB

    p = InstanceDependentNoise(0.2, estimator=GaussianNB()).fit(Y, X).rates(X)
    assert p.mean() == pytest.approx(0.2, abs=1e-9)


# --- by group


def test_groups_have_their_own_rates_wherever_they_are_kept() -> None:
    frame = pd.DataFrame(X).assign(sex=GROUP)
    coded = np.c_[X, GROUP == "a"]
    shuffled = np.random.default_rng(0).permutation(N)
    series = pd.Series(GROUP[shuffled], index=shuffled)
    rates = {"a": 0.5, "b": 0.1}
    by_id = GroupNoise(rates, GROUP).fit(Y).corrupt(Y, IDS, seed=1)
    for group, rate in rates.items():
        flips = (by_id != Y)[group == GROUP]
        assert within(np.count_nonzero(flips), len(flips), rate)
    for noise, rows in (
        (GroupNoise(rates, series), None),
        (GroupNoise(rates, "sex"), frame),
        (GroupNoise({1: 0.5, 0: 0.1}, 5), coded),
        (GroupNoise({"1.0": 0.5, "0.0": 0.1}, 5), csr_matrix(coded)),
    ):
        assert (noise.fit(Y, rows).corrupt(Y, IDS, seed=1, X=rows) == by_id).all()


@pytest.mark.parametrize(
    ("groups", "rows", "message"),
    [
        (GROUP[:10], None, "id 10 is not among"),
        ("sex", None, "give X as well"),
        ("sex", X, "no 'sex'"),
        (9, X, "5 columns, with no 9"),
        ("sex", pd.DataFrame(X).assign(sexe="a"), "did you mean 'sexe'"),
        (np.where(IDS == 3, "c", "a"), None, "unknown group with a rate 'c'"),
    ],
)
def test_group_errors(groups: Any, rows: Any, message: str) -> None:
    noise = GroupNoise({"a": 0.5, "b": 0.1}, groups)
    with pytest.raises(InputError, match=message):
        noise.fit(Y, rows).corrupt(Y, IDS, seed=0, X=rows)
