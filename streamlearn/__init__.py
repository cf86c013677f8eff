"""Decide which data deserves a label and which labelled data deserves to be learned from."""

from streamlearn.data import Answer, Candidates, Judgement, Labelled, Query, Round
from streamlearn.encoding import FrameEncoder
from streamlearn.errors import (
    AnswerError,
    ConvergenceError,
    InputError,
    JournalError,
    StreamlearnError,
)
from streamlearn.journal import Journal
from streamlearn.loop import Loop
from streamlearn.memory import Reservoir
from streamlearn.protocols import (
    Annotator,
    HasMargins,
    Learner,
    QueryStrategy,
    Recorder,
    Source,
    Stop,
    Trimmer,
    View,
)
from streamlearn.recorders import Observer, Prequential
from streamlearn.sources import Pool, Stream
from streamlearn.stopping import (
    Agreement,
    Budget,
    BudgetSpent,
    Condition,
    Plateau,
    PoolEmpty,
    TimeUp,
)

__all__ = [
    "Agreement",
    "Annotator",
    "Answer",
    "AnswerError",
    "Budget",
    "BudgetSpent",
    "Candidates",
    "Condition",
    "ConvergenceError",
    "FrameEncoder",
    "HasMargins",
    "InputError",
    "Journal",
    "JournalError",
    "Judgement",
    "Labelled",
    "Learner",
    "Loop",
    "Observer",
    "Plateau",
    "Pool",
    "PoolEmpty",
    "Prequential",
    "Query",
    "QueryStrategy",
    "Recorder",
    "Reservoir",
    "Round",
    "Source",
    "Stop",
    "Stream",
    "StreamlearnError",
    "TimeUp",
    "Trimmer",
    "View",
]
