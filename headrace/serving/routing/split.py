"""A place in [0, 1) for each request, and the variant that the weights give to that place.

Anyone can compute where a sticky key goes:

    place(salt, key)  = the first 53 bits of SHA-256(salt + "\\0" + key), over 2**53
    shares            = weights / sum of weights
    the 2nd variant   has [0, share), the 4th what follows it, the 6th what follows that, and so on
    the 3rd variant   has [1 - share, 1), the 5th what comes before it, and so on
    the 1st variant   has what is left between them

So the border of the second or the third variant depends on its own share alone. When it grows, the first variant gives the places
that it takes, and nobody else moves.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence

_BITS = 53
"""All that a float holds of a number below 1."""
_GOLDEN = 0x9E3779B97F4A7C15
"""2**64 over the golden ratio."""
_FURTHER = 1 << 20


def place_of(salt: str, key: bytes) -> float:
    """The place of a sticky key, in [0, 1)."""
    digest = hashlib.sha256(salt.encode() + b"\0" + key).digest()
    return float(int.from_bytes(digest[:8]) >> (64 - _BITS)) / float(1 << _BITS)


def further_place(place: float) -> float:
    """Another place that follows from the first one, for when the variant there cannot answer."""
    return place * _FURTHER % 1.0


def pick(weights: Sequence[float], place: float) -> int:
    """The number of the variant at a place.

    Args:
        weights: of the variants in order, none below 0, some above 0.
        place: in [0, 1).
    """
    total = sum(weights)
    left, right = 0.0, 0.0
    for index in range(1, len(weights)):
        if index % 2:
            left += weights[index]
            if place < left / total:
                return index
        else:
            right += weights[index]
            if place >= 1.0 - right / total:
                return index
    # Where the first variant has no weight, only rounding can leave a place to it.
    return 0 if weights[0] > 0 else max(range(len(weights)), key=weights.__getitem__)


class Places:
    """Places for requests without a key: multiples of the golden ratio, less their whole part.

    They fill [0, 1) so evenly that after n requests each variant has its share of n to within a few requests, which random
    numbers would miss by about the root of n; and since the ratio is irrational, so have every second request, every third, ...
    """

    def __init__(self) -> None:
        self._count = itertools.count(1)

    def next(self) -> float:
        """The next place. Safe to call from several threads."""
        return float(next(self._count) * _GOLDEN % (1 << 64) >> (64 - _BITS)) / float(1 << _BITS)
