import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix, vstack
from scipy.stats import binom

from streamlearn.errors import InputError
from streamlearn.simulators import (
    Batches,
    ClassConditionalNoise,
    DriftStream,
    InstanceDependentNoise,
    NoisyStream,
    SymmetricNoise,
    batches,
)

N = 230
X = np.random.default_rng(0).standard_normal((N, 3))
Y = (X[:, 0] > 0).astype(np.int64)


def labels(stream: Any) -> Any:
    return np.concatenate([y for _, y in stream])


# --- batches


@given(
    n=st.integers(0, 50),
    size=st.integers(1, 60),
    shuffle_seed=st.none() | st.integers(0, 99),
    kind=st.sampled_from(["array", "csr", "frame", "list"]),
)
def test_batches_hold_every_row_once_and_come_again(
    n: int, size: int, shuffle_seed: int | None, kind: str
) -> None:
    rows = np.c_[np.arange(n), np.arange(n)]
    y: Any = np.arange(n)
    table: Any = {"csr": csr_matrix, "frame": pd.DataFrame}.get(kind, np.asarray)(rows)
    if kind == "frame":
        y = pd.Series(y, index=y + 100)
    if kind == "list":
        table, y = rows.tolist(), y.tolist()
    cut = batches(table, y, size, shuffle_seed=shuffle_seed)
    seen = []
    for part, label in cut:
        dense = part.toarray() if kind == "csr" else np.asarray(part)
        assert (dense[:, 0] == np.asarray(label)).all()
        assert 0 < len(label) <= size
        seen.append(np.asarray(label))
    assert len(seen) == len(cut) == -(-n // size)
    order = np.concatenate([*seen, np.empty(0, int)])
    assert sorted(order.tolist()) == list(range(n))
    assert (order == cut.order()).all()
    assert all((a == np.asarray(b)).all() for a, (_, b) in zip(seen, cut, strict=True))
    if shuffle_seed is None:
        assert (order == np.arange(n)).all()


def test_unshuffled_batches_are_not_copied() -> None:
    assert all(np.shares_memory(part, X) for part, _ in batches(X, Y, 50))


def test_batches_errors() -> None:
    with pytest.raises(InputError, match="230 rows, 3 labels"):
        batches(X, Y[:3], 10)
    with pytest.raises(InputError, match="size must be at least 1 row a batch, got 0"):
        batches(X, Y, 0)


# --- noisy streams


@settings(max_examples=25)
@given(seed=st.integers(0, 2**40), size=st.integers(20, 300), rate=st.floats(0, 1))
def test_a_noisy_stream_hangs_on_the_number_of_the_row_alone(
    seed: int, size: int, rate: float
) -> None:
    noise = SymmetricNoise(rate, classes=[0, 1])
    stream = NoisyStream(batches(X, Y, size), noise, seed)
    once = labels(stream)
    assert (once == labels(stream)).all()
    assert (once == labels(NoisyStream(batches(X, Y, 7), noise, seed))).all()
    assert (stream.flipped() == (once != Y)).all()
    assert (stream.flipped([5, 3, 229]) == (once != Y)[[5, 3, 229]]).all()
    assert (stream.truth([229, 0]) == Y[[229, 0]]).all()
    assert (stream.truth() == Y).all()


def test_features_pass_through_and_labels_are_not_touched() -> None:
    y = Y.copy()
    y.flags.writeable = False
    for (part, _), (through, noisy) in zip(
        batches(X, y, 50), NoisyStream(batches(X, y, 50), 1.0), strict=True
    ):
        assert np.shares_memory(part, through)
        assert not np.shares_memory(noisy, y)
    assert (y == Y).all()


def test_only_drawn_rows_are_known_and_two_passes_do_not_mix() -> None:
    stream = NoisyStream(batches(X, Y, 100), 0.3)
    with pytest.raises(InputError, match="row 0 has not been drawn; 0 rows have"):
        stream.truth([0])
    assert len(stream.flipped()) == 0
    next(iter(stream))
    assert len(stream.truth()) == 100
    with pytest.raises(InputError, match="row 100 has not been drawn; 100 rows"):
        stream.flipped([3, 100])
    with pytest.raises(InputError, match="row -1"):
        stream.flipped([-1])
    for (_, one), (_, two) in zip(stream, stream, strict=True):
        assert (one == two).all()
    assert (stream.truth() == Y).all()


def test_a_generator_is_read_once_and_empty_batches_are_harmless() -> None:
    names = np.array(["no", "maybe"])
    parts = [(X[:0], names[:0]), (X[:2], names), (X[:0], names[:0]), (X[:1], names[:1])]
    stream = NoisyStream((part for part in parts), 1.0)
    assert [y.tolist() for _, y in stream] == [[], ["maybe", "no"], [], ["maybe"]]
    assert stream.truth([2, 0]).tolist() == ["no", "no"]
    assert list(stream) == []


def test_a_class_that_comes_late_must_be_named() -> None:
    y = np.repeat([0, 1, 2], [50, 100, 80])
    with pytest.raises(InputError, match=r"two classes .* got \[0\]"):
        labels(NoisyStream(batches(X, y, 50), 0.2))
    with pytest.raises(InputError, match=r"class 2 .*classes=\["):
        labels(NoisyStream(batches(X, y, 100), 0.2))
    for noise in (
        SymmetricNoise(0.2, classes=[0, 1, 2]),
        ClassConditionalNoise({2: 0.5}, classes=[0, 1, 2]),
        SymmetricNoise(0.2).fit(y),
    ):
        stream = NoisyStream(batches(X, y, 50), noise)
        assert (labels(stream) != y).sum() == stream.flipped().sum() > 0


def test_noise_may_look_at_the_batch_and_the_stream_travels() -> None:
    frame = pd.DataFrame(X)
    stream = NoisyStream(batches(frame, pd.Series(Y), 100), InstanceDependentNoise(0.3), seed=4)
    once = labels(stream)
    flips = once != Y
    near = np.abs(X[:, 0]) < np.median(np.abs(X[:, 0]))
    assert flips[near].sum() > flips[~near].sum()
    again = pickle.loads(pickle.dumps(stream))
    assert (again.flipped() == flips).all()
    assert (labels(again) == once).all()


# --- drift


@pytest.mark.parametrize("kind", ["abrupt", "gradual", "recurring"])
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_drift_streams_come_again_and_know_the_truth(kind: str, noise: float) -> None:
    stream = DriftStream(kind, n_batches=12, batch_size=40, noise=noise, seed=3)
    assert len(list(stream)) == len(stream) == 12
    for (one, y_one), (two, y_two) in zip(stream, stream, strict=True):
        assert one.shape == (40, 10)
        assert (one == two).all()
        assert (y_one == y_two).all()
    given_labels = labels(stream)
    assert (stream.flipped() == (given_labels != stream.truth())).all()
    some = np.random.default_rng(0).integers(0, 480, 300)
    assert (stream.truth(some) == stream.truth()[some]).all()
    assert (stream.flipped(some) == stream.flipped()[some]).all()
    if noise:
        by_batch = stream.flipped().reshape(12, 40)
        assert len(np.unique(by_batch, axis=0)) == 12
    assert binom.ppf(1e-9, 480, noise) <= stream.flipped().sum() <= binom.isf(1e-9, 480, noise)
    other = DriftStream(kind, n_batches=12, batch_size=40, noise=noise, seed=4)
    assert (labels(other) != given_labels).any()
    assert (labels(pickle.loads(pickle.dumps(stream))) == given_labels).all()


@settings(max_examples=30)
@given(
    kind=st.sampled_from(["abrupt", "gradual", "recurring"]),
    n_batches=st.integers(3, 30),
    seed=st.integers(0, 1000),
    data=st.data(),
)
def test_the_ruling_concept_made_the_labels(
    kind: str, n_batches: int, seed: int, data: st.DataObject
) -> None:
    at = data.draw(st.integers(1, n_batches - 1))
    width = data.draw(st.integers(1, 10)) if kind == "gradual" else None
    stream = DriftStream(kind, n_batches=n_batches, batch_size=30, at=at, width=width, seed=seed)
    for number, (rows, y) in enumerate(stream):
        share = stream.share(number)
        assert share.sum() == pytest.approx(1)
        agree = [(np.asarray(c(rows)) == y).all() for c in stream.concepts]
        assert all(agree[c] for c in np.flatnonzero(share == 1))
        assert stream.concept(number) == (1 if share[1] >= 0.5 - 1e-12 else 0)
        if kind == "abrupt":
            assert stream.concept(number) == int(number >= at)
        elif kind == "recurring":
            assert stream.concept(number) == number // at % 2
        else:
            assert (share[1] == 0) == (number < at)
            assert (share[1] == 1) == (number >= at + stream.width)


@pytest.mark.parametrize(("angle", "differ"), [(0, 0.0), (45, 0.25), (90, 0.5), (180, 1.0)])
def test_hyperplanes_disagree_by_their_angle(angle: float, differ: float) -> None:
    stream = DriftStream(angle=angle, n_batches=2, batch_size=20_000)
    rows, _ = next(iter(stream))
    old, new = (np.asarray(c(rows)) for c in stream.concepts)
    low, high = binom.ppf(1e-9, 20_000, differ), binom.isf(1e-9, 20_000, differ)
    assert low <= np.count_nonzero(old != new) <= high


def test_gradual_drift_mixes_the_concepts_row_by_row() -> None:
    stream = DriftStream(
        "gradual",
        n_batches=20,
        batch_size=500,
        at=5,
        width=9,
        concepts=[lambda rows: np.full(len(rows), "old"), lambda rows: np.full(len(rows), "new")],
    )
    counts = [np.count_nonzero(y == "new") for _, y in stream]
    for number, count in enumerate(counts):
        p = float(stream.share(number)[1])
        assert p == pytest.approx(np.clip((number - 4) / 10, 0, 1))
        assert binom.ppf(1e-9, 500, p) <= count <= binom.isf(1e-9, 500, p)


def test_own_concepts_take_turns() -> None:
    names = ["a", "bb", "ccc"]
    concepts = [lambda rows, name=name: np.full(len(rows), name) for name in names]
    abrupt = DriftStream(concepts=concepts, n_batches=9, batch_size=4)
    assert [y[0] for _, y in abrupt] == ["a"] * 3 + ["bb"] * 3 + ["ccc"] * 3
    given_at = DriftStream(concepts=concepts, n_batches=9, batch_size=4, at=[1, 2])
    assert [y[0] for _, y in given_at] == ["a", "bb"] + ["ccc"] * 7
    turns = DriftStream("recurring", concepts=concepts, n_batches=8, batch_size=4, at=2)
    assert [y[0] for _, y in turns] == ["a", "a", "bb", "bb", "ccc", "ccc", "a", "a"]
    noisy = DriftStream(concepts=concepts, n_batches=9, batch_size=4, noise=1.0)
    assert noisy.flipped().all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "abrubt"}, "did you mean 'abrupt'"),
        ({"n_batches": 1}, "n_batches must be at least 2, got 1"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"n_features": 1}, "n_features must be at least 2, got 1"),
        ({"at": 0}, "between 1 and 19"),
        ({"at": 20}, "between 1 and 19"),
        ({"at": [5, 3]}, "at must rise"),
        ({"at": [5], "concepts": [np.sum] * 3}, "3 concepts need 2 batches of change"),
        ({"kind": "recurring", "at": 0}, "1 or more; got 0"),
        ({"width": 3}, "width is for gradual drift"),
        ({"kind": "gradual", "width": 0}, "at least 1 batch, got 0"),
        ({"concepts": []}, "concepts is empty"),
        ({"angle": float("nan")}, "angle must be finite"),
        ({"noise": 2}, "noise must be a number from 0 to 1, got 2"),
        ({"seed": -1}, "seed must not be negative, got -1"),
    ],
)
def test_drift_errors(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        DriftStream(**options)


def test_drift_errors_later() -> None:
    stream = DriftStream(n_batches=3, batch_size=5)
    with pytest.raises(InputError, match="no row 15; the stream has 15"):
        stream.truth([15])
    with pytest.raises(InputError, match="batch must be from 0 to 2, got 3"):
        stream.concept(3)
    with pytest.raises(InputError, match="concept 0 gave 1 labels for 5 rows"):
        list(DriftStream(concepts=[lambda rows: [0]], batch_size=5))


def test_streams_stack() -> None:
    stream = NoisyStream(DriftStream(n_batches=5, batch_size=20), ClassConditionalNoise({1: 1.0}))
    assert (labels(stream) == 0).all()
    sparse = NoisyStream(batches(csr_matrix(X), Y, 100), 0.2)
    assert (vstack([part for part, _ in sparse]) != csr_matrix(X)).nnz == 0
    assert isinstance(batches(X, Y, 3), Batches)
