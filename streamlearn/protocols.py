"""The seams of the loop: what a source, learner, strategy, trimmer, annotator and so on must do."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np

from streamlearn.arrays import Floats, Ids, Labels, Matrix
from streamlearn.data import Answer, Candidates, Judgement, Labelled, Query, Round, Votes

T = TypeVar("T")


@runtime_checkable
class Learner(Protocol):
    """A model that learns from labelled rows; plain estimators are wrapped into one."""

    @property
    def classes_(self) -> Labels:
        """Known labels, sorted, shape (k,); empty while none is known."""

    def learn(self, new: Labelled, kept: Callable[[], Labelled]) -> None:
        """Learn: incremental learners read ``new``, refitting ones call ``kept``."""

    def predict_proba(self, X: Matrix) -> Floats:
        """Return (n, k) rows that sum to 1, in the order of ``classes_``.

        Before any class is known the shape is (n, 1); before anything was learned, uniform.
        """

    def predict(self, X: Matrix) -> Labels:
        """Return the likeliest label of each row, shape (n,)."""


@runtime_checkable
class HasMargins(Protocol):
    """A learner with signed distances: (n,) for two classes (positive = second), else (n, k)."""

    def decision_function(self, X: Matrix) -> Floats:
        """Return the decision values."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What a plug-in may see of a run, valid during the call only.

    Parameters
    ----------
    candidates : Candidates
        What the source offers now.
    pending : ndarray of int64, shape (m,)
        Ids out with annotators.
    reference : Labelled or None
        Trusted rows; they train the learner as well.
    learner : Learner
        The learner as it stands; never to be changed.
    recall : callable
        Gathers the rows learned so far; read it through ``seen``.
    memo : dict
        What plug-ins have worked out for this state of the run; read it through ``once``.
    recall_kept, recall_votes : callable
        Gather what ``kept`` and ``votes`` return.
    """

    candidates: Candidates
    pending: Ids
    reference: Labelled | None
    learner: Learner
    recall: Callable[[], Labelled]
    memo: dict[str, Any] = field(default_factory=dict)
    recall_kept: Callable[[], Labelled] | None = None
    recall_votes: Callable[[], Votes] | None = None

    @property
    def seen(self) -> Labelled:
        """All remembered rows with the labels given, trimmed ones (weight 0) included."""
        return self.recall()

    @property
    def kept(self) -> Labelled:
        """The remembered rows that are learned from, with the labels judged; no reference rows."""
        if self.recall_kept is not None:
            return self.recall_kept()
        seen = self.seen
        return seen if seen.weight.all() else seen.take(seen.weight > 0)

    @property
    def votes(self) -> Votes:
        """Every label told so far and by whom; a stream's go back as far as its ledger."""
        if self.recall_votes is not None:
            return self.recall_votes()
        return Votes(np.empty(0, np.int64), np.empty(0, np.str_), np.empty(0))

    def once(self, key: str, compute: Callable[[], T]) -> T:
        """Return ``compute()``, worked out once for all plug-ins of a round.

        A surrogate model or the pool's predictions are shared this way. The loop forgets them
        when the learner learns or other candidates are drawn.

        Parameters
        ----------
        key : str
            Says what is computed and from which settings, so that equal keys mean equal values.
        compute : callable
            Reads this view only.
        """
        if key not in self.memo:
            self.memo[key] = compute()
        value: T = self.memo[key]
        return value


@runtime_checkable
class QueryStrategy(Protocol):
    """Chooses the rows to ask."""

    def select(self, view: View, n: int, rng: np.random.Generator) -> Ids:
        """Return at most ``n`` distinct open ids, highest utility first."""


@runtime_checkable
class Trimmer(Protocol):
    """Decides which answered rows are learned, with which label and weight."""

    def judge(self, answered: Labelled, view: View) -> Judgement:
        """Judge rows before they are learned; older seen rows may be judged anew."""


@runtime_checkable
class Annotator(Protocol):
    """Answers queries; people, tools and simulators alike."""

    def answer(self, open_queries: Sequence[Query], round: int) -> list[Answer]:
        """Return the answers due at this round; a query holds only what is still open."""


@runtime_checkable
class Source(Protocol):
    """Offers candidates: a pool what is left of it, a stream its next batch once."""

    @property
    def streaming(self) -> bool:
        """Whether rows come by once, without an end in sight."""

    def start(self) -> None:
        """Begin from the first row again."""

    def draw(self, taken: Ids) -> Candidates | None:
        """Return the next candidates, none of ``taken`` open; None at the end."""

    def encode(self, rows: Any) -> Matrix:
        """Encode rows given in the source's own format, shape (n, d)."""

    def rows(self, ids: Ids) -> Any:
        """Return the original rows, n of them, in the order of ``ids``."""


class Recorder(Protocol):
    """Observes a run and cannot steer it."""

    def before(self, view: View, query: Query) -> None:
        """See a query before its labels are known."""

    def after(self, round: Round, view: View) -> None:
        """See what an answer changed, after learning."""


class Stop(Protocol):
    """Says when a run no longer pays."""

    def check(self, history: Sequence[Round], view: View) -> str | None:
        """Return the reason to stop, or None to go on."""
