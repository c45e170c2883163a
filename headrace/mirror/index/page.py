"""A project's page as upstream gives it, always kept in the form of PEP 691.

The JSON document is the master copy, with all its keys, those included that are not known here. A page of HTML is turned into one.
"""

from __future__ import annotations

import html.parser
import json
import re
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from headrace.core.errors import DataLossError
from headrace.mirror.index.names import check_filename, normalize

JSON_TYPE = "application/vnd.pypi.simple.v1+json"
HTML_TYPE = "application/vnd.pypi.simple.v1+html"
API_VERSION = "1.4"

Document = dict[str, Any]
"""A project's page, PEP 691."""


def parse(body: bytes, content_type: str, url: str, project: str) -> Document:
    """A page, with absolute URLs.

    Args:
        body: as upstream sent it.
        content_type: its Content-Type.
        url: where it came from, which relative URLs start from.
        project: the normal name of the project that was asked for.

    Raises:
        DataLossError: it is no page of this project.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind == JSON_TYPE or kind == "application/json":
        document = _from_json(body, project)
    elif kind in (HTML_TYPE, "text/html"):
        document = _from_html(body, project)
    else:
        raise DataLossError(f"the page of {project} came as {content_type[:80]!r}; expected {JSON_TYPE} or HTML")
    _check_files(document, url, project)
    return document


def _from_json(body: bytes, project: str) -> Document:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise DataLossError(f"the page of {project} is no JSON: {error}") from None
    if not isinstance(document, dict) or not isinstance(document.get("files"), list):
        raise DataLossError(f'the page of {project} is no JSON object with a list "files"')
    name = document.get("name")
    if not isinstance(name, str) or normalize(name) != project:
        raise DataLossError(f"the page of {project} says that it is that of {name!r}")
    major = str(document.get("meta", {}).get("api-version", "1.0")).partition(".")[0]
    if major != "1":
        raise DataLossError(f"the page of {project} has API version {major}; only 1 is known")
    return document


def _check_files(document: Document, url: str, project: str) -> None:
    """Makes URLs absolute.

    Raises:
        DataLossError: a file is damaged.
    """
    for file in document["files"]:
        if not isinstance(file, dict) or not isinstance(file.get("url"), str) or not isinstance(file.get("filename"), str):
            raise DataLossError(f"the page of {project} lists a file without name or URL")
        check_filename(file["filename"])
        file["url"] = urljoin(url, file["url"])
        if isinstance(file.get("provenance"), str):
            file["provenance"] = urljoin(url, file["provenance"])
        hashes = file.setdefault("hashes", {})
        if not isinstance(hashes, dict):
            raise DataLossError(f"the page of {project} has damaged hashes for {file['filename']!r}")


def sha256_of(file: Document) -> str | None:
    """The digest that a page gives for a file; None when it gives none that is one."""
    digest = file.get("hashes", {}).get("sha256")
    return digest.lower() if isinstance(digest, str) and re.fullmatch(r"[0-9a-fA-F]{64}", digest) else None


def metadata_sha256(file: Document) -> str | None:
    """The digest of a file's metadata file (PEP 658); None when it has none, or gives no digest."""
    for key in ("core-metadata", "dist-info-metadata", "data-dist-info-metadata"):
        found = file.get(key)
        if isinstance(found, dict):
            return sha256_of({"hashes": found})
    return None


class _Links(html.parser.HTMLParser):
    """The anchors of a page of PEP 503."""

    def __init__(self) -> None:
        super().__init__()
        self.files: list[Document] = []
        self.base: str | None = None
        self._open: tuple[dict[str, str], list[str]] | None = None

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = {key: value or "" for key, value in attributes}
        if tag == "base" and self.base is None:
            self.base = found.get("href")
        elif tag == "a" and "href" in found:
            self._open = (found, [])

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            self._open[1].append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._open is not None:
            self.files.append(_from_anchor(*self._open))
            self._open = None


def _from_anchor(attributes: dict[str, str], text: list[str]) -> Document:
    url, fragment = urldefrag(attributes["href"])
    filename = "".join(text).strip() or unquote(urlsplit(url).path.rpartition("/")[2])
    file: Document = {"filename": filename, "url": url, "hashes": {}}
    algorithm, parted, value = fragment.partition("=")
    if parted:
        file["hashes"][algorithm] = value
    if "data-requires-python" in attributes:
        file["requires-python"] = attributes["data-requires-python"]
    if "data-yanked" in attributes:
        file["yanked"] = attributes["data-yanked"] or True
    if "data-gpg-sig" in attributes:
        file["gpg-sig"] = attributes["data-gpg-sig"] == "true"
    if "data-provenance" in attributes:
        file["provenance"] = attributes["data-provenance"]
    for key in ("data-core-metadata", "data-dist-info-metadata"):
        if key in attributes:
            algorithm, parted, value = attributes[key].partition("=")
            file["core-metadata"] = {algorithm: value} if parted else True
            break
    return file


def _from_html(body: bytes, project: str) -> Document:
    links = _Links()
    links.feed(body.decode("utf-8", "replace"))
    links.close()
    if links.base:
        for file in links.files:
            file["url"] = urljoin(links.base, file["url"])
    return {"meta": {"api-version": "1.0"}, "name": project, "files": links.files}
