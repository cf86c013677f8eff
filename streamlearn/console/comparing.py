"""The command that compares: what it is given, what it says, and what it comes to."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.text import Text

from streamlearn.benchmark import Results, compare
from streamlearn.benchmark.configuration import read
from streamlearn.benchmark.suites import suite
from streamlearn.console.wording import ERR, OUT, count
from streamlearn.errors import InputError


def arguments(
    config: Path | None, suite_name: str | None, folder: Path | None, **given: Any
) -> dict[str, Any]:
    """Return what ``compare`` is called with: the file's or the suite's, then the options'.

    Parameters
    ----------
    config : Path, optional
        A TOML file.
    suite_name : str, optional
        Instead of it.
    folder : Path, optional
        Where results are kept; ``results/<name>`` by default.
    **given
        Other arguments of ``compare``; None leaves what the file says.

    Returns
    -------
    dict
    """
    if (config is None) == (suite_name is None):
        raise InputError("give either a CONFIG.toml or --suite NAME")
    found = suite(suite_name or "") if config is None else read(config)
    found.update({key: value for key, value in given.items() if value is not None})
    name = suite_name if config is None else config.stem
    found["folder"] = folder or found.get("folder") or Path("results") / str(name)
    return found


def run(found: dict[str, Any], quiet: bool) -> Results:
    """Compare, with warnings said as the command line says things."""
    with _warnings_said():
        return compare(**found, progress=not quiet)


def say(results: Results, folder: Path) -> None:
    """Print what came of it."""
    counts = results.cells["status"].value_counts()
    OUT.print(
        f"{count(int(counts.get('done', 0)), 'cell')} done in {folder}; to look at them: "
        f"streamlearn report {folder}"
    )
    failed = results.cells[results.cells["status"] == "failed"]
    if len(failed) == 0:
        return
    ERR.print(
        Text.assemble(
            (f"{count(len(failed), 'cell')} failed", "bold red"), "; to run them again: "
        ),
        "add --retry-failed",
    )
    last = failed["error"].str.strip().str.rsplit("\n", n=1).str[-1]
    for line, n in (failed["strategy"] + ": " + last).value_counts().items():
        ERR.print(f"  {line} ({n} ×)", markup=False)


@contextmanager
def _warnings_said() -> Iterator[None]:
    """A warning as one line, not as a place in our code."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        ERR.print(Text.assemble(("warning: ", "yellow"), str(message)))

    with warnings.catch_warnings():
        warnings.filterwarnings("always", message=".* is damaged")
        warnings.showwarning = show
        yield
