"""One sentence of what was found, with its figures."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["caution", "over data sets", "on a data set", "time", "trimming"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence, and the figures it is made of.

    Attributes
    ----------
    kind : {"caution", "over data sets", "on a data set", "time", "trimming"}
        What it is about; "caution" says what limits all others.
    text : str
        The sentence, plain text (names are the user's: escape them in HTML).
    values : mapping
        The figures behind it, by name: of a comparison the row of ``paired``, of ranks
        ``average_rank``, ``critical_difference``, …
    claim : bool
        Whether it claims a difference that was shown.
    """

    kind: Kind
    text: str
    values: Mapping[str, Any]
    claim: bool = False
