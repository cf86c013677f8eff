"""The names there are, and the way from a name to the data."""

import inspect
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points
from typing import Any, overload

import pandas as pd

from streamlearn.datasets import bhatt2021, bundled, chhabra2024, from_river, openml
from streamlearn.datasets.dataset import Dataset, Declaration, Prepared, sensitive_column
from streamlearn.datasets.folder import Table, read_table
from streamlearn.datasets.tables import TABLES
from streamlearn.errors import InputError, nearest

GROUP = "streamlearn.datasets"
RECIPES: dict[str, dict[str, Callable[..., Prepared]]] = {
    paper.NAME: paper.RECIPES for paper in (chhabra2024, bhatt2021)
}
DECLARED: dict[str, Declaration] = {
    entry.name: entry
    for entry in sorted((*bundled.SETS, *from_river.SETS, *TABLES), key=lambda entry: entry.name)
}


@overload
def load(
    name: str, *, recipe: None = None, sensitive: str | None = None, **options: Any
) -> Dataset: ...


@overload
def load(name: str, *, recipe: str, **options: Any) -> Prepared: ...


def load(
    name: str, *, recipe: str | None = None, sensitive: str | None = None, **options: Any
) -> Dataset | Prepared:
    """Load a data set by its name.

    Parameters
    ----------
    name : str
        One of `names`, or ``"openml:"`` and a name or number there.
    recipe : {"chhabra2024", "bhatt2021"}, optional
        Prepare it as that paper did: numbers only, standardised, in the paper's parts.
    sensitive : str, optional
        Another column than the declared one as the sensitive attribute.
    **options
        With a recipe: ``shift`` ("time", "place", "both") of acs_income, ``attack`` ("raa",
        "nraa") and ``poisoned`` of attack_*, ``seed`` of bhatt2021. With OpenML: see
        `streamlearn.datasets.openml.fetch`.

    Returns
    -------
    Dataset or, with a recipe, Prepared

    Raises
    ------
    InputError
        There is no such data set, recipe, column or option.
    DatasetError
        The data is not to be had here: the folder named by the environment variable
        STREAMLEARN_DATA or one of its files is missing, or OpenML cannot be reached.

    Examples
    --------
    >>> data = load("phishing")
    >>> data.frame.shape, data.target.unique().tolist(), data.positive
    ((1250, 9), ['phishing', 'legitimate'], 'phishing')
    """
    if recipe is not None:
        return _prepare(
            name, recipe, {**options, **({"sensitive": sensitive} if sensitive else {})}
        )
    if name.startswith(openml.PREFIX):
        return openml.fetch(name, sensitive=sensitive, **options)
    if options:
        raise InputError(
            f"dataset {name!r} takes no option {', '.join(sorted(options))} without a recipe; "
            "leave it out, or name a recipe"
        )
    if name in DECLARED:
        return DECLARED[name].read(sensitive)
    plugins = _plugins()
    if name not in plugins:
        raise nearest(name, names(), "dataset")
    data = plugins[name].load()()
    if not isinstance(data, Dataset):
        raise InputError(
            f"{plugins[name].value}, the plug-in for dataset {name!r}, returned "
            f"{type(data).__name__}; it must return a streamlearn.datasets.Dataset"
        )
    column = sensitive_column(name, data.frame, sensitive)
    return data if column is None else replace(data, sensitive=column)


def names() -> list[str]:
    """List the names of all data sets, also of those whose files are missing here.

    Returns
    -------
    list of str
        Sorted; third parties' (entry points of the group ``streamlearn.datasets``) included.

    Examples
    --------
    >>> "adult" in names(), "digits" in names()
    (True, True)
    """
    return sorted({*DECLARED, *_plugins()})


def summary() -> pd.DataFrame:
    """Tell what there is, without loading any of it.

    Returns
    -------
    pandas.DataFrame
        One row a data set; columns ``name``, ``rows``, ``columns`` and ``classes`` (missing for
        third parties'), ``recipes``, ``origin``, ``available`` (whether it loads here) and
        ``description``.

    Examples
    --------
    >>> table = summary().set_index("name")
    >>> print(*table.loc["digits", ["rows", "columns", "classes", "origin", "available"]])
    1797 64 10 scikit-learn True
    """
    rows: list[dict[str, object]] = [
        {
            "name": entry.name,
            "rows": entry.rows,
            "columns": entry.columns,
            "classes": entry.classes,
            "recipes": ", ".join(r for r, recipes in RECIPES.items() if entry.name in recipes),
            "origin": entry.origin,
            "available": entry.available(),
            "description": entry.description,
        }
        for entry in DECLARED.values()
    ]
    rows += [
        {"name": name, "recipes": "", "origin": point.value, "available": True, "description": ""}
        for name, point in _plugins().items()
    ]
    counts = dict.fromkeys(("rows", "columns", "classes"), "Int64")
    return pd.DataFrame(rows).astype(counts).sort_values("name", ignore_index=True)


def _prepare(name: str, recipe: str, options: dict[str, Any]) -> Prepared:
    if recipe not in RECIPES:
        raise nearest(recipe, RECIPES, "recipe")
    if name not in RECIPES[recipe]:
        raise nearest(name, RECIPES[recipe], f"dataset of recipe {recipe!r}:")
    prepare, table = RECIPES[recipe][name], DECLARED[name]
    known = list(inspect.signature(prepare).parameters)[1:]
    for option in options:
        if option not in known:
            raise nearest(option, known, f"option of {name!r} with recipe {recipe!r}:")
    assert isinstance(table, Table)  # recipes are of files
    return prepare(read_table(table.file), **options)


def _plugins() -> dict[str, EntryPoint]:
    """Third parties' sets; a name declared here stays ours, of two plug-ins the first counts."""
    points = sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value))
    return {point.name: point for point in reversed(points) if point.name not in DECLARED}
