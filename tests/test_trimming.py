"""The baselines for trimming: what they keep, what they spare, and what they agree with."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC

from streamlearn.arrays import Floats
from streamlearn.data import Candidates, Judgement, Labelled
from streamlearn.errors import InputError
from streamlearn.learners import wrap
from streamlearn.protocols import View
from streamlearn.trimming import (
    ConfidentTrim,
    KeepAll,
    LossTrim,
    RandomTrim,
    confident_joint,
    prune_by_noise_rate,
)
from streamlearn.trimming.share import allowed

NOBODY = Labelled(np.empty(0, np.int64), np.empty((0, 0)), np.empty(0), np.empty(0))


def rows(n: int, seed: int = 0, start: int = 0, classes: int = 2) -> Labelled:
    """Easy rows with true labels."""
    X, y = make_classification(
        n, n_features=8, n_informative=6, n_redundant=0, n_classes=classes,
        n_clusters_per_class=1, class_sep=2.0, flip_y=0.0, random_state=seed,
    )  # fmt: skip
    return Labelled(np.arange(start, start + n), X, y.astype(np.int64), np.ones(n))


def flipped(clean: Labelled, share: float, seed: int = 0) -> tuple[Labelled, Any]:
    rng = np.random.default_rng(seed)
    wrong = rng.random(len(clean)) < share
    y = np.where(wrong, (clean.y + 1) % (clean.y.max() + 1), clean.y)
    return Labelled(clean.ids, clean.X, y, clean.weight), wrong


def view(seen: Labelled = NOBODY, reference: Labelled | None = None, estimator: Any = None) -> View:
    learner = wrap(estimator or LogisticRegression(), seed=0)
    known = seen if len(seen) else reference
    if known is not None and len(known):
        learner.learn(known, lambda: known)
    nothing = Candidates(np.empty(0, np.int64), np.empty((0, 8)), np.empty(0, np.bool_))
    return View(nothing, np.empty(0, np.int64), reference, learner, lambda: seen)


def by_id(judgement: Judgement) -> dict[int, tuple[Any, ...]]:
    columns = (judgement.ids, judgement.y, judgement.weight, judgement.score, judgement.reason)
    return {row[0]: row[1:] for row in zip(*(c.tolist() for c in columns), strict=True)}


def trimmed(judgement: Judgement) -> Any:
    return judgement.ids[judgement.weight == 0]


TRIMMERS = [KeepAll(), RandomTrim(0.3), LossTrim(0.3), ConfidentTrim(), ConfidentTrim(scope="seen")]


# Budgets


@given(
    st.floats(0, 1), st.lists(st.integers(-(2**40), 2**40), unique=True, max_size=50),
    st.integers(0, 2**32), st.randoms(use_true_random=False),
)  # fmt: skip
def test_a_share_is_off_by_less_than_a_row_and_knows_no_order(
    budget: float, ids: list[int], seed: int, random: Any
) -> None:
    n = allowed(budget, np.array(ids, np.int64), seed)
    assert abs(n - budget * len(ids)) < 1 + 1e-9
    assert 0 <= n <= len(ids)
    random.shuffle(ids)
    assert n == allowed(budget, np.array(ids, np.int64), seed)


@pytest.mark.parametrize("size", [1, 3, 5, 34])
def test_small_batches_get_their_share_in_the_long_run(size: int) -> None:
    batches = 2000
    counts = [allowed(0.1, np.arange(i * size, (i + 1) * size), 0) for i in range(batches)]
    error = 4 * np.sqrt(0.25 / batches)
    assert np.mean(counts) == pytest.approx(0.1 * size, abs=error)


@pytest.mark.parametrize("budget", [-0.1, 1.1, np.nan, "a tenth", None])
@pytest.mark.parametrize("kind", [RandomTrim, LossTrim])
def test_a_budget_that_is_no_share_is_refused(kind: Any, budget: Any) -> None:
    with pytest.raises(InputError, match=r"share between 0 and 1, got"):
        kind(budget).judge(rows(5), view())


# What all of them promise


@pytest.mark.parametrize("trimmer", TRIMMERS, ids=repr)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 99), share=st.floats(0, 0.4), sparse_rows=st.booleans())
def test_every_answered_row_is_judged_once_and_old_ones_only_if_seen(
    trimmer: Any, seed: int, share: float, sparse_rows: bool
) -> None:
    seen, _ = flipped(rows(60, seed), share, seed)
    answered, _ = flipped(rows(40, seed, start=60), share, seed + 1)
    if sparse_rows:
        answered, seen = (
            Labelled(r.ids, sparse.csr_matrix(r.X), r.y, r.weight) for r in (answered, seen)
        )
    judgement = trimmer.judge(answered, view(seen))
    assert np.array_equal(judgement.ids[: len(answered)], answered.ids)
    assert set(judgement.ids[len(answered) :].tolist()) <= set(seen.ids.tolist())
    assert len(set(judgement.ids.tolist())) == len(judgement.ids)
    assert np.array_equal(judgement.y[: len(answered)], answered.y)
    assert ((judgement.weight == 0) | (judgement.weight == 1)).all()
    assert np.array_equal(judgement.weight == 0, judgement.reason != "")
    assert np.isfinite(judgement.score).all()


@pytest.mark.parametrize("trimmer", TRIMMERS, ids=repr)
def test_order_does_not_matter(trimmer: Any) -> None:
    seen, _ = flipped(rows(60), 0.2)
    answered, _ = flipped(rows(40, 1, start=60), 0.2)
    order = np.random.default_rng(0).permutation(40)
    there, back = (trimmer.judge(a, view(seen)) for a in (answered, answered.take(order)))
    assert set(trimmed(there)) == set(trimmed(back))


@pytest.mark.parametrize("trimmer", TRIMMERS, ids=repr)
def test_weights_of_kept_rows_are_left_as_they_were(trimmer: Any) -> None:
    answered, _ = flipped(rows(40, 1, start=60), 0.2)
    answered = Labelled(answered.ids, answered.X, answered.y, np.linspace(0.5, 2, 40))
    judgement = trimmer.judge(answered, view(rows(60)))
    kept = judgement.weight > 0
    assert np.array_equal(judgement.weight[kept], answered.weight[kept])


@pytest.mark.parametrize("trimmer", [RandomTrim(1.0), LossTrim(1.0)], ids=repr)
def test_the_last_row_of_a_class_is_spared_unless_another_stands_for_it(trimmer: Any) -> None:
    seen, answered = rows(60), rows(40, 1, start=60)
    # Nobody else has a row of either class: one of each stays, whatever the budget.
    alone = view(seen)
    alone = View(alone.candidates, alone.pending, None, alone.learner, lambda: NOBODY)
    left = trimmer.judge(answered, alone)
    assert Counter(answered.y[left.weight > 0].tolist()) == {0: 1, 1: 1}
    # Seen or reference rows stand for both: the budget is what it says.
    for other in (view(seen), view(NOBODY, reference=seen)):
        assert len(trimmed(trimmer.judge(answered, other))) == 40
    # Seen rows stand for nothing once trimmed.
    dead = Labelled(seen.ids, seen.X, seen.y, np.where(seen.y == 1, 0.0, 1.0))
    gone = View(alone.candidates, alone.pending, None, alone.learner, lambda: dead)
    left = trimmer.judge(answered, gone)
    assert Counter(answered.y[left.weight > 0].tolist()) == {1: 1}


# Random


def test_random_trim_trims_every_row_as_often() -> None:
    answered = rows(20, start=0)
    counts = Counter[int]()
    for seed in range(400):
        counts.update(trimmed(RandomTrim(0.25, seed).judge(answered, view(rows(60)))).tolist())
    assert sum(counts.values()) == 400 * 5
    assert min(counts[i] for i in range(20)) > 100 - 4.5 * np.sqrt(400 * 0.25 * 0.75)


# Loss


def test_loss_trim_takes_the_highest_losses() -> None:
    seen = rows(200)
    answered, _ = flipped(rows(100, 0, start=200), 0.3)
    run = view(seen)
    judgement = LossTrim(0.2).judge(answered, run)
    p = run.learner.predict_proba(answered.X)
    loss = -np.log(p[np.arange(100), answered.y])
    assert set(trimmed(judgement)) == set(answered.ids[np.argsort(-loss)[:20]])
    assert np.allclose(judgement.score, -loss)


def test_loss_trim_finds_flipped_labels_when_the_learner_is_good() -> None:
    clean = rows(300)
    answered, wrong = flipped(clean, 0.3)
    judgement = LossTrim(0.2).judge(answered, view(clean, estimator=GaussianNB()))
    assert wrong[judgement.weight == 0].mean() > 0.95


def test_a_cold_learner_trims_nothing() -> None:
    answered = rows(30)
    one = Labelled(answered.ids, answered.X, np.zeros(30, np.int64), answered.weight)
    told = view()  # knows its classes, and has learned nothing
    told = View(
        told.candidates, told.pending, None,
        wrap(LogisticRegression(), seed=0, classes=[0, 1]), told.recall,
    )  # fmt: skip
    for cold in (view(), view(one), told):
        assert not len(trimmed(LossTrim(1.0).judge(answered, cold)))


def test_rows_of_a_class_new_to_the_learner_are_kept() -> None:
    answered = rows(90, classes=3)
    judgement = LossTrim(1.0).judge(answered, view(rows(60)))
    new = answered.y == 2
    assert (judgement.weight[new] == 1).all()
    assert (judgement.weight[~new] == 0).any()


# Confident learning


def noisy_probabilities(seed: int, n: int, k: int, sharp: float) -> tuple[Any, Floats]:
    rng = np.random.default_rng(seed)
    true = rng.integers(k, size=n)
    codes = np.where(rng.random(n) < 0.25, rng.integers(k, size=n), true)
    codes[:k] = np.arange(k)  # every class has a row
    logits = rng.normal(size=(n, k))
    logits[np.arange(n), true] += sharp
    p = np.exp(logits)
    return codes, p / p.sum(axis=1, keepdims=True)


@given(st.integers(0, 10**6), st.integers(5, 200), st.integers(2, 5), st.floats(0, 5))
def test_the_joint_keeps_its_sums_and_no_class_is_emptied(
    seed: int, n: int, k: int, sharp: float
) -> None:
    codes, proba = noisy_probabilities(seed, n, k, sharp)
    joint = confident_joint(codes, proba)
    assert np.array_equal(joint.sum(axis=1), np.bincount(codes, minlength=k))
    assert (joint >= 0).all()
    wrong = prune_by_noise_rate(codes, proba)
    assert set(codes[~wrong]) == set(codes)
    order = np.random.default_rng(seed).permutation(n)
    assert np.array_equal(prune_by_noise_rate(codes[order], proba[order]), wrong[order])


@pytest.mark.extra
@pytest.mark.filterwarnings("ignore")  # cleanlab's own, at import and for classes of one row
@pytest.mark.parametrize("k", [2, 3, 7])
def test_agrees_with_cleanlab(k: int) -> None:
    find = pytest.importorskip("cleanlab.filter").find_label_issues
    count = pytest.importorskip("cleanlab.count").compute_confident_joint
    found = 0
    for seed in range(60):
        n = int(np.random.default_rng(seed).integers(5, 400)) + k
        codes, proba = noisy_probabilities(seed, n, k, sharp=(seed % 6) / 2)
        joint = confident_joint(codes, proba)
        # Rounding is a toss-up where two entries of a row have the same remainder.
        raw = count(codes, proba, calibrate=False)
        remainder = (raw / raw.sum(axis=1, keepdims=True) * joint.sum(axis=1, keepdims=True)) % 1
        gaps = np.diff(np.sort(remainder, axis=1), axis=1)
        clear = ((gaps > 1e-9) | (np.sort(remainder)[:, 1:] < 1e-9)).all(axis=1)
        assert np.array_equal(joint[clear], count(codes, proba)[clear])
        assert np.abs(joint - count(codes, proba)).max() <= 1
        options = {"filter_by": "prune_by_noise_rate", "confident_joint": joint, "n_jobs": 1}
        theirs = find(codes, proba, **options)
        assert np.array_equal(prune_by_noise_rate(codes, proba), theirs)
        found += int(theirs.sum())
    assert found > 100


@pytest.mark.parametrize("codes", [[0, 1], [0, 1, 2], [0, 1, -1]])
def test_codes_without_a_column_are_refused(codes: list[int]) -> None:
    with pytest.raises(InputError, match="codes for probabilities of shape"):
        confident_joint(np.array(codes), np.full((3, 2), 0.5))


@pytest.mark.parametrize("classes", [2, 3])
def test_confident_trim_finds_flipped_labels(classes: int) -> None:
    answered, wrong = flipped(rows(400, classes=classes), 0.2)
    judgement = ConfidentTrim().judge(answered, view())
    cut = judgement.weight == 0
    assert wrong[cut].mean() > 0.8  # precision
    assert cut[wrong].mean() > 0.7  # recall
    assert judgement.score[cut].max() < 0


def test_confident_trim_judges_old_rows_anew_only_where_asked_to() -> None:
    clean = rows(400)
    noisy, wrong = flipped(clean, 0.2)
    # A fault of the past: every right row of class 1 among the first hundred was trimmed.
    fault = (np.arange(400) < 100) & (noisy.y == 1) & ~wrong
    past = Labelled(noisy.ids, noisy.X, noisy.y, np.where(fault, 0.0, 1.0)).take(slice(0, 300))
    answered = noisy.take(slice(300, None))
    new = ConfidentTrim().judge(answered, view(past))
    assert np.array_equal(new.ids, answered.ids)
    both = by_id(ConfidentTrim(scope="seen").judge(answered, view(past)))
    assert set(both) > set(answered.ids.tolist())
    restored = {i for i, row in both.items() if i < 300 and row[1] == 1.0}
    assert restored <= set(np.flatnonzero(fault).tolist())
    assert len(restored) > 0.9 * fault.sum()
    again = {i for i, row in both.items() if i < 300 and row[1] == 0.0}
    assert wrong[list(again)].mean() > 0.8
    assert all(row[3] for i, row in both.items() if i < 300)  # every change has its reason


def test_reference_rows_train_and_are_never_judged() -> None:
    # Four answered rows cannot be cross-fitted; with a reference they can.
    answered, _ = flipped(rows(4, 3), 0.0)
    answered = Labelled(answered.ids, answered.X, 1 - answered.y, answered.weight)
    reference = rows(200, 3)
    reference = Labelled(-1 - reference.ids, reference.X, reference.y, reference.weight)
    alone = ConfidentTrim().judge(answered, view())
    assert not len(trimmed(alone))
    assert all("too few rows" in reason for reason in alone.reason)
    helped = ConfidentTrim().judge(answered, view(NOBODY, reference))
    assert np.array_equal(helped.ids, answered.ids)
    assert (helped.score != 0).all()


def test_a_rare_class_is_kept_and_said_to_be_and_the_others_judged() -> None:
    answered, _ = flipped(rows(200), 0.2)
    answered.y[:3] = 7
    judgement = ConfidentTrim().judge(answered, view())
    rare = judgement.ids < 3
    assert set(judgement.reason[rare]) == {"too few rows like it to cross-fit: label 7"}
    assert (judgement.weight[rare] == 1).all()
    assert len(trimmed(judgement)) > 10


def test_one_class_only_is_kept() -> None:
    answered = Labelled(np.arange(30), rows(30).X, np.full(30, "a"), np.ones(30))
    judgement = ConfidentTrim().judge(answered, view())
    assert (judgement.weight == 1).all()
    assert set(judgement.reason) == {"no other class has rows enough to cross-fit"}


def test_an_estimator_without_probabilities_and_wrong_parameters_are_refused() -> None:
    answered = rows(30)
    with pytest.raises(InputError, match=r"LinearSVC\(\) has no predict_proba"):
        ConfidentTrim(LinearSVC()).judge(answered, view())
    with pytest.raises(InputError, match="did you mean 'seen'"):
        ConfidentTrim(scope="sen").judge(answered, view())
    with pytest.raises(InputError, match=r"folds must be .* got 1"):
        ConfidentTrim(folds=1).judge(answered, view())


@pytest.mark.parametrize("trimmer", TRIMMERS, ids=repr)
def test_an_empty_batch_is_nothing_to_judge(trimmer: Any) -> None:
    empty = rows(5).take(slice(0, 0))
    for run in (view(), view(rows(60))):
        assert len(trimmed(trimmer.judge(empty, run))) == 0
