"""modAL's query functions as strategies of our loop."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from streamlearn.arrays import Ids
from streamlearn.errors import InputError, MissingExtraError, nearest, whole
from streamlearn.protocols import View
from streamlearn.strategies.foreign import Given, LearnerClassifier, chosen, committee, given

_WITH_COMMITTEE = "modAL.disagreement"
_NAMES = {  # modAL's functions that query a classifier, and where they live
    "uncertainty_sampling": "modAL.uncertainty",
    "margin_sampling": "modAL.uncertainty",
    "entropy_sampling": "modAL.uncertainty",
    "uncertainty_batch_sampling": "modAL.batch",
    "vote_entropy_sampling": _WITH_COMMITTEE,
    "consensus_entropy_sampling": _WITH_COMMITTEE,
    "max_disagreement_sampling": _WITH_COMMITTEE,
}
_NO_IMPORT = (
    "it cannot be imported with NumPy 1.24 or newer; the same idea is "
    "from_skactiveml('MonteCarloEER'), or ExpectedInfluence()"
)
_CANNOT = {  # modules and functions, and why nothing can be done
    "modAL.acquisition": "it seeks the maximum of a function, and this loop classifies",
    "modAL.cluster": "modAL 0.4 left it unwritten, and it cannot be imported",
    "modAL.dropout": "it needs a PyTorch network as learner",
    "modAL.expected_error": _NO_IMPORT,
    "modAL.multilabel": "it asks for several labels a row, and this loop for one",
    "expected_error_reduction": _NO_IMPORT,
    "max_std_sampling": "it needs a committee of regressors, and this loop classifies",
}


class ModalStrategy(BaseEstimator):  # type: ignore[misc]
    """A query function of modAL, or one written for modAL; made by ``from_modal``.

    Parameters
    ----------
    function : callable
        ``function(learner, X, n_instances=…)`` to positions, or to positions and their scores.
    committee : int, optional
        Members of the committee it is given in place of a learner.
    options : mapping, optional
        More keyword arguments for it.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        committee: int | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.function = function
        self.committee = committee
        self.options = options

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        # The repr of a function has its address, which is another in each process.
        parts = [getattr(self.function, "__name__", repr(self.function))]
        if self.committee is not None:
            parts.append(f"committee={self.committee}")
        parts += [f"{name}={value!r}" for name, value in (self.options or {}).items()]
        return f"ModalStrategy({', '.join(parts)})"

    def select(self, view: View, n: int, rng: np.random.Generator) -> Ids:
        """Return the rows modAL chooses.

        Parameters
        ----------
        view : View
            The run as it stands.
        n : int
            How many rows to ask at most.
        rng : Generator
            Exactly one number is drawn from it: the order of the rows, the committee and NumPy's
            global generator, which modAL draws from, come from that number.

        Returns
        -------
        ndarray of int64, shape (at most n,)
            Distinct open ids, in modAL's order; random ones while fewer than two classes are
            labelled.

        Raises
        ------
        InputError
            If n is negative, or what modAL returns are not positions.
        """
        rows = given(view, n, rng)
        n = min(n, len(rows.ids))
        if n == 0 or rows.cold:
            return rows.ids[:n]
        learner = self._learner(view, rows)
        with _seeded(rows.seed):
            result = self.function(learner, rows.X, n_instances=n, **(self.options or {}))
        positions = result[0] if isinstance(result, tuple) else result
        return chosen(rows.ids, positions, n, repr(self))

    def _learner(self, view: View, rows: Given) -> Any:
        """Return modAL's own learner or committee around ours, which have learned already."""
        models = _modal("modAL.models")

        def active(estimator: LearnerClassifier) -> Any:
            made = models.ActiveLearner(estimator)
            made.X_training, made.y_training = rows.known.X, rows.codes
            return made

        if self.committee is None:
            model = LearnerClassifier(view.learner, rows.classes)
            return active(model.holding(view.learner, rows.X.shape[1]))
        made = models.Committee([active(m) for m in committee(view, rows, self.committee)])
        made.X_training = rows.known.X
        return made


def from_modal(
    function: Callable[..., Any] | str, *, committee: int | None = None, **options: Any
) -> ModalStrategy:
    """Make a strategy of our loop from a query function of modAL.

    Parameters
    ----------
    function : callable or str
        One of modAL's, itself or by name, or any function of a modAL learner, a pool and
        ``n_instances``.
    committee : int, optional
        Members of a committee, which the functions of ``modAL.disagreement`` need: copies of the
        loop's learner, each fitted to a bootstrap of the rows kept, anew every round.
    **options
        More keyword arguments for the function, such as ``random_tie_break=True``.

    Returns
    -------
    ModalStrategy
        Can be given to a ``Loop``, cloned, and pickled where the function can.

    Raises
    ------
    MissingExtraError
        If modAL is not installed.
    InputError
        If there is no such function, it cannot be used here (with the reason), or it needs a
        committee.

    Notes
    -----
    Labels are handed over as positions among the sorted classes, since modAL keeps votes as
    numbers. The pool is handed over in an order drawn from the loop's generator: modAL breaks
    ties by position. modAL's own ``teach`` is never called; it fails with scikit-learn 1.8.

    References
    ----------
    Danka and Horvath (2018), modAL: a modular active learning framework for Python,
    arXiv:1805.00979.

    Examples
    --------
    >>> def least_certain(learner, X, n_instances=1):
    ...     return learner.predict_proba(X).max(axis=1).argsort()[:n_instances]
    >>> from_modal(least_certain)  # doctest: +SKIP
    ModalStrategy(least_certain)
    >>> from_modal("vote_entropy_sampling", committee=5)  # doctest: +SKIP
    ModalStrategy(vote_entropy_sampling, committee=5)
    """
    name = function if isinstance(function, str) else getattr(function, "__name__", "")
    for key in (name, getattr(function, "__module__", "")):
        if key in _CANNOT:
            raise InputError(f"modAL's {name} cannot be used here: {_CANNOT[key]}")
    _modal("modAL.models")
    if isinstance(function, str):
        if function not in _NAMES:
            raise nearest(function, _NAMES, "query function of modAL")
        function = getattr(_modal(_NAMES[function]), function)
    if not callable(function):
        raise InputError(f"got {function!r}; give a query function of modAL, or its name")
    if committee is not None:
        committee = whole(committee, "committee", least=2)
    elif _NAMES.get(name) == _WITH_COMMITTEE:
        raise InputError(f"{name} asks where a committee disagrees; give committee=5, say")
    return ModalStrategy(function, committee, options or None)


def _modal(module: str) -> Any:
    """Import a module of modAL, whose absence is the user's to mend."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtraError("modAL", "modal") from error


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed NumPy's global generator, which modAL draws from, and leave it as it was."""
    before = np.random.get_state()  # noqa: NPY002
    np.random.seed(seed % 2**32)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002
