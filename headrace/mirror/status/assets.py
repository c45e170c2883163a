"""The files of the status page, with the headers that let a browser load nothing else."""

from __future__ import annotations

import functools
import hashlib
import importlib.resources
from dataclasses import dataclass

PAGE = "index.html"
SHARED = ("dom.js", "format.js", "icon.svg", "style.css")
"""Those of the model server's console, which looks the same."""
_TYPES = {"html": "text/html; charset=utf-8", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
"""Of every file. Scripts and styles come from this server only, and text never becomes markup (trusted types)."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A file of the page: its bytes, its type, and the tag by which a browser asks whether it is still this one."""

    data: bytes
    content_type: str
    etag: str


@functools.cache
def assets() -> dict[str, Asset]:
    """All of them by name."""
    own = importlib.resources.files(__package__) / "page"
    shared = importlib.resources.files("headrace.console") / "page"
    found = {file.name: file.read_bytes() for file in own.iterdir()} | {name: (shared / name).read_bytes() for name in SHARED}
    return {
        name: Asset(data, _TYPES[name.rpartition(".")[2]], f'"{hashlib.sha256(data).hexdigest()[:32]}"')
        for name, data in found.items()
    }
