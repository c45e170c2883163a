"""How long an upstream asks to be left alone (RFC 9110, section 10.2.3)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from headrace.mirror.upstream.parts import number

LONGEST_SECONDS = 600.0
"""However long an upstream asks for, it is asked again after this."""


def retry_after(headers: Mapping[str, str]) -> float:
    """The seconds of a `Retry-After`; 0 without one. A date is compared with upstream's own clock, where it tells it."""
    text = headers.get("Retry-After", "").strip()
    seconds = number(text)
    if seconds is None:
        until, now = _date(text), _date(headers.get("Date", ""))
        seconds = int(until - (time.time() if now is None else now)) if until is not None else 0
    return min(max(0.0, float(seconds)), LONGEST_SECONDS)


def _date(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
