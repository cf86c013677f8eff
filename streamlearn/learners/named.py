"""Learners by name, for the command line, where a library's own defaults do not do.

The others are named by entry points that lead straight to scikit-learn and River.
"""

from typing import Any

from sklearn.linear_model import SGDClassifier


def sgd(**parameters: Any) -> SGDClassifier:
    """Return logistic regression by stochastic gradient descent.

    Parameters
    ----------
    **parameters
        Of scikit-learn's ``SGDClassifier``.

    Returns
    -------
    SGDClassifier

    Examples
    --------
    >>> sgd(alpha=0.01)
    SGDClassifier(alpha=0.01, loss='log_loss')
    """
    return SGDClassifier(**{"loss": "log_loss", **parameters})


def averaged_sgd(**parameters: Any) -> SGDClassifier:
    """Return logistic regression by averaged stochastic gradient descent.

    Parameters
    ----------
    **parameters
        Of scikit-learn's ``SGDClassifier``.

    Returns
    -------
    SGDClassifier

    Examples
    --------
    >>> averaged_sgd()
    SGDClassifier(average=True, loss='log_loss')
    """
    return SGDClassifier(**{"loss": "log_loss", "average": True, **parameters})


def passive_aggressive(**parameters: Any) -> SGDClassifier:
    """Return the passive-aggressive classifier (PA-I), as scikit-learn now spells it.

    Parameters
    ----------
    **parameters
        Of scikit-learn's ``SGDClassifier``; ``eta0`` is the aggressiveness C.

    Returns
    -------
    SGDClassifier

    References
    ----------
    Crammer et al., Online Passive-Aggressive Algorithms, JMLR 7, 2006.

    Examples
    --------
    >>> passive_aggressive().learning_rate
    'pa1'
    """
    defaults = {"loss": "hinge", "penalty": None, "learning_rate": "pa1", "eta0": 1.0}
    return SGDClassifier(**{**defaults, **parameters})
