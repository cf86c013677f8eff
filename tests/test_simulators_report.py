import math
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

import streamlearn.simulators as simulators
from streamlearn.data import Judgement, Labelled, Query, Round
from streamlearn.errors import InputError
from streamlearn.simulators import (
    DriftStream,
    NoisyStream,
    Panel,
    SimulatedAnnotator,
    Toy,
    TrimReport,
    batches,
    bhatt2021_toy,
    chhabra2024_toy,
)

N = 300
Y = np.array(["no", "yes", "maybe"])[np.arange(N) % 3]
FIELDS = ["rows", "wrong", "trimmed", "relabelled", "relabelled_right"]


def told(number: int, ids: Any, y: Any, judged: Judgement | None) -> Round:
    ids = np.asarray(ids)
    return Round(number, None, Labelled(ids, np.zeros((len(ids), 1)), y, np.ones(len(ids))), judged)


def judgement(ids: Any, y: Any, weight: Any) -> Judgement:
    n = len(ids)
    return Judgement(
        np.asarray(ids), np.asarray(y), np.asarray(weight, float), np.zeros(n), np.full(n, "")
    )


def run(annotator: Any, judge: Any, size: int = 50) -> TrimReport:
    report = TrimReport(annotator)
    for number, start in enumerate(range(0, N, size), start=1):
        ids = np.arange(start, min(start + size, N))
        [answer] = annotator.answer([Query(number, ids, None)], number)
        report.after(told(number, answer.ids, answer.y, judge(answer)), None)
    return report


def test_an_oracle_trimmer_is_perfect_and_a_random_one_has_the_base_rate() -> None:
    annotator = SimulatedAnnotator(Y, noise=0.3)

    def oracle(a: Any) -> Judgement:
        return judgement(a.ids, a.y, ~annotator.flipped(a.ids))

    total = run(annotator, oracle).total()
    assert total["precision"] == total["recall"] == 1
    assert total["rows"] == N
    assert total["wrong"] == total["trimmed"] == annotator.flipped().sum()
    assert total["base_rate"] == annotator.flipped().mean()
    everything = run(annotator, lambda a: judgement(a.ids, a.y, np.zeros(len(a.ids)))).total()
    assert everything["precision"] == everything["base_rate"]
    assert everything["recall"] == 1
    nothing = run(annotator, lambda a: None).total()
    assert math.isnan(nothing["precision"])
    assert nothing["recall"] == 0


@given(st.data())
def test_counts_agree_with_counting_by_hand(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 30))
    label = st.sampled_from(["no", "yes", "maybe"])
    true, given_y, said = (
        np.array(data.draw(st.lists(label, min_size=n, max_size=n))) for _ in range(3)
    )
    weight = np.array(data.draw(st.lists(st.sampled_from([0, 0.5, 1]), min_size=n, max_size=n)))
    report = TrimReport(SimulatedAnnotator(true))
    report.after(told(1, np.arange(n), given_y, judgement(np.arange(n), said, weight)), None)
    wrong, trimmed = given_y != true, weight == 0
    relabelled = ~trimmed & (said != given_y)
    acted = trimmed | relabelled
    total = report.total()
    assert [total[f] for f in FIELDS] == [
        n,
        wrong.sum(),
        trimmed.sum(),
        relabelled.sum(),
        (relabelled & (said == true)).sum(),
    ]
    if acted.any():
        assert total["precision"] == (wrong & acted).sum() / acted.sum()
    if wrong.any():
        assert total["recall"] == (wrong & acted).sum() / wrong.sum()


def test_rounds_add_up_and_a_row_judged_again_counts_once_as_judged_last() -> None:
    annotator = SimulatedAnnotator(Y, noise=0.3)
    report = run(annotator, lambda a: judgement(a.ids, a.y, np.zeros(len(a.ids))))
    frame = report.to_frame()
    assert frame["round"].tolist() == [1, 2, 3, 4, 5, 6]
    assert frame[FIELDS].sum().tolist() == [report.total()[f] for f in FIELDS]
    # All is forgiven, but the flipped rows are set right; a reference row is none of ours.
    ids = np.append(np.arange(N), -1)
    report.after(told(7, [], [], judgement(ids, np.append(Y, "no"), np.ones(N + 1))), None)
    total, flips = report.total(), annotator.flipped().sum()
    assert [total[f] for f in FIELDS] == [N, flips, 0, flips, flips]
    assert total["precision"] == total["recall"] == 1
    assert report.to_frame()["rows"].iloc[-1] == N


def test_an_empty_report_has_its_columns() -> None:
    report = TrimReport(SimulatedAnnotator(Y))
    report.after(told(1, [], [], None), None)
    assert len(report.to_frame()) == 0
    assert [*report.to_frame().columns] == ["round", *report.total()]
    assert math.isnan(report.total()["base_rate"])
    assert pickle.loads(pickle.dumps(report)).total()["rows"] == 0


def test_streams_and_panels_are_oracles_too() -> None:
    table = np.zeros((N, 1))
    noisy = NoisyStream(batches(table, Y, 100), 0.3)
    drifting = DriftStream(n_batches=3, batch_size=100, noise=0.3)
    for stream in (noisy, drifting):
        report, first = TrimReport(stream), 0
        for number, (_, y) in enumerate(stream, start=1):
            ids = np.arange(first, first + len(y))
            first += len(y)
            weight = ~stream.flipped(ids)
            report.after(told(number, ids, y, judgement(ids, y, weight)), None)
        total = report.total()
        assert (total["rows"], total["precision"], total["recall"]) == (N, 1, 1)
    panel = Panel([SimulatedAnnotator(Y, noise=0.3)])
    assert run(panel, lambda a: None).total()["wrong"] == panel.flipped().sum()


# --- toys


@pytest.mark.parametrize("make", [chhabra2024_toy, bhatt2021_toy])
def test_toys_are_seeded_and_travel(make: Any) -> None:
    one, two, other = make(1), make(1), make(2)
    assert (one.X == two.X).all()
    assert (one.X != other.X).any()
    again = pickle.loads(pickle.dumps(one))
    assert (again.sensitive == one.sensitive).all()
    assert sum(len(one.part(p)) for p in np.unique(one.split)) == len(one)
    with pytest.raises(InputError, match="no part 'valid'"):
        one.part("valid")


def summary(toy: Toy) -> Any:
    return np.array([toy.X[toy.y == c].mean(axis=0) for c in (0, 1)])


def test_the_toy_of_chhabra_has_its_shape() -> None:
    toys = [chhabra2024_toy(seed) for seed in range(20)]
    for toy in toys:
        assert toy.X.shape == (250, 2)
        assert [len(toy.part(p)) for p in ("train", "validation")] == [150, 100]
        assert np.bincount(toy.y).tolist() == np.bincount(toy.sensitive).tolist() == [125, 125]
        assert np.count_nonzero(toy.y == toy.sensitive) == 218
    mean = np.mean([summary(toy) for toy in toys], axis=0)
    # The mean of 2,500 rows of standard deviation 1.47, five standard errors.
    assert np.allclose(mean, [[3.13, -3.08], [0.88, 2.11]], atol=5 * 1.47 / 50)


FOLDER = os.environ.get("STREAMLEARN_DATA")


@pytest.mark.data
@pytest.mark.skipif(not FOLDER, reason="STREAMLEARN_DATA names no folder")
def test_the_toy_of_chhabra_looks_like_the_published_one() -> None:
    table = pd.read_parquet(Path(FOLDER or "") / "toy.parquet")
    shipped = Toy(
        table[["feature1", "feature2"]].to_numpy(),
        (table["target"] == "Y").to_numpy().astype(np.int64),
        (table["sex"] == "Male").to_numpy().astype(np.int64),
        table["part"].to_numpy(dtype=str),
    )
    drawn = [chhabra2024_toy(seed) for seed in range(50)]

    def looks(toy: Toy) -> Any:
        model = LogisticRegression().fit(toy.X[:150], toy.y[:150])
        return np.concatenate(
            [
                summary(toy).ravel(),
                [toy.X[toy.y == c].std() for c in (0, 1)],
                [np.mean(toy.y == toy.sensitive), np.mean(toy.y), len(toy)],
                [model.score(toy.X[150:], toy.y[150:])],
            ]
        )

    many = np.array([looks(toy) for toy in drawn])
    spread = np.maximum(many.std(axis=0), 1e-12)
    assert (np.abs(looks(shipped) - many.mean(axis=0)) < 4 * spread + 1e-9).all()


def test_the_toy_of_bhatt_has_its_shape() -> None:
    toy = bhatt2021_toy(0)
    assert [len(toy.part(p)) for p in ("train", "validation", "test")] == [1435, 410, 205]
    far = (toy.X[:, 1] > 5) & (toy.X[:, 0] < 0.5)
    assert 40 <= np.count_nonzero(far) <= 60
    assert (toy.y[far] == 1).all()
    for label, mean, cov in ((0, [-2, -2], np.eye(2)), (1, [3, 3], [[2, 1], [1, 2]])):
        rows = toy.X[(toy.y == label) & ~far]
        assert 900 < len(rows) < 1100
        assert np.allclose(rows.mean(axis=0), mean, atol=0.3)
        assert np.allclose(np.cov(rows.T), cov, atol=0.3)


def test_the_group_of_bhatt_goes_with_the_label_the_less_it_is_turned() -> None:
    agree = [
        np.mean((toy := bhatt2021_toy(0, angle=angle)).y == toy.sensitive) for angle in (0, 45, 90)
    ]
    assert agree[0] > agree[1] > agree[2]


def test_the_public_names_are_all_there() -> None:
    assert simulators.__all__ == sorted(simulators.__all__)
    assert all(hasattr(simulators, name) for name in simulators.__all__)
