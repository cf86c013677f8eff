"""Reports from folders: of a comparison, or of a run."""

from pathlib import Path

from streamlearn.benchmark.results import Results
from streamlearn.console.run_folder import CONFIG, FACTS, Run
from streamlearn.errors import InputError
from streamlearn.report import SingleRun, digest, report, save_figures
from streamlearn.report.single import sentences as worded


def write_report(
    folder: Path,
    out: Path | None,
    figures: Path | None,
    table: Path | None,
    title: str | None,
    between: str | None,
    baseline: str | None,
    metric: str | None,
) -> tuple[Path, list[Path]]:
    """Write the report of a folder.

    Parameters
    ----------
    folder : Path
        Of a comparison or a run.
    out : Path or None
        The file; by default ``report.html`` in the folder.
    figures : Path or None
        Where to write the figures of a comparison too.
    table : Path or None
        Where to write its tables as Markdown too.
    title, between, baseline, metric : str or None
        As ``report`` takes them.

    Returns
    -------
    tuple of (Path, list of Path)
        The page, and the figures.

    Raises
    ------
    InputError
        If the folder holds neither.
    """
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}; name one of streamlearn compare or run")
    page = folder / "report.html" if out is None else out
    if (folder / FACTS).is_file():
        if figures is not None or table is not None:
            option = "--table" if figures is None else "--figures"
            raise InputError(f"{folder} holds one run: its report has it all, leave {option} out")
        with Run(folder) as opened:
            run = describe(opened)
        report(run, page, title=title, between=between, baseline=baseline, metric=metric)
        return page, []
    results = Results.load(folder)
    report(results, page, title=title, between=between, baseline=baseline, metric=metric)
    if table is not None:
        told = digest(results, between=between, baseline=baseline, metric=metric)
        table.write_text(told, encoding="utf-8")
    if figures is None:
        return page, []
    return page, save_figures(results, figures, between=between, baseline=baseline, metric=metric)


def describe(opened: Run) -> SingleRun:
    """Return a run as its page shows it, with the curve and the counts only its folder knows."""
    curve, said = opened.campaign.curve(opened.loop), opened.summary()
    trimmed = said.get("trimming") or {}
    shares = [f"{k.replace('_', ' ')} {v:.3f}" for k, v in trimmed.items() if v is not None]
    facts = {
        "run": opened.path.name,
        "annotator": said["annotator"],
        "rows": f"{said['rows']:,}",
        "initial": str(said["initial"]),
        "reference": str(said["reference"]),
        "budget": "none" if said["budget"] is None else str(said["budget"]),
        "seed": str(opened.loop.seed),
    }
    names = map(str, curve.columns)
    scores = [k for k in names if k in opened.loop.metrics or k.startswith("prequential_")]
    sentences = worded(curve, scores, said["stopped"])
    if shares:
        sentences.append(f"Of what was trimmed or relabelled: {', '.join(shares)}.")
    configuration = (opened.path / CONFIG).read_text(encoding="utf-8-sig")
    return SingleRun(f"Run {opened.path.name}", curve, scores, sentences, facts, configuration)
