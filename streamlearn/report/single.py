"""The page of a single run: its curve, its rounds, what was trimmed, what it cost."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd

from streamlearn.loop import Loop
from streamlearn.report.arms import Arm, Layout
from streamlearn.report.panels import Panel, panel
from streamlearn.report.wording import MISSING, count
from streamlearn.statistics.curves import LOWER_IS_BETTER

_ACTED = ("trimmed", "relabelled", "reopened")


@dataclass(frozen=True, eq=False)
class SingleRun:
    """A run as its page shows it.

    Parameters
    ----------
    title : str
        Of the page.
    curve : DataFrame
        One row a round: round, labels, cost, closed, trimmed, relabelled, …, and the scores.
    scores : list of str
        Columns of the curve to draw.
    said : list of str
        Where it stands, in sentences.
    facts : mapping of str to str
        What it was made of.
    configuration : str
        The file that started it.
    """

    title: str
    curve: pd.DataFrame
    scores: list[str]
    said: list[str]
    facts: Mapping[str, str] = field(default_factory=dict)
    configuration: str = ""

    @classmethod
    def of(cls, loop: Loop) -> "SingleRun":
        """Return what there is to say of a loop as it stands."""
        facts = {"loop": repr(loop), "seed": str(loop.seed), "budget": repr(loop.budget)}
        if loop.trimmer is not None:
            facts["trimmer"] = repr(loop.trimmer)
        curve = loop.to_frame()
        scores = [name for name in loop.metrics if name in curve]
        return cls("Run", curve, scores, sentences(curve, scores, loop.stopped), facts)


def sentences(curve: pd.DataFrame, scores: list[str], stopped: str | None) -> list[str]:
    """Return where a run stands, in sentences.

    Parameters
    ----------
    curve, scores
        As of ``SingleRun``.
    stopped : str or None
        Why it ended.

    Returns
    -------
    list of str

    Examples
    --------
    >>> curve = pd.DataFrame({"round": [0, 1], "labels": [0, 10], "cost": [0.0, 10.0],
    ...     "closed": [5, 10], "trimmed": 0, "relabelled": 0, "accuracy": [0.5, 0.75]})
    >>> for sentence in sentences(curve, ["accuracy"], "budget spent"):
    ...     print(sentence)
    10 labels in 1 round, at a cost of 10; stopped: budget spent.
    Accuracy went from 0.500 to 0.750, the best was 0.750 at 10 labels.
    """
    if curve.empty:
        return ["Nothing was labelled yet."]
    last, rounds = curve.iloc[-1], int(curve.loc[curve["round"] > 0, "round"].nunique())
    said = [
        f"{count(int(last['labels']), 'label')} in {count(rounds, 'round')}, at a cost of "
        f"{last['cost']:g}; " + (f"stopped: {stopped}." if stopped else "not stopped yet.")
    ]
    for name in scores:
        values = curve[name].to_numpy(float)
        known = np.flatnonzero(~np.isnan(values))
        if len(known):
            worst_first = np.argsort(-values[known] if name in LOWER_IS_BETTER else values[known])
            best = known[worst_first[-1]]
            said.append(
                f"{_worded(name).capitalize()} went from {values[known[0]]:.3f} to "
                f"{values[known[-1]]:.3f}, the best was {values[best]:.3f} at "
                f"{count(int(curve['labels'].iloc[best]), 'label')}."
            )
    acted = [f"{int(curve[k].sum())} were {k}" for k in _ACTED if k in curve and curve[k].any()]
    if acted:
        said.append(f"Of {count(int(curve['closed'].sum()), 'row')}, {', '.join(acted)}.")
    return said


def describe_run(run: SingleRun) -> dict[str, Any]:
    """Return everything the page of a run shows.

    Parameters
    ----------
    run : SingleRun
        The run.

    Returns
    -------
    dict
        What the template reads.
    """
    drawn, arms = _drawn(run)
    names = ("streamlearn", "numpy", "scipy", "scikit-learn", "river", "pandas")
    sections = [("findings", "Where it stands")]
    sections += [("curves", "Learning curve")] if drawn else []
    sections += [("table", "Rounds")] if len(run.curve) else []
    return {
        "title": run.title,
        "subtitle": run.said[0],
        "findings": run.said[1:] or run.said,
        "panels": drawn,
        "thinned": any(part.thinned for part in drawn),
        "arms": arms,
        "table": _rounds(run.curve),
        "facts": list(run.facts.items()),
        "versions": [("python", platform.python_version()), *((n, version(n)) for n in names)],
        "configuration": run.configuration,
        "sections": [*sections, ("made-of", "Configuration")],
    }


def _drawn(run: SingleRun) -> tuple[list[Panel], list[Arm]]:
    """A panel for each score, one for what was done to rows, one for what they cost."""
    curve = run.curve
    pictures = {_worded(name): {_worded(name): curve[name]} for name in run.scores}
    acted = {k: curve[k].cumsum() for k in _ACTED if k in curve and curve[k].any()}
    if acted:
        pictures[f"rows {' and '.join(acted)} so far"] = acted
    if len(curve) and (curve["cost"] != curve["labels"]).any():
        pictures["cost so far"] = {"cost": curve["cost"]}
    names = list(dict.fromkeys(name for lines in pictures.values() for name in lines))
    frame = pd.DataFrame({"strategy": names, "trimmer": ""})
    arms = Layout("strategy", None).arms(frame) if names else []
    drawn = []
    for title, lines in pictures.items():
        parts = [_line(curve["labels"], values, name) for name, values in lines.items()]
        part = pd.concat(parts).assign(metric=title)
        if len(part):
            drawn.append(replace(panel(part, arms, ("strategy", "trimmer"), title, {}), caption=""))
    return drawn, arms


def _line(labels: pd.Series, values: pd.Series, name: str) -> pd.DataFrame:
    """One line as a panel reads it; of several rounds at one number of labels, the last."""
    frame = pd.DataFrame({"labels": labels, "value": values.astype(float), "strategy": name})
    frame = frame.dropna(subset="value").drop_duplicates("labels", keep="last")
    return frame.assign(trimmer="", error=float("nan"), seeds=1)


def _rounds(curve: pd.DataFrame) -> dict[str, Any]:
    columns = [_worded(str(name)) for name in curve.columns]
    rows = [[_cell(value) for value in row] for row in curve.itertuples(index=False)]
    return {
        "caption": "One row an answer that changed something.",
        "columns": columns,
        "rows": rows,
    }


def _cell(value: Any) -> str:
    if pd.isna(value):
        return MISSING
    return f"{value:.4f}" if isinstance(value, float) and value % 1 else f"{value:g}"


def _worded(name: str) -> str:
    return name.replace("_", " ")
