"""What is known of a linear operator beforehand."""

from __future__ import annotations

from typing import NamedTuple


class Hints(NamedTuple):
    """True, False, or None where nobody said."""

    non_singular: bool | None = None
    self_adjoint: bool | None = None
    positive_definite: bool | None = None
    square: bool | None = None

    @classmethod
    def checked(cls, non_singular: bool | None, self_adjoint: bool | None, positive: bool | None, square: bool | None) -> Hints:
        """Hints, with those that follow from others.

        Raises:
            ValueError: they contradict each other.
        """
        if positive or non_singular:
            if square is False:
                raise ValueError("a positive definite or non-singular operator is square; is_square is False")
            square = True
        if positive:
            if non_singular is False:
                raise ValueError("a positive definite operator is not singular; is_non_singular is False")
            non_singular = True
        if self_adjoint:
            if square is False:
                raise ValueError("a self-adjoint operator is square; is_square is False")
            square = True
        return cls(non_singular, self_adjoint, positive, square)


def implied(given: bool | None, known: bool | None, what: str) -> bool | None:
    """The hint that a caller gave, or what is known without.

    Raises:
        ValueError: the two differ.
    """
    if given is not None and known is not None and given != known:
        raise ValueError(f"{what} is {known} for this operator; got {given}")
    return known if given is None else given
