"""Packages of one's own: uploaded by the real uv, installed by the real uv, and what is refused."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import io
import sys
import tarfile
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from headrace.core.errors import InvalidArgumentError
from headrace.core.tokens import token_hash
from headrace.mirror.private.packages import inspect
from headrace.mirror.private.uploaders import Uploader, read_uploaders
from tests.mirror.index_server import IndexServer, wheel
from tests.mirror.setting import Answer, Setting, mirroring
from tests.mirror.test_clients import run

TOKEN = "let-me-in"
OPTIONS = {"private": ("acme-*",), "uploaders": (Uploader("ann", token_hash(TOKEN), ("acme-*",)),)}
UV = Path(sys.executable).with_name("uv")


@contextlib.asynccontextmanager
async def with_private(root: Path) -> AsyncIterator[Setting]:
    async with IndexServer() as index, mirroring(root, index, mirror=OPTIONS) as setting:
        yield setting


async def upload(setting: Setting, filename: str, content: bytes, token: str = TOKEN, **fields: str) -> Answer:
    form = aiohttp.FormData()
    for key, value in {":action": "file_upload", "protocol_version": "1", **fields}.items():
        form.add_field(key, value)
    form.add_field("content", content, filename=filename, content_type="application/octet-stream")
    headers = {"Authorization": "Basic " + base64.b64encode(f"__token__:{token}".encode()).decode()} if token else {}
    async with setting.session.post(f"{setting.url}/legacy/", data=form, headers=headers) as response:
        return Answer(response.status, dict(response.headers), await response.read(), response.reason or "")


def test_uv_publishes_and_installs(tmp_path: Path) -> None:
    async def work() -> None:
        filename, content, _ = wheel("acme-core", "1.2", 100_000)
        (tmp_path / filename).write_bytes(content)
        async with with_private(tmp_path / "mirror") as setting:
            command = [UV, "publish", "--publish-url", f"{setting.url}/legacy/", "--token", TOKEN, tmp_path / filename]
            said = await run(*command)
            assert said.endswith("status 0"), said
            page = await setting.page("acme-core")
            assert (page["versions"], page["files"][0]["size"]) == (["1.2"], len(content))
            target = ["--target", tmp_path / "target", "--cache-dir", tmp_path / "cache"]
            said = await run(UV, "pip", "install", *target, "--index-url", f"{setting.url}/simple/", "acme-core")
            assert said.endswith("status 0"), said
            assert "1.2" in (tmp_path / "target/acme_core.py").read_text()
            assert not [asked for asked in setting.index.asked if "acme" in asked], "private names are not looked for upstream"
            other = await setting.get("simple/acme-other/")
            assert (other.status, "not looked for elsewhere" in other.reason) == (404, True)
            assert not [asked for asked in setting.index.asked if "acme" in asked]
        async with with_private(tmp_path / "mirror") as setting:
            assert (await setting.page("acme-core"))["versions"] == ["1.2"], "it is kept"

    asyncio.run(asyncio.wait_for(work(), 100))


def test_who_may_upload_what(tmp_path: Path) -> None:
    async def work() -> None:
        filename, content, _ = wheel("acme-core", "1.0")
        async with with_private(tmp_path) as setting:
            assert (await upload(setting, filename, content, token="")).status == 401
            assert (await upload(setting, filename, content, token="wrong")).status == 401
            other = wheel("demo", "1.0")
            refused = await upload(setting, other[0], other[1])
            assert (refused.status, refused.reason) == (403, "ann may not upload demo; ask who runs this mirror")
            good = await upload(setting, filename, content, sha256_digest=hashlib.sha256(content).hexdigest())
            assert (good.status, good.body) == (200, f"{filename} is here now\n".encode())
            again = await upload(setting, filename, content)
            assert (again.status, again.body) == (200, f"{filename} is here already, the same one\n".encode())
            changed = await upload(setting, filename, wheel("acme-core", "1.0", 10)[1])
            assert (changed.status, "is here with another content" in changed.reason) == (409, True)
            assert len((await setting.page("acme-core"))["files"]) == 1

    asyncio.run(asyncio.wait_for(work(), 60))


def test_what_is_no_upload_is_refused(tmp_path: Path) -> None:
    async def work() -> None:
        filename, content, _ = wheel("acme-core", "1.0")
        async with with_private(tmp_path) as setting:
            cases = [
                (filename, content, {":action": "doc_upload"}, 400, "file_upload"),
                (filename, content, {"name": "acme-other"}, 400, "the upload is of 'acme-other'"),
                (filename, content, {"sha256_digest": "0" * 64}, 502, "the upload says 0000"),
                (filename, content[:-30], {}, 400, "cannot be opened"),
                (filename, b"no zip", {}, 400, "cannot be opened"),
                ("acme_core-2.0-py3-none-any.whl", content, {}, 400, "says inside that it is 'acme-core' '1.0'"),
                ("../acme_core-1.0-py3-none-any.whl", content, {}, 400, "is no name of a wheel"),
                ("acme_core.exe", content, {}, 400, "is no name of a wheel"),
            ]
            for name, data, fields, status, reason in cases:
                answer = await upload(setting, name, data, **fields)
                assert (answer.status, reason in answer.reason) == (status, True), answer
            assert (await setting.get("simple/acme-core/")).status == 404
            assert list((tmp_path / "uploads").iterdir()) == [], "nothing is left lying about"
            assert list((tmp_path / "blobs").glob("*/*")) == []

    asyncio.run(asyncio.wait_for(work(), 60))


def archive(members: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return content.getvalue()


INFO = b"Metadata-Version: 2.1\nName: acme-core\nVersion: 1.0\nRequires-Python: >=3.9\n"


def test_source_archives(tmp_path: Path) -> None:
    path = tmp_path / "acme_core-1.0.tar.gz"
    path.write_bytes(archive({"acme_core-1.0/PKG-INFO": INFO}))
    package = inspect(path.name, path)
    assert (package.project, package.version, package.requires_python, package.metadata) == ("acme-core", "1.0", ">=3.9", None)
    for members, reason in (
        ({"acme_core-1.0/setup.py": b""}, "has no PKG-INFO"),
        ({"acme_core-1.0/PKG-INFO": INFO, "../../etc/cron.d/x": b""}, "leads out of"),
        ({"acme_core-1.0/PKG-INFO": INFO, "/etc/passwd": b""}, "leads out of"),
    ):
        path.write_bytes(archive(members))
        with pytest.raises(InvalidArgumentError, match=reason):
            inspect(path.name, path)


def test_wheels_with_members_that_lead_out_are_refused(tmp_path: Path) -> None:
    filename, content, _ = wheel("acme-core", "1.0")
    path = tmp_path / filename
    for name in ("../evil.py", "/etc/evil", "C:/evil", "a\\..\\..\\evil"):
        path.write_bytes(content)
        with zipfile.ZipFile(path, "a") as changed:
            changed.writestr(name, b"")
        with pytest.raises(InvalidArgumentError, match="leads out of"):
            inspect(filename, path)


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("[[uploader]]\nname = 'a'\n", "one or more of projects, read, manage and models"),
        ("[[uploader]]\nname = 'a'\ntoken_sha256 = 'abc'\nprojects = []\n", "is no sha256 in hex"),
        (f"[[uploader]]\nname = ''\ntoken_sha256 = '{'0' * 64}'\nprojects = []\n", "has the name ''"),
        (f"[[uploader]]\nname = 'a'\ntoken_sha256 = '{'0' * 64}'\nprojects = 'acme-*'\n", "expected a list of patterns"),
        ("uploaders = []\n", r"expected tables \[\[uploader\]\] only"),
        ("[", "cannot be read"),
    ],
)
def test_a_file_of_uploaders_with_a_mistake(tmp_path: Path, text: str, mistake: str) -> None:
    path = tmp_path / "uploaders.toml"
    path.write_text(text)
    with pytest.raises(InvalidArgumentError, match=mistake):
        read_uploaders(path)


def test_a_file_of_uploaders(tmp_path: Path) -> None:
    path = tmp_path / "uploaders.toml"
    path.write_text(f"[[uploader]]\nname = 'ann'\ntoken_sha256 = '{token_hash(TOKEN)}'\nprojects = ['acme-*']\n")
    assert read_uploaders(path) == OPTIONS["uploaders"]
