"""How the C library comes to be, and that it reads nothing beyond its inputs."""

from __future__ import annotations

import ctypes
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import google_crc32c
import pytest

from headrace.core import caching
from headrace.native import library, records
from headrace.proto.crc import mask

ROOT = Path(__file__).parents[2]


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache folder of its own, and nothing loaded yet."""
    monkeypatch.setenv(caching.VARIABLE, str(tmp_path))
    library.load.cache_clear()
    yield tmp_path
    library.load.cache_clear()


def test_it_is_made_once_and_found_again(fresh: Path) -> None:
    assert library.load() is not None
    (made,) = fresh.glob("native-*/*")
    before = made.stat().st_mtime_ns
    library.load.cache_clear()
    assert library.load() is not None
    assert [path.stat().st_mtime_ns for path in fresh.glob("native-*/*")] == [before]


@pytest.mark.parametrize(
    ("name", "value"),
    [("CC", "no-such-compiler"), ("CC", f"{sys.executable} -c 1/0"), (caching.VARIABLE, "off"), (library.VARIABLE, "off")],
)
def test_without_it_python_does_the_work(
    fresh: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with caplog.at_level(logging.INFO, "headrace"):
        assert library.load() is None
    assert ("left to Python alone" in caplog.text) is (name != library.VARIABLE)
    assert records.frames(b"", 0, 1) is None


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_a_library_that_others_can_change_is_not_loaded(fresh: Path) -> None:
    assert library.load() is not None
    (made,) = fresh.glob("native-*/*")
    made.chmod(0o777)
    library.load.cache_clear()
    assert library.load() is None


@pytest.mark.parametrize("flags", [(), ("-DHEADRACE_PORTABLE",)], ids=["instruction", "tables"])
def test_checksums_are_googles(tmp_path: Path, flags: tuple[str, ...]) -> None:
    library.compile_into(tmp_path / "library.so", *flags)
    call = ctypes.CDLL(str(tmp_path / "library.so"))
    call.masked_crc32c.restype = ctypes.c_uint32
    data = bytes(range(256)) * 3
    for size in [*range(40), 500, 767]:
        for start in range(3):
            piece = data[start : start + size]
            assert call.masked_crc32c(piece, ctypes.c_int64(len(piece))) == mask(google_crc32c.value(piece))


@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("gcc"), reason="needs GCC's sanitizers")
def test_damaged_inputs_under_the_sanitizers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "gcc")
    library.compile_into(tmp_path / "library.so", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    # The sanitizer must see the C++ library that JAX brings its exceptions from.
    asked = (["gcc", f"-print-file-name={name}"] for name in ("libasan.so", "libstdc++.so"))
    found = [subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() for command in asked]
    environment = os.environ | {
        "LD_PRELOAD": " ".join(found),
        "ASAN_OPTIONS": "detect_leaks=0",  # Python's own
        "PYTHONPATH": str(ROOT),
        "PYTHONMALLOC": "malloc",
    }
    command = [sys.executable, str(Path(__file__).with_name("sanitized.py")), str(tmp_path / "library.so")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    batches, whole, arrays = map(int, done.stdout.split())
    assert batches > 300
    assert whole > 500
    assert 200 < arrays < 2400
