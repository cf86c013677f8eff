"""A classifier and the errors of those who labelled, estimated together."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import expit

from streamlearn.arrays import Floats, Matrix
from streamlearn.influence import LinearClassifier
from streamlearn.influence.losses import make_loss
from streamlearn.influence.solve import Factor
from streamlearn.influence.tuning import Setting, Tuning, fits_together, folds, log_loss
from streamlearn.trimming.flip_rates_together import START, maximise_together

Codes = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Estimate:
    """Where expectation–maximisation ended.

    Parameters
    ----------
    theta : ndarray of shape (m, d + 1)
        Parameters of p(true label | x), the intercept last.
    transition : ndarray of shape (annotators, k, k)
        Entry (a, i, j): how often annotator a says j where i is true.
    posterior : ndarray of shape (n, k)
        Probability of each true label, given the row and what was said of it.
    objective : tuple of float
        Penalised log-likelihood at every iteration, in nats; never falls.
    """

    theta: Floats
    transition: Floats
    posterior: Floats
    objective: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Said:
    """Rows with what was said of them, followed by rows whose label is known.

    Parameters
    ----------
    X : ndarray or CSR matrix, shape (n + m, d + 1)
        Features with a column of ones: n doubtful rows, then m known ones.
    votes : ndarray of int, shape (n, annotators)
        Class numbers; -1 where an annotator said nothing.
    known : ndarray of int, shape (m,)
        True class numbers.
    weight : ndarray of float64, shape (n + m,)
        What a row counts.
    k : int
        Number of classes.
    prior : float
        Rows' worth of belief that an annotator is right, for each class and annotator.
    rates : ndarray of shape (annotators, k, k), optional
        Flip rates that are known; else they are estimated.
    """

    X: Matrix
    votes: Codes
    known: Codes
    weight: Floats
    k: int
    prior: float
    rates: Floats | None = None

    @property
    def contrast(self) -> Floats:
        """From parameters to class scores, (k, m): a margin for two classes, else contrasts."""
        return np.array([[0.0], [1.0]]) if self.k == 2 else make_loss("softmax", self.k).contrast

    def pseudo_counts(self) -> Floats:
        """What the prior adds to the counts of one annotator, (k, k)."""
        return np.where(np.eye(self.k, dtype=bool), self.prior, 1.0 / (self.k - 1))

    def log_votes(self, transition: Floats) -> Floats:
        """Log-probability of what was said of each row for every true label, (k, n)."""
        total = np.zeros((self.k, len(self.votes)))
        for said, rates in zip(self.votes.T, np.log(transition), strict=True):
            # a column of zeros, which -1 finds, for those who said nothing
            total += np.column_stack([rates, np.zeros(self.k)])[:, said]
        return total

    def first_transitions(self) -> Floats:
        """Flip rates to begin with, (annotators, k, k)."""
        if self.rates is not None:
            return self.rates
        rates = np.where(np.eye(self.k, dtype=bool), START, (1.0 - START) / (self.k - 1))
        return np.repeat(rates[None], self.votes.shape[1], axis=0)

    def transitions(self, posterior: Floats) -> Floats:
        """Most probable flip rates, (annotators, k, k)."""
        if self.rates is not None:
            return self.rates
        doubtful = posterior * self.weight[: posterior.shape[1]]
        counts = np.stack(
            [
                np.stack([np.bincount(said + 1, row, self.k + 1)[1:] for row in doubtful])
                for said in self.votes.T
            ]
        )
        believed = np.asarray(counts, dtype=np.float64) + self.pseudo_counts()
        rates: Floats = believed / believed.sum(axis=2, keepdims=True)
        return rates

    def log_proba(self, theta: Floats, rows: Any = slice(None)) -> Floats:
        """Log-probability of each class, (k, rows); class first, for long contiguous passes."""
        scores = self.contrast @ np.asarray(self.X[rows] @ theta.T).T
        proba: Floats = scores - log_sum_exp(scores)
        return proba


def log_sum_exp(scores: Floats) -> Floats:
    """Log of the sum of exponentials over the first axis; SciPy's is slow on few classes."""
    top = scores.max(axis=0)
    total: Floats = np.log(np.exp(scores - top).sum(axis=0)) + top
    return total


def stacked(X: Matrix, X_known: Matrix) -> Matrix:
    """Stack doubtful rows on known ones."""
    if sparse.issparse(X) or sparse.issparse(X_known):
        return sparse.vstack([X, X_known], format="csr")
    return np.concatenate([X, X_known])


def with_ones(X: Matrix, X_known: Matrix) -> Matrix:
    """Stack doubtful rows on known ones and add the intercept's column."""
    both, ones = stacked(X, X_known), np.ones((X.shape[0] + X_known.shape[0], 1))
    if sparse.issparse(both):
        return sparse.hstack([both, sparse.csr_matrix(ones)], format="csr")
    return np.hstack([both, ones])


def curvature(rows: Said) -> Floats:
    """Bound on the second derivative of the log-loss, (d + 1, d + 1) for every contrast.

    A quarter of X'X for two classes, half of it for more (Böhning and Lindsay, 1988).
    """
    used = np.flatnonzero(rows.weight)
    X, weight = rows.X[used], rows.weight[used, None]
    H = X.T @ (X.multiply(weight).tocsr() if sparse.issparse(X) else X * weight)
    bound: Floats = (0.25 if rows.k == 2 else 0.5) * (H.toarray() if sparse.issparse(H) else H)
    return bound


def maximise(
    rows: Said,
    l2: float,
    start: Estimate | None = None,
    tol: float = 1e-7,
    max_iter: int = 2000,
    bound: Floats | None = None,
) -> Estimate:
    """Expectation–maximisation until an iteration gains less than ``tol`` nats a row.

    The classifier's M step is one step of the quadratic bound: it costs a pass over the rows
    where a fit costs many, and raises the objective in every iteration all the same.
    """
    n, k, C = len(rows.votes), rows.k, rows.contrast
    width = rows.X.shape[1]
    penalty = np.full(width, l2)
    penalty[-1] = 0.0
    factor = Factor((curvature(rows) if bound is None else bound) + np.diag(penalty))
    if start is None:
        theta = np.zeros((C.shape[1], width))
        transition = rows.first_transitions()
    else:
        theta, transition = start.theta, start.transition
    truth = np.zeros((k, rows.X.shape[0]))
    known = np.arange(n, rows.X.shape[0])
    truth[rows.known, known] = 1.0
    least = tol * max(float(rows.weight.sum()), 1.0)
    objective: list[float] = []
    direction, step = np.zeros_like(theta), 1.0
    while True:
        log_p = rows.log_proba(theta)
        joint = log_p[:, :n] + rows.log_votes(transition)
        evidence = log_sum_exp(joint)
        value = float(rows.weight[:n] @ evidence + rows.weight[n:] @ log_p[rows.known, known])
        value -= 0.5 * float((penalty * theta**2).sum())
        value += float((rows.pseudo_counts() * np.log(transition)).sum())
        gain = value - objective[-1] if objective else np.inf
        if gain < 0 and step > 1.0:  # too far: back to the step that is sure to rise
            theta = theta - (step - 1.0) * direction
            step = 1.0
            continue
        objective.append(value)
        truth[:, :n] = np.exp(joint - evidence)
        if (gain <= least and step == 1.0) or len(objective) >= max_iter:
            return Estimate(theta, transition, truth[:, :n].T.copy(), tuple(objective))
        # The bound is loose, so longer steps mostly do better.
        step = 1.0 if gain <= least else 1.5 * step
        transition = rows.transitions(truth[:, :n])
        residual = (truth - np.exp(log_p)) * rows.weight
        ascent = np.asarray((C.T @ residual) @ rows.X) - penalty * theta
        direction = factor.solve(ascent.T).T
        theta = theta + step * direction


def cross_validate(rows: Said, settings: Sequence[Setting], count: int, seed: int) -> Tuning:
    """Score settings (l2, weight of a known row) on folds of the known rows.

    Without known rows the folds are of the doubtful ones, and what is scored is what was said:
    the probability of a vote is that of the true labels times the flip rates.
    """
    n, on_known = len(rows.votes), len(rows.known) > 0
    judged = rows.known if on_known else rows.votes.max(axis=1)
    first = n if on_known else 0
    parts = folds(judged, count, seed)
    losses = {setting: np.zeros(len(judged)) for setting in settings}
    if parts and on_known and _fits_together(rows):
        counts = np.repeat(rows.weight[:, None], len(parts), axis=1)
        counts[n:][np.array(parts).T] = 0.0
        said, true = rows.votes[:, 0].astype(np.float64), judged.astype(np.float64)
        rates = None if rows.rates is None else np.diag(rows.rates[0])
        fits = maximise_together(rows.X, said, true, counts, settings, rows.prior, right=rates)
        of = np.argmax(parts, axis=0)  # the fold that holds a known row out
        for setting, thetas in zip(settings, fits, strict=True):
            p = expit((rows.X[n:] * thetas.T[of]).sum(axis=1))
            losses[setting] = log_loss(np.column_stack([1.0 - p, p]), np.arange(2), judged)
        return Tuning(losses)
    for out in parts:
        found: Estimate | None = None
        last, bound = 0.0, None
        held = first + np.flatnonzero(out)
        for l2, share in settings:
            if share != last:
                weight = rows.weight.copy()
                weight[n:] *= share
                weight[held] = 0.0
                part = replace(rows, weight=weight)
                last, bound = share, curvature(part)
            found = maximise(part, l2, found, tol=1e-5, max_iter=300, bound=bound)
            proba = np.exp(rows.log_proba(found.theta, held)).T
            losses[l2, share][out] = (
                log_loss(proba, np.arange(rows.k), judged[out])
                if on_known
                else _vote_loss(proba, found.transition, rows.votes[out])
            )
    return Tuning(losses if parts else {})


def _fits_together(rows: Said) -> bool:
    """Whether there are two classes, one annotator, and not too many cells."""
    plain = rows.k == 2 and rows.votes.shape[1] == 1 and bool((rows.votes >= 0).all())
    return plain and fits_together(rows.X)


def _vote_loss(proba: Floats, transition: Floats, votes: Codes) -> Floats:
    """Log-loss of what was said, annotators given the row on their own."""
    total = np.zeros(len(votes))
    for said, rates in zip(votes.T, transition, strict=True):
        loss = log_loss(proba @ rates, np.arange(len(rates)), np.maximum(said, 0))
        total += np.where(said >= 0, loss, 0.0)
    return total


def as_classifier(theta: Floats, rows: Said, l2: float) -> LinearClassifier:
    """Give the parameters as a fitted linear classifier over class numbers."""
    full = theta if rows.k == 2 else rows.contrast @ theta
    model = LinearClassifier(l2=l2)
    model.classes_, model.n_features_in_ = np.arange(rows.k), theta.shape[1] - 1
    model.coef_, model.intercept_ = np.ascontiguousarray(full[:, :-1]), full[:, -1].copy()
    return model
