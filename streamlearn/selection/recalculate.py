"""Values of the rows left once some are gone."""

from collections.abc import Callable
from copy import deepcopy

import numpy as np
from numpy.typing import ArrayLike

from streamlearn.arrays import Floats, Ids, Index, Matrix, as_ids
from streamlearn.errors import InputError
from streamlearn.influence import LinearClassifier, Objective, influence
from streamlearn.influence.rows import as_matrix


def influence_without(
    model: LinearClassifier,
    X: ArrayLike | Matrix,
    y: ArrayLike,
    objective: Objective,
    *,
    harmful: bool = False,
    ids: ArrayLike | None = None,
) -> Callable[[Ids], Floats]:
    """Influence of the rows left after the rows chosen are removed, for ``recalculate``.

    Parameters
    ----------
    model : LinearClassifier
        Fitted to the rows; it stays as it is, a copy is refitted, warm, to the rows left.
    X : array-like or CSR matrix of shape (n, d)
        Training rows.
    y : array-like of shape (n,)
        Labels.
    objective : Objective
        What the influence is on.
    harmful : bool, default=False
        Take the negative influence, to choose the rows that harm most.
    ids : array-like of int64, shape (n,), optional
        Ids of the rows, positions by default: as given to `select_diverse`.

    Returns
    -------
    callable
        Ids chosen -> ndarray of shape (n,), NaN at the rows chosen.

    References
    ----------
    Bhatt et al. (2021), sections 3.1 and appendix D.5.2.

    Examples
    --------
    >>> from streamlearn.influence import ValidationLoss
    >>> X, y = np.array([[-2.0], [-1.0], [1.0], [2.0], [2.0]]), np.array([0, 0, 1, 1, 0])
    >>> model = LinearClassifier().fit(X, y)
    >>> left = influence_without(model, X, y, ValidationLoss([[-1.5], [1.5]], [0, 1]))
    >>> np.isnan(left(np.array([4]))).tolist()
    [False, False, False, False, True]
    """
    X, labels = as_matrix(X), np.asarray(y)
    n = X.shape[0]
    if labels.shape != (n,):
        raise InputError(f"y has shape {labels.shape}, but X has {n} rows")
    index = Index(np.arange(n) if ids is None else as_ids(ids))
    refitted = deepcopy(model).set_params(warm_start=True)

    def values(chosen: Ids) -> Floats:
        left = np.delete(np.arange(n), index.positions(chosen))
        if len(np.unique(labels[left])) < len(model.classes_):
            raise InputError(
                f"a class has no rows left once {len(chosen)} are removed; choose fewer"
            )
        result = np.full(n, np.nan)
        kept = refitted.fit(X[left], labels[left])
        result[left] = influence(kept, X[left], labels[left], objective)
        return -result if harmful else result

    return values
