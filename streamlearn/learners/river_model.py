"""What has to be known of a River model, and the guards against what damages one silently."""

import inspect
from collections.abc import Iterator
from typing import Any

from river import base, compose, linear_model, multiclass, naive_bayes, optim, preprocessing

from streamlearn.errors import InputError


def is_river(model: Any) -> bool:
    """Say whether something is a model of River."""
    return isinstance(model, base.Base | base.Wrapper)


class ClampedScaler(preprocessing.StandardScaler):  # type: ignore[misc]
    """River's scaler, whose batch variance (E[x²] − mean²) may not round below zero."""

    def learn_many(self, X: Any) -> None:
        """Learn as River does, then lift negative variances to zero."""
        super().learn_many(X)
        if self.window_size is None:
            for name, variance in self.vars.items():
                if variance < 0:
                    self.vars[name] = 0.0


def parts(model: Any) -> Iterator[Any]:
    """Yield a model, the steps of its pipelines and what its wrappers wrap."""
    yield model
    inner: list[Any] = []
    if isinstance(model, compose.Pipeline):
        inner = list(model.steps.values())
    elif isinstance(model, compose.TransformerUnion):
        inner = list(model.transformers.values())
    elif isinstance(model, base.Wrapper):
        inner = [model._wrapped_model]
    for part in inner:
        yield from parts(part)


def last_step(model: Any) -> Any:
    """Return the classifier at the end of a pipeline, or the model itself."""
    while isinstance(model, compose.Pipeline):
        model = model._last_step
    return model


def learns_many(model: Any) -> bool:
    """Say whether every part of a model has mini-batch methods that can be trusted."""
    # learn_many of the naive Bayes models for text takes sparse frames only, and makes text of
    # whole-number labels; row by row they count the same.
    text = (naive_bayes.BernoulliNB, naive_bayes.ComplementNB, naive_bayes.MultinomialNB)
    return all(
        not isinstance(part, text)
        and hasattr(part, "learn_many")
        and (hasattr(part, "predict_proba_many") or hasattr(part, "transform_many"))
        for part in parts(model)
    )


def has_probabilities(model: Any) -> bool:
    """Say whether a classifier, and what it wraps, predicts probabilities."""
    classifiers = (part for part in parts(model) if isinstance(part, base.Classifier))
    return all(
        type(part).predict_proba_one is not base.Classifier.predict_proba_one
        for part in classifiers
    )


def takes_w(model: Any, method: str) -> bool:
    """Say whether a classifier, or what it hands its keywords on to, takes a weight ``w``."""
    model = last_step(model)
    names = inspect.signature(getattr(model, method)).parameters
    if "w" in names:
        return True
    forwards = any(p.kind is p.VAR_KEYWORD for p in names.values())
    return forwards and isinstance(model, base.Wrapper) and takes_w(model._wrapped_model, method)


def seeded(model: Any, seed: int) -> Any:
    """Return an untrained clone whose parts without a seed have this one."""

    def sown(value: Any) -> Any:
        if isinstance(value, tuple) and len(value) == 2 and inspect.isclass(value[0]):
            return value[0], sown(value[1])
        if isinstance(value, dict):
            return {k: seed if k == "seed" and v is None else sown(v) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(seeded(v, seed) if isinstance(v, base.Base) else v for v in value)
        return value

    refuse(model)
    return model.clone(sown(model._get_params()))


def refuse(model: Any) -> None:
    """Raise unless it is a River classifier that this adapter can guard."""
    name = type(model).__name__
    for part in parts(model):
        if type(part).__module__.startswith("river.compat"):
            # SKL2RiverClassifier swaps probabilities when its classes are not sorted.
            raise InputError(
                f"{type(part).__name__} is a bridge between scikit-learn and River; pass the "
                "model inside it, both kinds are understood"
            )
        if type(part).__module__.startswith("river.active"):
            raise InputError(
                f"{type(part).__name__} asks for labels itself; pass the classifier inside it, "
                "and a strategy to the loop"
            )
    if not isinstance(last_step(model), base.Classifier):
        raise InputError(f"{name} is no classifier of River; give one, or a pipeline ending in one")


def absent_is_zero(model: Any) -> bool:
    """Say whether a model takes a feature that is not there for zero, not for missing."""
    return type(model).__module__.startswith("river.linear_model")


def guarded(model: Any) -> Any:
    """Return an untrained clone whose scalers cannot go negative."""
    model = model.clone()
    for part in parts(model):
        if type(part) is preprocessing.StandardScaler:
            part.__class__ = ClampedScaler
    return model


def river_logistic(rate: float = 1.0, l2: float = 0.0) -> Any:
    """Return a logistic regression behind a scaler, for two classes.

    Parameters
    ----------
    rate : float
        Step size; 1 suits the one mean-gradient step a batch that ``learn_many`` makes.
    l2 : float
        Penalty.

    Returns
    -------
    river.compose.Pipeline
    """
    logistic = linear_model.LogisticRegression(optim.SGD(rate), l2=l2, intercept_lr=rate)
    return preprocessing.StandardScaler() | logistic


def river_one_vs_rest(rate: float = 1.0, l2: float = 0.0) -> Any:
    """Return a logistic regression for each class against the rest, behind a scaler.

    Parameters
    ----------
    rate : float
        Step size; 1 suits the one mean-gradient step a batch that ``learn_many`` makes.
    l2 : float
        Penalty.

    Returns
    -------
    river.compose.Pipeline
    """
    logistic = linear_model.LogisticRegression(optim.SGD(rate), l2=l2, intercept_lr=rate)
    return preprocessing.StandardScaler() | multiclass.OneVsRestClassifier(logistic)
