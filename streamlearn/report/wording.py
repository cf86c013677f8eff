"""Numbers and counts as a reader meets them."""

import math

MISSING = "–"


def count(n: int, what: str) -> str:
    """Return a number with its noun: 1 run, 2 runs.

    Parameters
    ----------
    n : int
        How many.
    what : str
        Of what, in the singular.

    Returns
    -------
    str

    Examples
    --------
    >>> count(1, "run"), count(1200, "run")
    ('1 run', '1,200 runs')
    """
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def plus_minus(value: float, error: float, digits: int = 4, sign: bool = False) -> str:
    """Return a value and its standard error; a dash where there is none.

    Parameters
    ----------
    value, error : float
        The two; NaN where unknown.
    digits : int
        Behind the point.
    sign : bool
        Whether a plus is printed as well.

    Returns
    -------
    str

    Examples
    --------
    >>> plus_minus(0.25, 0.01, 2), plus_minus(-0.25, math.nan, 2), plus_minus(math.nan, 0.0)
    ('0.25 ± 0.01', '−0.25', '–')
    """
    if math.isnan(value):
        return MISSING
    text = f"{value:{'+' if sign else ''}.{digits}f}".replace("-", "−")
    return text if math.isnan(error) else f"{text} ± {error:.{digits}f}"


def plain(value: float, digits: int = 3) -> str:
    """Return a number to a few digits, a dash where there is none.

    Parameters
    ----------
    value : float
        Anything.
    digits : int
        How many count.

    Returns
    -------
    str

    Examples
    --------
    >>> plain(0.012345), plain(1234.5), plain(math.nan)
    ('0.0123', '1,234', '–')
    """
    if math.isnan(value):
        return MISSING
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.{digits}g}"
    return text.replace("-", "−")
