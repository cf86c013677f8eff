"""Findings say what was shown, with its figures, and no more."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from streamlearn.benchmark.results import Results
from streamlearn.errors import InputError
from streamlearn.statistics.curves import summarise
from streamlearn.statistics.findings import Finding, findings
from streamlearn.statistics.paired import paired
from streamlearn.statistics.significance import holm


def results(
    lifts: dict[str, float] | None = None,
    *,
    seeds: int = 20,
    datasets: tuple[str, ...] = ("digits",),
    trimmers: dict[str, float] | None = None,
    noise: str = "0.2",
) -> Results:
    """A comparison made up: curves that rise, arms lifted, seeds that share their level."""
    rng = np.random.default_rng(0)
    arms = {"random": 0.0, "margin": 0.05} if lifts is None else lifts
    points, cells = [], []
    for d in datasets:
        for s in range(seeds):
            level = rng.normal(0.6, 0.05)
            for arm, lift in arms.items():
                for trimmer, gain in (trimmers or {"keep_all": 0.0}).items():
                    cell = {"dataset": d, "learner": "logistic", "noise": noise, "strategy": arm,
                            "trimmer": trimmer, "seed": s}  # fmt: skip
                    noisy = level + lift + gain + rng.normal(0, 0.01)
                    points += [
                        {**cell, "labels": n, "metric": "accuracy", "value": noisy + n / 400}
                        for n in (20, 40, 60)
                    ]
                    trims = trimmer != "keep_all"
                    cells.append(
                        {**cell, "cell": f"{d}{s}{arm}{trimmer}", "status": "done", "error": "",
                         "seconds": 2.0, "query_seconds": 0.1 * (1 + (arm == "margin")),
                         "trim_seconds": 0.1, "labels": 60, "stopped": "budget",
                         "precision": 0.5 + rng.normal(0, 0.05) if trims else np.nan,
                         "recall": 0.25 if trims else np.nan}
                    )  # fmt: skip
    return Results(pd.DataFrame(cells), pd.DataFrame(points), {})


def said(found: list[Finding], kind: str) -> list[str]:
    return [finding.text for finding in found if finding.kind == kind]


def test_a_difference_shown_is_said_with_its_error() -> None:
    whole = results()
    [finding] = [f for f in findings(whole) if f.kind == "on a data set"]
    row = paired(summarise(whole.curves)).iloc[0]
    assert finding.claim
    assert finding.text.startswith(f"margin beats random on digits by {100 * row.difference:.1f}")
    assert "points of area (20 seeds, p < 0.001)" in finding.text
    assert finding.values["difference"] == row.difference
    assert finding.values["verdict"] == "better"


def test_a_loser_loses_and_no_difference_is_none() -> None:
    found = findings(results({"random": 0, "worse": -0.1, "same": 0.0}))
    claims = {f.values["strategy"]: f for f in found if f.kind == "on a data set"}
    assert claims["worse"].text.startswith("worse loses to random on digits by ")
    assert claims["same"].text.startswith("No difference between same and random is shown on")
    assert [claims["worse"].claim, claims["same"].claim] == [True, False]


def test_less_is_better_of_a_loss() -> None:
    whole = results()
    loss = whole.curves.assign(metric="log_loss")
    [text] = said(findings(Results(whole.cells, loss, {})), "on a data set")
    assert text.startswith("margin loses to random on digits by 0.0")
    assert "less is better" in text
    assert "points" not in text


def test_few_seeds_claim_nothing() -> None:
    found = findings(results(seeds=5, datasets=tuple("abcdefgh")))
    assert not any(f.claim for f in found)
    text = said(found, "on a data set")[0]
    assert text.startswith("5 of at least 20 seeds are too few for a claim about margin against")
    assert "too few for a claim" in said(found, "over data sets")[0]
    assert not any(" beats " in f.text or " loses " in f.text for f in found)


def test_identical_arms_do_not_differ_at_all() -> None:
    whole = results({"random": 0.0})
    copied = [
        pd.concat([t, t.assign(strategy="copy")], ignore_index=True)
        for t in (whole.cells, whole.curves)
    ]
    [text] = said(findings(Results(copied[0], copied[1], {})), "on a data set")
    assert text == "copy and random do not differ at all on digits (20 seeds)."


def test_many_data_sets_are_summed_up() -> None:
    names = tuple(f"d{i}" for i in range(8))
    arms = {"random": 0, "margin": 0.05, "same": 0.0, "worse": -0.05}
    whole = results(arms, datasets=names)
    found = findings(whole)
    ranked, *against = [f for f in found if f.kind == "over data sets"]
    assert ranked.text.startswith("Over 8 data sets margin has the best average rank, 1.0 of 4;")
    assert ranked.values["average_rank"]["margin"] == 1
    of = {f.values["strategy"]: f for f in against}
    assert of["margin"].claim
    assert of["margin"].text.startswith("margin beats random over 8 data sets: +")
    assert "better on 8, worse on 0, not told apart on 0" in of["margin"].text
    assert of["worse"].text.startswith("worse loses to random over 8 data sets: -")
    assert "better on 0, worse on 8, not told apart on 0" in of["worse"].text
    figures = summarise(whole.curves)
    means = figures.groupby(["dataset", "strategy"])["aulc"].mean().unstack()
    gain = 100 * (means["margin"] - means["random"]).to_numpy(np.float64)
    said_so = f": +{gain.mean():.2f} ± {stats.sem(gain):.2f} points of area on average"
    assert said_so in of["margin"].text
    p = [stats.wilcoxon(means[arm] - means["random"]).pvalue for arm in of]
    np.testing.assert_allclose([f.values["p_holm"] for f in of.values()], holm(p))
    assert not of["same"].claim
    assert "is not shown to differ from random" in of["same"].text


def test_mean_and_ranks_at_odds_claim_nothing_over_data_sets() -> None:
    whole = results({"random": 0, "margin": 0.02}, datasets=tuple(f"d{i:02}" for i in range(20)))
    odd = whole.curves["dataset"].eq("d07") & whole.curves["strategy"].eq("margin")
    value = whole.curves["value"] - 5 * odd
    found = findings(Results(whole.cells, whole.curves.assign(value=value), {}))
    [margin] = [f for f in found if f.kind == "over data sets" and "difference" in f.values]
    assert margin.values["p_holm"] < 0.05
    assert margin.values["difference"] < 0
    assert not margin.claim


def test_few_data_sets_claim_nothing_over_data_sets() -> None:
    found = findings(results(datasets=("a", "b", "c")))
    [text] = [t for t in said(found, "over data sets") if "margin is" in t]
    assert "3 of at least 6 data sets are too few for a claim" in text


def test_where_is_named_as_far_as_it_varies() -> None:
    clean, noisy = results(noise="none"), results(noise="0.2")
    whole = Results(
        pd.concat([clean.cells, noisy.cells], ignore_index=True),
        pd.concat([clean.curves, noisy.curves], ignore_index=True),
        {},
    )
    texts = said(findings(whole), "on a data set")
    assert len(texts) == 2
    assert "on digits with noise 0.2 by" in texts[0]
    assert "logistic" not in texts[0]


def test_trimmers_are_compared_and_judged() -> None:
    found = findings(results(trimmers={"keep_all": 0.0, "loss": 0.03}))
    texts = said(found, "on a data set")
    assert any(
        t.startswith("trimmer loss beats trimmer keep_all on digits with strategy margin by")
        for t in texts
    )
    [trim] = [f for f in found if f.kind == "trimming"]
    assert trim.values["precision"] == pytest.approx(0.5, abs=0.03)
    assert "of the mislabelled rows it trims 25" in trim.text
    assert "20 seeds" in trim.text


def test_one_strategy_leaves_trimmers_to_compare() -> None:
    found = findings(results({"all": 0.0}, trimmers={"keep_all": 0.0, "loss": 0.03}))
    assert said(found, "caution") == []
    assert [t.split(" on ")[0] for t in said(found, "on a data set")] == [
        "trimmer loss beats trimmer keep_all"
    ]


def test_time_is_told_beside_the_baseline_s() -> None:
    found = [f for f in findings(results()) if f.kind == "time"]
    values = {f.values["strategy"]: f.values for f in found}
    assert values["margin"]["ratio"] == pytest.approx(2)
    assert values["margin"]["share"] == pytest.approx(0.1)
    assert "2 times random's" in found[0].text


def test_no_random_arm_is_a_caution() -> None:
    found = findings(results({"margin": 0.0, "entropy": 0.1}, datasets=("a", "b")))
    assert "There is no arm with the strategy random" in said(found, "caution")[0]
    assert said(found, "on a data set") == []
    assert len(said(found, "over data sets")) == 1


def test_failures_are_told_first() -> None:
    whole = results()
    lost = whole.cells["strategy"].eq("margin") & whole.cells["seed"].lt(3)
    cells = whole.cells.assign(status=whole.cells["status"].mask(lost, "failed"))
    gone = whole.curves["strategy"].eq("margin") & whole.curves["seed"].lt(3)
    found = findings(Results(cells, whole.curves[~gone], {}))
    assert found[0].text == "3 of 40 runs failed, and left out: margin (3)."
    assert "17 of at least 20 seeds" in said(found, "on a data set")[0]
    assert "3 seeds without a pair left out" in said(found, "on a data set")[0]


def test_curves_that_end_early_are_told() -> None:
    whole = results()
    early = whole.curves["strategy"].eq("margin") & whole.curves["labels"].eq(60)
    found = findings(Results(whole.cells, whole.curves[~early], {}))
    assert said(found, "caution")[0].startswith("20 curves of 40 began earlier or went on longer")


def test_nothing_done_is_nothing_found() -> None:
    whole = results(seeds=2)
    none = Results(whole.cells.assign(status="failed"), whole.curves.iloc[:0], {})
    assert [f.kind for f in findings(none)] == ["caution"]


def test_names_are_checked() -> None:
    with pytest.raises(InputError, match="did you mean 'accuracy'"):
        findings(results(), metric="acuracy")
    with pytest.raises(InputError, match="did you mean 'final'"):
        findings(results(), measure="finale")
    with pytest.raises(InputError, match="did you mean 'trimmer'"):
        findings(results(), between="trimmers")


@pytest.fixture(scope="module")
def experiment() -> ModuleType:
    path = Path(__file__).parents[1] / "benchmarks" / "null_experiment.py"
    spec = importlib.util.spec_from_file_location("null_experiment", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_random_against_random_in_real_campaigns(experiment: Any) -> None:
    # Of 25 comparisons 5 % or 48 % are expected: bounds a right test leaves once in 500 times.
    curves = experiment.learning_curves(25, 20)
    null, lifted = experiment.tests(curves), experiment.tests(experiment.planted(curves))
    assert null["n"].eq(20).all()
    for column in ("p", "p_t"):
        assert (null[column] <= 0.05).sum() <= 5
        assert 5 <= (lifted[column] <= 0.05).sum() <= 19


def test_the_level_is_kept_and_a_planted_difference_found(experiment: Any) -> None:
    """1,000 comparisons of made-up curves, through the same functions."""
    n, seeds, points = 1000, 20, 3
    rng = np.random.default_rng(0)
    shared = rng.normal(0.7, 0.05, (n, seeds, 1, 1))
    values = (shared + rng.normal(0, 0.02, (n, seeds, 2, points))).round(2)
    index = pd.MultiIndex.from_product(
        [range(n), range(seeds), experiment.ARMS, [10, 15, 20]],
        names=["dataset", "seed", "strategy", "labels"],
    )
    curves = pd.DataFrame({"value": values.ravel()}, index=index).reset_index()
    curves["metric"] = "accuracy"
    null, lifted = experiment.tests(curves), experiment.tests(experiment.planted(curves))
    for column in ("p", "p_t"):
        assert 0.035 <= (null[column] <= 0.05).mean() <= 0.065
        assert 0.40 <= (lifted[column] <= 0.05).mean() <= 0.60
    assert stats.kstest(null["p_t"], "uniform").pvalue > 0.01
