"""Learners of a stream, one a penalty, all fed what a trimmer lets pass."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import log_loss

from streamlearn.data import Candidates, Labelled
from streamlearn.learners import Incremental, RiverLearner
from streamlearn.memory import NO_ROWS, stack
from streamlearn.protocols import View

ALPHAS = (1e-4, 1e-3, 1e-2, 1e-1)
KINDS = ("averaged", "plain", "hinge", "river")
_SGD: dict[str, dict[str, Any]] = {
    "averaged": {"loss": "log_loss", "average": True},
    "plain": {"loss": "log_loss"},
    "hinge": {"loss": "hinge", "average": True},
}


def learner(kind: str, alpha: float, seed: int) -> Any:
    """A learner not trained yet; River's makes one step a batch, so its rate is 1."""
    if kind == "river":
        from river.linear_model import LogisticRegression
        from river.optim import SGD

        return RiverLearner(LogisticRegression(SGD(1.0), l2=alpha), classes=[0, 1])
    sgd = SGDClassifier(alpha=alpha, random_state=seed, **_SGD[kind])
    return Incremental(sgd, classes=[0, 1])


def run(
    trimmer: Any,
    stream: list[Labelled],
    reference: Labelled,
    models: list[Any],
    *,
    train: bool,
    each: bool,
) -> NDArray[np.bool_]:
    """Teach all models the stream; which rows were trimmed or relabelled.

    The trimmer judges once for all models, or for each where it looks at the learner. Verdicts on
    rows gone by are dropped: an online learner cannot unlearn.
    """
    trimmed = np.zeros(sum(map(len, stream)), dtype=bool)
    nothing = Candidates(np.empty(0, np.int64), stream[0].X[:0], np.empty(0, np.bool_))
    if train:
        for model in models:
            model.learn(reference, lambda: reference)
    seen = NO_ROWS
    for batch in stream:
        for k, model in enumerate(models):
            if each or k == 0:
                view = View(nothing, nothing.ids, reference, model, lambda seen=seen: seen)  # type: ignore[misc]
                said = trimmer.judge(batch, view)
                new = np.isin(said.ids, batch.ids)
                assert np.array_equal(said.ids[new], batch.ids)
                judged = Labelled(batch.ids, batch.X, said.y[new], said.weight[new])
            model.learn(judged.take(judged.weight > 0), lambda: reference)
        trimmed[batch.ids] = (judged.weight < 0.5) | (judged.y != batch.y)
        seen = stack([seen, batch]) if len(seen) else batch
    return trimmed


def loss(model: Any, kind: str, rows: Labelled) -> float:
    """Log-loss; of a hinge the share of errors."""
    if kind == "hinge":
        return float(np.mean(model.predict(rows.X) != rows.y))
    P = np.clip(model.predict_proba(rows.X), 1e-6, 1 - 1e-6)
    return float(log_loss(rows.y, P[:, 1], labels=[0, 1]))
