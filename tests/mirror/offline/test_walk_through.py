"""The commands of docs/mirror_air_gap.md, from the keys to pip and uv, the last of them without any network."""

from __future__ import annotations

import asyncio
import ensurepip
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from click.testing import CliRunner

from headrace.cli.mirror.group import mirror
from tests.mirror.index_server import IndexServer

DOCS = Path(__file__).parents[3] / "docs" / "mirror_air_gap.md"
ISOLATED = Path(__file__).with_name("isolated.py")


def commands() -> list[list[str]]:
    """The commands of each block of the walk-through."""
    (section,) = re.findall(r"^## The whole way\n(.*?)^## ", DOCS.read_text(), re.M | re.S)
    return [block.strip().splitlines() for block in re.findall(r"^```sh\n(.*?)^```", section, re.M | re.S)]


def ours(line: str) -> str:
    """Runs one of our own commands; what it says."""
    name, room, *arguments = shlex.split(line)
    assert (name, room) == ("headrace", "mirror")
    done = CliRunner().invoke(mirror, arguments)
    assert done.exit_code == 0, f"{line}\n{done.output}"
    return done.output


def clients(folder: Path) -> dict[str, str]:
    """An environment to install into, and what makes `pip`, `uv` and `headrace` the ones that are meant."""
    bundled = sorted((Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl"))
    venv.create(folder / "venv", with_pip=not bundled, symlinks=True)
    (folder / "bin").mkdir()
    for name, command in {
        "pip": f"{folder / 'venv/bin/python'} -m pip",
        "uv": str(Path(sys.executable).with_name("uv")),
        "headrace": f"env -u PYTHONPATH {sys.executable} -c 'from headrace.cli.main import main; main()'",
    }.items():
        (folder / "bin" / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        (folder / "bin" / name).chmod(0o755)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "UV_", "PYTHON", "VIRTUAL_ENV"))}
    return kept | {
        "PATH": f"{folder / 'bin'}:{kept['PATH']}",
        "PYTHONPATH": str(bundled[-1]) if bundled else "",
        "VIRTUAL_ENV": str(folder / "venv"),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_CACHE_DIR": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "UV_NO_CONFIG": "1",
        "UV_CACHE_DIR": str(folder / "uv"),
        "UV_HTTP_RETRIES": "0",
    }


def namespace() -> list[str]:
    """What starts a command without network, where that may be done."""
    tool = shutil.which("unshare")
    if tool is None or os.geteuid() != 0 or subprocess.run([tool, "-n", "true"], capture_output=True, check=False).returncode != 0:
        return []
    return [tool, "-n"]


def installed(folder: Path) -> dict[str, str]:
    """The modules of the test's packages in an environment."""
    (site,) = (folder / "venv/lib").glob("python3.*/site-packages")
    return {path.name: path.read_text() for path in site.glob("demo*.py")}


def test_the_commands_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys, here, there, clients_lines = commands()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "requirements.txt").write_text("demo>=1\n")

    async def connected() -> None:
        async with IndexServer() as index:
            monkeypatch.setenv("PIP_INDEX_URL", index.url)
            index.add("demo", "1.0")
            index.add("demo", "1.1", 300_000, requires=("demo-part>=2",))
            index.add("demo-part", "2.5", 300_000)
            for line in (*keys, *here):
                await asyncio.to_thread(ours, line)

    asyncio.run(asyncio.wait_for(connected(), 120))
    monkeypatch.delenv("PIP_INDEX_URL")
    shutil.rmtree(tmp_path / "here")
    check, take, serve = there
    assert "all of it is right" in ours(check)
    assert not (tmp_path / "there").exists()
    assert "2 projects, 4 files, 4 of them new" in ours(take)

    by_pip, by_uv = clients_lines
    others = [
        "pip uninstall --yes demo demo-part",
        by_uv,
        "uv pip install --index-url http://127.0.0.1:8466/simple/ --reinstall-package demo 'demo>1.1'",
    ]
    plan = {"serve": serve, "clients": [by_pip, *others], "page_url": "http://127.0.0.1:8466/simple/"}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    apart = namespace()
    command = [*apart, sys.executable, str(ISOLATED), "plan.json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=clients(tmp_path), timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    *good, impossible = found["clients"]
    assert [status for _, status, _ in good] == [0, 0, 0], json.dumps(found, indent=1)
    assert impossible[1] != 0, "there is no version above 1.1 in the bundle"
    assert installed(tmp_path) == {"demo.py": "version = '1.1'\n", "demo_part.py": "version = '2.5'\n"}
    if not apart:
        pytest.skip("all of it works, but it was not run in a network namespace: that needs root and `unshare -n`")
    assert found["network"] is False
