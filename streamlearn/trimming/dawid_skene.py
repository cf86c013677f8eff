"""Several annotators a row: who errs how, estimated together with the classifier."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from streamlearn.arrays import Ids, Index, Labels, Matrix, as_labels
from streamlearn.data import Judgement, Labelled, Votes
from streamlearn.errors import InputError, nearest
from streamlearn.protocols import View
from streamlearn.trimming.flip_rate_model import FlipRateModel, checked, weights
from streamlearn.trimming.rejudge import SCOPES, settle, together
from streamlearn.trimming.share import keep

_ACTIONS = ("relabel", "trim")


class DawidSkene(FlipRateModel):
    """Dawid and Skene's model with a classifier: each annotator has flip rates of their own.

    An estimator, and a trimmer for runs where several annotators answer a row.

    Parameters
    ----------
    action : {"relabel", "trim"}
        What the trimmer does with a row whose majority is not the likeliest label: learn the
        likeliest, or leave the row out.
    scope : {"answered", "seen"}
        Whether the trimmer judges new rows only, or older ones anew with what is known now.
    l2 : float or "auto"
        Penalty of the classifier; "auto" chooses among 1, 10 and 50 by cross-validated log-loss on
        the reference, without one by that of held-out rows' votes.
    reference_weight : float or "auto"
        What a reference row counts; "auto" chooses between 1 and 5 in the same way.
    prior : float
        Rows' worth of belief that an annotator is right, for each class.
    folds : int
        Folds of the cross-validation.
    seed : int
        Shuffles the folds.

    Attributes
    ----------
    transition_ : ndarray of float64, shape (annotators, k, k)
        Entry (a, i, j): how often annotator a says j where i is true.
    posterior_ : ndarray of float64, shape (n, k)
        Probability of each true label of the rows fitted, given x and the votes.
    classes_ : ndarray, shape (k,)
        Labels, sorted.
    model_ : LinearClassifier
        p(true label | x), over class numbers.
    l2_, reference_weight_ : float
        As chosen.
    objective_ : ndarray of float64, shape (iterations,)
        Penalised log-likelihood in nats; it never falls.

    Notes
    -----
    Given the true label, votes are taken for independent of each other and of x. With a single
    annotator this is `NoiseModel`, whose notes hold.

    References
    ----------
    Dawid and Skene (1979), Maximum likelihood estimation of observer error-rates using the EM
    algorithm, Applied Statistics 28; Raykar et al. (2010), Learning from crowds, JMLR 11,
    section 3.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(500, 2))
    >>> truth = (X[:, 0] > 0).astype(int)
    >>> wrong = rng.random((500, 3)) < [0.05, 0.2, 0.4]
    >>> votes = np.where(rng.random((500, 3)) < 0.3, -1, truth[:, None] ^ wrong)
    >>> model = DawidSkene(l2=1.0).fit(X, votes)
    >>> np.trace(model.transition_, axis1=1, axis2=2).round(1) / 2
    array([0.95, 0.8 , 0.6 ])
    """

    def __init__(
        self,
        *,
        action: str = "relabel",
        scope: str = "answered",
        l2: Any = "auto",
        reference_weight: Any = "auto",
        prior: float = 10.0,
        folds: int = 4,
        seed: int = 0,
    ) -> None:
        self.action = action
        self.scope = scope
        self.l2 = l2
        self.reference_weight = reference_weight
        self.prior = prior
        self.folds = folds
        self.seed = seed

    def fit(
        self,
        X: ArrayLike | Matrix,
        votes: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        classes: ArrayLike | None = None,
        reference: tuple[Any, ArrayLike] | None = None,
    ) -> Self:
        """Estimate every annotator's flip rates, and the classifier.

        Parameters
        ----------
        X : array-like or CSR matrix, shape (n, d)
            Features.
        votes : array-like of int, shape (n, annotators)
            Whole numbers, -1 where an annotator said nothing: labels, or positions in ``classes``
            where that is given.
        sample_weight : array-like, shape (n,), optional
            What a row counts.
        classes : array-like, shape (k,), optional
            Labels, sorted, that the votes count through; then the reference is labelled so.
        reference : tuple of (X, y), optional
            Rows whose labels are right.

        Returns
        -------
        DawidSkene
            Itself.

        Raises
        ------
        InputError
            If shapes differ, votes are no whole numbers or fewer than two classes are there.
        """
        X, known = checked(X, reference)
        said = np.asarray(votes)
        if said.ndim != 2 or len(said) != X.shape[0] or said.dtype.kind not in "iu":
            raise InputError(
                f"votes must be whole numbers of shape ({X.shape[0]}, annotators), got dtype "
                f"{said.dtype} and shape {said.shape}"
            )
        if said.size and said.min() < -1:
            raise InputError(f"votes hold {said.min()}; a missing vote is -1")
        heard = said[said >= 0]
        if classes is None:
            labels = np.unique(np.concatenate([heard, known[1].astype(np.int64)]))
            codes = np.where(said >= 0, np.searchsorted(labels, said), -1)
        else:
            labels, codes = as_labels(classes, "classes"), said
            if not np.array_equal(labels, np.unique(labels)):
                raise InputError(f"classes must be sorted, each once, got {labels.tolist()}")
            if heard.size and heard.max() >= len(labels):
                raise InputError(f"votes hold {heard.max()}, but there are {len(labels)} classes")
        strange = np.setdiff1d(known[1], labels)
        if len(strange):
            raise InputError(f"the reference label {strange[0]!r} is none of {labels.tolist()}")
        places = np.searchsorted(labels, known[1])
        self._estimate(X, codes, weights(sample_weight, len(said)), (known[0], places), labels)
        self.transition_ = self._rates
        return self

    def judge(self, answered: Labelled, view: View) -> Judgement:
        """Judge answered rows by all votes told, and older ones if the scope says so.

        Parameters
        ----------
        answered : Labelled
            The rows just answered, with their majority.
        view : View
            Its votes and its reference rows are learned from; a row without one (an initial
            row) counts as labelled by somebody nobody else is.

        Returns
        -------
        Judgement
            Of all answered rows, and of the older ones that change. The score is the posterior
            probability of the majority, 0 to 1.

        Raises
        ------
        InputError
            If a parameter is out of range.
        """
        for name, valid in (("action", _ACTIONS), ("scope", SCOPES)):
            if getattr(self, name) not in valid:
                raise nearest(getattr(self, name), valid, f"{name} of DawidSkene")
        noisy = together(answered, view.seen)
        reference = view.reference
        known = [noisy.y] if reference is None else [noisy.y, reference.y]
        classes = np.unique(np.concatenate([*known, view.votes.y] if len(view.votes) else known))
        if not len(noisy) or len(classes) < 2:
            return keep(answered)
        model = DawidSkene(**self.get_params())
        model.fit(
            noisy.X,
            _columns(noisy, view.votes, classes),
            noisy.weight,
            classes=classes,
            reference=None if reference is None else (reference.X, reference.y),
        )
        at, codes = np.arange(len(noisy)), np.searchsorted(classes, noisy.y)
        likeliest = model.posterior_.argmax(axis=1)
        doubtful = likeliest != codes
        y, weight, word = noisy.y, np.ones(len(noisy)), "trimmed"
        if self.action == "trim":
            weight = np.where(doubtful, 0.0, 1.0)
        else:
            y, word = np.where(doubtful, classes[likeliest], noisy.y), "relabelled"
        reason = np.where(doubtful, f"{word}: its annotators err that way, says the model", "")
        score = model.posterior_[at, codes]
        return settle(answered, view.seen, noisy, y, weight, score, reason, scope=self.scope)


def _columns(rows: Labelled, votes: Votes, classes: Labels) -> Ids:
    """One column an annotator with positions in classes, -1 where they said nothing."""
    known = np.isin(votes.ids, rows.ids)
    people, who = np.unique(votes.annotator[known], return_inverse=True)
    said = np.full((len(rows), len(people) + 1), -1)
    at = Index(rows.ids).positions(votes.ids[known])
    said[at, who] = np.searchsorted(classes, votes.y[known])
    alone = (said < 0).all(axis=1)  # initial rows: somebody said so before the run
    said[alone, -1] = np.searchsorted(classes, rows.y[alone])
    return said if alone.any() else said[:, :-1]
