"""What a learner reads of labelled rows: labels that are known, weights that count."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamlearn.arrays import Floats, Labels, Matrix, as_labels, located
from streamlearn.data import Labelled
from streamlearn.errors import InputError

NO_LABELS: Labels = np.empty(0, dtype=np.int64)
NO_LABELS.flags.writeable = False  # every cold learner shows this one


def sorted_classes(classes: Any) -> Labels:
    """Return the labels given up front, sorted, each once."""
    labels: Labels = np.unique(as_labels(classes, "classes"))
    if not len(labels):
        raise InputError("classes is empty; name the labels, or leave classes=None")
    return labels


def named(labels: Labels) -> str:
    """Return labels as they should read in a sentence, at most ten of them."""
    shown = ", ".join(repr(label) for label in labels[:10].tolist())
    return shown + (f", … ({len(labels)} in all)" if len(labels) > 10 else "")


def positions(y: Labels, classes: Labels, remedy: str) -> NDArray[np.intp]:
    """Return where each label stands among sorted classes; InputError for one that does not."""
    at, known = located(y, classes)
    if not known.all():
        label = y[~known][:1].tolist()[0]
        raise InputError(f"label {label!r} is none of the classes {named(classes)}; {remedy}")
    return at


def union(known: Labels, y: Labels) -> Labels:
    """Return the labels of both, sorted, each once; kinds that cannot be sorted are an error."""
    if not len(known):
        labels: Labels = np.unique(y)
        return labels
    if located(y, known)[1].all():
        return known
    if (y.dtype.kind == "U") != (known.dtype.kind == "U"):
        positions(y, known, "labels of one run are of one kind")
    labels = np.unique(np.concatenate([known, y]))
    return labels


def no_weights(name: str, weight: Floats) -> InputError:
    """Say that a model cannot learn rows that count other than once."""
    return InputError(
        f"{name} takes no sample weights, got the weight {weight[weight != 1][0]}; "
        "use weights 0 and 1, or another estimator"
    )


def counted(rows: Labelled) -> tuple[Matrix, Labels, Floats | None]:
    """Return X, y and weights of the rows that count; None where every weight is 1."""
    X, y, weight = rows.X, rows.y, rows.weight
    if not X.shape[0] == len(y) == len(weight):
        raise InputError(
            f"rows need one label and one weight each, got {X.shape[0]} rows, {len(y)} labels "
            f"and {len(weight)} weights"
        )
    if y.dtype.kind not in "iufbU":
        y = as_labels(y)
    if (weight == 1).all():
        return X, y, None
    bad = ~(np.isfinite(weight) & (weight >= 0))
    if bad.any():
        raise InputError(f"weights must be finite and not negative, got {weight[bad][0]}")
    used = np.flatnonzero(weight)
    X, y, weight = X[used], y[used], weight[used]
    return X, y, None if (weight == 1).all() else weight
