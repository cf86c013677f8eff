"""What a comparison found, in plain sentences, each with its uncertainty."""

import pandas as pd

from streamlearn.benchmark.results import FACTORS, Results
from streamlearn.errors import nearest
from streamlearn.statistics.claims import compared
from streamlearn.statistics.costs import times, trimming
from streamlearn.statistics.finding import Finding, Kind
from streamlearn.statistics.sentences import count, enumerated

__all__ = ["Finding", "findings"]


def findings(
    results: Results,
    *,
    metric: str | None = None,
    measure: str = "aulc",
    between: str | None = None,
    baseline: str | None = None,
) -> list[Finding]:
    """Say what a comparison shows, and what it does not.

    Parameters
    ----------
    results : Results
        Of ``compare``.
    metric : str, optional
        Which one to speak of; by default accuracy if it is there, else the first.
    measure : str
        A column of ``summarise``.
    between : str, optional
        The factor compared; by default the first of strategy, trimmer, learner, noise that has
        several levels. Where there are several trimmers they are compared besides.
    baseline : str, optional
        The level others are compared with; by default "random", of trimmers "keep_all".

    Returns
    -------
    list of Finding
        Cautions first, then what holds over data sets, on each data set, time, trimming.

    Raises
    ------
    InputError
        If a name is unknown.

    Notes
    -----
    ± is one standard error: over seeds on a data set, over data sets otherwise. On a data set p is
    Wilcoxon's over seeds, after Holm's correction over its arms; over data sets it is Wilcoxon's
    over their means, after Holm's correction over the arms. Below 20 seeds nothing is claimed.
    Curves that end at different label counts are compared on the range they share.

    Examples
    --------
    >>> curves = pd.DataFrame({
    ...     "dataset": "toy", "strategy": ["margin", "random"], "seed": 0, "labels": 10,
    ...     "metric": "accuracy", "value": [0.9, 0.8],
    ... })
    >>> cells = curves[["dataset", "strategy", "seed"]].assign(status="done")
    >>> for finding in findings(Results(cells, curves, {})):
    ...     print(finding.text)
    1 of at least 20 seeds is too few for a claim about margin against random on toy: so far \
+10.00 points of area.
    """
    factor = between or _varying(results.cells)
    found = _cautions(results.cells)
    if len(results.curves):
        names = list(map(str, results.curves["metric"].unique()))
        chosen = metric or ("accuracy" if "accuracy" in names else names[0])
        if chosen not in names:
            raise nearest(chosen, names, "metric")
        curves = results.curves[results.curves["metric"] == chosen]
        if factor not in curves:
            raise nearest(factor, set(FACTORS) & set(curves), "factor to compare")
        found += compared(curves, measure, factor, baseline)
        if factor != "trimmer" and "trimmer" in curves and curves["trimmer"].nunique() > 1:
            found += compared(curves, measure, "trimmer", None)
    if factor == "strategy":
        found += times(results.cells, baseline)
    found += trimming(results.cells)
    order: list[Kind] = ["caution", "over data sets", "on a data set", "time", "trimming"]
    return sorted(found, key=lambda finding: order.index(finding.kind))


def _varying(cells: pd.DataFrame) -> str:
    """The first factor that has levels to compare."""
    factors = ("strategy", "trimmer", "learner", "noise")
    return next((f for f in factors if f in cells and cells[f].nunique() > 1), "strategy")


def _cautions(cells: pd.DataFrame) -> list[Finding]:
    """Runs that are not there."""
    found = []
    for status in ("failed", "missing"):
        lost = cells[cells["status"] == status]
        if len(lost):
            of_arms = {str(arm): int(n) for arm, n in lost["strategy"].value_counts().items()}
            who = enumerated([f"{arm} ({n})" for arm, n in of_arms.items()])
            text = f"{len(lost)} of {count(len(cells), 'run')} {status}, and left out: {who}."
            found.append(Finding("caution", text, {"status": status, **of_arms}))
    return found
