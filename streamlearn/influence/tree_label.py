"""The label as a feature of an influence tree: indicator columns after all others."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import assert_all_finite, column_or_1d

from streamlearn.errors import InputError


def classes_of(y: Any, n: int, use_label: str | bool) -> NDArray[Any] | None:
    """Return the labels that become columns.

    Parameters
    ----------
    y : array of shape (n,), or None
        One label a row.
    n : int
        Rows.
    use_label : "auto" or bool
        As in ``InfluenceTree``.

    Returns
    -------
    ndarray or None
        The distinct labels, sorted; None if the label is not to be used.

    Raises
    ------
    InputError
        If labels are demanded and missing, or cannot be sorted.
    """
    if y is None and use_label is True:
        raise InputError("use_label=True but y is None: pass labels, or use_label='auto'")
    if y is None or use_label is False:
        return None
    try:
        return np.unique(_as_labels(y, n))
    except TypeError as error:
        raise InputError(f"labels of several types cannot be sorted: {error}") from error


def append_label(X: Any, y: Any, classes: NDArray[Any] | None, use_label: str | bool) -> Any:
    """Append one column for two classes (1 for the second), one a class for more.

    Parameters
    ----------
    X : ndarray or CSR matrix of float32, shape (n, d)
        The rows.
    y : array of shape (n,), or None
        Their labels.
    classes : ndarray or None
        What ``classes_of`` returned.
    use_label : "auto" or bool
        As in ``InfluenceTree``.

    Returns
    -------
    ndarray or CSR matrix of float32
        X itself if ``classes`` is None.

    Raises
    ------
    InputError
        If labels are missing, not wanted, or new.
    """
    if classes is None:
        if y is not None and use_label is not False:
            raise InputError("labels given, but the tree was fitted without: drop y")
        return X
    if y is None:
        raise InputError("the tree was fitted with labels: pass y, or refit without")
    y = _as_labels(y, X.shape[0])
    matches = np.column_stack([y == label for label in classes])
    new = ~matches.any(axis=1)
    if new.any():
        raise InputError(
            f"label {y[new][0]!r} was not seen by fit, which saw {classes.tolist()}: "
            "drop such rows, or refit"
        )
    indicators = matches[:, 1 if classes.size <= 2 else 0 :].astype(np.float32)
    if sparse.issparse(X):
        return sparse.hstack([X, sparse.csr_matrix(indicators)], format="csr")
    return np.hstack([X, indicators])


def name_columns(
    feature_names: Sequence[str] | None, n_features: int, classes: NDArray[Any] | None
) -> list[str]:
    """Name every column, those of the label included.

    Parameters
    ----------
    feature_names : sequence of str, or None
        Names of the features; x0, x1, … if None.
    n_features : int
        Columns before the label's.
    classes : ndarray or None
        What ``classes_of`` returned.

    Returns
    -------
    list of str
        One a column.

    Raises
    ------
    InputError
        If the number of names is not that of the features.
    """
    if feature_names is None:
        feature_names = [f"x{j}" for j in range(n_features)]
    if len(feature_names) != n_features:
        raise InputError(
            f"{len(feature_names)} feature_names for {n_features} columns: pass one a column"
        )
    names = [str(name) for name in feature_names]
    if classes is None:
        return names
    if classes.size <= 2:
        return names + ["label"] * (classes.size - 1)
    return names + [f"label = {label}" for label in classes]


def _as_labels(y: Any, n: int) -> NDArray[Any]:
    labels = np.asarray(column_or_1d(y, input_name="y"))
    if labels.size != n:
        raise InputError(f"{n} rows in X but {labels.size} labels: pass one a row")
    if labels.dtype.kind == "f":
        assert_all_finite(labels, input_name="y")
    return labels
