"""When to stop: conditions that compose with ``|`` and ``&``, and the budget."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from streamlearn.arrays import Labels, Matrix
from streamlearn.data import Round
from streamlearn.errors import InputError
from streamlearn.protocols import Stop, View


@dataclass(frozen=True)
class Budget:
    """A ceiling that open queries count against.

    Parameters
    ----------
    labels : int, optional
        How many answers may be bought (abstentions are charged too).
    cost : float, optional
        How much money may be spent.
    price : float
        What one open answer is expected to cost, held back from ``cost`` until it is told.

    Examples
    --------
    >>> Budget(labels=100).affords(labels=90, cost=0.0, pending=4, votes=3)
    2
    """

    labels: int | None = None
    cost: float | None = None
    price: float = 1.0

    def __post_init__(self) -> None:
        for name in ("labels", "cost"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise InputError(f"budget {name} must not be negative, got {value}")
        if not self.price > 0:
            raise InputError(f"price must be above 0, got {self.price}")

    def affords(self, labels: int, cost: float, pending: int, votes: int) -> int | None:
        """Return how many more rows may be asked, each for ``votes`` answers; None = no limit."""
        rows = []
        if self.labels is not None:
            rows.append((self.labels - labels - pending) // votes)
        if self.cost is not None:
            rows.append(int((self.cost - cost) / self.price + 1e-9 - pending) // votes)
        return max(0, min(rows)) if rows else None


class Condition:
    """Base of stopping conditions: ``a | b`` stops at the first, ``a & b`` when both agree."""

    def check(self, history: Sequence[Round], view: View) -> str | None:
        """Return the reason to stop, or None to go on."""
        raise NotImplementedError

    def __or__(self, other: Stop) -> "Condition":
        return _Either(self, other)

    def __and__(self, other: Stop) -> "Condition":
        return _Both(self, other)


@dataclass
class _Either(Condition):
    first: Stop
    second: Stop

    def check(self, history: Sequence[Round], view: View) -> str | None:
        # Both are asked every time: a condition may keep count of the rounds it saw.
        reasons = [self.first.check(history, view), self.second.check(history, view)]
        return next((reason for reason in reasons if reason), None)


@dataclass
class _Both(Condition):
    first: Stop
    second: Stop

    def check(self, history: Sequence[Round], view: View) -> str | None:
        reasons = [self.first.check(history, view), self.second.check(history, view)]
        return " and ".join(r for r in reasons if r) if all(reasons) else None


@dataclass
class BudgetSpent(Condition):
    """Stop after so many labels or so much money.

    Parameters
    ----------
    labels : int, optional
        Labels bought.
    cost : float, optional
        Money spent.

    Notes
    -----
    ``Loop(budget=…)`` is a ceiling enforced when a query is opened; this condition looks at what
    was told, and is for use inside ``&``.
    """

    labels: int | None = None
    cost: float | None = None

    def check(self, history: Sequence[Round], view: View) -> str | None:
        """Return the reason once a ceiling is reached."""
        if self.labels is not None and history[-1].labels >= self.labels:
            return f"{history[-1].labels} labels bought"
        if self.cost is not None and history[-1].cost >= self.cost:
            return f"{history[-1].cost:g} spent"
        return None


@dataclass
class PoolEmpty(Condition):
    """Stop when nothing may be asked any more and nothing is out."""

    def check(self, history: Sequence[Round], view: View) -> str | None:
        """Return the reason once no candidate is open."""
        if len(view.pending) == 0 and not view.candidates.open.any():
            return "no row left to ask"
        return None


@dataclass
class Plateau(Condition):
    """Stop when a score of the last rounds is no better than it was before them.

    Parameters
    ----------
    metric : str
        A score of the test rows.
    rounds : int
        How many scored rounds to look back.
    tolerance : float
        The gain that still counts as progress.
    lower_is_better : bool
        For losses.

    Notes
    -----
    It reads the test scores, so a campaign that stops on it selects on its test rows; give
    the loop rows of their own to stop on where the final score matters.
    """

    metric: str = "accuracy"
    rounds: int = 5
    tolerance: float = 0.0
    lower_is_better: bool = False

    def check(self, history: Sequence[Round], view: View) -> str | None:
        """Return the reason once the best of the last rounds gains nothing over those before."""
        if history[-1].scores and self.metric not in history[-1].scores:
            raise InputError(
                f"the loop does not score {self.metric!r}, it scores "
                f"{sorted(history[-1].scores)}; name it in Loop(metrics=…)"
            )
        sign = -1.0 if self.lower_is_better else 1.0
        scores = [sign * r.scores[self.metric] for r in history if self.metric in r.scores]
        if len(scores) <= self.rounds:
            return None
        gain = max(scores[-self.rounds :]) - max(scores[: -self.rounds])
        if gain > self.tolerance:
            return None
        return f"{self.metric} gained {gain:.2g} in {self.rounds} rounds"


class Agreement(Condition):
    """Stop when successive models agree on rows that need no label.

    Parameters
    ----------
    threshold : float
        Mean Cohen's kappa between successive models' predictions.
    rounds : int
        Over how many successive pairs the mean is taken.
    X : ndarray or CSR matrix, optional
        Encoded rows to compare on; by default the candidates (the pool), at most 1,000 of them.

    References
    ----------
    Bloodgood & Vijay-Shanker (2009), A method for stopping active learning based on stabilizing
    predictions, CoNLL.
    """

    def __init__(self, threshold: float = 0.99, rounds: int = 3, X: Matrix | None = None) -> None:
        if not 0 < threshold <= 1 or rounds < 1:
            raise InputError(
                f"threshold must be in (0, 1] and rounds ≥ 1, got {threshold} and {rounds}"
            )
        self.threshold, self.rounds, self.X = threshold, rounds, X
        self._ids: bytes | None = None
        self._before: Labels | None = None
        self._kappas: list[float] = []

    def __repr__(self) -> str:
        return f"Agreement(threshold={self.threshold}, rounds={self.rounds})"

    def check(self, history: Sequence[Round], view: View) -> str | None:
        """Return the reason once the last models agreed well enough."""
        if history[-1].closed == 0 or len(view.learner.classes_) == 0:
            return None  # nothing was learned since the last look
        X, ids = self.X, b""
        if X is None:
            every = max(1, len(view.candidates) // 1000)
            X, ids = view.candidates.X[::every], view.candidates.ids[::every].tobytes()
        now = view.learner.predict(X)
        if self._before is not None and ids == self._ids:
            self._kappas = [*self._kappas, _kappa(self._before, now)][-self.rounds :]
        self._before, self._ids = now, ids
        if len(self._kappas) < self.rounds or np.mean(self._kappas) < self.threshold:
            return None
        return f"successive models agree (kappa {np.mean(self._kappas):.3f})"


def _kappa(a: Labels, b: Labels) -> float:
    """Cohen's kappa; two models that both say one and the same thing agree fully."""
    observed = float(np.mean(a == b))
    expected = sum(float(np.mean(a == c)) * float(np.mean(b == c)) for c in np.unique(a))
    return 1.0 if expected >= 1.0 else (observed - expected) / (1.0 - expected)


class TimeUp(Condition):
    """Stop after so many seconds of wall-clock time, counted from the first answer it sees.

    Parameters
    ----------
    seconds : float
        The limit.
    """

    def __init__(self, seconds: float) -> None:
        if not seconds > 0:
            raise InputError(f"seconds must be above 0, got {seconds}")
        self.seconds = seconds
        self._began: float | None = None

    def __repr__(self) -> str:
        return f"TimeUp(seconds={self.seconds})"

    def check(self, history: Sequence[Round], view: View) -> str | None:
        """Return the reason once the time is up."""
        if self._began is None:
            self._began = time.monotonic()
        elapsed = time.monotonic() - self._began
        return f"{elapsed:.1f} seconds passed" if elapsed >= self.seconds else None
