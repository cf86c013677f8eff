"""A comparison as Markdown tables, for a page of documentation or a message."""

from collections.abc import Mapping
from typing import Any

from streamlearn.benchmark.results import FACTORS, Results
from streamlearn.report.wording import MISSING, count
from streamlearn.statistics.findings import findings
from streamlearn.statistics.sentences import p_value, plus_minus, scale_and_unit, setting, short
from streamlearn.statistics.significance import LEAST_SEEDS

_MADE_BY = ("streamlearn", "scikit-learn", "numpy", "modAL-python", "scikit-activeml")
_VERDICTS = ("better", "worse", "no difference shown")


def digest(
    results: Results,
    *,
    between: str | None = None,
    baseline: str | None = None,
    metric: str | None = None,
) -> str:
    """Return ranks, differences over data sets and times as Markdown, with date and versions.

    Parameters
    ----------
    results : Results
        A comparison.
    between, baseline, metric : str, optional
        As ``streamlearn.statistics.findings`` takes them.

    Returns
    -------
    str
        A table for each combination of the other factors, best average rank first. Differences
        are means over data sets with their standard error, p is Wilcoxon's over data sets after
        Holm's correction, then data sets on which an arm is better, worse, not told apart. Of
        a single data set, which ranks nothing, the findings in words.

    Raises
    ------
    InputError
        If a name is unknown.

    Examples
    --------
    >>> from streamlearn.benchmark import compare
    >>> results = compare(["random", "margin"], ["iris", "wine"], seeds=2, rounds=2, n_jobs=1)
    >>> digest(results).splitlines()[4]
    '| strategy | rank | points of area against random | p | +, −, open | seconds choosing |'
    """
    found = findings(results, between=between, baseline=baseline, metric=metric)
    over = [finding.values for finding in found if finding.kind == "over data sets"]
    seconds = {f.values["strategy"]: f.values["median"] for f in found if f.kind == "time"}
    parts = [_made_by(results)]
    for ranking in over:
        if "average_rank" not in ranking:
            continue
        where = {name: ranking[name] for name in (*FACTORS, "metric") if name in ranking}
        against = [
            values
            for values in over
            if "difference" in values and all(values[name] == where[name] for name in where)
        ]
        parts += _tables(ranking, against, where, seconds, results)
    if len(parts) == 1:
        parts.append("\n".join(f"- {finding.text}" for finding in found))
    return "\n\n".join(parts) + "\n"


def _made_by(results: Results) -> str:
    """When and with what it was made, and how much of it is there."""
    versions = results.meta.get("versions", {})
    named = ", ".join(f"{name} {versions[name]}" for name in _MADE_BY if name in versions)
    done = results.cells["status"].value_counts()
    lost = ", ".join(f"{done[s]:,} {s}" for s in ("failed", "missing") if s in done)
    date = str(results.meta.get("date", ""))[:10]
    parts = [date, named, f"{count(int(done.get('done', 0)), 'run')} done", lost]
    return "; ".join(part for part in parts if part) + "."


def _tables(
    ranking: Mapping[str, Any],
    against: list[Mapping[str, Any]],
    where: Mapping[str, Any],
    seconds: Mapping[str, float],
    results: Results,
) -> list[str]:
    """One block: what it is of, and its arms by rank."""
    cells = results.cells
    between = next((n for n in FACTORS if n not in where and n != "dataset"), "strategy")
    varying = [name for name in where if name in cells and cells[name].nunique() > 1]
    seeds = ranking["seeds"]
    few = f", fewer than {LEAST_SEEDS}: exploratory" if seeds < LEAST_SEEDS else ""
    lost = ", ".join(ranking["left_out"])
    head = (
        f"Over {count(ranking['datasets'], 'data set')}{setting(where, varying)}, "
        f"{count(seeds, 'seed')}{few}{f' ({lost} left out)' * bool(lost)}; critical difference of "
        f"ranks {ranking['critical_difference']:.2f}, Friedman {p_value(ranking['p'])}:"
    )
    scale, unit = scale_and_unit("aulc", str(where.get("metric", "accuracy")))
    baseline = against[0]["baseline"] if against else None
    columns = [
        between,
        "rank",
        *([f"{unit} against {baseline}", "p", "+, −, open"] * bool(against)),
    ]
    timed = between == "strategy" and bool(seconds)
    columns += ["seconds choosing"] * timed
    by_arm = {values[between]: values for values in against}
    rows = []
    for arm, rank in ranking["average_rank"].items():
        row = [str(arm), f"{rank:.2f}"]
        if against and arm in by_arm:
            values = by_arm[arm]
            gap = plus_minus(scale * values["difference"], scale * values["error"], sign=True)
            tally = ", ".join(str(values[verdict]) for verdict in _VERDICTS)
            row += [gap, f"{values['p_holm']:.2g}", MISSING if few else tally]
        elif against:
            row += [MISSING] * 3
        if timed:
            row.append(short(seconds[arm]) if arm in seconds else MISSING)
        rows.append(row)
    lines = [columns, ["---"] * len(columns), *rows]
    table = "\n".join("| " + " | ".join(_plain(cell) for cell in line) + " |" for line in lines)
    return [head, table]


def _plain(cell: str) -> str:
    """A cell that cannot end its column."""
    return cell.replace("|", "\\|").replace("\n", " ")
