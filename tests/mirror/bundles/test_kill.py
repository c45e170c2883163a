"""An import that is killed while it takes in a bundle."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from headrace.core.errors import UnavailableError
from headrace.mirror.bundles.published import PublishedFiles, PublishedPages
from headrace.store.blobs import BlobStore
from tests.mirror.bundles.stock import bundle, signer, stock, take

SECONDS = 120.0


def test_kill_in_the_middle_leaves_what_was(tmp_path: Path) -> None:
    acme, there = signer(tmp_path, "acme"), tmp_path / "there"
    stock(tmp_path / "one", "demo", "1.0")
    take(bundle(tmp_path / "one", tmp_path / "1.tar", acme, 1), there, acme)
    stock(tmp_path / "two", "demo", "2.0", size=3_000_000)
    stock(tmp_path / "two", "other", "1.0")
    two = bundle(tmp_path / "two", tmp_path / "2.tar", acme, name="two", days=36500)
    command = ["from headrace.cli.main import main; main()", "mirror", "import", "-", f"--root={there}", f"--trust={acme.trust}"]
    with subprocess.Popen([sys.executable, "-c", *command], stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(two[: len(two) // 2])
        process.stdin.flush()
        end = time.monotonic() + SECONDS
        while not any(path.stat().st_size > 100_000 for path in (there / "bundles/staging").glob("*")):
            assert process.poll() is None, "it has ended"
            assert time.monotonic() < end, "nothing has come"
            time.sleep(0.05)
        with pytest.raises(UnavailableError, match="another import into .* is at work"):
            take(two, there, acme)
        process.kill()
    assert list(PublishedFiles(there).read()) == ["acme"]
    found = PublishedPages(PublishedFiles(there)).find("demo")
    assert found is not None
    assert found[1].document is not None
    assert [file["filename"] for file in found[1].document["files"]] == ["demo-1.0-py3-none-any.whl"]
    assert list(BlobStore(there).damaged()) == []
    assert len(list(BlobStore(there).walk())) == 2, "what had come is not in the store"
    done = take(two, there, acme)
    assert not (there / "bundles/staging").exists()
    assert done.new_files == 4
