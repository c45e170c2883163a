"""A project's page as upstream gives it, always kept in the form of PEP 691.

The JSON document is the master copy, with all its keys, those included that are not known here. A page of HTML is turned into one.
"""

from __future__ import annotations

import html.parser
import json
import re
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from headrace.core.errors import DataLossError, InvalidArgumentError
from headrace.mirror.index.names import check_filename, normalize

JSON_TYPE = "application/vnd.pypi.simple.v1+json"
HTML_TYPE = "application/vnd.pypi.simple.v1+html"
API_VERSION = "1.4"

Document = dict[str, Any]
"""A project's page, PEP 691."""

_MAX_DEPTH = 32
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


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
    try:
        _check_files(document, url, project)
    except InvalidArgumentError as error:
        raise DataLossError(f"the page of {project} is damaged: {error.message}") from None
    return document


def _load(body: bytes) -> Any:
    """What JSON says, if it can be said again: no numbers that are none, no halves of characters, and no deep nesting.

    Raises:
        ValueError: it is no JSON, or not such.
    """
    document = json.loads(body, parse_constant=_no_number)
    _check_depth(document, _MAX_DEPTH)
    if _SURROGATE.search(body):
        json.dumps(document, ensure_ascii=False).encode()
    return document


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON")


def _check_depth(value: Any, left: int) -> None:
    if left == 0:
        raise ValueError(f"it is nested more than {_MAX_DEPTH} deep")
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        if isinstance(each, (dict, list)):
            _check_depth(each, left - 1)


def _from_json(body: bytes, project: str) -> Document:
    try:
        document = _load(body)
    except (ValueError, RecursionError) as error:
        raise DataLossError(f"the page of {project} is no JSON: {error}") from None
    if not isinstance(document, dict) or not isinstance(document.get("files"), list):
        raise DataLossError(f'the page of {project} is no JSON object with a list "files"')
    name = document.get("name")
    try:
        right = isinstance(name, str) and normalize(name) == project
    except InvalidArgumentError:
        right = False
    if not right:
        raise DataLossError(f"the page of {project} says that it is that of {str(name)[:80]!r}")
    meta = document.setdefault("meta", {})
    if not isinstance(meta, dict):
        raise DataLossError(f'the page of {project} has a "meta" that is no JSON object')
    major = str(meta.get("api-version", "1.0")).partition(".")[0]
    if major != "1":
        raise DataLossError(f"the page of {project} has API version {major[:20]}; only 1 is known")
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
        file["url"] = _absolute(url, file["url"], project)
        if isinstance(file.get("provenance"), str):
            file["provenance"] = _absolute(url, file["provenance"], project)
        hashes = file.setdefault("hashes", {})
        if not isinstance(hashes, dict):
            raise DataLossError(f"the page of {project} has damaged hashes for {file['filename']!r}")


def _absolute(base: str, url: str, project: str) -> str:
    try:
        found = urljoin(base, url)
        path = unquote(urlsplit(found).path)
    except ValueError as error:
        raise DataLossError(f"the page of {project} has {url[:200]!r}, which is no URL: {error}") from None
    if {".", ".."} & set(path.split("/")):  # clients would take them out of the mirror's URL, and ask for something else
        raise DataLossError(f"the page of {project} has {url[:200]!r}, a path that leads elsewhere")
    return found


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


_STATUS = {"pypi:project-status": "status", "pypi:project-status-reason": "reason"}
"""PEP 792."""
_ARCHIVES = (".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar", ".egg", ".exe", ".msi", ".rpm")
"""What names of files end in."""


class _Links(html.parser.HTMLParser):
    """The anchors of a page of PEP 503."""

    def __init__(self) -> None:
        super().__init__()
        self.files: list[Document] = []
        self.base: str | None = None
        self.status: dict[str, str] = {}
        self.versioned = False
        self._open: tuple[dict[str, str], list[str]] | None = None

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = {key: value or "" for key, value in attributes}
        if tag == "base" and self.base is None:
            self.base = found.get("href")
        elif tag == "meta" and found.get("name") == "pypi:repository-version":
            self.versioned = True
        elif tag == "meta" and found.get("name") in _STATUS:
            self.status[_STATUS[found["name"]]] = found.get("content", "")
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
    try:
        links.feed(body.decode("utf-8", "replace"))
        links.close()
    except (AssertionError, ValueError) as error:  # the parser gives up in these ways
        raise DataLossError(f"the page of {project} is no HTML: {error}") from None
    if not links.versioned and not any(file["filename"].lower().endswith(_ARCHIVES) for file in links.files):
        raise DataLossError(f"the page of {project} is HTML, but no list of files; perhaps a proxy asks for a login")
    if links.base:
        for file in links.files:
            file["url"] = _absolute(links.base, file["url"], project)
    document = {"meta": {"api-version": "1.0"}, "name": project, "files": links.files}
    return {**document, "project-status": links.status} if links.status else document
