"""How far a comparison is, and how long the rest will take."""

from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from streamlearn.benchmark.cell import Cell


class Remaining:
    """Estimates the time left from the cells done so far.

    Parameters
    ----------
    cells : sequence of Cell
        What is to be run.
    workers : int
        How many run at once.

    Notes
    -----
    The cells left of a kind (data set, learner, strategy, trimmer) take the mean time of those
    done; a kind of which none is done yet takes the mean of its strategy, or else of all.

    Examples
    --------
    >>> Remaining([], workers=2).seconds()
    0.0
    """

    def __init__(self, cells: Sequence[Cell], workers: int) -> None:
        self.workers = max(1, workers)
        self._left = Counter(_kind(cell.place()) for cell in cells)
        self._done: dict[Any, tuple[int, float]] = {}

    def note(self, record: Any) -> None:
        """Count a cell as done."""
        kind = _kind(record)
        self._left[kind] -= 1
        for group in (kind, kind[2], None):
            n, seconds = self._done.get(group, (0, 0.0))
            self._done[group] = n + 1, seconds + record["seconds"]

    def seconds(self) -> float | None:
        """Return the estimate; None before the first cell is done."""
        left = {kind: n for kind, n in self._left.items() if n}
        if not left:
            return 0.0
        if not self._done:
            return None
        total = 0.0
        for kind, count in left.items():
            known = next(g for g in (kind, kind[2], None) if g in self._done)
            n, seconds = self._done[known]
            total += count * seconds / n
        return total / min(self.workers, sum(left.values()))


class CellBar:
    """A progress bar over cells; silent where nobody looks.

    Parameters
    ----------
    cells : sequence of Cell
        What is to be run.
    kept : int
        Cells done before.
    workers : int
        How many run at once.
    shown : bool
        Whether to draw it, if standard error is a terminal.
    """

    def __init__(self, cells: Sequence[Cell], kept: int, workers: int, shown: bool) -> None:
        console = Console(stderr=True)
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("cells  {task.description}"))
        hidden = not (shown and console.is_terminal)
        self._bar = Progress(*columns, TimeElapsedColumn(), console=console, disable=hidden)
        self._task = self._bar.add_task("", total=kept + len(cells), completed=kept)
        self._remaining = Remaining(cells, workers)
        self._failed = 0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def note(self, record: Any) -> None:
        """Count a cell as done."""
        self._remaining.note(record)
        self._failed += record["status"] == "failed"
        if self._bar.disable:
            return
        left = self._remaining.seconds() or 0.0
        failed = f"{self._failed} failed, " if self._failed else ""
        said = f"{failed}about {clock(left)} left, after"
        self._bar.update(self._task, advance=1, description=said)


def clock(seconds: float) -> str:
    """Return a time as people say it.

    Parameters
    ----------
    seconds : float
        Not negative.

    Returns
    -------
    str

    Examples
    --------
    >>> clock(8.2), clock(95), clock(7300)
    ('9 s', '2 min', '2 h 2 min')
    """
    if seconds < 60:
        return f"{-int(-seconds // 1)} s"
    minutes = -int(-seconds // 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _kind(names: Any) -> tuple[str, str, str, str]:
    return names["dataset"], names["learner"], names["strategy"], names["trimmer"]
