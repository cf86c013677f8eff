"""How a figure with its uncertainty reads: the wording of findings."""

from collections.abc import Mapping, Sequence
from math import floor, isfinite, log10
from typing import Any

from streamlearn.statistics.significance import LEAST_SEEDS

IN_POINTS = frozenset({"accuracy", "balanced_accuracy", "macro_f1", "auc"})
"""Metrics between 0 and 1 that read best in hundredths."""

_UNITS = {
    "aulc": "of area",
    "aulc_first": "of area at the beginning",
    "aulc_last": "of area at the end",
    "final": "at the end",
    "label_savings": "labels saved",
    "labels_to_target": "labels to the target",
    "deficiency": "of deficiency",
    "data_utilisation": "of data utilisation",
}


def scale_and_unit(measure: str, metric: str) -> tuple[float, str]:
    """What to multiply a measure by, and how its unit reads."""
    unit = _UNITS.get(measure, f"of {measure}")
    if measure not in ("aulc", "aulc_first", "aulc_last", "final"):
        return 1.0, unit
    if metric in IN_POINTS:
        named = "points" if metric == "accuracy" else f"points of {metric}"
        return 100.0, f"{named} {unit}"
    return 1.0, f"of {metric} {unit}"


def plus_minus(value: float, error: float, sign: bool = False) -> str:
    """A value with its standard error, to the digits the error allows.

    Examples
    --------
    >>> plus_minus(3.7123, 0.4211), plus_minus(3.7123, 0.1234, sign=True)
    ('3.7 ± 0.4', '+3.71 ± 0.12')
    """
    digits = 2
    if isfinite(error) and error > 0:
        # An error that begins with 1 gets a second digit: .1 might be .05 or .15.
        power = floor(log10(error))
        digits = max(0, (1 if error / 10**power < 2 else 0) - power)
    text = f"{value:{'+' if sign else ''}.{digits}f}"
    return f"{text} ± {error:.{digits}f}" if isfinite(error) else text


def p_value(p: float) -> str:
    """A p value as it is read.

    Examples
    --------
    >>> p_value(0.0341), p_value(1e-6)
    ('p = 0.034', 'p < 0.001')
    """
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def short(value: float) -> str:
    """A number to two digits.

    Examples
    --------
    >>> short(0.01234), short(123.4)
    ('0.012', '120')
    """
    return f"{float(f'{value:.2g}'):g}"


def count(number: int, noun: str) -> str:
    """A number with its noun.

    Examples
    --------
    >>> count(1, "seed"), count(2, "data set")
    ('1 seed', '2 data sets')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def enumerated(names: Sequence[str]) -> str:
    """Names in a row.

    Examples
    --------
    >>> enumerated(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def arm_name(level: str, between: str) -> str:
    """A level by its name; other than of strategies with its factor, or it could be anything.

    Examples
    --------
    >>> arm_name("margin", "strategy"), arm_name("loss", "trimmer")
    ('margin', 'trimmer loss')
    """
    return level if between == "strategy" else f"{between} {level}"


def setting(row: Mapping[str, Any], varying: Sequence[str]) -> str:
    """Where something was found, as far as it varies.

    Examples
    --------
    >>> setting({"dataset": "digits", "noise": "0.2"}, ["dataset", "noise"])
    ' on digits with noise 0.2'
    """
    place = f" on {row['dataset']}" if "dataset" in varying and "dataset" in row else ""
    rest = [f"{name} {row[name]}" for name in varying if name != "dataset" and name in row]
    return f"{place} with {enumerated(rest)}" if rest else place


def comparison(row: Mapping[str, Any], between: str, where: str) -> str:
    """One row of ``paired`` as a sentence."""
    scale, unit = scale_and_unit(row["measure"], str(row.get("metric", "")))
    gap, error = scale * row["difference"], scale * row["error"]
    arm, other = (arm_name(str(row[name]), between) for name in (between, "baseline"))
    n = int(row["n"])
    less = "" if row["higher_is_better"] else ", less is better"
    lost = f", {count(int(row['dropped']), 'seed')} without a pair left out" * bool(row["dropped"])
    if n == 0:
        return f"{arm} cannot be compared with {other}{where}: no seed has both."
    seeds = count(n, "seed")
    if row["ties"] == n:
        return f"{arm} and {other} do not differ at all{where} ({seeds}{lost})."
    so_far = f"{plus_minus(gap, error, sign=True)} {unit}"
    if n < LEAST_SEEDS:
        return (
            f"{n} of at least {LEAST_SEEDS} seeds {'is' if n == 1 else 'are'} too few for a claim"
            f" about {arm} against {other}{where}: so far {so_far}{less}{lost}."
        )
    basis = f"({seeds}, {p_value(row['p_holm'])}{less}{lost})"
    if row["verdict"] == "better":
        return f"{arm} beats {other}{where} by {plus_minus(abs(gap), error)} {unit} {basis}."
    if row["verdict"] == "worse":
        return f"{arm} loses to {other}{where} by {plus_minus(abs(gap), error)} {unit} {basis}."
    return f"No difference between {arm} and {other} is shown{where}: {so_far} {basis}."
