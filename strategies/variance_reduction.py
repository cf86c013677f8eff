"""Variance reduction: ask the rows that would make predictions elsewhere most certain."""

import numpy as np
from scipy import sparse

from streamlearn.arrays import Floats, Matrix
from streamlearn.errors import InputError
from streamlearn.influence import LinearClassifier
from streamlearn.influence.fitted import Fitted
from streamlearn.influence.kernel import margins, take
from streamlearn.keyed import uniform
from streamlearn.protocols import View
from streamlearn.strategies.base import UtilityStrategy
from streamlearn.strategies.outputs import on_open
from streamlearn.strategies.products import all_equal, blocks
from streamlearn.surrogate import fit_surrogate


class VarianceReduction(UtilityStrategy):
    """Ask rows that reduce the variance of the predicted probabilities most.

    The variance of the probabilities at target rows, Σ tr(J H⁻¹ Jᵀ) with J their derivatives in
    the parameters, falls when a row's curvature is added to H; no label need be known. Targets
    are the reference rows, or a sample of the pool where there are none.

    Parameters
    ----------
    surrogate : LinearClassifier, optional
        The model whose variance it is, one with probabilities, fitted once a round to reference
        and labelled rows. By default the learner's own where it is a linear classifier, else a
        ``LinearClassifier()``.
    targets : int
        Rows of the pool to sample as targets, the same in every round.

    Notes
    -----
    One new row changes H by E C Eᵀ, so the utility is exactly tr((I + C G)⁻¹ C A) with
    G = Eᵀ H⁻¹ E and A = Eᵀ H⁻¹ M H⁻¹ E, where M = mean of JᵀJ; for two classes
    c xᵀAx / (1 + c xᵀH⁻¹x), c = p (1 − p). It costs two quadratic forms a row. All rows are
    equal while fewer than two classes are labelled.

    References
    ----------
    Cohn, Ghahramani, Jordan (1996), Active learning with statistical models; Schein and Ungar
    (2007), Active learning for logistic regression: an evaluation (A-optimality).

    Examples
    --------
    >>> VarianceReduction(targets=500)
    VarianceReduction(targets=500)
    """

    def __init__(self, surrogate: LinearClassifier | None = None, targets: int = 1000) -> None:
        self.surrogate = surrogate
        self.targets = targets

    def utilities(self, view: View) -> Floats:
        """Return the fall in the targets' mean variance that each candidate brings.

        Parameters
        ----------
        view : View
            The run as it stands.

        Returns
        -------
        ndarray of float64, shape (n,)
            Summed over the classes; NaN for rows that are not open.

        Raises
        ------
        InputError
            If ``targets`` is less than 1, or the surrogate has no probabilities or more
            parameters than can be factorised.
        """
        if not self.targets >= 1:
            raise InputError(f"targets is {self.targets!r}; give 1 or more")
        surrogate = fit_surrogate(view, self.surrogate)
        if surrogate is None or not len(view.candidates):
            return all_equal(view)
        fitted = surrogate.fitted
        if fitted.factor is None:
            raise InputError(
                f"the variance of {fitted.theta.size} parameters needs a factor of that size; give "
                "surrogate=LinearClassifier(solver='cholesky') if there is memory for it"
            )
        inverse = fitted.factor.inverse()
        shrinking = inverse @ _spread(fitted, self._target_rows(view)) @ inverse
        return on_open(view.candidates, lambda X: _reductions(fitted, X, inverse, shrinking))

    def _target_rows(self, view: View) -> Matrix:
        """The reference, or a sample of the pool that hangs on the ids alone."""
        if view.reference is not None and len(view.reference):
            return view.reference.X
        pool = view.candidates
        chosen = np.argsort(uniform(0, pool.ids, "variance targets"))[: self.targets]
        return pool.X[chosen]


def _spread(fitted: Fitted, X: Matrix) -> Floats:
    """Return M, the mean over rows of JᵀJ with J = ∂p/∂θ, (m D, m D)."""
    n, k = X.shape[0], fitted.loss.n_classes
    U = margins(X, fitted.theta, fitted.intercept)
    slopes = np.array([fitted.loss.pull(U, np.outer(e, np.ones(n))) for e in np.eye(k)])
    weights = np.einsum("kan,kbn->abn", slopes, slopes) / n
    if fitted.intercept:
        border = np.ones((n, 1))
        csr = sparse.issparse(X)
        X = sparse.hstack([X, border], format="csr") if csr else np.hstack([X, border])
    blocks = [[X.T @ (sparse.diags_array(w) @ X) for w in row] for row in weights]
    if sparse.issparse(X):
        blocks = [[block.toarray() for block in row] for row in blocks]
    return np.block(blocks)


def _reductions(fitted: Fitted, X: Matrix, inverse: Floats, shrinking: Floats) -> Floats:
    """Return tr((I + C G)⁻¹ C A) of every row, in blocks that stay in the cache."""
    n, m = X.shape[0], len(fitted.theta)
    reductions = np.empty(n)
    for rows in blocks(n, fitted.theta.size):
        block = take(X, rows.start, rows.stop)
        U = margins(block, fitted.theta, fitted.intercept)
        curvature = fitted.loss.evaluate(U, np.zeros(U.shape[-1], dtype=np.intp))[2]
        forms = (_forms(block, matrix, fitted.theta.shape) for matrix in (inverse, shrinking))
        C, G, A = (np.moveaxis(np.asarray(form), -1, 0) for form in (curvature, *forms))
        fall = np.linalg.solve(np.eye(m) + C @ G, C @ A)
        reductions[rows] = np.trace(fall, axis1=1, axis2=2)
    return reductions


def _forms(X: Matrix, matrix: Floats, shape: tuple[int, ...]) -> Floats:
    """Return Eᵀ(matrix)E of every row, (m, m, n)."""
    (m, D), d = shape, X.shape[1]
    blocks = matrix.reshape(m, D, m, D).transpose(0, 2, 1, 3)
    forms = np.empty((m, m, X.shape[0]))
    for a in range(m):
        for b in range(m):
            A = blocks[a, b]
            XA = X @ A[:d, :d]
            if sparse.issparse(X):
                forms[a, b] = np.asarray(X.multiply(XA).sum(axis=1)).ravel()
            else:
                forms[a, b] = np.einsum("nd,nd->n", XA, X)
            if d < D:
                forms[a, b] += X @ (A[:d, d] + A[d, :d]) + A[d, d]
    return forms
