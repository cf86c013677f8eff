"""Turn a plain estimator into a learner."""

from copy import deepcopy
from typing import Any

from sklearn.base import BaseEstimator, clone, is_clusterer, is_outlier_detector, is_regressor

from streamlearn.errors import InputError
from streamlearn.learners.incremental import Incremental
from streamlearn.learners.refit import Refit
from streamlearn.learners.river_learner import RiverLearner
from streamlearn.learners.river_model import is_river, seeded
from streamlearn.learners.seeds import checked, sow
from streamlearn.learners.sklearn_model import refuse_pairwise
from streamlearn.protocols import Learner


def private(learner: Any, seed: int, classes: Any) -> Learner:
    """Return a copy of a learner, with the seed and the classes where it has none."""
    learner = deepcopy(learner)
    if isinstance(learner, RiverLearner):
        learner.model = seeded(learner.model, seed)
    elif hasattr(learner, "get_params"):
        sow(learner, seed)
    if classes is not None and getattr(learner, "classes", classes) is None:
        learner.classes = classes
    made: Learner = learner
    return made


def wrap(
    estimator: Any, *, seed: int, classes: Any = None, incremental: bool | None = None
) -> Learner:
    """Return a learner of one's own: a copy, with a seed.

    Parameters
    ----------
    estimator : Learner, scikit-learn classifier or River classifier
        A learner is copied with all it has learned, and keeps its own way of learning; a plain
        estimator is cloned and wrapped.
    seed : int
        Given to every part whose ``random_state`` or ``seed`` is None, modulo 2**32.
    classes : array-like, optional
        All labels that may come. A learner of another make keeps its own.
    incremental : bool, optional
        Whether to learn each batch once (``partial_fit``, ``learn_many``) or to fit anew on all
        rows kept. None: a River model learns incrementally, a scikit-learn one is refitted.

    Returns
    -------
    Learner
        A ``Refit``, ``Incremental`` or ``RiverLearner``, or the copy of the learner given.

    Raises
    ------
    InputError
        If it is no classifier, or cannot learn in the way asked.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> wrap(GaussianNB(), seed=0)
    Refit(estimator=GaussianNB())
    >>> wrap(GaussianNB(), seed=0, incremental=True)
    Incremental(estimator=GaussianNB())
    """
    seed = checked(seed)
    name = type(estimator).__name__
    if isinstance(estimator, type):
        raise InputError(
            f"got the class {estimator.__name__}; make an instance: {estimator.__name__}()"
        )
    if hasattr(estimator, "learn") and hasattr(estimator, "predict_proba"):
        return private(estimator, seed, classes)
    if is_river(estimator):
        if incremental is False:
            raise InputError(
                f"{name} is a River model and learns each batch once; leave incremental=None"
            )
        return RiverLearner(seeded(estimator, seed), classes)
    if not all(hasattr(estimator, method) for method in ("fit", "predict", "get_params")):
        raise InputError(
            f"cannot learn with {estimator!r} of type {name}; give a scikit-learn classifier, a "
            "River classifier, or an object with learn(new, kept), predict_proba and predict"
        )
    other = (is_regressor, is_clusterer, is_outlier_detector)
    if isinstance(estimator, BaseEstimator) and any(kind(estimator) for kind in other):
        raise InputError(f"{name} is no classifier; give one, such as LogisticRegression()")
    refuse_pairwise(estimator)
    if incremental and not hasattr(estimator, "partial_fit"):
        raise InputError(f"{name} has no partial_fit; leave incremental=None to refit it")
    estimator = clone(estimator)
    sow(estimator, seed)
    return Incremental(estimator, classes) if incremental else Refit(estimator, classes)
