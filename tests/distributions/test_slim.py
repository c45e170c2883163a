"""`headrace-slim`: built as it is published, it runs where nothing that computes is installed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator
from importlib.metadata import PathDistribution, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from headrace.core.distribution import COMPUTING, SLIM_EXTRAS
from tests.interop.environments import clean_environment, ensure_with
from tests.mirror.index_server import IndexServer

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.interop


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the wheel installs."""
    folder = tmp_path_factory.mktemp("slim")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "wheels")]
    subprocess.run(command, cwd=ROOT / "distributions" / "slim", check=True, capture_output=True, timeout=120)
    (wheel,) = (folder / "wheels").iterdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "files")
    return folder / "files"


def distribution(files: Path) -> PathDistribution:
    (folder,) = files.glob("*.dist-info")
    return PathDistribution(folder)


def environment(files: Path, extra: str) -> Path:
    """A Python with what the wheel asks for, in the versions that are tested, and nothing else."""
    wanted = [Requirement(text) for text in distribution(files).requires or ()]
    here = [each for each in wanted if each.marker is None or each.marker.evaluate({"extra": extra})]
    return ensure_with(f"slim-{extra}", sorted(f"{each.name}=={version(each.name)}" for each in here))


def settings(files: Path) -> dict[str, str]:
    return clean_environment() | {"PYTHONPATH": str(files), "PIP_CONFIG_FILE": os.devnull}


def run(python: Path, files: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, *command], cwd=files, env=settings(files), capture_output=True, text=True, timeout=120, check=False
    )


def test_its_metadata_are_those_of_the_whole(files: Path) -> None:
    found = distribution(files)
    assert (found.name, found.version) == ("headrace-slim", version("headrace"))
    assert set(found.metadata.get_all("Provides-Extra") or ()) == SLIM_EXTRAS
    base = {Requirement(text).name for text in found.requires or () if "extra ==" not in text}
    assert not base & {*COMPUTING, "protobuf"}


def test_without_what_computes_names_say_what_to_install(files: Path) -> None:
    python = environment(files, "mirror")
    said = run(
        python,
        files,
        "-c",
        "import headrace as tf, headrace.monitoring.files, headrace.deploy.systemd, sys\n"
        f"assert not {{*{COMPUTING}}} & set(sys.modules)\n"
        "print(tf.__version__, hasattr(tf, 'constant'))\n"
        "tf.constant(1)",
    )
    assert said.stdout.split() == ["0.1.0", "False"], said.stderr
    assert "AttributeError: headrace.constant needs" in said.stderr
    assert "pip install headrace" in said.stderr
    refused = run(python, files, "-m", "headrace", "serve", "--help")
    assert refused.returncode == 1
    assert "pip install 'headrace[serving]'" in refused.stderr
    assert "headrace, version 0.1.0" in run(python, files, "-m", "headrace", "--version").stdout
    assert "job_name: headrace" in run(python, files, "-m", "headrace", "monitor", "render", "--what=scrape").stdout


@contextlib.asynccontextmanager
async def serving(python: Path, files: Path, root: Path, upstream: str) -> AsyncIterator[str]:
    """The command, in a process of its own; gives the URL of its Simple API."""
    command = [python, "-m", "headrace", "mirror", "serve", f"--root={root}", "--port=0", f"--upstream={upstream}"]
    process = await asyncio.create_subprocess_exec(*command, cwd=files, env=settings(files), stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), 60)).decode()
        yield line.split()[-1]
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 60) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def test_pip_installs_through_its_mirror(files: Path, tmp_path: Path) -> None:
    python, pip = environment(files, "mirror"), ensure_with("pip", ["pip==26.3"])

    async def work() -> None:
        async with IndexServer() as index:
            index.add("demo", "1.0", 100_000)
            async with serving(python, files, tmp_path / "root", index.url) as url:
                command = [
                    pip,
                    "-m",
                    "pip",
                    "install",
                    "--no-cache-dir",
                    f"--target={tmp_path / 'target'}",
                    "--index-url",
                    url,
                    "demo",
                ]
                process = await asyncio.create_subprocess_exec(
                    *command, env=settings(files), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
                )
                said, _ = await asyncio.wait_for(process.communicate(), 120)
                assert process.returncode == 0, said.decode()
        assert (tmp_path / "target" / "demo.py").exists()

    asyncio.run(work())


def test_the_client_works(files: Path) -> None:
    python = environment(files, "client")
    said = run(
        python,
        files,
        "-c",
        "import sys\n"
        "from headrace.client import Client\n"
        "assert 'jax' not in sys.modules\n"
        "with Client('http://127.0.0.1:9', timeout=1.0) as client:\n"
        "    client.predict('m', {'x': [1.0]})",
    )
    assert "UnavailableError" in said.stderr, said.stderr
