"""The training rows that explain one prediction."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from streamlearn.arrays import Matrix
from streamlearn.errors import InputError
from streamlearn.influence import LinearClassifier, ValidationLoss
from streamlearn.influence.rows import as_matrix
from streamlearn.selection.diversity import Diversity
from streamlearn.selection.select import Selection, select_diverse
from streamlearn.valuation import values


def explain_prediction(
    model: LinearClassifier,
    X: ArrayLike | Matrix,
    y: ArrayLike,
    row: ArrayLike | Matrix,
    m: int = 5,
    *,
    label: Any = None,
    harmful: bool = False,
    diversity: Diversity | None = None,
    gamma: float | str = "influence",
    **options: Any,
) -> dict[str, Selection]:
    """Choose training rows that explain one prediction, in three ways.

    Parameters
    ----------
    model : LinearClassifier
        Fitted to the rows; of a network the last layer, with the rows embedded.
    X : array-like or CSR matrix of shape (n, d)
        Training rows.
    y : array-like of shape (n,)
        Labels.
    row : array-like of shape (d,) or (1, d)
        The row predicted.
    m : int, default=5
        Training rows to choose.
    label : label, optional
        Whose loss at the row the influence is on; by default the label predicted. Give the true
        one to ask what made a mistake, with ``harmful=True``.
    harmful : bool, default=False
        Choose the rows that raise that loss instead of those that lower it.
    diversity, gamma, **options
        As for `select_diverse`.

    Returns
    -------
    dict of str to Selection
        "influence": the rows of most influence. "relatif": the same a unit of change in the
        parameters, which passes over rows that move everything (its sums are in those units).
        "divine": diverse and influential.

    Raises
    ------
    InputError
        If there is not one row, or no such label.

    References
    ----------
    Bhatt et al. (2021), section 3.2; Koh & Liang (2017), equation 2; Barshan, Brunet & Dziugaite
    (2020), RelatIF.

    Examples
    --------
    >>> X, y = np.array([[-2.0], [-1.0], [1.0], [2.0], [2.0]]), np.array([0, 0, 1, 1, 0])
    >>> model = LinearClassifier().fit(X, y)
    >>> why = explain_prediction(model, X, y, [1.5], 2)
    >>> sorted(why), len(why["divine"])
    (['divine', 'influence', 'relatif'], 2)
    """
    one = as_matrix([row] if np.ndim(row) == 1 else row)
    if one.shape[0] != 1:
        raise InputError(f"row must be one row, got {one.shape[0]}; explain them one by one")
    loss = ValidationLoss(one, model.predict(one) if label is None else [label])
    sign = -1.0 if harmful else 1.0
    plain = sign * np.asarray(values(model, X, y, loss))
    relative = sign * np.asarray(values(model, X, y, loss, method="relatif"))
    return {
        "influence": select_diverse(plain, X, m, diversity, gamma=0.0, **options),
        "relatif": select_diverse(relative, X, m, diversity, gamma=0.0, **options),
        "divine": select_diverse(plain, X, m, diversity, gamma=gamma, **options),
    }
