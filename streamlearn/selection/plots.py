"""Pictures of selections, as plain functions on matplotlib axes."""

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import sparse

from streamlearn.arrays import Ids, Matrix, as_ids
from streamlearn.errors import InputError
from streamlearn.influence.rows import as_matrix
from streamlearn.selection.projection import project
from streamlearn.selection.select import Selection

# Okabe and Ito's colours: apart in every common form of colour blindness. Shapes differ as well.
COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("D", "o", "^", "s", "v", "P")
INK, GREY, PALE = "#222222", "#666666", "#BBBBBB"


def plot_trade_off(
    curve: pd.DataFrame,
    *,
    marks: Mapping[str, float] | None = None,
    label: str | None = None,
    colour: str = INK,
    ax: Any = None,
) -> Any:
    """Draw influence kept against diversity, with the two rules for gamma.

    Parameters
    ----------
    curve : DataFrame
        From `trade_off` or ``Selection.curve``.
    marks : mapping of str to float, optional
        Gammas to mark, by name. By default influence alone, a tenth given up, and the largest
        distance.
    label : str, optional
        Of the curve, for a legend with several; the marks then go unnamed.
    colour : str
        Of the curve.
    ax : Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes
        The axes drawn on.

    References
    ----------
    Bhatt et al. (2021), figures 3a and 4.
    """
    ax = _axes(ax)
    ordered = curve.sort_values(["diversity", "share"])
    ax.plot(ordered["diversity"], ordered["share"], color=colour, lw=1.2, label=label, zorder=1)
    ax.scatter(curve["diversity"], curve["share"], color=colour, s=9, zorder=2, linewidth=0)
    if marks is None:
        enough = curve.loc[curve["share"] >= 0.9, "gamma"]
        farthest = curve["gamma"].iloc[int(curve["distance"].to_numpy().argmax())]
        marks = {
            "influence alone": 0.0,
            "at most a tenth given up": enough.max(),
            "most distance": farthest,
        }
    drawn = label is None
    sizes = (150, 60, 60)  # the first shows behind the second where both fall together
    for (name, gamma), mark, shade, size in zip(
        marks.items(), MARKERS, COLOURS, sizes, strict=False
    ):
        at = curve.iloc[int((curve["gamma"] - gamma).abs().to_numpy().argmin())]
        text = f"{name} (γ = {at['gamma']:.3g})" if drawn else None
        ax.scatter(
            at["diversity"],
            at["share"],
            marker=mark,
            s=size,
            color=shade,
            label=text,
            zorder=3,
            edgecolor="white",
            linewidth=0.8,
        )
    ax.set(xlabel="diversity R(S)", ylabel="share of the largest influence")
    return _finished(ax, "lower left")


def plot_projection(
    X: ArrayLike | Matrix,
    chosen: Mapping[str, Selection | ArrayLike],
    *,
    method: str = "pca",
    y: ArrayLike | None = None,
    random_state: int = 0,
    ax: Any = None,
) -> Any:
    """Draw the rows chosen, by every method, among all rows.

    Parameters
    ----------
    X : array-like or CSR matrix of shape (n, d)
        Rows. Two columns are drawn as they are.
    chosen : mapping of str to Selection or array-like of int64
        Positions of the rows chosen, by the name of their method.
    method : {"pca", "tsne"}, default="pca"
        How more than two columns are placed in the plane.
    y : array-like of shape (n,), optional
        Classes, drawn as dots and crosses behind.
    random_state : int, default=0
        Seed.
    ax : Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes
        The axes drawn on.

    References
    ----------
    Bhatt et al. (2021), figures 3b to 3d and 5.
    """
    ax = _axes(ax)
    X = as_matrix(X)
    sets = {name: _ids(one) for name, one in chosen.items()}
    if X.shape[1] == 2 and not sparse.issparse(X):
        rows, places = np.arange(X.shape[0]), X
        ax.set(xlabel="x1", ylabel="x2")
    else:
        every = np.unique(np.concatenate(list(sets.values())))
        rows, places = project(X, method, always=every, random_state=random_state)
        words = ("component 1", "component 2") if method == "pca" else ("t-SNE 1", "t-SNE 2")
        ax.set(xlabel=words[0], ylabel=words[1])
    labels = np.zeros(len(rows)) if y is None else np.asarray(y)[rows]
    for label, mark in zip(np.unique(labels), (".", "x", "+", "1", "2", "3"), strict=False):
        inside = labels == label
        ax.scatter(*places[inside].T, marker=mark, s=10, color=PALE, linewidth=0.6, zorder=1,
                   label=None if y is None else f"class {label}")  # fmt: skip
    for k, ((name, ids), mark, shade) in enumerate(
        zip(sets.items(), MARKERS, COLOURS, strict=False)
    ):
        at = places[np.searchsorted(rows, ids)]
        # later ones smaller, so that a row chosen twice shows both
        ax.scatter(
            *at.T,
            marker=mark,
            s=110 - 30 * min(k, 3),
            facecolor="none" if k == 0 else shade,
            edgecolor=shade,
            linewidth=1.6,
            label=name,
            zorder=2 + k,
        )
    return _finished(ax, "best")


def plot_coverage(
    curves: Mapping[str, ArrayLike], groups: int | None = None, *, ax: Any = None
) -> Any:
    """Draw how many groups the first 1, 2, ... rows chosen meet.

    Parameters
    ----------
    curves : mapping of str to array-like of shape (m,) or (seeds, m)
        From `coverage_curve`, by the name of the method; several seeds are drawn as their mean
        and a band of one standard error.
    groups : int, optional
        How many there are; with it the least possible, one new group a row, is drawn as well.
    ax : Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes
        The axes drawn on.

    References
    ----------
    Bhatt et al. (2021), figure 6, whose axes are these two exchanged.
    """
    ax = _axes(ax)
    longest = 1
    for (name, curve), shade in zip(curves.items(), COLOURS, strict=False):
        runs = np.atleast_2d(np.asarray(curve, dtype=np.float64))
        longest = max(longest, runs.shape[1])
        at, mean = np.arange(1, runs.shape[1] + 1), runs.mean(axis=0)
        ax.plot(at, mean, color=shade, label=name, lw=1.6)
        if len(runs) > 1:
            error = runs.std(axis=0, ddof=1) / np.sqrt(len(runs))
            ax.fill_between(at, mean - error, mean + error, color=shade, alpha=0.25, linewidth=0)
    if groups is not None:
        at = np.arange(1, longest + 1)
        ax.plot(at, np.minimum(at, groups), color=GREY, lw=1, ls=":", label="at best")
        ax.axhline(groups, color=GREY, lw=0.6)
    ax.set(xlabel="rows chosen", ylabel="groups met", xlim=(1, longest), ylim=(0, None))
    return _finished(ax, "lower right")


def plot_images(
    images: ArrayLike,
    chosen: Mapping[str, Selection | ArrayLike],
    shape: tuple[int, ...],
    *,
    labels: ArrayLike | None = None,
    most: int = 10,
    figure: Any = None,
) -> Any:
    """Draw the images chosen by every method, a row of them each.

    Parameters
    ----------
    images : array-like of shape (n, pixels)
        One image a row.
    chosen : mapping of str to Selection or array-like of int64
        Positions of the images, most important first, by the name of the method.
    shape : tuple of int
        Height and width, or height, width and 3 for colours.
    labels : array-like of shape (n,), optional
        Written under each image.
    most : int, default=10
        Images of a method at most.
    figure : Figure or SubFigure, optional
        Where to draw; a new one by default.

    Returns
    -------
    Figure or SubFigure
        The figure drawn on.

    Raises
    ------
    InputError
        If the images do not have that shape.

    References
    ----------
    Bhatt et al. (2021), figures 1b, 1c, 22 and 24.
    """
    pixels = np.asarray(images)
    if pixels.ndim != 2 or pixels.shape[1] != int(np.prod(shape)):
        raise InputError(f"images have shape {pixels.shape}; {shape} needs (n, {np.prod(shape)})")
    sets = {name: _ids(one)[:most] for name, one in chosen.items()}
    width = max(len(ids) for ids in sets.values())
    high = 1.15 if labels is None else 1.35
    if figure is None:
        figure = plt.figure(figsize=(1.05 * width + 1.1, high * len(sets)), layout="constrained")
    axes = figure.subplots(len(sets), width, squeeze=False)
    names = None if labels is None else np.asarray(labels)
    for line, (name, ids) in zip(axes, sets.items(), strict=True):
        for ax in line:
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", color=INK)
        for ax, row in zip(line, ids.tolist(), strict=False):
            ax.imshow(pixels[row].reshape(shape), cmap="gray_r", interpolation="nearest")
            ax.spines[:].set(visible=True, color=PALE)
            if names is not None:
                ax.set_xlabel(str(names[row]), fontsize=8, color=INK, labelpad=2)
    return figure


def _ids(chosen: Selection | ArrayLike) -> Ids:
    return chosen.ids if isinstance(chosen, Selection) else as_ids(chosen)


def _axes(ax: Any) -> Any:
    return plt.subplots(figsize=(5, 3.8), layout="constrained")[1] if ax is None else ax


def _finished(ax: Any, where: str) -> Any:
    ax.spines[["top", "right"]].set_visible(False)
    if ax.get_legend_handles_labels()[0]:
        ax.legend(frameon=False, fontsize=8, loc=where)
    return ax
