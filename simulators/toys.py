"""The two-dimensional toy sets of the two papers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import multivariate_normal

from streamlearn.arrays import Floats
from streamlearn.errors import InputError


@dataclass(frozen=True, slots=True, eq=False)
class Toy:
    """A small labelled table with a sensitive attribute.

    Parameters
    ----------
    X : ndarray of float64, shape (n, 2)
        Features.
    y : ndarray of int64, shape (n,)
        Labels, 0 or 1.
    sensitive : ndarray of int64, shape (n,)
        Group, 0 or 1.
    split : ndarray of str, shape (n,)
        "train", "validation" or "test".
    """

    X: Floats
    y: NDArray[np.int64]
    sensitive: NDArray[np.int64]
    split: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.y)

    def part(self, split: str) -> "Toy":
        """Return the rows of one split."""
        rows = self.split == split
        if not rows.any():
            raise InputError(
                f"there is no part {split!r} (parts: {', '.join(np.unique(self.split))})"
            )
        return Toy(self.X[rows], self.y[rows], self.sensitive[rows], self.split[rows])


def chhabra2024_toy(seed: int = 0) -> Toy:
    """Draw a set that looks like the one of Chhabra et al., figure 1.

    Parameters
    ----------
    seed : int
        Not negative.

    Returns
    -------
    Toy
        150 training and 100 validation rows, two isotropic Gaussians of 125 rows each. Group 1
        (the majority among positives) holds 109 of the positive rows and 16 of the others.

    Notes
    -----
    The paper gives the sizes and "two isotropic 2D-Gaussian distributions" only. Centres,
    spread and group counts here are those of the table its authors published: class means
    (3.13, -3.08) and (0.88, 2.11), pooled standard deviation 1.47; within a class the group is
    independent of the features.

    References
    ----------
    Chhabra et al. (2024), What Data Benefits My Classifier?, ICLR, section 4 and figure 1.

    Examples
    --------
    >>> toy = chhabra2024_toy(seed=1)
    >>> toy.X.shape, np.unique(toy.split, return_counts=True)[1].tolist()
    ((250, 2), [150, 100])
    """
    rng = np.random.default_rng(seed)
    y = np.repeat([0, 1], 125)
    centre = np.array([[3.13, -3.08], [0.88, 2.11]])
    X = centre[y] + 1.47 * rng.standard_normal((250, 2))
    typical = np.tile(np.arange(125) < 109, 2)
    sensitive = np.where(typical, y, 1 - y)
    split = np.repeat(["train", "validation"], [150, 100])
    order = rng.permutation(250)
    return Toy(X[order], y[order], sensitive[order], split)


def bhatt2021_toy(seed: int = 0, *, angle: float = 45.0) -> Toy:
    """Draw the synthetic set of Bhatt et al., section 5.

    Parameters
    ----------
    seed : int
        Not negative.
    angle : float
        Degrees by which features are turned to draw the group: the smaller, the more it
        goes with the label. The paper does not give it; 45 is the default of the code by Zafar
        et al. that it follows.

    Returns
    -------
    Toy
        2,050 rows: 2,000 of balanced random labels, the positive ones from N((3, 3),
        ((2, 1), (1, 2))), the others (-1 in the paper, 0 here) from N((-2, -2), I), and 50 more
        positive ones from N((-2, 8), I). Split 70 % train, 20 % validation, 10 % test.

    References
    ----------
    Bhatt et al. (2021), DIVINE: Diverse Influential Training Points for Data Visualization and
    Model Refinement, section 5 (the draw) and appendix C.1 (the split).

    Zafar et al. (2017), Fairness Constraints: Mechanisms for Fair Classification, AISTATS.

    Examples
    --------
    >>> toy = bhatt2021_toy()
    >>> len(toy), len(toy.part("train"))
    (2050, 1435)
    """
    rng = np.random.default_rng(seed)
    positive = multivariate_normal([3, 3], [[2, 1], [1, 2]])
    negative = multivariate_normal([-2, -2], np.eye(2))
    y = np.append(rng.integers(0, 2, 2000), np.ones(50, dtype=np.int64))
    noise = rng.standard_normal((2050, 2))
    X = np.array([-2.0, -2.0]) + noise
    X[y == 1] = np.array([3.0, 3.0]) + noise[y == 1] @ np.linalg.cholesky([[2, 1], [1, 2]]).T
    X[2000:] = np.array([-2.0, 8.0]) + noise[2000:]
    phi = np.deg2rad(angle)
    turned = X @ np.array([[np.cos(phi), -np.sin(phi)], [np.sin(phi), np.cos(phi)]])
    # p(x'|1) / (p(x'|1) + p(x'|-1)) by logarithms: far from both, the densities underflow.
    chance = expit(positive.logpdf(turned) - negative.logpdf(turned))
    sensitive = (rng.random(2050) < chance).astype(np.int64)
    split = np.repeat(["train", "validation", "test"], [1435, 410, 205])
    order = rng.permutation(2050)
    return Toy(X[order], y[order], sensitive[order], split)
