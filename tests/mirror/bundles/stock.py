"""A mirror that has files without ever having asked for them, and keys."""

from __future__ import annotations

import functools
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

from headrace.mirror.bundles.importing import Imported, Rules, import_bundle
from headrace.mirror.bundles.keys import generate, read_private, read_trust
from headrace.mirror.bundles.making import Holdings, Label, make
from headrace.mirror.offline.provenance import ProvenanceFiles
from headrace.mirror.options import MirrorOptions
from headrace.mirror.pages.stored import PageFiles, StoredPage
from headrace.mirror.selection.requirements import read_request
from headrace.store.blobs import BlobStore
from tests.mirror.index_server import wheel

NOW = 1_800_000_000
DAY = 86400


_wheel = functools.cache(wheel)
"""The same bytes each time, although archives hold the time at which they were made."""


def put(root: Path, data: bytes) -> str:
    """Puts a file into the store; its digest."""
    digest = hashlib.sha256(data).hexdigest()
    BlobStore(root).put(data, digest)
    return digest


def stock(root: Path, project: str, *versions: str, upstream: str = "main", requires: tuple[str, ...] = (), size: int = 0) -> None:
    """Gives a mirror a project with wheels, their metadata, and a provenance document of the first; a page anew each time."""
    files = []
    for version in versions:
        filename, content, metadata = _wheel(project, version, size, requires)
        url = f"http://index.invalid/packages/{filename}"
        files.append(
            {
                "filename": filename,
                "url": url,
                "hashes": {"sha256": put(root, content)},
                "size": len(content),
                "core-metadata": {"sha256": put(root, metadata)},
                "upload-time": "2026-01-02T03:04:05.000006Z",
                "yanked": False,
                "_kept": "a key that nobody knows",
            }
        )
    if versions:
        files[0]["provenance"] = f"http://index.invalid/integrity/{project}/provenance"
        ProvenanceFiles(root / "provenance").write(str(files[0]["provenance"]), b'{"version":1}', "application/json")
    files.append({"filename": f"{project}-9.9-py3-none-any.whl", "url": "http://index.invalid/x", "hashes": {"sha256": "9" * 64}})
    document = {"meta": {"api-version": "1.4"}, "name": project, "versions": [*versions, "9.9"], "files": files}
    PageFiles(root / "pages").write(upstream, project, StoredPage(document, '"etag"', 7, NOW - 60.0, NOW - 60.0))


@dataclass(frozen=True)
class Signer:
    """A pair of keys: the private one's file, and the trust file."""

    key: Path
    trust: Path


def signer(folder: Path, name: str) -> Signer:
    """Makes a pair of keys."""
    generate(folder / f"{name}.key", folder / f"{name}.pub", name, None)
    return Signer(folder / f"{name}.key", folder / f"{name}.pub")


def bundle(
    root: Path, out: Path, by: Signer, version: int = 1, name: str = "acme", days: int = 30, pins: tuple[str, ...] = ()
) -> bytes:
    """Makes a bundle of all that is there, or of pins; its bytes."""
    make_bundle(root, out, by, version, name, days, pins)
    return out.read_bytes()


def make_bundle(
    root: Path, out: Path, by: Signer, version: int = 1, name: str = "acme", days: int = 30, pins: tuple[str, ...] = ()
) -> None:
    """Makes a bundle."""
    holdings = Holdings(root)
    contents = holdings.pinned(read_request((), (), pins)) if pins else holdings.everything()
    make(holdings, contents, Label(name, version, NOW, NOW + days * DAY), [read_private(by.key, None)], out)


def take(
    data: bytes, root: Path, by: Signer, now: float = NOW + 5.0, allow_rollback: bool = False, check: bool = False
) -> Imported:
    """Imports a bundle."""
    return import_bundle(io.BytesIO(data), root, Rules(read_trust(by.trust), allow_rollback, check), lambda: now)


def offline(root: Path) -> MirrorOptions:
    """A mirror that asks nobody."""
    return MirrorOptions(root, port=0, offline=True)
