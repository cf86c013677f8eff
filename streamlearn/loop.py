"""The loop: ask which rows deserve a label, tell the answers, learn from what deserves it."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from streamlearn.arrays import Ids, as_ids, as_labels
from streamlearn.asking import Asking
from streamlearn.data import Answer, Labelled, Query, Round
from streamlearn.doubts import Doubts
from streamlearn.errors import InputError, JournalError, StreamlearnError, whole
from streamlearn.history import changed, learning_curve, without_rows
from streamlearn.journal import Asked, Journal, checksum, describe
from streamlearn.known import TestRows, check_classes, initial_rows, reference_rows
from streamlearn.learners.wrap import wrap
from streamlearn.ledger import Ledger
from streamlearn.memory import NO_ROWS, Memory, Reservoir, stack
from streamlearn.metrics import Metric, resolve
from streamlearn.protocols import (
    Annotator,
    Learner,
    QueryStrategy,
    Recorder,
    Source,
    Stop,
    Trimmer,
    View,
)
from streamlearn.sources import Pool
from streamlearn.stopping import Budget

_STREAM_KEEPS = 10_000  # rows remembered, rounds of history, closed queries: a stream has no end


class Loop:
    """Labelling campaigns and noisy streams, in one loop of ask and tell.

    Parameters
    ----------
    source : Pool, Stream, Source, array, CSR matrix or DataFrame
        Where candidates come from; a plain table becomes a Pool.
    learner : estimator or Learner
        A scikit-learn classifier, a River model or a Learner; copied, never changed.
    strategy : QueryStrategy, optional
        Chooses the rows to ask; without one every row offered is asked.
    trimmer : Trimmer, optional
        Judges answered rows before they are learned; without one all are.
    per_round : int or float, optional
        Rows a query: a number, a share in (0, 1) of what is offered, or None for all.
    budget : int or Budget, optional
        Ceiling on labels (a number) or money (``Budget(cost=…)``); open queries count.
    seed : int
        Everything random comes from it; estimators without a seed get it.
    initial : tuple (ids, labels), optional
        Rows of a pool whose labels are known before the first query.
    reference : tuple (X, y), optional
        Trusted rows in the source's own format: they train, and judge.
    test : tuple (X, y), optional
        Only ever scored.
    classes : array-like, optional
        All labels there can be; any other is refused. Learned from the answers by default.
    votes : int
        Answers that close a row; their majority counts.
    memory : int or Reservoir, optional
        Rows remembered: the latest, a sample, or (None) all of a pool and the latest 10,000 of
        a stream.
    metrics : str, sequence of str, or mapping
        Scores on the test rows; see ``streamlearn.metrics``.
    stop : Stop, optional
        Ends the run early; conditions compose with ``|`` and ``&``.
    recorders : iterable of Recorder
        Observers.
    journal : str, Path or Journal, optional
        Keeps the run on disk, to be continued by ``Loop.resume``.

    Attributes
    ----------
    learner : Learner
        The run's own learner, as it stands.
    history : sequence of Round
        What every answer changed; round 0, if anything was known before the first query, comes
        first. A stream's rounds keep counts and scores, not rows.
    stopped : str or None
        Why the run ended.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from streamlearn.strategies import Margin
    >>> X = np.arange(20.0)[:, None]
    >>> loop = Loop(X, LogisticRegression(), Margin(), per_round=2, initial=([0, 19], ["a", "b"]))
    >>> query = loop.ask()
    >>> sorted(query.ids.tolist())
    [9, 10]
    >>> loop.tell(Answer(query.round, [9, 10], ["a", "b"])).labels
    2
    """

    def __init__(
        self,
        source: Any,
        learner: Any,
        strategy: QueryStrategy | None = None,
        trimmer: Trimmer | None = None,
        *,
        per_round: int | float | None = None,
        budget: int | Budget | None = None,
        seed: int = 0,
        initial: tuple[ArrayLike, ArrayLike] | None = None,
        reference: tuple[Any, ArrayLike] | None = None,
        test: tuple[Any, ArrayLike] | None = None,
        classes: ArrayLike | None = None,
        votes: int = 1,
        memory: int | Reservoir | None = None,
        metrics: str | Sequence[str] | Mapping[str, Metric] = "accuracy",
        stop: Stop | None = None,
        recorders: Iterable[Recorder] = (),
        journal: str | Path | Journal | None = None,
    ) -> None:
        self.source: Source = source if isinstance(source, Source) else Pool(source)
        self.seed = whole(seed, "seed", least=0)
        self.budget = Budget(labels=budget) if isinstance(budget, int) else budget or Budget()
        self.metrics = resolve(metrics)
        self.recorders = tuple(recorders)
        self.classes = None if classes is None else np.unique(as_labels(classes, "classes"))
        # Copies: two loops may be given the same objects, and a plug-in may keep state.
        self.trimmer, self.stop = deepcopy((trimmer, stop))
        self.stopped: str | None = None
        self.journal: Journal | None = None
        self._failed = False
        self._memo: dict[str, Any] = {}
        self._doubts = Doubts()

        streaming = self.source.streaming
        keeps = _STREAM_KEEPS if streaming else None
        self.history: deque[Round] = deque(maxlen=keeps)
        self._ledger = Ledger(whole(votes, "votes", least=1), self.seed, keeps)
        self._asking = Asking(self.source, deepcopy(strategy), per_round, self.seed)
        self.source.start()
        self._reference = None if reference is None else reference_rows(self.source, reference)
        self._memory = Memory(self._reference, keeps if memory is None else memory, self.seed)
        incremental = True if streaming and hasattr(learner, "partial_fit") else None
        self.learner: Learner = wrap(
            learner, seed=self.seed, classes=self.classes, incremental=incremental
        )
        self._test = TestRows(self.source, test, self.metrics)
        self._begin(None if initial is None else initial_rows(self.source, initial))
        self._made_of = {
            "source": self.source,
            "learner": self.learner,
            "strategy": strategy,
            "trimmer": trimmer,
            "per_round": per_round,
            "budget": self.budget,
            "seed": seed,
            "votes": votes,
            "memory": memory,
            "classes": None if self.classes is None else self.classes.tolist(),
        }
        self._known = initial, reference
        if journal is not None:
            self.journal = journal if isinstance(journal, Journal) else Journal(journal)
            self.journal.begin(self._config())

    def __repr__(self) -> str:
        spent = f"{self._ledger.labels} labels, {len(self._ledger.pending)} pending"
        return f"Loop({self.source!r}, {self.learner!r}, {self._asking.strategy!r}, {spent})"

    @classmethod
    def resume(
        cls, journal: str | Path | Journal, source: Any, learner: Any, *args: Any, **kwargs: Any
    ) -> "Loop":
        """Restore a run bit for bit by replaying its journal, and go on from there.

        Parameters
        ----------
        journal : str, Path or Journal
            The run's journal.
        source, learner, *args, **kwargs
            What the run was made of.

        Returns
        -------
        Loop
            With the rounds, open queries and learner the run had.

        Raises
        ------
        JournalError
            If the journal is missing, damaged, or was written by another configuration.
        """
        if not isinstance(journal, Journal):
            if not Path(journal).is_file():
                raise JournalError(f"there is no journal at {journal}; start a run with Loop(…)")
            journal = Journal(journal)
        loop = cls(source, learner, *args, **kwargs)
        journal.verify(loop._config())
        for event in journal.events():
            if isinstance(event, Asked):
                loop._reopen(event, journal)
            else:
                loop.tell(event)
        loop.journal = journal
        return loop

    def ask(self) -> Query | None:
        """Open the next query.

        Returns
        -------
        Query or None
            None when the run has stopped, or cannot ask more until open queries are answered.

        Raises
        ------
        StreamlearnError
            If the strategy breaks its contract, or the journal cannot be written.
        """
        self._check_sound()
        if self.stopped is not None:
            return None
        ledger, asking = self._ledger, self._asking
        if (again := self._doubts.due(self.budget, ledger)) is not None:
            return self._doubts.open(self._noted(again), ledger, self.source)
        allowed = self.budget.affords(
            ledger.labels, ledger.cost, ledger.pending_votes, ledger.votes
        )
        reason = "budget spent" if allowed == 0 else "no row left to ask"
        while allowed != 0 and asking.draw() is not None:
            if self.source.streaming:
                self._memo = {}  # other candidates
            n = asking.quota() if allowed is None else min(asking.quota(), allowed)
            ids = asking.choose(self._view, n, ledger.queries + 1)
            if len(ids):
                try:
                    return self._open(self._noted(ids))
                except JournalError:
                    asking.put_back()
                    raise
            if not self.source.streaming:
                reason = f"{asking.strategy!r} chose no row"
                break
        if len(ledger.pending) == 0:
            self.stopped = reason
        return None

    def tell(self, answer: Answer) -> Round:
        """Take an answer: judge what it closes, learn, score.

        Parameters
        ----------
        answer : Answer
            To any open query, in any order; partial and repeated answers are fine.

        Returns
        -------
        Round
            What the answer changed; an answer told before changes nothing.

        Raises
        ------
        AnswerError
            If it does not fit what was asked, or contradicts an earlier answer.
        InputError
            If it brings a label the learner cannot take.
        JournalError
            If it cannot be written; then nothing has changed, and it may be told again.
        """
        self._check_sound()
        checked = self._ledger.check(answer)
        check_classes(checked.y, self.classes, self.learner)
        if len(checked.rows) == 0:
            return changed(checked.sheet.query, NO_ROWS, self._ledger)
        if self.journal is not None:
            self.journal.told(answer)
        # From here on the answer counts; if a plug-in fails now, memory and journal disagree.
        self._failed = True
        query, answered = checked.sheet.query, self._ledger.apply(checked)
        judgement, judged, reopened = None, None, 0
        if len(answered):
            if self.trimmer is not None:
                judgement = self.trimmer.judge(answered, self._view())
            self._doubts.close(answered, self._memory)
            judged = self._memory.enter(answered, judgement)
            new = judged if judged.weight.all() else judged.take(judged.weight > 0)
            self.learner.learn(new, self._memory.kept)
            self._memo = {}
            reopened = self._doubts.note(judgement, self._ledger, self.trimmer)
        scores = {} if judged is None else self._test.score(self.learner)
        round = changed(query, answered, self._ledger, judgement, judged, reopened, scores)
        self._remember(round)
        self._failed = False
        for recorder in self.recorders:
            recorder.after(round, self._view())
        if self.stop is not None:
            self.stopped = self.stop.check(self.history, self._view()) or self.stopped
        return round

    def run(self, annotator: Annotator | None = None, patience: int = 1000) -> Iterator[Round]:
        """Ask and tell until the run stops.

        Parameters
        ----------
        annotator : Annotator, optional
            Who answers; a stream of (X, y) batches answers for itself.
        patience : int
            How many times in a row an annotator may have nothing to say when nothing more can
            be asked.

        Yields
        ------
        Round
            One for every answer that changed something.
        """
        who = annotator if annotator is not None else self.source
        if not isinstance(who, Annotator):
            raise InputError(
                f"{type(self.source).__name__} brings no labels along; give run(annotator)"
            )
        clock, idle, query = self._ledger.queries, 0, None
        # A resumed run first hears the answers to what was open when it was cut off.
        heard = bool(self.open_queries)
        while self.stopped is None and idle <= patience:
            if not heard:
                query, clock = self.ask(), clock + 1
            heard, fresh = False, False
            queries = self.open_queries
            for answer in who.answer(queries, clock) if queries else ():
                bought = self._ledger.labels
                round = self.tell(answer)
                if self._ledger.labels != bought:
                    fresh = True
                    yield round
                if self.stopped is not None:
                    return
            idle = 0 if fresh or query is not None else idle + 1
        if self.stopped is None:
            self.stopped = f"no answer to {len(self.open_queries)} open queries"

    @property
    def open_queries(self) -> list[Query]:
        """The queries still out, oldest first, each with its open rows only."""
        return self._ledger.open_queries()

    def split(self, answered: ArrayLike) -> dict[int, Ids]:
        """Return which of the ids belong to which query, as {round: ids}; open queries first."""
        ids = as_ids(answered)
        found: dict[int, Ids] = {}
        left = np.arange(len(ids))
        for number, mask in self._ledger.find(ids):
            if (here := mask[left]).any():
                found[number] = ids[left[here]]
                left = left[~here]
        if len(left):
            raise InputError(f"id {ids[left[0]]} was never asked; answer the ids of an open query")
        return found

    def labelled(self) -> Labelled:
        """Return the rows learned from: reference, initial, and answers not trimmed."""
        return self._memory.kept()

    def to_frame(self) -> pd.DataFrame:
        """Return the learning curve: one row a round, with labels, cost, counts and scores."""
        return learning_curve(self.history)

    def _begin(self, initial: Labelled | None) -> None:
        """Round 0: learn what is known before the first query."""
        if initial is not None:
            check_classes(initial.y, self.classes, self.learner)
            self._memory.enter(initial, None)
            self._asking.taken = initial.ids
        if self._reference is not None:
            check_classes(self._reference.y, self.classes, self.learner)
        parts = [part for part in (self._reference, initial) if part is not None and len(part)]
        if parts:
            self.learner.learn(stack(parts), self._memory.kept)
            known = NO_ROWS if initial is None else initial
            scores = self._test.score(self.learner)
            self._remember(changed(None, known, self._ledger, scores=scores))

    def _remember(self, round: Round) -> None:
        """Remember a round: whole for a pool, which is finite."""
        self.history.append(without_rows(round) if self.source.streaming else round)

    def _noted(self, ids: Ids) -> Query:
        """A new query, in the journal before anybody hears of it."""
        ledger = self._ledger
        query = Query(ledger.queries + 1, ids, self.source.rows(ids), ledger.votes)
        if self.journal is not None:
            drawn = self._asking.draws, self._batch_checksum()
            self.journal.asked(Asked(query.round, ids.tolist(), *drawn))
        return query

    def _open(self, query: Query) -> Query:
        """Count a query as out and show it to the recorders."""
        for recorder in self.recorders:
            recorder.before(self._view(), query)
        self._ledger.open(query, self._asking.take(query.ids))
        return query

    def _reopen(self, event: Asked, journal: Journal) -> None:
        """Replay a query as the journal has it."""
        while self._asking.draws < event.draws:
            if self._asking.draw() is None:
                raise JournalError(f"the stream ended before round {event.round} of {journal.path}")
        if self._batch_checksum() != event.checksum:
            raise JournalError(
                f"the stream's batch of round {event.round} is not the one in {journal.path}; "
                "resume with the same stream"
            )
        ids = as_ids(event.ids)
        query = Query(event.round, ids, self.source.rows(ids), self._ledger.votes)
        if event.ids and event.ids[0] in self._doubts:
            self._doubts.open(query, self._ledger, self.source)
        else:
            self._open(query)

    def _config(self) -> dict[str, str]:
        """What a resumed run must be made of as well."""
        config = {name: describe(part) for name, part in self._made_of.items()}
        config["known rows"] = f"checksum {checksum(self._known)}"
        if not self.source.streaming and (rows := self.source.draw(self._asking.taken[:0])):
            config["rows"] = f"checksum {checksum((rows.ids, rows.X))}"
        return config

    def _batch_checksum(self) -> int:
        """Of the batch at hand; a pool is the same every round and is checked once."""
        return checksum(self._asking.candidates.X) if self.source.streaming else 0

    def _view(self) -> View:
        return View(
            self._asking.candidates,
            self._ledger.pending,
            self._reference,
            self.learner,
            self._memory.seen,
            self._memo,
            self._memory.learned,
            self._ledger.told,
        )

    def _check_sound(self) -> None:
        if self._failed:
            raise StreamlearnError(
                "an earlier answer was taken but not learned, because a trimmer, learner or metric "
                "failed; mend it and continue with Loop.resume, or start anew"
            )
