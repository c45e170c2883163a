"""What callers take in one process is taken out of their allowances in all others."""

from __future__ import annotations

from typing import Any

from headrace.serving.access.buckets import MAX_KEYS
from headrace.serving.access.gate import Gate, Spending

_OWN = -1
"""The number of the supervisor, which callers ask too: on the admin port."""


class Allowances:
    """Keeps for each process what others let callers take, until it asks.

    Args:
        gate: of the supervisor; None where nobody asks who callers are.
    """

    def __init__(self, gate: Gate | None) -> None:
        self._gate = gate
        self._owed: dict[int, dict[tuple[str, str], list[Any]]] = {}

    def exchange(self, index: int, spent: Spending) -> Spending:
        """Takes what a process let callers take since it asked last, and gives what the others did.

        Args:
            index: the process.
            spent: by kind, as Gate.spent gives it.
        """
        self._owed.setdefault(index, {})
        if self._gate is not None:
            self._gate.owe(spent)
            self._add(_OWN, self._gate.spent())
        self._add(index, spent)
        owed: dict[str, list[Any]] = {}
        for (kind, _), each in self._owed[index].items():
            owed.setdefault(kind, []).append(each)
        self._owed[index] = {}
        return owed

    def drop(self, index: int) -> None:
        """A process has ended."""
        self._owed.pop(index, None)

    def _add(self, source: int, spent: Spending) -> None:
        for index, owed in self._owed.items():
            if index == source:
                continue
            for kind, each in spent.items():
                for key, rate, size, amount in each:
                    known = owed.get((kind, key))
                    if known is not None:
                        amount += known[3]
                    elif len(owed) >= 4 * MAX_KEYS:  # a process that has been silent for long
                        continue
                    owed[kind, key] = [key, rate, size, amount]
