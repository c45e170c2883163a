"""Which variant answered which request or user, kept for a while, so that what came of it can be counted once."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from typing import Literal, NamedTuple

from headrace.serving.routing.rules import ModelRules

Kind = Literal["request", "key"]


class Exposure(NamedTuple):
    """Who answered.

    Attributes:
        rules: those in force then.
        variant: its name.
        counted: its outcome is counted already.
        time: when, in `time.monotonic` seconds, which all processes of a machine share.
    """

    rules: ModelRules
    variant: str
    counted: bool
    time: float


class Exposures:
    """The last requests and users that variants answered; the oldest make room.

    Args:
        limit: how many requests, and how many users, are remembered.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._kept: dict[Kind, OrderedDict[bytes, Exposure]] = {"request": OrderedDict(), "key": OrderedDict()}

    def note(self, kind: Kind, model: str, name: bytes, rules: ModelRules, variant: str) -> None:
        """Remembers who answered a request, by its id, or a user, by the sticky key."""
        digest = _digest(model, name)
        kept = self._kept[kind]
        with self._lock:
            before = kept.get(digest)
            counted = before is not None and before.rules is rules and before.counted
            kept[digest] = Exposure(rules, variant, counted, time.monotonic())
            kept.move_to_end(digest)
            if len(kept) > self._limit:
                kept.popitem(last=False)

    def find(self, kind: Kind, model: str, name: bytes) -> Exposure | None:
        """What is known of a request or a user; None when nothing is, or no more."""
        with self._lock:
            return self._kept[kind].get(_digest(model, name))

    def claim(self, kind: Kind, model: str, name: bytes, rules: ModelRules, variant: str) -> bool:
        """Marks the outcome of a request or a user as counted. Returns false when it was so before."""
        digest = _digest(model, name)
        kept = self._kept[kind]
        with self._lock:
            before = kept.get(digest)
            if before is not None and before.rules is rules and before.counted:
                return False
            kept[digest] = Exposure(rules, variant, True, time.monotonic())
            if len(kept) > self._limit:
                kept.popitem(last=False)
        return True


def _digest(model: str, name: bytes) -> bytes:
    return hashlib.blake2b(model.encode("utf-8", "replace") + b"\0" + name, digest_size=16).digest()
