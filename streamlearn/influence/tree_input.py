"""What an influence tree is given, checked: parameters, rows and their influence."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import assert_all_finite, column_or_1d
from sklearn.utils.validation import validate_data

from streamlearn.errors import InputError, nearest
from streamlearn.influence.tree_growth import Limits
from streamlearn.influence.tree_validation import SHRINKAGES


def growth(tree: Any) -> tuple[Limits, tuple[float, ...]]:
    """Refuse parameters out of range; return growth limits and the λ to choose from."""
    if tree.splitter not in ("binned", "exact"):
        raise nearest(str(tree.splitter), ("binned", "exact"), "splitter")
    if tree.use_label not in ("auto", True, False):
        raise InputError(f"use_label={tree.use_label!r}: pass 'auto', True or False")
    for name, least, optional in (
        ("max_leaf_nodes", 2, True),
        ("max_depth", 1, True),
        ("min_samples_leaf", 1, False),
        ("cv", 2, True),
    ):
        given = getattr(tree, name)
        whole = isinstance(given, int | np.integer) and not isinstance(given, bool)
        if not (whole and given >= least) and not (optional and given is None):
            hint = " or None" if optional else ""
            raise InputError(f"{name}={given!r}: pass a whole number from {least} up{hint}")
    limits = Limits(tree.max_leaf_nodes, tree.max_depth, tree.min_samples_leaf)
    if isinstance(tree.shrinkage, str):
        if tree.shrinkage != "cv":
            raise nearest(tree.shrinkage, ("cv",), "shrinkage")
        if tree.cv is None:
            raise InputError("shrinkage='cv' with cv=None: pass folds, or λ as a number")
        return limits, SHRINKAGES
    if not (isinstance(tree.shrinkage, float | int | np.number) and tree.shrinkage >= 0):
        raise InputError(f"shrinkage={tree.shrinkage!r}: pass 'cv' or a number from 0 up")
    return limits, (float(tree.shrinkage),)


def rows_of(tree: Any, X: Any, values: Any) -> tuple[Any, NDArray[np.float64]]:
    """Check rows and their influence; sets ``n_features_in_`` and names."""
    refuse_sparse(tree, X)
    if values is not None:  # validate_data words that error
        values = column_or_1d(values, warn=True, input_name="values")
        assert_all_finite(values, input_name="values")
        if hasattr(X, "__len__") or hasattr(X, "shape"):
            n = X.shape[0] if hasattr(X, "shape") else len(X)
            if n != values.size:
                raise InputError(f"{n} rows in X but {values.size} values: pass one a row")
    with np.errstate(over="ignore"):  # what float32 cannot hold is refused as infinite
        X, values = validate_data(
            tree, X, values, dtype=np.float32, accept_sparse="csr", y_numeric=True
        )
    return X, np.ascontiguousarray(values, dtype=np.float64)


def refuse_sparse(tree: Any, X: Any) -> None:
    """Only the exact splitter reads CSR."""
    if sparse.issparse(X) and tree.splitter != "exact":
        raise InputError(
            f"splitter={tree.splitter!r} takes no sparse matrix (received {X.format}): "
            "pass splitter='exact', or a dense array"
        )


def two_valued(X: Any, columns: NDArray[np.intp]) -> dict[int, tuple[float, float]]:
    """The columns that have no more than two values, with these."""
    found = {}
    for j in np.unique(columns).tolist():
        x = X[:, [j]].toarray().ravel() if sparse.issparse(X) else X[:, j]
        low, high = x.min(), x.max()
        if ((x == low) | (x == high)).all():
            found[j] = (float(low), float(high))
    return found
