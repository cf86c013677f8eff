"""The linear learner that chooses its own penalty, and the cross-validation it chooses by."""

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamlearn import Loop
from streamlearn.arrays import Floats
from streamlearn.checks import check_learner
from streamlearn.data import Labelled
from streamlearn.errors import InputError
from streamlearn.influence import LinearClassifier, tuning
from streamlearn.influence.tuning import PENALTIES, cross_validate, folds, log_loss, tune
from streamlearn.learners import TunedLinear
from streamlearn.protocols import HasMargins, Learner
from streamlearn.simulators import SimulatedAnnotator
from streamlearn.strategies import Margin


def rows(n: int, m: int, flips: float, seed: int = 0, d: int = 10, k: int = 2) -> Labelled:
    """Rows of which the first m are the reference; the labels of the others may be wrong."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    y = (X @ np.random.default_rng(99).normal(size=(d, k)) + rng.gumbel(size=(n, k))).argmax(axis=1)
    wrong = (rng.random(n) < flips) & (np.arange(n) >= m)
    y = np.where(wrong, (y + rng.integers(1, k, size=n)) % k, y)
    ids = np.concatenate([-1 - np.arange(m), np.arange(n - m)])
    return Labelled(ids, X, y, np.ones(n))


def taught(learner: TunedLinear, known: Labelled) -> TunedLinear:
    learner.learn(known, lambda: known)
    return learner


def naive_losses(known: Labelled, l2: float, share: float) -> Floats:
    """The same cross-validation, written down plainly."""
    trusted = known.ids < 0
    y, losses = known.y[trusted], np.zeros(trusted.sum())
    for out in folds(y, 4, 0):
        left = np.ones(len(known), dtype=bool)
        left[np.flatnonzero(trusted)[out]] = False
        weight = np.where(trusted, share, 1.0)[left]
        model = LinearClassifier(l2=l2).fit(known.X[left], known.y[left], weight)
        proba = model.predict_proba(known.X[trusted][out])
        losses[out] = log_loss(proba, model.classes_, y[out])
    return losses


@pytest.mark.parametrize(
    "make",
    [
        TunedLinear,
        lambda: TunedLinear(retune=1.0),
        lambda: TunedLinear(3.0, reference_weight=2.0),
        lambda: TunedLinear(classes=["a", "b", "c"]),
    ],
)
def test_it_keeps_the_laws(make: Any) -> None:
    assert isinstance(make(), Learner)
    assert isinstance(make(), HasMargins)
    check_learner(make)


@pytest.mark.parametrize("k", [2, 3])
def test_the_choice_is_that_of_a_plain_cross_validation(k: int) -> None:
    known = rows(200, 40, 0.3, k=k)
    learner = taught(TunedLinear(), known)
    settings = [(l2, share) for share in (1.0, 5.0) for l2 in PENALTIES]
    losses = {setting: naive_losses(known, *setting) for setting in settings}
    best = min(settings, key=lambda setting: losses[setting].mean())
    assert (learner.l2_, learner.reference_weight_) == best
    found = cross_validate(known.X, known.y, known.weight, known.ids < 0).losses
    assert all(np.allclose(found[setting], losses[setting], atol=0.02) for setting in settings)


@pytest.mark.parametrize("flips", [0.0, 0.4])
def test_small_and_large_tables_are_tuned_alike(
    flips: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All fits at once, on small tables, and one after another end in the same losses."""
    known = rows(400, 80, flips)
    trusted = known.ids < 0
    parts = folds(known.y[trusted], 4, 0)
    some = [np.where(np.arange(400) % 5 == fold, 0.0, known.weight) for fold in range(4)]
    for counts in ([known.weight] * 4, some):
        small = tune(known.X, known.y, counts, trusted, parts)
        with monkeypatch.context() as patch:
            patch.setattr(tuning, "SMALL", 0)
            large = tune(known.X, known.y, counts, trusted, parts)
        for setting, losses in large.losses.items():
            assert np.allclose(small.losses[setting], losses, atol=0.02)
        assert small.best == large.best


def test_the_fit_is_the_certified_minimum_for_the_choice() -> None:
    known = rows(300, 60, 0.3)
    learner = taught(TunedLinear(), known)
    weight = np.where(known.ids < 0, learner.reference_weight_, 1.0)
    direct = LinearClassifier(l2=learner.l2_).fit(known.X, known.y, weight)
    assert np.allclose(learner.predict_proba(known.X), direct.predict_proba(known.X), atol=1e-6)


def test_wrong_labels_want_weight_on_the_reference_and_right_ones_do_not() -> None:
    chosen = {}
    for flips in (0.0, 0.4):
        learners = [taught(TunedLinear(), rows(600, 100, flips, seed, 30)) for seed in range(6)]
        chosen[flips] = np.mean([learner.reference_weight_ for learner in learners])
    assert chosen[0.4] > chosen[0.0]
    assert chosen[0.4] == 5.0


def test_tuning_pays_under_wrong_labels() -> None:
    gain = []
    for seed in range(6):
        everything = rows(3000, 100, 0.0, seed, 40)
        noisy = rows(3000, 100, 0.35, seed, 40)
        learner = taught(TunedLinear(), noisy.take(slice(0, 600)))
        plain = LinearClassifier().fit(noisy.X[:600], noisy.y[:600])
        test, y = everything.X[600:], everything.y[600:]
        gain.append((learner.predict(test) == y).mean() - (plain.predict(test) == y).mean())
    assert np.mean(gain) > 0.005


@settings(max_examples=15, deadline=None)
@given(
    n=st.integers(0, 30), m=st.integers(0, 30), k=st.integers(1, 3), seed=st.integers(0, 99),
    weightless=st.floats(0, 1),
)  # fmt: skip
def test_little_data_is_learned_or_waited_for(
    n: int, m: int, k: int, seed: int, weightless: float
) -> None:
    known = rows(n + m, m, 0.0, seed, 3, max(k, 2))
    known = known.take(known.y < k)
    kept = np.random.default_rng(seed).random(len(known)) > weightless
    weight = np.where(kept, 2.0, 0.0)
    known = Labelled(known.ids, known.X, known.y, weight)
    learner = taught(TunedLinear(), known)
    left = np.unique(known.y[weight > 0])
    assert np.array_equal(learner.classes_, left)
    p = learner.predict_proba(np.zeros((2, 3)))
    assert np.allclose(p.sum(axis=1), 1)


def test_a_new_choice_waits_for_new_rows() -> None:
    known = rows(400, 40, 0.3)
    learner = TunedLinear(retune=2.0)
    choices = []
    for n in (100, 150, 199, 200, 300, 400):
        taught(learner, known.take(slice(0, n)))
        choices.append(learner._tuned_at[0])
    assert choices == [100, 100, 100, 200, 200, 400]


def test_what_was_learned_before_does_not_show() -> None:
    known = rows(400, 40, 0.3, k=3)
    warm = TunedLinear(retune=1.0)
    for n in (60, 100, 250, 400):
        taught(warm, known.take(slice(0, n)))
    cold = taught(TunedLinear(), known)
    assert (warm.l2_, warm.reference_weight_) == (cold.l2_, cold.reference_weight_)
    assert np.allclose(warm.predict_proba(known.X), cold.predict_proba(known.X), atol=1e-6)
    again = pickle.loads(pickle.dumps(warm))
    assert np.array_equal(warm.predict_proba(known.X), again.predict_proba(known.X))


def test_without_a_reference_all_rows_judge() -> None:
    known = rows(150, 0, 0.3, d=40)
    learner = taught(TunedLinear(), known)
    judges = np.ones(150, bool)
    found = cross_validate(known.X, known.y, known.weight, judges, trusted_weights=(1.0,))
    assert (learner.l2_, learner.reference_weight_) == (found.best[0], 1.0)


@pytest.mark.parametrize("share", [1.0, 5.0])
def test_a_reference_alone_is_counted_as_asked(share: float) -> None:
    known = rows(60, 60, 0.0)
    learner = taught(TunedLinear(reference_weight=share), known)
    assert learner.reference_weight_ == share
    direct = LinearClassifier(l2=learner.l2_).fit(known.X, known.y, np.full(60, share))
    assert np.allclose(learner.predict_proba(known.X), direct.predict_proba(known.X), atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(labels=st.lists(st.integers(0, 3), max_size=40), count=st.integers(2, 6))
def test_folds_cover_every_row_once_and_deal_classes_evenly(labels: list[int], count: int) -> None:
    y = np.array(labels, dtype=np.int64)
    dealt = folds(y, count, 0)
    if len(y) < 2:
        assert dealt == []
        return
    assert (np.sum(dealt, axis=0) == 1).all()
    for label in np.unique(y):
        sizes = [int((y[out] == label).sum()) for out in dealt]
        assert max(sizes) - min(sizes) <= 1


def test_a_campaign_runs_on_it() -> None:
    known = rows(500, 0, 0.0)
    loop = Loop(
        known.X[:300], TunedLinear(), Margin(), per_round=20, budget=100,
        reference=(known.X[300:350], known.y[300:350]), test=(known.X[350:], known.y[350:]),
    )  # fmt: skip
    for _ in loop.run(SimulatedAnnotator(known.y[:300])):
        pass
    assert loop.to_frame()["accuracy"].iloc[-1] > 0.7


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"l2": "aut"}, "l2 must be 'auto' or a positive number, got 'aut'"),
        ({"l2": 0}, "l2 must be"),
        ({"reference_weight": -1.0}, "reference_weight must be"),
        ({"folds": 1}, "folds must be"),
        ({"retune": 0.5}, "retune must be a number of 1 or more, got 0.5"),
        ({"classes": [0, 5]}, "none of the classes"),
    ],
)
def test_mistakes_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        taught(TunedLinear(**options), rows(50, 10, 0.0))
