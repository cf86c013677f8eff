"""Margin by us, by hand, by modAL and by scikit-activeml: identical queries and curves."""

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import scale

from streamlearn import Loop
from streamlearn.simulators import SimulatedAnnotator
from streamlearn.strategies import Margin, from_modal, from_skactiveml

LOADERS = {"digits": load_digits, "breast_cancer": load_breast_cancer}
ROUNDS, SIZE = 12, 5


def split(name: str, seed: int) -> tuple[Any, ...]:
    X, y = LOADERS[name](return_X_y=True)
    X, X_test, y, y_test = train_test_split(scale(X), y, test_size=0.4, random_state=seed)
    first, _ = train_test_split(np.arange(len(y)), train_size=20, stratify=y, random_state=seed)
    return X, y, X_test, y_test, first


def ours(name: str, seed: int, strategy: Any = None) -> tuple[list[list[int]], list[float]]:
    X, y, X_test, y_test, first = split(name, seed)
    loop = Loop(
        X,
        LogisticRegression(C=0.01),
        strategy or Margin(),
        per_round=SIZE,
        budget=ROUNDS * SIZE,
        seed=seed,
        initial=(first, y[first]),
        test=(X_test, y_test),
    )
    asked = [r.query.ids.tolist() for r in loop.run(SimulatedAnnotator(y)) if r.query]
    return asked, [r.scores["accuracy"] for r in loop.history]


def by_hand(name: str, seed: int) -> tuple[list[list[int]], list[float]]:
    X, y, X_test, y_test, first = split(name, seed)
    labelled, asked, curve = first, [], []
    for k in range(ROUNDS + 1):
        model = LogisticRegression(C=0.01, random_state=seed).fit(X[labelled], y[labelled])
        curve.append(float(model.score(X_test, y_test)))
        if k < ROUNDS:
            rest = np.setdiff1d(np.arange(len(y)), labelled)
            top = np.sort(model.predict_proba(X[rest]), axis=1)
            query = rest[np.argsort(top[:, -1] - top[:, -2])[:SIZE]]
            asked.append(query.tolist())
            labelled = np.concatenate([labelled, query])
    return asked, curve


def by_modal(name: str, seed: int) -> tuple[list[list[int]], list[float]]:
    """modAL's query function alone: its teach() fails on the newest scikit-learn."""
    uncertainty = pytest.importorskip("modAL.uncertainty", reason="needs streamlearn[modal]")
    X, y, X_test, y_test, first = split(name, seed)
    labelled, asked, curve = first, [], []
    for k in range(ROUNDS + 1):
        model = LogisticRegression(C=0.01, random_state=seed).fit(X[labelled], y[labelled])
        curve.append(float(model.score(X_test, y_test)))
        if k < ROUNDS:
            rest = np.setdiff1d(np.arange(len(y)), labelled)
            query = rest[uncertainty.margin_sampling(model, X[rest], n_instances=SIZE)[0]]
            asked.append(query.tolist())
            labelled = np.concatenate([labelled, query])
    return asked, curve


def by_skactiveml(name: str, seed: int) -> tuple[list[list[int]], list[float]]:
    """scikit-activeml as its manual drives it: one X, unknown labels NaN, the model refitted."""
    pool = pytest.importorskip("skactiveml.pool", reason="needs streamlearn[skactiveml]")
    classifier = pytest.importorskip("skactiveml.classifier")
    X, y, X_test, y_test, first = split(name, seed)
    known, asked, curve = np.full(len(y), np.nan), [], []
    known[first] = y[first]
    for k in range(ROUNDS + 1):
        model = classifier.SklearnClassifier(
            LogisticRegression(C=0.01, random_state=seed), classes=np.unique(y)
        )
        curve.append(float(model.fit(X, known).score(X_test, y_test)))
        if k < ROUNDS:
            strategy = pool.UncertaintySampling("margin_sampling", random_state=seed)
            query = strategy.query(X, known, model, batch_size=SIZE)
            asked.append(query.tolist())
            known[query] = y[query]
    return asked, curve


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", LOADERS)
def test_margin_is_the_hand_written_loop(name: str, seed: int) -> None:
    (asked, curve), (expected, expected_curve) = ours(name, seed), by_hand(name, seed)
    assert [sorted(q) for q in asked] == [sorted(q) for q in expected]
    np.testing.assert_allclose(curve, expected_curve, atol=1e-12)


@pytest.mark.extra
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", LOADERS)
def test_margin_is_modals(name: str, seed: int) -> None:
    (asked, curve), (expected, expected_curve) = ours(name, seed), by_modal(name, seed)
    assert [sorted(q) for q in asked] == [sorted(q) for q in expected]
    np.testing.assert_allclose(curve, expected_curve, atol=1e-12)


@pytest.mark.extra
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", LOADERS)
def test_margin_is_scikit_activemls(name: str, seed: int) -> None:
    (asked, curve), (expected, expected_curve) = ours(name, seed), by_skactiveml(name, seed)
    assert [sorted(q) for q in asked] == [sorted(q) for q in expected]
    np.testing.assert_allclose(curve, expected_curve, atol=1e-12)


@pytest.mark.extra
@pytest.mark.parametrize("name", LOADERS)
def test_theirs_in_our_loop_are_ours(name: str) -> None:
    pytest.importorskip("modAL", reason="needs streamlearn[modal]")
    pytest.importorskip("skactiveml", reason="needs streamlearn[skactiveml]")
    asked, curve = ours(name, 0)
    for strategy in (
        from_modal("margin_sampling"),
        from_skactiveml("UncertaintySampling", method="margin_sampling"),
    ):
        theirs, their_curve = ours(name, 0, strategy)
        assert [sorted(q) for q in asked] == [sorted(q) for q in theirs]
        assert curve == their_curve
