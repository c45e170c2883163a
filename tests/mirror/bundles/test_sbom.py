"""The list of a bundle's components, as CycloneDX's own library reads it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from headrace.mirror.bundles.making import Holdings
from headrace.mirror.bundles.pages import BundlePage
from headrace.mirror.bundles.sbom import sbom
from headrace.mirror.index.page import sha256_of
from tests.interop.environments import ensure
from tests.interop.peer_runs import run_peer
from tests.mirror.bundles.stock import NOW, stock

LICENSED = b"Metadata-Version: 2.4\nName: part\nVersion: 2.0\nLicense-Expression: MIT OR Apache-2.0\nSummary: A part.\n"
NAMED = b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nLicense: Our Own\n with more lines\nRequires-Dist: part>=2\n" + (
    b"Requires-Dist: absent\nRequires-Dist: part[x]; extra == 'all'\nRequires-Dist: not a requirement!\n"
)


def pages(root: Path) -> list[BundlePage]:
    stock(root, "demo", "1.0", "1.1+local")
    stock(root, "part", "2.0")
    return list(Holdings(root).everything().pages)


@pytest.mark.interop
def test_the_schema_and_every_reference_hold(tmp_path: Path) -> None:
    found = pages(tmp_path / "here")
    texts = {"demo": NAMED, "part": LICENSED}
    by_digest = {digest: texts[page.project] for page in found for digest in page.contents().values()}
    (tmp_path / "bom.json").write_bytes(sbom("acme", 3, NOW, found, by_digest.__getitem__))
    read = run_peer(ensure("cyclonedx-python-lib"), "components.py", tmp_path / "bom.json")
    assert read["problem"] is None
    assert read["about"] == "acme 3"
    assert read["purls"] == ["pkg:pypi/demo@1.0", "pkg:pypi/demo@1.1%2Blocal", "pkg:pypi/part@2.0"]
    assert read["licenses"] == ["MIT OR Apache-2.0", "Our Own", "Our Own"]
    assert read["needed"]["pkg:pypi/demo@1.0"] == ["pkg:pypi/part@2.0"]
    assert read["needed"]["bundle:acme@3"] == read["purls"]
    files = sorted(f"{file['filename']} {sha256_of(file)}" for page in found for file in page.document["files"])
    assert read["files"] == files


def test_without_metadata_there_is_a_component_all_the_same(tmp_path: Path) -> None:
    (page,) = [each for each in pages(tmp_path) if each.project == "part"]
    bare = dataclasses.replace(page, document={**page.document, "files": [{**page.document["files"][0], "core-metadata": False}]})
    assert b'"purl":"pkg:pypi/part@2.0"' in sbom("acme", 1, NOW, [bare], {}.__getitem__)
