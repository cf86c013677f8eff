"""Random numbers that hang on (seed, id) alone: no order, no state, no neighbours."""

import hashlib
import operator

import numpy as np
from numpy.typing import ArrayLike

from streamlearn.arrays import Floats, as_ids
from streamlearn.errors import InputError

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def key(seed: int, stream: int | str = 0) -> int:
    """Derive one 64-bit seed from a seed and the name of a use of it.

    Parameters
    ----------
    seed : int
        Any whole number.
    stream : int or str
        What the numbers are for; another stream is independent of this one.

    Returns
    -------
    int
        Between 0 and 2**64 - 1.

    Raises
    ------
    InputError
        If the seed is not a whole number.

    Examples
    --------
    >>> key(0, "flip") == key(0, "flip"), key(0, "flip") == key(1, "flip")
    (True, False)
    """
    try:
        whole = operator.index(seed)
    except TypeError:
        raise InputError(f"seed must be a whole number, got {seed!r}") from None
    text = repr((whole, str(stream))).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


def uniform(seed: int, ids: ArrayLike, stream: int | str = 0) -> Floats:
    """Draw one number in [0, 1) for each id.

    Parameters
    ----------
    seed : int
        Any whole number.
    ids : array-like of int, shape (n,)
        The rows; equal ids get equal numbers.
    stream : int or str
        What the numbers are for; another stream is independent of this one.

    Returns
    -------
    ndarray of float64, shape (n,)

    Raises
    ------
    InputError
        If the seed or the ids are not whole numbers.

    Notes
    -----
    SplitMix64 read as a counter: output number ``id`` of the generator that starts at
    ``key(seed, stream)``.

    References
    ----------
    Steele, Lea and Flood (2014), Fast splittable pseudorandom number generators, figure 16.

    Examples
    --------
    >>> draws = uniform(0, [5, 6, 7])
    >>> bool((uniform(0, [7, 5]) == draws[[2, 0]]).all())
    True
    """
    z = as_ids(ids).view(np.uint64) * _GOLDEN  # unsigned arrays wrap around, as intended
    z += np.uint64(key(seed, stream))
    z ^= z >> np.uint64(30)
    z *= np.uint64(0xBF58476D1CE4E5B9)
    z ^= z >> np.uint64(27)
    z *= np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    draws: Floats = (z >> np.uint64(11)).astype(np.float64)
    draws *= 2.0**-53
    return draws
