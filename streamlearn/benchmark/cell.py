"""One cell of the grid: a run of the loop, what it scored, and how long its parts took."""

import importlib
import time
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from streamlearn.arrays import Ids
from streamlearn.benchmark.arms import Arm
from streamlearn.benchmark.division import Division
from streamlearn.benchmark.storage import FACTORS, Outcome, Point
from streamlearn.data import Judgement, Labelled, Query
from streamlearn.loop import Loop
from streamlearn.metrics import Metric
from streamlearn.protocols import QueryStrategy, Trimmer, View
from streamlearn.sources import Pool, Stream


@dataclass(frozen=True)
class Settings:
    """How every cell of a comparison is run.

    Parameters
    ----------
    rounds : int or None
        Queries of a pool, batches of a stream; None goes on to the end.
    per_round : int, float or None
        Rows a query, as in ``Loop``.
    votes : int
        Answers that close a row.
    metrics : mapping of str to callable
        Scores of (learner, X, y).
    """

    rounds: int | None
    per_round: int | float | None
    votes: int
    metrics: Mapping[str, Metric]


@dataclass(frozen=True, eq=False)
class Cell:
    """A place in the grid.

    Parameters
    ----------
    key : str
        Of its configuration.
    dataset : str
        The name of the data.
    learner, noise, strategy, trimmer : Arm
        The other factors.
    seed : int
        As the tables name it.
    """

    key: str
    dataset: str
    learner: Arm
    noise: Arm
    strategy: Arm
    trimmer: Arm
    seed: int

    def place(self) -> dict[str, Any]:
        """Return its names, as the tables have them."""
        arms = {factor: getattr(self, factor).name for factor in FACTORS[1:]}
        return {"cell": self.key, "dataset": self.dataset, **arms, "seed": self.seed}


def run_cell(cell: Cell, division: Division | Exception, settings: Settings) -> Outcome:
    """Run a cell; what goes wrong in it is its outcome.

    Parameters
    ----------
    cell : Cell
        What to run.
    division : Division or Exception
        On which rows, or why they are not to be had.
    settings : Settings
        And how.

    Returns
    -------
    Outcome
        Its curve is empty if it failed.
    """
    start = time.perf_counter()
    campaign = None
    curve: list[Point] = []
    said: dict[str, Any] = {"status": "done", "error": ""}
    try:
        if isinstance(division, Exception):
            raise division
        campaign = _Campaign(cell, division, settings)
        curve = campaign.run()
    except Exception:  # whatever a plug-in raises is the outcome of this cell, and of no other
        said, curve = {"status": "failed", "error": traceback.format_exc()}, []
    said["seconds"] = time.perf_counter() - start
    if campaign is not None:
        said.update(campaign.said())
    return Outcome({**cell.place(), **said}, curve)


@dataclass(eq=False)
class Stopwatch:
    """The seconds spent in one part; a copied part keeps its watch."""

    seconds: float = field(default=0.0, init=False)

    def __deepcopy__(self, memo: Any) -> "Stopwatch":
        return self

    def __enter__(self) -> None:
        self.seconds -= time.perf_counter()

    def __exit__(self, *error: object) -> None:
        self.seconds += time.perf_counter()


@dataclass(eq=False)
class _TimedStrategy:
    strategy: QueryStrategy
    watch: Stopwatch

    def select(self, view: View, n: int, rng: np.random.Generator) -> Ids:
        with self.watch:
            return self.strategy.select(view, n, rng)

    def __repr__(self) -> str:
        return repr(self.strategy)


@dataclass(eq=False)
class _TimedTrimmer:
    trimmer: Trimmer
    watch: Stopwatch

    def judge(self, answered: Labelled, view: View) -> Judgement:
        with self.watch:
            return self.trimmer.judge(answered, view)

    def __repr__(self) -> str:
        return repr(self.trimmer)


class _Campaign:
    """A loop with everything it is made of."""

    def __init__(self, cell: Cell, division: Division, settings: Settings) -> None:
        # Truth lives in the simulators, which the engine knows by name only.
        simulators = importlib.import_module("streamlearn.simulators")
        self.division, self.settings = division, settings
        seed = division.seed
        self.annotator = simulators.SimulatedAnnotator(
            division.y, X=division.X, noise=cell.noise.make(seed), seed=seed
        )
        self.queries, self.trims = Stopwatch(), Stopwatch()
        strategy, trimmer = cell.strategy.make(seed), cell.trimmer.make(seed)
        self.report = simulators.TrimReport(self.annotator) if trimmer is not None else None
        self.scores: list[Point] = []
        self.loop = Loop(
            Pool(division.X) if division.sizes is None else Stream(self._batches),
            cell.learner.make(seed),
            None if strategy is None else _TimedStrategy(strategy, self.queries),
            None if trimmer is None else _TimedTrimmer(trimmer, self.trims),
            per_round=None if strategy is None else settings.per_round,
            seed=seed,
            initial=self._initial() if len(division.initial) else None,
            reference=division.reference,
            test=division.test,
            classes=division.classes,
            votes=settings.votes,
            metrics=settings.metrics,
            recorders=[] if self.report is None else [self.report],
        )

    def run(self) -> list[Point]:
        """Run to the end, and return the points of the learning curve."""
        loop, division = self.loop, self.division
        streaming = division.sizes is not None
        for round in loop.run(self.annotator):
            if round.number == self.settings.rounds and not streaming:
                break
        if streaming:
            return self.scores
        known = len(division.initial) + (len(division.reference[1]) if division.reference else 0)
        points = {known + r.labels: r.scores for r in loop.history if r.scores}
        return list(points.items())

    def said(self) -> dict[str, Any]:
        """What the run has come to, as far as it went."""
        found = {} if self.report is None else self.report.total()
        wrong = bool(found.get("wrong"))
        return {
            "query_seconds": self.queries.seconds,
            "trim_seconds": self.trims.seconds,
            "labels": self.loop.history[-1].labels if self.loop.history else 0,
            "precision": found["precision"] if wrong else None,
            "recall": found["recall"] if wrong else None,
            "stopped": self.loop.stopped or f"{self.settings.rounds} rounds",
        }

    def _initial(self) -> tuple[Ids, Any]:
        """The first labels, as the annotator gives them."""
        ids = self.division.initial
        [answer] = self.annotator.answer([Query(0, ids, None)], 1)
        return answer.ids, answer.y

    def _batches(self) -> Iterator[Any]:
        """The batches of a stream, each scored by what the learner has learned before it."""
        start = 0
        for n in (self.division.sizes or ())[: self.settings.rounds]:
            X, y = self.division.X[start : start + n], self.division.y[start : start + n]
            learner = self.loop.learner
            if len(learner.classes_):
                values = {k: metric(learner, X, y) for k, metric in self.settings.metrics.items()}
                self.scores.append((start, values))
            yield X
            start += n
