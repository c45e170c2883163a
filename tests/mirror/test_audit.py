"""The mirror's audit log."""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path

import pytest

from headrace.core.line_file import LineFile
from headrace.mirror.audit import AuditLog, Caller


def test_a_line_is_an_event_whatever_is_in_it(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit", clock=lambda: 1_780_000_000.25)
    log.record("file", "refused", Caller("127.0.0.1", 'pip\n{"action":"forged"}\r\u2028', "ann"), file="x\ny", reason="z" * 5000)
    log.record("policy", "changed", durable=True)
    log.close()
    path = tmp_path / "audit" / "audit.jsonl"
    lines = path.read_bytes().splitlines()
    assert len(lines) == len(path.read_text().splitlines()) == 2
    assert all(32 <= byte < 127 for line in lines for byte in line)
    event = json.loads(lines[0])
    assert (event["time"], event["name"], event["file"]) == ("2026-05-28T20:26:40.250Z", "ann", "x\ny")
    assert (event["agent"], len(event["reason"])) == ('pip\n{"action":"forged"}\r\u2028', 1000)
    assert path.stat().st_mode & 0o077 == 0


def test_a_full_disk_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "audit"
    folder.mkdir()
    (folder / "audit.jsonl").symlink_to("/dev/full")
    failures = []
    log = AuditLog(folder, lambda: failures.append(1))
    with caplog.at_level(logging.ERROR, "headrace"):
        for _ in range(3):
            log.record("file", "refused")
    assert (len(failures), caplog.messages) == (3, ["the audit log cannot be written: No space left on device"])
    (folder / "audit.jsonl").unlink()
    log.record("file", "refused")
    log.close()
    log.record("file", "refused")
    assert len((folder / "audit.jsonl").read_text().splitlines()) == 2, "it is written once there is room again, and after the end"


def _write(path: Path, name: str) -> None:
    file = LineFile(path, 2000, 50)
    for number in range(200):
        file.write(f"{name} {number:03}\n".encode())
    file.close()


def test_several_share_a_file_through_rotations(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    others = [threading.Thread(target=_write, args=(path, f"p{number}")) for number in range(3)]  # locks are of open files
    for each in others:
        each.start()
    for each in others:
        each.join()
    files = list(tmp_path.iterdir())
    found = sorted(line for file in files for line in file.read_text().splitlines())
    assert found == [f"p{process} {number:03}" for process in range(3) for number in range(200)]
    assert len(files) > 1
    assert all(file.stat().st_size <= 2000 for file in files)
