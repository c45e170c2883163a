"""SPDX licence expressions: which may be given out."""

from __future__ import annotations

import re
from collections.abc import Callable

from headrace.core.errors import InvalidArgumentError

_TOKEN = re.compile(r"[()]|[^\s()]+")
_MAX_TOKENS = 200


def permitted(expression: str, single: Callable[[str], bool]) -> bool:
    """True when an expression's licences permit it: all of `AND`, one of `OR`.

    Args:
        expression: in SPDX's canonical form.
        single: says it of one licence, such as `MIT` or `GPL-2.0-only WITH Classpath-exception-2.0`.

    Raises:
        InvalidArgumentError: it is no expression, or a very long one.
    """
    tokens = _TOKEN.findall(expression)
    if not tokens or len(tokens) > _MAX_TOKENS:
        raise InvalidArgumentError(f"{expression[:80]!r} is no licence expression of 1 to {_MAX_TOKENS} words")
    parser = _Parser(tokens, single)
    found = parser.any_of()
    if parser.left:
        raise InvalidArgumentError(f"{expression[:80]!r} is no licence expression: what does {parser.left[0]!r} do there?")
    return found


class _Parser:
    """Reads an expression from left to right."""

    def __init__(self, tokens: list[str], single: Callable[[str], bool]) -> None:
        self.left = tokens
        self._single = single

    def any_of(self) -> bool:
        """Terms with OR between them."""
        found = self._all_of()
        while self._take("OR"):
            found = self._all_of() or found
        return found

    def _all_of(self) -> bool:
        found = self._one()
        while self._take("AND"):
            found = self._one() and found
        return found

    def _one(self) -> bool:
        if self._take("("):
            found = self.any_of()
            if not self._take(")"):
                raise InvalidArgumentError("a licence expression lacks a closing parenthesis")
            return found
        name = self._name()
        return self._single(f"{name} WITH {self._name()}" if self._take("WITH") else name)

    def _name(self) -> str:
        if not self.left or self.left[0] in ("AND", "OR", "WITH", "(", ")"):
            raise InvalidArgumentError("a licence expression lacks the name of a licence")
        return self.left.pop(0)

    def _take(self, word: str) -> bool:
        if self.left and self.left[0] == word:
            del self.left[0]
            return True
        return False
