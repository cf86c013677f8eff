"""scikit-activeml's query strategies as strategies of our loop."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from inspect import isclass, signature
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, clone

from streamlearn.arrays import Floats, Ids, Matrix
from streamlearn.errors import InputError, MissingExtraError, nearest, whole
from streamlearn.protocols import View
from streamlearn.strategies.foreign import (
    Codes,
    Given,
    LearnerClassifier,
    chosen,
    committee,
    given,
)

_OWN_MODELS = {  # strategies that need more of a model than probabilities
    "EpistemicUncertaintySampling": "ParzenWindowClassifier",
    "FourDs": "MixtureModelClassifier",
    "ProbabilisticAL": "ParzenWindowClassifier",
}
_CANNOT = {
    "ExpectedErrorReduction": "it is abstract; give MonteCarloEER or ValueOfInformationEER",
    "ParallelUtilityEstimationWrapper": "it asks one row a query and starts processes of its own; "
    "run campaigns beside each other instead",
}
_READS_LABELS = {"clf", "estimator", "ensemble"}  # arguments of query that need two classes


class SkactivemlStrategy(BaseEstimator):  # type: ignore[misc]
    """A pool strategy of scikit-activeml; made by ``from_skactiveml``.

    Parameters
    ----------
    strategy : scikit-activeml query strategy
        Never run itself: a clone is, each round.
    model : scikit-activeml classifier, optional
        Fitted each round in place of the loop's learner.
    committee : int
        Members, for strategies that ask an ensemble.
    """

    def __init__(self, strategy: Any, model: Any = None, committee: int = 5) -> None:
        self.strategy = strategy
        self.model = model
        self.committee = committee

    def select(self, view: View, n: int, rng: np.random.Generator) -> Ids:
        """Return the rows scikit-activeml chooses.

        Parameters
        ----------
        view : View
            The run as it stands.
        n : int
            How many rows to ask at most.
        rng : Generator
            Exactly one number is drawn from it: the order of the rows, the committee and every
            ``random_state`` that is None come from that number.

        Returns
        -------
        ndarray of int64, shape (at most n,)
            Distinct open ids, highest utility first; random ones while fewer than two classes are
            labelled, except by strategies that look at no label.

        Raises
        ------
        InputError
            If n is negative, or the choice is not one of open rows.
        """
        rows = given(view, n, rng)
        n = min(n, len(rows.ids))
        accepted = _arguments(self.strategy)
        needs_labels = bool(_READS_LABELS & accepted) or hasattr(
            _innermost(self.strategy), "classes"
        )
        # Where all are asked there is nothing to choose: TypiClust names some rows twice then.
        if n in (0, len(rows.ids)) or (rows.cold and needs_labels):
            return rows.ids[:n]
        seed, codes = rows.seed % 2**31, np.arange(len(rows.classes))
        strategy = _prepared(clone(self.strategy), seed, codes)
        X, known = _dense(rows.X), len(rows.known)
        if known:
            X = np.concatenate([_dense(rows.known.X), X])
        y: Floats = np.full(len(X), np.nan)
        y[:known] = rows.codes
        arguments = self._models(view, rows, accepted, X, y)
        with _quiet():
            at = strategy.query(X, y, batch_size=n, **arguments)
        return chosen(rows.ids, np.asarray(at) - known, n, repr(self))

    def _models(
        self, view: View, rows: Given, accepted: set[str], X: Floats, y: Floats
    ) -> dict[str, Any]:
        """Return what their query wants of models, under the names it has for them."""
        make, codes = _import("classifier").SklearnClassifier, np.arange(len(rows.classes))
        arguments: dict[str, Any] = {}
        if "ensemble" in accepted:
            members = committee(view, rows, self.committee)
            arguments["ensemble"] = [make(member, classes=codes) for member in members]
            arguments["fit_ensemble"] = False
        if "discriminator" in accepted:  # tells labelled rows from others: any two classes will do
            labels = rows.classes[:2] if len(rows.classes) > 1 else np.array([0, 1])
            arguments["discriminator"] = make(LearnerClassifier(view.learner, labels))
        for name in {"clf", "estimator"} & accepted:
            model = self._own_model()
            refits = "ignore_partial_fit" in accepted  # it asks: what if this row had that label?
            if model is not None:
                _prepared(model, rows.seed % 2**31, codes)
                with _quiet():
                    arguments[name] = model if refits else model.fit(X, y)
            else:
                learner = LearnerClassifier(view.learner, rows.classes)
                if not refits:
                    learner.holding(view.learner, X.shape[1])
                arguments[name] = make(learner, classes=codes)
            arguments[f"fit_{name}"] = refits
        return arguments

    def _own_model(self) -> Any:
        """Return the model that stands in for the learner, unfitted; None where none does."""
        if self.model is not None:
            return clone(self.model)
        name = _OWN_MODELS.get(type(_innermost(self.strategy)).__name__)
        return None if name is None else getattr(_import("classifier"), name)()


def from_skactiveml(
    strategy: Any, *, model: Any = None, committee: int = 5, **options: Any
) -> SkactivemlStrategy:
    """Make a strategy of our loop from one of scikit-activeml.

    Parameters
    ----------
    strategy : str, class or instance
        A pool strategy for one annotator: its name in ``skactiveml.pool``, its class, or itself.
    model : scikit-activeml classifier, optional
        Takes the place of the loop's learner in the query. ``ProbabilisticAL`` and
        ``EpistemicUncertaintySampling`` have a ``ParzenWindowClassifier()`` by default, ``FourDs``
        a ``MixtureModelClassifier()``; they need more of a model than its probabilities.
    committee : int
        Members of the ensemble, for strategies that ask one: copies of the loop's learner, each
        fitted to a bootstrap of the rows kept, anew every round.
    **options
        Parameters of the strategy, where it is given by name or class. ``classes`` need not be
        named: it is known when it queries.

    Returns
    -------
    SkactivemlStrategy
        Can be given to a ``Loop``, cloned and pickled.

    Raises
    ------
    MissingExtraError
        If scikit-activeml is not installed.
    InputError
        If there is no such strategy or parameter, or it cannot be used here (with the reason).

    Notes
    -----
    The reference and the rows kept are handed over with their labels as positions among the
    sorted classes, the open rows without one, in an order drawn from the loop's generator. CSR
    matrices are made dense, which is all that scikit-activeml takes. Nothing is kept from one
    query to the next, so a resumed run asks what it would have asked.

    References
    ----------
    Kottke et al. (2021), scikit-activeml: a library and toolbox for active learning algorithms.

    Examples
    --------
    >>> from_skactiveml("UncertaintySampling", method="margin_sampling")  # doctest: +SKIP
    SkactivemlStrategy(strategy=UncertaintySampling(method='margin_sampling'))
    """
    pool = _import("pool")
    if isinstance(strategy, str):
        names = _names(pool)
        if strategy not in names:
            raise nearest(strategy, names, "pool strategy of scikit-activeml")
        strategy = getattr(pool, strategy)
    kind = strategy if isclass(strategy) else type(strategy)
    if not issubclass(kind, _import("base").SingleAnnotatorPoolQueryStrategy):
        raise InputError(
            f"got {strategy!r}; give a pool strategy of scikit-activeml for one annotator"
        )
    if kind.__name__ in _CANNOT:
        raise InputError(f"{kind.__name__} cannot be used here: {_CANNOT[kind.__name__]}")
    if isclass(strategy):
        strategy = _made(strategy, options)
    elif options:
        raise InputError(
            f"{strategy!r} is made already, so {sorted(options)} cannot be set; give its class or "
            "its name with them"
        )
    if "reg" in _arguments(strategy):
        raise InputError(
            f"{kind.__name__} cannot be used here: it asks rows for a regressor, and this loop "
            "classifies"
        )
    return SkactivemlStrategy(strategy, model, whole(committee, "committee", least=2))


def _made(strategy: Any, options: dict[str, Any]) -> Any:
    """Make a strategy; what names its classes may be left out."""
    known = signature(strategy).parameters
    for name in options:
        if name not in known:
            raise nearest(name, known, f"parameter of {strategy.__name__}")
    if "classes" in known:
        options = {"classes": None, **options}
    return strategy(**options)


def _names(pool: Any) -> list[str]:
    """Names of the strategies in their module, which has functions and modules besides."""
    return [name for name in pool.__all__ if hasattr(getattr(pool, name), "query")]


def _innermost(strategy: Any) -> Any:
    """Return the strategy inside their wrappers."""
    while getattr(strategy, "query_strategy", None) is not None:
        strategy = strategy.query_strategy
    return strategy


def _arguments(strategy: Any) -> set[str]:
    """Names of what a query takes; a wrapper passes on what its strategy takes."""
    return set(signature(_innermost(strategy).query).parameters)


def _prepared(estimator: Any, seed: int, classes: Codes) -> Any:
    """Set, in place and in every part, what the rows handed over demand, and seeds that are None.

    A user who names classes, or a missing label, names those of the pool; theirs are codes and NaN.
    """
    parameters = estimator.get_params(deep=True)
    for name, value in parameters.items():
        last = name.split("__")[-1]
        if last == "classes":
            estimator.set_params(**{name: classes})
        elif last == "missing_label":
            estimator.set_params(**{name: np.nan})
        elif last == "random_state" and value is None:
            estimator.set_params(**{name: seed})
        elif last == "cluster_algo" and "random_state" in signature(value).parameters:
            options = parameters[f"{name}_dict"] or {}
            estimator.set_params(**{f"{name}_dict": {"random_state": seed, **options}})
    return estimator


@contextmanager
def _quiet() -> Iterator[None]:
    """Ignore what they say of their own insides, mixtures and clusters that did not converge.

    They also turn a learner's error into a warning and go on with class frequencies: that stays an
    error.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", message="The 'base_estimator' could not be fitted")
        yield


def _dense(X: Matrix) -> Floats:
    values: Floats = X.toarray() if sparse.issparse(X) else X
    return values


def _import(module: str) -> Any:
    """Import a module of scikit-activeml, whose absence is the user's to mend."""
    try:
        return import_module(f"skactiveml.{module}")
    except ModuleNotFoundError as error:
        raise MissingExtraError("scikit-activeml", "skactiveml") from error
