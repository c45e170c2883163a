"""What the doctor says of this machine: each fault, with its remedy."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

import pytest

from headrace.core import durable
from headrace.core.errors import InvalidArgumentError
from headrace.mirror.clients.tools import Mirror
from headrace.mirror.doctor import machine
from headrace.mirror.doctor.clients import configured
from headrace.mirror.doctor.findings import Finding
from headrace.mirror.policy.reading import read_policy
from headrace.store.blobs import BlobStore
from headrace.store.index import open_index

T = 1 << 40


def one(findings: list[Finding], about: str) -> Finding:
    (found,) = [each for each in findings if each.about == about]
    assert (found.remedy == "") == (found.state in ("ok", "skipped")), "every fault has a remedy"
    return found


def look(root: Path) -> list[Finding]:
    return list(machine.folder(root))


def test_a_folder_in_order(tmp_path: Path) -> None:
    BlobStore(tmp_path)
    open_index(tmp_path).close()
    before = sorted(tmp_path.iterdir())
    assert {each.state for each in look(tmp_path) if each.about != "disk"} == {"ok"}
    assert sorted(tmp_path.iterdir()) == before, "nothing is left behind"


def test_a_folder_that_is_not_there_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert one(look(tmp_path / "new" / "root"), "folder").state == "warning"
    (tmp_path / "file").write_text("")
    assert "is no folder" in one(look(tmp_path / "file"), "folder").said
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "may not be written to" in one(look(tmp_path / "new"), "folder").said


@pytest.mark.parametrize(
    ("number", "remedy"),
    [(errno.EACCES, "chown"), (errno.ENOSPC, "make room"), (errno.EROFS, "for writing"), (errno.EIO, "kernel's log")],
)
def test_a_folder_that_takes_nothing(number: int, remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(durable, "write", refuse)
    found = look(tmp_path)
    folder = one(found, "folder")
    assert (folder.state, remedy in folder.remedy, os.strerror(number) in folder.said) == ("failed", True, True)
    assert one(found, "disk").state == "skipped"


def test_a_disk_that_does_not_bring_to_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> None:
        raise OSError(errno.EIO, "no")

    monkeypatch.setattr(os, "fsync", refuse)
    assert one(look(tmp_path), "folder").state == "failed"
    assert not list(tmp_path.iterdir())


def test_folders_apart_or_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "blobs").mkdir()
    (tmp_path / "pages").symlink_to("/dev")
    if Path("/dev").stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is one file system only")
    found = one(look(tmp_path), "one file system")
    assert (found.state, "pages" in found.said, "blobs" in found.said) == ("failed", True, False)
    (tmp_path / "pages").unlink()
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "blobs of" in one(look(tmp_path), "folders").said


@pytest.mark.parametrize(
    ("free", "total", "files", "state"),
    [
        (1 << 20, 1 << 40, 5, "failed"),
        (1 << 30, 1 << 40, 5, "warning"),
        (1 << 39, 1 << 40, 0, "failed"),
        (1 << 39, 1 << 40, 5, "ok"),
    ],
)
def test_a_disk_that_is_full(
    free: int, total: int, files: int, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = os.statvfs_result((4096, 4096, total // 4096, free // 4096, free // 4096, 100, files, files, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda _: found)
    assert one(look(tmp_path), "disk").state == state


def test_an_index_that_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    path.write_bytes(b"no database" * 1000)
    found = one(look(tmp_path), "index of the store")
    assert (found.state, "made anew" in found.remedy) == ("failed", True)
    path.unlink()
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE x (y)")
    database.close()
    assert one(look(tmp_path), "index of the store").state == "ok"


def test_a_configuration_with_mistakes(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text("denyy = 1")
    readers = {"policy": lambda: read_policy(tmp_path / "policy.toml"), "nothing": lambda: None}
    found = list(machine.configuration(readers))
    assert "denyy" in one(found, "policy").said
    assert one(found, "nothing").state == "ok"

    def refuse() -> None:
        raise InvalidArgumentError("no")

    assert one(list(machine.configuration({"x": refuse})), "x").state == "failed"


def test_two_distributions(monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.installed().state == "ok"
    monkeypatch.setattr(machine, "_version", lambda _: "1")
    found = machine.installed()
    assert (found.state, "uninstall" in found.remedy) == ("failed", True)


def test_clients_that_ask_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror = Mirror("http://127.0.0.1:8466")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    for name in ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", "https://user:secret@index.example/simple/")
    found = list(configured(mirror))
    assert "secret" not in str(found)
    assert "asks https://index.example/simple/, not this mirror" in one(found, "pip").said
    assert one(found, "uv").said == "asks the public index"
    assert "configure uv" in one(found, "uv").remedy
    monkeypatch.setenv("PIP_INDEX_URL", mirror.index)
    (tmp_path / "uv").mkdir()
    (tmp_path / "uv" / "uv.toml").write_text(f'[[index]]\nurl = "{mirror.index}"\ndefault = true\n')
    assert {each.state for each in configured(mirror)} == {"ok"}
    monkeypatch.setenv("UV_DEFAULT_INDEX", "other=https://index.example/simple")
    assert one(list(configured(mirror)), "uv").state == "warning"
