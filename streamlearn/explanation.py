"""A table explained by its rows: which help a model, which harm it, and what removing would do."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import train_test_split

from streamlearn.arrays import Floats, Ids, as_labels
from streamlearn.encoding import FrameEncoder
from streamlearn.errors import InputError, whole
from streamlearn.influence import (
    DemographicParity,
    InfluenceTree,
    LinearClassifier,
    Objective,
    ValidationLoss,
)
from streamlearn.selection import Selection, select_diverse
from streamlearn.valuation import values

SHARES = (0.01, 0.025, 0.05, 0.1)  # of the training rows, tried one after the other
RANDOM_ARMS = 5


@dataclass(frozen=True, eq=False)
class Explanation:
    """What the rows of a table do to a linear model fitted to them.

    Attributes
    ----------
    table : DataFrame
        The training rows in original units, with the columns ``label`` and ``value`` (positive:
        the row lowers the objective).
    encoded : ndarray or CSR matrix, shape (n, d)
        The same rows as the model reads them.
    diverse : Selection
        DIVINE's few: helpful rows unlike each other, by position in ``table``.
    tree : InfluenceTree
        Regions of the table, in original units, and the value of their rows.
    removal : DataFrame
        One row for nothing, the harmful rows and as many random ones removed, each refitted:
        ``removed``, and scores on test rows that had no part in it.
    objective : str
        What the values are of.
    """

    table: pd.DataFrame
    encoded: Any
    diverse: Selection
    tree: InfluenceTree
    removal: pd.DataFrame
    objective: str

    def rows(self, n: int = 5) -> dict[str, pd.DataFrame]:
        """Return the n most helpful and most harmful rows, and DIVINE's few."""
        ordered = self.table.sort_values("value", kind="stable")
        return {
            "Most helpful": ordered.iloc[::-1].head(n),
            "Most harmful": ordered.head(n),
            "A few helpful rows unlike each other": self.table.iloc[self.diverse.ids],
        }

    def to_text(self, n: int = 5, width: int = 100) -> str:
        """Return everything as text."""
        parts = [f"{len(self.table):,} training rows, valued by their effect on {self.objective}"]
        for title, rows in self.rows(n).items():
            parts.append(title)
            parts.append(rows.to_string(line_width=width, float_format=lambda v: f"{v:.4g}"))
        parts.append(
            f"(these keep {self.diverse.share:.0%} of the influence that "
            f"{len(self.diverse)} rows can have)"
        )
        parts.append(self.tree.to_text())
        parts.append("What removing would do, on test rows that had no part in it")
        shown = self.removal.to_string(line_width=width, float_format=lambda v: f"{v:.4f}")
        return "\n\n".join([*parts, shown])

    def drawings(self) -> dict[str, Callable[[Any], Any]]:
        """Return what there is to draw: by title, a function of the axes to draw on."""
        from streamlearn.selection import plot_projection, plot_trade_off  # slow to import

        assert self.diverse.curve is not None  # gamma was chosen from it
        curve = self.diverse.curve
        harmful = np.argsort(self.table["value"].to_numpy(), kind="stable")[: len(self.diverse)]
        chosen: dict[str, Selection | Ids] = {
            "helpful and unlike each other": self.diverse,
            "most harmful": harmful,
        }
        return {
            f"Influence tree: {self.objective}": lambda ax: self.tree.plot(ax, title=""),
            "The rows in two dimensions": lambda ax: plot_projection(self.encoded, chosen, ax=ax),
            f"{int(self.removal['removed'].iloc[1]):,} rows removed": self._plot_removal,
            "Influence kept, diversity won": lambda ax: plot_trade_off(curve, ax=ax),
        }

    def _plot_removal(self, ax: Any) -> None:
        """Draw how the scores on test rows moved."""
        change = self.removal - self.removal.loc["nothing removed"]
        change = change.drop(columns="removed").drop(index="nothing removed")
        change.T.plot.barh(ax=ax, color=["#0072B2", "#999999"], legend=True)
        ax.axvline(0, color="black", linewidth=0.8)
        ax.set_xlabel("change on test rows")

    def plot(self) -> Any:
        """Draw tree, projection, removal and trade-off; return a matplotlib Figure."""
        import matplotlib.pyplot as plt  # slow to import

        figure = plt.figure(figsize=(17, 11), layout="constrained")
        grid = figure.add_gridspec(2, 3, height_ratios=(1.2, 1))
        places = [grid[0, :], *(grid[1, column] for column in range(3))]
        for place, (title, draw) in zip(places, self.drawings().items(), strict=True):
            ax = figure.add_subplot(place)
            draw(ax)
            ax.set_title(
                title + "\n" * (place is places[0]), loc="left"
            )  # above the tree's own line
        return figure


def explain(
    frame: pd.DataFrame,
    target: ArrayLike,
    sensitive: ArrayLike | None = None,
    *,
    few: int = 8,
    l2: float = 1.0,
    missing: str = "error",
    seed: int = 0,
) -> Explanation:
    """Explain a linear model of a table by the rows it learns from.

    Parameters
    ----------
    frame : DataFrame
        Features, in original units.
    target : array-like, shape (n,)
        Labels.
    sensitive : array-like, shape (n,), optional
        Group of every row; then values are of the gap between groups in the probability of the
        last class, else of the validation loss.
    few : int
        Rows in DIVINE's selection.
    l2 : float
        Penalty, in units of the loss of one row.
    missing : {"error", "impute"}
        What to do with missing numbers.
    seed : int
        Splits and random arms.

    Returns
    -------
    Explanation

    Raises
    ------
    InputError
        If there are too few rows, one class or one group only, or a value is missing.

    Notes
    -----
    Three fifths of the rows train, a fifth judges: values are of it, and of the shares in
    ``SHARES`` that one is removed whose refit it finds best, nothing included. The last fifth is
    scored only, beside as many rows removed at random (mean of five draws). The judges come from
    the same table: where its labels are often wrong, theirs are too, and harmful then means at
    odds with them.

    References
    ----------
    Chhabra et al. (2024), sections 3 and 4; Bhatt et al. (2021), section 3.

    Examples
    --------
    >>> from streamlearn.datasets import load
    >>> data = load("breast_cancer")
    >>> told = explain(data.frame, data.target, few=3)
    >>> len(told.table), len(told.diverse), list(told.removal.index)
    (341, 3, ['nothing removed', 'harmful rows removed', 'random rows removed'])
    """
    labels = as_labels(np.asarray(target), "target")
    groups = None if sensitive is None else as_labels(np.asarray(sensitive), "sensitive")
    _check(frame, labels, groups, whole(few, "few", least=1))
    train, judge, test = _split(labels, groups, seed)
    encoder = FrameEncoder(missing=missing).fit(frame.iloc[train])  # type: ignore[arg-type]
    X, V, T = (encoder.transform(frame.iloc[rows]) for rows in (train, judge, test))
    y = labels[train]
    model = LinearClassifier(l2=l2).fit(X, y)
    objective = _objective(V, labels[judge], groups, judge)
    worth = values(model, X, y, objective).scores
    n = min(few, len(train))
    diverse = select_diverse(worth, X, n, random_state=seed)
    flat = pd.get_dummies(frame.iloc[train], dtype=float)
    columns = [str(name) for name in flat.columns]
    numbers = flat.fillna(flat.median()).to_numpy()
    tree = InfluenceTree(max_leaf_nodes=6, random_state=seed).fit(
        numbers, worth, y, feature_names=columns
    )

    def scores(m: LinearClassifier) -> dict[str, float]:
        loss = ValidationLoss(T, labels[test])
        found = {"accuracy": float(np.mean(m.predict(T) == labels[test])), "loss": loss.value(m)}
        if groups is not None:
            gap = DemographicParity(T, groups[test], _positive(labels))
            found |= {"gap": abs(gap.value(m)), "hard gap": abs(gap.metric(m))}
        return found

    harmful = _best(model, X, y, worth, objective)
    rng = np.random.default_rng(seed)
    draws = [rng.choice(len(train), len(harmful), replace=False) for _ in range(RANDOM_ARMS)]
    by_chance = pd.DataFrame([scores(_without(model, X, y, rows)) for rows in draws])
    removal = pd.DataFrame(
        {
            "nothing removed": {"removed": 0, **scores(model)},
            "harmful rows removed": {
                "removed": len(harmful),
                **scores(_without(model, X, y, harmful)),
            },
            "random rows removed": {"removed": len(harmful), **by_chance.mean()},
        }
    ).T
    removal["removed"] = removal["removed"].astype(int)
    table = frame.iloc[train].assign(label=y, value=worth)
    what = "the validation loss" if groups is None else "the gap between groups"
    return Explanation(table, X, diverse, tree, removal, what)


def _check(
    frame: pd.DataFrame, labels: NDArray[Any], groups: NDArray[Any] | None, few: int
) -> None:
    if len(frame) != len(labels) or (groups is not None and len(groups) != len(labels)):
        sizes = [len(frame), len(labels), *([] if groups is None else [len(groups)])]
        raise InputError(f"frame, target and sensitive differ in length: {sizes}")
    for name, column in (("target", labels), ("sensitive", groups)):
        if column is None:
            continue
        found, counts = np.unique(column, return_counts=True)
        if len(found) < 2 or counts.min() < 5:
            rare = found[counts.argmin()]
            raise InputError(
                f"{name} needs two values at least, each on five rows or more; {rare!r} has "
                f"{counts.min()} rows: merge it with another, or leave those rows out"
            )
    if few > len(labels) // 2:
        raise InputError(f"few is {few}, but there are only {len(labels)} rows")


def _split(labels: NDArray[Any], groups: NDArray[Any] | None, seed: int) -> tuple[Ids, Ids, Ids]:
    """Three fifths, one, one; every class and group in each as far as it goes."""
    strata = np.unique(labels, return_inverse=True)[1]
    if groups is not None:
        member = np.unique(groups, return_inverse=True)[1]
        crossed = strata * (member.max() + 1) + member
        strata = crossed if np.bincount(crossed)[np.unique(crossed)].min() >= 5 else member
    rows = np.arange(len(labels))
    train, rest = train_test_split(rows, test_size=0.4, stratify=strata, random_state=seed)
    judge, test = train_test_split(rest, test_size=0.5, stratify=strata[rest], random_state=seed)
    return train, judge, test


def _positive(labels: NDArray[Any]) -> Any:
    return np.unique(labels)[-1]


def _objective(V: Any, y: NDArray[Any], groups: NDArray[Any] | None, judge: Ids) -> Objective:
    if groups is None:
        return ValidationLoss(V, y)
    return DemographicParity(V, groups[judge], _positive(y))


def _without(model: LinearClassifier, X: Any, y: NDArray[Any], rows: Ids) -> LinearClassifier:
    keep = np.setdiff1d(np.arange(len(y)), rows)
    return LinearClassifier(l2=model.l2).fit(X[keep], y[keep])


def _best(
    model: LinearClassifier, X: Any, y: NDArray[Any], worth: Floats, objective: Objective
) -> Ids:
    """The harmful rows whose removal the judging rows like best; none where they like none."""
    order = np.argsort(worth, kind="stable")
    order = order[: np.count_nonzero(worth < 0)]
    best, chosen = abs(objective.value(model)), order[:0]
    for share in SHARES:
        rows = order[: int(share * len(y))]
        if len(np.unique(np.delete(y, rows))) < len(np.unique(y)):
            break
        reached = abs(objective.value(_without(model, X, y, rows)))
        if reached < best:
            best, chosen = reached, rows
    return chosen
