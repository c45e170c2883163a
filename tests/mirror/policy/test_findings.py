"""What is found out about files."""

from __future__ import annotations

from pathlib import Path

from headrace.mirror.policy.findings import Findings, open_findings


def test_each_project_has_its_own(tmp_path: Path) -> None:
    """Two projects may list the same file; neither knows what was found out under the name of the other."""
    one, two = Findings(tmp_path / "f.sqlite"), Findings(tmp_path / "f.sqlite")
    assert one.of("a", "licence") == two.of("a", "licence") == {}
    one.note("a", "d1", "licence", {"expression": "MIT"})
    one.note("b", "d1", "licence", {"expression": "ISC"})
    before = one.of("a", "licence")
    one.note("a", "d2", "licence", {"expression": "0BSD"}, seconds=5.0)
    assert (len(before), len(one.of("a", "licence"))) == (1, 2)
    for each in (one, two):
        assert each.of("a", "licence")["d1"].value == {"expression": "MIT"}
        assert each.of("b", "licence")["d1"].value == {"expression": "ISC"}
        assert each.of("a", "publisher") == {}
    kept = two.of("a", "licence")["d2"]
    assert (kept.holds(kept.until - 1), kept.holds(kept.until)) == (True, False)
    two.note("a", "d3", "licence", {"expression": "Zlib"})
    assert set(one.of("a", "licence")) == {"d1", "d2", "d3"}, "another process has found it out"
    one.close()
    two.close()


def test_a_database_that_is_damaged_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "f.sqlite"
    path.write_bytes(b"no database" * 1000)
    findings = open_findings(path)
    findings.note("a", "d", "licence", {"expression": "MIT"})
    assert set(findings.of("a", "licence")) == {"d"}
    findings.close()
