import functools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_iris, make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from streamlearn import View
from streamlearn.arrays import Ids
from streamlearn.benchmark import FACTORS, Results, compare
from streamlearn.benchmark.cell import Cell
from streamlearn.benchmark.division import Sizes, divide
from streamlearn.benchmark.identity import describe
from streamlearn.benchmark.progress import Remaining
from streamlearn.benchmark.storage import CELL_COLUMNS
from streamlearn.benchmark.tables import tables
from streamlearn.datasets import load
from streamlearn.errors import InputError
from streamlearn.simulators import DriftStream, SymmetricNoise
from streamlearn.strategies import Diverse, Margin, Random

X, Y = make_classification(120, 5, random_state=0)
TOY = {"toy": (X, Y)}
SMALL: Any = {"learners": {"bayes": GaussianNB()}, "rounds": 3, "per_round": 5, "n_jobs": 1}
TIMES = ["seconds", "query_seconds", "trim_seconds"]


class Breaks:
    """Raises at its second query on some data."""

    def __init__(self, columns: int) -> None:
        self.columns = columns

    def __repr__(self) -> str:
        return f"Breaks({self.columns})"

    def select(self, view: View, n: int, rng: np.random.Generator) -> Ids:
        if view.candidates.X.shape[1] == self.columns and len(view.seen) > 20:
            raise RuntimeError("no idea")
        return view.candidates.ids[view.candidates.open][:n]


class Asked:
    """Notes in a file which rows it is offered and knows: what cells of a seed must share."""

    def __init__(self, name: str, path: Path) -> None:
        self.name, self.path = name, path

    def __repr__(self) -> str:
        return f"Asked({self.name!r})"

    def select(self, view: View, n: int, rng: np.random.Generator) -> Ids:
        seen = view.seen
        row = [self.name, view.candidates.X.sum(), len(seen), seen.X.sum(), seen.y.tolist()]
        with self.path.open("a") as file:
            file.write(repr(row) + "\n")
        return view.candidates.ids[view.candidates.open][:n]


def same(one: Results, other: Results) -> None:
    pd.testing.assert_frame_equal(one.cells.drop(columns=TIMES), other.cells.drop(columns=TIMES))
    pd.testing.assert_frame_equal(one.curves, other.curves)


def test_the_grid_is_whole_and_tidy() -> None:
    results = compare(
        ["random", "margin"], TOY, noise=[None, 0.2], trimmers=[None, "loss"], seeds=2, **SMALL
    )
    cells, curves = results.cells, results.curves
    assert list(cells) == list(CELL_COLUMNS)
    assert len(cells) == 2 * 2 * 2 * 2
    assert cells["cell"].is_unique
    assert (cells["status"] == "done").all()
    assert (cells["labels"] == 15).all()
    assert len(curves) == len(cells) * 4
    assert not curves.duplicated([*FACTORS, "seed", "labels", "metric"]).any()
    assert sorted(set(curves["labels"])) == [20, 25, 30, 35]
    assert curves["value"].between(0, 1).all()
    judged = cells[(cells["trimmer"] == "loss") & (cells["noise"] != "none")]
    others = cells.drop(judged.index)
    assert judged["recall"].notna().all()
    assert others["recall"].isna().all()
    assert (judged["trim_seconds"] > 0).all()
    assert (cells["seconds"] >= cells["query_seconds"] + cells["trim_seconds"]).all()
    assert results.meta["configuration"]["seeds"] == [0, 1]


def test_cells_of_a_seed_share_split_initial_labels_and_errors(tmp_path: Path) -> None:
    path = tmp_path / "asked"
    arms = [Asked("a", path), Asked("b", path)]
    compare(arms, TOY, noise=0.3, seeds=3, **{**SMALL, "rounds": 1})
    rows = [line.split(", ", 1) for line in path.read_text().splitlines()]
    by_arm: dict[str, list[str]] = {}
    for arm, rest in rows:
        by_arm.setdefault(arm, []).append(rest)
    first, second = by_arm.values()
    assert first == second
    assert len(set(first)) == 3


def test_equal_strategies_have_equal_curves() -> None:
    results = compare(
        {"a": Random(), "b": Random()}, TOY, noise=0.2, trimmers="random", seeds=3, **SMALL
    )
    a, b = (results.curves[results.curves["strategy"] == name]["value"] for name in "ab")
    assert a.tolist() == b.tolist()


@given(
    seed=st.integers(0, 5),
    initial=st.one_of(st.just(0), st.integers(5, 20)),
    reference=st.integers(0, 10),
    test=st.one_of(st.integers(0, 30), st.floats(0, 0.5)),
    max_rows=st.one_of(st.none(), st.integers(80, 200)),
    stream=st.one_of(st.none(), st.integers(1, 50)),
)
@settings(max_examples=40, deadline=None)
def test_every_row_is_in_one_part(
    seed: int,
    initial: int,
    reference: int,
    test: float,
    max_rows: int | None,
    stream: int | None,
) -> None:
    rows = np.arange(120.0)[:, None]
    [table] = tables({"numbers": (rows, Y)})
    sizes = Sizes(initial, reference, test, max_rows, stream)
    division = divide(table, seed, sizes)
    parts = [division.X, *(part[0] for part in (division.reference, division.test) if part)]
    found = np.concatenate(parts).ravel()
    assert len(set(found)) == len(found) == min(120, max_rows or 120)
    labels = [division.y, *(part[1] for part in (division.reference, division.test) if part)]
    assert (np.concatenate(labels) == Y[found.astype(int)]).all()
    assert (0 if division.reference is None else len(division.reference[1])) == reference
    if stream is None:
        assert len(division.initial) == initial
        assert division.sizes is None
        if initial >= 2:
            assert set(division.y[division.initial]) == {0, 1}
    else:
        assert division.sizes is not None
        assert sum(division.sizes) == len(division.y)
        assert division.test is None
        assert max(division.sizes) <= stream
    again = divide(table, seed, sizes)
    assert (again.X == division.X).all()
    if initial and stream is None:
        other = divide(table, seed + 1, sizes)
        assert set(other.X[other.initial, 0]) != set(division.X[division.initial, 0])


def test_a_failing_strategy_fails_its_own_cells_alone(tmp_path: Path) -> None:
    sets = {"toy": (X, Y), "iris": load_iris(return_X_y=True)}
    arms = ["random", Breaks(4)]
    results = compare(arms, sets, seeds=2, folder=tmp_path, **SMALL)
    failed = results.cells[results.cells["status"] == "failed"]
    assert set(zip(failed["dataset"], failed["strategy"], strict=True)) == {("iris", "Breaks(4)")}
    assert len(failed) == 2
    assert failed["error"].str.contains("RuntimeError: no idea").all()
    assert failed["error"].str.contains("Traceback").all()
    same(results, compare(arms, sets, seeds=2, folder=tmp_path, **SMALL))
    same(results, Results.load(tmp_path))
    before = _stamps(tmp_path)
    again = compare(arms, sets, seeds=2, folder=tmp_path, retry_failed=True, **SMALL)
    changed = {path for path, stamp in _stamps(tmp_path).items() if before[path] != stamp}
    assert changed == set(failed["cell"])
    same(results.__class__(results.cells.drop(columns="error"), results.curves, {}),
         results.__class__(again.cells.drop(columns="error"), again.curves, {}))  # fmt: skip


def test_more_strategies_data_and_seeds_rerun_nothing(tmp_path: Path) -> None:
    compare("random", TOY, seeds=2, folder=tmp_path, **SMALL)
    before = _stamps(tmp_path)
    sets = {**TOY, "iris": load_iris(return_X_y=True)}
    results = compare(["random", "margin"], sets, seeds=3, folder=tmp_path, **SMALL)
    after = _stamps(tmp_path)
    assert len(after) == len(results.cells) == 12
    assert before.items() <= after.items()
    # The grid is that of the last call; what it leaves out stays on disk.
    assert len(compare("random", TOY, seeds=2, folder=tmp_path, **SMALL).cells) == 2
    assert len(Results.load(tmp_path).cells) == 2
    assert _stamps(tmp_path) == after


@pytest.mark.parametrize(
    "change",
    [
        {"rounds": 2},
        {"per_round": 4},
        {"initial": 10},
        {"metrics": ["accuracy", "log_loss"]},
        {"learners": {"bayes": GaussianNB(var_smoothing=1e-3)}},
        {"datasets": {"toy": (X + 1e-9, Y)}},
        {"noise": 0.1},
        {"seeds": [7]},
    ],
)
def test_another_configuration_is_another_cell(change: dict[str, Any]) -> None:
    base: dict[str, Any] = {"strategies": "random", "datasets": TOY, "seeds": 1, **SMALL}
    keys = {compare(**base).cells["cell"][0] for _ in range(2)}
    assert len(keys) == 1
    assert compare(**{**base, **change}).cells["cell"][0] not in keys


def test_two_processes_give_what_one_gives() -> None:
    one, two = (
        compare(
            ["random", "margin"], ["iris", "breast_cancer"], noise=0.2, seeds=2,
            trimmers=[None, "confident"], **{**SMALL, "n_jobs": n, "learners": "logistic"},
        )
        for n in (1, 2)
    )  # fmt: skip
    same(one, two)


def test_results_come_back_from_disk(tmp_path: Path) -> None:
    results = compare(["random", "margin"], TOY, seeds=2, folder=tmp_path, **SMALL)
    loaded = Results.load(tmp_path)
    pd.testing.assert_frame_equal(results.cells, loaded.cells)
    pd.testing.assert_frame_equal(results.curves, loaded.curves)
    assert results.meta == loaded.meta
    whole = pd.read_parquet(tmp_path / "cells")
    assert len(whole) == len(results.curves)
    assert set(results.curves.columns) == set(whole.columns)
    with pytest.raises(InputError, match="holds no comparison"):
        Results.load(tmp_path / "elsewhere")


@pytest.mark.parametrize("harm", ["empty", "short", "flipped", "record"])
def test_a_damaged_file_is_noticed_said_and_run_again(tmp_path: Path, harm: str) -> None:
    results = compare(["random", "margin"], TOY, seeds=2, folder=tmp_path, **SMALL)
    path = tmp_path / "cells" / f"{results.cells['cell'][1]}.parquet"
    body = path.read_bytes()
    if harm == "flipped":  # a bit of the curve itself
        at = body.index(np.float64(results.curves["value"][5]).tobytes())
        bad = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
    elif harm == "record":
        bad = body.replace(b'"labels": 15', b'"labels": 16')
    else:
        bad = body[: {"empty": 0, "short": len(body) // 2}[harm]]
    assert bad != body
    path.write_bytes(bad)
    with pytest.warns(UserWarning, match="damaged"):
        loaded = Results.load(tmp_path)
    assert loaded.cells["status"].tolist() == ["done", "missing", "done", "done"]
    assert len(loaded.curves) == len(results.curves) - 4
    stamps = _stamps(tmp_path)
    with pytest.warns(UserWarning, match="damaged"):
        again = compare(["random", "margin"], TOY, seeds=2, folder=tmp_path, **SMALL)
    same(again, results)
    assert [k for k, v in _stamps(tmp_path).items() if stamps[k] != v] == [path.stem]


def test_what_is_half_written_is_cleared_away(tmp_path: Path) -> None:
    results = compare("random", TOY, seeds=1, folder=tmp_path, **SMALL)
    half = tmp_path / "cells" / f"{results.cells['cell'][0]}.tmp"
    half.write_bytes(b"PAR1")
    compare("random", TOY, seeds=1, folder=tmp_path, **SMALL)
    assert not half.exists()


def test_streams_are_scored_batch_by_batch_whatever_is_asked() -> None:
    drift = functools.partial(DriftStream, "abrupt", n_batches=6, batch_size=20, n_features=3)
    results = compare(
        {"all": None, "few": "margin"}, {"drift": drift, **TOY}, "averaged_sgd", 0.2,
        trimmers=[None, "confident"], seeds=2, per_round=0.25, reference=10, stream=30, n_jobs=1,
    )  # fmt: skip
    cells, curves = results.cells, results.curves
    assert (cells["status"] == "done").all(), cells["error"].iloc[0]
    bought = cells.groupby(["dataset", "strategy"])["labels"].first()
    assert bought[("drift", "all")] == 110
    assert bought[("drift", "few")] == 27
    assert bought[("toy", "all")] == 110
    points = curves.groupby("dataset")["labels"].unique()
    assert points["drift"].tolist() == [0, 10, 30, 50, 70, 90]
    assert points["toy"].tolist() == [0, 30, 60, 90]
    # Scores are against the truth, so the first batch's is the same with or without a trimmer.
    first = curves[curves["labels"] == 0].groupby(["dataset", "seed"])["value"].nunique()
    assert (first == 1).all()


def test_a_maker_gets_the_seed() -> None:
    def noisy_twin(seed: int) -> tuple[Any, Any]:
        return X + np.random.default_rng(seed).normal(size=X.shape), Y

    results = compare("random", {"twin": noisy_twin}, seeds=2, **SMALL)
    assert (results.cells["status"] == "done").all()
    [table] = tables({"twin": noisy_twin})
    assert not np.array_equal(table.draw(0).X, table.draw(1).X)
    assert np.array_equal(table.draw(0).X, table.draw(0).X)


def test_frames_are_encoded_by_what_is_offered() -> None:
    results = compare(["random", "margin"], load("iris"), seeds=2, **SMALL)
    assert (results.cells["status"] == "done").all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"strategies": "margn"}, "did you mean 'margin'"),
        ({"strategies": []}, "no strategy is given"),
        ({"strategies": [Margin(), Margin()]}, r"two arms are called 'Margin\(\)'"),
        ({"strategies": 3}, "must be an object with select"),
        ({"strategies": [type("Odd", (), {"select": print})()]}, "mapping {name: object}"),
        ({"datasets": "digts"}, "did you mean 'digits'"),
        ({"datasets": [(X, Y)]}, "has no name"),
        ({"datasets": {"toy": (X, Y[:5])}}, "120 rows and 5 labels"),
        ({"datasets": {"toy": 7}}, "must be a pair"),
        ({"noise": 1.5}, "1.5"),
        ({"seeds": 0}, "seeds must be a whole number of at least 1, got 0"),
        ({"seeds": [1, 1]}, "different numbers"),
        ({"initial": 100}, "leave none to ask"),
        ({"test": 1.5}, "test must be a share below 1"),
        ({"per_round": 0}, "per_round"),
        ({"n_jobs": 0}, "n_jobs"),
        ({"backend": "dusk"}, "did you mean 'dask'"),
        ({"address": "tcp://127.0.0.1:1"}, "is of a cluster"),
        ({"metrics": "acuracy"}, "did you mean 'accuracy'"),
    ],
)
def test_bad_input_is_said(arguments: dict[str, Any], message: str) -> None:
    base: dict[str, Any] = {"strategies": "random", "datasets": TOY, "seeds": 1, **SMALL}
    with pytest.raises(InputError, match=message):
        compare(**{**base, **arguments})


def test_a_name_stands_for_what_has_no_identity() -> None:
    odd = type("Odd", (), {"select": lambda self, view, n, rng: view.candidates.ids[:0]})()
    results = compare({"odd": odd}, TOY, seeds=1, **SMALL)
    assert results.cells["status"].tolist() == ["done"]
    assert "chose no row" in results.cells["stopped"][0]


def test_descriptions_tell_configurations_apart_and_nothing_else() -> None:
    values: list[Any] = [
        Margin(), Random(), Diverse(Margin()), LogisticRegression(), LogisticRegression(C=2),
        GaussianNB(priors=[0.1, 0.9]), GaussianNB(priors=[0.2, 0.8]), SymmetricNoise(0.1),
        np.zeros(3), np.zeros(4), np.zeros(3, int), pd.DataFrame({"a": [1]}), "a", None, 1, 1.5,
        functools.partial(DriftStream, "abrupt"), functools.partial(DriftStream, kind="gradual"),
        {"a": 1}, (1, 2), load_iris,
    ]  # fmt: skip
    texts = [describe(value) for value in values]
    assert len(set(texts)) == len(texts)
    assert not [text for text in texts if " at 0x" in text]
    with pytest.raises(InputError, match="place in memory"):
        describe(object())
    with pytest.raises(InputError, match="inside a function"):
        describe(lambda: 1)


def test_time_left_is_by_kind() -> None:
    cells = [_cell(strategy, seed) for strategy in ("slow", "fast") for seed in range(4)]
    left = Remaining(cells, workers=2)
    assert left.seconds() is None
    left.note({**cells[0].place(), "seconds": 10.0})
    assert left.seconds() == pytest.approx(7 * 10 / 2)  # nothing else is known yet
    left.note({**cells[4].place(), "seconds": 1.0})
    assert left.seconds() == pytest.approx((3 * 10 + 3 * 1) / 2)
    for cell, seconds in zip(cells[1:4] + cells[5:], [10.0] * 3 + [1.0] * 3, strict=True):
        left.note({**cell.place(), "seconds": seconds})
    assert left.seconds() == 0


def _cell(strategy: str, seed: int) -> Cell:
    arm = type("Named", (), {"name": "x"})()
    own = type("Named", (), {"name": strategy})()
    return Cell(f"{strategy}{seed}", "toy", arm, arm, own, arm, seed)


def _stamps(folder: Path) -> dict[str, int]:
    return {path.stem: path.stat().st_ino for path in (folder / "cells").glob("*.parquet")}
