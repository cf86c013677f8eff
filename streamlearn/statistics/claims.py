"""Arms against their baseline, as findings: on each data set, and over data sets."""

from collections.abc import Collection

import pandas as pd

from streamlearn.benchmark.results import FACTORS
from streamlearn.errors import nearest
from streamlearn.statistics.curves import summarise
from streamlearn.statistics.finding import Finding
from streamlearn.statistics.paired import paired
from streamlearn.statistics.ranks import Ranking, rankings
from streamlearn.statistics.sentences import (
    arm_name,
    comparison,
    count,
    enumerated,
    p_value,
    plus_minus,
    scale_and_unit,
    setting,
)
from streamlearn.statistics.significance import LEAST_SEEDS, holm

BASELINES = {"strategy": ("random",), "trimmer": ("keep_all", "none")}
LEAST_DATASETS = 6
"""With fewer Wilcoxon's test over data sets cannot reach p < .05."""


def usual_baseline(levels: Collection[str], between: str, given: str | None) -> str | None:
    """The level to compare with; None where there is no usual one."""
    if given is not None:
        return given
    return next((name for name in BASELINES.get(between, ()) if name in levels), None)


def compared(curves: pd.DataFrame, measure: str, between: str, given: str | None) -> list[Finding]:
    """Say how the levels of a factor compare: on each data set, and over data sets."""
    levels = sorted(map(str, curves[between].unique()))
    if len(levels) == 1:
        text = f"Only one {between} was run, {levels[0]}: there is nothing to compare it with."
        return [Finding("caution", text, {"between": between, "levels": levels})]
    baseline = usual_baseline(levels, between, given)
    figures = summarise(curves, baseline=baseline, between=between, ranges="common")
    if measure not in figures:
        raise nearest(measure, figures.columns, "measure")
    varying = [
        name
        for name in FACTORS
        if name in figures
        and name != between
        and (name == "dataset" or figures[name].nunique() > 1)
    ]
    found = _cut(figures, between)
    ranked = rankings(figures, measure=measure, between=between)
    found += [_ranked(ranking, between, setting(ranking.where, varying)) for ranking in ranked]
    if baseline is None:
        return [_unfounded(levels, between), *found]
    table = paired(figures, baseline=baseline, between=between, measure=measure)
    for ranking in ranked:
        found += _over(ranking, table, between, baseline, setting(ranking.where, varying))
    for row in table.to_dict("records"):
        named = {str(name): value for name, value in row.items()}
        text = comparison(named, between, setting(named, varying))
        claim = named["verdict"] in ("better", "worse")
        found.append(Finding("on a data set", text, named, claim))
    return found


def _unfounded(levels: list[str], between: str) -> Finding:
    """Say what cannot be claimed without a baseline."""
    if between in BASELINES:
        usual = BASELINES[between][0]
        text = (
            f"There is no arm with the {between} {usual}, so nothing shows that any {between} is"
            " worth its while."
        )
    else:
        text = f"No {between} is named as the baseline, so single ones are not held against it."
    return Finding("caution", text, {"between": between, "levels": levels})


def _cut(figures: pd.DataFrame, between: str) -> list[Finding]:
    """Say where curves were compared on a part of their range."""
    cut = figures[figures["cut"]]
    if not len(cut):
        return []
    names = sorted(set(map(str, cut["dataset"]))) if "dataset" in cut else []
    text = (
        f"{count(len(cut), 'curve')} of {len(figures)} began earlier or went on longer than others"
        f" of the same seed{' on ' + enumerated(names) if names else ''}; each"
        f" {between} is compared on the labels all have in common."
    )
    return [Finding("caution", text, {"cut": len(cut), "curves": len(figures)})]


def _ranked(ranking: Ranking, between: str, here: str) -> Finding:
    """Who ranks best, and who cannot be told from the best."""
    n, best = len(ranking.table), arm_name(str(ranking.ranks.index[0]), between)
    near = ranking.ranks[ranking.ranks - ranking.ranks.iloc[0] <= ranking.critical_difference]
    others = [arm_name(str(name), between) for name in near.index[1:]]
    shown = ranking.p <= ranking.alpha and not ranking.exploratory
    head = f"Over {count(n, 'data set')}{here}"
    ends = f"Friedman {p_value(ranking.p)}"
    if ranking.exploratory:
        least = int(ranking.seeds.min())
        text = (
            f"{head} {best} has the best average rank, {ranking.ranks.iloc[0]:.1f}, but"
            f" {count(least, 'seed')} of at least {LEAST_SEEDS} are too few for a claim ({ends})."
        )
    elif not shown:
        text = f"{head} no difference in rank between levels of {between} is shown ({ends})."
    else:
        apart = (
            f"{enumerated(others)} {'is' if len(others) == 1 else 'are'} not told apart from it"
            if others
            else "every other is told apart from it"
        )
        text = (
            f"{head} {best} has the best average rank, {ranking.ranks.iloc[0]:.1f} of"
            f" {len(ranking.ranks)}; {apart} (critical difference"
            f" {ranking.critical_difference:.1f}, {ends})."
        )
    values = {
        "average_rank": ranking.ranks.to_dict(),
        "friedman": ranking.friedman,
        "p": ranking.p,
        "critical_difference": ranking.critical_difference,
        "cliques": ranking.cliques,
        "left_out": ranking.left_out,
        "datasets": n,
        "seeds": int(ranking.seeds.min()),
        **ranking.where,
    }
    return Finding("over data sets", text, values, shown)


def _over(
    ranking: Ranking, table: pd.DataFrame, between: str, baseline: str, here: str
) -> list[Finding]:
    """Each arm against the baseline over data sets."""
    if baseline not in ranking.ranks:
        return []
    pairs = ranking.pairs[(ranking.pairs[["arm", "other"]] == baseline).any(axis=1)]
    scale, unit = scale_and_unit(str(table["measure"].iloc[0]), str(ranking.where.get("metric")))
    n = len(ranking.table)
    of_block = table
    for name, level in ranking.where.items():
        of_block = of_block[of_block[name] == level]
    found = []
    for row, p in zip(pairs.to_dict("records"), holm(pairs["p"]).tolist(), strict=True):
        flip = -1 if row["arm"] == baseline else 1
        arm = str(row["other"] if flip < 0 else row["arm"])
        ours, theirs = arm_name(arm, between), arm_name(baseline, between)
        gap, error = flip * row["difference"], row["error"]
        ahead = (gap > 0) == ranking.higher_is_better
        said = of_block[of_block[between] == arm]["verdict"].value_counts()
        better, worse, open_ = (
            int(said.get(v, 0)) for v in ("better", "worse", "no difference shown")
        )
        agree = row["difference"] * row["statistic"] > 0
        enough = n >= LEAST_DATASETS and not ranking.exploratory
        shown = enough and agree and p <= ranking.alpha
        by = f"{plus_minus(scale * gap, scale * error, sign=True)} {unit}"
        if shown:
            verb = "beats" if ahead else "loses to"
            head = f"{ours} {verb} {theirs} over {n} data sets{here}: {by} on average"
        else:
            head = f"Over {n} data sets{here} {ours} is not shown to differ from {theirs}: {by}"
        few = f"; {n} of at least {LEAST_DATASETS} data sets are too few for a claim"
        tally = f"better on {better}, worse on {worse}, not told apart on {open_}"
        if ranking.exploratory:
            tally = f"fewer than {LEAST_SEEDS} seeds on some"
        text = f"{head} ({p_value(p)}; {tally}{few * (n < LEAST_DATASETS)})."
        values = {
            between: arm, "baseline": baseline, "difference": gap, "error": error, "p_holm": p,
            "datasets": n, "better": better, "worse": worse, "no difference shown": open_,
            **ranking.where,
        }  # fmt: skip
        found.append(Finding("over data sets", text, values, shown))
    return found
