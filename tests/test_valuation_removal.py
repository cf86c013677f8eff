"""Removal curves: every point is a refit, and the plot shows what the frame says."""

from functools import partial
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_classification

from streamlearn.errors import InputError
from streamlearn.influence import DemographicParity, LinearClassifier, ValidationLoss
from streamlearn.valuation import Accuracy, plot_removal, removal_curve, values


def setting(k: int = 2) -> tuple[Any, ...]:
    X, y = make_classification(
        300, 5, n_informative=5, n_redundant=0, n_classes=k, flip_y=0.3, random_state=0
    )
    judge = ValidationLoss(X[100:200], y[100:200])
    parity = DemographicParity(X[200:], np.arange(100) % 2, positive=1)
    watch = {"judge": judge, "test": ValidationLoss(X[200:], y[200:]), "parity": parity}
    return LinearClassifier(tol=1e-10).fit(X[:100], y[:100]), X[:100], y[:100], judge, watch


def wide(curve: pd.DataFrame, arm: str = "values") -> pd.DataFrame:
    rows = curve[(curve["arm"] == arm) & (curve["seed"] <= 0)]
    return rows.pivot(index="touched", columns="watched", values="value")


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("action", ["remove", "relabel", "down_weight"])
def test_every_point_is_a_refit_of_the_lowest_values(action: str, k: int) -> None:
    model, X, y, judge, watch = setting(k)
    scores = values(model, X, y, judge)
    got = wide(removal_curve(model, X, y, scores, watch, action=action, step=0.07, factor=0.25))
    order = np.argsort(scores)
    assert list(got.index[:3]) == [0, 7, 14]
    for touched in got.index[:4]:
        low = order[:touched]
        labels, weight = y.copy(), np.ones(100)
        if action == "relabel":
            Z = model.predict_proba(X)
            Z[np.arange(100), y] = -1
            labels[low] = Z.argmax(axis=1)[low]
        else:
            weight[low] = 0.0 if action == "remove" else 0.25
        truth = LinearClassifier(tol=1e-10).fit(X, labels, weight)
        for name, objective in watch.items():
            assert got.loc[touched, name] == pytest.approx(objective.value(truth), abs=1e-7)


def test_the_curve_ends_where_no_harmful_row_is_left_or_goes_beyond() -> None:
    model, X, y, judge, watch = setting()
    scores = values(model, X, y, judge)
    harmful = int((scores.scores < 0).sum())
    curve = removal_curve(model, X, y, scores, watch, step=9)
    assert curve["touched"].max() == min(harmful, 54)
    beyond = removal_curve(model, X, y, scores, watch, step=9, beyond_zero=True, most=0.5)
    assert beyond["touched"].unique().tolist() == [0, 9, 18, 27, 36, 45]
    left = beyond.groupby("touched")["harmful"].first()
    assert left.tolist() == [max(0, harmful - t) for t in left.index]
    same = wide(beyond).loc[:36]
    np.testing.assert_allclose(same, wide(curve).loc[:36], atol=1e-8)


def test_recalculating_values_the_rows_that_are_left() -> None:
    model, X, y, judge, watch = setting()
    worth = partial(values, objective=judge, method="leave_one_out")
    got = wide(removal_curve(model, X, y, worth, watch, step=1, most=0.05, recalculate=True))
    kept, current = np.arange(100), model
    for touched in range(1, 6):
        worst = int(np.argmin(values(current, X[kept], y[kept], judge, "leave_one_out")))
        kept = np.delete(kept, worst)
        current = LinearClassifier(tol=1e-10).fit(X[kept], y[kept])
        assert got.loc[touched, "judge"] == pytest.approx(judge.value(current), abs=1e-8)


def test_any_method_takes_part_and_the_local_ones_help_more_than_chance() -> None:
    """The others do not value a row by what its removal does to this model as it is."""
    model, X, y, judge, watch = setting()
    for method in ("influence", "leave_one_out", "knn_shapley", "shapley"):
        options = {"permutations": 64} if method == "shapley" else {}
        worth = partial(values, objective=judge, method=method, **options)
        curve = removal_curve(model, X, y, worth, watch, most=0.2, recalculate=True, random=5)
        last = curve["touched"].max()
        at_last = curve[(curve["watched"] == "judge") & (curve["touched"] == last)]
        by_arm = at_last.groupby("arm")["value"].mean()
        if method in ("influence", "leave_one_out"):
            assert by_arm["values"] < by_arm["random"], method
        assert sorted(curve["seed"].unique()) == [-1, 0, 1, 2, 3, 4]
        assert set(curve.loc[curve["arm"] == "random", "touched"]) == set(curve["touched"])


def test_weights_are_kept() -> None:
    model, X, y, judge, watch = setting()
    s = np.random.default_rng(0).uniform(0.5, 2, 100)
    s[3] = 0.0
    model.fit(X, y, s)
    worth = partial(values, objective=judge)
    got = wide(removal_curve(model, X, y, worth, watch, step=5, most=0.05, sample_weight=s))
    low = np.argsort(values(model, X, y, judge, sample_weight=s), kind="stable")[:5]
    s[low] = 0.0
    truth = LinearClassifier(tol=1e-10).fit(X, y, s)
    assert got.loc[5, "test"] == pytest.approx(watch["test"].value(truth), abs=1e-8)


def test_the_curve_ends_before_a_class_is_gone() -> None:
    model, X, y, _, watch = setting()
    curve = removal_curve(
        model, X, y, np.where(y == 1, -1.0, 1.0), watch, most=1.0, beyond_zero=True
    )
    assert curve["touched"].max() < (y == 1).sum()


def test_the_plot_shows_means_bands_and_where_no_harm_is_left() -> None:
    model, X, y, judge, _ = setting()
    watch = {"accuracy": Accuracy(judge.X, judge.y)}
    scores = values(model, X, y, judge)
    curve = removal_curve(model, X, y, scores, watch, step=5, most=0.6, random=8, beyond_zero=True)
    ax = plot_removal(curve, "accuracy")
    lines = {line.get_label(): line for line in ax.get_lines()}
    random = curve[curve["arm"] == "random"].groupby("share")["metric"].mean()
    np.testing.assert_allclose(lines["random"].get_ydata(), random)
    assert len(ax.collections) == 1  # a band for what has more than one seed
    diamonds = [line for line in ax.get_lines() if line.get_marker() == "D"]
    first = curve[(curve["arm"] == "values") & (curve["harmful"] == 0)]["share"].min()
    assert [float(d.get_xdata()[0]) for d in diamonds] == [pytest.approx(first)]
    plt.close("all")
    with pytest.raises(InputError, match="did you mean 'accuracy'"):
        plot_removal(curve, "acuracy")
    with pytest.raises(InputError, match="quantity"):
        plot_removal(curve, "accuracy", what="metrics")
    with pytest.raises(InputError, match="column"):
        plot_removal(curve, "accuracy", by="method")


def test_bad_input_is_named() -> None:
    model, X, y, judge, watch = setting()
    scores = values(model, X, y, judge)
    run = partial(removal_curve, model, X, y)
    with pytest.raises(InputError, match="did you mean 'remove'"):
        run(scores, watch, action="remov")
    with pytest.raises(InputError, match="callable"):
        run(scores, watch, recalculate=True)
    with pytest.raises(InputError, match="step"):
        run(scores, watch, step=0.0)
    with pytest.raises(InputError, match="step"):
        run(scores, watch, step=0)
    with pytest.raises(InputError, match="most"):
        run(scores, watch, most=1.5)
    with pytest.raises(InputError, match="factor"):
        run(scores, watch, factor=1.0)
    with pytest.raises(InputError, match="watch"):
        run(scores, {})
    with pytest.raises(InputError, match="100 numbers"):
        run(scores[:-1], watch)
    with pytest.raises(InputError, match="LinearClassifier"):
        removal_curve(object(), X, y, scores, watch)  # type: ignore[arg-type]
