"""Influence for a non-linear model: a linear surrogate on its embedding."""

from collections.abc import Callable
from typing import Any, Self, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.neural_network import MLPClassifier
from sklearn.utils.validation import check_is_fitted

from streamlearn.errors import InputError
from streamlearn.influence.kernel import Matrix
from streamlearn.influence.linear import LinearClassifier
from streamlearn.influence.losses import Floats


class HiddenLayer(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Last hidden layer of a fitted MLPClassifier, as a transformer.

    Parameters
    ----------
    network : MLPClassifier
        A fitted network with at least one hidden layer.

    Examples
    --------
    >>> import numpy as np
    >>> X, y = np.arange(20.0)[:, None] / 20, np.arange(20) > 9
    >>> network = MLPClassifier((4, 3), solver="lbfgs", random_state=0).fit(X, y)
    >>> HiddenLayer(network).transform(X).shape
    (20, 3)
    """

    def __init__(self, network: MLPClassifier) -> None:
        self.network = network

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Do nothing: the network is fitted already.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Ignored.
        y : array-like, optional
            Ignored.

        Returns
        -------
        HiddenLayer
            Itself.
        """
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self.network, "coefs_")

    def transform(self, X: ArrayLike | Matrix) -> Floats:
        """Activations of the last hidden layer.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)
            Rows as the network takes them.

        Returns
        -------
        ndarray of shape (n, width)
            Activations.
        """
        check_is_fitted(self.network)
        if self.network.activation not in _ACTIVATIONS:
            raise InputError(f"activation {self.network.activation!r} is not known")
        layer: Any = X if sparse.issparse(X) else np.asarray(X, dtype=np.float64)
        layers = list(zip(self.network.coefs_, self.network.intercepts_, strict=True))[:-1]
        for weights, bias in layers:
            layer = _ACTIVATIONS[self.network.activation](np.asarray(layer @ weights) + bias)
        return cast(Floats, layer)


_ACTIVATIONS: dict[str, Callable[[Floats], Floats]] = {
    "relu": lambda z: np.maximum(z, 0.0),
    "tanh": np.tanh,
    "logistic": lambda z: 0.5 * (1.0 + np.tanh(0.5 * z)),
    "identity": lambda z: z,
}


class EmbeddedClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A linear classifier on the output of a fitted transformer.

    The surrogate of a non-linear model: its embedding is taken as given, the last layer is
    refitted to a certified minimum, and influence is that on the last layer alone. Rows that
    shaped the embedding itself are not charged for it.

    Parameters
    ----------
    embedding : fitted transformer or fitted MLPClassifier
        Of a network the last hidden layer is taken.
    classifier : LinearClassifier, optional
        What to fit on the embedding; a logistic one with ``l2=1`` by default.

    Attributes
    ----------
    linear_ : LinearClassifier
        The fitted surrogate: give it to `influence`, with rows that went through `embed`.
    classes_ : ndarray of shape (k,)
        Labels.

    References
    ----------
    Chhabra et al. (2024), section 3, on non-convex models.

    Examples
    --------
    >>> import numpy as np
    >>> from streamlearn.influence import ValidationLoss, influence
    >>> X, y = np.arange(20.0)[:, None] / 20, np.arange(20) > 9
    >>> network = MLPClassifier((4, 3), solver="lbfgs", random_state=0).fit(X, y)
    >>> model = EmbeddedClassifier(network).fit(X, y)
    >>> Z = model.embed(X)
    >>> influence(model.linear_, Z, y, ValidationLoss(Z, y)).shape
    (20,)
    """

    def __init__(self, embedding: Any, classifier: LinearClassifier | None = None) -> None:
        self.embedding = embedding
        self.classifier = classifier

    def embed(self, X: ArrayLike | Matrix) -> Any:
        """Rows as the linear part sees them.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)
            Rows as the embedding takes them.

        Returns
        -------
        ndarray or sparse matrix of shape (n, width)
            The embedding.
        """
        network = isinstance(self.embedding, MLPClassifier)
        return (HiddenLayer(self.embedding) if network else self.embedding).transform(X)

    def fit(
        self, X: ArrayLike | Matrix, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Fit the linear part; the embedding is left alone.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)
            Rows as the embedding takes them.
        y : array-like of shape (n,)
            Labels.
        sample_weight : array-like of shape (n,), optional
            Weights.

        Returns
        -------
        EmbeddedClassifier
            Itself.
        """
        template = LinearClassifier() if self.classifier is None else self.classifier
        self.linear_ = clone(template).fit(self.embed(X), y, sample_weight)
        self.classes_ = self.linear_.classes_
        return self

    def predict(self, X: ArrayLike | Matrix) -> NDArray[Any]:
        """Predict labels.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)
            Rows as the embedding takes them.

        Returns
        -------
        ndarray of shape (n,)
            Labels.
        """
        check_is_fitted(self)
        return cast(NDArray[Any], self.linear_.predict(self.embed(X)))

    def predict_proba(self, X: ArrayLike | Matrix) -> Floats:
        """Predict class probabilities.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)
            Rows as the embedding takes them.

        Returns
        -------
        ndarray of shape (n, k)
            Probabilities.
        """
        check_is_fitted(self)
        return cast(Floats, self.linear_.predict_proba(self.embed(X)))
