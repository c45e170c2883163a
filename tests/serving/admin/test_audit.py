"""The audit log: memory, file, rotation, and disks that are full."""

from __future__ import annotations

import json
import logging
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from headrace.core.errors import InvalidArgumentError
from headrace.core.exposition import render
from headrace.serving.audit import KEPT_EVENTS, MAX_DETAILS_BYTES, AuditLog, AuditOptions


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_events_are_kept_newest_first() -> None:
    times = iter(range(KEPT_EVENTS + 5))
    log = AuditLog(clock=lambda: next(times))
    for number in range(KEPT_EVENTS + 5):
        log.record("ops", "models.reload", f"t{number}", "OK")
    assert [event.target for event in log.recent(2)] == [f"t{KEPT_EVENTS + 4}", f"t{KEPT_EVENTS + 3}"]
    assert len(log.recent()) == KEPT_EVENTS
    assert log.recent()[-1].time == 5
    assert 'headrace_serving_audit_events_total{action="models.reload",outcome="OK"} 1005' in render(log.families())


def test_long_and_strange_values_are_bounded() -> None:
    log = AuditLog()
    log.record("w" * 5000, "a", "t" * 5000, "OK", {"text": "x" * 100_000})
    log.record("who", "a", "t", "OK", {"path": Path("models"), "text": 'line\n"quoted" \ud800'})
    short, long = log.recent()
    assert max(len(long.who), len(long.target)) < 300
    assert len(json.dumps(dict(long.details))) < MAX_DETAILS_BYTES + 1000
    assert short.details == {"path": "models", "text": 'line\n"quoted" \ud800'}


def test_the_file_holds_a_line_for_each_event_and_is_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    for number in range(2):
        log = AuditLog(AuditOptions(path), clock=lambda: 12.5)
        log.record("ops", "traffic.put", "m", "OK", {"text": f"several\nlines {number}"})
        log.close()
    assert lines(path)[1] == {
        "time": 12.5,
        "who": "ops",
        "action": "traffic.put",
        "target": "m",
        "outcome": "OK",
        "details": {"text": "several\nlines 1"},
    }
    assert len(lines(path)) == 2
    assert path.stat().st_mode & 0o077 == 0


def test_a_file_that_is_full_makes_room_for_another(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    log = AuditLog(AuditOptions(path, max_bytes=1000, kept_files=2))

    def write(who: str) -> None:
        for number in range(50):
            log.record(who, "a", str(number), "OK")

    threads = [threading.Thread(target=write, args=(f"w{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    files = sorted(each.name for each in tmp_path.iterdir())
    assert files == ["audit.jsonl", "audit.jsonl.1", "audit.jsonl.2"]
    assert all((tmp_path / name).stat().st_size <= 1000 for name in files)
    newest = [line for name in reversed(files) for line in lines(tmp_path / name)]
    assert [(event.who, event.target) for event in reversed(log.recent(len(newest)))] == [(x["who"], x["target"]) for x in newest]


def test_a_folder_that_is_not_there_is_an_error_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match=r"cannot write the audit log .*No such file.*expected a file in a folder"):
        AuditLog(AuditOptions(tmp_path / "missing" / "audit.jsonl"))


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's")
def test_a_full_disk_is_logged_once_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    log = AuditLog(AuditOptions(Path("/dev/full")))
    with caplog.at_level(logging.ERROR, "headrace"):
        for _ in range(3):
            log.record("ops", "a", "t", "OK")
    assert [record.getMessage() for record in caplog.records] == ["the audit log cannot be written: No space left on device"]
    assert len(log.recent()) == 3
    assert "headrace_serving_audit_write_failures_total 3" in render(log.families())


def test_writing_goes_on_once_it_works_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    log = AuditLog(AuditOptions(folder / "audit.jsonl", max_bytes=100))
    log.record("ops", "a", "1", "OK")
    folder.rename(tmp_path / "away")
    for target in "234":
        log.record("ops", "a", target, "OK")  # the file is full, and a new one has no folder
    folder.mkdir()
    log.record("ops", "a", "5", "OK")
    log.close()
    assert [line["target"] for line in lines(folder / "audit.jsonl")] == ["5"]
    assert len(caplog.records) == 1


def test_events_of_one_of_several_processes_stand_in_the_log_of_all(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    whole = AuditLog(AuditOptions(path))
    one = AuditLog(AuditOptions(path), clock=lambda: 12.5, forward=whole.keep)
    one.record("ops", "a", "b", "OK")
    whole.close()
    assert one.recent() == []
    assert whole.recent()[0].time == 12.5
    assert [line["target"] for line in lines(path)] == ["b"]
    assert "".join(one.families()[0].samples()).endswith(" 1")
    assert "".join(whole.families()[0].samples()) == ""
