"""Puts more on an index than plain wheels: wheels for platforms and source archives."""

from __future__ import annotations

import hashlib
import io
import tarfile
from typing import Any

from tests.mirror.index_server import IndexServer, wheel


def tagged_wheel(index: IndexServer, project: str, version: str, tag: str, **more: Any) -> dict[str, Any]:
    """Publishes a wheel for a platform, such as `cp311-cp311-manylinux_2_17_x86_64`; its entry in the page."""
    _, content, metadata = wheel(project, version, requires=more.pop("requires", ()))
    entry = _publish(index, project, version, f"{project.replace('-', '_')}-{version}-{tag}.whl", content + tag.encode(), more)
    entry["core-metadata"] = {"sha256": hashlib.sha256(metadata).hexdigest()}
    index.contents[f"{_path(entry)}.metadata"] = metadata
    return entry


def source_archive(index: IndexServer, project: str, version: str, **more: Any) -> dict[str, Any]:
    """Publishes a source archive, which says what it needs but has nothing to build; its entry in the page."""
    name = f"{project.replace('-', '_')}-{version}"
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz") as archive:
        data = f"Metadata-Version: 2.2\nName: {project}\nVersion: {version}\n".encode()
        info = tarfile.TarInfo(f"{name}/PKG-INFO")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return _publish(index, project, version, f"{name}.tar.gz", body.getvalue(), more)


def _publish(index: IndexServer, project: str, version: str, filename: str, content: bytes, more: dict[str, Any]) -> dict[str, Any]:
    entry = {
        "filename": filename,
        "url": f"../../packages/tagged/{filename}",
        "hashes": {"sha256": hashlib.sha256(content).hexdigest()},
        "size": len(content),
        "upload-time": "2026-01-02T03:04:05.000006Z",
        "yanked": False,
        **more,
    }
    index.contents[_path(entry)] = content
    page = index.documents.setdefault(
        project, {"meta": {"api-version": "1.4", "_last-serial": 1}, "name": project, "versions": [], "files": []}
    )
    if version not in page["versions"]:
        page["versions"].append(version)
    page["files"].append(entry)
    return entry


def _path(entry: dict[str, Any]) -> str:
    return str(entry["url"]).removeprefix("../..")
