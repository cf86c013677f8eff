"""One query by us, by modAL and by scikit-activeml, in the same process with the same fitted model.

    OMP_NUM_THREADS=1 python benchmarks/query_peers.py            # 100,000 × 50, margin
    OMP_NUM_THREADS=1 python benchmarks/query_peers.py --curves   # whole campaigns, row for row
    OMP_NUM_THREADS=1 python benchmarks/query_peers.py --all      # every strategy, 2,000 × 20

Needs streamlearn[modal,skactiveml]. Times are of the process, not of the wall, and ratios are of
runs next to each other: other load on the machine disturbs both least.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from modAL.uncertainty import margin_sampling
from skactiveml.classifier import SklearnClassifier
from skactiveml.pool import UncertaintySampling
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import scale

from streamlearn import Loop
from streamlearn.arrays import Floats
from streamlearn.data import Candidates, Labelled
from streamlearn.learners import wrap
from streamlearn.protocols import QueryStrategy, View
from streamlearn.simulators import SimulatedAnnotator
from streamlearn.strategies import (
    ISAL,
    Diverse,
    Entropy,
    ExpectedInfluence,
    InfluenceTreeSampling,
    Margin,
    Random,
    VarianceReduction,
    from_modal,
    from_skactiveml,
)

OURS: list[QueryStrategy] = [
    Margin(),
    Entropy(),
    Random(),
    Diverse(),
    ISAL(),
    ExpectedInfluence(),
    VarianceReduction(),
    InfluenceTreeSampling(),
]
MODAL = {
    "uncertainty_sampling": None,
    "margin_sampling": None,
    "entropy_sampling": None,
    "uncertainty_batch_sampling": None,
    "vote_entropy_sampling": 5,
    "consensus_entropy_sampling": 5,
    "max_disagreement_sampling": 5,
}
SKACTIVEML: list[tuple[str, dict[str, Any]]] = [
    ("RandomSampling", {}),
    ("UncertaintySampling", {"method": "margin_sampling"}),
    ("UncertaintySampling", {"method": "entropy"}),
    ("Falcun", {}),
    ("MaxHerding", {}),
    ("Clue", {}),
    ("Badge", {}),
    ("ContrastiveAL", {}),
    ("GreedySamplingX", {}),
    ("CoreSet", {}),
    ("ProbCover", {}),
    ("DropQuery", {}),
    ("QueryByCommittee", {"method": "KL_divergence"}),
    ("QueryByCommittee", {"method": "vote_entropy"}),
    ("GreedyBALD", {}),
    ("BatchBALD", {}),
    ("FourDs", {}),
    ("TypiClust", {}),
    ("DiscriminativeAL", {"greedy_selection": True}),
    ("DiscriminativeAL", {}),
    ("ProbabilisticAL", {}),
    ("EpistemicUncertaintySampling", {}),
    ("CostEmbeddingAL", {}),
]
TOO_SLOW = ("Quire", "MonteCarloEER", "ValueOfInformationEER")  # minutes a query at this size


def timed(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def fitted_view(X: Floats, labelled: int, reference: int = 0) -> View:
    """A pool of which some rows are labelled, and a learner fitted to those."""
    rng = np.random.default_rng(1)
    y = (X @ rng.normal(size=X.shape[1]) + rng.logistic(size=len(X)) > 0).astype(int)
    rows = rng.choice(len(X), labelled + reference, replace=False)
    known = Labelled(rows, X[rows], y[rows], np.ones(len(rows)))
    seen, trusted = known.take(slice(labelled)), known.take(slice(labelled, None))
    learner = wrap(LogisticRegression(max_iter=1000), seed=0)
    learner.learn(seen, lambda: seen)
    opened = np.ones(len(X), dtype=bool)
    opened[rows] = False
    pool = Candidates(np.arange(len(X)), X, opened)
    return View(pool, rows[:0], trusted if reference else None, learner, lambda: seen)


def margins(rows: int, columns: int, n: int, repeats: int) -> None:
    X = np.random.default_rng(0).normal(size=(rows, columns))
    view = fitted_view(X, 500)
    model = view.learner.model_  # type: ignore[attr-defined]
    # Theirs are spared our bookkeeping: the open rows are gathered once, outside the clock.
    rest = X[view.candidates.open]
    everything = np.concatenate([view.seen.X, rest])
    y = np.full(len(everything), np.nan)
    y[:500] = view.seen.y
    rng, query = np.random.default_rng(0), UncertaintySampling("margin_sampling", random_state=0)
    wrapped = SklearnClassifier(model, classes=[0, 1])

    def ours() -> Any:
        return Margin().select(view, n, rng)

    def modal() -> Any:
        return margin_sampling(model, rest, n_instances=n)[0]

    def skactiveml(refit: bool = False) -> Any:
        return query.query(everything, y, wrapped, fit_clf=refit, batch_size=n)

    asked = set(ours().tolist())
    ids = view.candidates.ids[view.candidates.open]
    print(f"a margin query of {n} on {rows} x {columns}; times theirs / ours, {repeats} pairs")
    arms: list[tuple[str, Callable[[], Any], int, int]] = [
        ("modAL", modal, 0, 3),
        ("scikit-activeml", skactiveml, 500, 10),
        ("the same, refitting as by default", partial(skactiveml, True), 500, 10),
    ]
    for name, theirs, before, bar in arms:
        same = len(asked & set(ids[np.asarray(theirs()) - before].tolist()))
        ratios = []
        for _ in range(repeats):
            # No campaign alternates libraries: each runs once unseen, on the memory it left itself.
            theirs()
            slow = timed(theirs)
            ours()
            ratios.append(slow / timed(ours))
        low, middle, high = np.quantile(ratios, (0.25, 0.5, 0.75))
        print(
            f"  {name:34s} {middle:6.1f}x  [{low:.1f}, {high:.1f}]  bar {bar}x;  "
            f"{same} of {n} rows the same"
        )


def every(rows: int, columns: int, n: int, repeats: int) -> None:
    X = np.random.default_rng(0).normal(size=(rows, columns))
    view = fitted_view(X, 60, reference=60)
    arms: list[QueryStrategy] = [
        *OURS,
        *(from_modal(name, committee=size) for name, size in MODAL.items()),
        *(from_skactiveml(name, **options) for name, options in SKACTIVEML),
    ]
    print(f"seconds of the process a query of {n} on {rows} x {columns}, median of {repeats}")
    print(f"left out, since they take minutes: {', '.join(TOO_SLOW)}")
    for strategy in arms:
        times = []
        for seed in range(repeats):
            view.memo.clear()  # a new round: nothing is worked out yet
            rng = np.random.default_rng(seed)
            times.append(timed(lambda s=strategy, g=rng: s.select(view, n, g)))  # type: ignore[misc]
        print(f"  {np.median(times):9.4f}  {strategy!r}", flush=True)


def curves(seeds: int) -> None:
    print("rows asked in 12 rounds of 5, and area under the accuracy curve")
    arms: dict[str, QueryStrategy] = {
        "ours": Margin(),
        "modAL": from_modal("margin_sampling"),
        "scikit-activeml": from_skactiveml("UncertaintySampling", method="margin_sampling"),
    }
    for load in (load_breast_cancer, load_digits):
        X, y = load(return_X_y=True)
        X = scale(X)
        for seed in range(seeds):
            order = np.random.default_rng(seed).permutation(len(y))
            pool, held_out = order[: len(y) // 2], order[len(y) // 2 :]
            first = np.concatenate([np.flatnonzero(y[pool] == c)[:2] for c in np.unique(y)])
            asked, areas = {}, {}
            for name, strategy in arms.items():
                loop = Loop(
                    X[pool],
                    LogisticRegression(C=0.01),
                    strategy,
                    per_round=5,
                    budget=60,
                    seed=seed,
                    initial=(first, y[pool][first]),
                    test=(X[held_out], y[held_out]),
                )
                rounds = list(loop.run(SimulatedAnnotator(y[pool])))
                asked[name] = [sorted(r.query.ids.tolist()) for r in rounds if r.query]
                areas[name] = float(loop.to_frame()["accuracy"].mean())
            same = all(queries == asked["ours"] for queries in asked.values())
            figures = ", ".join(f"{name} {area:.6f}" for name, area in areas.items())
            verdict = "the same rows" if same else "OTHER ROWS"
            print(f"  {load.__name__[5:]:14s} seed {seed}: {verdict}; {figures}")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--all", action="store_true")
    options.add_argument("--curves", action="store_true")
    options.add_argument("--rows", type=int)
    options.add_argument("--columns", type=int)
    options.add_argument("--per-round", type=int, default=10)
    options.add_argument("--repeats", type=int)
    o = options.parse_args()
    if o.curves:
        curves(o.repeats or 5)
    elif o.all:
        every(o.rows or 2000, o.columns or 20, o.per_round, o.repeats or 3)
    else:
        margins(o.rows or 100_000, o.columns or 50, o.per_round, o.repeats or 41)


if __name__ == "__main__":
    main()
