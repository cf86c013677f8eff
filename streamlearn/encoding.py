"""From a table as people keep it to the numbers a model reads."""

from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from streamlearn.arrays import Matrix
from streamlearn.errors import InputError


def as_matrix(X: Any, what: str = "X", columns: int | None = None) -> Matrix:
    """Return a numeric (n, d) array or CSR matrix, checked once so that nobody need check again.

    Parameters
    ----------
    X : array-like or sparse matrix, shape (n, d)
        Floats are taken as they are, without a copy; integers and booleans become float64.
    what : str
        How to call it in an error.
    columns : int, optional
        The number of columns it must have.

    Returns
    -------
    ndarray of float32 or float64, or CSR matrix, shape (n, d)

    Raises
    ------
    InputError
        If it is not numeric, not two-dimensional, of another width, or holds NaN or infinity.

    Examples
    --------
    >>> as_matrix([[1, 2], [3, 4]]).dtype
    dtype('float64')
    """
    if sparse.issparse(X):
        matrix: Any = X.tocsr()
        values: Any = matrix.data
    else:
        matrix = values = np.asarray(X)
    if matrix.dtype.kind in "iub":
        matrix = matrix.astype(np.float64)
        values = matrix.data if sparse.issparse(matrix) else matrix
    if matrix.dtype.kind != "f" or matrix.ndim != 2:
        raise InputError(
            f"{what} must be numeric with shape (rows, columns), got dtype {matrix.dtype} and "
            f"shape {matrix.shape}; give mixed tables as a pandas DataFrame"
        )
    if columns is not None and matrix.shape[1] != columns:
        raise InputError(f"{what} must have {columns} columns, got {matrix.shape[1]}")
    # A sum is one pass without a temporary; it is finite unless a value is odd or huge.
    with np.errstate(over="ignore", invalid="ignore"):
        suspicious = values.size and not np.isfinite(values.sum())
    if suspicious and not np.isfinite(values).all():
        coo = sparse.coo_array(matrix) if sparse.issparse(matrix) else None
        first = int(np.flatnonzero(~np.isfinite(values if coo is None else coo.data))[0])
        row, column = (
            np.unravel_index(first, matrix.shape)
            if coo is None
            else (coo.coords[0][first], coo.coords[1][first])
        )
        raise InputError(
            f"{what} holds {matrix[row, column]} at row {row}, column {column}; "
            "drop or impute such rows first"
        )
    return matrix


class FrameEncoder(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Encode a pandas frame: numbers standardised, everything else one-hot.

    Fitted once and without labels; categories not seen then become all zeros.

    Parameters
    ----------
    missing : {"error", "impute"}
        What to do with missing numbers: refuse them, or put the median and add an indicator
        column. A missing category is a category of its own.

    Attributes
    ----------
    columns_ : list of str
        The columns read, in order; others are ignored.
    feature_names_ : list of str
        The names of the encoded columns.

    Examples
    --------
    >>> frame = pd.DataFrame({"age": [20.0, 40.0], "job": ["cook", "smith"]})
    >>> FrameEncoder().fit(frame).transform(frame)
    array([[-1.,  1.,  0.],
           [ 1.,  0.,  1.]])
    """

    def __init__(self, missing: Literal["error", "impute"] = "error") -> None:
        self.missing = missing

    def fit(self, X: pd.DataFrame, y: None = None) -> "FrameEncoder":
        """Learn scales and categories from a frame."""
        if self.missing not in ("error", "impute"):
            raise InputError(f"missing must be 'error' or 'impute', got {self.missing!r}")
        if len(X) == 0 or X.shape[1] == 0:
            raise InputError(f"an encoder needs rows and columns, got a frame of shape {X.shape}")
        if X.columns.has_duplicates:
            twice = X.columns[X.columns.duplicated()][0]
            raise InputError(f"column {twice!r} comes twice; rename one of them")
        self.columns_ = list(X.columns)
        self.numeric_ = [c for c in self.columns_ if pd.api.types.is_numeric_dtype(X[c])]
        categories = [c for c in self.columns_ if c not in self.numeric_]
        for column in categories:
            if pd.api.types.is_datetime64_any_dtype(X[column]):
                raise InputError(
                    f"column {column!r} holds dates; turn it into numbers or drop it first"
                )
        number: Any = StandardScaler()
        if self.missing == "impute":
            number = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), number)
        self.transformer_ = ColumnTransformer(
            [
                ("number", number, self.numeric_),
                ("category", OneHotEncoder(handle_unknown="ignore"), categories),
            ],
            verbose_feature_names_out=False,
        ).fit(self._clean(X))
        self.feature_names_ = [str(name) for name in self.transformer_.get_feature_names_out()]
        return self

    def transform(self, X: pd.DataFrame) -> Matrix:
        """Return (n, d) float64, dense or CSR, whichever the fitted table asked for."""
        absent = [c for c in self.columns_ if c not in getattr(X, "columns", ())]
        if absent:
            raise InputError(f"the table lacks column {absent[0]!r}, which the encoder reads")
        if len(X) == 0:
            return np.empty((0, len(self.feature_names_)))
        encoded = self.transformer_.transform(self._clean(X))
        return encoded.tocsr() if sparse.issparse(encoded) else encoded

    def _clean(self, X: pd.DataFrame) -> pd.DataFrame:
        """Plain floats and plain strings, odd numbers refused by the column's name."""
        clean = {}
        for column in self.columns_:
            if column in self.numeric_:
                try:
                    values = X[column].to_numpy(dtype=np.float64, na_value=np.nan)
                except (TypeError, ValueError) as error:
                    raise InputError(
                        f"column {column!r} was numeric and is now {X[column].dtype}"
                    ) from error
                lost = int(np.isnan(values).sum())
                if lost and self.missing == "error":
                    raise InputError(
                        f"column {column!r} holds {lost} missing values; drop such rows, or give "
                        "encoder=FrameEncoder(missing='impute')"
                    )
                if np.isinf(values).any():
                    raise InputError(f"column {column!r} holds an infinite value; correct it first")
                clean[column] = values
            else:
                text = X[column].astype(object)
                clean[column] = text.where(text.notna(), "missing").astype(str).to_numpy(object)
        return pd.DataFrame(clean, index=X.index)
