"""How long the mirror's policy takes for a page of 3,000 files, as TensorFlow's has, with 430 advisories of the project.

python -m benchmarks.mirror.judging
"""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from headrace.mirror.policy.advisories.database import AdvisoryDatabase
from headrace.mirror.policy.advisories.importing import import_advisories
from headrace.mirror.policy.findings import Findings
from headrace.mirror.policy.judge import Judge
from headrace.mirror.policy.reading import parse_policy
from headrace.mirror.policy.view import view

RELEASES, FILES, ADVISORIES = 150, 20, 430
POLICY = {
    "deny": ["demo<0.5", "left-*"],
    "only_wheels": True,
    "cooldown_days": 7,
    "yanked": "refuse",
    "advisories": {"severity": "high"},
    "licences": {"allow": ["MIT", "Apache-2.0"]},
    "require_attestations": ["other-*"],
    "publisher_changes": "report",
}
VECTOR = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"


def page() -> dict[str, Any]:
    """The page of a project."""
    files = []
    for release in range(RELEASES):
        for number in range(FILES):
            name = f"demo-{release // 10}.{release % 10}.{number % 3}-cp3{number}-cp3{number}-manylinux_2_17_x86_64.whl"
            files.append(
                {
                    "filename": name,
                    "url": f"http://127.0.0.1/{name}",
                    "hashes": {"sha256": f"{release * FILES + number:064x}"},
                    "upload-time": f"20{10 + release // 12:02}-{release % 12 + 1:02}-02T03:04:05.000006Z",
                }
            )
    return {"name": "demo", "files": files}


def advisory(number: int) -> dict[str, Any]:
    """An advisory of some of its releases, as OSV has it."""
    events = [{"introduced": "0"}, {"fixed": f"{number % 12}.{number % 10}.1"}, {"introduced": "14.0"}, {"fixed": "14.0.1"}]
    entry = {"package": {"ecosystem": "PyPI", "name": "demo"}, "ranges": [{"type": "ECOSYSTEM", "events": events}]}
    severity = [{"type": "CVSS_V3", "score": VECTOR}]
    return {"id": f"GHSA-{number}", "modified": "2026-01-01T00:00:00Z", "affected": [entry], "severity": severity}


def milliseconds(work: Callable[[], object]) -> float:
    """Milliseconds of processor time of one call, which a busy machine does not change much."""
    start = time.process_time()
    work()
    return (time.process_time() - start) * 1e3


def main() -> None:
    """Prints the times."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        root = Path(folder)
        (root / "osv").mkdir()
        for number in range(ADVISORIES):
            (root / "osv" / f"{number}.json").write_text(json.dumps(advisory(number)))
        import_advisories(root / "osv", root / "advisories")
        database, findings = AdvisoryDatabase(root / "advisories"), Findings(root / "policy.sqlite")
        stack.callback(database.close)
        stack.callback(findings.close)
        policy, document = parse_policy(POLICY, "the benchmark"), page()
        judge = Judge(policy, database, findings)
        now, file = time.time(), document["files"][-1]
        print(f"first time: {milliseconds(lambda: view(judge, 'demo', document, now)):.1f} ms")
        again = min(milliseconds(lambda: view(judge, "demo", document, now)) for _ in range(9))
        print(f"again, the page and the policy known: {again:.1f} ms")
        judge.take(policy)
        print(f"after another policy: {milliseconds(lambda: view(judge, 'demo', document, now)):.1f} ms")
        findings.note("demo", "0" * 64, "licence", {"expression": "MIT"})
        print(f"after a finding: {milliseconds(lambda: view(judge, 'demo', document, now)):.1f} ms")
        one = min(milliseconds(lambda: judge.verdicts("demo", file, now)) for _ in range(99))
        print(f"one file: {one * 1e3:.0f} us")
        print(f"what a kept page costs: {min(milliseconds(lambda: judge.stamp('demo')) for _ in range(99)) * 1e3:.0f} us")
        print(f"left of {len(document['files'])} files: {len(view(judge, 'demo', document, now).document['files'])}")


if __name__ == "__main__":
    main()
