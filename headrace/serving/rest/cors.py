"""Answers that scripts on other sites' pages may read (--rest_api_enable_cors_support, --rest_api_cors_origin)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from headrace.core.errors import InvalidArgumentError

_ORIGIN = re.compile(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?", re.ASCII)


def checked_origins(origins: Sequence[str]) -> tuple[str, ...]:
    """Origins as browsers send them.

    Raises:
        InvalidArgumentError: one that no browser sends.
    """
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise InvalidArgumentError(f"{origin!r} is no origin; expected such as https://shop.example or http://127.0.0.1:3000")
    return tuple(origin.lower() for origin in origins)


def allow_cross_origin(app: ASGIApp, origins: Sequence[str] = ()) -> ASGIApp:
    """`app`, with CORS headers and answers to the OPTIONS requests that browsers send first.

    Args:
        app: the application.
        origins: those of the pages that may read answers, such as `https://shop.example`; every one when empty.
    """
    return CORSMiddleware(app, allow_origins=origins or ["*"], allow_methods=["GET", "POST"], allow_headers=["*"])
