"""The page of an explained table: its rows, the regions they lie in, and what removing does."""

import base64
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pandas as pd

from streamlearn.explanation import Explanation
from streamlearn.report.wording import MISSING, count

_SHOWN = 8  # rows of a list


def describe_explanation(told: Explanation) -> dict[str, Any]:
    """Return everything the page of an explanation shows.

    Parameters
    ----------
    told : Explanation
        Of a table.

    Returns
    -------
    dict
        What the template reads.
    """
    return {
        "title": "A table explained by its rows",
        "subtitle": f"{count(len(told.table), 'training row')}, valued by their effect on "
        f"{told.objective}",
        "findings": sentences(told),
        "pictures": [
            {"title": title, "image": _picture(draw, wide=number == 0)}
            for number, (title, draw) in enumerate(told.drawings().items())
        ],
        "tree": told.tree.to_text(),
        "lists": [
            (title, _listed(rows, "A positive value lowers " + told.objective + "."))
            for title, rows in told.rows(_SHOWN).items()
        ],
        "removal": _listed(told.removal, "Scores on test rows that had no part in it."),
        "sections": [
            ("findings", "Findings"),
            ("pictures", "Pictures"),
            ("rows", "Rows"),
            ("removal", "Removal"),
        ],
        "facts": [],
        "versions": [],
        "configuration": "",
    }


def sentences(told: Explanation) -> list[str]:
    """Return what was found, in sentences.

    Parameters
    ----------
    told : Explanation
        Of a table.

    Returns
    -------
    list of str
    """
    value, removal = told.table["value"], told.removal
    harmful, removed = int((value < 0).sum()), int(removal["removed"].iloc[1])
    said = [
        f"{count(harmful, 'row')} of {len(value):,} raise {told.objective}, the others lower it or "
        "leave it alone.",
        f"{count(len(told.diverse), 'row')} unlike each other keep {told.diverse.share:.0%} of "
        "the influence that as many rows can have.",
    ]
    if not removed:
        return [*said, "No share of the harmful rows was better removed, said the judging rows."]
    moves = [
        f"{name} went from {before:.4f} to {after:.4f} (at random: {chance:.4f})"
        for name, (before, after, chance) in removal.drop(columns="removed").items()
    ]
    said.append(
        f"With the {removed:,} most harmful rows removed, or as many at random, on test rows "
        f"{'; '.join(moves)}."
    )
    return said


def _listed(rows: pd.DataFrame, caption: str) -> dict[str, Any]:
    """Rows as a table of text, their names first."""
    cells = [
        [str(name), *(_cell(value) for value in row)]
        for name, row in zip(rows.index, rows.itertuples(index=False), strict=True)
    ]
    return {"caption": caption, "columns": ["row", *map(str, rows.columns)], "rows": cells}


def _cell(value: Any) -> str:
    if pd.isna(value):
        return MISSING
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _picture(draw: Callable[[Any], Any], *, wide: bool) -> str:
    """Draw, and return the picture as an address that holds it."""
    import matplotlib.pyplot as plt  # slow to import

    figure, ax = plt.subplots(figsize=(13, 5.5) if wide else (6.5, 4.5), layout="constrained")
    draw(ax)
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=130, metadata={"Software": None})
    plt.close(figure)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
