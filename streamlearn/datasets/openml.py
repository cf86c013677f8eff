"""OpenML, the online path: any of its tables by name or number, cached by scikit-learn."""

from typing import Any

import pandas as pd

from streamlearn.datasets.dataset import Dataset, DatasetError, Label, sensitive_column
from streamlearn.errors import InputError, nearest

PREFIX = "openml:"
OPTIONS = ("cache", "data_home", "delay", "n_retries", "parser", "target_column", "version")


def fetch(
    name: str, *, sensitive: str | None = None, positive: Label | None = None, **options: Any
) -> Dataset:
    """Fetch a table of OpenML.

    Parameters
    ----------
    name : str
        ``"openml:"`` and the name or the number of the data set there. A name may stand for
        several versions; a number stands for one.
    sensitive : str, optional
        Column of the sensitive attribute.
    positive : str, int or float, optional
        The positive label. By default the rarer of two labels.
    **options
        For `sklearn.datasets.fetch_openml`: ``cache``, ``data_home``, ``delay``, ``n_retries``,
        ``parser``, ``target_column``, ``version``.

    Returns
    -------
    Dataset

    Raises
    ------
    InputError
        OpenML has no such table, or the table has not one target.
    DatasetError
        OpenML cannot be reached and the table is not in scikit-learn's cache.
    """
    from sklearn.datasets import fetch_openml

    wanted = name.removeprefix(PREFIX)
    if not wanted:
        raise InputError(f"{name!r} names no data set: write openml:NAME or openml:NUMBER")
    for option in options:
        if option not in OPTIONS:
            raise nearest(option, (*OPTIONS, "positive"), "option of an OpenML data set:")
    which: dict[str, Any] = {"data_id": int(wanted)} if wanted.isdecimal() else {"name": wanted}
    try:
        bunch = fetch_openml(**which, as_frame=True, **options)
    except OSError as error:
        raise DatasetError(
            f"{name!r} could not be fetched from OpenML ({error}): connect to the network, or "
            "pass data_home= a folder where scikit-learn has cached it"
        ) from error
    except ValueError as error:
        raise InputError(
            f"{name!r} is not to be had from OpenML ({error}): check its name or number, and "
            "the options"
        ) from error
    frame: pd.DataFrame = bunch.data
    target = bunch.target
    if not isinstance(target, pd.Series):
        raise InputError(
            f"{name!r} has not one target column; pass target_column= one of: "
            f"{', '.join(map(str, [*frame.columns, *(() if target is None else target.columns)]))}"
        )
    if positive is None and target.nunique() == 2:
        counts = target.value_counts(sort=False)
        positive = counts.index[int(counts.argmin())]
    details = bunch.details
    return Dataset(
        name=name,
        frame=frame,
        target=target,
        sensitive=sensitive_column(name, frame, sensitive),
        positive=positive,
        description=bunch.DESCR.strip().partition("\n")[0],
        source=f"OpenML data set {details['id']}, version {details['version']}",
        licence=details.get("licence", "not stated"),
    )
