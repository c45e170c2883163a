"""How old a page may be."""

from __future__ import annotations

import enum

from headrace.mirror.options import UpstreamOptions


class Freshness(enum.Enum):
    """What is to be done with a page before it is given out."""

    FRESH = "nothing"
    STALE = "give it out, and ask for it meanwhile"
    OLD = "ask first; if upstream fails, give it out"
    EXPIRED = "ask first; if upstream fails, so does the request"


def freshness(age: float, options: UpstreamOptions) -> Freshness:
    """What an age, in seconds since upstream was last asked, means. One below zero comes of a clock that was put back."""
    if age < 0:
        return Freshness.OLD
    if age <= options.fresh_seconds:
        return Freshness.FRESH
    if age <= options.fresh_seconds + options.revalidate_seconds:
        return Freshness.STALE
    return Freshness.OLD if age <= options.error_seconds else Freshness.EXPIRED
