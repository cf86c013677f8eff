import pickle
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.stats import binom

from streamlearn.data import Answer, Query
from streamlearn.errors import InputError
from streamlearn.protocols import Annotator
from streamlearn.simulators import (
    InstanceDependentNoise,
    Panel,
    SimulatedAnnotator,
    SymmetricNoise,
)

N = 400
Y = np.arange(N) % 3
X = np.random.default_rng(0).standard_normal((N, 4)) + Y[:, None]
delays = st.one_of(st.integers(0, 5), st.floats(0, 4))


def query(ids: Any, round: int = 1, rows: Any = None) -> Query:
    return Query(round, np.asarray(ids, dtype=np.int64), rows)


def said(answers: list[Answer]) -> dict[int, Any]:
    """What was said of each row: its label, or None if refused."""
    out: dict[int, Any] = {}
    for answer in answers:
        out |= dict(zip(answer.ids.tolist(), answer.y.tolist(), strict=True))
        out |= dict.fromkeys(answer.abstained.tolist())
    return out


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**40),
    noise=st.floats(0, 1),
    abstain=st.floats(0, 1),
    ids=st.lists(st.integers(0, N - 1), unique=True, min_size=1, max_size=60),
    data=st.data(),
)
def test_the_answer_for_a_subset_is_the_subset_of_the_answers(
    seed: int, noise: float, abstain: float, ids: list[int], data: st.DataObject
) -> None:
    some = data.draw(st.lists(st.sampled_from(ids), unique=True, min_size=1))
    annotator = SimulatedAnnotator(Y, noise=noise, abstain=abstain, seed=seed)
    whole = said(annotator.answer([query(range(N))], 1))
    part = said(annotator.answer([query(some, round=7)], 7))
    assert part == {i: whole[i] for i in some}
    again = SimulatedAnnotator(Y, noise=noise, abstain=abstain, seed=seed)
    assert said(again.answer([query(range(N))], 1)) == whole


def test_other_seeds_and_names_err_on_other_rows() -> None:
    first = SimulatedAnnotator(Y, noise=0.5, abstain=0.3, seed=1)
    for other in (
        SimulatedAnnotator(Y, noise=0.5, abstain=0.3, seed=2),
        SimulatedAnnotator(Y, noise=0.5, abstain=0.3, seed=1, name="other"),
    ):
        assert (first.flipped() != other.flipped()).any()
        asked = [query(range(N))]
        assert said(first.answer(asked, 1)) != said(other.answer(asked, 1))


@settings(max_examples=30)
@given(seed=st.integers(0, 2**40), delay=delays, abstain=st.floats(0, 1), step=st.integers(1, 3))
def test_every_row_is_answered_once_when_open_rows_are_offered_again(
    seed: int, delay: float, abstain: float, step: int
) -> None:
    annotator = SimulatedAnnotator(Y, noise=0.2, abstain=abstain, delay=delay, seed=seed)
    open_rows = {r: np.arange((r - 1) * 100, r * 100) for r in (1, 2, 3, 4)}
    count: Counter[int] = Counter()
    for now in range(1, 500, step):
        queries = [query(ids, r) for r, ids in open_rows.items() if r <= now and len(ids)]
        answers = annotator.answer(queries, now)
        assert len(answers) == len({a.round for a in answers})
        for answer in answers:
            assert len(answer) > 0
            closed = np.concatenate([answer.ids, answer.abstained])
            assert np.isin(closed, open_rows[answer.round]).all()
            assert answer.cost == len(closed)
            count.update(closed.tolist())
            open_rows[answer.round] = np.setdiff1d(open_rows[answer.round], closed)
    assert count == Counter(range(N))


def test_an_int_delay_is_exact_and_a_float_one_has_its_mean() -> None:
    fixed = SimulatedAnnotator(Y, delay=2)
    assert fixed.answer([query([1, 2], round=3)], 4) == []
    assert len(fixed.answer([query([1, 2], round=3)], 5)[0]) == 2
    n = 20_000
    mean = SimulatedAnnotator(np.zeros(n, int), delay=1.5)
    due = [len(a) for r in range(1, 8) for a in mean.answer([query(range(n))], r)]
    # P(wait <= r) = 1 - q ** (r + 1) with q = mean / (1 + mean).
    for r, rows in enumerate(due):
        p = 1 - 0.6 ** (r + 1)
        assert binom.ppf(1e-9, n, p) <= rows <= binom.isf(1e-9, n, p)


def test_flips_are_told_afterwards_and_never_equal_the_truth() -> None:
    annotator = SimulatedAnnotator(Y, noise=SymmetricNoise(0.3))
    given_labels = said(annotator.answer([query(range(N))], 1))
    wrong = np.array([given_labels[i] != Y[i] for i in range(N)])
    assert 0 < wrong.sum() < N
    assert (annotator.flipped() == wrong).all()
    assert (annotator.flipped([5, 3]) == wrong[[5, 3]]).all()
    assert (annotator.truth() == Y).all()
    assert annotator.truth([5, 3]).tolist() == Y[[5, 3]].tolist()
    assert SimulatedAnnotator(Y, noise=1.0).flipped().all()
    assert not SimulatedAnnotator(Y).flipped().any()


def test_labels_are_found_by_id() -> None:
    order = np.random.default_rng(1).permutation(N)
    plain = SimulatedAnnotator(Y, noise=0.3, X=X)
    for other in (
        SimulatedAnnotator(Y[order], ids=order, noise=0.3),
        SimulatedAnnotator(pd.Series(Y[order], index=order), noise=0.3),
        SimulatedAnnotator(pd.Series(Y), noise=0.3),
        SimulatedAnnotator(Y.tolist(), noise=0.3),
    ):
        asked = [query([7, 399, 0, 12])]
        assert said(other.answer(asked, 1)) == said(plain.answer(asked, 1))
        assert (other.flipped(range(N)) == plain.flipped()).all()


@pytest.mark.parametrize("labels", [["no", "yes"], [False, True], [0.5, 1.5], [3, 8]])
def test_labels_come_back_as_they_went_in(labels: list[Any]) -> None:
    y = np.array(labels)[np.arange(N) % 2]
    [answer] = SimulatedAnnotator(y, noise=0.5).answer([query(range(N))], 1)
    assert answer.y.dtype == y.dtype
    assert set(answer.y.tolist()) == set(labels)


@pytest.mark.parametrize("rows", [X, csr_matrix(X), pd.DataFrame(X)], ids=["array", "csr", "frame"])
def test_noise_and_abstention_may_look_at_the_rows(rows: Any) -> None:
    def unsure(seen: Any) -> Any:
        first = seen[:, [0]].toarray() if hasattr(seen, "toarray") else np.asarray(seen)[:, [0]]
        return np.where(first[:, 0] > 1, 1.0, 0.0)

    annotator = SimulatedAnnotator(Y, X=rows, noise=InstanceDependentNoise(0.2), abstain=unsure)
    [answer] = annotator.answer([query(range(N))], 1)
    assert answer.abstained.tolist() == np.flatnonzero(X[:, 0] > 1).tolist()
    assert 0 < annotator.flipped().sum() < N


def test_abstention_row_by_row_and_cost() -> None:
    annotator = SimulatedAnnotator(Y, abstain=(Y == 1), cost=0.5, name="ann")
    [answer] = annotator.answer([query([0, 1, 2, 4])], 1)
    assert answer.abstained.tolist() == [1, 4]
    assert answer.ids.tolist() == [0, 2]
    assert (answer.cost, answer.annotator) == (2.0, "ann")


def test_truth_is_copied_and_the_annotator_travels() -> None:
    y = Y.copy()
    noise = SymmetricNoise(0.2)
    annotator = SimulatedAnnotator(y, noise=noise, delay=1.5, abstain=0.1)
    before = said(annotator.answer([query(range(N))], 99))
    y[:] = 0
    assert (annotator.truth() == Y).all()
    assert not hasattr(noise, "classes_")
    again = pickle.loads(pickle.dumps(annotator))
    assert said(again.answer([query(range(N))], 99)) == before
    assert repr(annotator).startswith("SimulatedAnnotator('simulated', 400 labels, ")
    assert isinstance(annotator, Annotator)
    assert annotator.answer([], 1) == []
    assert annotator.answer([query([])], 1) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ids": [1, 2]}, "2 ids for 400"),
        ({"ids": np.zeros(N, int)}, "id 0 has more than one label"),
        ({"X": X[:3]}, "3 rows, 400 labels"),
        ({"noise": 1.5}, "rate must be a number from 0 to 1, got 1.5"),
        ({"noise": InstanceDependentNoise(0.1)}, "got no X"),
        ({"abstain": -0.1}, "probabilities from 0 to 1, got -0.1"),
        ({"abstain": [0.1, 0.2]}, r"got shape \(2,\)"),
        ({"abstain": lambda rows: 0}, "give X as well"),
        ({"delay": -1}, "at least 0 rounds, got -1"),
        ({"delay": float("inf")}, "finite"),
        ({"delay": "soon"}, "got 'soon'"),
        ({"cost": -1}, "cost must be a finite number of at least 0, got -1"),
        ({"cost": float("nan")}, "got nan"),
        ({"seed": 0.5}, "seed must be a whole number, got 0.5"),
    ],
)
def test_bad_parameters(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SimulatedAnnotator(Y, **options)


@pytest.mark.parametrize("ids", [None, np.arange(N) + 10])
@pytest.mark.parametrize("asked", [-1, 5000])
def test_an_id_without_label(ids: Any, asked: int) -> None:
    annotator = SimulatedAnnotator(Y, ids=ids, name="Ann")
    with pytest.raises(InputError, match=f"no label of annotator 'Ann': id {asked}"):
        annotator.answer([query([20, asked])], 1)


# --- panels


def members(delay: float = 0) -> list[SimulatedAnnotator]:
    return [
        SimulatedAnnotator(Y, noise=rate, name=name, delay=delay, cost=cost)
        for name, rate, cost in (("a", 0.1, 1.0), ("b", 0.4, 0.2), ("c", 0.4, 0.1))
    ]


def test_a_panel_asks_all_and_its_members_err_by_themselves() -> None:
    panel = Panel(members())
    answers = panel.answer([query(range(N)), query([3], round=2)], 2)
    assert [(a.annotator, a.round) for a in answers] == [
        (name, r) for name in "abc" for r in (1, 2)
    ]
    flips = panel.flipped()
    assert flips.shape == (N, 3)
    for column, rate in zip(flips.T, (0.1, 0.4, 0.4), strict=True):
        assert binom.ppf(1e-9, N, rate) <= column.sum() <= binom.isf(1e-9, N, rate)
    both = (flips[:, 1] & flips[:, 2]).sum()
    assert binom.ppf(1e-9, N, 0.16) <= both <= binom.isf(1e-9, N, 0.16)
    assert (panel.truth([4]) == Y[4]).all()


@settings(max_examples=20)
@given(
    per_row=st.integers(1, 3),
    seed=st.integers(0, 2**30),
    ids=st.lists(st.integers(0, N - 1), unique=True, min_size=1, max_size=40),
)
def test_each_row_goes_to_so_many_members_by_seed_and_id(
    per_row: int, seed: int, ids: list[int]
) -> None:
    panel = Panel(members(), per_row=per_row, seed=seed)
    asked = panel.assigned(np.arange(N))
    assert (asked.sum(axis=1) == per_row).all()
    assert (panel.assigned(ids) == asked[ids]).all()
    answers = panel.answer([query(ids, rows=X[ids])], 1)
    counts = Counter(i for answer in answers for i in answer.ids.tolist())
    assert counts == Counter(dict.fromkeys(ids, per_row))
    for j, member in enumerate(panel.annotators):
        mine = [a for a in answers if a.annotator == member.name]
        assert sorted(said(mine)) == sorted(i for i in ids if asked[i, j])
    turned = Panel(members()[::-1], per_row=per_row, seed=seed)
    assert (turned.assigned(ids)[:, ::-1] == asked[ids]).all()


def test_the_members_share_the_rows_evenly() -> None:
    for column in Panel(members(), per_row=1).assigned(np.arange(N)).T:
        assert binom.ppf(1e-9, N, 1 / 3) <= column.sum() <= binom.isf(1e-9, N, 1 / 3)


@pytest.mark.parametrize("rows", [X, csr_matrix(X), pd.DataFrame(X)], ids=["array", "csr", "frame"])
def test_members_are_shown_their_own_rows(rows: Any) -> None:
    class Witness(SimulatedAnnotator):
        def answer(self, open_queries: Any, round: int) -> list[Answer]:
            for q in open_queries:
                seen = q.X.toarray() if hasattr(q.X, "toarray") else np.asarray(q.X)
                assert (seen == X[q.ids]).all()
            return super().answer(open_queries, round)

    panel = Panel([Witness(Y, name="a"), Witness(Y, name="b")], per_row=1)
    assert sum(len(a) for a in panel.answer([query(range(N), rows=rows)], 1)) == N


def test_panel_errors_and_pickling() -> None:
    with pytest.raises(InputError, match=r"different names, got \['simulated', 'simulated'\]"):
        Panel([SimulatedAnnotator(Y), SimulatedAnnotator(Y)])
    with pytest.raises(InputError, match="different names"):
        Panel([])
    with pytest.raises(InputError, match=r'from 1 to 3 \(all\) or "asked", got 4'):
        Panel(members(), per_row=4)
    with pytest.raises(InputError, match="'a' and 'b' do not hold the same truth"):
        Panel([SimulatedAnnotator(Y, name="a"), SimulatedAnnotator(Y + 1, name="b")])
    with pytest.raises(InputError, match="do not hold the same truth"):
        Panel([SimulatedAnnotator(Y, name="a"), SimulatedAnnotator(Y[:5], name="b")])
    panel = Panel(members(delay=1.0), per_row=2)
    again = pickle.loads(pickle.dumps(panel))
    asked = [query(range(N))]
    assert [said([a]) for a in again.answer(asked, 2)] == [
        said([a]) for a in panel.answer(asked, 2)
    ]
    assert isinstance(panel, Annotator)
