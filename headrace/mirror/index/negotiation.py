"""Which form of a page a client gets (PEP 691, RFC 9110 section 12.5.1)."""

from __future__ import annotations

from headrace.mirror.index.page import HTML_TYPE, JSON_TYPE

PLAIN_HTML = "text/html"
_OFFERS = {
    PLAIN_HTML: (PLAIN_HTML, "text/*", "*/*"),
    HTML_TYPE: (HTML_TYPE, "application/vnd.pypi.simple.latest+html", "application/*"),
    JSON_TYPE: (JSON_TYPE, "application/vnd.pypi.simple.latest+json", "application/*"),
}
"""What can be given, the one for clients that do not care first, and the ranges that ask for each, the closest first."""
_MAX_RANGES = 50


def choose(accept: str) -> str | None:
    """The media type for an `Accept` header, "" where there is none; None when nothing that it asks for can be given."""
    if not accept.strip():
        return PLAIN_HTML
    weights = _weights(accept)
    best, found = 0.0, None
    for offer, ranges in _OFFERS.items():
        weight = next((weights[each] for each in ranges if each in weights), 0.0)
        if weight > best:
            best, found = weight, offer
    return found


def _weights(accept: str) -> dict[str, float]:
    weights: dict[str, float] = {}
    for part in accept.split(",")[:_MAX_RANGES]:
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weight = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip() == "q":
                try:
                    weight = float(value)
                except ValueError:
                    weight = 0.0
        weights[name] = weight if 0.0 <= weight <= 1.0 else 0.0
    return weights
