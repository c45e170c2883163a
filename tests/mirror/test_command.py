"""`headrace mirror`."""

from __future__ import annotations

import hashlib
from pathlib import Path

from click.testing import CliRunner

from headrace.cli.mirror.group import mirror
from headrace.store.blobs import BlobStore

DIGEST = hashlib.sha256(b"content").hexdigest()


def test_fsck_finds_and_puts_aside_what_is_damaged(tmp_path: Path) -> None:
    path = BlobStore(tmp_path).put(b"content", DIGEST)
    run = CliRunner().invoke
    assert run(mirror, ["fsck", f"--root={tmp_path}", "--repair"]).output.splitlines() == [
        "index: 1 files added, 0 removed",
        "1 files, 7 bytes; 0 damaged",
    ]
    path.write_bytes(b"Content")
    found = run(mirror, ["fsck", f"--root={tmp_path}"])
    assert (found.exit_code, f"damaged: {path}" in found.output) == (1, True)
    mended = run(mirror, ["fsck", f"--root={tmp_path}", "--repair"])
    assert (mended.exit_code, "index: 0 files added, 1 removed" in mended.output) == (0, True)
    assert (tmp_path / "quarantine" / DIGEST).read_bytes() == b"Content"
    assert run(mirror, ["fsck", f"--root={tmp_path}"]).exit_code == 0


def test_mistakes_are_named(tmp_path: Path) -> None:
    run = CliRunner().invoke
    assert "holds no mirror" in run(mirror, ["fsck", f"--root={tmp_path}"]).output
    assert "is no URL of a Simple API" in run(mirror, ["serve", f"--root={tmp_path}", "--upstream=ftp://x/"]).output
    assert "is above --high_gib=1" in run(mirror, ["serve", "--low_gib=2", "--high_gib=1"]).output
    assert "name the hub that the token is for" in run(mirror, ["serve", "--upstream=http://x/", "--hf_token_file=x"]).output
    token = tmp_path / "token"
    token.write_text("two words")
    hub = ["serve", f"--root={tmp_path}", "--upstream=http://x/", "--hf_upstream=http://y/"]
    assert "holds no token" in run(mirror, [*hub, f"--hf_token_file={token}"]).output
    assert "is no URL of a hub" in run(mirror, [*hub[:3], "--hf_upstream=ftp://y/"]).output
    assert "name the file with the pins" in run(mirror, [*hub[:3], "--tfhub_pinned_only"]).output
    pins = tmp_path / "pins.toml"
    wrong = {"[pins]\n'a/b/1' = 'x'": "expected a sha256", "[pin]": "must have the table [pins]", "[": "cannot be read"}
    for text, told in wrong.items():
        pins.write_text(text)
        assert told in run(mirror, [*hub[:3], f"--tfhub_pins={pins}"]).output
    twice = run(mirror, ["serve", f"--root={tmp_path}", "--port=0", "--upstream=a=http://x/", "--upstream=a=http://y/"])
    assert "two upstreams have the same name" in twice.output
