"""Ready comparisons: what each gives to ``compare``, and nothing hidden behind it."""

import functools
import importlib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.datasets import make_blobs, make_circles, make_classification, make_moons
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from streamlearn import datasets
from streamlearn.arrays import Floats, Ids, Labels
from streamlearn.errors import nearest

# Tests over data sets take them for independent: no rows are here twice in other guises.
PACKAGED = (
    "bananas", "breast_cancer", "digits_even_odd", "image_segments", "iris", "phishing", "shuttle",
    "wine",
)  # fmt: skip
FROM_FOLDER = (
    "acs_income", "adult", "bank", "celeba", "compas", "debrecen", "drug", "german",
    "hatexplain_minilm", "law_school", "sst2_minilm",
)  # fmt: skip


def suite(name: str) -> dict[str, Any]:
    """Return the arguments of ``compare`` that make a suite.

    Parameters
    ----------
    name : {"anchor", "quick", "classic", "noisy", "streams"}
        Which one.

    Returns
    -------
    dict
        Anew each time; change what you like.

    Raises
    ------
    InputError
        If there is no such suite.

    Examples
    --------
    >>> sorted(suite("anchor")["strategies"]), suite("anchor")["seeds"]
    (['random', 'uncertainty'], 40)
    """
    if name not in SUITES:
        raise nearest(name, SUITES, "suite")
    return SUITES[name]()


def anchor() -> dict[str, Any]:
    """Give the comparison whose published areas are .9539 (uniform) and .9652 (uncertainty).

    References
    ----------
    Lu, Li & Lin (2023), Re-Benchmarking Pool-Based Active Learning for Binary Classification:
    StandardScaler, 40 % test rows, 20 initial labels, one label a query until the pool is empty,
    SVC with gamma="auto" and C=1.
    """
    return {
        "strategies": ["random", "uncertainty"],
        "datasets": "breast_cancer",
        "learners": {"rbf_svm": SVC(gamma="auto", C=1.0)},
        "seeds": 40,
        "initial": 20,
        "per_round": 1,
        "test": 0.4,
    }


def quick() -> dict[str, Any]:
    """Give a first look, in about a minute: too few seeds for a claim."""
    return {
        "strategies": ["random", "margin", "diverse"],
        "datasets": {name: name for name in ("breast_cancer", "digits_even_odd", "phishing")},
        "learners": _logistic(),
        "noise": {"none": None, "symmetric 20 %": 0.2},
        "trimmers": {"none": None, "confident": "confident"},
        "seeds": 5,
        "rounds": 10,
    }


def classic() -> dict[str, Any]:
    """Give strategies against random on data sets at hand, pools of at most 680 rows.

    Notes
    -----
    The 20 rows known at the start are the reference: they train as initial rows would, and
    strategies that judge by influence have something to judge by.
    """
    return {
        "strategies": {**_ours(), **_peers()},
        "datasets": {**_at_hand(), **_made()},
        "learners": _logistic(),
        "seeds": 30,
        "rounds": 20,
        "per_round": 10,
        "initial": 0,
        "reference": 20,
        "max_rows": 1000,
    }


def noisy() -> dict[str, Any]:
    """Give the data sets of ``classic`` under 20 % and 33 % flips of three kinds.

    Notes
    -----
    Six times the cells: so only strategies that differ in kind, 20 seeds, and 10 rounds of 20.
    A committee is not among them: it would take as long as five of the others.
    """
    kept = (
        "random", "margin", "diverse", "influence_tree", "isal", "modAL ranked batch",
        "skactiveml CoreSet",
    )  # fmt: skip
    given = classic()
    strategies = {name: arm for name, arm in given["strategies"].items() if name in kept}
    smaller = {"strategies": strategies, "rounds": 10, "per_round": 20, "seeds": 20}
    return {**given, **smaller, "noise": _flips(0.2, 0.33)}


def streams() -> dict[str, Any]:
    """Give trimmers on streams: three kinds of drift and two tables, clean and a third flipped."""
    drift = importlib.import_module("streamlearn.simulators").DriftStream
    kinds = {
        f"{kind} drift": functools.partial(drift, kind=kind, n_batches=40, batch_size=50)
        for kind in ("abrupt", "gradual", "recurring")
    }
    return {
        "strategies": {"all": None},
        "datasets": {**kinds, "phishing": "phishing", "digits_even_odd": "digits_even_odd"},
        "learners": "averaged_sgd",
        "noise": {"none": None, **_flips(0.33)},
        "trimmers": {
            "none": None, "random": "random", "loss": "loss", "confident": "confident",
            "influence": "influence", "noise_model": "noise_model", "auto": "auto",
        },
        "seeds": 20,
        "rounds": 39,
        "reference": 50,
        "max_rows": 2000,
        "stream": 50,
    }  # fmt: skip


SUITES: Mapping[str, Callable[[], dict[str, Any]]] = {
    "anchor": anchor,
    "quick": quick,
    "classic": classic,
    "noisy": noisy,
    "streams": streams,
}


@dataclass
class UnevenFlips:
    """Class-conditional noise for any classes: sorted, they flip by turns often and seldom.

    Parameters
    ----------
    rate : float
        The classes flip with 1.5 and 0.5 times this probability.
    """

    rate: float

    def fit(self, y: Labels, X: Any = None) -> Self:
        """Learn the classes."""
        self.classes_ = np.unique(y)
        shares = np.where(np.arange(len(self.classes_)) % 2, 0.5, 1.5)
        rates = dict(zip(self.classes_.tolist(), (self.rate * shares).tolist(), strict=True))
        simulators = importlib.import_module("streamlearn.simulators")
        self.noise_ = simulators.ClassConditionalNoise(rates).fit(y)
        return self

    def corrupt(self, y: Labels, ids: Ids, *, seed: int, X: Any = None) -> Labels:
        """Return the labels given instead of the true ones."""
        given: Labels = self.noise_.corrupt(y, ids, seed=seed)
        return given


def moons(seed: int) -> tuple[Floats, Labels]:
    """Give two interleaved half circles."""
    X, y = make_moons(1000, noise=0.25, random_state=seed)
    return X, y


def circles(seed: int) -> tuple[Floats, Labels]:
    """Give a disc within a ring, which no line parts."""
    X, y = make_circles(1000, noise=0.15, factor=0.5, random_state=seed)
    return X, y


def checkerboard(seed: int) -> tuple[Floats, Labels]:
    """Give a 3 × 3 board of two colours: whole regions that a greedy learner never meets."""
    X = np.random.default_rng(seed).uniform(0, 3, (1000, 2))
    return X, (np.floor(X).sum(axis=1) % 2).astype(np.int64)


def linear(seed: int) -> tuple[Floats, Labels]:
    """Give 20 features of which 10 matter, two classes, 5 % of the labels past repair."""
    X, y = make_classification(1000, 20, n_informative=10, flip_y=0.05, random_state=seed)
    return X, y


def rare(seed: int) -> tuple[Floats, Labels]:
    """Give 20 features and a class of one row in ten."""
    X, y = make_classification(1000, 20, n_informative=8, weights=[0.9], random_state=seed)
    return X, y


def blobs(seed: int) -> tuple[Floats, Labels]:
    """Give eight overlapping clouds in ten dimensions, one class each."""
    X, y = make_blobs(1000, 10, centers=8, cluster_std=6.0, random_state=seed)
    return X, y


def _made() -> dict[str, Any]:
    return {make.__name__: make for make in (moons, circles, checkerboard, linear, rare, blobs)}


def _at_hand() -> dict[str, str]:
    """The named sets that can be loaded here."""
    table = datasets.summary().set_index("name")
    return {name: name for name in (*PACKAGED, *FROM_FOLDER) if table.loc[name, "available"]}


def _logistic() -> dict[str, Any]:
    return {"logistic": LogisticRegression(max_iter=1000)}


def _flips(*rates: float) -> dict[str, Any]:
    """Three noise models: whoever flips, by turns of class, and whichever row is hard."""
    simulators = importlib.import_module("streamlearn.simulators")
    found: dict[str, Any] = {}
    for rate in rates:
        shown = f"{rate:.0%}".replace("%", " %")
        found[f"symmetric {shown}"] = simulators.SymmetricNoise(rate)
        found[f"class-conditional {shown}"] = UnevenFlips(rate)
        found[f"instance-dependent {shown}"] = simulators.InstanceDependentNoise(rate)
    return found


def _ours() -> dict[str, str]:
    names = (
        "random", "margin", "entropy", "diverse", "expected_influence", "influence_tree", "isal",
        "variance_reduction",
    )  # fmt: skip
    return {name: name for name in names}


def _peers() -> dict[str, Any]:
    """Strategies of modAL and scikit-activeml, where they are installed."""
    found: dict[str, Any] = {}
    strategies = importlib.import_module("streamlearn.strategies")
    if importlib.util.find_spec("modAL") is not None:
        found["modAL margin"] = strategies.from_modal("margin_sampling")
        found["modAL ranked batch"] = strategies.from_modal("uncertainty_batch_sampling")
    if importlib.util.find_spec("skactiveml") is not None:
        for name in ("UncertaintySampling", "QueryByCommittee", "CoreSet", "TypiClust", "Badge"):
            found[f"skactiveml {name}"] = strategies.from_skactiveml(name)
    return found
