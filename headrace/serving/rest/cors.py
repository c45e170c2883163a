"""Answers that scripts on other sites' pages may read (--rest_api_enable_cors_support)."""

from __future__ import annotations

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp


def allow_cross_origin(app: ASGIApp) -> ASGIApp:
    """`app`, with CORS headers for every origin and answers to the OPTIONS requests that browsers send first."""
    return CORSMiddleware(app, allow_origins=["*"], allow_methods=["GET", "POST"], allow_headers=["*"])
