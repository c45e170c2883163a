"""Which form of a page a client gets, and how it is packed."""

from __future__ import annotations

import pytest

from headrace.mirror.index.negotiation import choose, coding
from headrace.mirror.index.page import HTML_TYPE, JSON_TYPE

LATEST = "application/vnd.pypi.simple.latest+json"
PIP = f"{JSON_TYPE}, {HTML_TYPE}; q=0.1, text/html; q=0.01"


@pytest.mark.parametrize(
    ("accept", "found"),
    [
        ("", "text/html"),
        ("*/*", "text/html"),
        (PIP, JSON_TYPE),
        (LATEST, JSON_TYPE),
        ("application/vnd.pypi.simple.latest+html", HTML_TYPE),
        ("application/*", HTML_TYPE),
        ("text/*;q=0.5, application/*;q=0.4", "text/html"),
        (f"text/html;q=0, {HTML_TYPE};q=0, */*", JSON_TYPE),
        (f"*/*;q=0.9, {JSON_TYPE};q=0.8", "text/html"),
        (f"{JSON_TYPE};q=0", None),
        (f"{JSON_TYPE};q=2, text/html;q=0.1", "text/html"),
        (f"{JSON_TYPE};q=nan, text/html;q=0.1", "text/html"),
        (f" {JSON_TYPE.upper()} ; Q=1.000 ,", JSON_TYPE),
        ("application/pdf", None),
        ("application/json", None),
    ],
)
def test_forms(accept: str, found: str | None) -> None:
    assert choose(accept) == found


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (JSON_TYPE, JSON_TYPE),
        (JSON_TYPE.replace("+", " "), JSON_TYPE),
        (LATEST, JSON_TYPE),
        ("text/html", "text/html"),
        ("*/*", None),
        ("json", None),
    ],
)
def test_the_parameter_of_the_url_outweighs_the_header(asked: str, found: str | None) -> None:
    assert choose("text/html;q=0.3, application/*", asked) == found


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("", "identity"),
        ("identity", "identity"),
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip;q=1, zstd;q=0.5", "gzip"),
        ("gzip;q=0", "identity"),
        ("br", "identity"),
        ("*", "zstd"),
        ("*;q=0.5, zstd;q=0", "gzip"),
        ("gzip;q=0.5, identity", "identity"),
        ("identity;q=0, gzip;q=0.001", "gzip"),
        ("identity;q=0", None),
        ("*;q=0", None),
        ("notgzip", "identity"),
    ],
)
def test_codings(header: str, found: str | None) -> None:
    assert coding(header) == found
