"""Influence strategies: against enumeration, retraining and the laws."""

import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from scipy.stats import spearmanr
from sklearn.linear_model import LogisticRegression

from streamlearn import Loop
from streamlearn.arrays import Floats, Ids
from streamlearn.checks import strategy_checks
from streamlearn.data import Candidates, Labelled
from streamlearn.errors import InputError
from streamlearn.influence import (
    DemographicParity,
    InfluenceTree,
    LinearClassifier,
    ValidationLoss,
    influence,
)
from streamlearn.learners import TunedLinear, wrap
from streamlearn.protocols import View
from streamlearn.simulators import SimulatedAnnotator
from streamlearn.strategies import (
    ISAL,
    ExpectedInfluence,
    InfluenceTreeSampling,
    Margin,
    VarianceReduction,
)
from streamlearn.strategies.direction import objective_gradient
from streamlearn.surrogate import fit_surrogate
from streamlearn.trimming import InfluenceTrim

NEED_REFERENCE = [
    ISAL(),
    ISAL(folds=None),
    ISAL(surrogate=LinearClassifier("squared_hinge")),
    ExpectedInfluence(),
    ExpectedInfluence(folds=None),
    InfluenceTreeSampling(),
    InfluenceTreeSampling(refit=False, folds=None),
    InfluenceTreeSampling(label="expected"),
    InfluenceTreeSampling(refit=False, label="expected", initial=7),
]
ALL = [*NEED_REFERENCE, VarianceReduction(), VarianceReduction(targets=9)]


def view_of(
    classes: int = 2,
    *,
    n: int = 80,
    learner: Any = None,
    reference: int = 30,
    seen: int = 40,
    csr: bool = False,
    opened: float = 0.8,
    labels: Any = None,
    seed: int = 0,
) -> View:
    rng = np.random.default_rng(seed)
    labels = np.arange(classes) if labels is None else np.asarray(labels)
    total = n + reference + seen
    X = rng.normal(size=(total, 4))
    y = labels[np.argmax(X[:, :classes] + rng.gumbel(size=(total, classes)), axis=1)]
    X = sparse.csr_matrix(np.where(np.abs(X) > 0.3, X, 0.0)) if csr else X
    trusted = Labelled(-1 - np.arange(reference), X[:reference], y[:reference], np.ones(reference))
    known = slice(reference, reference + seen)
    answered = Labelled(1000 + np.arange(seen), X[known], y[known], np.ones(seen))
    learner = wrap(LinearClassifier() if learner is None else learner, seed=0)
    parts = [trusted, answered]
    rows = Labelled(
        np.concatenate([p.ids for p in parts]), X[: reference + seen], y[: reference + seen],
        np.ones(reference + seen),
    )  # fmt: skip
    if len(rows):
        learner.learn(rows, lambda: rows)
    pool = Candidates(np.arange(n), X[reference + seen :], rng.random(n) < opened)
    return View(pool, answered.ids[:0], trusted if reference else None, learner, lambda: answered)


def ask(strategy: Any, view: View, n: int, seed: int = 0) -> Ids:
    ids: Ids = strategy.select(view, n, np.random.default_rng(seed))
    return ids


def scores(strategy: Any, view: View) -> Floats:
    """Utilities of the open rows."""
    values: Floats = strategy.utilities(view)
    assert np.array_equal(np.isnan(values), ~view.candidates.open)
    return values[view.candidates.open]


def retrained(view: View, add: Callable[[int], list[tuple[Any, float]]], judges: bool) -> Floats:
    """Expected change of the reference's loss when a row is learned with given labels, by fits."""
    assert view.reference is not None
    known = [view.seen] if judges else [view.reference, view.seen]
    X = np.concatenate([part.X for part in known])
    y = np.concatenate([part.y for part in known])
    f = ValidationLoss(view.reference.X, view.reference.y)
    before = f.value(LinearClassifier().fit(X, y))
    changes = []
    for i in np.flatnonzero(view.candidates.open).tolist():
        more = np.vstack([X, view.candidates.X[i]])
        after = [
            (p, f.value(LinearClassifier().fit(more, np.append(y, label)))) for label, p in add(i)
        ]
        changes.append([(p, value - before) for p, value in after])
    return np.array(changes)


# The laws


@pytest.mark.parametrize("check", strategy_checks(), ids=lambda check: str(check.__name__))
@pytest.mark.parametrize("strategy", ALL, ids=repr)
def test_the_laws_of_strategies(strategy: Any, check: Callable[[Any], None]) -> None:
    check(strategy)


@pytest.mark.parametrize("strategy", ALL, ids=repr)
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("csr", [False, True])
def test_utilities_tell_rows_apart(strategy: Any, classes: int, csr: bool) -> None:
    values = scores(strategy, view_of(classes, csr=csr))
    assert np.isfinite(values).all()
    if isinstance(strategy, InfluenceTreeSampling):
        # Leaves hold five rows, so seven can make one leaf only: then all rows are equal.
        assert len(np.unique(values)) >= (1 if strategy.initial == 7 else 2)
    else:
        # A squared hinge leaves rows alone that are beyond the margin.
        assert len(np.unique(values)) > 0.5 * len(values)


@pytest.mark.parametrize("strategy", ALL, ids=repr)
@pytest.mark.parametrize("csr", [False, True])
def test_few_open_rows_score_as_they_do_among_many(strategy: Any, csr: bool) -> None:
    many = view_of(3, csr=csr, opened=1.0)
    few = np.arange(80) % 4 == 0
    some = replace(many, candidates=replace(many.candidates, open=few), memo={})
    assert np.allclose(scores(strategy, many)[few], scores(strategy, some), rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("strategy", ALL, ids=repr)
def test_a_row_taken_meanwhile_changes_no_other(strategy: Any) -> None:
    # The loop forgets what the view remembers when something is learned, not when a row is taken.
    for share in (0.9, 0.3):
        view = view_of(opened=share)
        before = strategy.utilities(view)
        still = view.candidates.open.copy()
        still[np.flatnonzero(still)[:5]] = False
        later = replace(view, candidates=replace(view.candidates, open=still))
        assert np.allclose(strategy.utilities(later)[still], before[still], rtol=1e-9, atol=1e-14)
        assert later.memo is view.memo


@pytest.mark.parametrize("strategy", ALL, ids=repr)
def test_dense_and_csr_agree(strategy: Any) -> None:
    view = view_of(csr=True)

    def dense(rows: Labelled | None) -> Labelled:
        assert rows is not None
        return replace(rows, X=rows.X.toarray())

    pool = replace(view.candidates, X=view.candidates.X.toarray())
    other = View(pool, view.pending, dense(view.reference), view.learner, lambda: dense(view.seen))
    if isinstance(strategy, InfluenceTreeSampling):
        strategy = strategy.__class__(**strategy.get_params()).set_params(
            tree=InfluenceTree(shrinkage=10.0, cv=None, splitter="exact")
        )
    assert np.allclose(scores(strategy, view), scores(strategy, other), rtol=1e-6, atol=1e-12)


# Against enumeration and retraining


@pytest.mark.parametrize("classes", [2, 3])
def test_isal_is_the_gain_from_the_guessed_label(classes: int) -> None:
    view = view_of(classes, seen=300, reference=60)
    model = LinearClassifier().fit(view.seen.X, view.seen.y)
    guess = model.predict(view.candidates.X)
    changes = retrained(view, lambda i: [(guess[i], 1.0)], judges=True)[:, 0, 1]
    values = scores(ISAL(folds=None), view)
    assert spearmanr(values, -changes)[0] > 0.99
    assert np.allclose(values, -changes, rtol=0.3, atol=0.05 * np.abs(changes).max())


@pytest.mark.parametrize("classes", [2, 3])
def test_expected_influence_is_the_mean_size_over_labels(classes: int) -> None:
    view = view_of(classes, seen=300, reference=60)
    model = LinearClassifier().fit(view.seen.X, view.seen.y)
    P = model.predict_proba(view.candidates.X)
    changes = retrained(view, lambda i: list(zip(range(classes), P[i], strict=True)), judges=True)
    expected = (changes[..., 0] * np.abs(changes[..., 1])).sum(axis=1)
    values = scores(ExpectedInfluence(folds=None), view)
    assert spearmanr(values, expected)[0] > 0.99
    assert np.allclose(values, expected, rtol=0.2, atol=0.03 * expected.max())


def test_expected_influence_of_two_classes_is_the_formula() -> None:
    view = view_of()
    surrogate = fit_surrogate(view, None)
    assert surrogate is not None
    gradient = objective_gradient(view, surrogate, None, 3)
    s = surrogate.fitted.solve(gradient.reshape(-1, 1))[:, 0]
    p = surrogate.model.predict_proba(view.candidates.X)[:, 1]
    expected = 2 * p * (1 - p) * np.abs(view.candidates.X @ s[:-1] + s[-1])
    assert np.allclose(scores(ExpectedInfluence(), view), expected[view.candidates.open])


def test_without_its_size_expected_influence_is_nothing() -> None:
    view = view_of(3)
    model = view.learner.model_  # type: ignore[attr-defined]
    P, loss = model.predict_proba(view.candidates.X), model._loss()
    U = model._margins(view.candidates.X)
    mean = sum(P[:, c] * loss.residual(U, np.full(len(P), c)) for c in range(3))
    assert np.abs(mean).max() < 1e-12


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("csr", [False, True])
def test_variance_reduction_is_what_the_larger_hessian_brings(classes: int, csr: bool) -> None:
    view = view_of(classes, csr=csr)
    surrogate = fit_surrogate(view, None)
    assert surrogate is not None
    assert view.reference is not None
    fitted = surrogate.fitted
    m, D = fitted.theta.shape

    def bordered(X: Any) -> Floats:
        X = X.toarray() if sparse.issparse(X) else X
        return np.column_stack([X, np.ones(X.shape[0])])

    def slopes(X: Floats) -> Floats:
        """Derivatives of the probabilities by central differences, (n, k, m D)."""
        step, columns = 1e-6, []
        for e in np.eye(m * D).reshape(-1, m, D):
            ends = [fitted.loss.probabilities((fitted.theta + t * e) @ X.T) for t in (step, -step)]
            columns.append((ends[0] - ends[1]).T / (2 * step))
        return np.moveaxis(np.array(columns), 0, -1)

    def hessian(X: Floats) -> Floats:
        C = fitted.loss.evaluate(fitted.theta @ X.T, np.zeros(len(X), dtype=np.intp))[2]
        assert C is not None
        H: Floats = np.einsum("abn,ni,nj->aibj", C, X, X).reshape(m * D, m * D)
        return H

    H = hessian(bordered(surrogate.rows.X)) + fitted.problem.penalty * np.eye(m * D)
    J = slopes(bordered(view.reference.X))

    def variance(H: Floats) -> float:
        return float(np.einsum("nki,ij,nkj->", J, np.linalg.inv(H), J) / len(J))

    pool = bordered(view.candidates.X)[view.candidates.open]
    expected = [variance(H) - variance(H + hessian(row[None])) for row in pool]
    assert np.allclose(scores(VarianceReduction(), view), expected, rtol=1e-5)


def test_variance_reduction_looks_at_a_sample_of_the_pool_without_a_reference() -> None:
    view = view_of(reference=0)
    everything = scores(VarianceReduction(targets=1000), view)
    assert np.array_equal(everything, scores(VarianceReduction(targets=80), view))
    some = scores(VarianceReduction(targets=20), view)
    assert not np.allclose(everything, some)
    assert spearmanr(everything, some)[0] > 0.8


# What the reference judges


@pytest.mark.parametrize("classes", [2, 3])
def test_folds_judge_as_refits_without_them(classes: int) -> None:
    view = view_of(classes, seen=150, reference=40)
    reference = view.reference
    surrogate = fit_surrogate(view, None)
    assert reference is not None
    assert surrogate is not None
    for folds in (2, 5, 100):
        fold = np.empty(40, dtype=int)
        fold[np.argsort(reference.y, kind="stable")] = np.arange(40) % folds
        expected = np.zeros_like(surrogate.fitted.theta)
        for k in np.unique(fold):
            out = np.concatenate([fold == k, np.zeros(150, dtype=bool)])
            rest = surrogate.rows.take(~out)
            model = LinearClassifier().fit(rest.X, rest.y)
            f = ValidationLoss(reference.X[fold == k], reference.y[fold == k])
            expected += np.mean(fold == k) * (model._loss().contrast.T @ f.gradient(model))
        got = objective_gradient(view, surrogate, None, folds)
        assert np.allclose(got, expected, atol=0.02 * np.abs(expected).max())


def test_rows_that_trained_the_model_would_judge_it_too_well() -> None:
    # 20 reference rows alone: their own gradient is the penalty's, no judgement at all.
    view = view_of(seen=0, reference=20)
    surrogate = fit_surrogate(view, None)
    assert surrogate is not None
    assert view.reference is not None
    f = ValidationLoss(view.reference.X, view.reference.y)
    inside = f.gradient(surrogate.model)
    out = objective_gradient(view, surrogate, None, 5)
    assert np.abs(out).max() > 2 * np.abs(inside).max()


def test_a_fairness_objective_asks_for_labels_that_close_the_gap() -> None:
    view = view_of(seen=200, reference=60)
    assert view.reference is not None

    def gap(X: Any, y: Any) -> DemographicParity:
        return DemographicParity(X, X[:, 3] > 0)

    model = LinearClassifier().fit(view.seen.X, view.seen.y)
    f, before = gap(view.reference.X, None), gap(view.reference.X, None).value(model)
    changes = []
    for x in view.candidates.X[view.candidates.open]:
        more = np.vstack([view.seen.X, x]), np.append(view.seen.y, model.predict([x]))
        changes.append(f.value(LinearClassifier().fit(*more)) - before)
    assert spearmanr(scores(ISAL(gap, folds=None), view), changes)[0] < -0.98
    for strategy in (
        ISAL(gap, folds=2),
        ExpectedInfluence(gap),
        InfluenceTreeSampling(objective=gap),
    ):
        assert not np.array_equal(
            scores(strategy, view), scores(strategy.set_params(objective=None), view)
        )


@pytest.mark.parametrize("strategy", NEED_REFERENCE, ids=repr)
def test_no_reference_is_an_error_that_says_so(strategy: Any) -> None:
    for seen in (40, 0):
        with pytest.raises(InputError, match="reference="):
            ask(strategy, view_of(reference=0, seen=seen), 3)


def test_wrong_parameters_are_refused() -> None:
    view = view_of()
    for strategy, match in [
        (ISAL(folds=1), "folds is 1"),
        (ExpectedInfluence(folds=0), "folds is 0"),
        (ISAL(lambda X, y: 3.0), "objective made a float"),  # type: ignore[arg-type, return-value]
        (InfluenceTreeSampling(label="expecte"), "did you mean 'expected'"),
        (InfluenceTreeSampling(initial=0), "initial is 0"),
        (VarianceReduction(targets=0), "targets is 0"),
        (ExpectedInfluence(surrogate=LinearClassifier("squared_hinge")), "no probabilities"),
    ]:
        with pytest.raises(InputError, match=match):
            ask(strategy, view, 3)


@pytest.mark.parametrize("strategy", ALL, ids=repr)
def test_a_reference_with_a_class_nobody_labelled_yet(strategy: Any) -> None:
    view = view_of(3, labels=["a", "b", "c"])
    two = view.seen.take(view.seen.y != "c")
    assert len(ask(strategy, replace(view, recall=lambda: two, memo={}), 5)) == 5
    one = two.take(two.y == "a")
    assert len(ask(strategy, replace(view, recall=lambda: one, memo={}), 5)) == 5


@pytest.mark.parametrize("strategy", ALL, ids=repr)
def test_a_reference_of_one_class_or_one_row(strategy: Any) -> None:
    view = view_of()
    assert view.reference is not None
    one_class = view.reference.take(view.reference.y == 1)
    for reference in (one_class, one_class.take([0])):
        assert len(ask(strategy, replace(view, reference=reference, memo={}), 5)) == 5


@pytest.mark.parametrize("strategy", ALL, ids=repr)
def test_trimmed_rows_do_not_count(strategy: Any) -> None:
    view = view_of()
    weight = np.where(np.arange(40) < 30, 1.0, 0.0)
    y = np.where(weight > 0, view.seen.y, 1 - view.seen.y)
    trimmed = replace(view, recall=lambda: replace(view.seen, y=y, weight=weight), memo={})
    absent = replace(view, recall=lambda: view.seen.take(slice(0, 30)), memo={})
    assert np.allclose(scores(strategy, trimmed), scores(strategy, absent), rtol=1e-9, atol=1e-14)


# The surrogate


def test_the_learners_own_model_is_used_where_it_fits_the_rows() -> None:
    view = view_of()
    own = view.learner.model_  # type: ignore[attr-defined]
    shared = fit_surrogate(view, None)
    assert shared is not None
    assert shared.model is own
    alone = fit_surrogate(view, None, reference=False)
    assert alone is not None
    assert alone.model is not own
    assert len(alone.rows) == 40
    penalised = view_of(learner=LinearClassifier(l2=7.0))
    wrong = replace(penalised.seen, y=1 - penalised.seen.y)
    refitted = fit_surrogate(replace(penalised, recall=lambda: wrong), None)
    assert refitted is not None
    assert refitted.model.l2 == 7.0
    beside = fit_surrogate(view_of(learner=LogisticRegression()), None)
    assert beside is not None
    assert repr(beside.model) == "LinearClassifier()"
    given = fit_surrogate(view, LinearClassifier(l2=3.0))
    assert given is not None
    assert given.model.l2 == 3.0


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every fit of a linear classifier that is begun."""
    found: list[Any] = []
    start = LinearClassifier._start

    def counted(self: Any, *args: Any) -> None:
        found.append(self)
        start(self, *args)

    monkeypatch.setattr(LinearClassifier, "_start", counted)
    return found


def test_a_fit_and_a_pass_are_made_once_a_round(fits: list[Any]) -> None:
    view = view_of(learner=LogisticRegression())
    for strategy in (ISAL(), ExpectedInfluence(), VarianceReduction(), InfluenceTreeSampling()):
        strategy.utilities(view)
    assert len(fits) == 1
    passes = [key for key in view.memo if key.startswith("products")]
    assert len(passes) == 1


@pytest.mark.parametrize("learner", [LogisticRegression(), LinearClassifier()])
def test_strategy_and_trimmer_share_one_fit_a_round(fits: list[Any], learner: Any) -> None:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(300, 4))
    y = (X[:, 0] + 0.5 * rng.normal(size=300) > 0).astype(int)
    given = np.where(rng.random(300) < 0.2, 1 - y, y)
    loop = Loop(
        X[:200], learner, ISAL(), trimmer=InfluenceTrim(scope="seen"), per_round=20, budget=60,
        initial=(np.arange(40), given[:40]), reference=(X[200:], y[200:]), seed=1, classes=[0, 1],
    )  # fmt: skip
    fits.clear()
    rounds = 0
    for _ in loop.run(SimulatedAnnotator(given[:200])):
        rounds += 1
    assert rounds == 3
    # A linear learner is the surrogate itself: its own fits are all there are.
    assert len(fits) == rounds


def test_rows_count_with_the_labels_judged() -> None:
    view = view_of(seen=60)
    wrong = replace(view.seen, y=np.where(np.arange(60) < 20, 1 - view.seen.y, view.seen.y))
    given = replace(view, recall=lambda: wrong, memo={})
    judged = replace(given, recall_kept=lambda: view.seen, memo={})
    for first in (None, 40):
        truth, found = (fit_surrogate(v, LinearClassifier(), first=first) for v in (view, judged))
        assert truth is not None
        assert found is not None
        np.testing.assert_allclose(found.fitted.theta, truth.fitted.theta, atol=1e-6)
    lied = fit_surrogate(given, LinearClassifier())
    assert lied is not None
    assert truth is not None
    assert not np.allclose(lied.fitted.theta, truth.fitted.theta, atol=0.1)


def test_a_tuned_learner_is_the_surrogate_too(fits: list[Any]) -> None:
    view = view_of(learner=TunedLinear(l2=10.0, reference_weight=5.0), seen=80)
    fits.clear()
    surrogate = fit_surrogate(view, None)
    assert surrogate is not None
    assert surrogate.model is view.learner.model_  # type: ignore[attr-defined]
    assert not fits
    assert (surrogate.rows.weight[:30] == 5.0).all()


# Influence trees


def test_the_tree_finds_where_rows_help() -> None:
    view = view_of(n=400, seen=400, reference=200)
    strategy = InfluenceTreeSampling(folds=None)
    values = scores(strategy, view)
    model = LinearClassifier().fit(view.seen.X, view.seen.y)
    assert view.reference is not None
    true = influence(
        model, view.seen.X, view.seen.y, ValidationLoss(view.reference.X, view.reference.y)
    )
    tree = InfluenceTree(shrinkage=10.0, cv=None, random_state=0, splitter="exact")
    tree.fit(view.seen.X, true)
    assert np.allclose(values, tree.predict(view.candidates.X[view.candidates.open]))


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("csr", [False, True])
def test_the_labelled_tree_is_averaged_over_labels(classes: int, csr: bool) -> None:
    view = view_of(classes, n=200, seen=300, reference=100, csr=csr)
    assert view.reference is not None
    surrogate = fit_surrogate(view, None, reference=False)
    assert surrogate is not None
    model = surrogate.model
    f = ValidationLoss(view.reference.X, view.reference.y)
    strategy = InfluenceTreeSampling(label="expected", folds=None)
    true = strategy._influence(view, surrogate)  # to the last bit: trees break ties by it
    np.testing.assert_allclose(true, influence(model, view.seen.X, view.seen.y, f), atol=1e-12)
    tree = InfluenceTree(shrinkage=10.0, cv=None, random_state=0, splitter="exact")
    tree.fit(view.seen.X, true, view.seen.y)
    assert (tree.feature_ >= 4).any()  # the label is split on
    X = view.candidates.X[view.candidates.open]
    P = model.predict_proba(X)
    expected = sum(P[:, c] * tree.predict(X, np.full(len(P), c)) for c in range(classes))
    assert np.allclose(scores(strategy, view), expected, rtol=1e-6, atol=1e-12)


def test_the_static_tree_looks_at_the_first_rows_only() -> None:
    view = view_of(seen=60)
    early = replace(view, recall=lambda: view.seen.take(slice(0, 25)), memo={})
    static = InfluenceTreeSampling(refit=False, initial=25)
    assert np.array_equal(scores(static, view), scores(static, early))
    moving = InfluenceTreeSampling()
    assert not np.array_equal(scores(moving, view), scores(moving, replace(early, memo={})))
    copy = pickle.loads(pickle.dumps(static))
    assert np.array_equal(ask(copy, replace(view, memo={}), 9), ask(static, view, 9))


# In the loop


@pytest.mark.parametrize("strategy", [*ALL, Margin()], ids=repr)
def test_a_campaign_resumes_bit_for_bit(strategy: Any, tmp_path: Any) -> None:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(120, 3))
    y = (X[:, 0] + 0.5 * rng.normal(size=120) > 0).astype(int)

    def made(**more: Any) -> dict[str, Any]:
        return dict(
            source=X[:100], learner=LinearClassifier(), strategy=strategy, per_round=5, budget=20,
            initial=(np.arange(8), y[:8]), reference=(X[100:], y[100:]), seed=1, classes=[0, 1],
            **more,
        )  # fmt: skip

    whole = Loop(**made())
    for _ in whole.run(SimulatedAnnotator(y[:100])):
        pass
    asked = [r.query.ids.tolist() for r in whole.history if r.query is not None]
    cut = Loop(**made(journal=tmp_path / "journal.db"))
    for _, _round in zip(range(2), cut.run(SimulatedAnnotator(y[:100])), strict=False):
        pass
    again = Loop.resume(tmp_path / "journal.db", **made())
    for _ in again.run(SimulatedAnnotator(y[:100])):
        pass
    assert [r.query.ids.tolist() for r in again.history if r.query is not None] == asked
