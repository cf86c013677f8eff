"""One self-contained HTML file: nothing is fetched, and nothing but its own script can run."""

import base64
import hashlib
import os
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from streamlearn.benchmark.results import Results
from streamlearn.errors import InputError
from streamlearn.explanation import Explanation
from streamlearn.loop import Loop
from streamlearn.report import geometry
from streamlearn.report.arms import DASHES
from streamlearn.report.comparison import describe_comparison
from streamlearn.report.explained import describe_explanation
from streamlearn.report.single import SingleRun, describe_run


def report(
    results: Results | Loop | SingleRun | Explanation,
    path: str | Path,
    *,
    title: str | None = None,
    between: str | None = None,
    baseline: str | None = None,
    metric: str | None = None,
) -> Path:
    """Write a report as one HTML file that needs nothing else, not even a network.

    Parameters
    ----------
    results : Results, Loop, SingleRun or Explanation
        A comparison, one run, or a table explained by its rows.
    path : str or Path
        The file; an older one is replaced.
    title : str, optional
        Of the page.
    between : str, optional
        The factor compared: strategy, trimmer, learner or noise; by default the first of these
        that varies.
    baseline : str, optional
        The level of it that others are held against; by default random, of trimmers keep_all.
    metric : str, optional
        The score to rank and to speak of; by default accuracy, else the first.

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    InputError
        If a name is unknown, or there is no folder to write into.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from streamlearn.simulators import SimulatedAnnotator
    >>> X, y = np.arange(20.0)[:, None], np.arange(20) // 10
    >>> loop = Loop(X, LogisticRegression(), budget=10, test=(X, y))
    >>> rounds = list(loop.run(SimulatedAnnotator(y)))
    >>> with TemporaryDirectory() as folder:
    ...     page = report(loop, Path(folder) / "run.html").read_text(encoding="utf-8")
    >>> page[:15], "http://" in page
    ('<!doctype html>', False)
    """
    if isinstance(results, Results):
        page = describe_comparison(results, between, baseline, metric)
        html = _render("comparison.html.j2", {**page, "title": title or page["title"]})
    else:
        if not (between is None and baseline is None and metric is None):
            raise InputError("between, baseline and metric are for a comparison; leave them out")
        if isinstance(results, Explanation):
            page, template = describe_explanation(results), "explanation.html.j2"
        else:
            single = SingleRun.of(results) if isinstance(results, Loop) else results
            page, template = describe_run(single), "run.html.j2"
        html = _render(template, {**page, "title": title or page["title"]})
    return _write(Path(path), html)


def _render(template: str, page: Mapping[str, Any]) -> str:
    # Names of data sets and strategies are the user's text: all of it is escaped.
    environment = Environment(
        loader=PackageLoader("streamlearn.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "n": geometry.number,
        "outlines": geometry.OUTLINES,
        "dashes": [" ".join(f"{part:g}" for part in dash) for dash in DASHES],
    }
    folder = files("streamlearn.report")
    style, script = (
        (folder / name).read_text(encoding="utf-8") for name in ("style.css", "script.js")
    )
    own = {
        "style": Markup(style),
        "script": Markup(script),
        "style_hash": Markup(_hash(style)),
        "script_hash": Markup(_hash(script)),
    }
    return environment.get_template(template).render(**page, **own)


def _hash(text: str) -> str:
    """What the page's own policy knows a style or script by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _write(path: Path, html: str) -> Path:
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {path.parent} to write {path.name} into")
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        part.write_text(html, encoding="utf-8", newline="\n")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path
