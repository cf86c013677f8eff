"""The real tables: counts of the papers, and laws that hold for every recipe."""

import os
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import train_test_split

from streamlearn.datasets import Prepared, load, summary
from streamlearn.datasets.folder import VARIABLE, read_table
from streamlearn.datasets.loading import DECLARED, RECIPES
from streamlearn.datasets.tables import TABLES

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not os.environ.get(VARIABLE), reason=f"{VARIABLE} is not set"),
]

# Name, options, columns, rows of each part, rows left out.
Case = tuple[str, dict[str, Any], int, dict[str, int], int]


def thirds(train: int, validation: int, test: int) -> dict[str, int]:
    return {"train": train, "validation": validation, "test": test}


CHHABRA: list[Case] = [
    ("adult", {}, 102, thirds(30_162, 7_530, 7_530), 3_620),
    ("bank", {}, 51, thirds(18_292, 6_098, 6_098), 10_700),
    ("celeba", {}, 39, thirds(62_497, 20_833, 20_833), 98_436),
    *(
        ("acs_income", {"shift": shift}, 710, thirds(18_000, 6_000, 6_000), 24_000)
        for shift in ("time", "place", "both")
    ),
    ("debrecen", {}, 19, {"init": 150, "pool": 800, "validation": 100, "test": 101}, 0),
    ("toy", {}, 2, {"train": 150, "validation": 100}, 0),
    *(
        (
            f"attack_{name}",
            {"attack": attack, "poisoned": poisoned},
            columns,
            {"train": train, "test": test},
            rows - train - test,
        )
        for name, rows, columns, clean, bad, test in (
            ("german", 4_540, 59, 800, 870, 200),
            ("compas", 35_036, 17, 6_450, 7_100, 722),
            ("drug", 8_550, 14, 1_500, 1_640, 385),
        )
        for attack in ("raa", "nraa")
        for poisoned, train in ((False, clean), (True, bad))
    ),
]
BHATT: list[Case] = [
    ("adult", {}, 96, thirds(31_655, 9_044, 4_523), 3_620),
    ("bank", {}, 63, thirds(28_832, 8_238, 4_118), 0),
    ("compas", {}, 7, thirds(3_695, 1_056, 527), 1_936),
    ("law_school", {}, 3, thirds(15_254, 4_358, 2_179), 0),
    ("mnist", {}, 784, {"train": 13_007, "test": 2_163}, 54_830),
]
CASES = [("chhabra2024", *case) for case in CHHABRA] + [("bhatt2021", *case) for case in BHATT]


def prepare(name: str, recipe: str, **options: Any) -> Prepared:
    return load(name, recipe=recipe, **options)


@pytest.mark.parametrize("name", [table.name for table in TABLES])
def test_tables_are_as_declared(name: str) -> None:
    declared, data = DECLARED[name], load(name)
    assert data.frame.shape == (declared.rows, declared.columns)
    assert data.target.nunique() == declared.classes
    assert (data.positive is None) == (declared.classes != 2)
    assert not data.target.isna().any()
    again = load(name)
    pd.testing.assert_frame_equal(data.frame, again.frame)
    pd.testing.assert_series_equal(data.target, again.target)
    assert summary().set_index("name").loc[name, "available"]


@pytest.mark.parametrize(("recipe", "name", "options", "columns", "parts", "dropped"), CASES)
def test_recipes_have_the_papers_counts_and_lose_no_other_row(
    recipe: str,
    name: str,
    options: dict[str, Any],
    columns: int,
    parts: dict[str, int],
    dropped: int,
) -> None:
    prepared = prepare(name, recipe, **options)
    found, counts = np.unique(prepared.split, return_counts=True)
    assert dict(zip(found.tolist(), counts.tolist(), strict=True)) == parts
    assert list(dict.fromkeys(prepared.split.tolist())) == list(parts)
    assert prepared.X.shape == (sum(parts.values()), columns)
    assert len(prepared.features) == len(set(prepared.features)) == columns
    assert prepared.X.dtype == np.float64
    assert np.isfinite(prepared.X).all()
    # Every row stands for one row of the table, and those left out are counted.
    assert len(np.unique(prepared.rows)) == len(prepared.rows)
    assert prepared.dropped == dropped == DECLARED[name].rows - len(prepared.rows)
    assert set(np.unique(prepared.y)) == {0, 1}
    assert prepared.sensitive is None or set(np.unique(prepared.sensitive)) == {0, 1}
    again = prepare(name, recipe, **options)
    for field in ("X", "y", "sensitive", "split", "rows"):
        np.testing.assert_array_equal(getattr(prepared, field), getattr(again, field))


def test_every_recipe_is_held_to_its_counts() -> None:
    covered = {(recipe, case[0]) for recipe, *case in CASES}
    assert covered == {(recipe, name) for recipe, by_name in RECIPES.items() for name in by_name}


@pytest.mark.parametrize("name", ["adult", "bank", "celeba", "acs_income", "toy", "debrecen"])
def test_labels_groups_and_features_are_those_of_the_rows(name: str) -> None:
    prepared, data = prepare(name, "chhabra2024"), load(name)
    rows = prepared.rows
    assert (prepared.y == (data.target.iloc[rows] == data.positive)).all()
    if data.split is not None and name != "acs_income":
        train = prepared.split == "train"
        assert (train == (data.split.iloc[rows] == "train")).all()
    if prepared.sensitive is not None and data.sensitive is not None:
        group = data.sensitive.iloc[rows]
        of_one = {"bank": range(37), "celeba": [-1]}.get(name, ["Male"])
        assert (prepared.sensitive == group.isin(of_one)).all()
    # A standardised column is an affine image of what is in the table.
    numeric = [feature for feature in prepared.features if feature in data.frame.columns]
    assert numeric
    for feature in numeric[:3]:
        original = data.frame[feature].iloc[rows].to_numpy(dtype=np.float64)
        image = prepared.X[:, prepared.features.index(feature)]
        if image.std() > 0:
            assert np.corrcoef(original, image)[0, 1] == pytest.approx(1)


@pytest.mark.parametrize("name", ["adult", "bank", "acs_income"])
def test_indicators_of_a_column_share_out_its_rows(name: str) -> None:
    prepared = prepare(name, "chhabra2024")
    fitted = prepared.part("train")[0]
    fitted = fitted[: len(fitted) - round(0.25 * len(fitted))]
    np.testing.assert_allclose(fitted.mean(axis=0), 0, atol=1e-9)
    scale = fitted.std(axis=0)
    assert np.all((np.abs(scale - 1) < 1e-9) | (scale == 0))
    # An indicator has two values, and each training row lies in just one of a column's.
    X = prepared.part("train")[0]
    columns = [feature.partition("=")[0] for feature in prepared.features]
    for column in {c for c in columns if columns.count(c) > 1}:
        indicators = X[:, [c == column for c in columns]]
        assert ((indicators > indicators.min(axis=0)).sum(axis=1) <= 1).all()


def test_held_out_rows_are_halved_with_the_papers_seed() -> None:
    table = read_table("adult.parquet")
    held = np.flatnonzero((table["split"] == "test") & ~(table == "?").any(axis=1))
    test, validation = train_test_split(held, test_size=0.5, random_state=42000)
    prepared = prepare("adult", "chhabra2024")
    np.testing.assert_array_equal(prepared.rows[prepared.split == "test"], test)
    np.testing.assert_array_equal(prepared.rows[prepared.split == "validation"], validation)


def test_acs_has_a_column_for_each_code_of_training_alone() -> None:
    table = read_table("acs_income.parquet")
    train = table[table["part"] == "ca2014_train"]
    one_hot = ["COW", "SCHL", "MAR", "OCCP", "POBP", "RELP", "RAC1P"]
    columns = 2 + 1 + int(train[one_hot].nunique().sum())
    assert prepare("acs_income", "chhabra2024").X.shape[1] == columns


def test_the_two_attacks_share_their_test_rows() -> None:
    tests = [
        prepare("attack_drug", "chhabra2024", attack=attack, poisoned=poisoned)
        for attack in ("raa", "nraa")
        for poisoned in (True, False)
    ]
    rows = [prepared.rows[prepared.split == "test"] for prepared in tests]
    assert all(np.array_equal(rows[0], other) for other in rows)


def test_propublicas_filter_and_days_served() -> None:
    prepared = prepare("compas", "bhatt2021")
    table = read_table("compas_two_years.parquet").iloc[prepared.rows]
    served = pd.to_datetime(table["c_jail_out"]) - pd.to_datetime(table["c_jail_in"])
    assert (served.dt.days.min(), served.dt.days.max()) == (-1, 799)
    image = prepared.X[:, prepared.features.index("days_served")]
    assert np.corrcoef(served.dt.days, image)[0, 1] == pytest.approx(1)


def test_the_seed_of_bhatt2021_moves_rows_between_parts_and_nothing_else() -> None:
    one, other = prepare("law_school", "bhatt2021"), prepare("law_school", "bhatt2021", seed=1)
    assert not np.array_equal(one.rows, other.rows)
    assert np.array_equal(np.sort(one.rows), np.sort(other.rows))
    back = np.empty_like(one.y)
    back[one.rows] = one.y
    assert np.array_equal(back[other.rows], other.y)


def test_any_column_of_the_file_may_be_sensitive() -> None:
    data = load("hatexplain", sensitive="Gender")
    assert data.sensitive is not None
    assert data.sensitive.name == "Gender"
    assert data.frame.columns.tolist() == ["comment"]
