"""One row after another in the terminal: show it, read the label, keep what was said."""

from collections.abc import Callable
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from streamlearn.arrays import Ids
from streamlearn.console.table import Table
from streamlearn.console.telling import ABSTAINED
from streamlearn.console.vocabulary import CANNOT_SAY, Vocabulary
from streamlearn.errors import InputError


class Interview:
    """Asks a person for labels.

    Parameters
    ----------
    table : Table
        The rows.
    vocabulary : Vocabulary
        The labels.
    console : Console
        Where the person sits.
    ask : callable
        Takes a prompt and returns what was typed; ends in EOFError or KeyboardInterrupt.
    """

    def __init__(
        self,
        table: Table,
        vocabulary: Vocabulary,
        console: Console,
        ask: Callable[[Text], str] | None = None,
    ) -> None:
        self.table, self.vocabulary, self.console = table, vocabulary, console
        self.ask: Callable[[Text], str] = console.input if ask is None else ask
        labels = [str(label) for label in vocabulary.labels]
        # A command gives way to a label of the same name.
        self.commands = {
            word: command
            for command in ("skip", "back", "quit")
            for word in (command, command[0])
            if word not in labels
        }
        self.commands |= {} if CANNOT_SAY in labels else {CANNOT_SAY: "skip"}
        numbers = any(label.lstrip("+-").isdigit() for label in labels)
        plain = vocabulary.kind == "U" and not numbers
        self.shortcuts = {str(i): name for i, name in enumerate(labels, 1)} if plain else {}

    def run(self, ids: Ids, answers: dict[int, Any]) -> bool:
        """Ask for rows one by one.

        Parameters
        ----------
        ids : ndarray of int64
            The rows.
        answers : dict of int to label
            Filled as the person goes along, so that nothing is lost when they leave;
            None = the person cannot say.

        Returns
        -------
        bool
            Whether every row was answered; False if the person left.
        """
        try:
            return self._each(ids, answers)
        except (EOFError, KeyboardInterrupt, OSError):  # left, or the terminal is gone
            return False

    def _each(self, ids: Ids, answers: dict[int, Any]) -> bool:
        at = 0
        while at < len(ids):
            self._show(int(ids[at]), at + 1, len(ids))
            said = self._read()
            if said == "quit":
                return False
            if said == "back":
                at = max(0, at - 1)
                answers.pop(int(ids[at]), None)
                continue
            answers[int(ids[at])] = ABSTAINED if said == "skip" else said[0]
            at += 1
        return True

    def _read(self) -> Any:
        """A command, or a label in a tuple (a label may be called like a command)."""
        while True:
            text = self.ask(self._prompt()).strip()
            if text in self.commands:
                return self.commands[text]
            if not text:
                continue
            try:
                label = self.vocabulary.read(self.shortcuts.get(text, text))
            except InputError as error:
                self.console.print(Text(str(error), style="red"))
                continue
            if label in self.vocabulary or self._confirms(label):
                return (label,)

    def _confirms(self, label: Any) -> bool:
        """A label nobody used before may be a slip of the finger."""
        sure = self.ask(Text(f"{label!r} is a new label. Keep it? [y/n] ")).strip().lower() == "y"
        if sure:
            known = self.vocabulary.labels
            self.vocabulary = Vocabulary(known=[*known, label])
            self.shortcuts = {}
        return sure

    def _show(self, id: int, number: int, of: int) -> None:
        grid = Grid.grid(padding=(0, 2))
        for name, value in self.table.shown.loc[id].items():
            grid.add_row(Text(str(name), style="dim"), Text(_plain(value)))
        self.console.print(Text(f"\nrow {id}   {number} of {of}", style="bold"))
        self.console.print(grid)

    def _prompt(self) -> Text:
        if self.shortcuts:
            labels = "  ".join(f"{key} {label}" for key, label in self.shortcuts.items())
        else:
            labels = "  ".join(str(label) for label in self.vocabulary.labels)
        words = {self.commands[word]: word for word in self.commands if word != CANNOT_SAY}
        keys = "  ".join(
            f"{words[command]} {command}" if words[command] != command else command
            for command in ("skip", "back", "quit")
            if command in words
        )
        return Text.assemble((f"{labels or 'any label'}   ", "cyan"), (keys, "dim"), "\nlabel: ")


def _plain(value: object) -> str:
    """A value as a person writes it."""
    if isinstance(value, float | np.floating):
        return f"{value:.10g}"
    return "" if value is None else str(value)
