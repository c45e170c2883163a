"""A policy's file that changes while the mirror runs."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from headrace.mirror.audit import AuditLog
from headrace.mirror.policy.metrics import PolicyMetrics
from headrace.mirror.policy.rules import Policy
from headrace.mirror.policy.watch import PolicyWatch
from tests.mirror.index_server import IndexServer
from tests.mirror.policy.judging import Judging, refused
from tests.mirror.policy.test_advisories import imported, osv
from tests.mirror.setting import mirroring


def test_a_good_file_is_taken_and_a_bad_one_is_not(tmp_path: Path, judging: Judging, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "policy.toml"
    path.write_text('deny = ["demo"]\n')
    judge = judging(Policy(deny=("demo",)))
    metrics, audit = PolicyMetrics(), AuditLog(tmp_path / "audit")
    watch = PolicyWatch(path, judge, judge._database, audit, metrics)

    def look() -> list[bool]:
        return [watch.look() for _ in range(3)]

    assert look() == [False] * 3, "it says what is in force"
    before = judge.stamp("demo")
    path.write_text('deny = ["other"]\n')
    assert look() == [False, True, False], "a file is taken when it has settled"
    assert judge.stamp("demo") != before
    assert refused(judge, "demo", "demo-1.tar.gz") == ""
    with caplog.at_level(logging.ERROR, "headrace"):
        path.write_text('denny = ["demo"]\n')
        assert look() == [False] * 3
        path.unlink()
        assert look() == [False] * 3
    unknown, unreadable = (record.getMessage() for record in caplog.records if record.levelno == logging.ERROR)
    assert "'denny' is not known" in unknown
    assert "cannot be read" in unreadable
    assert "headrace_mirror_policy_outdated 1" in metrics.text(None, 0.0)
    assert "is denied" in refused(judge, "other", "other-1.tar.gz"), "the policy before stays in force"
    path.write_text('deny = ["demo"]\n')
    assert look() == [False, True, False]
    text = metrics.text(None, 0.0)
    assert "headrace_mirror_policy_outdated 0" in text
    assert 'headrace_mirror_policy_events_total{event="reloaded"} 2' in text
    audit.close()
    events: list[dict[str, Any]] = [json.loads(line) for line in (tmp_path / "audit" / "audit.jsonl").read_text().splitlines()]
    assert [each["outcome"] for each in events] == ["changed", "refused", "refused", "changed"]


def test_a_file_that_grows_is_left_alone(tmp_path: Path, judging: Judging) -> None:
    path = tmp_path / "policy.toml"
    judge = judging(Policy())
    audit = AuditLog(tmp_path / "audit")
    watch = PolicyWatch(path, judge, judge._database, audit, PolicyMetrics())
    text = 'allow = ["demo"]\ndeny = ["demo"]\n'
    for size in (17, 20, len(text)):  # its first line alone is a policy too
        path.write_text(text[:size])
        assert not watch.look()
    assert watch.look()
    assert judge.policy.deny == ("demo",)
    audit.close()


def test_other_advisories_are_taken(tmp_path: Path, judging: Judging) -> None:
    judge = judging(Policy())
    audit = AuditLog(tmp_path / "audit")
    watch = PolicyWatch(None, judge, judge._database, audit, PolicyMetrics())
    before = judge.stamp("demo")
    imported(tmp_path, osv("MAL-1"))
    assert watch.look()
    assert judge.stamp("demo") != before
    assert "MAL-1" in refused(judge, "demo", "demo-1.tar.gz")
    audit.close()


def test_a_mirror_that_runs_takes_another_policy(tmp_path: Path) -> None:
    """Pages that are kept follow it. Meanwhile the audit log cannot be written, which stops nothing."""
    path, root = tmp_path / "policy.toml", tmp_path / "mirror"
    path.write_text("")
    (root / "audit").mkdir(parents=True)
    (root / "audit" / "audit.jsonl").symlink_to("/dev/full")

    async def work() -> None:
        async with IndexServer() as index:
            index.add("demo", "1.0")
            index.add("demo", "2.0")
            async with mirroring(root, index, Policy(), {"policy_file": path}) as setting:
                assert len((await setting.page("demo"))["files"]) == 2
                path.write_text('deny = ["demo>=2"]\n')
                while len((await setting.page("demo"))["files"]) == 2:
                    await asyncio.sleep(0.1)
                entry = setting.index.documents["demo"]["files"][1]["url"].replace("../../", "files/main/demo/")
                assert (await setting.get(entry)).status == 403
                text = (await setting.get("metrics")).body.decode()
        assert 'headrace_mirror_refusals_total{rule="projects"} 1' in text
        assert "headrace_mirror_audit_write_failures_total 2" in text

    asyncio.run(asyncio.wait_for(work(), 120))
