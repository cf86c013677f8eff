"""The table of every arm in every setting, and the list of what failed."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from streamlearn.benchmark.results import FACTORS
from streamlearn.report.arms import Layout, levels
from streamlearn.report.wording import MISSING, count, plain, plus_minus
from streamlearn.statistics.paired import paired


def arms_table(summary: pd.DataFrame, cells: pd.DataFrame, layout: Layout) -> dict[str, Any]:
    """Return the table of every arm in every setting.

    Parameters
    ----------
    summary : DataFrame
        Of ``summarise``.
    cells : DataFrame
        Of ``Results``.
    layout : Layout
        What is compared with what.

    Returns
    -------
    dict
        caption, columns and rows of text.
    """
    metrics = summary["metric"].nunique() > 1
    named = [f for f in FACTORS if f in ("dataset", layout.between) or cells[f].nunique() > 1]
    keys = [*FACTORS, "metric"]
    measures = ["aulc", "final", "label_savings"]
    figures = summary.groupby(keys, sort=False)[[m for m in measures if m in summary]]
    means, errors = figures.mean(), figures.sem()
    seeds = summary.groupby(keys, sort=False)["aulc"].count()
    seconds = cells[cells["status"] == "done"].groupby(list(FACTORS))["seconds"].median()
    failed = (cells["status"] == "failed").groupby([cells[f] for f in FACTORS]).sum()
    against = _against(summary, layout, keys)
    columns = [*named, *(["metric"] if metrics else []), "seeds", "area", "final"]
    if layout.baseline is not None:
        columns += [f"area against {layout.baseline}", "p (Holm)", "verdict", "labels saved"]
    columns += ["seconds", "failed"]
    rows = []
    place = {key: n for n, key in enumerate(levels(cells, FACTORS))}
    for key in sorted(means.index, key=lambda key: place[key[:-1]]):
        level, mean, error = dict(zip(keys, key, strict=True)), means.loc[key], errors.loc[key]
        row = [str(level[name]) for name in named] + ([level["metric"]] if metrics else [])
        row += [
            str(seeds[key]),
            plus_minus(mean["aulc"], error["aulc"]),
            plus_minus(mean["final"], error["final"]),
        ]
        if layout.baseline is not None:
            row += _compared(against.get(key), mean, error)
        row += [
            plain(seconds.get(key[:-1], math.nan)),
            str(failed.get(key[:-1], 0)),
        ]
        rows.append(row)
    caption = (
        "Means over seeds ± one standard error. Area: under the learning curve, divided by its "
        "range. Seconds: median of a whole run."
    )
    if layout.baseline is not None:
        caption += (
            f" Differences to {layout.baseline} are paired over seeds; a verdict takes at least 20."
        )
    return {"caption": caption, "columns": columns, "rows": rows}


def failures(cells: pd.DataFrame) -> dict[str, Any]:
    """Return what failed, alike failures together, and what is missing.

    Parameters
    ----------
    cells : DataFrame
        Of ``Results``.

    Returns
    -------
    dict
        failures (what, last, traceback), most frequent first, and missing, a sentence or "".
    """
    failed, missing = cells[cells["status"] == "failed"], int((cells["status"] == "missing").sum())
    last = failed["error"].str.strip().str.rsplit("\n", n=1).str[-1]
    groups = failed.assign(last=last).groupby(
        ["strategy", "trimmer", "learner", "last"], sort=False
    )
    listed: list[dict[str, Any]] = []
    for key, part in groups:
        sets = part["dataset"].unique()
        first = part.iloc[0]
        where = ", ".join(map(str, sets[:5])) + (" …" if len(sets) > 5 else "")
        name = " + ".join(dict.fromkeys(str(level) for level in key[:3] if str(level)))
        listed.append(
            {
                "n": len(part),
                "what": f"{name}, {count(len(part), 'run')} on {where}",
                "last": key[-1],
                "traceback": f"{first['dataset']}, seed {first['seed']}\n{first['error']}",
            }
        )
    listed.sort(key=lambda item: int(item["n"]), reverse=True)
    verb = "is" if missing == 1 else "are"
    said = f"{count(missing, 'run')} {verb} missing: the comparison was cut short, or still runs."
    return {"failures": listed, "missing": said if missing else ""}


def _against(
    summary: pd.DataFrame, layout: Layout, keys: list[str]
) -> Mapping[tuple[str, ...], pd.Series]:
    if layout.baseline is None:
        return {}
    compared = paired(summary, baseline=layout.baseline, between=layout.between)
    return {tuple(row[key] for key in keys): row for _, row in compared.iterrows()}


def _compared(row: pd.Series | None, mean: pd.Series, error: pd.Series) -> list[str]:
    if row is None:
        return [MISSING, MISSING, "baseline", MISSING]
    return [
        plus_minus(row["difference"], row["error"], sign=True),
        MISSING if math.isnan(row["p_holm"]) else f"{row['p_holm']:.2g}",
        row["verdict"],
        plus_minus(mean["label_savings"], error["label_savings"], 1, sign=True),
    ]
