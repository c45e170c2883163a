"""`kill -9` at any moment: nothing wrong is given out, nothing that was verified is lost, and nobody has to lend a hand."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
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


Fork = Callable[..., int]


@pytest.fixture(scope="module")
def fork(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fork]:
    """Starts a process of serving.py, whose output goes to a file; its id."""
    command = [sys.executable, "-m", "tests.mirror.faults.serving"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def start(output: Path, *arguments: str) -> int:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps([str(output), *arguments]) + "\n")
            process.stdin.flush()
            return int(process.stdout.readline())

        yield start
        assert process.stdin is not None
        process.stdin.close()


@pytest.mark.timeout(600)
def test_200_kills(tmp_path: Path, fork: Fork) -> None:
    """At lines of our code and at random times, of fetches, uploads, evictions and pages; see killing.py."""
    output = tmp_path / "output"
    pid = fork(output, "kills", str(tmp_path / "root"), SEED, str(KILLS))
    while Path(f"/proc/{pid}").exists():
        time.sleep(0.1)
    said = output.read_text()
    assert '{"killed": ' in said, said[-3000:]
    found = json.loads(said.splitlines()[-1])
    assert sum(found["killed"].values()) == KILLS
    assert KILLS < 100 or set(found["killed"]) == {"fetch", "parallel", "wrong", "upload", "evict", "page"}


class Servers:
    """Real mirrors, on one port and one folder, one after the other."""

    def __init__(self, fork: Fork, root: Path, index: IndexServer) -> None:
        self._fork = fork
        self._output = root.with_name("output")
        with socket.create_server(("127.0.0.1", 0)) as found:
            self._port = found.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._arguments = [f"--root={root}", f"--upstream={index.url}", f"--port={self._port}"]

    async def start(self) -> int:
        """The id of a process that answers."""
        pid = await asyncio.to_thread(self._fork, self._output, *self._arguments)
        async with aiohttp.ClientSession() as session:
            while Path(f"/proc/{pid}").exists():
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(f"{self.url}/livez") as answer:
                        if answer.status == 200:
                            return pid
                await asyncio.sleep(0.02)
        raise AssertionError(self._output.read_text()[-3000:])


@pytest.mark.timeout(600)
def test_real_mirrors_are_killed_under_a_real_client(tmp_path: Path, fork: Fork) -> None:
    """uv installs while the mirror is killed: once nothing of the file is there, once half, and once almost all of it."""

    async def work() -> None:
        async with IndexServer() as index:
            mirrors = Servers(fork, tmp_path / "mirror", index)
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


@pytest.mark.timeout(300)
def test_the_other_mirror_takes_over(tmp_path: Path, fork: Fork) -> None:
    """Two processes have one store. The one that fetches is killed; a client of the other one gets the whole file."""

    async def work() -> None:
        async with IndexServer() as index:
            root = tmp_path / "mirror"
            first, second = Servers(fork, root, index), Servers(fork, root, index)
            pids = [await first.start(), await second.start()]
            entry = index.add("demo", "1.0", 1 << 20)
            index.pause = 0.01
            path = f"/files/main/demo{entry['url'].removeprefix('../..')}"
            partial = BlobStore(root).partial_path(entry["hashes"]["sha256"])

            async def get(url: str) -> bytes | None:
                async with aiohttp.ClientSession() as session:
                    try:
                        async with session.get(url + path) as answer:
                            return await answer.read()
                    except aiohttp.ClientError:
                        return None

            fetching = asyncio.create_task(get(first.url))
            while not partial.exists() or partial.stat().st_size < 200_000:
                await asyncio.sleep(0.01)
            following = asyncio.create_task(get(second.url))
            while partial.stat().st_size < 400_000:
                await asyncio.sleep(0.01)
            os.kill(pids[0], 9)
            assert await fetching is None, "its client sees that it broke off"
            assert await following == index.content(entry)
            transfers = sum(count for asked, count in index.asked.items() if "/packages/" in asked)
            assert transfers == 2, "the second one went on where the first was"
            os.kill(pids[1], 15)

    asyncio.run(asyncio.wait_for(work(), 200))
