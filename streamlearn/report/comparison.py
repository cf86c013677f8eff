"""What the page of a comparison says, put together from its results."""

import json
from typing import Any

import pandas as pd

from streamlearn.benchmark.results import Results
from streamlearn.errors import nearest
from streamlearn.report.arms import Arm, Layout, layout_of
from streamlearn.report.averages import bands
from streamlearn.report.evidence import (
    ranks_drawn,
    ranks_said,
    ranks_titles,
    times_drawn,
    trimming_drawn,
    win_cells,
    wins_said,
)
from streamlearn.report.listing import arms_table, failures
from streamlearn.report.panels import panels
from streamlearn.report.wording import count
from streamlearn.statistics.curves import summarise
from streamlearn.statistics.findings import Finding, findings
from streamlearn.statistics.ranks import rankings
from streamlearn.statistics.wins import win_matrix

SECTIONS = {
    "findings": "Findings",
    "curves": "Learning curves",
    "ranks": "Ranks",
    "matrix": "Wins and losses",
    "costs": "Time and trimming",
    "table": "Table",
    "failures": "Failures",
    "made-of": "Configuration",
}

LONG = 8  # findings of one kind; more are folded
KINDS = {
    "caution": "Before anything else",
    "over data sets": "Over data sets",
    "on a data set": "On each data set",
    "time": "Time",
    "trimming": "Trimming",
}


def main_metric(curves: pd.DataFrame, metric: str | None = None) -> str | None:
    """Return the metric to rank by: the one asked for, else accuracy, else the first.

    Parameters
    ----------
    curves : DataFrame
        With a column metric.
    metric : str, optional
        Asked for.

    Returns
    -------
    str or None
        None where there is no curve.

    Raises
    ------
    InputError
        If it is not there.
    """
    known = [str(name) for name in curves["metric"].unique()]
    if metric is not None and metric not in known:
        raise nearest(metric, known, "metric")
    if metric is None and known:
        return "accuracy" if "accuracy" in known else known[0]
    return metric


def describe_comparison(
    results: Results, between: str | None, baseline: str | None, metric: str | None
) -> dict[str, Any]:
    """Return everything the page of a comparison shows.

    Parameters
    ----------
    results : Results
        Of ``compare``.
    between, baseline, metric : str, optional
        As ``report`` takes them.

    Returns
    -------
    dict
        What the template reads.
    """
    cells, curves = results.cells, results.curves
    layout = layout_of(cells, between, baseline)
    arms = layout.arms(cells)
    page: dict[str, Any] = {
        "title": "Comparison",
        "subtitle": _subtitle(results, len(arms)),
        "arms": arms,
        "findings": [],
        "panels": [],
        "thinned": False,
        "selects": [],
        "ranks": [],
        "matrix": None,
        "table": {"columns": [], "rows": [], "caption": ""},
        **_costs(cells),
        **failures(cells),
        **made_of(results.meta),
    }
    chosen = main_metric(curves, metric)
    if chosen is not None:
        page |= _evidence(results, arms, layout, chosen)
    present = {
        **page,
        "findings": True,
        "curves": page["panels"],
        "costs": page["times"] or page["trimmings"],
        "table": page["table"]["rows"],
        "failures": page["failures"] or page["missing"],
        "made-of": True,
    }
    page["sections"] = [(key, name) for key, name in SECTIONS.items() if present[key]]
    return page


def made_of(meta: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration and versions of a page.

    Parameters
    ----------
    meta : dict
        With configuration, versions, date; anything else is listed as it is.

    Returns
    -------
    dict
        facts, versions and configuration, as the template reads them.
    """
    configuration = meta.get("configuration")
    text = configuration
    if configuration is not None and not isinstance(configuration, str):
        text = json.dumps(configuration, indent=2, ensure_ascii=False, default=str)
    known = ("configuration", "versions", "format")
    return {
        "facts": [(str(k), str(v)) for k, v in meta.items() if k not in known],
        "versions": [(str(k), str(v)) for k, v in dict(meta.get("versions") or {}).items()],
        "configuration": text or "",
    }


def _evidence(results: Results, arms: list[Arm], layout: Layout, metric: str) -> dict[str, Any]:
    """All that needs a curve."""
    curves, between, baseline = results.curves, layout.between, layout.baseline
    summary = summarise(curves, between=between, baseline=baseline, ranges="common")
    main = summary[summary["metric"] == metric]
    said = findings(results, metric=metric, between=between, baseline=baseline)
    asked = results.meta.get("configuration")
    streams = isinstance(asked, dict) and asked.get("stream")
    drawn = panels(bands(curves), arms, layout, "rows seen" if streams else "labels")
    ranked = rankings(main, between=between)
    diagrams = [
        {
            "title": title,
            "sentence": ranks_said(ranking),
            "diagram": ranks_drawn(ranking),
            "critical": f"{ranking.critical_difference:.2f}",
        }
        for title, ranking in zip(ranks_titles(ranked), ranked, strict=True)
    ]
    matrix = None
    if main[between].nunique() > 1:
        wins = win_matrix(main, between=between)
        names = list(wins.wins.index)
        rows = [
            {"name": name, "cells": [{"text": t, "tone": _tone(net)} for t, net in cells]}
            for name, cells in zip(names, win_cells(wins), strict=True)
        ]
        matrix = {"names": names, "rows": rows, "note": wins_said(wins, metric)}
    return {
        "findings": _grouped(said),
        "panels": drawn,
        "thinned": any(panel.thinned for panel in drawn),
        "selects": _selects(curves, layout, metric),
        "ranks": diagrams,
        "matrix": matrix,
        "table": arms_table(summary, results.cells, layout),
    }


def _costs(cells: pd.DataFrame) -> dict[str, Any]:
    plots = [
        {
            "title": f"Time of each {kind}",
            "note": "median over runs, and from the fastest tenth to the slowest",
            "plot": plot,
        }
        for kind, (_, plot) in times_drawn(cells).items()
    ]
    trimmed = trimming_drawn(cells)
    return {
        "times": plots,
        "trimmings": None if trimmed is None else trimmed[1],
        "shares": [Arm((), "precision", 1, 0, 0), Arm((), "recall", 2, 0, 1)],
    }


def _subtitle(results: Results, arms: int) -> str:
    cells = results.cells
    parts = [
        count(arms, "arm"),
        count(cells["dataset"].nunique(), "data set"),
        count(cells["seed"].nunique(), "seed"),
    ]
    date = results.meta.get("date")
    done = int((cells["status"] == "done").sum())
    runs = count(done, "run") if done == len(cells) else f"{done:,} of {count(len(cells), 'run')}"
    return " × ".join(parts) + f" · {runs} done" + (f" · {str(date)[:10]}" if date else "")


def _grouped(said: list[Finding]) -> list[dict[str, Any]]:
    """Findings by what they are about; of long lists what claims nothing is folded."""
    groups = []
    for kind, title in KINDS.items():
        part = [finding for finding in said if finding.kind == kind]
        claims = [finding for finding in part if finding.claim]
        if not part:
            continue
        if len(part) <= LONG:
            shown, folded = part, []
        elif kind == "over data sets" and claims:
            shown, folded = claims, [finding for finding in part if not finding.claim]
        else:
            shown, folded = [], part
        more = "more, without a claim" if shown else "in all"
        more = f"{count(len(folded), 'finding')} {more}"
        groups.append(
            {"kind": kind, "title": title, "shown": shown, "folded": folded, "more": more}
        )
    return groups


def _selects(curves: pd.DataFrame, layout: Layout, metric: str) -> list[tuple[str, list[str]]]:
    """The choices above the panels, for what varies; the metric ranked by comes first."""
    names = [name for name in layout.setting if curves[name].nunique() > 1]
    found = [(name, [str(level) for level in curves[name].unique()]) for name in names]
    metrics = sorted(curves["metric"].unique(), key=lambda name: name != metric)
    return [*found, ("metric", metrics)] if len(metrics) > 1 else found


def _tone(net: int) -> str:
    return "won" if net > 0 else "lost" if net < 0 else ""
