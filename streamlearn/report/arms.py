"""What is compared in a table of results, and how each arm is told apart: colour, dash, marker."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from streamlearn.benchmark.results import FACTORS
from streamlearn.errors import nearest
from streamlearn.statistics.claims import usual_baseline

# Okabe and Ito's colours, without the yellow, which is no colour for a line on white. The first
# is for the baseline, and is the ink of whatever the page is printed in.
COLOURS = ("#222222", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
DASHES = ((), (6.0, 2.0), (2.0, 1.5), (7.0, 2.0, 1.5, 2.0))
MARKERS = ("o", "s", "^", "D", "v", "p", "X", "<")

Key = tuple[str, ...]


@dataclass(frozen=True)
class Arm:
    """One line of a figure.

    Parameters
    ----------
    key : tuple of str
        Its levels of the factors that make an arm.
    label : str
        What to call it: the levels in which arms differ.
    colour, dash, marker : int
        Places in ``COLOURS``, ``DASHES`` and ``MARKERS``.
    baseline : bool
        Whether the others are held against it.
    """

    key: Key
    label: str
    colour: int = 0
    dash: int = 0
    marker: int = 0
    baseline: bool = False


@dataclass(frozen=True)
class Layout:
    """Which factors make an arm, and which a setting: the panel that arms are drawn in.

    Parameters
    ----------
    between : str
        The factor compared.
    baseline : str or None
        The level of it that others are held against.

    Examples
    --------
    >>> Layout("learner", None).arm
    ('learner', 'strategy', 'trimmer')
    >>> Layout("learner", None).setting
    ('dataset', 'noise')
    """

    between: str
    baseline: str | None

    @property
    def arm(self) -> Key:
        """The factors of an arm."""
        return tuple(f for f in FACTORS if f in ("strategy", "trimmer", self.between))

    @property
    def setting(self) -> Key:
        """All others."""
        return tuple(f for f in FACTORS if f not in self.arm)

    def arms(self, frame: pd.DataFrame) -> list[Arm]:
        """Return the arms of a table in order of appearance, the baseline first.

        Parameters
        ----------
        frame : DataFrame
            With the factors as columns.

        Returns
        -------
        list of Arm
            No two of the first 24 share colour and marker, or dashes and marker; the circle is
            the baseline's alone.

        Examples
        --------
        >>> table = pd.DataFrame({"strategy": ["margin", "random"], "trimmer": "none"})
        >>> [arm.label for arm in Layout("strategy", "random").arms(table)]
        ['random', 'margin']
        """
        keys = list(levels(frame, self.arm))
        place = self.arm.index(self.between)
        first = [key for key in keys if self.baseline is not None and key[place] == self.baseline]
        names = labels(keys)
        arms = [Arm(key, names[key], 0, 1, 0, baseline=True) for key in first[:1]]
        for n, key in enumerate(key for key in keys if key not in first[:1]):
            colours = len(COLOURS) - 1
            dash, marker = n // colours % len(DASHES), 1 + n % (len(MARKERS) - 1)
            styles = 1 + n % colours, dash, marker
            arms.append(Arm(key, names[key], *styles))
        return arms


def layout_of(
    frame: pd.DataFrame, between: str | None = None, baseline: str | None = None
) -> Layout:
    """Return what is compared in a table, and with what.

    Parameters
    ----------
    frame : DataFrame
        With the factors as columns.
    between : str, optional
        The factor compared; by default the first of strategy, trimmer, learner and noise that
        varies.
    baseline : str, optional
        The level of it others are held against; by default "random", of trimmers "keep_all"
        or "none"; None where they are not there.

    Returns
    -------
    Layout

    Raises
    ------
    InputError
        If one of the names is not known.

    Examples
    --------
    >>> table = pd.DataFrame({"strategy": ["margin"], "trimmer": ["none"], "learner": ["svm"]})
    >>> layout_of(table.assign(noise="none", dataset="iris"))
    Layout(between='strategy', baseline=None)
    """
    candidates = ("strategy", "trimmer", "learner", "noise")
    if between is None:
        varied = [name for name in candidates if frame[name].nunique() > 1]
        between = varied[0] if varied else candidates[0]
    elif between not in candidates:
        raise nearest(between, candidates, "factor to compare")
    known = [str(level) for level in frame[between].unique()]
    if baseline is None:
        baseline = usual_baseline(known, between, None)
    elif baseline not in known:
        raise nearest(baseline, known, f"{between} as the baseline")
    return Layout(between, baseline)


def levels(frame: pd.DataFrame, columns: Sequence[str]) -> Iterator[Key]:
    """Yield the distinct combinations of columns, in order of appearance."""
    chosen = frame[[name for name in columns if name in frame]]
    for key in chosen.drop_duplicates().itertuples(index=False, name=None):
        yield tuple(map(str, key))


def labels(keys: Sequence[Key], keep: int = 0, joint: str = " + ") -> dict[Key, str]:
    """Return what to call each key: the levels in which keys differ, and always the first few."""
    varied = [len({key[k] for key in keys}) > 1 or k < keep for k in range(len(keys[0]))]
    if not any(varied):
        varied[-2 if len(varied) > 1 else 0] = True  # the strategy
    return {
        key: joint.join(level or "none" for level, v in zip(key, varied, strict=True) if v)
        for key in keys
    }


def part_of(frame: pd.DataFrame, columns: Sequence[str], key: Key) -> pd.DataFrame:
    """Return the rows whose columns hold the levels of ``key``."""
    mask = pd.Series(True, index=frame.index)
    for name, level in zip(columns, key, strict=True):
        mask &= frame[name].astype(str) == level
    return frame[mask]
