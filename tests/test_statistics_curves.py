"""Figures of learning curves: against direct computation, and what must not change them."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamlearn.errors import InputError
from streamlearn.statistics.curves import average, summarise

RELATIVE = ["labels_to_target", "label_savings", "deficiency", "data_utilisation"]
FIGURES = ["aulc", "aulc_first", "aulc_last", "final", *RELATIVE]


def curve(
    arm: str, values: list[float], labels: list[int] | None = None, **levels: Any
) -> pd.DataFrame:
    fixed = {"dataset": "toy", "seed": 0, "metric": "accuracy", **levels}
    x = labels if labels is not None else [10 * i for i in range(len(values))]
    return pd.DataFrame({**fixed, "strategy": arm, "labels": x, "value": values})


def of(figures: pd.DataFrame, arm: str) -> "pd.Series[Any]":
    return figures[figures["strategy"] == arm].iloc[0]


def several(seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.concat(
        curve(arm, (0.5 + np.cumsum(rng.normal(0.03, 0.02, 8))).tolist(), seed=s, dataset=name)
        for arm in ("margin", "random", "entropy")
        for s in range(4)
        for name in ("one", "two")
    )


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(0, 500), st.floats(-5, 5)),
        min_size=2,
        max_size=12,
        unique_by=lambda p: p[0],
    ),
    st.floats(0.1, 1.0),
)
def test_areas_are_those_of_a_fine_grid(points: list[tuple[int, float]], part: float) -> None:
    labels, values = (np.array(v, dtype=float) for v in zip(*sorted(points), strict=True))
    figures = summarise(
        curve("random", values.tolist(), labels.astype(int).tolist()), part=part
    ).iloc[0]
    low, high = labels[0], labels[-1]

    def mean(a: float, b: float) -> float:
        inside = labels[(labels > a) & (labels < b)]
        x = np.concatenate([[a], inside, [b]])
        return float(np.trapezoid(np.interp(x, labels, values), x) / (b - a))

    width = (high - low) * part
    assert figures["aulc"] == pytest.approx(mean(low, high), abs=1e-9)
    assert figures["aulc_first"] == pytest.approx(mean(low, low + width), abs=1e-9)
    assert figures["aulc_last"] == pytest.approx(mean(high - width, high), abs=1e-9)
    assert figures["final"] == values[-1]


def test_order_of_rows_changes_nothing() -> None:
    curves = several()
    shuffled = curves.sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(summarise(curves), summarise(shuffled))


def test_a_shift_of_all_values_shifts_areas_and_leaves_the_rest() -> None:
    curves = several()
    before = summarise(curves)
    after = summarise(curves.assign(value=curves["value"] + 3))
    heights = ["aulc", "aulc_first", "aulc_last", "final"]
    np.testing.assert_allclose(after[heights], before[heights] + 3)
    np.testing.assert_allclose(after[RELATIVE], before[RELATIVE], rtol=1e-9)


def test_loss_turned_round_is_as_good_as_gain() -> None:
    curves = several()
    loss = curves.assign(value=1 - curves["value"], metric="log_loss")
    np.testing.assert_allclose(summarise(loss)[RELATIVE], summarise(curves)[RELATIVE], rtol=1e-9)
    assert not summarise(loss)["higher_is_better"].any()


def test_points_in_between_on_the_line_change_no_area() -> None:
    coarse = summarise(curve("random", [0.2, 0.8], [0, 100]))
    fine = summarise(curve("random", [0.2, 0.38, 0.62, 0.8], [0, 30, 70, 100]))
    np.testing.assert_allclose(coarse[FIGURES[:4]], fine[FIGURES[:4]])


def test_figures_against_the_baseline() -> None:
    figures = summarise(
        pd.concat([curve("random", [0.5, 0.6, 0.8]), curve("margin", [0.5, 0.9, 0.9])])
    )
    random, margin = of(figures, "random"), of(figures, "margin")
    assert random[RELATIVE].tolist() == [20, 0, 1, 1]
    assert margin["labels_to_target"] == pytest.approx(7.5)
    assert margin["label_savings"] == pytest.approx(12.5)
    assert margin["data_utilisation"] == pytest.approx(0.375)
    assert margin["deficiency"] == pytest.approx((0.8 - 0.8) / (0.8 - 0.625))


def test_deficiency_of_mean_curves_is_baram_s() -> None:
    curves = several(1)
    curves = curves[curves["dataset"] == "one"]
    figures = summarise(average(curves))
    means = curves.groupby(["strategy", "labels"])["value"].mean()

    def area(arm: str) -> float:
        return float(np.trapezoid(means[arm], means[arm].index) / 70)

    top = float(means["random"].iloc[-1])
    expected = (top - area("margin")) / (top - area("random"))
    assert of(figures, "margin")["deficiency"] == pytest.approx(expected)


def test_a_target_never_reached_is_a_bound_and_said() -> None:
    curves = pd.concat([curve("random", [0.5, 0.7, 0.9]), curve("worse", [0.5, 0.5, 0.6])])
    worse = of(summarise(curves), "worse")
    assert not worse["reached"]
    assert worse["labels_to_target"] == 20
    assert summarise(curves, target=0.55)["reached"].all()


@pytest.mark.parametrize("flat", [[0.1 + 0.2, 0.3, 0.3], [0.3, 0.3, 0.1 + 0.2]])
def test_a_flat_baseline_has_no_deficiency(flat: list[float]) -> None:
    curves = pd.concat([curve("random", flat), curve("margin", [0.3, 0.4, 0.5])])
    assert summarise(curves)["deficiency"].isna().all()


def test_unequal_ranges_are_refused_or_cut() -> None:
    curves = pd.concat(
        [curve("random", [0.5, 0.6, 0.7, 0.8]), curve("margin", [0.4, 0.8], [5, 25])]
    )
    with pytest.raises(InputError, match=r"differ in their range.*ranges='common'"):
        summarise(curves)
    figures = summarise(curves, ranges="common")
    assert figures["low"].eq(5).all()
    assert figures["high"].eq(25).all()
    assert dict(zip(figures["strategy"], figures["cut"], strict=True)) == {
        "margin": False,
        "random": True,
    }
    random = of(figures, "random")
    assert random["final"] == pytest.approx(0.75)
    assert random["aulc"] == pytest.approx(0.65)


def test_cut_curves_are_worth_what_they_are_when_recorded_so() -> None:
    long = curve("random", [0.5, 0.7, 0.6, 0.9])
    short = curve("margin", [0.5, 0.6, 0.8])
    cut = summarise(pd.concat([long, short]), ranges="common")
    recorded = summarise(pd.concat([long[long["labels"] <= 20], short]))
    np.testing.assert_allclose(cut[FIGURES], recorded[FIGURES])


def test_ranges_without_a_common_part_are_refused() -> None:
    curves = pd.concat(
        [curve("random", [0.5, 0.6], [0, 10]), curve("margin", [0.4, 0.8], [20, 30])]
    )
    with pytest.raises(InputError, match="share no label count"):
        summarise(curves, ranges="common")


def test_curves_of_one_point() -> None:
    figures = summarise(pd.concat([curve("random", [0.5]), curve("margin", [0.7])]))
    assert of(figures, "margin")["aulc"] == 0.7
    assert of(figures, "margin")["final"] == 0.7


def test_a_value_that_is_not_finite_spoils_its_curve_alone() -> None:
    curves = several()
    hole = (curves["strategy"] == "margin") & (curves["seed"] == 1) & (curves["labels"] == 20)
    whole, broken = summarise(curves), summarise(curves.assign(value=curves["value"].mask(hole)))
    spoiled = (whole["strategy"] == "margin") & (whole["seed"] == 1)
    assert broken.loc[spoiled, FIGURES].isna().all(axis=None)
    pd.testing.assert_frame_equal(broken[~spoiled], whole[~spoiled])


def test_a_missing_baseline_run_leaves_nothing_to_compare_with() -> None:
    curves = several()
    gone = (curves["strategy"] == "random") & (curves["seed"] == 2)
    figures = summarise(curves[~gone])
    alone = figures["seed"] == 2
    assert figures.loc[alone, RELATIVE].isna().all(axis=None)
    assert figures.loc[~alone, ["label_savings"]].notna().all(axis=None)
    assert figures["aulc"].notna().all()


def test_two_values_at_one_label_count_are_refused_and_copies_are_not() -> None:
    curves = curve("random", [0.5, 0.6, 0.7])
    again = pd.concat([curves, curves])
    pd.testing.assert_frame_equal(summarise(again), summarise(curves))
    with pytest.raises(InputError, match="two values at 10 labels"):
        summarise(pd.concat([curves, curve("random", [0.9], [10])]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.drop(columns="value"), "curves lack value"),
        (lambda c: c.iloc[:0], "there are no curves"),
        (lambda c: c.assign(labels=np.nan), "without a label count"),
    ],
)
def test_bad_tables_are_named(change: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        summarise(change(several()))


def test_bad_names_and_numbers_are_named() -> None:
    with pytest.raises(InputError, match="did you mean 'random'"):
        summarise(several(), baseline="randon")
    with pytest.raises(InputError, match="did you mean 'strategy'"):
        summarise(several(), between="strategies")
    with pytest.raises(InputError, match="did you mean 'common'"):
        summarise(several(), ranges="comon")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="part must lie"):
        summarise(several(), part=0)


def test_average_counts_its_seeds() -> None:
    curves = pd.concat([curve("random", [0.5, 0.7], seed=0), curve("random", [0.7], seed=1)])
    table = average(curves)
    assert table["seeds"].tolist() == [2, 1]
    assert table["value"].tolist() == pytest.approx([0.6, 0.7])
    assert table["error"].iloc[0] == pytest.approx(np.std([0.5, 0.7], ddof=1) / 2**0.5)
    assert np.isnan(table["error"].iloc[1])
