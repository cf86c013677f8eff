"""Influence-tree sampling: ask where rows like those labelled so far have helped."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import clone

from streamlearn.arrays import Floats, Matrix
from streamlearn.errors import InputError, nearest
from streamlearn.influence import InfluenceTree, LinearClassifier
from streamlearn.influence.rows import canonical
from streamlearn.influence.scores import _linear
from streamlearn.influence.tree_nodes import LEAF
from streamlearn.protocols import View
from streamlearn.strategies.base import UtilityStrategy
from streamlearn.strategies.direction import ObjectiveFactory, objective_gradient, trusted
from streamlearn.strategies.outputs import on_open
from streamlearn.strategies.products import all_equal, blocks, products
from streamlearn.surrogate import Surrogate, fit_surrogate

_FEW = 2000  # rows that are sorted in less time than they are binned
LABELS = ("none", "expected")
NONE = np.empty(0)


class InfluenceTreeSampling(UtilityStrategy):
    """Ask rows for which a tree, grown on the rows labelled so far, predicts most influence.

    Parameters
    ----------
    refit : bool
        Grow the tree anew each round on all rows seen. False: on the first ``initial`` rows seen
        only, with the surrogate of these, as in the paper.
    label : {"none", "expected"}
        Whether the tree sees features alone, as in the paper, or the label too; its predictions
        are then averaged over the surrogate's p(y | x).
    tree : InfluenceTree, optional
        To be cloned; ``InfluenceTree(shrinkage=10.0, cv=None)`` by default, with its "exact"
        splitter for up to 2,000 rows. CSR rows are always split by that.
    objective : callable, optional
        Reference rows and labels (X, y) to an ``Objective``; ``ValidationLoss`` by default.
        See `ISAL`.
    surrogate : LinearClassifier, optional
        The model that influence is computed with; see `ISAL`.
    folds : int or None
        Folds in which the reference judges while it trains the surrogate; None: it judges only,
        as in the paper. See `ISAL`.
    initial : int
        Read with ``refit=False`` only: the number of rows the campaign began with.

    Raises
    ------
    InputError
        When it selects, if the run has no reference or a parameter is out of range.

    Notes
    -----
    The static tree is no state: it is grown again from the same first rows whenever it is asked,
    so a resumed run asks the same. A memory that forgets the first rows moves it. All rows are
    equal while fewer than two classes are labelled.

    Without the label E[influence | x] is close to zero for a calibrated model, which is what
    the tree then fits: do not expect it to beat `Margin`.

    References
    ----------
    Chhabra, Li, Mohapatra, Liu (2024), "What data benefits my classifier?", algorithm 1 and
    section 5.5.

    Examples
    --------
    >>> InfluenceTreeSampling(refit=False, initial=50)
    InfluenceTreeSampling(initial=50, refit=False)
    """

    def __init__(
        self,
        refit: bool = True,
        label: str = "none",
        tree: InfluenceTree | None = None,
        objective: ObjectiveFactory | None = None,
        surrogate: LinearClassifier | None = None,
        folds: int | None = 3,
        initial: int = 20,
    ) -> None:
        self.refit = refit
        self.label = label
        self.tree = tree
        self.objective = objective
        self.surrogate = surrogate
        self.folds = folds
        self.initial = initial

    def utilities(self, view: View) -> Floats:
        """Return the influence that the tree predicts for each candidate.

        Parameters
        ----------
        view : View
            With a reference.

        Returns
        -------
        ndarray of float64, shape (n,)
            In units of the objective; NaN for rows that are not open.

        Raises
        ------
        InputError
            If the view has no reference, or a parameter is out of range.
        """
        if self.label not in LABELS:
            raise nearest(self.label, LABELS, "label of InfluenceTreeSampling")
        if not self.initial >= 1:
            raise InputError(f"initial is {self.initial!r}; give 1 or more")
        trusted(view, self.folds)
        surrogate = fit_surrogate(
            view,
            self.surrogate,
            reference=self.folds is not None,
            first=None if self.refit else self.initial,
        )
        if surrogate is None:
            return all_equal(view)
        judges = len(trusted(view, self.folds)) if self.folds is not None else 0
        if len(surrogate.rows) == judges:
            return all_equal(view)
        values = self._influence(view, surrogate)
        tree = self._grow(surrogate, values, judges, sparse.issparse(view.candidates.X))

        def predict(X: Matrix) -> Floats:
            columns, n, labels = _columns(tree, X), X.shape[0], tree.label_classes_
            if labels is None:
                return _route(tree, columns, n)
            known = np.searchsorted(surrogate.model.classes_, labels)
            P = surrogate.fitted.loss.probabilities(products(view, surrogate, X)[0])[known]
            total = np.zeros(n)
            for indicators, p in zip(_indicators(len(labels)), P / P.sum(axis=0), strict=True):
                total += p * _route(tree, columns, n, indicators)
            return total

        return on_open(view.candidates, predict)

    def _influence(self, view: View, surrogate: Surrogate) -> Floats:
        """Influence of the surrogate's rows, on the objective as rows that did not train see it."""
        gradient = objective_gradient(view, surrogate, self.objective, self.folds)
        fitted = surrogate.fitted
        return _linear(fitted, gradient[None], leverage=fitted.factor is not None)[:, 0]

    def _grow(
        self, surrogate: Surrogate, values: Floats, judges: int, exact: bool
    ) -> InfluenceTree:
        """Grow the tree on the rows seen; those of the reference come first and are left out."""
        labelled = self.label == "expected"
        X, y = surrogate.rows.X[judges:], surrogate.rows.y[judges:]
        tree = InfluenceTree(shrinkage=10.0, cv=None) if self.tree is None else clone(self.tree)
        tree.set_params(use_label=labelled)
        if exact or (self.tree is None and len(y) <= _FEW):
            tree.set_params(splitter="exact")
        if tree.random_state is None:
            tree.set_params(random_state=0)
        return tree.fit(X, values[judges:], y if labelled else None)


def _columns(tree: InfluenceTree, X: Matrix) -> dict[int, NDArray[np.float32]]:
    """Return the columns that the tree compares, in the precision it was grown in."""
    used = [int(j) for j in np.unique(tree.feature_) if 0 <= j < X.shape[1]]
    some = np.empty((len(used), X.shape[0]), dtype=np.float32)
    if sparse.issparse(X):
        by_column = canonical(X).tocsc()  # an array of all columns used costs far more
        some[:] = 0.0
        for x, j in zip(some, used, strict=True):
            part = slice(by_column.indptr[j], by_column.indptr[j + 1])
            x[by_column.indices[part]] = by_column.data[part]
    else:
        for rows in blocks(*X.shape):
            some[:, rows] = X[rows].take(used, axis=1).T
    return dict(zip(used, some, strict=True))


def _indicators(labels: int) -> NDArray[np.float64]:
    """Return what the tree's label columns hold, a row a label: one column for two labels."""
    eye = np.eye(labels)
    return eye[:, 1:] if labels <= 2 else eye


def _route(
    tree: InfluenceTree, columns: dict[int, NDArray[np.float32]], n: int, indicators: Floats = NONE
) -> Floats:
    """Return the prediction for n rows of one label.

    `InfluenceTree.predict` would convert and check the whole pool, and copy it for each label.
    """
    values = np.empty(n)
    waiting: list[tuple[int, NDArray[np.intp] | None]] = [(0, None)]  # None: all rows
    while waiting:
        node, rows = waiting.pop()
        j, threshold = int(tree.feature_[node]), tree.threshold_[node]
        left, right = int(tree.children_left_[node]), int(tree.children_right_[node])
        if j == LEAF:
            values[slice(None) if rows is None else rows] = tree.value_[node]
        elif j >= tree.n_features_in_:
            below = indicators[j - tree.n_features_in_] <= threshold
            waiting.append((left if below else right, rows))
        else:
            x = columns[j]
            low = (x if rows is None else x[rows]) <= threshold
            for child, inside in (left, np.flatnonzero(low)), (right, np.flatnonzero(~low)):
                waiting.append((child, inside if rows is None else rows[inside]))
    return values
