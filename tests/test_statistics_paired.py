"""Paired tests: against enumeration and scipy, what must not change them, and their verdicts."""

from itertools import combinations, product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from streamlearn.errors import InputError
from streamlearn.statistics.paired import paired
from streamlearn.statistics.significance import differences, holm, signed_rank
from streamlearn.statistics.wins import win_matrix


def runs(seed: int = 0, n: int = 20, datasets: int = 2, **lifts: float) -> pd.DataFrame:
    """Areas of some arms: a level a seed shares, noise of its own, and the arm's lift."""
    rng = np.random.default_rng(seed)
    arms = {"random": 0.0, **lifts}
    return pd.DataFrame(
        [
            {"dataset": f"d{d}", "strategy": arm, "seed": s, "metric": "accuracy",
             "aulc": level + lift + rng.normal(0, 0.01), "higher_is_better": True}
            for d in range(datasets)
            for s in range(n)
            for level in [rng.normal(0.7, 0.05)]
            for arm, lift in arms.items()
        ]
    )  # fmt: skip


def enumerated(d: np.ndarray[Any, Any]) -> float:
    """Wilcoxon's p by setting all signs."""
    d = d[d != 0]
    ranks = stats.rankdata(np.abs(d))
    seen = abs(float(np.sum(np.sign(d) * ranks)))
    sums = [abs(float(np.dot(s, ranks))) for s in product([-1, 1], repeat=len(d))]
    return float(np.mean([total >= seen - 1e-9 for total in sums]))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(-4, 4), min_size=1, max_size=9))
def test_signed_ranks_equal_enumeration_ties_and_zeros_included(d: list[int]) -> None:
    values = np.array(d, dtype=float)
    assert signed_rank(values).p == pytest.approx(enumerated(values), abs=1e-12)


@pytest.mark.parametrize("n", [5, 20, 50])
def test_signed_ranks_equal_scipy_without_ties(n: int) -> None:
    d = np.random.default_rng(n).normal(0.3, 1, n)
    assert signed_rank(d).p == pytest.approx(stats.wilcoxon(d, method="exact").pvalue, rel=1e-9)


def test_many_pairs_go_over_smoothly_to_the_normal_approximation() -> None:
    d = np.random.default_rng(1).normal(0.15, 1, 101)
    assert signed_rank(d).p == pytest.approx(signed_rank(d[:100]).p, rel=0.3)
    assert signed_rank(d).p == pytest.approx(stats.wilcoxon(d, method="asymptotic").pvalue)


def test_signed_ranks_keep_their_level_under_ties() -> None:
    rng = np.random.default_rng(0)
    p = np.array([signed_rank(rng.integers(-3, 4, 20)).p for _ in range(2000)])
    for level in (0.01, 0.05, 0.1):
        assert np.mean(p <= level) <= level + 3 * (level / 2000) ** 0.5


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(0, 1) | st.just(float("nan")), max_size=8))
def test_holm_equals_its_definition(p: list[float]) -> None:
    adjusted = holm(p)
    made = [value for value in p if not np.isnan(value)]
    for value, got in zip(p, adjusted, strict=True):
        if np.isnan(value):
            assert np.isnan(got)
        else:
            ranked = sorted(made)
            at = len([v for v in made if v <= value])
            direct = max(min(1.0, (len(made) - j) * ranked[j]) for j in range(at))
            assert got == pytest.approx(direct)


def test_differences_of_rounding_are_none() -> None:
    ours = np.array([0.1 + 0.2, 1.0, 0.5])
    theirs = np.array([0.3, 1.0 + 1e-9, 0.5])
    assert differences(ours, theirs).tolist() == pytest.approx([0, -1e-9, 0], abs=1e-12)
    assert np.count_nonzero(differences(ours, theirs)) == 1
    assert differences(np.zeros(2), np.zeros(2)).tolist() == [0, 0]


def test_paired_figures_are_scipy_s() -> None:
    values = runs(margin=0.01)
    table = paired(values)
    for row in table.to_dict("records"):
        wide = values[values["dataset"] == row["dataset"]].pivot(
            index="seed", columns="strategy", values="aulc"
        )
        test = stats.ttest_rel(wide["margin"], wide["random"])
        assert row["p_t"] == pytest.approx(test.pvalue)
        assert [row["lower"], row["upper"]] == pytest.approx(list(test.confidence_interval(0.95)))
        assert row["difference"] == pytest.approx(row["mean"] - row["baseline_mean"])
        gaps = wide["margin"] - wide["random"]
        assert row["error"] == pytest.approx(float(gaps.sem()))
        assert [row["wins"], row["losses"]] == [int((gaps > 0).sum()), int((gaps < 0).sum())]
        assert row["p"] == pytest.approx(stats.wilcoxon(gaps).pvalue)


FIGURES = ["n", "difference", "error", "p_t", "p", "p_holm", "wins", "ties", "losses", "verdict"]


def test_order_of_rows_changes_nothing() -> None:
    values = runs(margin=0.01, entropy=-0.02)
    shuffled = values.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(paired(values), paired(shuffled))


@pytest.mark.parametrize("shift", [-0.7, 5.0, 1000.0])
def test_a_shift_of_all_values_changes_no_test(shift: float) -> None:
    values = runs(margin=0.005)
    moved = values.assign(aulc=values["aulc"] + shift)
    pd.testing.assert_frame_equal(paired(values)[FIGURES], paired(moved)[FIGURES], rtol=1e-6)


def test_names_do_not_matter() -> None:
    values = runs(margin=0.01, entropy=-0.02)
    names = {"margin": "zebra", "entropy": "ant", "random": "middle"}
    renamed = values.assign(strategy=values["strategy"].map(names))
    ours = paired(values).assign(strategy=lambda t: t["strategy"].map(names))
    theirs = paired(renamed, baseline="middle")
    keys = ["dataset", "strategy"]
    pd.testing.assert_frame_equal(
        ours.sort_values(keys)[keys + FIGURES].reset_index(drop=True),
        theirs.sort_values(keys)[keys + FIGURES].reset_index(drop=True),
    )


def test_arm_and_baseline_exchanged_turns_the_sign() -> None:
    values = runs(margin=0.01)
    there, back = paired(values), paired(values, baseline="margin")
    np.testing.assert_allclose(there["difference"], -back["difference"])
    np.testing.assert_allclose(there[["p", "p_t"]], back[["p", "p_t"]])
    assert there["wins"].tolist() == back["losses"].tolist()
    turned = {"better": "worse", "worse": "better"}
    assert there["verdict"].tolist() == [turned.get(v, v) for v in back["verdict"]]


def test_less_is_better_turns_the_verdict_alone() -> None:
    values = runs(margin=0.02)
    down = paired(values.assign(higher_is_better=False))
    assert paired(values)["verdict"].tolist() == ["better", "better"]
    assert down["verdict"].tolist() == ["worse", "worse"]
    np.testing.assert_allclose(down["p"], paired(values)["p"])


@pytest.mark.parametrize(("n", "said"), [(19, "exploratory: 19 seeds"), (20, "better")])
def test_twenty_seeds_make_a_verdict(n: int, said: str) -> None:
    assert paired(runs(n=n, datasets=1, margin=0.1))["verdict"].tolist() == [said]


def test_identical_curves_do_not_differ() -> None:
    values = runs(datasets=1)
    table = paired(pd.concat([values, values.assign(strategy="copy")]))
    row = table.iloc[0]
    assert [row["difference"], row["error"], row["lower"], row["upper"]] == [0, 0, 0, 0]
    assert [row["p"], row["p_t"], row["p_holm"], row["ties"]] == [1, 1, 1, 20]
    assert row["verdict"] == "no difference shown"


def test_holm_covers_the_arms_of_a_data_set() -> None:
    table = paired(runs(a=0.004, b=0.0, c=0.006, d=0.002))
    for _, rows in table.groupby("dataset"):
        np.testing.assert_allclose(rows["p_holm"], holm(rows["p"]))
    assert (table["p_holm"] > table["p"]).any()


def test_runs_without_a_partner_are_dropped_and_counted() -> None:
    values = runs(n=25, datasets=1, margin=0.02)
    odd = values["strategy"].eq("margin") & values["seed"].isin([3, 4])
    nan = values["strategy"].eq("random") & values["seed"].eq(7)
    table = paired(values.assign(aulc=values["aulc"].mask(nan))[~odd])
    assert [table["n"].iloc[0], table["dropped"].iloc[0]] == [22, 3]
    whole = paired(values[~values["seed"].isin([3, 4, 7])])
    pd.testing.assert_frame_equal(table[FIGURES], whole[FIGURES])


def test_a_data_set_without_the_baseline_says_so() -> None:
    values = runs(margin=0.02)
    gone = values["strategy"].eq("random") & values["dataset"].eq("d1")
    row = paired(values[~gone]).set_index("dataset").loc["d1"]
    assert [row["n"], row["dropped"], row["verdict"]] == [0, 20, "exploratory: 0 seeds"]
    assert np.isnan(row["difference"])


def test_mean_and_ranks_at_odds_are_no_verdict() -> None:
    gaps = np.r_[np.full(19, 0.01) + np.arange(19) / 1e4, -5.0]
    values = runs(datasets=1).assign(aulc=0.5)
    table = paired(pd.concat([values, values.assign(strategy="odd", aulc=0.5 + gaps)]))
    assert table["p"].iloc[0] < 0.05
    assert table["verdict"].iloc[0] == "no difference shown"


def test_bad_input_is_named() -> None:
    values = runs(margin=0.01)
    with pytest.raises(InputError, match="did you mean 'random'"):
        paired(values, baseline="radnom")
    with pytest.raises(InputError, match="did you mean 'aulc'"):
        paired(values, measure="auc")
    with pytest.raises(InputError, match="two runs of"):
        paired(pd.concat([values, values]))
    with pytest.raises(InputError, match="infinite"):
        paired(values.assign(aulc=np.inf))
    with pytest.raises(InputError, match="higher_is_better"):
        paired(values.drop(columns="higher_is_better"))
    with pytest.raises(InputError, match="level must lie"):
        paired(values, level=95)
    with pytest.raises(InputError, match="drop the pair"):
        signed_rank([1.0, np.nan])


def test_wins_ties_and_losses_are_conserved() -> None:
    values = pd.concat(
        [runs(datasets=3, margin=0.03, entropy=0.0),
         runs(seed=1, n=5, datasets=2, margin=0.03, entropy=0.0).assign(
             dataset=lambda t: "few " + t["dataset"])]
    )  # fmt: skip
    matrix = win_matrix(values)
    total = matrix.wins + matrix.wins.T + matrix.ties + matrix.exploratory
    assert matrix.blocks == 5
    off = ~np.eye(3, dtype=bool)
    assert (total.to_numpy()[off] == 5).all()
    assert (np.diag(total) == 0).all()
    assert (matrix.exploratory.to_numpy()[off] == 2).all()
    assert matrix.wins.loc["margin", "random"] == 3
    assert matrix.wins.index[0] == "margin"


def test_wins_are_those_of_paired_where_there_is_one_pair() -> None:
    values = runs(datasets=6, margin=0.006)
    verdicts = paired(values)["verdict"].tolist()
    assert win_matrix(values).wins.loc["margin", "random"] == verdicts.count("better")
    assert win_matrix(values).ties.loc["margin", "random"] == verdicts.count("no difference shown")


def test_wins_are_corrected_over_all_pairs_of_a_data_set() -> None:
    values = runs(datasets=6, a=0.004, b=0.008, c=0.012)
    raw = corrected = 0
    for _, rows in values.groupby("dataset"):
        wide = rows.pivot(index="seed", columns="strategy", values="aulc")
        p = [stats.wilcoxon(wide[a] - wide[b]).pvalue for a, b in combinations(wide, 2)]
        raw += int((np.array(p) <= 0.05).sum())
        corrected += int((holm(p) <= 0.05).sum())
    assert 0 < corrected < raw
    assert win_matrix(values).wins.to_numpy().sum() == corrected


def test_wins_follow_the_metric_s_direction() -> None:
    values = runs(datasets=2, margin=0.05)
    pd.testing.assert_frame_equal(
        win_matrix(values.assign(higher_is_better=False)).wins.loc[["random"], ["margin"]],
        pd.DataFrame([[2]], index=["random"], columns=["margin"]),
    )
    with pytest.raises(InputError, match="one metric at a time"):
        win_matrix(pd.concat([values, values.assign(metric="auc")]))
