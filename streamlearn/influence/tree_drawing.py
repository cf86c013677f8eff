"""Drawing an influence tree: an outline of its conditions, a bar for each region's influence."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from streamlearn.influence.tree_nodes import LEAF, Nodes
from streamlearn.influence.tree_text import Wording

# Okabe and Ito's blue and vermillion: apart in every common form of colour blindness, and as greys.
HELPS, HARMS, PALE_HARMS = "#0072B2", "#D55E00", "#FBE3D3"
INK, GREY = "#222222", "#555555"
INCHES_A_ROW, INCHES_A_LETTER, INCHES_A_STEP = 0.23, 0.072, 0.2
BARS = 3.0  # inches


def draw(
    nodes: Nodes,
    value: NDArray[np.float64],
    words: Wording,
    headline: str,
    title: str,
    max_depth: int | None,
    ax: Any,
) -> Any:
    """Draw the tree on ``ax``, or on a new figure made to measure.

    Parameters
    ----------
    nodes : Nodes
        The tree.
    value : ndarray of float64, shape (n_nodes,)
        Its values after shrinkage.
    words : Wording
        How to word conditions.
    headline, title : str
        The two lines on top, title first.
    max_depth : int or None
        Show no deeper nodes than this.
    ax : Axes or None
        Where to draw.

    Returns
    -------
    Axes
        The axes drawn on. Its x is in inches of the figure made to measure.
    """
    rows = _outline(nodes, words, max_depth)
    width = max(depth * INCHES_A_STEP + len(text) * INCHES_A_LETTER for _, depth, text, _ in rows)
    zero = width + 0.3 + BARS / 2
    value_at, count_at = zero + BARS / 2 + 0.65, zero + BARS / 2 + 1.35
    size = np.array([count_at + 0.4, (len(rows) + 2) * INCHES_A_ROW + 1.0])
    if ax is None:
        _, ax = plt.subplots(figsize=size, layout="constrained")
    given = ax.get_window_extent().size / ax.figure.dpi
    font = 9 * min(1.0, *(given / size * 1.25))  # smaller print for axes smaller than asked for
    ends = [node for node, _, _, end in rows if end]
    power = _power(np.abs(value[ends]).max())
    inches = BARS / 2 / (np.abs([value[ends], nodes.mean[ends]]).max() or 1.0)
    y_of = {node: y for y, (node, _, _, _) in enumerate(rows)}
    for node, depth, text, end in rows:
        y, x = y_of[node], depth * INCHES_A_STEP
        ax.text(x, y, text, va="center", color=INK if end else GREY, fontsize=font)
        if not end:
            stem, tip = x + 0.07, x + INCHES_A_STEP - 0.03
            for child in (nodes.left[node], nodes.right[node]):
                elbow = [y + 0.42, y_of[child], y_of[child]]
                ax.plot([stem, stem, tip], elbow, color="#9A9A9A", linewidth=0.8)
            continue
        ax.axhspan(y - 0.5, y + 0.5, color="#F5F5F5", linewidth=0, zorder=0)
        _bar(ax, y, zero, value[node] * inches, nodes.mean[node] * inches)
        number = f"{value[node] / 10.0**power:+.2f}".replace("-", "−")
        ax.text(value_at, y, number, va="center", ha="right", fontsize=font, color=INK)
        ax.text(count_at, y, f"{nodes.count[node]:,}", va="center", ha="right", fontsize=font)
    ax.plot([zero, zero], [-0.6, len(rows) - 0.4], color=INK, linewidth=0.8)
    scaled = f"\n× 1e{power}" if power else ""
    for x, side, head in (
        (zero - 0.1, "right", "← harms"),
        (zero + 0.1, "left", "helps →"),
        (value_at, "right", f"influence{scaled}"),
        (count_at, "right", "rows"),
    ):
        ax.text(x, -0.8, head, ha=side, va="bottom", fontsize=font, color=INK, fontweight="bold")
    ax.set(xlim=(-0.05, count_at + 0.1), ylim=(len(rows) - 0.3, -2.2))
    ax.set_axis_off()
    ax.set_title(f"{title}\n", loc="left", fontsize=font + 3, fontweight="bold", color=INK)
    ax.text(0, 1, headline, transform=ax.transAxes, va="bottom", fontsize=font, color=GREY)
    ax.legend(
        handles=_key(),
        loc="upper left",
        bbox_to_anchor=(0, 0),
        ncols=3,
        frameon=False,
        fontsize=font - 1,
        borderaxespad=0.2,
    )
    return ax


def _outline(
    nodes: Nodes, words: Wording, max_depth: int | None
) -> list[tuple[int, int, str, bool]]:
    """Node, depth, condition and whether it is drawn as an end, in reading order."""
    rows = []
    waiting = [(0, 0, "all rows")]
    while waiting:
        node, depth, text = waiting.pop()
        end = nodes.feature[node] == LEAF or depth == max_depth
        rows.append((node, depth, text, bool(end)))
        if not end:
            j, cut = int(nodes.feature[node]), float(nodes.threshold[node])
            above, below = words.condition(j, cut, np.inf), words.condition(j, -np.inf, cut)
            waiting.append((int(nodes.right[node]), depth + 1, above))
            waiting.append((int(nodes.left[node]), depth + 1, below))
    return rows


def _bar(ax: Any, y: int, zero: float, length: float, unshrunk: float) -> None:
    """Helping: solid, to the right. Harming: hatched, to the left. A tick where CART stood."""
    helps = length > 0
    ax.barh(
        y,
        length,
        left=zero,
        height=0.62,
        facecolor=HELPS if helps else PALE_HARMS,
        edgecolor=HELPS if helps else HARMS,
        hatch=None if helps else "//////",
        linewidth=0.8,
    )
    ax.plot([zero + unshrunk] * 2, [y - 0.4, y + 0.4], color=INK, linewidth=1.2)


def _key() -> list[Any]:
    tick = Line2D([], [], color=INK, linestyle="", marker="|", markersize=9)
    tick.set_label("mean before shrinkage")
    return [
        Patch(facecolor=HELPS, edgecolor=HELPS, label="+ rows help the model"),
        Patch(facecolor=PALE_HARMS, edgecolor=HARMS, hatch="//////", label="− rows harm the model"),
        tick,
    ]


def _power(largest: float) -> int:
    """Power of ten that the printed values are in units of."""
    if largest == 0 or 0.1 <= largest < 1000:
        return 0
    return int(np.floor(np.log10(largest)))
