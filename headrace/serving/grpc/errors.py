"""The one table from errors to gRPC statuses, and an error's text as gRPC carries it."""

from __future__ import annotations

import grpc

from headrace.core.errors import CODES, OpError
from headrace.serving.access.errors import RateLimitedError

MAX_DETAILS = 2048
"""Bytes of an error's text: it travels in a header, percent-encoded, and peers take 8 KiB of headers."""

_BY_NUMBER = {status.value[0]: status for status in grpc.StatusCode}
_OF_CODE = {name: _BY_NUMBER[number] for name, number in CODES.items()}


def grpc_status(error: OpError) -> grpc.StatusCode:
    """The status that answers `error`: both protocols have the canonical codes, under the same numbers."""
    return _OF_CODE[error.code]


def trailers(error: OpError) -> tuple[tuple[str, str], ...]:
    """What goes along with the status: when to try again, for people and for gRPC's own retries."""
    if not isinstance(error, RateLimitedError):
        return ()
    seconds = error.retry_after_seconds
    return ("retry-after", str(seconds)), ("grpc-retry-pushback-ms", str(seconds * 1000))


def details(error: OpError) -> str:
    """The error's message, cut to what fits a header; lone surrogates become question marks."""
    text = error.message.encode("utf-8", "replace")
    if len(text) > MAX_DETAILS:
        text = text[:MAX_DETAILS] + b"..."
    return text.decode("utf-8", "ignore")
