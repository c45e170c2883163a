"""Which form of a page a client gets, and how it is packed (PEP 691, RFC 9110 sections 12.4 and 12.5)."""

from __future__ import annotations

import re

from headrace.mirror.index.page import HTML_TYPE, JSON_TYPE

PLAIN_HTML = "text/html"
LATEST_HTML = "application/vnd.pypi.simple.latest+html"
LATEST_JSON = "application/vnd.pypi.simple.latest+json"
_OFFERS = {
    PLAIN_HTML: (PLAIN_HTML, "text/*", "*/*"),
    HTML_TYPE: (HTML_TYPE, LATEST_HTML, "application/*", "*/*"),
    JSON_TYPE: (JSON_TYPE, LATEST_JSON, "application/*", "*/*"),
}
"""What can be given, the one for clients that do not care first, and the ranges that ask for each, the closest first."""
IDENTITY = "identity"
ZSTD = "zstd"
GZIP = "gzip"
_CODINGS = (ZSTD, GZIP, IDENTITY)
"""Best first."""
_OTHER_NAMES = {"x-gzip": GZIP}
_QUALITY = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")
_MAX_RANGES = 50


def choose(accept: str, asked: str = "") -> str | None:
    """The media type that a client gets; None when nothing that it asks for can be given.

    Args:
        accept: its `Accept` header, "" where there is none.
        asked: the parameter `format` of the URL, which outweighs the header; "" where there is none.
    """
    if asked:
        return _named(asked)
    if not accept.strip():
        return PLAIN_HTML
    weights = _weights(accept)
    best, found = 0.0, None
    for offer, ranges in _OFFERS.items():
        weight = next((weights[each] for each in ranges if each in weights), 0.0)
        if weight > best:
            best, found = weight, offer
    return found


def coding(accept_encoding: str) -> str | None:
    """How a body is packed for an `Accept-Encoding` header, "" where there is none; None when it allows nothing that there is.

    Of those that a client likes equally, the one that is smaller and quicker to read.
    """
    weights = {_OTHER_NAMES.get(name, name): weight for name, weight in _weights(accept_encoding).items()}
    best, found = 0.0, None
    for each in _CODINGS:
        unnamed = weights.get("*", 1.0 if each == IDENTITY else 0.0)
        weight = weights.get(each, unnamed)
        if each == IDENTITY and each not in weights and weight > 0.0:
            weight = min(weight, 0.001)  # always allowed, but what the client names comes first
        if weight > best:
            best, found = weight, each
    return found


def _named(asked: str) -> str | None:
    name = asked.strip().lower().replace(" ", "+")  # an unescaped "+" in a URL is read as a blank
    return next((offer for offer, ranges in _OFFERS.items() if name in ranges and "*" not in name), None)


def _weights(header: str) -> dict[str, float]:
    """The ranges of a header and how much each is wanted; a weight that is none is 0, so that it chooses nothing."""
    weights: dict[str, float] = {}
    for part in header.split(",")[:_MAX_RANGES]:
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if not name:
            continue
        weight = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip() == "q":
                weight = float(value) if _QUALITY.fullmatch(value.strip()) else 0.0
        weights[name] = weight
    return weights
