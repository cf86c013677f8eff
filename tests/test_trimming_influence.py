"""Influence trimming: as printed, verified, and in the loop."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.linear_model import SGDClassifier
from sklearn.naive_bayes import GaussianNB

from streamlearn import Loop, Stream
from streamlearn.arrays import Floats
from streamlearn.checks import check_trimmer
from streamlearn.data import Candidates, Labelled
from streamlearn.errors import ConvergenceError, InputError
from streamlearn.influence import (
    DemographicParity,
    EqualOpportunity,
    LinearClassifier,
    Objective,
    ValidationLoss,
    influence,
)
from streamlearn.learners import wrap
from streamlearn.learners.river_model import river_logistic
from streamlearn.protocols import View
from streamlearn.simulators import NoisyStream, SimulatedAnnotator, TrimReport, batches
from streamlearn.strategies import Random
from streamlearn.trimming import Auto, InfluenceTrim, NoiseModel, trim
from streamlearn.trimming.judges import folds_by_class
from streamlearn.trimming.paths import Paths
from streamlearn.trimming.refits import Refits
from streamlearn.trimming.trim_rows import with_reference

D = 4


def rows(n: int, seed: int = 0, flips: float = 0.0, classes: int = 2, first: int = 0) -> Labelled:
    """Rows with a linear truth, some labels wrong."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, D))
    y = np.argmax(2.0 * X[:, :classes] + rng.gumbel(size=(n, classes)) * 0.3, axis=1)
    wrong = rng.random(n) < flips
    return Labelled(first + np.arange(n), X, np.where(wrong, (y + 1) % classes, y), np.ones(n))


def reference(n: int = 120, seed: int = 9, classes: int = 2) -> Labelled:
    ref = rows(n, seed, classes=classes)
    return Labelled(-1 - ref.ids, ref.X, ref.y, ref.weight)


def view(ref: Labelled | None, seen: Labelled | None = None) -> View:
    none = rows(2).take(slice(0, 0))
    learner = wrap(SGDClassifier(), seed=0, classes=[0, 1], incremental=True)
    past = none if seen is None else seen
    return View(Candidates(none.ids, none.X, none.weight > 0), none.ids, ref, learner, lambda: past)


def model_of(part: Labelled, **options: Any) -> LinearClassifier:
    return LinearClassifier(**options).fit(part.X, part.y, part.weight)


# --- as printed


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.floats(0, 1), st.sampled_from(["logistic", "squared_hinge"]))
def test_unverified_is_algorithm_2_with_its_cap(seed: int, budget: float, loss: str) -> None:
    part, ref = rows(60, seed, flips=0.2), reference()
    model, judge = model_of(part, loss=loss), ValidationLoss(ref.X, ref.y)
    found = trim(model, part.X, part.y, judge, budget=budget, verify=False)
    scores = influence(model, part.X, part.y, judge, leverage=False)
    n = min(int(budget * 60 + 1e-9), np.count_nonzero(scores < 0))
    assert set(found.trimmed) == set(np.argsort(scores)[:n])
    assert np.array_equal(np.flatnonzero(~found.kept), np.sort(found.trimmed))
    assert (np.diff(found.scores[found.trimmed]) >= 0).all()
    assert found.model is None
    assert found.after is None


def test_a_budget_may_be_a_number_of_rows() -> None:
    part, ref = rows(60, flips=0.3), reference()
    model, judge = model_of(part), ValidationLoss(ref.X, ref.y)
    for n in (0, 1, 7):
        assert len(trim(model, part.X, part.y, judge, budget=n, verify=False).trimmed) == n
    for wrong in (-1, 1.5, True, "many", np.nan):
        with pytest.raises(InputError, match="budget"):
            trim(model, part.X, part.y, judge, budget=wrong, verify=False)
    with pytest.raises(InputError, match="verif"):
        trim(model, part.X, part.y, judge, budget="auto", verify=False)


def test_unverified_refuses_a_model_of_other_rows() -> None:
    part, ref = rows(60, flips=0.3), reference()
    with pytest.raises(ConvergenceError):
        trim(model_of(rows(60, 1)), part.X, part.y, ValidationLoss(ref.X, ref.y), verify=False)


def test_one_step_is_the_step_of_the_quadratic_bound() -> None:
    part, ref, l2 = rows(200, flips=0.3), reference(), 3.0
    found = trim(LinearClassifier(l2=l2), part.X, part.y, ValidationLoss(ref.X, ref.y),
                 verify=False, fit="one_step")  # fmt: skip
    X, Z = (np.column_stack([A, np.ones(len(A))]) for A in (part.X, ref.X))
    H = X.T @ X / 4 + l2 * np.diag([1.0] * D + [0.0])
    theta = np.linalg.solve(H, X.T @ (part.y - 0.5))
    slope = Z.T @ (1 / (1 + np.exp(-Z @ theta)) - ref.y) / len(Z)
    expected = (X @ np.linalg.solve(H, slope)) * (1 / (1 + np.exp(-X @ theta)) - part.y)
    np.testing.assert_allclose(found.scores, expected, atol=1e-10)


def test_one_step_trims_nearly_the_same_rows_of_a_large_batch() -> None:
    part, ref = rows(1000, flips=0.33), reference()
    judge = ValidationLoss(ref.X, ref.y)
    full = trim(model_of(part), part.X, part.y, judge, verify=False).trimmed
    quick = trim(LinearClassifier(), part.X, part.y, judge, verify=False, fit="one_step").trimmed
    assert len(np.intersect1d(full, quick)) >= 0.9 * len(full)


# --- many fits at once


@pytest.mark.parametrize("sparse_rows", [False, True])
@pytest.mark.parametrize(
    ("loss", "classes"),
    [("logistic", 2), ("logistic", 3), ("squared_hinge", 2), ("squared_hinge", 3)],
)
def test_refits_agree_with_retraining(loss: str, classes: int, sparse_rows: bool) -> None:
    part = rows(150, flips=0.2, classes=classes)
    X = sparse.csr_array(part.X) if sparse_rows else part.X
    rng = np.random.default_rng(0)
    W = (rng.random((6, 150)) < 0.7) * rng.uniform(0.5, 2.0, (6, 150))
    V = (rng.random((6, 150)) < 0.1) * 1.0
    model = LinearClassifier(loss, l2=0.7)
    fits = Refits(model, X, part.y, np.arange(classes))
    fits.other = (fits.codes + 1) % classes
    thetas = fits.fit(np.zeros((6, *fits.shape)), np.asarray(W, np.float64), V.astype(np.float64))
    for theta, own, second in zip(thetas, W, V, strict=True):
        twice = LinearClassifier(loss, l2=0.7).fit(
            np.tile(part.X, (2, 1)), np.concatenate([part.y, fits.other]), [*own, *second]
        )
        np.testing.assert_allclose(theta, twice._theta(), atol=0.02 * np.abs(theta).max())


def test_refits_score_as_influence_does() -> None:
    part, ref = rows(150, flips=0.2, classes=3), reference(classes=3)
    judge, model = ValidationLoss(ref.X, ref.y), model_of(part, tol=1e-10)
    fits = Refits(model, part.X, part.y, np.arange(3))
    thetas = model._theta()[None]
    fits.fit(np.zeros_like(thetas), part.weight[None])  # a Hessian that is near
    gradient = model._loss().contrast.T @ judge.gradient(model)
    directions = fits.solve(thetas, gradient[None, None], part.weight[None])
    expected = influence(model, part.X, part.y, judge, leverage=False)
    found = fits.scores(thetas, directions)[0, 0]
    np.testing.assert_allclose(found, expected, atol=0.01 * np.abs(expected).max())


# --- verified


def test_the_objective_is_cross_fitted() -> None:
    part, ref = rows(200, flips=0.3), reference()
    found = trim(LinearClassifier(), part.X, part.y, reference=(ref.X, ref.y), demand=np.inf)
    mixed = with_reference(part, ref, 4, 0)
    losses = []
    for k in range(4):
        train, held = mixed.fold != k, mixed.fold == k
        model = model_of(mixed.rows.take(train))
        P = model.predict_proba(mixed.rows.X[held])
        losses.extend(-np.log(P[np.arange(held.sum()), mixed.rows.y[held]]))
    assert found.before == pytest.approx(np.mean(losses), abs=1e-3)


def test_a_fold_does_not_touch_the_path_it_judges() -> None:
    own, other = 0.0, 0.0
    for seed in range(6):
        part, ref = rows(200, seed, flips=0.3), reference(seed=seed + 50)
        mixed = with_reference(part, ref, 3, 0)
        y = mixed.rows.y.copy()
        y[mixed.fold == 0] = 1 - y[mixed.fold == 0]
        lied = with_reference(part, Labelled(ref.ids, ref.X, y[200:], ref.weight), 3, 0)
        lied = type(lied)(lied.rows, lied.candidate, mixed.fold, lied.key)
        weights = []
        for these in (mixed, lied):
            paths = Paths(LinearClassifier(), these, None, "trim", False)
            for share in (0.5, 1.0):
                paths.advance(60, share)
            weights.append(paths.W)
        own += np.mean(weights[0][0] != weights[1][0]) / 6
        other += np.mean(weights[0][1] != weights[1][1]) / 6
    assert own < 0.01  # a row or so, as far as fits are not made to the last bit
    assert other > 0.2  # its lies do reach the others


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("flips", [0.0, 0.1, 0.33])
@pytest.mark.parametrize("action", ["trim", "relabel", "weight"])
def test_converged_refits_decide_alike(classes: int, flips: float, action: str) -> None:
    for seed in range(3):
        part = rows(150, seed, flips=flips, classes=classes)
        mixed = with_reference(part, reference(100, seed + 50, classes), 4, seed)
        paths = Paths(LinearClassifier(l2=0.5), mixed, None, action, False)

        def losses(paths: Paths = paths) -> Floats:
            said = []
            for k, at in enumerate(paths.judges):
                V = np.zeros_like(paths.W[k]) if paths.V is None else paths.V[k]
                y = np.concatenate([mixed.rows.y, paths.fits.other])  # noqa: B023
                X = np.tile(mixed.rows.X, (2, 1))  # noqa: B023
                exact = LinearClassifier(l2=0.5).fit(X, y, np.concatenate([paths.W[k], V]))
                P = exact.predict_proba(mixed.rows.X[at])  # noqa: B023
                said.append(-np.log(P[np.arange(len(at)), mixed.rows.y[at]]))  # noqa: B023
            return np.concatenate(said)

        before, best = losses(), (0.0, 0.0)
        for step in range(1, 5):
            if not paths.advance(45, step / 4, 1.0, best[0]):
                break
            gain, error = paths.gain(paths.thetas)
            change = before - losses()
            exact, exact_error = change.mean(), change.std(ddof=1) / np.sqrt(len(change))
            ahead = exact - exact_error, exact - best[1]
            if min(np.abs(ahead)) > 0.02 * exact_error:  # neither would know
                assert (gain > error, gain > best[0]) == (ahead[0] > 0, ahead[1] > 0)
            if min(ahead) > 0:
                assert gain == pytest.approx(exact, abs=0.2 * exact_error)
                best = gain, exact


@pytest.mark.parametrize("budget", [0.1, 0.3, "auto"])
def test_what_is_accepted_is_better_by_more_than_its_error(budget: Any) -> None:
    part, ref, clean = rows(400, flips=0.33), reference(), rows(400)
    found = trim(LinearClassifier(), part.X, part.y, reference=(ref.X, ref.y), budget=budget)
    assert found.after is not None
    assert found.error is not None
    assert found.model is not None
    assert found.before - found.after > found.error
    assert len(found.trimmed) <= (0.5 if budget == "auto" else budget) * 400
    assert (found.scores[found.trimmed] < 0).all()
    wrong = part.y != clean.y
    assert wrong[found.trimmed].mean() > 2 * wrong.mean()
    assert (found.model.predict(clean.X) == clean.y).mean() > 0.9
    assert found.tried[-1].rows >= len(found.trimmed)


def test_nothing_is_trimmed_where_nothing_is_accepted() -> None:
    part, ref = rows(400, flips=0.33), reference()
    found = trim(LinearClassifier(), part.X, part.y, reference=(ref.X, ref.y), demand=np.inf)
    assert not len(found.trimmed)
    assert found.kept.all()
    assert found.after == found.before
    assert found.tried
    assert (found.scores < 0).any()


def test_clean_labels_are_mostly_left_alone() -> None:
    shares = [
        len(trim(LinearClassifier(), p.X, p.y, reference=(r.X, r.y), budget=0.2).trimmed) / 200
        for p, r in ((rows(200, seed), reference(seed=seed + 100)) for seed in range(8))
    ]
    assert np.mean(shares) < 0.06


def test_it_knows_no_order() -> None:
    part, ref = rows(150, flips=0.3), reference()
    order = np.random.default_rng(0).permutation(150)
    said = InfluenceTrim(budget="auto").judge(part, view(ref))
    again = InfluenceTrim(budget="auto").judge(part.take(order), view(ref))
    assert np.array_equal(said.weight[order], again.weight)
    np.testing.assert_array_equal(said.score[order], again.score)


def test_a_validation_loss_becomes_the_reference() -> None:
    part, ref = rows(150, flips=0.3), reference()
    a = trim(LinearClassifier(), part.X, part.y, ValidationLoss(ref.X, ref.y))
    b = trim(LinearClassifier(), part.X, part.y, reference=(ref.X, ref.y))
    assert np.array_equal(a.trimmed, b.trimmed)
    assert a.before == b.before


def test_other_objectives_are_given_as_functions() -> None:
    part, ref = rows(400, flips=0.1), reference(400)
    biased = Labelled(part.ids, part.X, np.where(part.X[:, 2] > 0.5, 1, part.y), part.weight)

    def gap(X: Floats, y: Any) -> Objective:
        return DemographicParity(X, X[:, 2] > 0) + 0.1 * ValidationLoss(X, y)

    found = trim(LinearClassifier(), biased.X, biased.y, gap, reference=(ref.X, ref.y), budget=0.2)
    assert found.after is not None
    assert found.after < found.before
    with pytest.raises(InputError, match="function"):
        trim(LinearClassifier(), part.X, part.y, DemographicParity(ref.X, ref.X[:, 2] > 0),
             reference=(ref.X, ref.y))  # fmt: skip


# --- in the loop


@pytest.mark.parametrize(
    "trimmer",
    [
        InfluenceTrim(),
        InfluenceTrim(budget="auto", scope="seen", action="relabel"),
        InfluenceTrim(action="weight", fit="one_step", budget=0.5),
    ],
)
def test_the_laws_of_trimmers_hold(trimmer: InfluenceTrim) -> None:
    check_trimmer(trimmer)


@pytest.mark.parametrize("learner", [
    SGDClassifier(loss="log_loss", average=True), SGDClassifier(), river_logistic(),
])  # fmt: skip
@pytest.mark.parametrize("verify", [True, False])
def test_a_stream_defends_itself(learner: Any, verify: bool) -> None:
    clean, ref = rows(600), reference()
    noisy = NoisyStream(batches(clean.X, clean.y, size=100), noise=1 / 3)
    report = TrimReport(noisy)
    trimmer = InfluenceTrim(budget=0.2, verify=verify)
    loop = Loop(Stream(noisy), learner, trimmer=trimmer, reference=(ref.X, ref.y),
                recorders=[report])  # fmt: skip
    for _ in loop.run():
        pass
    assert report.total()["precision"] > 0.8
    assert loop.to_frame()["trimmed"].max() <= 21


def test_relabelling_restores_labels_and_weighting_lowers_weights() -> None:
    part, clean, ref = rows(300, flips=0.3), rows(300), reference()
    said = InfluenceTrim(action="relabel", budget=0.2).judge(part, view(ref))
    new = said.y != part.y
    assert new.any()
    assert (said.weight == 1).all()
    assert (said.y[new] == clean.y[new]).mean() > 0.8
    assert all("relabelled" in reason and "->" in reason for reason in said.reason[new])
    said = InfluenceTrim(action="weight", budget=0.2).judge(part, view(ref))
    less = said.weight < 1
    assert less.any()
    assert (said.y == part.y).all()
    assert (said.weight > 0).all()
    assert (part.y != clean.y)[less].mean() > 0.8


def test_what_was_trimmed_can_come_back() -> None:
    seen, ref = rows(200), reference()
    seen = Labelled(seen.ids, seen.X, seen.y, np.where(seen.ids < 20, 0.0, 1.0))
    new = rows(50, 3, flips=0.3, first=1000)
    said = InfluenceTrim(scope="seen").judge(new, view(ref, seen))
    back = np.isin(said.ids, np.arange(20)) & (said.weight == 1)
    assert np.count_nonzero(back) > 10
    assert set(said.reason[back]) == {"cleared by newer rows"}
    alone = InfluenceTrim(scope="answered").judge(new, view(ref, seen))
    assert np.array_equal(alone.ids, new.ids)


def test_relabelled_rows_are_judged_again_in_full() -> None:
    # seen rows show the labels given, not those learned: every one is said anew
    seen, ref = rows(100, flips=0.2), reference()
    new = rows(20, 3, first=1000)
    said = InfluenceTrim(scope="seen", action="relabel").judge(new, view(ref, seen))
    assert np.array_equal(np.sort(said.ids), np.concatenate([seen.ids, new.ids]))


def test_small_batches_are_not_spared_for_ever() -> None:
    ref, trimmed = reference(), 0
    for k in range(80):
        part = rows(5, k, flips=0.4, first=10 * k)
        trimmed += int(
            np.count_nonzero(InfluenceTrim(verify=False).judge(part, view(ref)).weight == 0)
        )
    assert 10 < trimmed <= 60


# --- bad input


def test_without_a_reference_recent_rows_judge_or_an_error_names_it() -> None:
    part = rows(400, flips=0.25)
    said = InfluenceTrim(budget=0.2).judge(part, view(None))
    acted = said.weight == 0
    assert 20 < np.count_nonzero(acted) <= 80
    assert all("recent rows" in reason for reason in said.reason[acted])
    assert (part.y != rows(400).y)[acted].mean() > 0.6
    for trimmer in (InfluenceTrim(without_reference="error"), InfluenceTrim(verify=False)):
        with pytest.raises(InputError, match="reference="):
            trimmer.judge(part, view(None))
    with pytest.raises(InputError, match="reference="):
        trim(LinearClassifier(), part.X, part.y)
    said = InfluenceTrim().judge(rows(10), view(None))
    assert (said.weight == 1).all()
    assert "too few" in said.reason[0]


@pytest.mark.parametrize("fit", ["full", "one_step"])
@pytest.mark.parametrize("verify", [True, False])
def test_batches_that_teach_little(verify: bool, fit: str) -> None:
    ref, trimmer = reference(), InfluenceTrim(budget=0.5, verify=verify, fit=fit)
    whole = rows(60)
    one_class = whole.take(whole.y == 1)
    for part in (one_class, whole.take([0]), whole.take(slice(0, 0))):
        said = trimmer.judge(part, view(ref))
        assert np.array_equal(said.ids, part.ids)
        assert len(part) == 0 or (said.weight > 0).any()
    flipped = Labelled(whole.ids, whole.X, 1 - whole.y, whole.weight)
    said = trimmer.judge(flipped, view(ref))
    assert 0 < np.count_nonzero(said.weight == 0) <= 30


def test_all_flipped_is_found_out() -> None:
    whole, ref = rows(200), reference()
    said = InfluenceTrim(budget="auto").judge(
        Labelled(whole.ids, whole.X, 1 - whole.y, whole.weight), view(ref)
    )
    assert np.count_nonzero(said.weight == 0) > 60


def test_a_reference_that_lacks_a_class_has_no_say_on_it() -> None:
    part, ref = rows(300, flips=0.3, classes=3), reference(classes=3)
    said = InfluenceTrim(budget=0.3).judge(part, view(ref.take(ref.y != 2)))
    assert (said.weight[part.y == 2] == 1).all()
    assert all("not judged" in reason for reason in said.reason[part.y == 2])
    said = InfluenceTrim().judge(part.take(part.y == 2), view(ref.take(ref.y != 2)))
    assert (said.weight == 1).all()


def test_a_reference_that_lacks_a_group_is_named() -> None:
    part, ref = rows(100, flips=0.2), reference(40)

    def gap(X: Floats, y: Any) -> Objective:
        return EqualOpportunity(X, y, X[:, 2] > 9.0)

    with pytest.raises(InputError, match="one group only"):
        InfluenceTrim(objective=gap).judge(part, view(ref))


@pytest.mark.parametrize("n", [2, 3, 5])
def test_a_reference_of_few_rows(n: int) -> None:
    part, ref = rows(100, flips=0.3), reference(n)
    said = InfluenceTrim().judge(part, view(ref))
    assert np.count_nonzero(said.weight == 0) <= 10
    with pytest.raises(InputError, match="at least two"):
        InfluenceTrim().judge(part, view(ref.take([0])))


def test_rows_of_weight_zero_count_as_absent() -> None:
    part, ref = rows(200, flips=0.3), reference()
    weight = np.where(np.arange(200) < 100, 1.0, 0.0)
    found = trim(LinearClassifier(), part.X, part.y, reference=(ref.X, ref.y),
                 sample_weight=weight, budget=20)  # fmt: skip
    half = trim(LinearClassifier(), part.X[:100], part.y[:100], reference=(ref.X, ref.y), budget=20)
    assert found.before == pytest.approx(half.before, abs=1e-3)
    assert (found.trimmed < 100).all()
    assert (found.scores[found.trimmed] < 0).all()
    nobody = Labelled(ref.ids, ref.X, ref.y, 0.0 * ref.weight)
    with pytest.raises(InputError, match="positive weight"):
        InfluenceTrim().judge(part, view(nobody))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"action": "trimm"}, "did you mean 'trim'"),
        ({"fit": "fast"}, "fit"),
        ({"scope": "all"}, "scope"),
        ({"without_reference": "guess"}, "without_reference"),
        ({"budget": 2}, "budget"),
        ({"budget": "much"}, "budget"),
        ({"folds": 1}, "folds"),
        ({"verify": False, "budget": "auto"}, "auto"),
        ({"verify": False, "action": "relabel"}, "Algorithm 2"),
    ],
)
def test_parameters_out_of_range(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        InfluenceTrim(**options).judge(rows(20), view(reference()))


def test_folds_hold_every_class_evenly() -> None:
    y = np.repeat([0, 1, 2], [50, 9, 4])
    fold = folds_by_class(y, np.random.default_rng(0).random(63), 4)
    counts = np.array([[np.sum((fold == k) & (y == c)) for c in range(3)] for k in range(4)])
    assert (np.ptp(counts, axis=0) <= 1).all()


CASES = ["one class", "one row", "all flipped", "reference lacks a class", "reference of 5 rows",
         "reference of one class", "weights of zero", "some weights of zero"]  # fmt: skip


def bad(case: str) -> tuple[Labelled, Labelled]:
    """A batch and a reference to stumble over."""
    part, ref = rows(60, flips=0.2, classes=3), reference(60, classes=3)
    zeros = {"weights of zero": 60, "some weights of zero": 30}.get(case, 0)
    part = Labelled(part.ids, part.X, part.y, np.where(part.ids < zeros, 0.0, 1.0))
    if case == "one class":
        part = part.take(part.y == 1)
    elif case == "one row":
        part = part.take([0])
    elif case == "all flipped":
        part = Labelled(part.ids, part.X, (rows(60, classes=3).y + 1) % 3, part.weight)
    elif case == "reference lacks a class":
        ref = ref.take(ref.y != 2)
    elif case == "reference of 5 rows":
        ref = ref.take(slice(0, 5))
    elif case == "reference of one class":
        ref = ref.take(ref.y == 0)
    return part, ref


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("trimmer", [
    InfluenceTrim(), InfluenceTrim(budget=0.5, scope="seen"), InfluenceTrim(verify=False),
    InfluenceTrim(verify=False, fit="one_step"), InfluenceTrim(fit="one_step", action="weight"),
    InfluenceTrim(action="relabel", budget="auto"), NoiseModel(), NoiseModel("trim"), Auto(),
], ids=repr)  # fmt: skip
def test_bad_batches_do_no_damage(trimmer: Any, case: str) -> None:
    part, ref = bad(case)
    for seen in (None, rows(30, 7, classes=3, first=1000)):
        said = trimmer.judge(part, view(ref, seen))
        assert np.isin(part.ids, said.ids).all()
        assert np.isfinite(said.weight).all()
        assert (said.weight >= 0).all()
        assert np.isfinite(said.score).all()
        assert np.isin(said.y, [0, 1, 2]).all()
        new = np.isin(said.ids, part.ids)
        order = np.argsort(said.ids[new])
        kept = said.weight[new][order] > 0
        assert not kept[part.weight == 0].any()  # what did not count does not count now
        if case != "weights of zero" and not isinstance(trimmer, Auto):
            assert kept.any()


@pytest.mark.parametrize("case", CASES)
def test_trim_takes_bad_rows(case: str) -> None:
    part, ref = bad(case)
    for budget in (0.0, 0.1, "auto"):
        found = trim(LinearClassifier(), part.X, part.y, reference=(ref.X, ref.y),
                     budget=budget, sample_weight=part.weight)  # fmt: skip
        assert np.isfinite(found.scores).all()
        assert (part.weight[found.trimmed] > 0).all()
        assert len(found.trimmed) <= (0.5 if isinstance(budget, str) else budget) * len(part)


def test_trim_leaves_rows_alone_that_nobody_can_judge() -> None:
    part, ref = bad("reference lacks a class")
    unknown = part.take(part.y == 2)
    found = trim(LinearClassifier(), unknown.X, unknown.y, reference=(ref.X, ref.y))
    assert not len(found.trimmed)
    assert not found.scores.any()
    one, only = part.take(part.y == 0), ref.take(ref.y == 0)
    with pytest.raises(InputError, match="one class"):
        trim(LinearClassifier(), one.X, one.y, reference=(only.X, only.y))


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("action", ["trim", "relabel", "weight"])
def test_csr_rows_are_judged_as_dense_ones_are(classes: int, action: str) -> None:
    part, ref = rows(150, flips=0.3, classes=classes), reference(classes=classes)
    few = [np.where(np.abs(X) > 0.5, X, 0.0) for X in (part.X, ref.X)]
    said = []
    for X, V in (few, [sparse.csr_array(X) for X in few]):
        trimmer = InfluenceTrim(budget=0.3, action=action)
        known = Labelled(ref.ids, V, ref.y, ref.weight)
        said.append(trimmer.judge(Labelled(part.ids, X, part.y, part.weight), view(known)))
    assert np.array_equal(said[0].y, said[1].y)
    np.testing.assert_allclose(said[0].weight, said[1].weight, atol=1e-6)
    np.testing.assert_allclose(said[0].score, said[1].score, atol=1e-9)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_trim_refuses_numbers_that_are_not_finite(value: float) -> None:
    part, ref = rows(40), reference(20)
    X = part.X.copy()
    X[3, 1], X[4, 2] = value, -value
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        trim(LinearClassifier(), X, part.y, reference=(ref.X, ref.y))


def test_recent_rows_may_be_too_few_of_a_class_to_judge_it() -> None:
    X = np.random.default_rng(0).normal(size=(40, 3))
    y = np.array(["a"] * 3 + ["b", "c"] * 18 + ["c"])
    noisy = SimulatedAnnotator(y, noise=0.2, seed=0)
    loop = Loop(X, GaussianNB(), Random(), InfluenceTrim(), per_round=10, seed=0)
    assert sum(round.closed for round in loop.run(noisy)) == 40
    assert set(loop.labelled().y) == {"a", "b", "c"}
