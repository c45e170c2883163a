"""Archives are looked at, unpacked and made."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from headrace.core.errors import DataLossError
from headrace.mirror.models.archives import inspect, pack, unpack
from tests.mirror.models.archives import FILES, HOSTILE, archive


@pytest.mark.parametrize("wrong", HOSTILE)
def test_hostile_archives(tmp_path: Path, wrong: str) -> None:
    path, folder = tmp_path / "model.tar.gz", tmp_path / "in" / "folder"
    path.write_bytes(HOSTILE[wrong])
    folder.mkdir(parents=True)
    with pytest.raises(DataLossError, match="the archive"):
        inspect(path, "the archive")
    with pytest.raises(DataLossError, match="the archive"):
        unpack(path, folder, "the archive")
    assert {each.name for each in tmp_path.iterdir()} == {"model.tar.gz", "in"}
    assert [each.name for each in (tmp_path / "in").iterdir()] == ["folder"]


def test_good_archives(tmp_path: Path) -> None:
    for number, content in enumerate((archive(FILES), plain(FILES), dotted())):
        path, folder = tmp_path / f"{number}.tar", tmp_path / str(number)
        path.write_bytes(content)
        folder.mkdir()
        assert inspect(path, "it") == sum(map(len, FILES.values()))
        unpack(path, folder, "it")
        assert {str(each.relative_to(folder)): each.read_bytes() for each in folder.rglob("*") if each.is_file()} == FILES


def plain(files: dict[str, bytes]) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as target:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            target.addfile(entry, io.BytesIO(content))
    return raw.getvalue()


def dotted() -> bytes:
    """As `tar -C folder .` makes them."""
    root = tarfile.TarInfo("./")
    root.type = tarfile.DIRTYPE
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as target:
        target.addfile(root)
        for name, content in FILES.items():
            entry = tarfile.TarInfo(f"./{name}")
            entry.size = len(content)
            target.addfile(entry, io.BytesIO(content))
    return raw.getvalue()


def test_the_same_files_make_the_same_archive(tmp_path: Path) -> None:
    made = []
    for number in (1, 2):
        files = []
        for name, content in sorted(FILES.items(), reverse=number == 2):
            path = tmp_path / f"{number}-{len(files)}"
            path.write_bytes(content)
            path.chmod(0o600 if number == 1 else 0o755)
            files.append((name, path))
        pack(tmp_path / f"{number}.tar.gz", files)
        made.append((tmp_path / f"{number}.tar.gz").read_bytes())
    assert made[0] == made[1]
    with tarfile.open(fileobj=io.BytesIO(made[0])) as found:
        members = found.getmembers()
        assert [member.name for member in members] == ["assets", "variables", *sorted(FILES)], "folders before what is in them"
        assert {(each.mtime, each.uid, each.uname, each.mode) for each in members if each.isfile()} == {(0, 0, "", 0o644)}
