"""A mirror of a copy that cannot be written to."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.core.errors import PermissionDeniedError
from tests.mirror.bundles.stock import bundle, offline, signer, stock, take
from tests.mirror.index_server import IndexServer
from tests.mirror.setting import mirroring, serving


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Path]:
    """A root with a package that was kept and one of a bundle, mounted read-only."""
    acme, root = signer(tmp_path, "acme"), tmp_path / "root"
    stock(tmp_path / "here", "demo", "1.0")
    stock(root, "kept", "1.0")
    take(bundle(tmp_path / "here", tmp_path / "1.tar", acme, 1), root, acme)
    place = tmp_path / "copy"
    place.mkdir()
    mount = [["mount", "--bind", root, place], ["mount", "-o", "remount,bind,ro", place]]
    if os.geteuid() != 0 or any(subprocess.run(command, check=False).returncode for command in mount):
        pytest.skip("only root can mount a folder read-only")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_it_gives_out_what_is_there(copy: Path) -> None:
    before = sorted(copy.rglob("*"))

    async def work() -> None:
        async with serving(offline(copy), IndexServer()) as setting:
            for project in ("demo", "kept"):
                (file,) = (await setting.page(project))["files"]
                answer = await setting.get(file["url"])
                assert (answer.status, len(answer.body)) == (200, file["size"])
            assert b'"demo"' in (await setting.get("/simple/", Accept="application/vnd.pypi.simple.v1+json")).body
            assert (await setting.get("/simple/unknown/")).status == 404
            assert (await setting.get("/readyz")).status == 200
            assert b"headrace_mirror_store_files 4" in (await setting.get("/metrics")).body, "two files and their metadata"

    asyncio.run(asyncio.wait_for(work(), 60))
    assert sorted(copy.rglob("*")) == before


def test_a_mirror_that_asks_an_index_needs_a_folder_to_write_to(copy: Path) -> None:
    async def work() -> None:
        async with IndexServer() as index, mirroring(copy, index):
            pytest.fail("it runs")

    with pytest.raises(PermissionDeniedError, match="cannot be written to, so that nothing can be kept"):
        asyncio.run(asyncio.wait_for(work(), 60))
