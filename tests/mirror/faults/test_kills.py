"""`kill -9` at any moment: nothing wrong is given out, nothing that was verified is lost, and nobody has to lend a hand."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from headrace.store.blobs import BlobStore
from tests.mirror.index_server import IndexServer
from tests.mirror.test_clients import run

ROOT = Path(__file__).parents[3]
KILLS = int(os.environ.get("HEADRACE_KILLS", "200"))
SEED = os.environ.get("HEADRACE_KILL_SEED", "1")
SIZE = 1 << 20


@pytest.mark.timeout(600)
def test_200_kills(tmp_path: Path) -> None:
    """At lines of our code and at random times, of fetches, uploads, evictions and pages; see killing.py."""
    command = [sys.executable, "-m", "tests.mirror.faults.killing", str(tmp_path), SEED, str(KILLS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert sum(found["killed"].values()) == KILLS
    assert KILLS < 100 or set(found["killed"]) == {"fetch", "parallel", "wrong", "upload", "evict", "page"}


class Servers:
    """Real mirrors, on one port and one folder, one after the other."""

    def __init__(self, process: asyncio.subprocess.Process, root: Path, index: IndexServer) -> None:
        self._process = process
        with socket.create_server(("127.0.0.1", 0)) as found:
            self._port = found.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._arguments = [f"--root={root}", f"--upstream={index.url}", f"--port={self._port}"]

    async def start(self) -> int:
        """The id of a process that answers."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(self._arguments).encode() + b"\n")
        pid = int(await self._process.stdout.readline())
        async with aiohttp.ClientSession() as session:
            while True:
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(f"{self.url}/livez") as answer:
                        if answer.status == 200:
                            return pid
                await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def servers(root: Path, index: IndexServer) -> AsyncIterator[Servers]:
    command = [sys.executable, "-m", "tests.mirror.faults.serving"]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield Servers(process, root, index)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


@pytest.mark.timeout(600)
def test_real_mirrors_are_killed_under_a_real_client(tmp_path: Path) -> None:
    """uv installs while the mirror is killed: once nothing of the file is there, once half, and once almost all of it."""

    async def work() -> None:
        async with IndexServer() as index, servers(tmp_path / "mirror", index) as mirrors:
            store = BlobStore(tmp_path / "mirror")
            uv = Path(sys.executable).with_name("uv")
            pid = await mirrors.start()
            for share in (0.0, 0.5, 0.9):
                project = f"demo{share:.0%}".replace("%", "")
                entry = index.add(project, "1.0", SIZE)
                index.pause = 0.01
                target = ["--target", tmp_path / project, "--no-cache", "--index-url", f"{mirrors.url}/simple/"]
                asking = asyncio.create_task(run(uv, "pip", "install", *target, project))
                partial = store.partial_path(entry["hashes"]["sha256"])
                while not partial.exists() or partial.stat().st_size < share * SIZE:
                    await asyncio.sleep(0.005)
                os.kill(pid, 9)
                left = partial.stat().st_size
                index.pause = 0.0
                pid = await mirrors.start()
                said = await asking
                if not said.endswith("status 0"):  # it may have given up before the mirror was there again
                    said = await run(uv, "pip", "install", *target, project)
                assert said.endswith("status 0"), said
                assert (tmp_path / project / f"{project}.py").exists()
                assert left < SIZE
            assert list(store.damaged()) == []
            os.kill(pid, 15)

    asyncio.run(asyncio.wait_for(work(), 300))
