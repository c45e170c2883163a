"""Looks whether pip and uv on this machine ask the mirror."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from headrace.core.errors import OpError
from headrace.mirror.clients.tools import TOOLS, Mirror
from headrace.mirror.doctor.findings import Finding, ok, warning
from headrace.mirror.upstream.pip import configured_index
from headrace.mirror.upstream.wording import shown


def configured(mirror: Mirror) -> Iterator[Finding]:
    """Both of them; neither is a failure, since a mirror is of use to other machines too."""
    yield _of("pip", _pip(), mirror)
    yield _of("uv", _uv(), mirror)


def _of(name: str, index: str, mirror: Mirror) -> Finding:
    remedy = f"headrace mirror configure {name} --url={mirror.base} --write"
    if not index:
        return warning(name, "asks the public index", remedy)
    if _place(index) == _place(mirror.index):
        return ok(name, f"asks {shown(index)}")
    return warning(name, f"asks {shown(index)}, not this mirror", remedy)


def _place(url: str) -> tuple[str, str | None, int | None, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port, parts.path.rstrip("/")


def _pip() -> str:
    try:
        return configured_index()
    except OpError:
        return ""


def _uv() -> str:
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        if found := os.environ.get(name, "").strip():
            return found.rpartition("=")[2] if "=" in found.partition("://")[0] else found
    path = TOOLS["uv"].path
    assert path is not None
    try:
        document = tomllib.loads(path(Path()).read_text())
    except (OSError, ValueError):
        return ""
    indexes = document.get("index", [])
    default = [each.get("url", "") for each in indexes if isinstance(each, dict) and each.get("default")]
    return str(default[0] if default else document.get("index-url", ""))
