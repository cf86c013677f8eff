"""A run on disk: its configuration, its journal, and what is exported from it."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

import joblib
import numpy as np
import pandas as pd

from streamlearn.arrays import Floats, Labels
from streamlearn.config import read
from streamlearn.console.campaign import Campaign
from streamlearn.console.table import LABEL
from streamlearn.encoding import FrameEncoder
from streamlearn.errors import InputError
from streamlearn.journal import Asked
from streamlearn.protocols import Learner

CONFIG, FACTS, JOURNAL, CURVE = "config.toml", "run.json", "journal.sqlite", "curve.csv"


class Run:
    """A run in its folder, restored as far as its journal goes; ``with`` closes its journal.

    Parameters
    ----------
    path : Path
        The folder, made by ``create``.

    Attributes
    ----------
    campaign : Campaign
        What it is made of.
    loop : Loop
        As it stands.

    Raises
    ------
    InputError
        If there is no run, or its configuration or table was changed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        facts = path / FACTS
        if not facts.is_file():
            raise InputError(
                f"there is no run in {path}; start one with: streamlearn run CONFIG.toml"
            )
        try:
            said = json.loads(facts.read_text(encoding="utf-8"))
            seed, folder, fingerprints = (said[k] for k in ("seed", "folder", "fingerprints"))
        except (ValueError, KeyError) as error:
            raise InputError(f"{facts} is damaged ({error}); restore it from a copy") from error
        config, folder = read(path / CONFIG, seed), path / folder
        for name, before in fingerprints.items():
            file = path / CONFIG if name == CONFIG else folder / name
            if not file.is_file() or _fingerprint(file) != before:
                what = "was changed" if file.is_file() else "is gone"
                raise InputError(
                    f"{file} {what} since the run {path} began; restore it, or start a new run"
                )
        self.campaign = Campaign(config, folder)
        self.loop = self.campaign.loop(path / JOURNAL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        if self.loop.journal is not None:
            self.loop.journal.close()

    def require_people(self) -> None:
        """Raise InputError if the run is answered by a simulation."""
        if not self.campaign.people:
            raise InputError(
                f"{self.path} is answered by a simulated annotator; go on with: streamlearn resume "
                f'{self.path}, or start a run with [annotator] kind = "people"'
            )

    def write_curve(self) -> None:
        """Write the learning curve into the folder."""
        self._save(self.path / CURVE, self.campaign.curve(self.loop))

    def export_labels(self, path: Path) -> int:
        """Write every labelled row with its original columns; return how many there are."""
        table, labelled = self.campaign.table, self.campaign.labelled.to_frame()
        trusted = self.campaign.split.reference
        if len(trusted):
            known = pd.DataFrame({LABEL: table.labels(trusted), "round": 0}, index=trusted)
            if "weight" in labelled:
                known = known.assign(learned=known[LABEL], weight=1.0, reason="")
            labelled = pd.concat([known, labelled]) if len(labelled) else known
        frame = table.shown.loc[labelled.index]
        clash = [name for name in labelled.columns if name in frame.columns]
        frame = frame.join(labelled.rename(columns={name: f"{name}_" for name in clash}))
        self._save(path, frame.rename_axis(index="id").reset_index())
        return len(frame)

    def export_model(self, path: Path) -> None:
        """Write the fitted model, which reads tables of the same columns."""
        if len(self.loop.labelled()) == 0:
            raise InputError("nothing was learned yet, so there is no model to export")
        encoder: Any = self.loop.source.encoder  # type: ignore[attr-defined]
        model = FittedModel(encoder, self.loop.learner)
        _atomically(path, lambda part: joblib.dump(model, part))

    def export_curve(self, path: Path) -> None:
        """Write the learning curve anywhere."""
        self._save(path, self.campaign.curve(self.loop))

    def discard_unless_begun(self) -> None:
        """Remove the folder of a run that failed before anything was asked."""
        if self.loop.journal is not None and len(self.loop.journal) == 0:
            shutil.rmtree(self.path)

    def summary(self) -> dict[str, Any]:
        """Return where the run stands, in plain values."""
        loop, history = self.loop, self.loop.history
        last = history[-1] if history else None
        scored = next((r for r in reversed(history) if r.scores), None)
        labels = 0 if last is None else last.labels
        said: dict[str, Any] = {
            "run": str(self.path),
            "annotator": "people" if self.campaign.people else "simulated",
            "rows": len(self.campaign.split.offered),
            "queries": max((r.number for r in history), default=0),
            "labels": labels,
            "budget": loop.budget.labels,
            "cost": 0.0 if last is None else last.cost,
            "initial": len(self.campaign.split.initial),
            "reference": len(self.campaign.split.reference),
            "open": sum(len(query) for query in loop.open_queries),
            "trimmed": sum(r.trimmed for r in history),
            "relabelled": sum(r.relabelled for r in history),
            "scores": dict(scored.scores) if scored else {},
            "stopped": loop.stopped or self._at_its_end(labels),
        }
        if self.campaign.prequential is not None:
            accuracy = self.campaign.prequential.accuracy
            said["prequential_accuracy"] = None if np.isnan(accuracy) else accuracy
        if self.campaign.trimming is not None:
            total = self.campaign.trimming.total()
            keys = ("precision", "recall", "base_rate")
            said["trimming"] = {k: None if np.isnan(total[k]) else total[k] for k in keys}
        return said

    def _at_its_end(self, labels: int) -> str | None:
        """Why the next query would be None, as far as can be told without asking for it."""
        loop, split = self.loop, self.campaign.split
        if loop.open_queries or loop.journal is None:
            return None
        if loop.budget.labels is not None and labels >= loop.budget.labels:
            return "budget spent"
        asked = sum(len(e.ids) for e in loop.journal.events() if isinstance(e, Asked))

        return "no row left to ask" if asked + len(split.initial) >= len(split.offered) else None

    def _save(self, path: Path, frame: pd.DataFrame) -> None:
        if path.suffix.lower() == ".parquet":
            _atomically(path, lambda part: frame.to_parquet(part, index=False))
        elif path.suffix.lower() == ".csv":
            _atomically(path, lambda part: frame.to_csv(part, index=False))
        else:
            raise InputError(f"a table is written as .csv or .parquet, got {path.name!r}")


class FittedModel:
    """What a run learned, ready for tables of the columns it was trained on.

    Parameters
    ----------
    encoder : FrameEncoder
        From columns to numbers.
    learner : Learner
        From numbers to labels.

    Examples
    --------
    >>> import joblib
    >>> model = joblib.load("model.joblib")  # doctest: +SKIP
    >>> model.predict(table)  # doctest: +SKIP
    """

    def __init__(self, encoder: FrameEncoder, learner: Learner) -> None:
        self.encoder = encoder
        self.learner = learner

    def __repr__(self) -> str:
        return f"FittedModel({self.learner!r}, {len(self.encoder.columns_)} columns)"

    @property
    def classes_(self) -> Labels:
        """Known labels, sorted, shape (k,)."""
        return self.learner.classes_

    def predict(self, table: pd.DataFrame) -> Labels:
        """Return the likeliest label of each row, shape (n,); other columns are ignored."""
        return self.learner.predict(self.encoder.transform(table))

    def predict_proba(self, table: pd.DataFrame) -> Floats:
        """Return the probability of each class, shape (n, k)."""
        return self.learner.predict_proba(self.encoder.transform(table))


def create(config: Path, out: Path | None = None, seed: int | None = None) -> Run:
    """Start a run in a folder of its own.

    Parameters
    ----------
    config : Path
        The TOML file.
    out : Path, optional
        The folder; by default ``runs/<name of the file>-<seed>``.
    seed : int, optional
        Instead of the file's own.

    Returns
    -------
    Run

    Raises
    ------
    InputError
        If the file is wrong, or the folder holds a run already; then nothing is written.
    """
    said = read(config, seed)
    path = Path("runs") / f"{config.stem}-{said.seed}" if out is None else out
    if (path / FACTS).is_file():
        raise InputError(
            f"{path} holds a run already; continue it with: streamlearn resume {path}, "
            "or give another folder with --out"
        )
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise InputError(f"{path} exists and is no empty folder; give another one with --out")
    Campaign(said, config.parent)  # whatever is wrong with it shows before anything is written
    path.parent.mkdir(parents=True, exist_ok=True)
    # Made under another name and then renamed: a folder of this name is a whole run.
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.mkdir()
    try:
        shutil.copyfile(config, new / CONFIG)
        fingerprints = {CONFIG: _fingerprint(config)}
        if said.data.table is not None:
            fingerprints[said.data.table] = _fingerprint(config.parent / said.data.table)
        facts = {
            "streamlearn": version("streamlearn"),
            "seed": said.seed,
            "folder": os.path.relpath(config.parent.resolve(), path.resolve()),
            "fingerprints": fingerprints,
        }
        (new / FACTS).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
        new.rename(path)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    try:
        return Run(path)
    except BaseException:
        shutil.rmtree(path)
        raise


def _fingerprint(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file beside its place and move it there whole."""
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {path.parent} to write {path.name} into")
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
