"""The laws of learners."""

import pickle
from collections.abc import Callable
from copy import deepcopy

import numpy as np

from streamlearn.arrays import Floats, Labels, Matrix
from streamlearn.checks.law import expect, expect_same_bytes, freeze, law, snapshot
from streamlearn.checks.worlds import labelled, teach
from streamlearn.data import Labelled
from streamlearn.protocols import Learner

LearnerFactory = Callable[[], Learner]
LearnerCheck = Callable[[LearnerFactory], None]

KINDS: tuple[tuple[object, object], ...] = ((0, 1), (-1, 1), ("no", "yes"), (False, True))


def labels_of(make: LearnerFactory) -> Labels:
    """Two labels the learner accepts: those it was given up front, else 0 and 1."""
    known = np.asarray(make().classes_)
    return known[:2] if len(known) >= 2 else np.array([0, 1])


def batches(make: LearnerFactory, count: int = 3) -> list[Labelled]:
    """Easy batches of 40 rows."""
    labels = labels_of(make)
    return [labelled(40, labels, seed=seed) for seed in range(count)]


def probabilities(learner: Learner, X: Matrix) -> Floats:
    """Predict, and expect a distribution over the known classes in every row."""
    p = np.asarray(learner.predict_proba(X))
    shape = X.shape[0], max(len(learner.classes_), 1)
    expect(p.shape == shape, f"gave probabilities of shape {p.shape} where {shape} was expected")
    expect(np.isfinite(p).all() and (p >= 0).all(), "gave probabilities not finite or negative")
    expect(np.allclose(p.sum(axis=1), 1, atol=1e-6), f"has rows that sum to {p.sum(axis=1)[:3]}")
    return p


@law
def check_cold(make: LearnerFactory) -> None:
    """Rows sum to 1 before anything was learned, and no class is preferred."""
    p = probabilities(make(), labelled(7).X)
    expect(np.allclose(p, 1 / p.shape[1]), f"is not uniform before it learned: {p[0]}")


@law
def check_probabilities(make: LearnerFactory) -> None:
    """Rows sum to 1 after every batch; none for no rows."""
    learner, X = make(), labelled(7).X
    for batch in batches(make):
        teach(learner, batch)
        probabilities(learner, X)
    probabilities(learner, X[:0])
    probabilities(learner, X[:1])


@law
def check_classes_sorted(make: LearnerFactory) -> None:
    """Classes are known, sorted, each once."""
    classes = teach(make(), *batches(make)).classes_
    expect(np.array_equal(classes, np.unique(classes)), f"has classes_ {classes}, not sorted")
    missing = np.setdiff1d(labels_of(make), classes)
    expect(missing.size == 0, f"has forgotten the labels {missing} it learned")


@law
def check_columns_follow_classes(make: LearnerFactory) -> None:
    """The likeliest column is the right class on rows nobody could get wrong."""
    taught = [Labelled(b.ids[::-1], b.X[::-1], b.y[::-1], b.weight) for b in batches(make, 6)]
    learner, test = teach(make(), *taught), labelled(200, labels_of(make), seed=77)
    right = learner.classes_[np.argmax(learner.predict_proba(test.X), axis=1)] == test.y
    expect(right.mean() > 0.7, f"gets {right.mean():.0%} of two classes far apart right")


@law
def check_labels_round_trip(make: LearnerFactory) -> None:
    """Labels of any kind come back as they went in."""
    for kind in [labels_of(make)] if len(make().classes_) else KINDS:
        labels = np.asarray(kind)
        learner, X = teach(make(), labelled(40, labels)), labelled(20, seed=3).X
        back = np.asarray(learner.predict(X))
        expect(back.shape == (20,), f"predicted shape {back.shape} for 20 rows")
        expect(
            back.dtype.kind == labels.dtype.kind and not np.setdiff1d(back, labels).size,
            f"learned the labels {labels} and predicted {np.unique(back)} ({back.dtype})",
        )
        expect(learner.classes_.dtype.kind == labels.dtype.kind, f"turned {labels} into "
               f"classes_ {learner.classes_}")  # fmt: skip


@law
def check_one_class(make: LearnerFactory) -> None:
    """One class only: predicted, and no harm done to what comes later."""
    labels = labels_of(make)
    one = labelled(40, labels[1:])
    learner = teach(make(), one)
    probabilities(learner, one.X)
    if not len(make().classes_):
        expect((learner.predict(one.X) == labels[1]).all(), "learned one class and predicts others")
    teach(learner, *[one, *batches(make)])
    probabilities(learner, one.X)


@law
def check_empty_batch(make: LearnerFactory) -> None:
    """Learning no rows changes nothing, before the first batch and after."""
    X, nothing = labelled(9).X, batches(make)[0].take(slice(0, 0))
    learner = make()
    before = learner.predict_proba(X)
    learner.learn(nothing, lambda: nothing)
    expect(np.array_equal(before, learner.predict_proba(X)), "changed on an empty first batch")
    taught = batches(make)[0]
    teach(learner, taught)
    before = learner.predict_proba(X)
    learner.learn(nothing, lambda: taught)
    expect(np.array_equal(before, learner.predict_proba(X)), "changed on an empty later batch")


@law
def check_weight_zero_is_absent(make: LearnerFactory) -> None:
    """A row of weight 0 might as well not be there."""
    batch = batches(make)[0]
    labels, X = labels_of(make), labelled(9, seed=4).X
    out = np.arange(len(batch)) % 3 == 2
    wrong = np.where(batch.y == labels[0], labels[1], labels[0])
    y = np.where(out, wrong, batch.y)
    marked = Labelled(batch.ids, batch.X, y, np.where(out, 0.0, 1.0))
    with_zero, without = teach(make(), marked), teach(make(), batch.take(~out))
    expect(
        np.allclose(with_zero.predict_proba(X), without.predict_proba(X), atol=1e-9),
        "learned from rows of weight 0",
    )


@law
def check_same_twice(make: LearnerFactory) -> None:
    """Two new learners fed the same are the same: nothing random is left unseeded."""
    X = labelled(9, seed=4).X
    here, there = (teach(make(), *batches(make)).predict_proba(X) for _ in range(2))
    expect(np.array_equal(here, there), "differs from its twin that learned the same; seed it")


@law
def check_deepcopy_is_independent(make: LearnerFactory) -> None:
    """What a copy learns does not reach the original."""
    X = labelled(9, seed=4).X
    learner = teach(make(), *batches(make))
    before = learner.predict_proba(X).copy()
    labels = labels_of(make)
    turned = labelled(40, labels[::-1], seed=8)
    teach(deepcopy(learner), turned, turned)
    expect(np.array_equal(before, learner.predict_proba(X)), "changed when its copy learned")


@law
def check_inputs_not_mutated(make: LearnerFactory) -> None:
    """Neither learning nor predicting writes to what is given."""
    for frozen in (False, True):
        batch, test = batches(make)[0], labelled(9, seed=4)
        if frozen:
            freeze(batch, test)
        before = snapshot(batch, test)
        learner = teach(make(), batch)
        learner.predict_proba(test.X), learner.predict(test.X)
        expect_same_bytes(before, snapshot(batch, test))


@law
def check_picklable(make: LearnerFactory) -> None:
    """A pickled copy predicts the same, cold and warm."""
    X = labelled(9, seed=4).X
    for learner in (make(), teach(make(), *batches(make))):
        copy = pickle.loads(pickle.dumps(learner))
        same = np.array_equal(copy.predict_proba(X), learner.predict_proba(X))
        expect(same, "predicts differently after pickling")


@law
def check_sparse(make: LearnerFactory) -> None:
    """CSR matrices: learned, or refused by an error that says so."""
    batch = labelled(40, labels_of(make), sparse_rows=True)
    try:
        learner = teach(make(), batch)
    except (TypeError, ValueError) as refusal:
        if not any(word in str(refusal).lower() for word in ("sparse", "csr")):
            raise
        return
    probabilities(learner, batch.X)


@law
def check_decision_values(make: LearnerFactory) -> None:
    """Decision values, where there are any: one a row, positive for the second class."""
    learner, X = teach(make(), *batches(make)), labelled(30, seed=4).X
    decide = getattr(learner, "decision_function", None)
    if decide is None or len(learner.classes_) != 2:
        return
    values = np.asarray(decide(X))
    expect(values.shape == (30,), f"has decision values of shape {values.shape} for 30 rows")
    second = learner.predict(X) == learner.classes_[1]
    expect(np.array_equal(values > 0, second), "has decision values that contradict predict")


def learner_checks() -> tuple[LearnerCheck, ...]:
    """List the laws of learners, to parametrise a test with.

    Returns
    -------
    tuple of callable
        Each takes a callable that makes a new learner, and raises AssertionError where one breaks
        the law.

    Examples
    --------
    >>> [check.__name__ for check in learner_checks()][:2]
    ['check_cold', 'check_probabilities']
    """
    return (
        check_cold,
        check_probabilities,
        check_classes_sorted,
        check_columns_follow_classes,
        check_labels_round_trip,
        check_one_class,
        check_empty_batch,
        check_weight_zero_is_absent,
        check_same_twice,
        check_deepcopy_is_independent,
        check_inputs_not_mutated,
        check_picklable,
        check_sparse,
        check_decision_values,
    )


def check_learner(make: LearnerFactory) -> None:
    """Check that a learner keeps every law.

    Parameters
    ----------
    make : callable
        Returns a new learner each time, which has learned nothing.

    Raises
    ------
    AssertionError
        For the first law broken, with what was seen.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from streamlearn.learners import wrap
    >>> check_learner(lambda: wrap(GaussianNB(), seed=0))
    """
    for check in learner_checks():
        check(make)
