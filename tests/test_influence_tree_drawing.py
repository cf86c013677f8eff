"""What an influence tree says in words and pictures agrees with what it predicts."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from streamlearn.errors import InputError
from streamlearn.influence.tree import InfluenceTree
from streamlearn.influence.tree_nodes import LEAF
from streamlearn.influence.tree_text import paths

mpl.use("Agg")
Table = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.str_]]


@pytest.fixture(autouse=True)
def no_figure_stays_open() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture
def table() -> Table:
    """Age in years, a 0/1 column, income in thousands; influence; labels."""
    rng = np.random.default_rng(0)
    age, member = rng.integers(18, 90, 800), rng.integers(0, 2, 800)
    X = np.column_stack([age, member, rng.normal(50, 12, 800)]).astype(float)
    y = rng.choice(["no", "yes"], 800)
    values = 1e-4 * np.where(y == "yes", np.where(age > 40, 2.0, -1.0), member - 0.5)
    return X, values + 2e-5 * rng.normal(size=800), y


NAMES = ["age", "member", "income"]


def fitted(table: Table, **given: Any) -> InfluenceTree:
    X, values, y = table
    tree = InfluenceTree(max_leaf_nodes=8, random_state=0, **given)
    return tree.fit(X, values, y, feature_names=NAMES)


def holds(condition: str, row: dict[str, Any]) -> bool:
    """Whether a row (a dict of columns) satisfies one condition as printed."""
    if " = " in condition:
        name, value = condition.split(" = ")
        return str(row[name]) == value or row[name] == pytest.approx(_number(value))
    number = r"([-\d.,e+]+)"
    form = re.fullmatch(rf"(?:{number} < )?(\S+)(?: (≤|>) {number})?(?: years)?", condition)
    assert form is not None, condition
    low, name, sign, cut = form.groups()
    above = _number(low) if low else _number(cut) if sign == ">" else -np.inf
    below = _number(cut) if sign == "≤" else np.inf
    return bool(above < row[name] <= below)


def _number(text: str) -> float:
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return np.nan


@pytest.mark.parametrize("splitter", ["binned", "exact"])
def test_rules_read_back_give_the_predictions(table: Table, splitter: str) -> None:
    X, _, y = table
    tree = fitted(table, splitter=splitter)
    lines = tree.to_text(precision=9, units={"age": "years"}).splitlines()[2:]
    assert len(lines) == 8
    predicted = tree.predict(X, y)
    for i in range(0, 800, 7):
        row = {"label": y[i], **dict(zip(NAMES, X[i], strict=True))}
        met = [
            line for line in lines if all(holds(c, row) for c in line[40:].strip().split(" and "))
        ]
        assert len(met) == 1
        assert float(met[0].split()[1]) == pytest.approx(predicted[i], rel=0.01)
        assert met[0].split()[0] == ("helps" if predicted[i] > 0 else "harms")
    shown = [float(line.split()[1]) for line in lines]
    assert shown == sorted(shown)
    assert sum(int(line.split()[2].replace(",", "")) for line in lines) == 800


@pytest.mark.parametrize("form", ["scaler", "pair"])
def test_standardised_features_read_in_original_units(table: Table, form: str) -> None:
    X, values, y = table
    scaler = StandardScaler().fit(X)
    scaled = fitted((scaler.transform(X), values, y))
    scale = scaler if form == "scaler" else (scaler.mean_, scaler.scale_)
    assert scaled.to_text(scale=scale) == fitted(table).to_text()
    assert scaled.to_text() != scaled.to_text(scale=scale)
    assert "member = 0" in scaled.to_text(scale=scale)


def test_scaler_without_mean(table: Table) -> None:
    X, values, y = table
    scaler = StandardScaler(with_mean=False).fit(X)
    tree = fitted((scaler.transform(X), values, y))
    assert tree.to_text(scale=scaler) == fitted(table).to_text()


def test_held_out_fit_is_on_every_text_and_plot(table: Table) -> None:
    tree = fitted(table)
    line = f"held-out R² {tree.r2_:.2f}, rank correlation {tree.spearman_:.2f}"
    assert tree.to_text().startswith(line)
    assert any(text.get_text().startswith(line) for text in tree.plot().texts)
    unmeasured = fitted(table, shrinkage=1.0, cv=None)
    assert unmeasured.to_text().startswith("held-out fit not measured; λ = 1")


def test_worthless_tree_says_so(table: Table) -> None:
    X, _, _ = table
    noise = np.random.default_rng(8).normal(size=800)
    tree = InfluenceTree(shrinkage=0.0, random_state=0).fit(X, noise)
    assert tree.r2_ < 0
    assert "no better than the mean" in tree.to_text()


def test_plot_tells_signs_apart_without_colour(table: Table) -> None:
    tree = fitted(table)
    ax = tree.plot(units={"age": "years"}, title="Loss")
    leaves = np.flatnonzero(tree.feature_ == LEAF)
    bars = [bar for bar in ax.patches if bar.get_height() == pytest.approx(0.62)]
    assert len(bars) == leaves.size
    for bar in bars:
        assert bool(bar.get_hatch()) == (bar.get_width() < 0)
    words = [text.get_text() for text in ax.texts]
    signed = [word for word in words if re.fullmatch(r"[+−]\d+\.\d\d", word)]
    assert len(signed) == leaves.size
    assert sum(word[0] == "−" for word in signed) == (tree.value_[leaves] < 0).sum()
    assert {"← harms", "helps →", "rows"} <= set(words)
    assert any("years" in word for word in words)
    assert ax.get_title(loc="left").strip() == "Loss"


def test_plot_on_given_axes_and_cut_short(table: Table, tmp_path: Path) -> None:
    figure, (small, other) = plt.subplots(1, 2, figsize=(4, 2))
    tree = fitted(table)
    assert tree.plot(small, max_depth=1) is small
    rows = [text.get_text() for text in small.texts]
    assert rows[0] == "all rows"
    assert sum(bool(re.search(" [≤>=] ", row)) for row in rows if "rank" not in row) == 2
    assert small.texts[0].get_fontsize() < 9
    assert not other.texts
    figure.savefig(tmp_path / "tree.png")


def test_one_leaf_is_drawn(table: Table) -> None:
    X, _, _ = table
    tree = InfluenceTree(random_state=0).fit(X, np.zeros(800))
    assert "no effect" in tree.to_text()
    assert "all rows" in tree.to_text()
    assert tree.plot().texts[0].get_text() == "all rows"


def test_paths_partition_the_rows(table: Table) -> None:
    X, _, y = table
    tree = fitted(table)
    columns = np.column_stack([X, y == "yes"])
    leaf = tree.apply(X, y)
    for node, bounds in enumerate(paths(tree._nodes)):
        inside = np.ones(800, dtype=bool)
        for j, (low, high) in bounds.items():
            inside &= (low < columns[:, j]) & (columns[:, j] <= high)
        assert inside.sum() == tree.n_node_samples_[node]
        if tree.feature_[node] == LEAF:
            assert np.array_equal(inside, leaf == node)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"units": {"agee": "years"}}, "did you mean 'age'"),
        ({"scale": (np.zeros(2), np.ones(2))}, r"shape \(2,\).*3 features"),
        ({"scale": (np.zeros(3), np.zeros(3))}, "deviation of 0.0"),
    ],
)
def test_bad_wording(table: Table, given: dict[str, Any], message: str) -> None:
    tree = fitted(table)
    with pytest.raises(InputError, match=message):
        tree.to_text(**given)
    with pytest.raises(InputError, match=message):
        tree.plot(**given)
