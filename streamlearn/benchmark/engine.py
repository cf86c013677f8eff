"""The comparison: every cell of the grid that is not done yet, run and kept."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from streamlearn.benchmark.backends import workers
from streamlearn.benchmark.cell import Cell, Settings, run_cell
from streamlearn.benchmark.division import Division, Sizes, divide
from streamlearn.benchmark.grid import Grid, table_of
from streamlearn.benchmark.progress import CellBar
from streamlearn.benchmark.results import Results
from streamlearn.benchmark.storage import Store
from streamlearn.errors import InputError, whole
from streamlearn.metrics import Metric, resolve


def compare(
    strategies: Any,
    datasets: Any,
    learners: Any = "logistic",
    noise: Any = None,
    trimmers: Any = None,
    seeds: int | Iterable[int] = 30,
    *,
    rounds: int | None = None,
    per_round: int | float | None = 10,
    initial: int = 20,
    reference: int = 0,
    test: int | float = 0.3,
    max_rows: int | None = None,
    stream: int | None = None,
    votes: int = 1,
    metrics: str | Sequence[str] | Mapping[str, Metric] = "accuracy",
    folder: str | Path | None = None,
    n_jobs: int = -1,
    backend: str = "loky",
    address: str | None = None,
    retry_failed: bool = False,
    progress: bool = True,
) -> Results:
    """Run every combination of strategy, data set, learner, noise, trimmer and seed.

    Parameters
    ----------
    strategies : object, or sequence or mapping of them
        Names (``streamlearn list strategies``), objects, or what makes one (of the seed, if it
        has a parameter ``seed`` or ``random_state``); None asks every row. A mapping names them.
    datasets : object, or sequence or mapping of them
        Names, ``Dataset`` objects, or (X, y) pairs, named by a mapping; or functions of a seed
        that make one of these, or an iterable of (X, y) batches, which is a stream.
    learners, noise, trimmers : object, or sequence or mapping of them
        As strategies. A noise may be a number, the rate of symmetric flips, or None: the labels
        are true; a trimmer may be None: all rows are learned.
    seeds : int or iterable of int
        How many repetitions, or which.
    rounds : int, optional
        Queries of a pool, batches of a stream; by default to the end.
    per_round : int, float or None
        Rows a query, as in ``Loop``.
    initial : int
        Rows of a pool labelled before the first query, each class as its share; the annotator
        labels them, so they may be wrong.
    reference : int
        Trusted rows; of a stream made by a function, the first ones.
    test : int or float
        Rows of a pool that are only scored, a number or a share. A stream is scored batch by
        batch by what was learned before, against the truth, whatever is asked of it.
    max_rows : int, optional
        Rows used of a data set at most, drawn anew for each seed.
    stream : int, optional
        Offer data sets as streams in random order, of so many rows a batch.
    votes : int
        Answers that close a row.
    metrics : str, sequence of str, or mapping
        Scores; see ``streamlearn.metrics``. Own functions go by their name.
    folder : str or Path, optional
        Keeps every cell when it is done. Given again, only what is missing runs.
    n_jobs : int
        Processes, as in joblib: -1 is one a core.
    backend : {"loky", "dask", "ray"}
        Where they run; a cluster is reached by ``address``, or started on this machine.
    address : str, optional
        Of a running Dask scheduler or Ray head.
    retry_failed : bool
        Run again what failed before.
    progress : bool
        Draw a bar, if standard error is a terminal.

    Returns
    -------
    Results
        A strategy or any other part that raises has failed its own cell, with the traceback there.

    Raises
    ------
    InputError
        For a name nobody knows, an object that cannot be told from others, or too little data.
    MissingExtraError
        If the backend's package is not installed.

    Notes
    -----
    All cells of one (dataset, seed) share the division of the rows, the initial labels, the
    reference, the annotator's errors and the run's seed. They hang on the name of the data set
    and the seed alone.

    On a Dask or Ray cluster, and wherever processes start by importing the script, call this
    below ``if __name__ == "__main__":``.

    Examples
    --------
    >>> results = compare(["random", "margin"], "iris", seeds=2, rounds=3, n_jobs=1)
    >>> results.cells[["strategy", "seed", "status", "labels"]]
      strategy  seed status  labels
    0   random     0   done      30
    1   random     1   done      30
    2   margin     0   done      30
    3   margin     1   done      30
    """
    sizes = Sizes(
        initial=whole(initial, "initial", 0),
        reference=whole(reference, "reference", 0),
        test=_share(test),
        max_rows=None if max_rows is None else whole(max_rows, "max_rows", 1),
        stream=None if stream is None else whole(stream, "stream", 1),
    )
    settings = Settings(
        rounds=None if rounds is None else whole(rounds, "rounds", 1),
        per_round=_per_round(per_round),
        votes=whole(votes, "votes", 1),
        metrics=resolve(metrics),
    )
    factors = {
        "dataset": datasets,
        "learner": learners,
        "noise": noise,
        "strategy": strategies,
        "trimmer": trimmers,
    }
    grid = Grid.of(factors, _seeds(seeds), sizes, settings)
    for data in grid.tables:
        divide(data, grid.seeds[0], sizes)  # what is wrong with the sizes is said now
    cells, meta = grid.cells(), grid.meta()
    table = table_of(cells)
    store, found = None, {}
    if folder is not None:
        store = Store(Path(folder))
        store.open(meta, table)
        kept = {cell.key: store.read(cell.key) for cell in cells}
        found = {key: outcome for key, outcome in kept.items() if outcome is not None}
        if retry_failed:
            found = {k: (r, c) for k, (r, c) in found.items() if r["status"] != "failed"}
    left = [cell for cell in cells if cell.key not in found]
    if left:
        with (
            workers(backend, address, whole_jobs(n_jobs)) as crew,
            CellBar(left, len(found), crew.n, progress) as bar,
        ):
            for outcome in crew.map(run_cell, _tasks(grid, left)):
                record, curve = outcome.record, outcome.tidy()
                if store is not None:
                    store.write(record, curve)
                found[record["cell"]] = record, curve
                bar.note(record)
    return Results.gather(table, found, meta)


def _tasks(grid: Grid, cells: list[Cell]) -> Iterator[tuple[Cell, Division | Exception, Settings]]:
    """The cells by seed and data set, with what those of one (dataset, seed) share.

    Seeds come first: cut short, a comparison has whole repetitions rather than some data sets.
    """
    by_name = {table.name: table for table in grid.tables}
    place = {name: number for number, name in enumerate(by_name)}
    order = sorted(cells, key=lambda cell: (grid.seeds.index(cell.seed), place[cell.dataset]))
    for (seed, name), group in itertools.groupby(order, lambda cell: (cell.seed, cell.dataset)):
        division: Division | Exception
        try:
            division = divide(by_name[name], seed, grid.sizes)
        except Exception as error:  # of one seed's data: an outcome of its cells, not the end
            division = error
        for cell in group:
            yield cell, division, grid.settings


def _seeds(seeds: int | Iterable[int]) -> list[int]:
    numbers = range(whole(seeds, "seeds", 1)) if not isinstance(seeds, Iterable) else seeds
    listed = [whole(seed, "seed", 0) for seed in numbers]
    if len(set(listed)) < len(listed) or not listed:
        raise InputError(f"seeds must be different numbers, at least one; got {listed}")
    return listed


def _share(test: int | float) -> int | float:
    if isinstance(test, float | np.floating):
        if not 0 <= test < 1:
            raise InputError(f"test must be a share below 1 or a number of rows, got {test!r}")
        return float(test)
    return whole(test, "test", 0)


def _per_round(per_round: int | float | None) -> int | float | None:
    if per_round is None:
        return None
    if isinstance(per_round, float):
        if not 0 < per_round < 1:
            raise InputError(f"a share per_round must lie between 0 and 1, got {per_round!r}")
        return per_round
    return whole(per_round, "per_round", 1)


def whole_jobs(n_jobs: int) -> int:
    """Return a number of processes as joblib counts them."""
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, int) or n_jobs == 0:
        raise InputError(
            f"n_jobs must be a number of processes, or -1 for all cores; got {n_jobs!r}"
        )
    return n_jobs
