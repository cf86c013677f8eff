"""What choosing and trimming took and brought, as findings."""

from typing import Any

import numpy as np
import pandas as pd

from streamlearn.benchmark.results import FACTORS
from streamlearn.statistics.claims import usual_baseline
from streamlearn.statistics.finding import Finding
from streamlearn.statistics.sentences import count, plus_minus, short
from streamlearn.statistics.significance import LEAST_SEEDS


def times(cells: pd.DataFrame, given: str | None) -> list[Finding]:
    """Say how long each strategy took to choose."""
    if not {"query_seconds", "seconds"} <= set(cells):
        return []
    done = cells[(cells["status"] == "done") & cells["query_seconds"].notna()]
    baseline = usual_baseline(set(done["strategy"]), "strategy", given)
    keys = [name for name in (*FACTORS, "seed") if name in done and name != "strategy"]
    wide = done.pivot(index=keys, columns="strategy", values="query_seconds")
    total = done.pivot(index=keys, columns="strategy", values="seconds")
    found = []
    for arm in wide.columns:
        low, middle, high = (float(v) for v in wide[arm].quantile([0.25, 0.5, 0.75]))
        values: dict[str, Any] = {"strategy": arm, "median": middle, "lower": low, "upper": high}
        values |= {
            "runs": int(wide[arm].count()),
            "share": float((wide[arm] / total[arm]).median()),
        }
        against = ""
        if baseline in wide and arm != baseline:
            ratio = (wide[arm] / wide[baseline].where(wide[baseline] > 0)).median()
            values |= {"baseline": baseline, "ratio": float(ratio)}
            against = f", {short(ratio)} times {baseline}'s" if np.isfinite(ratio) else ""
        share = "under 1 %" if values["share"] < 0.01 else f"{100 * values['share']:.0f} %"
        text = (
            f"{arm} spends {short(middle)} s of a run on choosing queries{against}"
            f" (median of {count(values['runs'], 'run')}, half of them between {short(low)} and"
            f" {short(high)} s; {share} of the run's time; on the machine it ran on)."
        )
        found.append(Finding("time", text, values))
    return found


def trimming(cells: pd.DataFrame) -> list[Finding]:
    """How many of the rows trimmed were mislabelled, and how many of the mislabelled trimmed."""
    if not {"precision", "recall"} <= set(cells):
        return []
    done = cells[cells["status"] == "done"]
    found = []
    for (trimmer, noise), rows in done.groupby(["trimmer", "noise"], observed=True):
        if not rows["precision"].notna().any():
            continue
        unit = "dataset" if rows["dataset"].nunique() > 1 else "seed"
        means = rows.groupby(unit)[["precision", "recall"]].mean()
        share, error = (100 * means).mean(), (100 * means).sem()
        seeds, n = int(rows["seed"].nunique()), len(means)
        over = count(n, "data set") + ", " if unit == "dataset" else f"{rows['dataset'].iloc[0]}, "
        precision, recall = (
            plus_minus(float(share[name]), float(error[name])) for name in ("precision", "recall")
        )
        few = f", fewer than {LEAST_SEEDS}: exploratory" if seeds < LEAST_SEEDS else ""
        text = (
            f"Of the rows {trimmer} trims under noise {noise}, {precision} % are mislabelled;"
            f" of the mislabelled rows it trims {recall} % ({over}{count(seeds, 'seed')}{few})."
        )
        values = {"trimmer": trimmer, "noise": noise, "seeds": seeds, "runs": len(rows)}
        for name in ("precision", "recall"):
            values |= {name: float(share[name]) / 100, f"{name}_error": float(error[name]) / 100}
        found.append(Finding("trimming", text, values))
    return found
