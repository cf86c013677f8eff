"""InfluenceTree: in which regions of feature space do rows help the model, and where harm it?"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from streamlearn.errors import InputError
from streamlearn.influence.tree_bins import bin_columns
from streamlearn.influence.tree_growth import grow_binned, grow_exact
from streamlearn.influence.tree_input import growth, refuse_sparse, rows_of, two_valued
from streamlearn.influence.tree_label import append_label, classes_of, name_columns
from streamlearn.influence.tree_nodes import LEAF, leaf_of, shrink
from streamlearn.influence.tree_text import Wording, headline, rules, wording
from streamlearn.influence.tree_validation import fold_of, validate


class InfluenceTree(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A small regression tree from rows (and their labels) to their influence on a model.

    Parameters
    ----------
    max_leaf_nodes : int or None, default 31
        Leaves are added best-first up to this number.
    max_depth : int or None, default None
        Longest path.
    min_samples_leaf : int, default 5
        Fewest rows a leaf may hold.
    shrinkage : "cv" or float, default "cv"
        λ of hierarchical shrinkage, in rows: 0 is plain CART, infinity predicts the mean. "cv"
        takes the best of 0, .1, 1, 10, 50, 100, 500 on held-out folds.
    splitter : {"binned", "exact"}, default "binned"
        "binned" looks for cuts between 256 quantile bins a column, and is fast; where no column
        has more than 256 distinct values it finds the same tree. "exact" is scikit-learn's CART,
        and takes CSR matrices.
    use_label : "auto" or bool, default "auto"
        Whether the label is a feature too: "auto" if ``fit`` is given one, True demands one,
        False ignores it. Two classes make one column, more make one column each.
    cv : int or None, default 5
        Folds that measure ``r2_`` and ``spearman_`` and choose λ; None measures nothing, and
        grows one tree only.
    random_state : int, RandomState or None, default None
        Deals rows to folds; with "exact", also decides between equally good splits.

    Attributes
    ----------
    feature_, children_left_, children_right_ : ndarray of intp, shape (n_nodes,)
        The column that a node compares, and its children; -1 in a leaf. Node 0 is the root and
        parents come before children. Label columns come last.
    threshold_ : ndarray of float64, shape (n_nodes,)
        Rows with ``x <= threshold`` go left; NaN in a leaf.
    n_node_samples_ : ndarray of int64, shape (n_nodes,)
        Training rows in a node.
    mean_, value_ : ndarray of float64, shape (n_nodes,)
        Mean influence of these rows, and the same after shrinkage, which is what is predicted.
    shrinkage_ : float
        λ used.
    cv_errors_ : ndarray of float64 or None
        Mean squared held-out error for each λ tried; None where nothing was measured.
    r2_, spearman_ : float
        Held-out share of variance explained, and rank correlation (mean over folds). With
        ``shrinkage="cv"`` folds are nested: no row has had a say in the λ of its prediction.
        NaN if ``cv`` is None, with fewer than 2 × cv rows, or if all influences are equal.
    label_classes_ : ndarray or None
        The labels, sorted; None if the label is not used.
    feature_names_ : list of str
        Name of each column, the label's included.
    two_valued_ : dict of int to (float, float)
        The split columns that have only two values, and which.
    n_features_in_ : int
        Columns of X.

    Notes
    -----
    Algorithm 1 of Chhabra et al. 2024: CART on (x, y) → influence, then hierarchical shrinkage
    (Agarwal et al. 2022) h(q) = ξ(q, t₀) + Σ (ξ(q, tⱼ) − ξ(q, tⱼ₋₁)) / (1 + λ / φ(tⱼ₋₁)), with
    ξ the mean in a node and φ its number of rows. Features are compared in float32, as in
    scikit-learn's trees. The order of rows changes nothing beyond rounding (with "exact", but
    for ties). The binned splitter bins all rows at once, before folds are made: bins depend on
    X alone, never on the influences that are held out.

    References
    ----------
    Chhabra, Li, Mohapatra, Liu: "What data benefits my classifier?", ICLR 2024.
    Agarwal, Tan, Ronen, Singh, Yu: "Hierarchical shrinkage", ICML 2022.

    Examples
    --------
    >>> import numpy as np
    >>> from streamlearn.influence.tree import InfluenceTree
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(500, 3))
    >>> influence = np.where(X[:, 1] > 0, 1.0, -2.0) + 0.1 * rng.normal(size=500)
    >>> tree = InfluenceTree(max_leaf_nodes=2, random_state=0).fit(X, influence)
    >>> bool(tree.r2_ > 0.95)
    True
    >>> int(tree.feature_[0])
    1
    """

    def __init__(
        self,
        max_leaf_nodes: int | None = 31,
        max_depth: int | None = None,
        min_samples_leaf: int = 5,
        shrinkage: str | float = "cv",
        splitter: str = "binned",
        use_label: str | bool = "auto",
        cv: int | None = 5,
        random_state: Any = None,
    ) -> None:
        self.max_leaf_nodes = max_leaf_nodes
        self.max_depth = max_depth
        self.min_samples_leaf = min_samples_leaf
        self.shrinkage = shrinkage
        self.splitter = splitter
        self.use_label = use_label
        self.cv = cv
        self.random_state = random_state

    def fit(
        self,
        X: Any,
        values: ArrayLike,
        y: ArrayLike | None = None,
        feature_names: Sequence[str] | None = None,
    ) -> Self:
        """Grow the tree, choose λ, and measure both on held-out rows.

        Parameters
        ----------
        X : array or data frame of shape (n, d); CSR matrix with ``splitter="exact"``
            The rows whose influence is known.
        values : array of shape (n,)
            Their influence: positive where the row helps.
        y : array of shape (n,), optional
            Their labels.
        feature_names : sequence of str of length d, optional
            Names for text and plots; a data frame's columns, or x0, x1, … if not given.

        Returns
        -------
        InfluenceTree
            Itself.

        Raises
        ------
        InputError
            For a parameter out of its range, lengths that differ, too few rows for ``cv``.
        ValueError
            For NaN or infinite input (raised by scikit-learn's checks).
        """
        limits, shrinkages = growth(self)
        X, values = rows_of(self, X, values)
        n = values.size
        self.label_classes_ = classes_of(y, n, self.use_label)
        if feature_names is None:
            feature_names = getattr(self, "feature_names_in_", None)
        self.feature_names_ = name_columns(feature_names, X.shape[1], self.label_classes_)
        X = append_label(X, y, self.label_classes_, self.use_label)
        if len(shrinkages) > 1 and self.cv is not None and n < 2 * self.cv:
            raise InputError(
                f"n_samples={n}: shrinkage='cv' with cv={self.cv} needs at least {2 * self.cv} "
                "rows; pass a number as shrinkage, or fewer folds"
            )
        if self.splitter == "exact":

            def grow(rows: NDArray[np.intp]) -> Any:
                inside = X if rows.size == n else X[rows]
                return grow_exact(inside, values[rows], limits, self.random_state)

        else:
            grow = partial(grow_binned, bin_columns(X), values, limits)
        self.shrinkage_, self.cv_errors_ = shrinkages[0], None
        self.r2_ = self.spearman_ = float("nan")
        if self.cv is not None and n >= 2 * self.cv:
            fold = fold_of(X, values, self.cv, check_random_state(self.random_state))
            held_out = validate(grow, X, values, fold, shrinkages)
            self.shrinkage_ = shrinkages[int(held_out.errors.argmin())]
            self.cv_errors_ = held_out.errors
            self.r2_, self.spearman_ = held_out.r2, held_out.spearman
        self._nodes = grow(np.arange(n))
        self.feature_, self.threshold_ = self._nodes.feature, self._nodes.threshold
        self.children_left_, self.children_right_ = self._nodes.left, self._nodes.right
        self.n_node_samples_, self.mean_ = self._nodes.count, self._nodes.mean
        self.value_ = shrink(self._nodes, self.shrinkage_)
        self.two_valued_ = two_valued(X, self.feature_[self.feature_ != LEAF])
        return self

    def predict(self, X: Any, y: ArrayLike | None = None) -> NDArray[np.float64]:
        """Estimate the influence of rows.

        Parameters
        ----------
        X : array or data frame of shape (n, d); CSR matrix with ``splitter="exact"``
            Rows.
        y : array of shape (n,), optional
            Their labels: needed if the tree was fitted with them.

        Returns
        -------
        ndarray of float64, shape (n,)
            Influence, in the units of the values fitted; positive where rows help.

        Raises
        ------
        InputError
            If labels are missing, not wanted, or were not seen by ``fit``.
        """
        leaf = self.apply(X, y)
        return np.asarray(self.value_[leaf])

    def apply(self, X: Any, y: ArrayLike | None = None) -> NDArray[np.intp]:
        """Find the leaf of each row.

        Parameters
        ----------
        X : array or data frame of shape (n, d); CSR matrix with ``splitter="exact"``
            Rows.
        y : array of shape (n,), optional
            Their labels: needed if the tree was fitted with them.

        Returns
        -------
        ndarray of intp, shape (n,)
            Node numbers.
        """
        check_is_fitted(self)
        refuse_sparse(self, X)
        with np.errstate(over="ignore"):
            X = validate_data(self, X, dtype=np.float32, accept_sparse="csr", reset=False)
        X = append_label(X, y, self.label_classes_, self.use_label)
        return leaf_of(self._nodes, X, np.arange(X.shape[0]))

    def score(self, X: Any, values: ArrayLike, y: ArrayLike | None = None) -> float:
        """Share of the variance of influences that the tree explains.

        Parameters
        ----------
        X : array or data frame of shape (n, d); CSR matrix with ``splitter="exact"``
            Rows, others than those of ``fit`` (for these see ``r2_``).
        values : array of shape (n,)
            Their influence.
        y : array of shape (n,), optional
            Their labels: needed if the tree was fitted with them.

        Returns
        -------
        float
            R².
        """
        return float(r2_score(values, self.predict(X, y)))

    def to_text(
        self,
        *,
        scale: Any = None,
        units: Mapping[str, str] | None = None,
        precision: int = 4,
    ) -> str:
        """Write the tree as rules, one a leaf, the most harmful first.

        Parameters
        ----------
        scale : (mean, std) or fitted StandardScaler, optional
            How X was standardised: thresholds are then given in original units.
        units : mapping of str to str, optional
            Units by feature name.
        precision : int, default 4
            Significant digits of thresholds.

        Returns
        -------
        str
            The held-out fit, then the rules.

        Examples
        --------
        >>> import numpy as np
        >>> from streamlearn.influence.tree import InfluenceTree
        >>> X = np.repeat([[0.0], [1.0]], 10, axis=0)
        >>> tree = InfluenceTree(shrinkage=0.0, random_state=0)
        >>> tree = tree.fit(X, np.repeat([-1.0, 2.0], 10), feature_names=["member"])
        >>> print(tree.to_text())
        held-out R² 1.00, rank correlation 1.00; λ = 0; 20 rows
                   influence     rows   unshrunk  where
        harms             -1       10         -1  member = 0
        helps             +2       10         +2  member = 1
        """
        words = self._wording(scale, units, precision)
        return f"{self._headline()}\n{rules(self._nodes, self.value_, words)}"

    def plot(
        self,
        ax: Any = None,
        *,
        scale: Any = None,
        units: Mapping[str, str] | None = None,
        precision: int = 4,
        max_depth: int | None = None,
        title: str = "Influence tree",
    ) -> Any:
        """Draw the tree as an outline, with a bar for the influence of each region.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure of fitting size if not given.
        scale : (mean, std) or fitted StandardScaler, optional
            How X was standardised: thresholds are then given in original units.
        units : mapping of str to str, optional
            Units by feature name.
        precision : int, default 4
            Significant digits of thresholds.
        max_depth : int, optional
            Show no deeper nodes than this.
        title : str, default "Influence tree"
            First line; the held-out fit follows below it.

        Returns
        -------
        matplotlib Axes
            ``.figure.savefig(path)`` saves it.
        """
        from streamlearn.influence.tree_drawing import draw  # pyplot is slow to import

        words = self._wording(scale, units, precision)
        return draw(self._nodes, self.value_, words, self._headline(), title, max_depth, ax)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = self.splitter == "exact"
        return tags

    def _wording(self, scale: Any, units: Mapping[str, str] | None, precision: int) -> Wording:
        check_is_fitted(self)
        return wording(
            self.feature_names_,
            self.n_features_in_,
            self.two_valued_,
            self.label_classes_,
            scale,
            units,
            precision,
        )

    def _headline(self) -> str:
        return headline(self.shrinkage_, int(self.n_node_samples_[0]), self.r2_, self.spearman_)
