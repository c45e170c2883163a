"""The page of a project as the mirror gives it: upstream's, with URLs of the mirror."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from typing import Any

from headrace.mirror.index.page import API_VERSION, Document, metadata_sha256, sha256_of

Address = Callable[[Document], str]
"""The URL under which the mirror has a file, or its provenance."""


def document(page: Document, file_url: Address, provenance_url: Address) -> Document:
    """Upstream's document with other URLs. Keys that are not known here stay; files without a sha256 are left out.

    Args:
        page: upstream's document.
        file_url: the mirror's URL of a file.
        provenance_url: the mirror's URL of a file's provenance.
    """
    files = []
    for file in page["files"]:
        if sha256_of(file) is None:
            continue
        copy = {**file, "url": file_url(file)}
        if isinstance(file.get("provenance"), str):
            copy["provenance"] = provenance_url(file)
        for key in ("core-metadata", "dist-info-metadata"):
            if copy.get(key) and metadata_sha256(file) is None:
                del copy[key]  # a metadata file that nothing can be checked against is not handed on
        files.append(copy)
    return {**page, "meta": {**page.get("meta", {}), "api-version": API_VERSION}, "files": files}


def to_json(page: Document) -> bytes:
    """PEP 691's form."""
    return json.dumps(page, separators=(",", ":"), ensure_ascii=False).encode()


def to_html(page: Document) -> bytes:
    """PEP 503's form, made from the JSON document."""
    lines = [
        "<!DOCTYPE html>",
        "<html>",
        "<head>",
        f'<meta name="pypi:repository-version" content="{API_VERSION}">',
        *_status(page.get("project-status")),
        f"<title>Links for {html.escape(page['name'])}</title>",
        "</head>",
        "<body>",
        f"<h1>Links for {html.escape(page['name'])}</h1>",
    ]
    lines += [_anchor(file) for file in page["files"]]
    return "\n".join([*lines, "</body>", "</html>", ""]).encode()


def _status(status: Any) -> list[str]:
    if not isinstance(status, dict) or not isinstance(status.get("status"), str):
        return []
    lines = [f'<meta name="pypi:project-status" content="{html.escape(status["status"])}">']
    if isinstance(status.get("reason"), str):
        lines.append(f'<meta name="pypi:project-status-reason" content="{html.escape(status["reason"])}">')
    return lines


def _anchor(file: Document) -> str:
    attributes = {"href": f"{file['url']}#sha256={sha256_of(file)}"}
    if isinstance(file.get("requires-python"), str):
        attributes["data-requires-python"] = file["requires-python"]
    if file.get("yanked"):
        attributes["data-yanked"] = file["yanked"] if isinstance(file["yanked"], str) else ""
    if isinstance(file.get("gpg-sig"), bool):
        attributes["data-gpg-sig"] = str(file["gpg-sig"]).lower()
    if isinstance(file.get("provenance"), str):
        attributes["data-provenance"] = file["provenance"]
    digest = metadata_sha256(file)
    if digest is not None:
        attributes["data-core-metadata"] = attributes["data-dist-info-metadata"] = f"sha256={digest}"
    told = " ".join(f'{key}="{html.escape(value)}"' for key, value in attributes.items())
    return f"<a {told}>{html.escape(file['filename'])}</a><br>"
