"""From what people wrote to answers: all of it or nothing, and nothing twice."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from streamlearn.arrays import Ids
from streamlearn.console.campaign import Campaign
from streamlearn.console.sheet import Cell, complain
from streamlearn.console.vocabulary import CANNOT_SAY
from streamlearn.data import Answer
from streamlearn.errors import InputError
from streamlearn.journal import Asked, Journal
from streamlearn.loop import Loop

ABSTAINED = None  # stands where a label would, for rows a person refuses


@dataclass(frozen=True)
class Told:
    """What came of telling.

    Parameters
    ----------
    labels, abstained : int
        Rows newly answered.
    repeated : int
        Rows told before, with the same answer.
    unseen : list
        Labels nobody had used before, where the classes are not fixed.
    """

    labels: int
    abstained: int
    repeated: int
    unseen: list[Any]


def waiting(loop: Loop, annotator: str) -> Ids:
    """Return the open ids that an annotator has not answered yet, oldest query first."""
    said = answers_of(loop, annotator)
    ids = [i for query in loop.open_queries for i in query.ids.tolist() if i not in said]
    return np.array(ids, dtype=np.int64)


def answers_of(loop: Loop, annotator: str) -> dict[int, Any]:
    """Return what an annotator has told of each id."""
    said: dict[int, Any] = {}
    for event in _journal(loop).events():
        if isinstance(event, Answer) and event.annotator == annotator:
            said.update(zip(event.ids.tolist(), event.y.tolist(), strict=True))
            said.update(dict.fromkeys(event.abstained.tolist(), ABSTAINED))
    return said


def read_answers(
    campaign: Campaign, loop: Loop, cells: Sequence[Cell], annotator: str, name: str
) -> dict[int, Any]:
    """Read the filled cells of a batch as labels by id, and refuse what does not fit.

    Raises
    ------
    InputError
        Naming every line with an id never asked, a label that is none, or an answer that
        contradicts an earlier one of the same annotator.
    """
    asked = {i for e in _journal(loop).events() if isinstance(e, Asked) for i in e.ids}
    before, vocabulary = answers_of(loop, annotator), campaign.vocabulary
    answers: dict[int, Any] = {}
    problems = []
    for cell in cells:
        try:
            if cell.id not in asked:
                raise InputError(f"id {cell.id} was never asked; is this a batch of another run?")
            if not cell.text:
                continue
            refused = cell.text == CANNOT_SAY and cell.text not in vocabulary
            answer = ABSTAINED if refused else vocabulary.read(cell.text)
            for known, when in ((before, "was told"), (answers, "comes twice: it is")):
                if known.get(cell.id, answer) != answer:
                    first, now = (
                        CANNOT_SAY if a is ABSTAINED else a for a in (known[cell.id], answer)
                    )
                    raise InputError(f"id {cell.id} {when} {first!r} before and {now!r} now")
            answers[cell.id] = answer
        except InputError as error:
            problems.append(f"line {cell.line}: {error}")
    complain(problems, name)
    return answers


def tell(campaign: Campaign, loop: Loop, answers: dict[int, Any], annotator: str) -> Told:
    """Tell a loop what one annotator answered.

    Parameters
    ----------
    campaign : Campaign
        What the run is made of.
    loop : Loop
        The run.
    answers : dict of int to label
        By id; None = the annotator refuses the row.
    annotator : str
        Who answered.

    Returns
    -------
    Told
    """
    vocabulary, price = campaign.vocabulary, campaign.config.annotator.cost
    before = answers_of(loop, annotator)
    new = {i: y for i, y in answers.items() if i not in before}
    for number, ids in sorted(loop.split(list(new)).items()):
        said = [i for i in ids.tolist() if new[i] is not ABSTAINED]
        unsaid = [i for i in ids.tolist() if new[i] is ABSTAINED]
        y = vocabulary.array([new[i] for i in said])
        cost = float(price * len(ids))
        loop.tell(Answer(number, said, y, unsaid, annotator, cost))
    labels = [y for y in new.values() if y is not ABSTAINED]
    unseen = [] if vocabulary.closed else [y for y in dict.fromkeys(labels) if y not in vocabulary]
    return Told(len(labels), len(new) - len(labels), len(answers) - len(new), unseen)


def _journal(loop: Loop) -> Journal:
    assert loop.journal is not None  # every run of the command line has one
    return loop.journal
