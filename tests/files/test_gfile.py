"""tf.io.gfile beyond what programs of TensorFlow show: URLs by fsspec, from one file system to another, and errors."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

import headrace as tf
from headrace.files import systems

gfile = tf.io.gfile


@pytest.fixture
def memory() -> Iterator[str]:
    fsspec.filesystem("memory").store.clear()
    yield "memory://bucket"
    fsspec.filesystem("memory").store.clear()


def test_urls_behave_as_paths_do(memory: str) -> None:
    path = gfile.join(memory, "a", "b.txt")
    gfile.makedirs(gfile.join(memory, "a"))
    with gfile.GFile(path, "w") as file:
        file.write("first\nsecond\n")
    assert gfile.GFile(path).readlines() == ["first\n", "second\n"]
    assert gfile.stat(path).length == 13
    assert (gfile.exists(path), gfile.isdir(path), gfile.isdir(gfile.join(memory, "a"))) == (True, False, True)
    assert gfile.listdir(gfile.join(memory, "a")) == ["b.txt"]
    assert gfile.glob(gfile.join(memory, "*", "*.txt")) == ["memory:///bucket/a/b.txt"]
    gfile.copy(path, gfile.join(memory, "a", "c.txt"))
    with pytest.raises(tf.errors.AlreadyExistsError, match="pass overwrite=True"):
        gfile.rename(path, gfile.join(memory, "a", "c.txt"))
    gfile.rename(path, gfile.join(memory, "d.txt"))
    assert [(top.removeprefix(memory), files) for top, _, files in gfile.walk(memory)] == [("", ["d.txt"]), ("/a", ["c.txt"])]
    gfile.remove(gfile.join(memory, "d.txt"))
    with pytest.raises(tf.errors.FailedPreconditionError, match="directory"):
        gfile.remove(gfile.join(memory, "a"))
    gfile.rmtree(gfile.join(memory, "a"))
    assert not gfile.exists(gfile.join(memory, "a"))
    with pytest.raises(tf.errors.NotFoundError):
        gfile.GFile(path).read()


def test_files_go_from_one_file_system_to_another(memory: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xff" * 3_000_000)
    gfile.makedirs(memory)
    gfile.copy(tmp_path / "a", f"{memory}/a")
    gfile.rename(f"{memory}/a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"\xff" * 3_000_000
    assert not gfile.exists(f"{memory}/a")
    with pytest.raises(tf.errors.InvalidArgumentError, match="is a directory"):
        gfile.rename(tmp_path, f"{memory}/folder")


def test_schemes_that_are_not_there_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {"", "file", "memory"} <= set(gfile.get_registered_schemes())
    with pytest.raises(tf.errors.UnimplementedError, match="file system scheme 'nosuch' is not available"):
        gfile.exists("nosuch://a")
    monkeypatch.setitem(sys.modules, "fsspec", None)
    monkeypatch.setattr(systems, "_remote", {})
    with pytest.raises(tf.errors.UnimplementedError, match=r"install headrace\[files\]"):
        gfile.listdir("memory://a")
    assert gfile.get_registered_schemes() == ["", "file"]


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    with pytest.raises(tf.errors.FailedPreconditionError, match="is not a directory"):
        gfile.mkdir(tmp_path / "a")
    seen: list[Exception] = []
    assert list(gfile.walk(tmp_path / "none", onerror=seen.append)) == []
    assert "could not find directory" in str(seen[0])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_named() -> None:
    file = gfile.GFile("/dev/full", "w")
    file.write("x" * 10)
    with pytest.raises(tf.errors.ResourceExhaustedError, match="/dev/full"):
        file.flush()
    with pytest.raises(tf.errors.ResourceExhaustedError):
        file.close()


def test_a_mode_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="mode 'x' is not known; expected one of"):
        gfile.GFile(tmp_path / "a", "x")
    with pytest.raises(TypeError, match="expected text or bytes"):
        gfile.GFile(tmp_path / "a", "w").write(3)
