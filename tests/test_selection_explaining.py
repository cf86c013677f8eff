"""What selections say of a model: local ones, recalculated ones, coverage, pictures."""

from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.spatial.distance import pdist

from streamlearn.arrays import Floats
from streamlearn.errors import InputError
from streamlearn.influence import LinearClassifier, ValidationLoss, influence
from streamlearn.selection import (
    coverage,
    coverage_curve,
    explain_prediction,
    influence_without,
    plot_coverage,
    plot_images,
    plot_projection,
    plot_trade_off,
    project,
    rows_to_cover,
    select_diverse,
    trade_off,
)
from streamlearn.simulators.toys import bhatt2021_toy

mpl.use("Agg")


@pytest.fixture(autouse=True)
def no_figure_stays_open() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def toy() -> tuple[LinearClassifier, Any, Any]:
    """Model, training rows, validation loss."""
    train, rest = bhatt2021_toy(0).part("train"), bhatt2021_toy(0).part("validation")
    model = LinearClassifier().fit(train.X, train.y)
    return model, train, ValidationLoss(rest.X, rest.y)


def test_divine_covers_what_influence_leaves_out(toy: Any) -> None:
    """Figure 1a of the paper: the top rows lie in one place, the diverse ones do not."""
    model, train, loss = toy
    worth = influence(model, train.X, train.y, loss)
    top = select_diverse(worth, train.X, 5, gamma=0.0)
    few = select_diverse(worth, train.X, 5, gamma="influence", keep=0.8)
    assert few.distance > 2 * top.distance
    assert few.share >= 0.8
    assert few.diversity > top.diversity


def test_rows_that_explain_a_prediction(toy: Any) -> None:
    model, train, _ = toy
    row = np.array([0.5, 0.5])
    why = explain_prediction(model, train.X, train.y, row, 5, keep=0.8)
    loss = ValidationLoss(row[None], model.predict(row[None]))
    plain = influence(model, train.X, train.y, loss)
    assert why["influence"].ids.tolist() == np.argsort(-plain)[:5].tolist()
    assert why["divine"].distance > why["influence"].distance
    assert why["divine"].influence >= 0.8 * why["influence"].influence
    against = explain_prediction(model, train.X, train.y, row, 5, harmful=True)
    assert against["influence"].ids.tolist() == np.argsort(plain)[:5].tolist()
    other = 1 - int(model.predict(row[None])[0])
    mistake = explain_prediction(model, train.X, train.y, row, 5, label=other)
    assert set(mistake["influence"].ids) != set(why["influence"].ids)
    with pytest.raises(InputError, match="one row"):
        explain_prediction(model, train.X, train.y, train.X[:2])
    with pytest.raises(InputError, match="does not know"):
        explain_prediction(model, train.X, train.y, row, label=7)


def test_recalculated_influence_is_that_of_a_refit(toy: Any) -> None:
    model, train, loss = toy
    gone = np.array([3, 8, 100])
    before = model.coef_.copy()
    ids = 10 * np.arange(len(train.y))
    again = influence_without(model, train.X, train.y, loss, ids=ids)(10 * gone)
    left = np.delete(np.arange(len(train.y)), gone)
    refit = LinearClassifier().fit(train.X[left], train.y[left])
    np.testing.assert_allclose(
        again[left], influence(refit, train.X[left], train.y[left], loss), rtol=1e-4, atol=1e-9
    )
    assert np.isnan(again[gone]).all()
    np.testing.assert_array_equal(model.coef_, before)
    harm = influence_without(model, train.X, train.y, loss, harmful=True)(gone)
    np.testing.assert_allclose(harm[left], -again[left], rtol=1e-6, atol=1e-12)


def test_greedy_with_recalculation(toy: Any) -> None:
    model, train, loss = toy
    worth = influence(model, train.X, train.y, loss)
    recalculate = influence_without(model, train.X, train.y, loss)
    few = select_diverse(worth, train.X, 4, gamma=0.0, recalculate=recalculate)
    assert few.ids[0] == worth.argmax()
    second = recalculate(few.ids[:1])
    assert few.ids[1] == np.nanargmax(second)
    with pytest.raises(InputError, match="no rows left"):
        recalculate(np.flatnonzero(train.y == 1))


def test_coverage_counts_every_row_once() -> None:
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 6, 200)
    chosen = rng.permutation(200)[:30]
    table = coverage(chosen, groups)
    assert table["rows"].sum() == 200
    assert table["chosen"].sum() == 30
    assert table["share"].sum() == pytest.approx(1)
    assert table["chosen_share"].sum() == pytest.approx(1)
    curve = coverage_curve(chosen, groups)
    assert [len(set(groups[chosen[: k + 1]])) for k in range(30)] == curve.tolist()
    assert table["first"].max() == rows_to_cover(chosen, groups)
    order = rng.permutation(200)
    moved = coverage(chosen, groups[order], ids=order)
    pd.testing.assert_frame_equal(table, moved)


def test_coverage_of_what_is_not_met() -> None:
    table = coverage([0], ["a", "b"])
    assert table.loc["b", "chosen"] == 0
    assert table["first"].isna().tolist() == [False, True]
    assert table.loc["a", "first"] == 1
    assert rows_to_cover([0], ["a", "b"]) is None
    assert rows_to_cover([], ["a", "b"]) is None
    assert coverage([], ["a", "b"])["chosen"].tolist() == [0, 0]


def test_coverage_of_bad_groups() -> None:
    with pytest.raises(InputError, match="'c' has no rows"):
        coverage([0], pd.Categorical(["a", "b"], categories=["a", "b", "c"]))
    with pytest.raises(InputError, match="row 1 has no group"):
        coverage([0], np.array(["a", None]))
    with pytest.raises(InputError, match="id 5"):
        coverage([5], ["a", "b"])
    with pytest.raises(InputError, match="ids has"):
        coverage([0], ["a", "b"], ids=[0])


def test_the_trade_off_is_drawn(toy: Any) -> None:
    model, train, loss = toy
    curve = trade_off(influence(model, train.X, train.y, loss), train.X, 5)
    ax = plot_trade_off(curve)
    line = ax.lines[0].get_xydata()
    assert {tuple(p) for p in line} == set(zip(curve["diversity"], curve["share"], strict=True))
    assert [t.get_text().split(" (")[0] for t in ax.get_legend().get_texts()] == [
        "influence alone",
        "at most a tenth given up",
        "most distance",
    ]
    assert plot_trade_off(curve, label="m = 5", ax=ax) is ax


@pytest.mark.parametrize(
    ("form", "method"),
    [(np.asarray, "pca"), (sparse.csr_array, "pca"), (np.asarray, "tsne")],
)
def test_rows_are_projected(form: Any, method: str) -> None:
    rng = np.random.default_rng(0)
    X = np.abs(rng.normal(size=(60, 5)))
    rows, places = project(form(X), method, size=20, always=[7, 59])
    assert {7, 59} <= set(rows.tolist())
    assert 20 <= len(rows) <= 22
    assert places.shape == (len(rows), 2)
    assert np.isfinite(places).all()
    with pytest.raises(InputError, match="did you mean"):
        project(X, "tsnee")
    with pytest.raises(InputError, match="cannot be projected"):
        project(X[:2])


def test_components_keep_distances_of_a_plane() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 2)) @ rng.normal(size=(2, 6))
    _, places = project(X)
    np.testing.assert_allclose(pdist(places), pdist((X - X.mean(axis=0)) / X.std(axis=0)))


def offsets(collection: Any) -> Floats:
    return np.asarray(collection.get_offsets())


def test_selected_rows_are_drawn_where_they_lie(toy: Any) -> None:
    model, train, loss = toy
    worth = influence(model, train.X, train.y, loss)
    few = select_diverse(worth, train.X, 5, gamma=1.0)
    ax = plot_projection(train.X, {"influence": [4, 2], "DIVINE": few}, y=train.y)
    np.testing.assert_allclose(offsets(ax.collections[-1]), train.X[few.ids])
    np.testing.assert_allclose(offsets(ax.collections[-2]), train.X[[4, 2]])
    wide = np.column_stack([train.X, train.X[:, 0] ** 2])
    ax = plot_projection(wide, {"DIVINE": few})
    rows, places = project(wide, always=few.ids)
    np.testing.assert_allclose(offsets(ax.collections[-1]), places[np.searchsorted(rows, few.ids)])


def test_coverage_is_drawn() -> None:
    ax = plot_coverage({"influence": [1, 1, 2], "DIVINE": [[1, 2, 3], [1, 2, 2]]}, 3)
    np.testing.assert_allclose(ax.lines[1].get_ydata(), [1, 2, 2.5])
    np.testing.assert_allclose(ax.lines[2].get_ydata(), [1, 2, 3])


def test_images_are_drawn() -> None:
    images = np.random.default_rng(0).random((6, 12))
    figure = plot_images(images, {"a": [0, 1, 2], "b": [5]}, (3, 4), labels=list("uvwxyz"), most=2)
    assert len(figure.axes) == 4
    shown = [np.asarray(ax.images[0].get_array()) for ax in figure.axes if ax.images]
    np.testing.assert_allclose(np.array(shown), images[[0, 1, 5]].reshape(3, 3, 4))
    assert figure.axes[2].get_xlabel() == "z"
    with pytest.raises(InputError, match="shape"):
        plot_images(images, {"a": [0]}, (3, 3))
