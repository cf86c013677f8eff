"""The noise model: how often each class is mislabelled, estimated together with the classifier."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from streamlearn.arrays import Floats, Labels, Matrix, as_labels
from streamlearn.data import Judgement, Labelled
from streamlearn.errors import InputError
from streamlearn.protocols import View
from streamlearn.trimming.ask_again import AskAgain
from streamlearn.trimming.flip_rate_model import FlipRateModel, checked, weights
from streamlearn.trimming.rejudge import check_options, settle, together
from streamlearn.trimming.share import keep


class NoiseModel(FlipRateModel):
    """Class-conditional label noise, estimated with the classifier; an estimator and a trimmer.

    Parameters
    ----------
    action : {"weight", "relabel", "trim", "ask_again"}
        What the trimmer does about it: weigh a row by how much its label is to be believed (see
        Notes), learn the likeliest true label, or drop rows whose label is not the likeliest, or
        put those to other annotators as ``AskAgain`` does.
    l2 : float or "auto"
        Penalty of the classifier; "auto" chooses among 1, 10 and 50 by cross-validated log-loss on
        the reference.
    reference_weight : float or "auto"
        What a reference row counts; "auto" chooses between 1 and 5 in the same way.
    prior : float
        Rows' worth of belief that labels are right, added to the counts of each class.
    transition : array-like of shape (k, k), optional
        Flip rates where they are known, from an audit say: entry (i, j) is how often the label j is
        given where i is true, classes in sorted order, each above 0 and rows of sum 1. They are
        estimated where none are given. As a trimmer it keeps all until every class was met.
    scope : {"answered", "seen"}
        Whether the trimmer judges new rows only, or older ones anew with what is known now.
    folds : int
        Folds of the cross-validation.
    seed : int
        Shuffles the folds.

    Attributes
    ----------
    transition_ : ndarray of float64, shape (k, k)
        Entry (i, j): how often the label j is given where i is true.
    posterior_ : ndarray of float64, shape (n, k)
        Probability of each true label of the rows fitted, given x and the label received.
    classes_ : ndarray, shape (k,)
        Labels of rows and reference, sorted.
    model_ : LinearClassifier
        p(true label | x), over class numbers.
    l2_, reference_weight_ : float
        As chosen.
    objective_ : ndarray of float64, shape (iterations,)
        Penalised log-likelihood in nats; it never falls.

    Notes
    -----
    Maximises ``sum_i s_i log sum_c p(c | x_i) T[c, y_i] + v sum_r log p(y_r | x_r)
    - (l2 / 2) |w|^2`` and the log-prior of T by expectation–maximisation; r runs over the
    reference, whose labels are taken for true, v is ``reference_weight``.

    The weight of a row with the label j is p(true label is j | x, j) / T[j, j], the importance of
    Liu and Tao: its mean given x is 1, it is 1 where there is no noise, and learning from rows so
    weighted tends to what the true labels would teach.

    *Without a reference* the classes are told apart by what they are mostly called: the search
    starts from rates that are right seven times in ten, and ``prior`` leans the same way, so it
    ends where labels are more often right than wrong. Where they are not, only a reference can
    tell. Penalties are then chosen by the likelihood of held-out labels as given.

    The model is of flips that hang on the class alone. What a linear classifier cannot fit looks
    like noise to it: that is what the reference guards against.

    References
    ----------
    Dawid and Skene (1979), Maximum likelihood estimation of observer error-rates using the EM
    algorithm, Applied Statistics 28; Raykar et al. (2010), Learning from crowds, JMLR 11,
    section 2; Liu and Tao (2016), Classification with noisy labels by importance reweighting,
    IEEE TPAMI 38, equation 6 (weights).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(600, 2))
    >>> truth = np.where(X[:, 0] > 0, "ham", "spam")
    >>> given = np.where((truth == "ham") & (rng.random(600) < 0.4), "spam", truth)
    >>> model = NoiseModel(l2=1.0, reference_weight=1.0)
    >>> model.fit(X[50:], given[50:], reference=(X[:50], truth[:50])).transition_.round(1)
    array([[0.6, 0.4],
           [0. , 1. ]])
    """

    def __init__(
        self,
        action: str = "weight",
        *,
        l2: Any = "auto",
        reference_weight: Any = "auto",
        prior: float = 10.0,
        transition: ArrayLike | None = None,
        scope: str = "seen",
        folds: int = 4,
        seed: int = 0,
    ) -> None:
        self.action = action
        self.l2 = l2
        self.reference_weight = reference_weight
        self.prior = prior
        self.transition = transition
        self.scope = scope
        self.folds = folds
        self.seed = seed

    def fit(
        self,
        X: ArrayLike | Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        reference: tuple[Any, ArrayLike] | None = None,
    ) -> Self:
        """Estimate flip rates and classifier.

        Parameters
        ----------
        X : array-like or CSR matrix, shape (n, d)
            Features.
        y : array-like, shape (n,)
            Labels as given, some of them wrong.
        sample_weight : array-like, shape (n,), optional
            What a row counts.
        reference : tuple of (X, y), optional
            Rows whose labels are right.

        Returns
        -------
        NoiseModel
            Itself.

        Raises
        ------
        InputError
            If shapes differ, fewer than two classes are there, or a parameter cannot be used.
        """
        X, known = checked(X, reference)
        labels = as_labels(y)
        weight = weights(sample_weight, len(labels))
        if len(labels) != X.shape[0]:
            raise InputError(f"got {X.shape[0]} rows and {len(labels)} labels; give one each")
        classes = np.unique(np.concatenate([labels, known[1]]) if len(known[1]) else labels)
        codes = np.searchsorted(classes, labels)[:, None]
        reference_codes = np.searchsorted(classes, known[1])
        known_rates = None if self.transition is None else _checked(self.transition, classes)
        self._estimate(X, codes, weight, (known[0], reference_codes), classes, known_rates)
        self.transition_ = self._rates[0]
        return self

    def judge(self, answered: Labelled, view: View) -> Judgement:
        """Judge answered rows, and older ones if the scope says so.

        Parameters
        ----------
        answered : Labelled
            The rows just answered.
        view : View
            Its seen rows are learned from as given, its reference rows as true.

        Returns
        -------
        Judgement
            Of all answered rows, and of the older ones that change. The score is the posterior
            probability that the label given is right, 0 to 1; 0 where nothing could be fitted.

        Raises
        ------
        InputError
            If a parameter is out of range.
        """
        if self.action == "ask_again":
            return AskAgain(NoiseModel(**self.get_params() | {"action": "trim"})).judge(
                answered, view
            )
        check_options(self.action, self.scope)
        noisy = together(answered, view.seen)
        reference = view.reference
        known = noisy.y[noisy.weight > 0]
        if reference is not None:
            known = np.concatenate([known, reference.y])
        least = 2 if self.transition is None else len(np.atleast_1d(self.transition))
        if not len(noisy) or len(np.unique(known)) < least:
            return keep(answered)
        model = NoiseModel(**self.get_params())
        model.fit(
            noisy.X,
            noisy.y,
            noisy.weight,
            reference=None if reference is None else (reference.X, reference.y),
        )
        return settle(answered, view.seen, noisy, *model.verdict(noisy.y), scope=self.scope)

    def verdict(self, y: Labels) -> tuple[Labels, Floats, Floats, NDArray[np.str_]]:
        """Say what becomes of the rows fitted.

        Parameters
        ----------
        y : ndarray, shape (n,)
            Their labels, as given to ``fit``.

        Returns
        -------
        tuple of ndarrays of shape (n,)
            Labels, weights, scores and reasons.
        """
        check_is_fitted(self)
        check_options(self.action, "seen")
        at, codes = np.arange(len(y)), np.searchsorted(self.classes_, y)
        score = self.posterior_[at, codes]
        likeliest = self.posterior_.argmax(axis=1)
        doubtful = likeliest != codes
        weight, label = np.ones(len(y)), y
        if self.action == "weight":
            weight = score / self.transition_[codes, codes]
            return y, weight, score, np.full(len(y), "weighted by the noise model")
        if self.action == "trim":
            weight = np.where(doubtful, 0.0, 1.0)
            reason = "mislabelled, says the noise model"
        else:
            label = np.where(doubtful, self.classes_[likeliest], y)
            reason = "relabelled by the noise model"
        return label, weight, score, np.where(doubtful, reason, "")


def _checked(transition: ArrayLike, classes: Labels) -> Floats:
    """Known flip rates, (1, k, k)."""
    rates, k = np.asarray(transition, dtype=np.float64), len(classes)
    if rates.shape != (k, k):
        raise InputError(
            f"transition has shape {rates.shape}, but there are {k} classes ({classes.tolist()}); "
            "give a row of rates for each"
        )
    if not ((rates > 0).all() and np.allclose(rates.sum(axis=1), 1.0)):
        raise InputError(
            f"transition must have rates above 0 and rows of sum 1, got {rates.tolist()}; "
            "give what never happens a small rate"
        )
    return rates[None]
