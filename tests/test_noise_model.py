"""The noise model, Dawid and Skene's, and the choice among the answers to noise."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import minimize

from streamlearn import Loop
from streamlearn.arrays import Floats
from streamlearn.checks import check_trimmer
from streamlearn.data import Candidates, Judgement, Labelled
from streamlearn.errors import InputError
from streamlearn.influence import LinearClassifier, tuning
from streamlearn.influence.together import fit_together
from streamlearn.influence.tuning import cross_validate, folds
from streamlearn.learners import TunedLinear, wrap
from streamlearn.protocols import View
from streamlearn.simulators import SimulatedAnnotator
from streamlearn.strategies import Random
from streamlearn.trimming import (
    Auto,
    ConfidentTrim,
    DawidSkene,
    InfluenceTrim,
    NoiseModel,
)
from streamlearn.trimming.flip_rates import Said, maximise, with_ones
from streamlearn.trimming.flip_rates import cross_validate as cross_validate_rates
from streamlearn.trimming.flip_rates_together import maximise_together

RATES = {
    2: np.array([[0.9, 0.1], [0.35, 0.65]]),
    3: np.array([[0.8, 0.2, 0.0], [0.1, 0.7, 0.2], [0.05, 0.05, 0.9]]),
}


def draw(n: int, k: int, rates: Floats, seed: int, d: int = 4) -> tuple[Floats, Any, Any]:
    """Features, true and given labels; the truth is a softmax of the features."""
    rng = np.random.default_rng(seed)
    X, W = rng.normal(size=(n, d)), np.random.default_rng(k).normal(size=(d, k)) * 2.0
    y = (X @ W + rng.gumbel(size=(n, k))).argmax(axis=1)
    given = (rng.random((n, 1)) > rates[y].cumsum(axis=1)).sum(axis=1)
    return X, y, given


def world(
    n: int = 300, m: int = 40, k: int = 2, flips: float = 1 / 3, seed: int = 0
) -> tuple[Labelled, View, Any]:
    """Answered rows, a view with a reference, and the truth."""
    rates = np.where(np.eye(k, dtype=bool), 1 - flips, flips / (k - 1))
    X, y, given = draw(n + m, k, rates, seed)
    reference = Labelled(-1 - np.arange(m), X[n:], y[n:], np.ones(m)) if m else None
    answered = Labelled(np.arange(n), X[:n], given[:n], np.ones(n))
    nobody = answered.take(slice(0, 0))
    nothing = Candidates(nobody.ids, X[:0], np.empty(0, np.bool_))
    learner = wrap(TunedLinear(), seed=0)
    return answered, View(nothing, nobody.ids, reference, learner, lambda: nobody), y[:n]


def by_id(said: Judgement) -> dict[int, tuple[Any, ...]]:
    columns = (said.ids, said.y, said.weight, said.reason)
    return {row[0]: row[1:] for row in zip(*(c.tolist() for c in columns), strict=True)}


# Expectation–maximisation


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 99), k=st.integers(2, 4), m=st.sampled_from([0, 1, 20]),
    flips=st.floats(0, 0.6), l2=st.sampled_from([0.01, 1.0, 50.0]), share=st.sampled_from([1, 5]),
    sparse_rows=st.booleans(),
)  # fmt: skip
def test_the_objective_never_falls(
    seed: int, k: int, m: int, flips: float, l2: float, share: int, sparse_rows: bool
) -> None:
    answered, view, _ = world(150, m, k, flips, seed)
    X = sparse.csr_matrix(answered.X) if sparse_rows else answered.X
    reference = None if view.reference is None else (view.reference.X, view.reference.y)
    model = NoiseModel(l2=l2, reference_weight=share).fit(X, answered.y, reference=reference)
    steps = np.diff(model.objective_)
    assert (steps >= -1e-11 * np.abs(model.objective_).max()).all()
    assert np.allclose(model.posterior_.sum(axis=1), 1)
    assert np.allclose(model.transition_.sum(axis=1), 1)
    assert (np.diff(model.predict_proba(answered.X).sum(axis=1)) < 1e-9).all()


def test_it_ends_where_a_general_optimiser_ends() -> None:
    answered, view, _ = world(200, 30, 2, 0.3)
    assert view.reference is not None
    X, given, X_ref, y_ref = answered.X, answered.y, view.reference.X, view.reference.y
    l2, share, prior = 2.0, 5.0, 10.0

    def objective(z: Floats) -> float:
        w, b, a, c = z[:4], z[4], 1 / (1 + np.exp(-z[5])), 1 / (1 + np.exp(-z[6]))
        T = np.array([[a, 1 - a], [1 - c, c]])
        p, q = (1 / (1 + np.exp(-(rows @ w + b))) for rows in (X, X_ref))
        value = np.log((1 - p) * T[0, given] + p * T[1, given]).sum()
        value += share * np.log(np.where(y_ref == 1, q, 1 - q)).sum()
        value += prior * (np.log(a) + np.log(c)) + np.log(1 - a) + np.log(1 - c)
        return float(0.5 * l2 * w @ w - value)

    best = minimize(objective, np.concatenate([np.zeros(5), np.ones(2)]))
    model = NoiseModel(l2=l2, reference_weight=share, prior=prior)
    model.fit(X, given, reference=(X_ref, y_ref))
    assert model.objective_[-1] == pytest.approx(-best.fun, abs=1e-3)
    assert np.allclose(model.model_.coef_[0], best.x[:4], atol=0.02)


@pytest.mark.parametrize("m", [0, 200])
@pytest.mark.parametrize("k", [2, 3])
def test_estimates_tend_to_the_truth(k: int, m: int) -> None:
    off = []
    for n in (500, 8000):
        errors = []
        for seed in range(3):
            X, y, said = draw(n + m, k, RATES[k], seed)
            reference = (X[:m], y[:m]) if m else None
            model = NoiseModel(l2=1.0, reference_weight=1.0).fit(
                X[m:], said[m:], reference=reference
            )
            errors.append(np.abs(model.transition_ - RATES[k]).mean())
        off.append(np.mean(errors))
    assert off[1] < 0.03
    assert off[1] < 0.6 * off[0]


def test_without_noise_it_believes_the_labels_and_costs_nothing() -> None:
    X, y, _ = draw(3000, 2, RATES[2], 1)
    model = NoiseModel(l2=1.0, reference_weight=1.0)
    model.fit(X[100:1000], y[100:1000], reference=(X[:100], y[:100]))
    own = model.posterior_[np.arange(900), y[100:1000]]
    assert np.median(own) > 0.98
    assert np.diag(model.transition_).min() > 0.95
    plain = LinearClassifier(l2=1.0).fit(X[:1000], y[:1000])
    right = [(m.predict(X[1000:]) == y[1000:]).mean() for m in (model, plain)]
    assert right[0] > right[1] - 0.01


def test_noise_is_undone() -> None:
    X, y, said = draw(4000, 2, np.array([[0.95, 0.05], [0.55, 0.45]]), 2)  # worse than a coin
    model = NoiseModel().fit(X[200:1500], said[200:1500], reference=(X[:200], y[:200]))
    plain = LinearClassifier().fit(X[:1500], np.concatenate([y[:200], said[200:1500]]))
    right = [(m.predict(X[1500:]) == y[1500:]).mean() for m in (model, plain)]
    assert right[0] > right[1] + 0.02
    found = model.classes_[model.posterior_.argmax(axis=1)]
    assert (found == y[200:1500]).mean() > (said[200:1500] == y[200:1500]).mean() + 0.1


def test_weights_teach_what_the_true_labels_would() -> None:
    X, y, said = draw(30_000, 2, RATES[2], 3)
    model = NoiseModel(l2=1.0, reference_weight=1.0)
    model.fit(X[300:], said[300:], reference=(X[:300], y[:300]))
    _, weight, _, _ = model.verdict(said[300:])
    assert weight.mean() == pytest.approx(1, abs=0.02)
    true, taught = (
        LinearClassifier().fit(X[300:], labels, sample_weight=counts).coef_
        for labels, counts in ((y[300:], None), (said[300:], weight))
    )
    naive = LinearClassifier().fit(X[300:], said[300:]).coef_
    assert np.linalg.norm(taught - true) < 0.25 * np.linalg.norm(naive - true)


def test_labels_may_be_names_and_weights_count_rows() -> None:
    X, _, said = draw(200, 2, RATES[2], 4)
    names = np.array(["no", "yes"])
    numbers = NoiseModel(l2=1.0, reference_weight=1.0).fit(X, said)
    words = NoiseModel(l2=1.0, reference_weight=1.0).fit(X, names[said])
    assert np.array_equal(words.predict(X), names[numbers.predict(X)])
    twice = NoiseModel(l2=1.0, reference_weight=1.0)
    once = twice.fit(np.vstack([X, X]), np.tile(said, 2)).transition_
    counted = NoiseModel(l2=1.0, reference_weight=1.0).fit(X, said, np.full(200, 2.0)).transition_
    assert np.allclose(once, counted, atol=1e-6)


# Several annotators


def test_one_annotator_is_the_noise_model() -> None:
    X, y, said = draw(300, 3, RATES[3], 5)
    options: Any = {"l2": 2.0, "reference_weight": 5.0}
    one = NoiseModel(**options).fit(X[50:], said[50:], reference=(X[:50], y[:50]))
    many = DawidSkene(**options).fit(X[50:], said[50:, None], reference=(X[:50], y[:50]))
    assert np.array_equal(one.transition_, many.transition_[0])
    assert np.array_equal(one.posterior_, many.posterior_)


@pytest.mark.parametrize("m", [0, 100])
def test_annotators_are_told_apart_and_beat_their_majority(m: int) -> None:
    X, y, _ = draw(2000, 2, RATES[2], 6)
    rng = np.random.default_rng(0)
    rates = np.array([0.05, 0.25, 0.3, 0.4, 0.45])
    votes = np.where(rng.random((2000, 5)) < rates, 1 - y[:, None], y[:, None])
    votes[rng.random(votes.shape) < 0.2] = -1
    model = DawidSkene(l2=1.0).fit(X[m:], votes[m:], reference=(X[:m], y[:m]) if m else None)
    accuracy = np.trace(model.transition_, axis1=1, axis2=2) / 2
    assert np.allclose(accuracy, 1 - rates, atol=0.06)
    majority = (votes[m:] == 1).sum(axis=1) >= (votes[m:] == 0).sum(axis=1)
    right = (model.posterior_.argmax(axis=1) == y[m:]).mean()
    assert right > (majority == y[m:]).mean() + 0.02
    assert (np.diff(model.objective_) >= -1e-8).all()


def test_an_annotator_who_said_nothing_is_nobody() -> None:
    X, _, said = draw(200, 2, RATES[2], 7)
    alone = DawidSkene(l2=1.0).fit(X, said[:, None])
    silent = DawidSkene(l2=1.0).fit(X, np.column_stack([said, np.full(200, -1)]))
    assert np.allclose(alone.posterior_, silent.posterior_, atol=1e-8)


# Trimmers


@pytest.mark.parametrize(
    ("action", "scope"), [("weight", "seen"), ("relabel", "answered"), ("trim", "seen")]
)
def test_the_noise_model_keeps_the_laws(action: str, scope: str) -> None:
    check_trimmer(NoiseModel(action, l2=1.0, scope=scope))


def test_auto_keeps_the_laws() -> None:
    check_trimmer(Auto())


TRIMMERS = [NoiseModel(), NoiseModel("relabel", scope="answered"), NoiseModel("trim"), Auto()]


@pytest.mark.parametrize("trimmer", TRIMMERS, ids=repr)
@pytest.mark.parametrize("k", [2, 3])
def test_verdicts_do_not_hang_on_the_order_of_rows(trimmer: Any, k: int) -> None:
    answered, view, _ = world(k=k)
    order = np.random.default_rng(0).permutation(len(answered))
    said, shuffled = trimmer.judge(answered, view), trimmer.judge(answered.take(order), view)
    assert by_id(said) == by_id(shuffled)
    assert np.array_equal(said.ids, answered.ids)


@pytest.mark.parametrize("action", ["weight", "relabel", "trim"])
def test_wrong_labels_lose(action: str) -> None:
    answered, view, truth = world(600, 100)
    said = NoiseModel(action).judge(answered, view)
    wrong = answered.y != truth
    if action == "relabel":
        assert (said.y != truth).mean() < 0.75 * wrong.mean()
    else:
        assert said.weight[wrong].mean() < 0.7 * said.weight[~wrong].mean()
    assert (said.score >= 0).all()
    assert (said.score <= 1).all()


def test_older_rows_are_judged_anew_and_may_come_back() -> None:
    answered, view, _ = world(400, 60)
    old = answered.take(slice(0, 100))
    trimmed = Labelled(old.ids, old.X, old.y, np.zeros(100))
    again = View(view.candidates, view.pending, view.reference, view.learner, lambda: trimmed)
    new = answered.take(slice(100, None))
    said = NoiseModel("trim").judge(new, again)
    assert len(said) == 400
    back = said.weight[300:] > 0
    assert back.any()
    assert (said.reason[300:][back] == "cleared by newer rows").all()
    assert len(NoiseModel("trim", scope="answered").judge(new, again)) == 300
    assert by_id(said) == {
        i: v if v[2] or i >= 100 else (*v[:2], "cleared by newer rows")
        for i, v in by_id(NoiseModel("trim").judge(answered, view)).items()
    }


@pytest.mark.parametrize("trimmer", TRIMMERS, ids=repr)
def test_poor_input_is_survived(trimmer: Any) -> None:
    answered, view, truth = world(40, 5)
    assert view.reference is not None
    ones = answered.take(answered.y == 1)
    reference = view.reference
    upside_down = Labelled(answered.ids, answered.X, 1 - truth, answered.weight)
    weightless = Labelled(answered.ids, answered.X, answered.y, np.zeros(40))
    one, none = answered.take(slice(0, 1)), answered.take(slice(0, 0))
    for rows in (answered, ones, one, none, upside_down, weightless):
        for known in (None, reference, reference.take(reference.y == 1), reference.take([0])):
            run = View(view.candidates, view.pending, known, view.learner, view.recall)
            said = trimmer.judge(rows, run)
            assert np.array_equal(said.ids, rows.ids)
            assert (np.isfinite(said.weight) & (said.weight >= 0)).all()


def test_a_class_the_reference_lacks_is_kept() -> None:
    answered, view, _ = world(400, 80, k=3, flips=0.1)
    assert view.reference is not None
    known = view.reference.take(view.reference.y < 2)
    said = Auto().judge(answered, View(view.candidates, view.pending, known, view.learner,
                                       view.recall))  # fmt: skip
    third = answered.y == 2
    assert (said.weight[third] > 0).any()
    assert not said.reason[0].startswith("reference alone")


# Auto


def test_auto_keeps_clean_labels_and_does_something_about_wrong_ones() -> None:
    chosen = {}
    for flips in (0.0, 0.45):
        answered, view, truth = world(1500, 300, 2, flips)
        said = Auto().judge(answered, view)
        assert len(set(said.reason.tolist())) == 1
        chosen[flips] = said.reason[0].split(":")[0]
        used = said.weight > 0
        assert (
            (said.y[used] == truth[used]).mean() >= (answered.y == truth).mean()
            if used.any()
            else True
        )
    assert chosen[0.45] != "keep all"


def test_upside_down_labels_teach_nothing_unless_understood() -> None:
    answered, view, truth = world(600, 200, 2, 0.0)
    assert view.reference is not None
    lies = Labelled(answered.ids, answered.X, 1 - truth, answered.weight)
    said = Auto("trim").judge(lies, view)
    assert said.reason[0].split(":")[0] in ("reference alone", "noise model")
    assert (said.weight > 0).mean() < 0.2
    said = Auto("relabel").judge(lies, view)
    used = said.weight > 0
    assert not used.any() or (said.y[used] == truth[used]).mean() > 0.9


def test_no_row_judges_what_it_has_taught() -> None:
    """Flipping a held-out row changes its own loss, and no other of its fold."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(120, 3)), rng.integers(0, 2, 120)
    trusted = np.arange(120) >= 80
    out = folds(y[trusted], 4, 0)[0]
    row = int(np.flatnonzero(out)[0])
    before = cross_validate(X, y, np.ones(120), trusted, penalties=(1.0,), trusted_weights=(1.0,))
    # X of the row moves: the fits that leave its fold out must not notice
    moved = X.copy()
    moved[80 + row] += 5.0
    after = cross_validate(
        moved, y, np.ones(120), trusted, penalties=(1.0,), trusted_weights=(1.0,)
    )
    others = out.copy()
    others[row] = False
    assert np.array_equal(before.loss[others], after.loss[others])
    assert not np.array_equal(before.loss[~out], after.loss[~out])


@pytest.mark.parametrize("name", ["trim", "noise model"])
def test_no_row_of_the_reference_judges_a_verdict_it_had_part_in(name: str) -> None:
    answered, view, _ = world(200, 40)
    assert view.reference is not None
    X, y = view.reference.X, view.reference.y
    out = folds(y, 4, 0)[0]
    row = int(np.flatnonzero(out)[0])
    moved = X.copy()
    moved[row] += 5.0
    before, after = (
        Auto().choose(answered.X, answered.y, reference=(known, y)).tunings[name].losses
        for known in (X, moved)
    )
    others = out.copy()
    others[row] = False
    for setting in before:
        assert np.allclose(before[setting][others], after[setting][others], rtol=0, atol=1e-9)


def test_all_settings_and_folds_at_once_end_where_each_does_alone() -> None:
    """The path of small tables, against the one of large ones, both run until little moves."""
    answered, view, _ = world(150, 60, 2, 0.3)
    assert view.reference is not None
    n, grid = 150, [(50.0, 1.0), (10.0, 5.0), (1.0, 1.0)]
    X = with_ones(answered.X, view.reference.X)
    y = view.reference.y.astype(np.intp)
    parts = folds(y, 3, 0)
    counts = np.ones((210, 3))
    counts[n:][np.array(parts).T] = 0.0
    votes = answered.y.astype(np.float64)
    together = maximise_together(X, votes, y.astype(float), counts, grid, 10.0, 1e-10, 5000)
    for (l2, share), thetas in zip(grid, together, strict=True):
        for fold, theta in enumerate(thetas.T):
            weight = counts[:, fold] * np.where(np.arange(210) >= n, share, 1.0)
            rows = Said(X, answered.y.astype(np.intp)[:, None], y, weight, 2, 10.0)
            alone = maximise(rows, l2, tol=1e-10, max_iter=5000).theta[0]
            assert np.allclose(theta, alone, atol=1e-3)
            longer = fit_together(X[n:], y.astype(float), counts[n:, [fold]],
                                  np.zeros(60, bool), [(l2, 1.0)], 1e-9)[0, :, 0]  # fmt: skip
            held_in = counts[n:, fold] > 0
            model = LinearClassifier(l2=l2).fit(X[n:, :-1][held_in], y[held_in])
            assert np.allclose(longer[:-1], model.coef_[0], atol=1e-6)


@pytest.mark.parametrize("k", [2, 3])
def test_rates_once_estimated_and_then_known_say_the_same(k: int) -> None:
    X, y, said = draw(400, k, RATES[k], 3)
    known = X[:80], y[:80]
    fixed: dict[str, Any] = {"l2": 1.0, "reference_weight": 1.0}
    found = NoiseModel(**fixed).fit(X[80:], said[80:], reference=known)
    told = NoiseModel(transition=found.transition_, **fixed)
    told.fit(X[80:], said[80:], reference=known)
    assert np.array_equal(told.transition_, found.transition_)
    assert np.allclose(told.posterior_, found.posterior_, atol=0.01)
    judged = NoiseModel(transition=found.transition_, l2="auto").judge(*world(200, 60, k)[:2])
    assert len(judged.ids) == 200


def test_rates_that_are_told_serve_tables_of_any_size_alike() -> None:
    X, y, said = draw(300, 2, RATES[2], 5)
    rows = Said(with_ones(X[60:], X[:60]), said[60:].astype(np.intp)[:, None],
                y[:60].astype(np.intp), np.ones(300), 2, 10.0, RATES[2][None])  # fmt: skip
    grid = [(10.0, 1.0), (1.0, 5.0)]
    small = cross_validate_rates(rows, grid, 3, 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tuning, "SMALL", 0)
        large = cross_validate_rates(rows, grid, 3, 0)
    for setting in grid:
        assert np.allclose(small.losses[setting], large.losses[setting], atol=0.02)


def test_labels_that_are_never_wrong_are_learned_as_they_are() -> None:
    X, _, said = draw(300, 2, RATES[2], 4)
    never = np.array([[1 - 1e-12, 1e-12], [1e-12, 1 - 1e-12]])
    model = NoiseModel(transition=never, l2=1.0).fit(X, said).model_
    plain = LinearClassifier(l2=1.0).fit(X, said)
    assert np.allclose(model.coef_, plain.coef_, atol=0.02)


@pytest.mark.parametrize("trimmer", [ConfidentTrim(folds=3), InfluenceTrim()], ids=repr)
def test_trimmers_are_chosen_among_as_well(trimmer: Any) -> None:
    answered, view, _ = world(300, 60)
    said = Auto(trimmer=trimmer).judge(answered, view)
    assert np.array_equal(said.ids, answered.ids)


def test_a_campaign_with_auto_and_the_noise_model_beats_one_that_keeps_all() -> None:
    X, y, _ = draw(2500, 2, RATES[2], 8, d=12)
    said = np.where(np.random.default_rng(1).random(2500) < 0.4, 1 - y, y)
    accuracy = {}
    for name, trimmer in (("none", None), ("auto", Auto()), ("noise", NoiseModel("relabel"))):
        loop = Loop(
            X[:1000], TunedLinear(), Random(), trimmer, per_round=250, budget=750,
            reference=(X[1000:1150], y[1000:1150]), test=(X[1150:], y[1150:]),
        )  # fmt: skip
        for _ in loop.run(SimulatedAnnotator(said[:1000])):
            pass
        accuracy[name] = loop.to_frame()["accuracy"].iloc[-1]
    assert accuracy["auto"] > accuracy["none"] - 0.01
    assert accuracy["noise"] > accuracy["none"]


# Errors


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda X, y: NoiseModel("wieght").judge(*world(10)[:2]), "did you mean 'weight'"),
        (lambda X, y: NoiseModel(scope="all").judge(*world(10)[:2]), "unknown scope 'all'"),
        (lambda X, y: NoiseModel(l2=-1).fit(X, y), "l2 must be 'auto' or a positive number"),
        (lambda X, y: NoiseModel(reference_weight=None).fit(X, y), "reference_weight must be"),
        (lambda X, y: NoiseModel(prior=0).fit(X, y), "prior must be a positive number"),
        (lambda X, y: NoiseModel(folds=1).fit(X, y), "folds must be a whole number"),
        (lambda X, y: NoiseModel(transition=np.eye(3)).fit(X, y), "there are 2 classes"),
        (lambda X, y: NoiseModel(transition=np.eye(2)).fit(X, y), "rates above 0"),
        (lambda X, y: NoiseModel().fit(X, y[:5]), "rows and 5 labels"),
        (lambda X, y: NoiseModel().fit(X, y, np.ones(3)), "sample_weight must hold"),
        (lambda X, y: NoiseModel().fit(X, 0 * y), "one class only"),
        (lambda X, y: NoiseModel().fit(X, y, reference=X), "tuple"),
        (lambda X, y: NoiseModel().fit(X, y, reference=(X[:, :2], y)), "4 columns"),
        (lambda X, y: DawidSkene().fit(X, y), "votes must be whole numbers of shape"),
        (lambda X, y: DawidSkene().fit(X, y[:, None] - 2), "a missing vote is -1"),
        (lambda X, y: DawidSkene().fit(X, y[:, None] + 1, classes=[3, 4]), "votes hold 2"),
        (lambda X, y: Auto(share=2).judge(*world(10)[:2]), "share must be between"),
        (lambda X, y: Auto(margin=-1).judge(*world(10)[:2]), "margin must be"),
        (lambda X, y: Auto().choose(X, y, reference=(X[:1], y[:1])), "reference has 1 rows"),
    ],
)  # fmt: skip
def test_mistakes_are_named(build: Any, message: str) -> None:
    X, _, said = draw(20, 2, RATES[2], 0)
    with pytest.raises(InputError, match=message):
        build(X, said)
