"""Small made-up runs to check plug-ins in."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from scipy import sparse
from scipy.special import softmax

from streamlearn.arrays import Floats, Ids, Labels, Matrix
from streamlearn.data import Candidates, Labelled
from streamlearn.memory import stack
from streamlearn.protocols import Learner, View

COLUMNS = 5


class Means:
    """Nearest class mean, with probabilities: a learner small enough to be trusted."""

    probabilistic = True

    def __init__(self) -> None:
        self.classes_: Labels = np.empty(0, dtype=np.int64)
        self.means: Floats = np.empty((0, COLUMNS))

    def learn(self, new: Labelled, kept: Callable[[], Labelled]) -> None:
        """Compute the class means of all rows kept."""
        rows = kept()
        if not len(rows):
            return
        self.classes_, codes = np.unique(rows.y, return_inverse=True)
        members = sparse.csr_matrix((rows.weight, (codes, np.arange(len(rows)))))
        sums = members @ rows.X
        total = np.asarray(members.sum(axis=1))
        self.means = (sums.toarray() if sparse.issparse(sums) else sums) / total

    def predict_proba(self, X: Matrix) -> Floats:
        """Softmax of the scores."""
        if not len(self.classes_):
            return np.ones((X.shape[0], 1))
        return np.asarray(softmax(self._scores(X), axis=1))

    def predict(self, X: Matrix) -> Labels:
        """Return the class of the nearest mean."""
        labels: Labels = self.classes_[np.argmax(self._scores(X), axis=1)]
        return labels

    def _scores(self, X: Matrix) -> Floats:
        return np.asarray(X @ self.means.T - 0.5 * (self.means**2).sum(axis=1))


class MeansWithMargins(Means):
    """The same with decision values."""

    def decision_function(self, X: Matrix) -> Floats:
        """Return the scores; their difference for two classes."""
        if len(self.classes_) < 2:
            return np.zeros(X.shape[0])
        scores = self._scores(X)
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores


def labelled(
    n: int, labels: Sequence[object] | Labels = (0, 1), *, sparse_rows: bool = False, seed: int = 0
) -> Labelled:
    """Rows around the centres of their classes, every class among the first, ids in no order."""
    rng = np.random.default_rng(seed)
    codes = np.concatenate([np.arange(len(labels))[:n], rng.integers(len(labels), size=n)])[:n]
    X = rng.normal(size=(n, COLUMNS))
    X[np.arange(n), codes] += 3.0
    if sparse_rows:
        X = sparse.csr_matrix(np.where(np.abs(X) > 0.5, X, 0.0))
    ids = 10_000 * (seed + 1) + rng.permutation(3 * n)[:n]
    return Labelled(ids.astype(np.int64), X, np.asarray(labels)[codes], np.ones(n))


def nobody() -> Labelled:
    """No rows."""
    return labelled(0)


def view(
    *,
    n: int = 40,
    classes: int = 2,
    learned: int = 30,
    opened: float = 0.7,
    sparse_rows: bool = False,
    margins: bool = True,
    seed: int = 0,
) -> View:
    """Candidates partly open, trusted rows, and a learner that has learned some (0: a cold one)."""
    pool = labelled(n, range(classes), sparse_rows=sparse_rows, seed=seed)
    seen = labelled(learned, range(classes), sparse_rows=sparse_rows, seed=seed + 1)
    learner: Learner = MeansWithMargins() if margins else Means()
    learner.learn(seen, lambda: seen)
    mask = np.random.default_rng(seed + 2).random(n) < opened
    trusted = labelled(12, range(classes), sparse_rows=sparse_rows, seed=seed + 3)
    reference = replace(trusted, ids=-1 - np.arange(12))
    return View(Candidates(pool.ids, pool.X, mask), np.empty(0, np.int64), reference, learner,
                lambda: seen)  # fmt: skip


def permuted(run: View, order: Ids) -> View:
    """The same run with its candidates in another order."""
    pool = run.candidates
    shuffled = Candidates(pool.ids[order], pool.X[order], pool.open[order])
    return View(shuffled, run.pending, run.reference, run.learner, run.recall)


def teach(learner: Learner, *batches: Labelled) -> Learner:
    """Let a learner learn batches in turn, as the loop does."""
    for i, batch in enumerate(batches):
        so_far = stack(list(batches[: i + 1]))
        learner.learn(batch, lambda so_far=so_far: so_far)  # type: ignore[misc]
    return learner
