"""The real pip and uv install from a mirror."""

from __future__ import annotations

import asyncio
import os
import sys
import venv
from pathlib import Path

import pytest

from headrace.mirror.policy.reading import parse_policy
from headrace.mirror.policy.rules import Policy
from tests.mirror.index_server import IndexServer
from tests.mirror.policy.test_publishers import CIRCLE_IDENTITY, CIRCLE_PROJECT, attested
from tests.mirror.setting import Setting, mirroring, with_mirror


async def run(*command: str | Path) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "UV_"))}
    environment |= {"PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1"}
    process = await asyncio.create_subprocess_exec(
        *map(str, command), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env=environment
    )
    output, _ = await process.communicate()
    return f"{output.decode()}\nstatus {process.returncode}"


@pytest.fixture(scope="module")
def pip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with the pip that it brings along; nothing is fetched for it."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    return folder / "bin" / "python"


def installers(pip: Path, target: Path, url: str, cache: Path) -> dict[str, list[str | Path]]:
    uv = Path(sys.executable).with_name("uv")
    return {
        "pip": [
            pip,
            "-m",
            "pip",
            "install",
            "--no-cache-dir",
            "--disable-pip-version-check",
            "--target",
            target,
            "--index-url",
            f"{url}/simple/",
        ],
        "uv": [uv, "pip", "install", "--cache-dir", cache, "--target", target, "--index-url", f"{url}/simple/"],
    }


@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_install_with_a_dependency(tmp_path: Path, pip: Path, installer: str) -> None:
    async def work(setting: Setting) -> None:
        index = setting.index
        index.add("demo", "1.0")
        index.add("demo", "1.1", 300_000, requires=("demo-part>=2",))
        index.add("demo", "2.0", yanked="it is broken")
        index.add("demo-part", "2.5", 300_000)
        command = installers(pip, tmp_path / "target", setting.url, tmp_path / "cache")[installer]
        said = await run(*command, "demo")
        assert said.endswith("status 0"), said
        assert "1.1" in (tmp_path / "target/demo.py").read_text()
        assert "2.5" in (tmp_path / "target/demo_part.py").read_text()
        index.down = True
        again = installers(pip, tmp_path / "again", setting.url, tmp_path / "cache2")[installer]
        assert (await run(*again, "demo")).endswith("status 0"), "all of it is in the mirror"

    with_mirror(tmp_path / "mirror", work)


@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_a_damaged_file_is_never_installed(tmp_path: Path, pip: Path, installer: str) -> None:
    async def work(setting: Setting) -> None:
        setting.index.add("demo", "1.0", 2000)
        setting.index.corrupt = True
        command = installers(pip, tmp_path / "target", setting.url, tmp_path / "cache")[installer]
        said = await run(*command, "demo")
        assert not said.endswith("status 0")
        assert "502" in said
        assert not (tmp_path / "target/demo.py").exists()

    with_mirror(tmp_path / "mirror", work)


@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_the_client_shows_why_it_is_refused(tmp_path: Path, pip: Path, installer: str) -> None:
    async def work() -> None:
        async with IndexServer() as index:
            index.add("demo", "1.0")
            async with mirroring(tmp_path / "mirror", index, Policy(deny=("demo",))) as setting:
                command = installers(pip, tmp_path / "target", setting.url, tmp_path / "cache")[installer]
                said = await run(*command, "demo")
        assert not said.endswith("status 0")
        assert "403" in said
        if installer == "pip":  # uv does not show reason phrases
            assert "demo is denied by this mirror's policy" in said

    asyncio.run(asyncio.wait_for(work(), 60))


def test_pip_shows_what_is_wrong_with_a_file(tmp_path: Path, pip: Path) -> None:
    """A wheel that its publisher has attested is installed; one whose licence is not wanted, or that nobody attested, is not."""
    rules = {
        "licences": {"deny": ["AGPL-*"], "unknown": "allow"},
        "publishers": {"circleci-*": CIRCLE_IDENTITY, "other": CIRCLE_IDENTITY},
    }

    async def work() -> None:
        async with IndexServer() as index:
            attested(index)
            index.add("demo", "1.0", licence="License-Expression: AGPL-3.0-or-later")
            index.add("other", "1.0")
            async with mirroring(tmp_path / "mirror", index, parse_policy(rules, "this test")) as setting:
                command = installers(pip, tmp_path / "target", setting.url, tmp_path / "cache")["pip"]
                said = await asyncio.gather(*(run(*command, name) for name in (CIRCLE_PROJECT, "demo", "other")))
        assert said[0].endswith("status 0"), said[0]
        assert "demo-1.0-py3-none-any.whl has the licence AGPL-3.0-or-later" in said[1]
        assert "other-1.0-py3-none-any.whl has no attestation of its publisher" in said[2]

    asyncio.run(asyncio.wait_for(work(), 120))
