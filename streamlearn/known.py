"""Labels known without asking (initial, reference and test rows), checked, and test rows scored."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from streamlearn.arrays import Labels, Matrix, as_ids, as_labels, located
from streamlearn.data import Labelled
from streamlearn.errors import InputError
from streamlearn.metrics import Metric
from streamlearn.protocols import Learner, Source


class TestRows:
    """Rows that are only ever scored.

    They are encoded when first needed, not before the first batch: a stream's encoder must not be
    fitted on test rows.
    """

    __test__ = False  # not a class of tests

    def __init__(
        self, source: Source, given: tuple[Any, ArrayLike] | None, metrics: Mapping[str, Metric]
    ) -> None:
        self._source, self._given, self._metrics = source, given, metrics
        self._encoded: tuple[Matrix, Labels] | None = None

    def score(self, learner: Learner) -> dict[str, float]:
        """Return each metric of the learner; nothing without test rows."""
        if self._given is None:
            return {}
        if self._encoded is None:
            self._encoded = labelled_rows(self._source, self._given, "test")
        X, y = self._encoded
        return {name: metric(learner, X, y) for name, metric in self._metrics.items()}


def check_classes(y: Labels, classes: Labels | None, learner: Learner) -> None:
    """Refuse a label before it is written anywhere, not after."""
    if len(y) == 0:
        return
    known = learner.classes_ if classes is None else classes
    if len(known) and y.dtype.kind != known.dtype.kind:
        odd = y
    elif classes is not None:
        odd = y[~located(y, known)[1]]
    else:
        if hasattr(learner, "check_labels"):
            learner.check_labels(y)
        return
    if len(odd):
        raise InputError(
            f"label {odd[0].item()!r} is not among the classes {known.tolist()}; correct it, "
            "or name every label in Loop(classes=…)"
        )


def _pair(given: Any, name: str, shape: str) -> tuple[Any, Any]:
    if not isinstance(given, tuple) or len(given) != 2:
        raise InputError(f"{name} must be a tuple ({shape}), got {type(given).__name__}")
    return given


def initial_rows(source: Source, initial: tuple[ArrayLike, ArrayLike]) -> Labelled:
    """Return the pool's rows of the given ids with their labels."""
    given, labels = _pair(initial, "initial", "ids, labels")
    if source.streaming:
        raise InputError("a stream has no initial rows; give reference=(X, y) instead")
    ids, y = as_ids(given, "initial ids"), as_labels(labels, "initial labels")
    if len(ids) != len(y):
        raise InputError(f"initial has {len(ids)} ids and {len(y)} labels; give one each")
    if len(np.unique(ids)) < len(ids):
        raise InputError("initial names an id twice; give each once")
    return Labelled(ids, source.encode(source.rows(ids)), y, np.ones(len(ids)))


def reference_rows(source: Source, reference: tuple[Any, ArrayLike]) -> Labelled:
    """Return the reference encoded, with ids -1, -2, …"""
    X, y = labelled_rows(source, reference, "reference")
    return Labelled(-1 - np.arange(len(y)), X, y, np.ones(len(y)))


def labelled_rows(source: Source, given: tuple[Any, ArrayLike], name: str) -> tuple[Matrix, Labels]:
    """Return a pair (X, y) encoded like the source's rows."""
    rows, labels = _pair(given, name, "X, y")
    X, y = source.encode(rows), as_labels(labels, f"{name} labels")
    if X.shape[0] != len(y) or len(y) == 0:
        raise InputError(f"{name} has {X.shape[0]} rows and {len(y)} labels; give one each")
    return X, y
