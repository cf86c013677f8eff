import builtins
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.error import URLError

import numpy as np
import pandas as pd
import pytest
import sklearn.datasets
from hypothesis import given
from hypothesis import strategies as st

from streamlearn import datasets
from streamlearn.datasets import Dataset, DatasetError, Prepared, chhabra2024, load, names, summary
from streamlearn.datasets import loading as loading_module
from streamlearn.datasets.design import appearing, design
from streamlearn.datasets.folder import VARIABLE, Table
from streamlearn.errors import InputError

SHIPPED = [name for name, entry in loading_module.DECLARED.items() if not isinstance(entry, Table)]


def assert_equal(one: Dataset, other: Dataset) -> None:
    pd.testing.assert_frame_equal(one.frame, other.frame)
    for part in ("target", "sensitive", "split"):
        a, b = getattr(one, part), getattr(other, part)
        assert (a is None) == (b is None)
        if a is not None:
            pd.testing.assert_series_equal(a, b)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_sets_are_as_declared_and_load_alike_twice(name: str) -> None:
    declared, data = loading_module.DECLARED[name], load(name)
    assert data.frame.shape == (declared.rows, declared.columns)
    assert data.target.nunique() == declared.classes
    assert (data.positive is None) == (declared.classes != 2)
    assert not data.frame.isna().any(axis=None)
    assert not data.target.isna().any()
    assert data.description
    assert data.source
    assert data.licence
    assert_equal(data, load(name))


def test_even_and_odd_are_the_parity_of_the_digits() -> None:
    digits, parity = load("digits"), load("digits_even_odd")
    pd.testing.assert_frame_equal(digits.frame, parity.frame)
    assert ((digits.target % 2 == 1) == (parity.target == "odd")).all()


def test_labels_follow_the_package_they_come_from() -> None:
    bunch = sklearn.datasets.load_breast_cancer()
    assert (load("breast_cancer").target.to_numpy() == bunch.target_names[bunch.target]).all()
    from river import datasets as river_datasets

    for name, stream, positive in (
        ("phishing", river_datasets.Phishing(), True),
        ("shuttle", river_datasets.Shuttle(), 1),
    ):
        data = load(name)
        rows = list(stream)
        assert [y == positive for _, y in rows] == (data.target == data.positive).tolist()
        for i in (0, len(rows) // 2, len(rows) - 1):
            assert rows[i][0] == data.frame.iloc[i].to_dict()


def test_public_names_are_flat_and_complete() -> None:
    assert sorted(datasets.__all__) == sorted(set(datasets.__all__))
    assert all(hasattr(datasets, name) for name in datasets.__all__)


def test_a_loaded_frame_may_be_changed_without_changing_the_next() -> None:
    data = load("iris")
    data.frame.iloc[0, 0] = -1.0
    assert load("iris").frame.iloc[0, 0] != -1.0


def test_only_one_file_imports_river() -> None:
    folder = Path(datasets.__file__).parent
    files = [file.name for file in folder.glob("*.py") if "from river import" in file.read_text()]
    assert files == ["from_river.py"]


# Names, options and the summary


def test_misspelt_names_are_met_with_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"unknown dataset 'adlut': did you mean 'adult'"):
        load("adlut")
    with pytest.raises(InputError, match=r"recipe 'chabra2024': did you mean 'chhabra2024'"):
        load("adult", recipe="chabra2024")
    with pytest.raises(InputError, match=r"'german': did you mean 'attack_german'"):
        load("german", recipe="chhabra2024")
    with pytest.raises(InputError, match=r"'shfit': did you mean 'shift'"):
        load("acs_income", recipe="chhabra2024", shfit="time")
    with pytest.raises(InputError, match=r"takes no option seed without a recipe"):
        load("iris", seed=1)
    with pytest.raises(InputError, match=r"'iris' has no column 'sex'.*petal"):
        load("iris", sensitive="sex")
    with pytest.raises(InputError, match=r"'sensitive'"):
        load("adult", recipe="chhabra2024", sensitive="race")


def test_another_column_may_be_the_sensitive_one() -> None:
    data = load("phishing", sensitive="https")
    assert data.sensitive is not None
    pd.testing.assert_series_equal(data.sensitive, data.frame["https"])


def test_summary_has_a_row_for_each_name_and_knows_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    table = summary().set_index("name")
    assert table.index.tolist() == names()
    assert table[table["available"]].index.tolist() == SHIPPED
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    (tmp_path / "sst2_minilm.parquet").touch()
    assert not summary().set_index("name").loc["sst2_minilm", "available"]  # needs its texts, too
    (tmp_path / "sst2.parquet").touch()
    table = summary().set_index("name")
    assert table.loc["sst2_minilm", "available"]
    assert not table.loc["adult", "available"]


def test_dataset_refuses_parts_that_do_not_fit() -> None:
    frame, target = pd.DataFrame({"a": [1, 2]}), pd.Series([0, 1])
    with pytest.raises(InputError, match=r"target has 1 rows and frame has 2"):
        Dataset("own", frame, target[:1])
    with pytest.raises(InputError, match=r"split has 2 rows"):
        Dataset("own", frame, target, split=pd.Series(["train", "test"], index=[1, 0]))
    with pytest.raises(InputError, match=r"positive=2 is not among the labels"):
        Dataset("own", frame, target, positive=2)


# The folder, with tables made here


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    return tmp_path


def toy_table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "feature1": rng.normal(size=12),
            "feature2": rng.normal(size=12),
            "sex": ["Male", "Female"] * 6,
            "target": ["Y", "Y", "N"] * 4,
            "part": ["train"] * 8 + ["val"] * 4,
        }
    )


def test_errors_of_the_folder_name_variable_file_and_remedy(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    with pytest.raises(DatasetError, match=rf"toy.parquet is missing.*{VARIABLE}.*put toy.parquet"):
        load("toy")
    (folder / "toy.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DatasetError, match=r"not a whole Parquet file"):
        load("toy")
    toy_table().drop(columns="sex").to_parquet(folder / "toy.parquet")
    with pytest.raises(DatasetError, match=r"toy.parquet has no column sex"):
        load("toy")
    monkeypatch.setenv(VARIABLE, str(folder / "nowhere"))
    with pytest.raises(DatasetError, match=r"nowhere.*is no folder"):
        load("toy", recipe="chhabra2024")
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(DatasetError, match=rf"{VARIABLE}, which is not set: set it to"):
        load("toy")


def test_a_table_of_the_folder_comes_with_its_roles_told_apart(folder: Path) -> None:
    table = toy_table()
    table.to_parquet(folder / "toy.parquet")
    data = load("toy")
    assert data.frame.columns.tolist() == ["feature1", "feature2", "sex"]
    assert data.target.tolist() == table["target"].tolist()
    assert data.split is not None
    assert data.split.tolist() == ["train"] * 8 + ["validation"] * 4
    assert data.sensitive is not None
    assert data.sensitive.tolist() == table["sex"].tolist()
    with pytest.raises(InputError, match=r"sensitive='target' is its target or split"):
        load("toy", sensitive="target")


def test_an_undeclared_label_is_not_passed_over(folder: Path) -> None:
    table = pd.DataFrame({"sentence": ["a", "b"], "label": [1, 7], "split": ["train", "dev"]})
    table.to_parquet(folder / "sst2.parquet")
    with pytest.raises(DatasetError, match=r"holds the labels \['7'\]"):
        load("sst2")


def test_embeddings_take_label_and_split_from_their_text(folder: Path) -> None:
    texts = pd.DataFrame(
        {"sentence": list("abcd"), "label": [1, 0, 0, 1], "split": ["train", "dev", "dev", "test"]}
    )
    texts.to_parquet(folder / "sst2.parquet")
    rows = pd.DataFrame({"row": [1, 3], "e000": np.array([0.5, 2], dtype=np.float16)})
    rows.to_parquet(folder / "sst2_minilm.parquet")
    data, whole = load("sst2_minilm"), load("sst2")
    assert data.frame.index.tolist() == [1, 3]
    assert data.frame.dtypes.tolist() == [np.float32]
    pd.testing.assert_series_equal(data.target, whole.target.loc[[1, 3]], check_index_type=False)
    assert data.split is not None
    assert data.split.tolist() == ["validation", "test"]


def test_pixels_are_spread_row_major(folder: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 784), dtype=np.uint8)
    pd.DataFrame(
        {
            "image": [image.tobytes() for image in images],
            "label": np.array([1, 7, 7, 3, 1], dtype=np.uint8),
            "split": ["train", "test", "train", "train", "train"],
        }
    ).to_parquet(folder / "mnist.parquet")
    data = load("mnist")
    assert (data.frame.to_numpy() == images).all()
    assert (data.target - 2).min() == -1  # no unsigned wrap-around
    prepared = load("mnist", recipe="bhatt2021")
    assert prepared.rows.tolist() == [0, 2, 4, 1]
    assert prepared.y.tolist() == [0, 1, 0, 1]
    np.testing.assert_allclose(prepared.X * 255, images[prepared.rows])
    assert prepared.dropped == 1


def test_standardisation_is_fitted_on_the_first_three_quarters(folder: Path) -> None:
    table = toy_table()
    table.to_parquet(folder / "toy.parquet")
    prepared = load("toy", recipe="chhabra2024")
    X, y, group = prepared.part("train")
    np.testing.assert_allclose(X[:6].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(X[:6].std(axis=0), 1)
    assert group is not None
    assert (y == (table["target"][:8] == "Y")).all()
    assert (group == (table["sex"][:8] == "Male")).all()
    with pytest.raises(InputError, match=r"no part 'tset'; its parts are: train, validation"):
        prepared.part("tset")


# Recipes: the pieces


tables = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from([1, 2]), st.floats(-9, 9)), min_size=1
).map(lambda rows: pd.DataFrame(rows, columns=["letter", "code", "number"]))


@given(tables, st.randoms(use_true_random=False))
def test_design_is_one_row_in_one_row_out(table: pd.DataFrame, random: Any) -> None:
    blocks = {"number": None, **appearing(table, ["letter", "code"])}
    X, features = design(table, blocks)
    assert len(features) == X.shape[1] == 1 + table["letter"].nunique() + table["code"].nunique()
    assert (X[:, 0] == table["number"]).all()
    for column in ("letter", "code"):
        indicators = [j for j, name in enumerate(features) if name.startswith(f"{column}=")]
        values = [features[j].partition("=")[2] for j in indicators]
        assert (X[:, indicators].sum(axis=1) == 1).all()
        assert [values[j] for j in X[:, indicators].argmax(axis=1)] == [
            str(value) for value in table[column]
        ]
    order = random.sample(range(len(table)), len(table))
    assert (design(table.iloc[order], blocks)[0] == X[order]).all()


def test_design_gives_an_unseen_value_no_indicator() -> None:
    X, features = design(pd.DataFrame({"c": ["a", "b"]}), {"c": ("a",)})
    assert features == ("c=a",)
    assert X.tolist() == [[1.0], [0.0]]


@given(st.integers(0, 2**32 - 1), st.integers(4, 60))
def test_celeba_keeps_the_first_of_the_distinct_rows_in_sorted_order(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    distinct = rng.choice(np.array([-1, 1], dtype=np.int8), size=(12, 40))
    names = [f"a{i}" for i in range(38)]
    names.insert(20, "Male")
    names.insert(31, "Smiling")
    table = pd.DataFrame(distinct[rng.integers(0, 12, n)], columns=names)
    table["Male"] = rng.choice(np.array([-1, 1], dtype=np.int8), size=n)
    table = pd.concat([table, pd.DataFrame(np.tile([[-1], [1]], 40), columns=names)])
    attributes = table.drop(columns=["Male", "Smiling"]).to_numpy()
    _, first = np.unique(attributes, axis=0, return_index=True)
    prepared = chhabra2024.celeba(table)
    n_train = int((prepared.split == "train").sum())
    assert prepared.rows[:n_train].tolist() == first[:n_train].tolist()
    assert sorted(prepared.rows) == sorted(first)
    assert prepared.dropped == len(table) - len(first)


# OpenML


def bunch(**changes: Any) -> SimpleNamespace:
    frame = pd.DataFrame({"age": [20, 30, 40], "sex": ["m", "f", "m"]})
    parts = {
        "data": frame,
        "target": pd.Series(["good", "bad", "good"], name="class", dtype="category"),
        "DESCR": "German credit\nand more",
        "details": {"id": "31", "version": "1", "licence": "Public"},
    }
    return SimpleNamespace(**{**parts, **changes})


Fetch = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def openml(monkeypatch: pytest.MonkeyPatch) -> Fetch:
    def answer_with(answer: Any) -> list[dict[str, Any]]:
        calls: list[dict[str, Any]] = []

        def fetch_openml(**arguments: Any) -> Any:
            calls.append(arguments)
            if isinstance(answer, builtins.Exception):
                raise answer
            return answer

        monkeypatch.setattr(sklearn.datasets, "fetch_openml", fetch_openml)
        return calls

    return answer_with


def test_openml_by_name_and_by_number(openml: Fetch) -> None:
    calls = openml(bunch())
    data = load("openml:credit-g", sensitive="sex", version=1)
    load("openml:31", positive="good")
    assert calls == [
        {"name": "credit-g", "as_frame": True, "version": 1},
        {"data_id": 31, "as_frame": True},
    ]
    assert data.positive == "bad"  # the rarer label
    assert load("openml:31", positive="good").positive == "good"
    assert data.sensitive is not None
    assert data.sensitive.tolist() == ["m", "f", "m"]
    assert (data.description, data.licence) == ("German credit", "Public")
    assert data.source == "OpenML data set 31, version 1"


def test_openml_failures_are_told_apart(openml: Fetch) -> None:
    openml(URLError("no route"))
    with pytest.raises(DatasetError, match=r"'openml:credit-g' could not be fetched.*no route"):
        load("openml:credit-g")
    openml(ValueError("No active dataset credt-g found"))
    with pytest.raises(
        InputError, match=r"'openml:credt-g' is not to be had from OpenML \(No active"
    ):
        load("openml:credt-g")
    openml(bunch(target=None))
    with pytest.raises(InputError, match=r"pass target_column= one of: age, sex"):
        load("openml:31")
    with pytest.raises(InputError, match=r"openml:NAME or openml:NUMBER"):
        load("openml:")
    with pytest.raises(InputError, match=r"'versoin': did you mean 'version'"):
        load("openml:31", versoin=1)


# Third parties


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "third_party_sets.py").write_text(
        "import pandas as pd\n"
        "from streamlearn.datasets import Dataset\n"
        "def pairs():\n"
        "    frame = pd.DataFrame({'a': [1, 2], 'b': [3, 4]})\n"
        "    return Dataset('pairs', frame, pd.Series(['no', 'yes']), positive='yes')\n"
        "def wrong():\n"
        "    return [1, 2]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    points = [
        EntryPoint("pairs", "third_party_sets:pairs", loading_module.GROUP),
        EntryPoint("odd_one", "third_party_sets:wrong", loading_module.GROUP),
        EntryPoint("iris", "third_party_sets:wrong", loading_module.GROUP),
    ]

    def entry_points(*, group: str) -> list[EntryPoint]:
        return [point for point in points if point.group == group]

    monkeypatch.setattr(loading_module, "entry_points", entry_points)


@pytest.mark.usefixtures("plugin")
def test_third_parties_add_data_sets() -> None:
    assert names() == sorted([*loading_module.DECLARED, "pairs", "odd_one"])
    assert load("pairs").positive == "yes"
    group = load("pairs", sensitive="b").sensitive
    assert group is not None
    assert group.tolist() == [3, 4]
    assert load("iris").frame.shape == (150, 4)  # a name of ours stays ours
    with pytest.raises(InputError, match=r"third_party_sets:wrong.*'odd_one', returned list"):
        load("odd_one")
    table = summary().set_index("name")
    assert table.index.tolist() == names()
    assert table.loc["pairs", "origin"] == "third_party_sets:pairs"
    assert table["rows"].isna()["pairs"]


def test_a_prepared_set_says_what_it_is(folder: Path) -> None:
    toy_table().to_parquet(folder / "toy.parquet")
    prepared = load("toy", recipe="chhabra2024")
    assert isinstance(prepared, Prepared)
    assert repr(prepared) == "Prepared('toy', 'chhabra2024', 12 x 2: train 8, validation 4)"
