"""A campaign with bad annotators: is a label better bought for a new row, or for a doubtful one?

Five annotators of very different care share a budget of 400 answers, and 100 rows can be trusted.
Each arm spends the same: one answer a row, three answers for every row, or further answers only
where confident learning doubts the label. Ten seeds, paired.
"""

import numpy as np
from sklearn.datasets import load_digits

from streamlearn import Loop
from streamlearn.influence import LinearClassifier
from streamlearn.simulators import Panel, SimulatedAnnotator
from streamlearn.strategies import Margin
from streamlearn.trimming import AskAgain, ConfidentTrim

X, digit = load_digits(return_X_y=True)
X, y = X / 16, digit % 2
ERRORS = (0.15, 0.25, 0.3, 0.3, 0.4)
ARMS = {
    "one answer a row": (1, None),
    "three answers a row": (3, None),
    "doubtful rows again": (1, AskAgain(ConfidentTrim(LinearClassifier(l2=10.0)), answers=3)),
}

scores: dict[str, list[float]] = {arm: [] for arm in ARMS}
for seed in range(10):
    rows = np.random.default_rng(seed).permutation(len(y))
    trusted, test, pool = rows[:100], rows[100:700], rows[700:]
    people = Panel(
        [
            SimulatedAnnotator(y[pool], noise=error, name=f"annotator {i}", seed=seed)
            for i, error in enumerate(ERRORS)
        ],
        per_row="asked",
        seed=seed,
    )
    for arm, (votes, trimmer) in ARMS.items():
        loop = Loop(
            X[pool],
            LinearClassifier(),
            Margin(),
            trimmer,
            per_round=40,
            budget=400,
            votes=votes,
            reference=(X[trusted], y[trusted]),
            test=(X[test], y[test]),
            seed=seed,
        )
        scores[arm].append([r.scores["accuracy"] for r in loop.run(people) if r.closed][-1])

plain = np.array(scores["one answer a row"])
for arm, values in scores.items():
    difference = np.array(values) - plain
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    print(f"{arm:20} {np.mean(values):.3f}  {difference.mean():+.3f} ± {error:.3f}")
