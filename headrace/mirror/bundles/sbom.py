"""The list of a bundle's components, CycloneDX 1.6 in JSON."""

from __future__ import annotations

import email.parser
import uuid
from collections.abc import Callable, Iterable, Sequence
from email.message import Message
from typing import Any
from urllib.parse import quote

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import Version

from headrace.core.errors import InvalidArgumentError
from headrace.mirror.bundles.manifest import canonical, time_text
from headrace.mirror.bundles.pages import BundlePage
from headrace.mirror.index.filenames import told_by
from headrace.mirror.index.names import normalize
from headrace.mirror.index.page import Document, metadata_sha256, sha256_of

_MAX_LICENSE = 200
_SPACE = uuid.UUID("6c0ad1a2-6a0f-5d27-9e2e-0c3f3a1d7f55")
"""Of the serial numbers that are made of names here (RFC 9562, version 5)."""


def sbom(name: str, version: int, created: int, pages: Sequence[BundlePage], metadata: Callable[[str], bytes]) -> bytes:
    """The document.

    Args:
        name: of the bundle.
        version: of the bundle.
        created: in seconds since 1970.
        pages: what it has.
        metadata: reads a metadata file by its digest.
    """
    root = f"bundle:{name}@{version}"
    found = [_component(page, each, files, metadata) for page in pages for each, files in _versions(page)]
    by_project: dict[str, list[str]] = {}
    for component, _ in found:
        by_project.setdefault(component["name"], []).append(component["bom-ref"])
    dependencies = [{"ref": root, "dependsOn": sorted(component["bom-ref"] for component, _ in found)}]
    for component, needed in found:
        refs = sorted({ref for project in needed for ref in by_project.get(project, ()) if ref != component["bom-ref"]})
        dependencies.append({"ref": component["bom-ref"], "dependsOn": refs})
    body: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": time_text(created),
            "tools": {"components": [{"type": "application", "name": "headrace"}]},
            "component": {"type": "data", "bom-ref": root, "name": name, "version": str(version)},
        },
        "components": [component for component, _ in found],
        "dependencies": dependencies,
    }
    return canonical({**body, "serialNumber": f"urn:uuid:{uuid.uuid5(_SPACE, canonical(body).decode())}"})


def _versions(page: BundlePage) -> Iterable[tuple[Version, list[Document]]]:
    """The files by their version, in order; those whose name says none are left out."""
    found: dict[Version, list[Document]] = {}
    for file in page.document["files"]:
        package = told_by(file["filename"])
        if package is not None:
            found.setdefault(package.version, []).append(file)
    return sorted(found.items())


def _component(
    page: BundlePage, version: Version, files: list[Document], metadata: Callable[[str], bytes]
) -> tuple[dict[str, Any], set[str]]:
    """A version of a project, and the projects that it needs."""
    ref = f"pkg:pypi/{page.project}@{quote(str(version), safe='')}"
    fields = _metadata(files, metadata)
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": ref,
        "name": page.project,
        "version": str(version),
        "purl": ref,
        "components": [
            {
                "type": "file",
                "bom-ref": f"file:{page.project}/{file['filename']}",
                "name": file["filename"],
                "hashes": [{"alg": "SHA-256", "content": sha256_of(file)}],
            }
            for file in sorted(files, key=lambda each: str(each["filename"]))
        ],
    }
    licenses = _licenses(fields)
    if licenses:
        component["licenses"] = licenses
    summary = str(fields["Summary"] or "").strip()
    if summary:
        component["description"] = summary
    return component, set(_needed(fields))


def _metadata(files: list[Document], metadata: Callable[[str], bytes]) -> Message:
    """The metadata of the first file that has any; empty without one."""
    digests = sorted({digest for file in files if (digest := metadata_sha256(file)) is not None})
    return email.parser.BytesParser().parsebytes(metadata(digests[0]) if digests else b"", headersonly=True)


def _licenses(fields: Message) -> list[dict[str, Any]]:
    expression = str(fields["License-Expression"] or "").strip()
    if expression:
        return [{"expression": expression}]
    name = str(fields["License"] or "").strip().partition("\n")[0]
    return [{"license": {"name": name[:_MAX_LICENSE]}}] if name and name != "UNKNOWN" else []


def _needed(fields: Message) -> Iterable[str]:
    """The projects in Requires-Dist, those of extras left out."""
    for text in fields.get_all("Requires-Dist", []):
        try:
            requirement = Requirement(str(text))
            if requirement.marker is None or "extra" not in str(requirement.marker):
                yield normalize(requirement.name)
        except (InvalidRequirement, InvalidArgumentError):
            continue
