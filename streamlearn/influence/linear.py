"""Linear classifiers fitted to a certified gradient, so that influence means something."""

import warnings
from collections.abc import Iterable
from typing import Any, Self, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import assert_all_finite, check_is_fitted, validate_data

from streamlearn.errors import InputError, nearest
from streamlearn.influence.kernel import Matrix, margins
from streamlearn.influence.losses import Floats, Loss, make_loss
from streamlearn.influence.problem import Problem, use_factor
from streamlearn.influence.rows import Rows, as_weight, canonical
from streamlearn.influence.solve import minimise
from streamlearn.influence.start import subsamples


class LinearClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Linear classifier at the certified minimum of a penalised sum of losses.

    Minimises ``sum_i s_i loss(x_i, y_i) + (l2 / 2) |w|^2`` (sum form, the intercept is not
    penalised) by Newton's method until ``|gradient|_inf / sum_i s_i <= tol``.

    Parameters
    ----------
    loss : {"logistic", "softmax", "squared_hinge"}, default="logistic"
        For more than two classes "logistic" is the softmax, and "squared_hinge" is Weston and
        Watkins' multiclass hinge, squared. Binary "softmax" keeps two rows of coefficients.
    l2 : float, default=1.0
        Penalty, in units of the loss of one row. 1 / l2 is scikit-learn's ``C``.
    fit_intercept : bool, default=True
        Whether to fit an intercept.
    tol : float, default=1e-8
        Largest absolute entry of the gradient to accept, a row.
    max_iter : int, default=200
        Most Newton or quasi-Newton iterations.
    warm_start : bool, default=False
        Start from the parameters of the last fit, where they have the right shape.
    solver : {"auto", "cholesky", "cg"}, default="auto"
        Factorise the Hessian or use conjugate gradients; "auto" factorises up to 2048 parameters.
    n_jobs : int or None, default=None
        Threads that share the rows. Pays from about 100,000 rows on.

    Attributes
    ----------
    coef_ : ndarray of shape (1, d) or (k, d)
        Weights.
    intercept_ : ndarray of shape (1,) or (k,)
        Intercepts; the rows of a softmax sum to zero.
    classes_ : ndarray of shape (k,)
        Labels, sorted. Labels whose rows all have weight zero are not among them.
    gradient_norm_ : float
        ``|gradient|_inf / sum_i s_i`` at the end: the certificate.
    converged_ : bool
        Whether that is at most ``tol``; if not, a ConvergenceWarning was given.
    n_iter_ : int
        Iterations on the whole data.
    n_features_in_ : int
        Columns seen in fit.

    Notes
    -----
    Without curvature (duplicated columns, fewer rows than columns, both with ``l2=0``) the steps
    are those of the pseudo-inverse. Separable data with ``l2=0`` have no finite minimum: the fit
    stops where the gradient passes ``tol`` and warns.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> model = LinearClassifier(l2=0.5).fit(X, ["no", "yes", "no", "yes"])
    >>> model.predict([[0.2], [2.9]]).tolist()
    ['no', 'yes']
    >>> model.gradient_norm_ <= 1e-8
    True
    """

    def __init__(
        self,
        loss: str = "logistic",
        l2: float = 1.0,
        *,
        fit_intercept: bool = True,
        tol: float = 1e-8,
        max_iter: int = 200,
        warm_start: bool = False,
        solver: str = "auto",
        n_jobs: int | None = None,
    ) -> None:
        self.loss = loss
        self.l2 = l2
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start
        self.solver = solver
        self.n_jobs = n_jobs

    def fit(
        self, X: ArrayLike | Matrix, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Fit to rows in memory.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)
            Features; float32, float64 and CSR are used as they are, CSR is never made dense.
        y : array-like of shape (n,)
            Labels, of at least two classes.
        sample_weight : array-like of shape (n,), optional
            Weights, not negative.

        Returns
        -------
        LinearClassifier
            Itself.

        Raises
        ------
        InputError
            If a parameter, a weight or the number of classes cannot be used.
        """
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
            ensure_all_finite=False,  # seen by the first pass, see Rows.sweep
        )
        assert_all_finite(y, input_name="y")
        X = canonical(X)
        check_classification_targets(y)
        labels = np.asarray(y)
        weight = as_weight(sample_weight, X.shape[0])
        if weight is not None and not weight.any():
            raise InputError("every sample weight is zero; give some row a positive weight")
        self._start(np.unique(labels if weight is None else labels[weight > 0]), X.shape[1])
        if weight is not None:
            present = np.isin(labels, self.classes_)
            if not present.all():
                X, labels, weight = X[present], labels[present], weight[present]
        rows = Rows.in_memory(X, labels, weight, self.classes_, self.n_jobs)
        start = self._first_parameters()
        if start is None:
            start = self._from_subsamples(X, labels, weight)
        return self._finish(rows, start)

    def fit_batches(
        self, batches: Iterable[tuple[Any, ...]], classes: ArrayLike | None = None
    ) -> Self:
        """Fit to batches that need not be in memory together.

        Parameters
        ----------
        batches : iterable of (X, y) or (X, y, sample_weight)
            Iterated once for every pass, so an object whose ``__iter__`` starts anew.
        classes : array-like of shape (k,), optional
            Labels; without them one more pass looks for them.

        Returns
        -------
        LinearClassifier
            Itself: the same parameters as ``fit`` on all rows, to ``tol``.
        """
        if classes is None:
            classes = np.unique(np.concatenate([np.unique(np.asarray(b[1])) for b in batches]))
        found = np.unique(np.asarray(classes))
        rows = Rows(batches, found, self.n_jobs)
        first = next(iter(rows), None)
        if first is None:
            raise InputError("there are no batches; give at least one")
        self.n_features_in_ = first[0].shape[1]
        self._start(found, self.n_features_in_)
        return self._finish(rows, self._first_parameters())

    def _start(self, classes: NDArray[Any], d: int) -> None:
        """Check parameters and remember what the data look like."""
        make_loss(self.loss, 2)
        if self.solver not in ("auto", "cholesky", "cg"):
            raise nearest(self.solver, ("auto", "cholesky", "cg"), "solver")
        if not self.l2 >= 0 or not np.isfinite(self.l2):
            raise InputError(f"l2 is {self.l2!r}; give a finite number, zero or more")
        if not self.tol > 0:
            raise InputError(f"tol is {self.tol!r}; give a positive number")
        if len(classes) < 2:
            raise InputError(
                f"y holds one class only ({classes.tolist()}); a classifier needs rows of "
                "positive weight from at least two classes"
            )
        self._previous = getattr(self, "classes_", None)
        self.classes_ = classes

    def _first_parameters(self) -> Floats | None:
        """Give the last fit's parameters if a warm start can use them."""
        previous = self.__dict__.pop("_previous")
        usable = (
            self.warm_start
            and previous is not None
            and np.array_equal(previous, self.classes_)
            and self.coef_.shape[1] == self.n_features_in_
            and len(self.coef_) == len(self._loss().contrast)
        )
        return self._theta() if usable else None

    def _from_subsamples(self, X: Matrix, y: NDArray[Any], weight: Floats | None) -> Floats | None:
        """Minimise over few rows, then over more: only the parameters are kept, no curvature."""
        theta: Floats | None = None
        parameters = self._loss().outputs * (X.shape[1] + int(self.fit_intercept))
        for rows, share in subsamples(X, weight, parameters):
            part = Rows.in_memory(X[rows], y[rows], share, self.classes_, self.n_jobs)
            theta, _, _ = self._minimise(part, theta, 3e-4, float(self.l2), X.shape[1])
        return theta

    def _minimise(
        self, rows: Rows, start: Floats | None, tol: float, l2: float, d: int
    ) -> tuple[Floats, Floats, int]:
        """Run Newton's method on the rows; gives parameters, gradient a row, iterations."""
        problem = Problem(rows, self._loss(), bool(self.fit_intercept), l2, d)
        shape = (problem.loss.outputs, problem.D)
        theta0 = np.zeros(shape) if start is None else start
        theta, g, iterations = minimise(
            problem.oracle,
            problem.expand if use_factor(self.solver, theta0.size) else problem.expand_inexact,
            theta0.ravel(),
            tol,
            self.max_iter,
        )
        return theta.reshape(shape), g, iterations

    def _finish(self, rows: Rows, start: Floats | None) -> Self:
        """Minimise over all rows, store the result and say so if it is not certified."""
        theta, g, iterations = self._minimise(
            rows, start, self.tol, float(self.l2), self.n_features_in_
        )
        self._set_theta(theta)
        self.n_iter_ = max(1, iterations)
        self.gradient_norm_ = float(np.abs(g).max())
        self.converged_ = self.gradient_norm_ <= self.tol
        if not self.converged_:
            warnings.warn(
                f"the gradient is {self.gradient_norm_:.2e} a row after {iterations} iterations, "
                f"tol is {self.tol:.0e}; scale the columns, raise l2 or max_iter",
                ConvergenceWarning,
                stacklevel=3,
            )
        elif self.l2 == 0 and self._separated(rows, theta):
            warnings.warn(
                "the classes are separated and l2 is 0, so there is no finite minimum: the "
                "parameters are where the gradient passed tol; give l2 > 0",
                ConvergenceWarning,
                stacklevel=3,
            )
        return self

    def _separated(self, rows: Rows, theta: Floats) -> bool:
        """Whether the loss is too small for any row to be on the wrong side."""
        loss = self._loss()
        if not loss.has_probabilities:
            return False
        lightest = min(
            1.0 if weight is None else float(weight[weight > 0].min(initial=np.inf))
            for _, _, weight in rows
        )
        value = rows.sweep(theta, loss, bool(self.fit_intercept)).value
        return bool(value < np.log(2.0) * lightest)

    def _loss(self) -> Loss:
        """Give the loss for the classes seen."""
        check_is_fitted(self)
        return make_loss(self.loss, len(self.classes_))

    def _theta(self) -> Floats:
        """Give the parameters (m, D) that the system is solved in, the intercept last."""
        full = np.asarray(self.coef_, dtype=np.float64)
        if self.fit_intercept:
            full = np.column_stack([full, self.intercept_])
        return self._loss().contrast.T @ full

    def _set_theta(self, theta: Floats) -> None:
        """Store parameters (m, D) as coef_ and intercept_."""
        full = self._loss().contrast @ theta
        d = self.n_features_in_
        self.coef_ = np.ascontiguousarray(full[:, :d])
        self.intercept_ = full[:, d].copy() if self.fit_intercept else np.zeros(len(full))

    def _at(self, theta: Floats) -> "LinearClassifier":
        """Give a model like this one with other parameters (m, D)."""
        other = type(self)(**self.get_params(deep=False))
        other.__dict__.update(
            {k: v for k, v in self.__dict__.items() if k not in ("gradient_norm_", "converged_")}
        )
        other._set_theta(theta)
        return other

    def _margins(self, X: ArrayLike | Matrix) -> Floats:
        """Give margins (m, n)."""
        X = validate_data(self, X, accept_sparse="csr", dtype=[np.float64, np.float32], reset=False)
        return margins(X, self._theta(), bool(self.fit_intercept))

    def decision_function(self, X: ArrayLike | Matrix) -> Floats:
        """Signed margin of the second class, or a score a class.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)
            Features.

        Returns
        -------
        ndarray of shape (n,) or (n, k)
            Margins for two classes, scores for more; the highest score is predicted.
        """
        loss, U = self._loss(), self._margins(X)
        if len(self.classes_) == 2:
            return cast(
                Floats, U[0] if len(loss.contrast) == 1 else np.diff(loss.scores(U), axis=0)[0]
            )
        return cast(Floats, np.ascontiguousarray(loss.scores(U).T))

    def predict(self, X: ArrayLike | Matrix) -> NDArray[Any]:
        """Predict labels.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)
            Features.

        Returns
        -------
        ndarray of shape (n,)
            Labels.
        """
        loss, U = self._loss(), self._margins(X)
        return self.classes_[loss.predict(U)]

    @available_if(lambda self: self.loss != "squared_hinge")  # type: ignore[untyped-decorator]
    def predict_proba(self, X: ArrayLike | Matrix) -> Floats:
        """Predict class probabilities; a squared hinge has none.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)
            Features.

        Returns
        -------
        ndarray of shape (n, k)
            Probabilities, rows sum to 1.
        """
        loss, U = self._loss(), self._margins(X)
        return cast(Floats, np.ascontiguousarray(loss.probabilities(U).T))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
