"""Ranks over data sets: scipy's Friedman, the published table, what must not change them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from streamlearn.errors import InputError
from streamlearn.statistics.nemenyi import cliques, critical_difference
from streamlearn.statistics.ranks import rank, rankings
from streamlearn.statistics.significance import holm


def table(n: int = 12, k: int = 4, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    values = rng.normal(0.7, 0.1, (n, 1)) + rng.normal(0, 0.03, (n, k)) - 0.02 * np.arange(k)
    return pd.DataFrame(values, index=[f"d{i}" for i in range(n)], columns=list("abcdefghij")[:k])


def runs(of: pd.DataFrame, seeds: int = 20) -> pd.DataFrame:
    long = of.reset_index(names="dataset").melt("dataset", var_name="strategy", value_name="aulc")
    noise = np.random.default_rng(1).normal(0, 0.001, seeds)
    parts = [long.assign(seed=s, aulc=long["aulc"] + noise[s]) for s in range(seeds)]
    return pd.concat(parts).assign(metric="accuracy", higher_is_better=True)


# Demšar 2006, table 5(a): q at .05 and .10 for 2 to 10 arms.
Q05 = [1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164]
Q10 = [1.645, 2.052, 2.291, 2.459, 2.589, 2.693, 2.780, 2.855, 2.920]


@pytest.mark.parametrize("k", range(2, 11))
def test_critical_values_are_the_published_ones(k: int) -> None:
    for alpha, published in ((0.05, Q05), (0.10, Q10)):
        q = critical_difference(k, 1, alpha) / np.sqrt(k * (k + 1) / 6)
        assert q == pytest.approx(published[k - 2], abs=1.1e-3)


@settings(deadline=None, max_examples=40)
@given(st.integers(3, 6), st.integers(3, 15), st.integers(0, 1000), st.booleans())
def test_friedman_is_scipy_s_ties_included(k: int, n: int, seed: int, coarse: bool) -> None:
    values = table(n, k, seed)
    values = values.round(1) if coarse else values
    if (values.nunique(axis=1) == 1).all():
        return
    expected = stats.friedmanchisquare(*(values[name] for name in values))
    got = rank(values)
    assert got.friedman == pytest.approx(expected.statistic)
    assert got.p == pytest.approx(expected.pvalue)


def test_arms_all_alike_do_not_differ() -> None:
    got = rank(table(k=1).join(table(k=1).set_axis(["copy"], axis=1)))
    assert [got.friedman, got.p] == [0, 1]
    assert got.ranks.tolist() == [1.5, 1.5]
    assert got.cliques == (("a", "copy"),)
    assert got.pairs["p"].tolist() == [1]


def test_ranks_are_mean_ranks_and_sum_as_they_must() -> None:
    values = table()
    got = rank(values)
    expected = values.rank(axis=1, ascending=False).mean().sort_values()
    assert got.ranks.to_dict() == pytest.approx(expected.to_dict())
    assert got.ranks.sum() == pytest.approx(4 * 5 / 2)


def test_what_is_monotone_a_data_set_changes_no_rank() -> None:
    values = table()
    stretched = values.mul(np.arange(1, 13), axis=0).add(np.arange(12), axis=0)
    pd.testing.assert_series_equal(rank(values).ranks, rank(stretched).ranks)
    assert rank(values).friedman == pytest.approx(rank(stretched).friedman)


def test_order_of_arms_and_data_sets_changes_nothing() -> None:
    values = table()
    turned = values.iloc[::-1, ::-1]
    one, other = rank(values), rank(turned)
    assert one.ranks.to_dict() == pytest.approx(other.ranks.to_dict())
    assert one.cliques == other.cliques
    pd.testing.assert_frame_equal(one.pairs, other.pairs)


def test_less_is_better_turns_ranks_round() -> None:
    values = table()
    pd.testing.assert_series_equal(rank(values).ranks, rank(-values, higher_is_better=False).ranks)


def test_pairs_are_wilcoxon_over_data_sets_with_holm() -> None:
    values = table()
    pairs = rank(values).pairs
    assert len(pairs) == 6
    for row in pairs.to_dict("records"):
        gaps = values[row["arm"]] - values[row["other"]]
        assert row["p"] == pytest.approx(stats.wilcoxon(gaps).pvalue)
        assert row["difference"] == pytest.approx(gaps.mean())
        assert row["error"] == pytest.approx(gaps.sem())
        assert row["wins"] + row["ties"] + row["losses"] == 12
    np.testing.assert_allclose(pairs["p_holm"], holm(pairs["p"]))


@settings(deadline=None, max_examples=80)
@given(st.lists(st.floats(1, 8), min_size=2, max_size=8), st.floats(0.1, 4))
def test_cliques_are_the_largest_groups_not_told_apart(values: list[float], width: float) -> None:
    ranks = pd.Series(values, index=[f"a{i}" for i in range(len(values))])
    found = cliques(ranks, width)
    near = {
        frozenset((a, b))
        for a in ranks.index
        for b in ranks.index
        if a < b and abs(ranks[a] - ranks[b]) <= width + 1e-9
    }
    together = {frozenset((a, b)) for c in found for a in c for b in c if a < b}
    assert together == near
    assert not any(set(a) < set(b) for a in found for b in found)
    assert len(set(found)) == len(found)


def test_rankings_average_seeds_and_keep_their_setting() -> None:
    values = runs(table())
    both = pd.concat([values.assign(noise="0"), values.assign(noise="0.2", aulc=-values["aulc"])])
    clean, noisy = rankings(both)
    assert clean.where == {"noise": "0", "metric": "accuracy"}
    assert clean.ranks.to_dict() == pytest.approx(rank(table()).ranks.to_dict())
    assert list(noisy.ranks.index) == list(clean.ranks.index[::-1])
    assert clean.seeds.eq(20).all()
    assert not clean.exploratory
    assert rankings(runs(table(), seeds=5))[0].exploratory


def test_seeds_and_data_sets_that_lack_an_arm_are_left_out() -> None:
    values = runs(table())
    a, d3 = values["strategy"].eq("a"), values["dataset"].eq("d3")
    some = values[~(a & d3) & ~(a & values["dataset"].eq("d5") & values["seed"].lt(4))]
    [got] = rankings(some)
    assert got.left_out == ("d3", "d5")  # none, and 16 of the 20 seeds a verdict needs
    assert len(got.table) == 10
    [few] = rankings(some[some["seed"] < 19])
    assert few.left_out == ("d3",)
    assert few.seeds["d5"] == 15


def test_too_little_to_rank() -> None:
    assert rankings(runs(table(n=1))) == []
    with pytest.raises(InputError, match="at least 2 data sets"):
        rank(table(n=1))
    with pytest.raises(InputError, match="b has no finite value on d2"):
        rank(table().where(lambda t: t != t.loc["d2", "b"]))
    with pytest.raises(InputError, match="column 'dataset'"):
        rankings(runs(table()).drop(columns="dataset"))
    with pytest.raises(InputError, match="alpha"):
        critical_difference(3, 10, alpha=5)


def test_one_failure_on_one_data_set_does_not_silence_the_rest() -> None:
    rng, runs = np.random.default_rng(0), []
    for name in "abcdefg":
        for arm in ("margin", "random", "frail"):
            for seed in range(20):
                if (name, arm, seed) != ("c", "frail", 7):
                    runs.append((name, arm, seed, rng.normal() + (arm == "margin")))
    table = pd.DataFrame(runs, columns=["dataset", "strategy", "seed", "aulc"])
    (ranking,) = rankings(table, higher_is_better=True)
    assert ranking.left_out == ("c",)
    assert not ranking.exploratory
    few = table[table["seed"] < 5]
    (ranking,) = rankings(few, higher_is_better=True)
    assert ranking.left_out == ()
    assert ranking.exploratory
