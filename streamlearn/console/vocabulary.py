"""From what a person wrote to the label meant."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from streamlearn.arrays import Labels, as_labels
from streamlearn.errors import InputError, nearest

CANNOT_SAY = "?"
# Spreadsheets write whole numbers as 12.0, 12,0 or 12,00. Three zeros could be thousands.
_WHOLE = re.compile(r"([+-]?\d+)(?:[.,]0{1,2})?")
_YES_NO = {"true": True, "1": True, "false": False, "0": False}


def whole_number(text: str) -> int | None:
    """Read a whole number as spreadsheets write it; None if it is none.

    Parameters
    ----------
    text : str
        As in a cell.

    Returns
    -------
    int or None

    Examples
    --------
    >>> whole_number("12"), whole_number("12.0"), whole_number("1,000"), whole_number("1E+05")
    (12, 12, None, None)
    """
    found = _WHOLE.fullmatch(text)
    return int(found[1]) if found else None


class Vocabulary:
    """Reads labels written by people, in the type the run's labels have.

    Parameters
    ----------
    classes : array-like, optional
        All labels there can be; any other is refused.
    known : array-like
        Labels seen so far: without ``classes`` they decide the type, and others may come.

    Examples
    --------
    >>> Vocabulary(classes=[1, 2]).read(" 2.0 ")
    2
    >>> Vocabulary(known=["ham"]).read("spam")
    'spam'
    """

    def __init__(self, classes: Sequence[Any] | None = None, known: Sequence[Any] = ()) -> None:
        labels = as_labels(known if classes is None else classes)
        self.closed = classes is not None
        self.labels: list[Any] = np.unique(labels).tolist()
        self.kind = labels.dtype.kind if len(labels) else "U"

    def __contains__(self, label: object) -> bool:
        return label in self.labels

    def array(self, labels: Sequence[Any]) -> Labels:
        """Return labels as an array of the run's type, shape (n,)."""
        types = {"i": np.int64, "f": np.float64, "b": np.bool_}
        return np.asarray(labels, types.get(self.kind, np.str_))

    def read(self, text: str) -> Any:
        """Return the label that a text stands for.

        Raises
        ------
        InputError
            If it stands for none; the nearest is named.
        """
        text = text.strip()
        label = self._typed(text)
        if label is not None and (not self.closed or label in self.labels):
            return label
        names = {str(known): known for known in self.labels}
        folded = [known for name, known in names.items() if name.casefold() == text.casefold()]
        if self.closed and len(folded) == 1:
            return folded[0]  # a spreadsheet's TRUE for true, a person's Yes for yes
        if self.closed:
            raise nearest(text, names, "label")
        what = {"i": "whole numbers", "f": "numbers", "b": "true or false"}[self.kind]
        shown = ", ".join(list(names)[:10])
        raise InputError(f"label {text!r} does not fit: labels here are {what} ({shown})")

    def _typed(self, text: str) -> Any:
        """The text as a label of the right type; None if it cannot be one."""
        if self.kind == "U":
            found = _WHOLE.fullmatch(text)
            return text if found is None or text in self.labels else found[1]
        if self.kind == "b":
            return _YES_NO.get(text.casefold())
        if self.kind == "i":
            return whole_number(text)
        try:
            number = float(text.replace(",", "."))
        except ValueError:
            return None
        return number if np.isfinite(number) else None
