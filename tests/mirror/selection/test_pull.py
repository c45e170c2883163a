"""`headrace mirror pull` with the real uv."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from headrace.cli.mirror.group import mirror
from headrace.mirror.options import MirrorOptions
from headrace.mirror.selection import resolving
from headrace.store.blobs import BlobStore
from headrace.store.index import open_index
from tests.mirror.index_server import IndexServer
from tests.mirror.publishing import source_archive, tagged_wheel
from tests.mirror.setting import Setting, serving

MANY = ("--python=3.11-3.12", "--platform=linux-x86_64", "--platform=macos-arm64")


async def invoke(*arguments: str | Path) -> Result:
    """A command of `headrace mirror`, beside the loop that the index runs in."""
    return await asyncio.to_thread(CliRunner().invoke, mirror, [str(each) for each in arguments])


def with_index(work: Callable[[IndexServer], Awaitable[None]]) -> None:
    async def run() -> None:
        async with IndexServer() as index:
            await work(index)

    asyncio.run(asyncio.wait_for(run(), 120))


def publish(index: IndexServer) -> None:
    """A project with wheels for platforms, one that it needs, one for a platform, and one without wheels for all."""
    index.add("demo", "1.0")
    for tag in ("cp311-cp311-manylinux_2_17_x86_64", "cp312-cp312-manylinux_2_17_x86_64", "cp312-cp312-win_amd64"):
        tagged_wheel(index, "demo", "1.1", tag, requires=("part>=2", "mac-only; sys_platform == 'darwin'"))
    for tag in ("cp311-abi3-macosx_11_0_universal2", "cp313-cp313-manylinux_2_17_x86_64"):
        tagged_wheel(index, "demo", "1.1", tag, requires=("part>=2", "mac-only; sys_platform == 'darwin'"))
    source_archive(index, "demo", "1.1")
    index.add("part", "2.5", provenance=b'{"version":1,"attestation_bundles":[]}')
    index.add("part", "3.0", yanked="broken")
    index.add("mac-only", "1.0")


def test_a_pull_brings_what_the_targets_need_and_is_served_without_upstream(tmp_path: Path) -> None:
    root, lock = tmp_path / "mirror", tmp_path / "lock.txt"

    async def work(index: IndexServer) -> None:
        publish(index)
        (tmp_path / "r.txt").write_text("--extra-index-url http://elsewhere.invalid/simple\ndemo>=1\n")
        pull = ("pull", "-r", tmp_path / "r.txt", *MANY, f"--root={root}", f"--upstream={index.url}", f"--lock={lock}")
        done = await invoke(*pull)
        assert (done.exit_code, done.stderr) == (0, ""), done.output
        assert "r.txt:1: --extra-index-url" in done.output
        first = lock.read_text()
        assert [line.partition(" ")[0] for line in first.splitlines() if "==" in line and "hash" not in line] == [
            "demo==1.1",
            "mac-only==1.0",
            "part==2.5",
        ]
        assert first.count("--hash=sha256:") == 5, "three wheels of demo for the targets, one of each other"
        asked = index.asked.copy()
        again = await invoke(*pull)
        assert "3 versions: 0 files fetched (0 bytes)" in again.output
        assert lock.read_text() == first
        assert not [path for path in index.asked - asked if path.endswith((".whl", ".metadata"))], "files are not fetched again"
        index.down = True
        async with serving(MirrorOptions(root, port=0, offline=True), index) as setting:
            await check(setting)

    async def check(setting: Setting) -> None:
        page = await setting.page("demo")
        assert page["versions"] == ["1.1"]
        assert len(page["files"]) == 3
        for project in ("demo", "part", "mac-only"):
            for file in (await setting.page(project))["files"]:
                assert (await setting.get(file["url"])).status == 200
                assert (await setting.get(f"{file['url']}.metadata")).status == 200
        (part,) = (await setting.page("part"))["files"]
        document = await setting.get(part["provenance"])
        assert b"attestation_bundles" in document.body
        missing = await setting.get("/simple/other/")
        assert (missing.status, "this mirror asks nobody" in missing.body.decode()) == (404, True)

    with_index(work)
    assert unkept(root) == 0, "what was pulled does not make room for others"


def test_pinned_contents_policy_and_missing_platforms_are_told(tmp_path: Path) -> None:
    async def work(index: IndexServer) -> None:
        publish(index)
        entry = next(file for file in index.documents["demo"]["files"] if "cp311-cp311" in file["filename"])
        (tmp_path / "r.txt").write_text(f"demo==1.1 --hash=sha256:{entry['hashes']['sha256']}\n")
        common = (f"--root={tmp_path / 'mirror'}", f"--upstream={index.url}")
        done = await invoke("pull", "-r", tmp_path / "r.txt", *MANY, *common)
        assert done.exit_code == 1
        assert "cp312-cp312-manylinux_2_17_x86_64.whl is not among the contents that the requirements pin" in done.output
        assert "missing: demo 1.1 for python 3.12 on linux-x86_64" in done.output
        assert "missing: demo 1.1 for python 3.11 on linux-x86_64" not in done.output
        (tmp_path / "policy.toml").write_text('deny = ["part"]\n')
        denied = await invoke("pull", "demo==1.1", *MANY, *common, f"--policy={tmp_path / 'policy.toml'}")
        assert denied.exit_code == 1
        assert "refused: part is denied by this mirror's policy (deny 'part')" in denied.output
        (tmp_path / "policy.toml").write_text("cooldown_days = 90000\n")
        new = await invoke("pull", "part", *MANY, *common, f"--policy={tmp_path / 'policy.toml'}")
        assert "is too new: this mirror gives out files after 90000 days" in new.output
        older = await invoke("pull", "demo", "-c", _constraint(tmp_path), *MANY, *common)
        assert (older.exit_code, "1 versions: 2 files fetched" in older.output) == (0, True), older.output
        assert "finds no versions that fit together" in (await invoke("pull", "demo==7", *common)).output

    with_index(work)


def unkept(root: Path) -> int:
    """How many files may make room for others."""
    index = open_index(root)
    try:
        return len(index.oldest(1 << 40))
    finally:
        index.close()


def test_a_pull_may_take_the_place_of_earlier_ones(tmp_path: Path) -> None:
    async def work(index: IndexServer) -> None:
        index.add("demo", "1.0")
        index.add("demo", "1.1")
        common = (f"--root={tmp_path}", f"--upstream={index.url}")
        for version in ("1.0", "1.1"):
            assert (await invoke("pull", f"demo=={version}", *common)).exit_code == 0
        assert unkept(tmp_path) == 0
        assert (await invoke("pull", "demo==1.1", "--replace", *common)).exit_code == 0
        assert unkept(tmp_path) == 2

    with_index(work)


def _constraint(folder: Path) -> Path:
    (folder / "c.txt").write_text("demo<1.1\n")
    return folder / "c.txt"


def test_a_source_archive_comes_where_there_is_no_wheel(tmp_path: Path) -> None:
    async def work(index: IndexServer) -> None:
        tagged_wheel(index, "demo", "1.1", "cp312-cp312-manylinux_2_17_x86_64")
        source_archive(index, "demo", "1.1")
        index.add("part", "2.5")
        source_archive(index, "part", "2.5")
        common = ("demo", "part", *MANY, f"--root={tmp_path / 'mirror'}", f"--upstream={index.url}")
        refused = await invoke("pull", *common[:-2], f"--root={tmp_path / 'other'}", common[-1])
        assert (refused.exit_code, "add --build" in refused.output) == (1, True), refused.output
        done = await invoke("pull", "--build", *common)
        assert (done.exit_code, done.output.count("so that it has to be built there: demo 1.1")) == (0, 3), done.output
        assert "2 versions: 5 files fetched" in done.output  # demo's wheel, metadata and archive, part's wheel and metadata
        assert "1 files fetched" in (await invoke("pull", "--build", "--sdists", *common)).output

    with_index(work)


def test_what_breaks_off_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(index: IndexServer) -> None:
        entry = index.add("demo", "1.0", 400_000)
        content = index.content(entry)
        index.corrupt = True
        pull = ("pull", "demo", f"--root={tmp_path / 'mirror'}", f"--upstream={index.url}")
        failed = await invoke(*pull)
        assert failed.exit_code == 1
        index.corrupt = False
        store = BlobStore(tmp_path / "mirror")
        with store.receive(entry["hashes"]["sha256"]) as reception:  # type: ignore[union-attr]
            reception.write(content[:100_000])  # what a pull leaves that is killed
        monkeypatch.setenv("FORCE_COLOR", "1")  # as on a terminal
        done = await invoke(*pull)
        assert done.exit_code == 0
        assert re.search(r"2 of 2 files.*\d/\d.* .?B", done.stderr), done.stderr
        assert store.path(entry["hashes"]["sha256"]).read_bytes() == content

    with_index(work)


def test_without_uv_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolving.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    done = CliRunner().invoke(mirror, ["pull", "demo", f"--root={tmp_path / 'mirror'}", "--upstream=http://127.0.0.1:9/simple/"])
    assert (done.exit_code, "install it with: pip install uv" in done.output) == (1, True)
