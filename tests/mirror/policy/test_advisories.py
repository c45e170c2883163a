"""Advisories: which versions they are of, how they are imported, and what they refuse."""

from __future__ import annotations

import json
import os
import time
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from headrace.cli.mirror.group import mirror
from headrace.core.errors import DataLossError, FailedPreconditionError, InvalidArgumentError, OpError, ResourceExhaustedError
from headrace.mirror.policy.advisories import importing
from headrace.mirror.policy.advisories.database import AdvisoryDatabase
from headrace.mirror.policy.advisories.importing import import_advisories
from headrace.mirror.policy.advisories.osv import read_osv
from headrace.mirror.policy.advisories.records import Affecting
from headrace.mirror.policy.candidates import parsed
from tests.mirror.policy.judging import NOW, Judging, refused

HIGH = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"  # 9.8, as FIRST's calculator says
LOW = "CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N"  # 1.8


def osv(name: str, project: str = "demo", vector: str = "", **more: Any) -> dict[str, Any]:
    """A document as OSV has it. `events`, `versions` and all else in `more` take the place of what is usual."""
    events = more.pop("events", [{"introduced": "0"}])
    entry = {
        "package": {"ecosystem": "PyPI", "name": project},
        "ranges": [{"type": "ECOSYSTEM", "events": events}] if events else [],
        "versions": more.pop("versions", []),
    }
    kind = "CVSS_V4" if "4.0" in vector else "CVSS_V3"
    severity = {"severity": [{"type": kind, "score": vector}]} if vector else {}
    return {"id": name, "modified": "2026-06-01T00:00:00Z", "affected": [entry], **severity, **more}


def write(path: Path, documents: Sequence[dict[str, Any]]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for document in documents:
            archive.writestr(f"{document['id']}.json", json.dumps(document))
    return path


def imported(root: Path, *documents: dict[str, Any], force: bool = False) -> None:
    import_advisories(write(root / "osv.zip", documents), root / "advisories", force)


def has(events: list[dict[str, str]], version: str, versions: Sequence[str] = ()) -> bool:
    found, _ = read_osv(osv("X", events=events, versions=list(versions)), "x")
    return bool(Affecting([found["demo"]]).of(version, parsed(version)))


@pytest.mark.parametrize(
    ("events", "inside", "outside"),
    [
        ([{"introduced": "0"}, {"fixed": "1.2"}], "0.0.1.dev1 1.1.9 1.2rc1", "1.2 1.2.post1 2"),
        ([{"introduced": "1.0"}, {"last_affected": "1.5"}], "1.0 1.5 1.5.0 1.5+cu118", "0.9 1.0rc1 1.5.post1 1.6"),
        ([{"introduced": "0"}, {"fixed": "1"}, {"introduced": "2"}, {"fixed": "2.3"}], "0.5 2.0 2.2", "1 1.9 2.3 3"),
        ([{"fixed": "2.3"}, {"introduced": "2"}, {"fixed": "1"}, {"introduced": "0"}], "0.5 2.2", "1 2.3"),
        ([{"introduced": "1!0"}], "1!0 1!5", "99"),
        ([{"introduced": "0"}, {"fixed": "not a version"}], "0.1 99", ""),
        ([{"introduced": "not a version"}, {"fixed": "2"}], "0.1 1.9", "2"),
        ([{"introduced": "0"}], "what.ever", ""),
    ],
)
def test_ranges(events: list[dict[str, str]], inside: str, outside: str) -> None:
    assert [version for version in inside.split() if not has(events, version)] == []
    assert [version for version in outside.split() if has(events, version)] == []


URLLIB3 = """0.2 0.3 0.3.1 0.4.0 0.4.1 1.0 1.0.1 1.0.2 1.1 1.10 1.10.4 1.11 1.13.1 1.2 1.2.2 1.20 1.25 1.25.10 1.25.11 1.25.2 1.26.0
1.26.1 1.26.16 1.26.17 1.26.18 1.26.2 1.26.20 1.26.9 1.3 1.9.1 2.0.0 2.0.0a1 2.0.0a4 2.0.1 2.0.5 2.0.6 2.0.7 2.1.0 2.8.0"""
"""Versions of urllib3 as its page has them."""


def test_a_real_advisory() -> None:
    """PYSEC-2023-192 lists its ranges and, worked out by its database, its versions: among those above all but these."""
    events = [{"introduced": "2.0.0"}, {"fixed": "2.0.6"}, {"introduced": "0"}, {"fixed": "1.26.17"}]
    outside = ["1.26.17", "1.26.18", "1.26.20", "2.0.0a1", "2.0.0a4", "2.0.6", "2.0.7", "2.1.0", "2.8.0"]
    assert [version for version in URLLIB3.split() if not has(events, version)] == outside
    document = osv("PYSEC-2023-192", "urllib3", "CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:N", events=events)
    document["affected"][0]["ranges"].insert(0, {"type": "GIT", "repo": "r", "events": [{"introduced": "0"}]})
    (found,) = read_osv(document, "x")[0].values()
    assert (found.score, len(found.ranges)) == (8.1, 1)


def test_versions_that_are_named() -> None:
    for version in ("1.0", "1.0.0", "1.0+local", "odd"):
        assert has([], version, ["1.0", "odd"])
    assert not has([], "1.1", ["1.0", "odd"])
    assert not has([], "what.ever", ["1.0"])


@pytest.mark.parametrize(
    ("document", "score"),
    [
        (osv("A", vector=HIGH), 9.8),
        (osv("A", vector=LOW), 1.8),
        (osv("A", vector="CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"), 9.3),
        (osv("A", vector="CVSS:3.1/nonsense", database_specific={"severity": "MODERATE"}), 4.0),
        (osv("A", database_specific={"severity": "CRITICAL"}), 9.0),
        (osv("A"), None),
    ],
)
def test_scores(document: dict[str, Any], score: float | None) -> None:
    assert read_osv(document, "x")[0]["demo"].score == score


def test_what_refuses(tmp_path: Path, judging: Judging) -> None:
    imported(
        tmp_path,
        osv("GHSA-high", vector=HIGH, events=[{"introduced": "0"}, {"fixed": "2"}]),
        osv("GHSA-low", vector=LOW, events=[{"introduced": "3"}]),
        osv("PYSEC-1", "Other_Part", aliases=["GHSA-high"]),
        osv("MAL-2026-1", "evil"),
        osv("GHSA-gone", "fine", vector=HIGH, withdrawn="2026-06-02T00:00:00Z"),
        {**osv("GHSA-npm", "fine", vector=HIGH), "affected": [{"package": {"ecosystem": "npm", "name": "fine"}}]},
    )
    judge = judging({"advisories": {"severity": "high"}})
    assert "has known faults: GHSA-high (CVSS 9.8); take another version" in refused(judge, "demo", "demo-1.0.tar.gz")
    assert refused(judge, "demo", "demo-2.0.tar.gz") == refused(judge, "demo", "demo-3.0.tar.gz") == ""
    assert "PYSEC-1 (CVSS 9.8)" in refused(judge, "other-part", "other_part-1.tar.gz"), "rated by its alias"
    assert refused(judge, "fine", "fine-1.tar.gz") == ""
    for policy in ({"advisories": {"severity": "high"}}, {}):
        assert "MAL-2026-1 (malicious)" in refused(judging(policy), "evil", "evil-1.tar.gz")
    assert "GHSA-low" in refused(judging({"advisories": {"severity": "low"}}), "demo", "demo-3.0.tar.gz")
    assert refused(judging({"advisories": {}}), "demo", "demo-1.0.tar.gz") == ""


def test_unrated_advisories(tmp_path: Path, judging: Judging) -> None:
    imported(tmp_path, osv("PYSEC-9"))
    assert refused(judging({"advisories": {"severity": "low"}}), "demo", "demo-1.tar.gz") == ""
    policy = {"advisories": {"severity": "high", "unrated": "refuse"}}
    assert "PYSEC-9 (unrated)" in refused(judging(policy), "demo", "demo-1.tar.gz")


def test_exceptions_end(tmp_path: Path, judging: Judging) -> None:
    imported(tmp_path, osv("GHSA-1", vector=HIGH, aliases=["CVE-1"]), osv("GHSA-2", "part", vector=HIGH), osv("MAL-1", "part-x"))
    today, later = NOW.date(), NOW.date() + timedelta(days=9)

    def judge(**exception: Any) -> Any:
        return judging({"advisories": {"severity": "high", "exceptions": [{"reason": "not reached", **exception}]}})

    assert refused(judge(id="cve-1", until=today), "demo", "demo-1.tar.gz") == ""
    assert "GHSA-1" in refused(judge(id="CVE-1", until=today - timedelta(days=1)), "demo", "demo-1.tar.gz")
    assert "GHSA-2" in refused(judge(id="CVE-1", project="part", until=later), "part", "part-1.tar.gz")
    assert refused(judge(project="par*", until=later), "part", "part-1.tar.gz") == ""
    assert "MAL-1" in refused(judge(project="par*", until=later), "part-x", "part_x-1.tar.gz"), "malice must be named"
    assert refused(judge(id="MAL-1", until=later), "part-x", "part_x-1.tar.gz") == ""
    verdict = judge(id="CVE-1", until=later).verdicts("demo", {"filename": "demo-1.tar.gz"}, NOW.timestamp())["advisories"]
    assert verdict is not None
    assert verdict.reason.endswith(f"excepted until {later}: GHSA-1 (CVSS 9.8) (not reached)")
    assert verdict.until == datetime(later.year, later.month, later.day, tzinfo=UTC).timestamp() + 86400


def test_without_advisories_nothing_that_needs_them_is_given_out(judging: Judging) -> None:
    assert "none are imported" in refused(judging({"advisories": {}}), "demo", "demo-1.tar.gz")
    assert refused(judging({}), "demo", "demo-1.tar.gz") == ""


def test_importing_guards_against_loss(tmp_path: Path) -> None:
    documents = [osv(f"GHSA-{number}", f"demo-{number}", vector=HIGH) for number in range(9)]
    imported(tmp_path, *documents)
    database = AdvisoryDatabase(tmp_path / "advisories")
    with pytest.raises(FailedPreconditionError, match=r"has 4 advisories, that in force 9; .*--force"):
        imported(tmp_path, *documents[:4])
    with pytest.raises(FailedPreconditionError, match=r"ends at 2025-01-01 .*, that in force at 2026-06-01 .*--force"):
        imported(tmp_path, *({**each, "modified": "2025-01-01T00:00:00Z"} for each in documents))
    assert not database.look(), "nothing has changed"
    assert [each.id for each in database.of("demo-8").advisories] == ["GHSA-8"]
    for count in (4, 3, 2):
        imported(tmp_path, *documents[:count], force=True)
    assert database.look()
    assert (database.of("demo-8").advisories, database.status and database.status.advisories) == ((), 2)
    assert len(list((tmp_path / "advisories").glob("*.sqlite"))) == 2, "that in force, and the one before"
    database.close()


@pytest.mark.parametrize(
    ("member", "error", "message"),
    [
        ("{", DataLossError, "osv.zip/X.json is no JSON"),
        ("[]", DataLossError, "it has no id"),
        ('{"id": "X", "modified": "yesterday"}', DataLossError, "its 'modified' is 'yesterday'"),
        ('{"id": "X", "modified": "2026-01-01T00:00:00Z", "affected": {}}', DataLossError, "its 'affected' is no list"),
        ('{"id": "X", "modified": "2026-01-01T00:00:00Z"}', InvalidArgumentError, "has no advisory of Python's packages"),
        ("[" * 100_000, DataLossError, "is no JSON"),
    ],
)
def test_damaged_sources_change_nothing(tmp_path: Path, member: str, error: type[OpError], message: str) -> None:
    with zipfile.ZipFile(tmp_path / "osv.zip", "w") as archive:
        archive.writestr("X.json", member)
    with pytest.raises(error, match=message):
        import_advisories(tmp_path / "osv.zip", tmp_path / "advisories")
    assert sorted(path.name for path in (tmp_path / "advisories").iterdir()) == ["import.lock"]


def test_sources_that_are_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "_MAX_FILE_BYTES", 100)
    with pytest.raises(ResourceExhaustedError, match=r"X\.json has more than 100 bytes"):
        imported(tmp_path, osv("X", summary="x" * 200))


def test_the_command(tmp_path: Path) -> None:
    folder = tmp_path / "osv"
    folder.mkdir()
    (folder / "a.json").write_text(json.dumps(osv("MAL-1")))
    run = CliRunner().invoke
    none = run(mirror, ["advisories", "status", f"--root={tmp_path}"])
    assert (none.exit_code, "has no advisories" in none.output) == (1, True)
    done = run(mirror, ["advisories", "import", f"--root={tmp_path}", str(folder)])
    assert (done.exit_code, done.output.startswith("1 advisories, the newest of them ")) == (0, True)
    (tmp_path / "bad.zip").write_bytes(b"PK")
    bad = run(mirror, ["advisories", "import", f"--root={tmp_path}", str(tmp_path / "bad.zip")])
    assert (bad.exit_code, "cannot be read as a zip file" in bad.output) == (1, True)
    assert run(mirror, ["advisories", "status", f"--root={tmp_path}"]).output.startswith("1 advisories")
    events = [json.loads(line) for line in (tmp_path / "audit" / "audit.jsonl").read_text().splitlines()]
    assert [(each["action"], each["outcome"]) for each in events] == [("advisories", "imported"), ("advisories", "refused")]


def test_a_database_that_is_damaged_is_none(tmp_path: Path, judging: Judging) -> None:
    imported(tmp_path, osv("MAL-1"))
    (path,) = (tmp_path / "advisories").glob("*.sqlite")
    path.write_bytes(os.urandom(5000))
    assert "none are imported" in refused(judging({"advisories": {}}), "demo", "demo-1.tar.gz")


def test_what_is_known_of_a_database(tmp_path: Path) -> None:
    imported(tmp_path, osv("MAL-1"), osv("MAL-2", modified="2026-06-09T00:00:00Z"))
    database = AdvisoryDatabase(tmp_path / "advisories")
    status = database.status
    database.close()
    assert status is not None
    assert (status.advisories, status.newest) == (2, datetime(2026, 6, 9, tzinfo=UTC).timestamp())
    assert abs(status.imported - time.time()) < 3600
