"""What each training row is worth: one function, six methods."""

from collections.abc import Callable
from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from streamlearn.arrays import Matrix, as_labels
from streamlearn.errors import InputError, nearest
from streamlearn.influence.linear import LinearClassifier
from streamlearn.influence.objectives import Objective
from streamlearn.influence.rows import as_matrix, as_weight
from streamlearn.valuation.counterfactual import by_counterfactual
from streamlearn.valuation.first_order import by_influence, by_relative_influence
from streamlearn.valuation.knn import by_knn_shapley
from streamlearn.valuation.result import Values
from streamlearn.valuation.retrained import by_leave_one_out
from streamlearn.valuation.shapley import by_shapley

_LINEAR = ("influence", "relatif", "counterfactual")


def values(
    model: Any,
    X: ArrayLike,
    y: ArrayLike,
    objective: Objective,
    method: str = "influence",
    *,
    sample_weight: ArrayLike | None = None,
    **options: Any,
) -> Values:
    r"""What each training row is worth: positive helps the objective, negative harms it.

    Parameters
    ----------
    model : LinearClassifier or scikit-learn classifier
        Fitted to the rows; "shapley", and "leave_one_out" of other classifiers, fit clones and
        take any classifier, fitted or not; "knn_shapley" looks at its ``n_neighbors`` alone.
    X : array-like or sparse matrix of shape (n, d)
        Training rows.
    y : array-like of shape (n,)
        Labels.
    objective : Objective
        What counts, lower is better: those of `streamlearn.influence`, and `Accuracy`, `AUC` and
        `HardGap`, which have no gradient.
    method : str, default="influence"
        One of those below.
    sample_weight : array-like of shape (n,), optional
        Weights the model was fitted with; "knn_shapley" knows none.
    **options
        Of the method.

    Returns
    -------
    Values
        Scores of shape (n,) in units of the objective, a standard error where the method is
        random, and a report.

    Raises
    ------
    InputError
        If the arguments do not fit each other.
    ConvergenceError
        If a linear model is not at its minimum on these rows.

    Notes
    -----
    "influence" (``form="auto"``, ``leverage=True``, ``n_jobs``, ``tol``)
        ``grad f . H^-1 . grad loss_i``, or with ``form="update"`` f itself at the parameters
        predicted, as auto does for a loss on the training rows. Report: form.
    "relatif" (``norm="parameters"``, ``n_jobs``, ``tol``)
        Plain influence divided by ``|H^-1 g|``, or with ``norm="loss"`` by ``|H^-1/2 g|``: the
        effect a unit of change, which keeps outliers from leading.
    "leave_one_out" (``n_jobs``, ``tol``, ``random_state=0``)
        The objective of the model fitted again without the row, minus that of the model.
    "counterfactual" (``exact=True``, ``delta=1e-3``, ``tol``)
        The objective of the best model that predicts the row otherwise, minus that of the model;
        ``exact=False`` is the closed form. Two classes. Report: margin, flipped.
    "shapley" (``permutations=500``, ``truncation=0.0``, ``until``, ``random_state=0``, ``n_jobs``,
    ``state``, ``exact=False``)
        Mean effect of adding the row, over random orders of all rows. ``truncation=0.01`` ends an
        order that has stayed within 1 % of what all rows gain for five rows, and spreads what is
        left evenly; that draws late effects together, which no standard error shows. ``until=0.9``
        ends when two halves of the orders rank rows that much alike. ``state=path`` keeps the sums
        in a file, so that a run that was stopped, or asked for more orders, goes on; the result is
        the same to the last bit, whatever ``n_jobs``. ``exact=True`` enumerates all subsets of at
        most 16 rows. A subset that lacks one of the classes has taught nothing: its objective is
        that of uniform probabilities. Linear models (dense, l2 > 0) are scanned by warm Newton
        steps, good to 1e-6 in the objective, to 1e-5 at a small l2; others are refitted. Report:
        permutations, rank_correlation (between two halves of the orders: the noise is the real
        limit), history (orders, rank correlation, median standard error after each block), empty,
        full.
    "knn_shapley" (``k``, ``calibrated=False``, ``n_jobs``)
        The Shapley value of nearest neighbours' votes, exact. Report: k, calibrated.

    References
    ----------
    Koh & Liang (2017); Barshan, Brunet & Dziugaite (2020), RelatIF; Ghorbani & Zou (2019), Data
    Shapley; Jia et al. (2019), KNN-Shapley; Yang et al. (2024), calibrated; Bhatt et al. (2021),
    section 2 and appendix B.

    Examples
    --------
    >>> import numpy as np
    >>> from streamlearn.influence import LinearClassifier, ValidationLoss
    >>> from streamlearn.valuation import values
    >>> X, y = np.array([[-2.0], [-1.0], [1.0], [2.0], [2.0]]), np.array([0, 0, 1, 1, 0])
    >>> model, judge = LinearClassifier().fit(X, y), ValidationLoss([[-1.5], [1.5]], [0, 1])
    >>> for method in ("influence", "leave_one_out", "shapley", "knn_shapley"):
    ...     options = {"k": 1} if method == "knn_shapley" else {}
    ...     print(method, np.argmin(values(model, X, y, judge, method, **options)))
    influence 4
    leave_one_out 4
    shapley 4
    knn_shapley 4
    """
    if method not in _METHOD:
        raise nearest(method, _METHOD, "method of valuation")
    if not isinstance(objective, Objective):
        raise InputError(
            f"objective is {objective!r}; give one such as ValidationLoss(X, y), or Custom(...)"
        )
    rows: Matrix = as_matrix(X, finite=True)
    labels = as_labels(y, "y")
    if len(labels) != rows.shape[0]:
        raise InputError(f"y has {len(labels)} labels, but X has {rows.shape[0]} rows")
    weight = as_weight(sample_weight, rows.shape[0])
    counted = labels if weight is None else labels[weight > 0]
    if len(np.unique(counted)) < 2:
        raise InputError(
            f"y holds one class only ({np.unique(counted).tolist()}); a classifier needs rows of "
            "positive weight from at least two classes"
        )
    if method in _LINEAR and not isinstance(model, LinearClassifier):
        raise InputError(
            f"{method} needs a LinearClassifier, got {type(model).__name__}; fit one on the "
            "model's embedding (EmbeddedClassifier), or use leave_one_out, shapley or knn_shapley"
        )
    run = _METHOD[method]
    known = [p.name for p in signature(run).parameters.values() if p.kind is p.KEYWORD_ONLY]
    for name in options:
        if name not in known:
            raise nearest(name, known, f"option of {method}")
    return run(model, rows, labels, objective, weight, **options)


_METHOD: dict[str, Callable[..., Values]] = {
    "influence": by_influence,
    "relatif": by_relative_influence,
    "leave_one_out": by_leave_one_out,
    "counterfactual": by_counterfactual,
    "shapley": by_shapley,
    "knn_shapley": by_knn_shapley,
}
