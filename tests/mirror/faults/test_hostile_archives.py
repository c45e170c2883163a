"""Uploads that are not what they seem: each is refused, the audit log says why, and nothing of it is kept."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from headrace.core.errors import InvalidArgumentError
from headrace.core.tokens import token_hash
from headrace.mirror.private.packages import inspect
from headrace.mirror.private.uploaders import Uploader
from tests.mirror.index_server import IndexServer, wheel
from tests.mirror.setting import mirroring
from tests.mirror.test_uploads import INFO, TOKEN, upload

NAME = "acme_core-1.0"
WHEEL = f"{NAME}-py3-none-any.whl"
SDIST = f"{NAME}.tar.gz"


@pytest.fixture(autouse=True)
def smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bombs of 9 MB do, where little archives may hold 8 MB."""
    monkeypatch.setattr("headrace.mirror.private.members._FREE_BYTES", 8 << 20)


def zipped(change: Callable[[zipfile.ZipFile], None], metadata: bytes = INFO) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{NAME}.dist-info/METADATA", metadata)
        change(archive)
    return content.getvalue()


def member(name: str, data: bytes = b"", mode: int = 0) -> Callable[[zipfile.ZipFile], None]:
    def change(archive: zipfile.ZipFile) -> None:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        info.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(info, data)

    return change


def twice(archive: zipfile.ZipFile) -> None:
    archive.writestr("x.py", "")
    with pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("x.py", "")


def nested(depth: int, data: bytes) -> bytes:
    for _ in range(depth):
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("inner.zip", data)
        data = content.getvalue()
    return data


def lying_about_size() -> bytes:
    """The list of members says that one is small, which is not."""
    found = bytearray(zipped(member("x.zip", nested(1, bytes(5 << 20)))))
    place = found.rindex(b"x.zip") - 46
    found[place + 24 : place + 28] = (10).to_bytes(4, "little")
    return bytes(found)


ZIPS: dict[str, tuple[bytes, str]] = {
    "a link": (zipped(member("x", b"/etc/passwd", stat.S_IFLNK | 0o777)), "no file and no folder"),
    "a device": (zipped(member("x", b"", stat.S_IFCHR | 0o666)), "no file and no folder"),
    "a name twice": (zipped(twice), "twice"),
    "a name twice, in two forms": (zipped(lambda z: [z.writestr(n, "") for n in ("a/x.py", "a/./x.py")] and None), "twice"),
    "a name with a line's end": (zipped(member("x\n.py")), "no name of a file"),
    "a name too long": (zipped(member("x" * 2000)), "no name of a file"),
    "a name that leads out": (zipped(member("a/../../x")), "leads out"),
    "a drive": (zipped(member("C:\\x")), "leads out"),
    "a bomb": (zipped(member("x", bytes(9 << 20))), "unpack to more than"),
    "a bomb in an archive": (zipped(member("x.zip", nested(1, bytes(9 << 20)))), "unpack to more than"),
    "archives in archives": (zipped(member("x.zip", nested(6, b"x"))), "more than 3 deep"),
    "a size that is none": (lying_about_size(), "cannot be opened"),
    "Python of no range": (zipped(lambda _: None, INFO.replace(b">=3.9", b"<script>")), "no range of versions"),
    "two METADATA": (zipped(member("other-1.0.dist-info/METADATA", INFO)), "has 2 METADATA"),
    "another name inside": (zipped(lambda _: None, INFO.replace(b"acme-core", b"acme-other")), "says inside"),
    "a name with a header inside": (zipped(lambda _: None, INFO.replace(b"acme-core", b"acme-core\r\n  x")), "says inside"),
    "not UTF-8 inside": (zipped(lambda _: None, INFO.replace(b"acme-core", b"acme-c\xffre")), "says inside"),
    "a huge METADATA": (zipped(lambda _: None, INFO + b"X: " + b"x" * (5 << 20)), "more than 4194304 bytes"),
}


@pytest.mark.parametrize("case", ZIPS)
def test_wheels(tmp_path: Path, case: str) -> None:
    content, reason = ZIPS[case]
    path = tmp_path / WHEEL
    path.write_bytes(content)
    with pytest.raises(InvalidArgumentError, match=reason):
        inspect(WHEEL, path)


def tarred(*members: tarfile.TarInfo | tuple[str, bytes], more: bytes = b"") -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for each in ((f"{NAME}/PKG-INFO", INFO), *members):
            if isinstance(each, tuple):
                info = tarfile.TarInfo(each[0])
                info.size = len(each[1])
                archive.addfile(info, io.BytesIO(each[1]))
            else:
                archive.addfile(each)
    found = content.getvalue()
    return gzip.compress(more + found if more else found, 1)


def link(kind: bytes, name: str, target: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def enormous_header() -> bytes:
    """A member whose name is said to have 900 MB, of zeros."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 900 << 20
    return info.tobuf(tarfile.GNU_FORMAT) + bytes(40 << 20)


TARS: dict[str, tuple[bytes, str]] = {
    "a link that leads out": (tarred(link(tarfile.SYMTYPE, f"{NAME}/x", "../../etc/passwd")), "leads out"),
    "a link to a path": (tarred(link(tarfile.SYMTYPE, f"{NAME}/x", "/etc/passwd")), "leads out"),
    "a hard link that leads out": (tarred(link(tarfile.LNKTYPE, f"{NAME}/x", "../x")), "leads out"),
    "a hard link to a path": (tarred(link(tarfile.LNKTYPE, f"{NAME}/x", "/etc/passwd")), "leads out"),
    "a member behind a link": (tarred(link(tarfile.SYMTYPE, f"{NAME}/d", "."), (f"{NAME}/d/x", b"")), "behind a link"),
    "a device": (tarred(link(tarfile.CHRTYPE, f"{NAME}/x", "")), "device or a pipe"),
    "a block device": (tarred(link(tarfile.BLKTYPE, f"{NAME}/x", "")), "device or a pipe"),
    "a pipe": (tarred(link(tarfile.FIFOTYPE, f"{NAME}/x", "")), "device or a pipe"),
    "a name twice": (tarred((f"{NAME}/PKG-INFO", b"Name: other")), "twice"),
    "a bomb": (tarred((f"{NAME}/x", bytes(9 << 20))), "unpack to more than"),
    "a bomb in an archive": (tarred((f"{NAME}/x.zip", nested(1, bytes(9 << 20)))), "unpack to more than"),
    "a header without end": (tarred(more=enormous_header()), "cannot be opened"),
    "no archive": (gzip.compress(b"x" * 5000), "cannot be opened"),
    "half an archive": (tarred((f"{NAME}/x", b"x" * 50000))[:-200], "cannot be opened"),
}


@pytest.mark.parametrize("case", TARS)
def test_source_archives(tmp_path: Path, case: str) -> None:
    content, reason = TARS[case]
    path = tmp_path / SDIST
    path.write_bytes(content)
    with pytest.raises(InvalidArgumentError, match=reason):
        inspect(SDIST, path)


def test_what_is_odd_but_good(tmp_path: Path) -> None:
    path = tmp_path / SDIST
    good = tarred(
        (f"{NAME}/a/x.py", b""), link(tarfile.SYMTYPE, f"{NAME}/b", "a/x.py"), link(tarfile.LNKTYPE, f"{NAME}/c", f"{NAME}/a/x.py")
    )
    path.write_bytes(good)
    assert inspect(SDIST, path).version == "1.0"
    path = tmp_path / WHEEL
    path.write_bytes(zipped(member("data.zip", b"no archive, but called so")))
    assert inspect(WHEEL, path).project == "acme-core"
    path.write_bytes(zipped(member("data.zip", nested(2, b"x"))))
    assert inspect(WHEEL, path).project == "acme-core"


def test_names_that_mean_the_same(tmp_path: Path) -> None:
    """Another content cannot come in under another spelling, nor under a name that is somebody else's."""

    async def work() -> None:
        options = {"private": ("Acme_*",), "uploaders": (Uploader("ann", token_hash(TOKEN), ("acme-core",)),)}
        async with IndexServer() as index, mirroring(tmp_path, index, mirror=options) as setting:
            assert (await upload(setting, WHEEL, zipped(member("x.py")))).status == 200
            for name, data, status, reason in (
                ("acme_core-1.0.0-py3-none-any.whl", zipped(member("y.py")), 409, "which means the same"),
                ("Acme.Core-1.0-py3-none-any.whl", zipped(member("y.py")), 409, "which means the same"),
                ("acme_core-01.0-py3-none-any.whl", zipped(member("y.py")), 409, "which means the same"),
                (WHEEL, zipped(member("y.py")), 409, "another content"),
                (WHEEL, zipped(member("x", b"", stat.S_IFLNK)), 400, "no file and no folder"),
                ("acme_other-1.0-py3-none-any.whl", wheel("acme-other", "1.0")[1], 403, "may not upload acme-other"),
                ("demo-1.0-py3-none-any.whl", wheel("demo", "1.0")[1], 403, "may not upload demo"),
                ("a\u0441me_core-2.0-py3-none-any.whl", zipped(member("y.py")), 400, ""),
            ):
                answer = await upload(setting, name, data)
                assert (answer.status, reason in answer.reason) == (status, True), (name, answer)
            assert len((await setting.page("acme-core"))["files"]) == 1
            assert (await setting.get("simple/acme-secret/")).status == 404
            assert not [asked for asked in index.asked if "acme" in asked], "the pattern fits, however it is written"
            refused = [json.loads(line) for path in tmp_path.rglob("audit*.jsonl") for line in path.read_text().splitlines()]
            assert len([each for each in refused if "refused" in each.values()]) >= 8, "all of them are in the audit log"
        assert list((tmp_path / "uploads").iterdir()) == []

    asyncio.run(asyncio.wait_for(work(), 60))


def test_a_list_of_private_files_that_is_damaged_is_not_begun_anew(tmp_path: Path) -> None:
    async def work() -> None:
        options = {"private": ("acme-*",), "uploaders": (Uploader("ann", token_hash(TOKEN), ("acme-core",)),)}
        async with IndexServer() as index, mirroring(tmp_path, index, mirror=options) as setting:
            assert (await upload(setting, WHEEL, zipped(member("x.py")))).status == 200
            path = tmp_path / "pages" / "private" / "acme-core.json"
            good = path.read_bytes()
            path.write_bytes(good[:-20])
            page = await setting.get("simple/acme-core/")
            assert (page.status, "is damaged; put it back from a backup" in page.reason) == (502, True)
            again = await upload(setting, "acme_core-1.0.1-py3-none-any.whl", wheel("acme-core", "1.0.1")[1])
            assert (again.status, "is damaged" in again.reason) == (502, True)
            path.write_bytes(good)
            assert len((await setting.page("acme-core"))["files"]) == 1

    asyncio.run(asyncio.wait_for(work(), 60))
