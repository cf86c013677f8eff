"""From a configuration to a loop: the data, who answers, and everything the loop is made of."""

import importlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from streamlearn.arrays import Ids, Labels
from streamlearn.config import Config
from streamlearn.console.labelled import LabelledTable
from streamlearn.console.parts import Part
from streamlearn.console.splits import Split, split_table
from streamlearn.console.table import Table, read_table
from streamlearn.console.vocabulary import Vocabulary
from streamlearn.data import Query
from streamlearn.encoding import FrameEncoder
from streamlearn.errors import InputError
from streamlearn.journal import Journal
from streamlearn.loop import Loop
from streamlearn.recorders import Prequential
from streamlearn.sources import Pool, Stream


class Campaign:
    """Everything a run is made of; built anew from its configuration each time.

    Parameters
    ----------
    config : Config
        What the TOML file says.
    folder : Path
        Where relative paths in it start.

    Attributes
    ----------
    table : Table
        The data, a stream's in the order it comes by.
    split : Split
        Of its ids.
    people : bool
        Whether people answer.
    annotator : Annotator or None
        Who answers in a simulation.

    Raises
    ------
    InputError
        If the data does not bear what the file says of it.
    """

    def __init__(self, config: Config, folder: Path) -> None:
        self.config = config
        self.table = read_table(config.data, folder)
        self.people = _people(config, self.table)
        self.split = split_table(config, self.table, self.people)
        if config.data.stream:
            self.table, self.split = _renumbered(self.table, self.split)
        self.annotator = None if self.people else _annotator(config, self.table)
        self.labelled = LabelledTable()
        self.prequential: Prequential | None = None
        self.trimming: Any = None
        if config.data.stream:
            self.prequential = Prequential(self.annotator and self.annotator.truth)
        if self.annotator is not None and config.trimmer is not None:
            self.trimming = _simulators().TrimReport(self.annotator)

    @property
    def classes(self) -> list[Any] | None:
        """All labels there can be, where the file or a simulation tells."""
        if self.config.classes is not None or self.people:
            return self.config.classes
        classes: list[Any] = np.unique(self.table.labels(self.table.ids)).tolist()
        return classes

    @property
    def vocabulary(self) -> Vocabulary:
        """How to read labels written by people."""
        known = self.table.known()
        named = self.table.labels(known).tolist() if len(known) else []
        return Vocabulary(self.config.classes, named + self.labelled.labels)

    def loop(self, journal: Path) -> Loop:
        """Start a run, or restore the one that a journal knows; once a campaign."""
        opened = Journal(journal)
        learner = self.config.learner.make()
        try:
            if opened.config:
                loop = Loop.resume(opened, self._source(), learner, **self._options())
            else:
                loop = Loop(self._source(), learner, journal=opened, **self._options())
        except BaseException:
            opened.close()
            raise
        self.labelled.start(loop)
        return loop

    def curve(self, loop: Loop) -> pd.DataFrame:
        """Return the learning curve, a stream's with its prequential accuracy."""
        frame = loop.to_frame()
        if self.prequential is not None and len(frame):
            closing = frame["closed"] > 0
            scores = self.prequential.to_frame().tail(int(closing.sum()))
            for name in ("accuracy", "accuracy_so_far"):
                frame.loc[closing, f"prequential_{name}"] = scores[name].to_numpy()
        return frame

    def _source(self) -> Pool | Stream:
        encoder = FrameEncoder(missing=self.config.data.missing)
        if self.config.data.stream:
            return Stream(self._batches, encoder=encoder)
        ids = self.split.offered
        return Pool(self.table.read(ids), ids=ids, encoder=encoder)

    def _options(self) -> dict[str, Any]:
        config, split = self.config, self.split
        strategy, per_round = config.strategy, config.per_round
        if per_round is None:
            per_round = "all" if config.data.stream else 10
        if strategy is None and per_round != "all":
            strategy = Part("strategies", "margin")
        seeds = {"seed": config.seed, "random_state": config.seed}
        observers = (self.labelled, self.prequential, self.trimming)
        return {
            "strategy": None if strategy is None else strategy.make(**seeds),
            "trimmer": None if config.trimmer is None else config.trimmer.make(**seeds),
            "per_round": None if per_round == "all" else per_round,
            "budget": config.budget,
            "seed": config.seed,
            "initial": self._initial() if len(split.initial) else None,
            "reference": self._known(split.reference),
            "test": self._known(split.test),
            "classes": self.classes,
            "votes": config.votes,
            "memory": config.memory,
            "metrics": config.metrics,
            "stop": config.stop,
            "recorders": [observer for observer in observers if observer is not None],
        }

    def _batches(self) -> Iterator[pd.DataFrame]:
        size, ids = self.config.data.batch_size, self.split.offered
        for start in range(0, len(ids), size):
            yield self.table.read(ids[start : start + size])

    def _known(self, ids: Ids) -> tuple[pd.DataFrame, Labels] | None:
        return (self.table.read(ids), self.table.labels(ids)) if len(ids) else None

    def _initial(self) -> tuple[Ids, Labels]:
        """The first labels: what the table says, or what a simulated annotator says of it."""
        ids = self.split.initial
        if self.annotator is None:
            return ids, self.table.labels(ids)
        long_after = 1 << 62
        [answer] = self.annotator.answer([Query(0, ids, None)], long_after)
        return answer.ids, answer.y


def _people(config: Config, table: Table) -> bool:
    """Whether people answer; a simulation needs every label."""
    unknown = len(table.ids) - len(table.known())
    kind = config.annotator.kind
    if kind == "simulated" and unknown:
        remedy = 'leave such rows out, or say kind = "people"'
        if table.target is None:
            remedy = 'name the column of labels as [data].target, or say kind = "people"'
        raise InputError(
            f"[annotator]: a simulated annotator needs the label of every row, and {unknown} of "
            f"{len(table.ids)} are not known; {remedy}"
        )
    people = kind == "people" or bool(unknown)
    noisy = config.annotator.noise, config.annotator.abstain, config.annotator.delay
    if people and any(noisy):
        raise InputError(
            f"[annotator] says how a simulated annotator errs, but {unknown} of "
            f"{len(table.ids)} rows have no known label, so people answer; name the column of "
            "labels as [data].target, or leave noise, abstain and delay out"
        )
    return people


def _annotator(config: Config, table: Table) -> Any:
    who, noise, X = config.annotator, config.annotator.noise, None
    if isinstance(noise, Part):
        # Noise that names a column reads the table; any other reads numbers.
        X = table.shown
        if "groups" not in noise.parameters:
            X = FrameEncoder(missing=config.data.missing).fit_transform(table.read(table.ids))
        noise = noise.make()
    try:
        return _simulators().SimulatedAnnotator(
            table.labels(table.ids),
            ids=table.ids,
            X=X,
            noise=noise,
            abstain=who.abstain,
            delay=who.delay,
            cost=who.cost,
            seed=config.seed,
        )
    except InputError as error:
        raise InputError(f"[annotator]: {error}") from error


def _simulators() -> Any:
    """Loaded by name, when a simulation is run: nothing else of the package needs them."""
    return importlib.import_module("streamlearn.simulators")


def _renumbered(table: Table, split: Split) -> tuple[Table, Split]:
    """Number rows as a stream does: 0, 1, 2 … in the order they come by, then those held out."""
    order = np.concatenate([split.offered, split.reference, split.test])
    ids = np.arange(len(order))
    ends = np.cumsum([len(split.offered), len(split.reference)])
    offered, reference, test = np.split(ids, ends)
    target = table.target
    renumbered = replace(
        table,
        shown=table.shown.loc[order].set_axis(ids, axis=0),
        target=None if target is None else target.loc[order].set_axis(ids),
    )
    return renumbered, Split(offered, ids[:0], reference, test)
