"""The command line: run campaigns, and let people answer them."""

import json
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from streamlearn import plugins
from streamlearn.arrays import Ids
from streamlearn.console.interview import Interview
from streamlearn.console.run_folder import Run, create
from streamlearn.console.sheet import read_batch, write_batch
from streamlearn.console.telling import read_answers, tell, waiting
from streamlearn.console.vocabulary import CANNOT_SAY
from streamlearn.console.wording import (
    ERR,
    count,
    listing,
    next_steps,
    print_listing,
    report,
    say_told,
)
from streamlearn.errors import AnswerError, InputError, JournalError, StreamlearnError, nearest


class _Group(typer.core.TyperGroup):
    """Turns what went wrong on purpose into one message and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except StreamlearnError as error:
            ERR.print(Text.assemble(("error: ", "bold red"), str(error)))
            raise typer.Exit(2 if isinstance(error, InputError | AnswerError) else 1) from error
        except BrokenPipeError:
            raise  # somebody has read enough
        except OSError as error:
            ERR.print(Text.assemble(("error: ", "bold red"), str(error)))
            raise typer.Exit(1) from error


app = typer.Typer(
    cls=_Group,
    help="Decide which data deserves a label and which labelled data deserves to be learned from.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

_Folder = Annotated[Path, typer.Argument(metavar="RUN", help="Folder made by streamlearn run.")]
_Json = Annotated[bool, typer.Option("--json", help="Print a summary for machines to stdout.")]
_Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no summary.")]
_Who = Annotated[str, typer.Option("--annotator", help="Name of the person who answers.")]


@app.command()
def run(
    config: Annotated[Path, typer.Argument(metavar="CONFIG.toml", help="What to run.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run; runs/<CONFIG>-<seed> by default.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Instead of the file's own.")] = None,
    quiet: _Quiet = False,
    as_json: _Json = False,
) -> None:
    """Start a run; with people as annotators, get it ready for them."""
    started = create(config, out, seed)
    try:
        with started:
            _go_on(started, quiet, as_json)
    except StreamlearnError:
        started.discard_unless_begun()
        raise


@app.command()
def resume(folder: _Folder, quiet: _Quiet = False, as_json: _Json = False) -> None:
    """Go on with a run that was interrupted."""
    with Run(folder) as opened:
        _go_on(opened, quiet, as_json)


@app.command()
def status(folder: _Folder, as_json: _Json = False) -> None:
    """Tell where a run stands."""
    with Run(folder) as opened:
        report(opened, quiet=False, as_json=as_json)
        if not as_json and opened.campaign.people:
            next_steps(opened)


@app.command()
def compare(
    config: Annotated[
        Path | None, typer.Argument(metavar="[CONFIG.toml]", help="What to compare.")
    ] = None,
    suite: Annotated[
        str | None, typer.Option(help="Instead of a file: quick, classic, noisy, streams, anchor.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Keeps every cell; run again, it goes on from there.")
    ] = None,
    seeds: Annotated[int | None, typer.Option(help="How many repetitions.")] = None,
    jobs: Annotated[int | None, typer.Option(help="Processes; one a core by default.")] = None,
    backend: Annotated[str | None, typer.Option(help="loky, dask or ray.")] = None,
    address: Annotated[str | None, typer.Option(help="Of a Dask or Ray cluster.")] = None,
    retry_failed: Annotated[
        bool | None, typer.Option("--retry-failed", help="Run again what failed before.")
    ] = None,
    quiet: _Quiet = False,
    as_json: _Json = False,
) -> None:
    """Compare strategies over data sets and seeds, each run on its own."""
    from streamlearn.console import comparing  # the engine is slow to import

    found = comparing.arguments(
        config,
        suite,
        folder,
        seeds=seeds,
        n_jobs=jobs,
        backend=backend,
        address=address,
        retry_failed=retry_failed,
    )
    try:
        results = comparing.run(found, quiet)
    except KeyboardInterrupt:
        ERR.print("interrupted; the same command goes on from here")
        raise typer.Exit(130) from None
    if as_json:
        print(results.to_json())
    elif not quiet:
        comparing.say(results, found["folder"])
    if (results.cells["status"] != "done").any():
        raise typer.Exit(1)


@app.command("list")
def list_(
    group: Annotated[str, typer.Argument(metavar="|".join(plugins.GROUPS), help="What to list.")],
    as_json: _Json = False,
) -> None:
    """List what can be named in a CONFIG.toml."""
    if group not in plugins.GROUPS:
        raise nearest(group, plugins.GROUPS, "group")
    if as_json:
        print(json.dumps(listing(group), indent=2))
    else:
        print_listing(group)


@app.command()
def ask(
    folder: _Folder,
    annotator: _Who = "person",
    more: Annotated[bool, typer.Option("--more", help="Open a query beside those open.")] = False,
) -> None:
    """Print rows to label as CSV: open ones again, else the next query."""
    with Run(folder) as opened:
        opened.require_people()
        ids = _to_label(opened, annotator, more)
        if len(ids) == 0:
            raise typer.Exit(1)
        sys.stdout.buffer.write(write_batch(opened.campaign.table, ids))
        sys.stdout.flush()
        labels = " | ".join(map(str, opened.campaign.vocabulary.labels)) or "any label"
        ERR.print(
            f"{count(len(ids), 'row')} to label. Fill the last column ({labels}; empty = later, "
            f"{CANNOT_SAY} = cannot say),\nthen: streamlearn tell {folder} batch.csv"
        )


@app.command("tell")
def tell_(
    folder: _Folder,
    batch: Annotated[str, typer.Argument(metavar="BATCH.csv", help="Labelled; - for stdin.")],
    annotator: _Who = "person",
    as_json: _Json = False,
) -> None:
    """Take a labelled batch back: all of it, or nothing if something does not fit."""
    with Run(folder) as opened:
        opened.require_people()
        name = "stdin" if batch == "-" else batch
        try:
            content = sys.stdin.buffer.read() if batch == "-" else Path(batch).read_bytes()
        except OSError as error:
            raise InputError(f"{batch} cannot be read: {error.strerror}") from error
        answers = read_answers(
            opened.campaign, opened.loop, read_batch(content, name), annotator, name
        )
        told = tell(opened.campaign, opened.loop, answers, annotator)
        left = len(waiting(opened.loop, annotator))
        if as_json:
            print(json.dumps({"told": vars(told), "left": left, **opened.summary()}))
            return
        say_told(opened, told)
        if left:
            ERR.print(
                f"{count(left, 'row')} still open; to see them again: streamlearn ask {folder}"
            )
        else:
            next_steps(opened)


@app.command()
def label(folder: _Folder, annotator: _Who = "person") -> None:
    """Label in the terminal, row by row; what was said counts whenever you leave."""
    with Run(folder) as opened:
        opened.require_people()
        for name in ("SIGTERM", "SIGHUP"):  # a closed window, too, must lose nothing
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), signal.default_int_handler)
        go_on = True
        while go_on and len(ids := _to_label(opened, annotator)):
            answers: dict[int, Any] = {}
            campaign = opened.campaign
            go_on = Interview(campaign.table, campaign.vocabulary, ERR).run(ids, answers)
            try:
                told = tell(campaign, opened.loop, answers, annotator)
            except JournalError:  # somebody else has told this run something meanwhile
                go_on = False
                with Run(folder) as fresh:
                    told = tell(fresh.campaign, fresh.loop, answers, annotator)
            say_told(opened, told)
        if not go_on:
            ERR.print(f"Go on with: streamlearn label {folder}")


@app.command()
def export(
    folder: _Folder,
    labels: Annotated[Path | None, typer.Option(help="Labelled rows: .csv or .parquet.")] = None,
    model: Annotated[Path | None, typer.Option(help="The fitted model, for joblib.load.")] = None,
    curve: Annotated[Path | None, typer.Option(help="The learning curve: .csv.")] = None,
) -> None:
    """Write the labelled table, the fitted model, the learning curve."""
    if labels is None and model is None and curve is None:
        raise InputError("say what to export: --labels FILE, --model FILE or --curve FILE")
    with Run(folder) as opened:
        opened.write_curve()
        if labels is not None:
            ERR.print(f"{labels}: {count(opened.export_labels(labels), 'labelled row')}")
        if model is not None:
            opened.export_model(model)
            ERR.print(f"{model}: joblib.load(…).predict(table)")
        if curve is not None:
            opened.export_curve(curve)
            ERR.print(f"{curve}: {count(len(opened.loop.history), 'round')}")


@app.command("report")
def report_(
    folder: Annotated[Path, typer.Argument(metavar="RESULTS", help="Of compare, or of a run.")],
    out: Annotated[Path | None, typer.Option(help="The file; RESULTS/report.html else.")] = None,
    figures: Annotated[Path | None, typer.Option(help="Folder for figures, as PNG, SVG.")] = None,
    table: Annotated[Path | None, typer.Option(help="File for tables, as Markdown.")] = None,
    title: Annotated[str | None, typer.Option(help="Of the page.")] = None,
    between: Annotated[str | None, typer.Option(help="The factor compared.")] = None,
    baseline: Annotated[str | None, typer.Option(help="What it is held against.")] = None,
    metric: Annotated[str | None, typer.Option(help="The score to rank by.")] = None,
) -> None:
    """Write a report as one HTML file, readable offline."""
    from streamlearn.console.reporting import write_report  # drawing is slow to import

    page, saved = write_report(folder, out, figures, table, title, between, baseline, metric)
    ERR.print(f"{page}: open it in a browser")
    if table is not None:
        ERR.print(f"wrote {table}")
    if saved:
        ERR.print(f"{figures}: {count(len(saved), 'file')}")


@app.command("explain")
def explain_(
    table: Annotated[str, typer.Argument(metavar="TABLE", help="CSV, Parquet, or a data set.")],
    target: Annotated[str | None, typer.Option(help="The column of labels, of a file.")] = None,
    sensitive: Annotated[str | None, typer.Option(help="The column of groups.")] = None,
    drop: Annotated[list[str] | None, typer.Option(help="A column not to read.")] = None,
    rows: Annotated[int, typer.Option(help="How many helpful and harmful rows.", min=1)] = 5,
    few: Annotated[int, typer.Option(help="How many diverse rows.", min=1)] = 8,
    l2: Annotated[float, typer.Option(help="Penalty, in losses of a row.")] = 1.0,
    impute: Annotated[bool, typer.Option("--impute", help="Fill in missing numbers.")] = False,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    out: Annotated[Path | None, typer.Option(help="Folder for page, text, rows.")] = None,
) -> None:
    """Explain a model of a table by its rows: who helps, who harms, what removing would do."""
    from streamlearn.console.explaining import explain_table, write_explanation  # slow to import

    told = explain_table(
        table, target, sensitive, drop or [], few=few, l2=l2, impute=impute, seed=seed
    )
    print(told.to_text(rows, width=max(80, ERR.width)))
    if out is not None:
        for path in write_explanation(told, out, f"{Path(table).name}, explained by its rows"):
            ERR.print(f"wrote {path}")


def _to_label(opened: Run, annotator: str, more: bool = False) -> Ids:
    """The rows open for an annotator; a new query where there are none, or more are wanted."""
    ids = waiting(opened.loop, annotator)
    if more or len(ids) == 0:
        opened.loop.ask()
        ids = waiting(opened.loop, annotator)
    if len(ids) == 0:
        ERR.print(f"nothing to ask: {opened.loop.stopped or 'others have to answer first'}")
    return ids


def _go_on(opened: Run, quiet: bool, as_json: bool) -> None:
    if opened.campaign.people:
        report(opened, quiet, as_json)
        if not (quiet or as_json):
            next_steps(opened)
        return
    loop, votes = opened.loop, opened.campaign.config.votes
    rows = len(opened.campaign.split.offered) - len(opened.campaign.split.initial)
    total = min(n for n in (loop.budget.labels, rows * votes) if n is not None)
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("labels  {task.description}"))
    hidden = quiet or not ERR.is_terminal
    done = loop.history[-1].labels if loop.history else 0
    try:
        with Progress(*columns, TimeElapsedColumn(), console=ERR, disable=hidden) as bar:
            task = bar.add_task("", total=total, completed=done)
            for round in loop.run(opened.campaign.annotator):
                scores = "  ".join(f"{name} {value:.3f}" for name, value in round.scores.items())
                bar.update(task, completed=round.labels, description=scores)
    except KeyboardInterrupt:
        ERR.print(f"interrupted; go on with: streamlearn resume {opened.path}")
        raise typer.Exit(130) from None
    opened.write_curve()
    report(opened, quiet, as_json)
