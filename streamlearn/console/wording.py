"""What the command line says to people, and to machines."""

import inspect
import json
from collections.abc import Callable
from typing import Any

import pandas as pd
from rich.console import Console
from rich.text import Text

from streamlearn import datasets, plugins
from streamlearn.console.parts import parameters_of
from streamlearn.console.run_folder import CURVE, Run
from streamlearn.console.telling import Told
from streamlearn.errors import StreamlearnError

OUT = Console(highlight=False, soft_wrap=True)
ERR = Console(stderr=True, highlight=False, soft_wrap=True)


def report(opened: Run, quiet: bool, as_json: bool) -> None:
    """Print where a run stands, as a table or as JSON."""
    said = opened.summary()
    if as_json:
        print(json.dumps(said))
    if as_json or quiet:
        return
    lines = _lines(opened, said)
    width = max(len(name) for name, _ in lines)
    for name, value in lines:
        OUT.print(Text.assemble((f"{name:{width}}   ", "dim"), value))


def _lines(opened: Run, said: dict[str, Any]) -> list[tuple[str, str]]:
    """A summary as a person reads it."""
    of = "" if said["budget"] is None else f" of {said['budget']}"
    known = "".join(f", {said[k]} {k}" for k in ("initial", "reference") if said[k])
    lines = [
        ("run", said["run"]),
        ("labels", f"{said['labels']}{of} in {count(said['queries'], 'round')}{known}"),
        ("open", count(said["open"], "row")),
        ("cost", f"{said['cost']:g}"),
        ("stopped", said["stopped"] or "not yet"),
    ]
    if opened.campaign.config.trimmer is not None:
        lines.append(("trimmed", f"{said['trimmed']} rows, {said['relabelled']} relabelled"))
    if "trimming" in said:
        shares = (f"{k.replace('_', ' ')} {_share(v)}" for k, v in said["trimming"].items())
        lines.append(("", ", ".join(shares)))
    lines += [(name, f"{value:.3f}") for name, value in said["scores"].items()]
    if "prequential_accuracy" in said:
        lines.append(("prequential accuracy", _share(said["prequential_accuracy"])))
    if (opened.path / CURVE).is_file():
        lines.append(("curve", str(opened.path / CURVE)))
    return lines


def next_steps(opened: Run) -> None:
    """Tell people how to go on."""
    at = opened.path
    steps = [
        ("what came of it", f"streamlearn export {at} --labels labels.csv --model model.joblib"),
    ]
    if opened.summary()["stopped"] is None:
        steps = [
            ("label in this terminal", f"streamlearn label {at}"),
            ("or in a spreadsheet", f"streamlearn ask {at} > batch.csv"),
            ("and back again", f"streamlearn tell {at} batch.csv"),
            *steps,
        ]
    ERR.print()
    for what, command in steps:
        ERR.print(Text.assemble((f"{what:22}   ", "dim"), command))


def say_told(opened: Run, told: Told) -> None:
    """Tell people what became of their answers."""
    parts = [count(told.labels, "label") + " told"]
    parts += [f"{told.abstained} cannot be said"] if told.abstained else []
    parts += [f"{told.repeated} told before"] if told.repeated else []
    said = opened.summary()
    parts += [f"{name} {value:.3f}" for name, value in said["scores"].items()]
    ERR.print(", ".join(parts))
    if told.unseen:
        ERR.print(f"new labels, nobody used them before: {', '.join(map(str, told.unseen))}")


def listing(group: str) -> list[dict[str, Any]]:
    """Return what can be named in a group, each as a dict that begins with name and what."""
    if group == "datasets":
        table = datasets.summary().rename(columns={"description": "what"}).astype(object)
        rows = table[table.columns[::-1]].to_dict("records")
        return [{str(k): v for k, v in row.items() if not pd.isna(v)} for row in rows]
    return [_plugin(group, name) for name in plugins.names(group)]


def print_listing(group: str) -> None:
    """Print what can be named in a group: a line each, and one for its parameters."""
    for row in listing(group):
        OUT.print(Text.assemble((row["name"], "bold"), f"  {row['what']}"))
        if group != "datasets":
            more = ", ".join(row["parameters"])
        else:
            size = (
                f"{row['rows']} × {row['columns']}, {row['classes']} classes, "
                if "rows" in row
                else ""
            )
            more = size + f"from {row['origin']}" + ("" if row["available"] else " (not here)")
        if more:
            OUT.print(Text(f"    {more}", style="dim"))


def _plugin(group: str, name: str) -> dict[str, Any]:
    """A plug-in with the first line of its documentation and its parameters."""
    try:
        make: Callable[..., Any] = plugins.load(group, name)
    except StreamlearnError as error:  # one broken plug-in must not hide the others
        return {"name": name, "what": f"broken: {error}", "parameters": []}
    parameters = parameters_of(make).values()
    shown = [p.name if p.default is p.empty else f"{p.name} = {p.default!r}" for p in parameters]
    return {
        "name": name,
        "what": (inspect.getdoc(make) or "").split("\n", 1)[0],
        "parameters": shown,
    }


def count(n: int, what: str) -> str:
    """Return a number with its noun: 1 row, 2 rows."""
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
