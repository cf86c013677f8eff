"""Loss under an attack that moves every row across the decision boundary."""

import copy

import numpy as np
from numpy.typing import ArrayLike

from streamlearn.errors import InputError
from streamlearn.influence.linear import LinearClassifier
from streamlearn.influence.losses import Codes, Floats
from streamlearn.influence.objectives import ValidationLoss

_TINY = 1e-300


class AdversarialLoss(ValidationLoss):
    """Mean loss on rows moved along the normal of a boundary: x' = x - gamma (w.x + b) / |w|^2 w.

    The metric is the accuracy on the moved rows. For gamma > 1 every row lands on the other side
    of the model that is attacked, so its accuracy becomes one minus the clean one: gains against
    a *static* attack are gains by transfer, and go when the new model is attacked in turn.
    Report both. Of several classes, a row is moved across the boundary with its second best.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n, d)
        Features.
    y : array-like of shape (n,)
        Labels.
    gamma : float, default=1.3
        Distance in units of that to the boundary.
    reattack : bool, default=False
        Attack whatever model is evaluated, and differentiate through the attack (two classes
        only). By default the rows are moved once, see ``model``, and then are constants.
    model : LinearClassifier, optional
        The model that a static attack is made from. `influence` sets it to the model it is
        given (``objective.at(model)``); until then every model evaluated is attacked itself, and
        the gradient is that of the fixed rows.

    References
    ----------
    Megyeri et al. (2019); Chhabra et al. (2024), equation 3.

    Examples
    --------
    >>> X, y = [[-1.0], [-2.0], [1.0], [2.0]], [0, 0, 1, 1]
    >>> model = LinearClassifier().fit(X, y)
    >>> AdversarialLoss(X, y).metric(model)
    0.0
    """

    def __init__(
        self,
        X: ArrayLike,
        y: ArrayLike,
        gamma: float = 1.3,
        reattack: bool = False,
        model: LinearClassifier | None = None,
    ) -> None:
        super().__init__(X, y)
        self.gamma, self.reattack, self.model = gamma, reattack, model

    def at(self, model: LinearClassifier) -> "AdversarialLoss":
        """Make the attack from this model, unless it is made anew each time or made already."""
        if self.reattack or self.model is not None:
            return self
        fixed = copy.copy(self)
        fixed.model = copy.deepcopy(model)
        return fixed

    def _margins(self, model: LinearClassifier, theta: Floats) -> Floats:
        """Margins (..., m, n) on the moved rows, which are never formed."""
        U = super()._margins(model, theta)
        if self.reattack:
            if len(model.classes_) > 2:
                raise InputError(
                    f"reattack=True is for two classes, the model has {len(model.classes_)}; "
                    "use a static attack, and at(new model) to attack again"
                )
            return (1.0 - self.gamma) * U
        length, normals, which = self._attack(model)
        shift = theta[..., : self.X.shape[1]] @ normals.T
        return U - self.gamma * length * shift[..., which]

    def _attack(self, model: LinearClassifier) -> tuple[Floats, Floats, Codes]:
        """Steps to the boundary (n,), in units of normals (p, d), and which normal (n,)."""
        attacked = self.model or model
        loss, theta = attacked._loss(), attacked._theta()
        U = super()._margins(attacked, theta)
        weights = theta[:, : self.X.shape[1]]
        if len(attacked.classes_) == 2:
            length = U[0] / max(float(weights[0] @ weights[0]), _TINY)
            return length, weights, np.zeros(len(length), dtype=np.intp)
        k, n, Q = loss.n_classes, U.shape[1], loss.contrast
        normals = ((Q[:, None, :] - Q[None, :, :]) @ weights).reshape(k * k, -1)
        squares = np.maximum(np.einsum("pd,pd->p", normals, normals), _TINY)
        Z = loss.scores(U)
        top = Z.argmax(axis=0)
        gaps = Z[top, np.arange(n)] - Z
        distance = gaps / np.sqrt(squares.reshape(k, k))[top].T
        distance[top, np.arange(n)] = np.inf
        other = distance.argmin(axis=0)
        which = top * k + other
        return gaps[other, np.arange(n)] / squares[which], normals, which

    def _pulled_back(self, model: LinearClassifier, slope: Floats) -> Floats:
        """A derivative in the margins as one in the parameters, through the moved rows."""
        full = super()._pulled_back(model, slope)
        if self.reattack:
            return (1.0 - self.gamma) * full
        length, normals, which = self._attack(model)
        moved = np.zeros((len(slope), len(normals)))
        np.add.at(moved.T, which, (slope * length).T)
        full[:, : self.X.shape[1]] -= self.gamma * (model._loss().contrast @ (moved @ normals))
        return full
