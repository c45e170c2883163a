"""The page of a project as a bundle carries it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from headrace.core.errors import DataLossError, OpError
from headrace.mirror.bundles.manifest import canonical, page_of
from headrace.mirror.index.page import JSON_TYPE, Document, metadata_sha256, parse, sha256_of
from headrace.mirror.offline.provenance import Provenance

_KEYS = {"upstream", "project", "serial", "document", "provenance"}


@dataclass(frozen=True, slots=True)
class BundlePage:
    """A page, and the documents that it names.

    Attributes:
        upstream: where it is from; stands in the URLs of its files.
        project: its normal name.
        serial: upstream's; None without one.
        document: PEP 691's, with those files only that the bundle has.
        provenance: by URL.
    """

    upstream: str
    project: str
    serial: int | None
    document: Document
    provenance: Mapping[str, Provenance]

    def to_bytes(self) -> bytes:
        """The one way to write it."""
        return canonical(
            {
                "upstream": self.upstream,
                "project": self.project,
                "serial": self.serial,
                "document": self.document,
                "provenance": {url: {"type": each.type, "body": each.body} for url, each in self.provenance.items()},
            }
        )

    def contents(self) -> dict[str, str]:
        """The digest of every file, metadata files included, by its name."""
        found = {}
        for file in self.document["files"]:
            digest, metadata = sha256_of(file), metadata_sha256(file)
            if digest is not None:
                found[file["filename"]] = digest
            if metadata is not None:
                found[f"{file['filename']}.metadata"] = metadata
        return found


def read_page(name: str, data: bytes) -> BundlePage:
    """The page in the member `name`.

    Raises:
        DataLossError: it is damaged, that of another project, or names what it does not carry.
    """
    upstream, project = page_of(name)
    try:
        found = json.loads(data)
        if not isinstance(found, dict) or set(found) != _KEYS or (found["upstream"], found["project"]) != (upstream, project):
            raise DataLossError("it is not that of this project")
        document = parse(json.dumps(found["document"]).encode(), JSON_TYPE, "", project)
        provenance = {str(url): Provenance(str(each["type"]), str(each["body"])) for url, each in found["provenance"].items()}
        serial = found["serial"]
        if serial is not None and (not isinstance(serial, int) or isinstance(serial, bool)):
            raise DataLossError(f"its serial is {serial!r}")
        page = BundlePage(upstream, project, serial, document, provenance)
        _check(page)
    except OpError as error:
        raise DataLossError(f"the bundle's page of {project} is damaged: {error.message}") from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DataLossError(f"the bundle's page of {project} is damaged: {error}") from None
    return page


def _check(page: BundlePage) -> None:
    names = set()
    urls = set()
    for file in page.document["files"]:
        if sha256_of(file) is None:
            raise DataLossError(f"{file['filename']} has no sha256")
        if file["filename"] in names:
            raise DataLossError(f"{file['filename']} is listed twice")
        names.add(file["filename"])
        if isinstance(file.get("provenance"), str):
            urls.add(file["provenance"])
    if not names:
        raise DataLossError("it lists no files")
    if urls != set(page.provenance):
        raise DataLossError("it does not have exactly those provenance documents that it names")
