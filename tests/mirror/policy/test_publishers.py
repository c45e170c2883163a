"""Publishers: real provenances, verified without network, and forged ones."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import logging
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pypi_attestations
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.cli.mirror.group import mirror
from headrace.mirror.policy import attestations
from headrace.mirror.policy.attestations.verifying import verify
from headrace.mirror.policy.findings import Findings
from headrace.mirror.policy.reading import parse_policy
from tests.mirror.index_server import IndexServer
from tests.mirror.policy.judging import Judging, refused
from tests.mirror.policy.test_advisories import imported, osv
from tests.mirror.setting import Setting, mirroring

DATA = Path(__file__).parent / "provenances"
GITHUB = "pypi_attestations-0.0.19.tar.gz"
GITHUB_DIGEST = "9bb1add04b1b4e182be6b0b80931593f7a291eb49d69b4fd728a5d4cbcdc4bd3"
GITLAB = "gitlab_oidc_project-0.0.3.tar.gz"
GITLAB_DIGEST = "c1ca9b0d85df1606451098233018534497bf584362e10e4a8c21dfaea92c02a8"
GOOGLE = "gcb_attestation_test-0.0.0.tar.gz"
CIRCLE = "circleci_sign_publish_example-0.0.1.dev137-py3-none-any.whl"
CIRCLE_PROJECT = "circleci-sign-publish-example"
PUBLISHER = {"kind": "GitHub", "repository": "trailofbits/pypi-attestations", "workflow": "release.yml"}


def provenance(name: str) -> Any:
    return json.loads((DATA / f"{name}.provenance").read_text())


@pytest.fixture(autouse=True)
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no home that could be written, or that could have another trust root than the package."""
    for name in ("HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, "/proc/none")


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("somebody is asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.usefixtures("no_network")
def test_real_provenances() -> None:
    found = verify(json.dumps(provenance(GITHUB)).encode(), GITHUB, GITHUB_DIGEST)
    assert (found.publishers, found.problems) == ([PUBLISHER], [])
    attestation = json.loads((DATA / f"{GITLAB}.publish.attestation").read_text())
    publisher = {"kind": "GitLab", "repository": "facutuesca/gitlab-oidc-project", "workflow_filepath": ".gitlab-ci.yml"}
    bundle = {"publisher": publisher, "attestations": [attestation]}
    found = verify(json.dumps({"version": 1, "attestation_bundles": [bundle]}).encode(), GITLAB, GITLAB_DIGEST)
    assert (found.publishers, found.problems) == ([publisher], [])
    for name, kind in ((GOOGLE, "Google"), (CIRCLE, "CircleCI")):
        digest = hashlib.sha256((DATA / name).read_bytes()).hexdigest()
        found = verify(json.dumps(provenance(name)).encode(), name, digest)
        assert ([each["kind"] for each in found.publishers], found.problems) == ([kind], [])


def other_repository(document: Any) -> None:
    document["attestation_bundles"][0]["publisher"]["repository"] = "somebody/else"


def other_workflow(document: Any) -> None:
    document["attestation_bundles"][0]["publisher"]["workflow"] = "other.yml"


def other_kind(document: Any) -> None:
    document["attestation_bundles"][0]["publisher"] = {"kind": "Google", "email": "a@example.com"}


def other_statement(document: Any) -> None:
    envelope = document["attestation_bundles"][0]["attestations"][0]["envelope"]
    statement = json.loads(base64.b64decode(envelope["statement"]))
    statement["subject"][0]["digest"]["sha256"] = "ab" * 32
    envelope["statement"] = base64.b64encode(json.dumps(statement).encode()).decode()


def other_certificate(document: Any) -> None:
    material = document["attestation_bundles"][0]["attestations"][0]["verification_material"]
    material["certificate"] = provenance(GOOGLE)["attestation_bundles"][0]["attestations"][0]["verification_material"][
        "certificate"
    ]


def no_certificate(document: Any) -> None:
    material = document["attestation_bundles"][0]["attestations"][0]["verification_material"]
    material["certificate"] = base64.b64encode(b"no certificate").decode()


def other_time(document: Any) -> None:
    entry = document["attestation_bundles"][0]["attestations"][0]["verification_material"]["transparency_entries"][0]
    entry["integratedTime"] = "1893456000"


def no_log(document: Any) -> None:
    document["attestation_bundles"][0]["attestations"][0]["verification_material"]["transparency_entries"] = []


def no_bundles(document: Any) -> None:
    document["attestation_bundles"] = []


def unknown_kind(document: Any) -> None:
    document["attestation_bundles"][0]["publisher"]["kind"] = "ActiveState"


FORGERIES: list[Callable[[Any], None]] = [
    other_repository,
    other_workflow,
    other_kind,
    other_statement,
    other_certificate,
    no_certificate,
    other_time,
    no_log,
    no_bundles,
    unknown_kind,
]


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("forge", FORGERIES)
def test_forged_provenances(forge: Callable[[Any], None]) -> None:
    document = provenance(GITHUB)
    forge(document)
    digest = "ab" * 32 if forge is other_statement else GITHUB_DIGEST
    found = verify(json.dumps(document).encode(), GITHUB, digest)
    assert (found.publishers, bool(found.problems)) == ([], True)


@pytest.mark.parametrize("forge", [lambda _: None, *FORGERIES])
def test_pypi_attestations_says_the_same(forge: Callable[[Any], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    logging.getLogger("sigstore._internal.tuf").setLevel(logging.ERROR)  # it warns of what is meant here: that nobody is asked
    document = provenance(GITHUB)
    forge(document)
    proven = []
    try:
        for bundle in pypi_attestations.Provenance.model_validate(document).attestation_bundles:
            for each in bundle.attestations:
                each.verify(bundle.publisher, pypi_attestations.Distribution(name=GITHUB, digest=GITHUB_DIGEST), offline=True)
                proven.append(bundle.publisher.repository)
    except ValueError:
        proven = []
    found = verify(json.dumps(document).encode(), GITHUB, GITHUB_DIGEST)
    assert [each["repository"] for each in found.publishers] == proven


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_damage_proves_nothing_else(data: st.DataObject) -> None:
    body = bytearray((DATA / f"{GITHUB}.provenance").read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] ^= data.draw(st.integers(1, 255))
    found = verify(bytes(body), GITHUB, GITHUB_DIGEST)
    assert [each for each in found.publishers if {**each, "environment": ""} != {**PUBLISHER, "environment": ""}] == []
    assert found.publishers or found.problems


@pytest.mark.parametrize(
    ("name", "digest", "body"),
    [
        (GITHUB, "ab" * 32, None),
        ("pypi_attestations-0.0.20.tar.gz", GITHUB_DIGEST, None),
        ("strange.exe", GITHUB_DIGEST, None),
        (GITHUB, GITHUB_DIGEST, b""),
        (GITHUB, GITHUB_DIGEST, b"[" * 100_000),
        (GITHUB, GITHUB_DIGEST, b'{"version": 1, "attestation_bundles": [{}]}'),
    ],
)
def test_provenances_of_other_files(name: str, digest: str, body: bytes | None) -> None:
    found = verify(json.dumps(provenance(GITHUB)).encode() if body is None else body, name, digest)
    assert (found.publishers, bool(found.problems)) == ([], True)


def attested(index: IndexServer, document: Any = None, **more: Any) -> dict[str, Any]:
    """Publishes the real wheel with its provenance, or another one."""
    body = json.dumps(document or provenance(CIRCLE)).encode()
    return index.publish(CIRCLE_PROJECT, "0.0.1.dev137", CIRCLE, (DATA / CIRCLE).read_bytes(), provenance=body, **more)


CIRCLE_IDENTITY = {"kind": "CircleCI", "project_id": "fdd9283f-e619-46af-8f9c-851f7d3e8b2b"}


def with_policy(root: Path, table: dict[str, Any], work: Callable[[Setting], Any]) -> None:
    async def go() -> None:
        async with IndexServer() as index, mirroring(root, index, parse_policy(table, "this test")) as setting:
            await work(setting)

    asyncio.run(asyncio.wait_for(go(), 120))


async def ask(setting: Setting) -> tuple[int, str]:
    (listed,) = (await setting.page(CIRCLE_PROJECT))["files"]
    answer = await setting.get(listed["url"])
    return answer.status, answer.reason


def test_a_file_of_the_right_publisher(tmp_path: Path) -> None:
    async def work(setting: Setting) -> None:
        attested(setting.index)
        assert await ask(setting) == (200, "OK")
        asked = [path for path in setting.index.asked if path.endswith(".provenance")]
        assert await ask(setting) == (200, "OK")
        assert [setting.index.asked[path] for path in asked] == [1], "it is verified once"

    with_policy(tmp_path, {"publishers": {"circleci-*": CIRCLE_IDENTITY}, "require_attestations": ["*"]}, work)


def test_a_file_of_another_publisher(tmp_path: Path) -> None:
    async def work(setting: Setting) -> None:
        attested(setting.index)
        status, reason = await ask(setting)
        assert status == 403
        assert "was published by CircleCI fdd9283f-e619-46af-8f9c-851f7d3e8b2b" in reason
        assert "this mirror's policy expects GitHub pypa/sampleproject" in reason

    with_policy(tmp_path, {"publishers": {"*": {"kind": "GitHub", "repository": "pypa/sampleproject"}}}, work)


def test_a_file_without_a_valid_attestation(tmp_path: Path) -> None:
    async def work(setting: Setting) -> None:
        document = provenance(CIRCLE)
        document["attestation_bundles"][0]["publisher"]["project_id"] = "another"
        entry = attested(setting.index, document)
        status, reason = await ask(setting)
        assert (status, "has no valid attestation of its publisher: it cannot be verified" in reason) == (403, True)
        del entry["provenance"]
        setting.index.add("demo", "1.0")
        (listed,) = (await setting.page("demo"))["files"]
        answer = await setting.get(listed["url"])
        assert (answer.status, "has no attestation of its publisher" in answer.reason) == (403, True)

    with_policy(tmp_path, {"require_attestations": ["*"]}, work)


def test_a_provenance_that_cannot_be_had(tmp_path: Path) -> None:
    async def work(setting: Setting) -> None:
        attested(setting.index)
        (listed,) = (await setting.page(CIRCLE_PROJECT))["files"]
        setting.index.down = True
        assert (await setting.get(listed["url"])).status == 503
        setting.index.down = False
        path = next(path for path in setting.index.contents if path.endswith(".provenance"))
        body = setting.index.contents.pop(path)
        status, reason = await ask(setting)
        assert (status, "the provenance cannot be read" in reason) == (403, True)
        setting.index.contents[path] = body

    with_policy(tmp_path, {"require_attestations": ["*"]}, work)


@pytest.mark.parametrize(("changes", "status"), [("report", 200), ("block", 507)])
def test_what_is_only_reported_stops_nothing(tmp_path: Path, changes: str, status: int) -> None:
    async def work(setting: Setting) -> None:
        entry = attested(setting.index)
        setting.index.contents[f"{entry['url'].removeprefix('../..')}.provenance"] = bytes(5 << 20)  # nobody reads so much
        assert (await ask(setting))[0] == status
        text = (await setting.get("metrics")).body.decode()
        assert ('headrace_mirror_policy_events_total{event="not_looked_at"} 1' in text) == (changes == "report")

    with_policy(tmp_path, {"publisher_changes": changes}, work)


def test_without_the_extra_nothing_under_the_rule_is_given_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "headrace.mirror.policy.attestations.sigstore_checks", raising=False)
    monkeypatch.delattr(attestations, "sigstore_checks", raising=False)
    monkeypatch.setitem(sys.modules, "pypi_attestations", None)

    async def work(setting: Setting) -> None:
        attested(setting.index)
        status, reason = await ask(setting)
        assert (status, "pip install 'headrace[attestations]'" in reason) == (403, True)

    with_policy(tmp_path, {"require_attestations": ["*"]}, work)


@pytest.mark.parametrize("changes", ["report", "block"])
def test_a_publisher_that_changes(tmp_path: Path, judging: Judging, changes: str) -> None:
    judge = judging({"publisher_changes": changes})
    findings = judge._findings
    name = "demo-2-py3-none-any.whl"
    attested_file = {"provenance": "http://index.invalid/p"}
    assert refused(judge, "demo", name) == "", "nobody is known yet"
    findings.meet("demo", {"kind": "GitHub", "repository": "a/b"}, "demo-1.tar.gz", 1_700_000_000.0)
    findings.meet("demo", {"kind": "GitHub", "repository": "z/z"}, "demo-2.tar.gz", 1_800_000_000.0)
    findings.note("demo", "ab" * 32, "publisher", {"publishers": [{"kind": "GitHub", "repository": "A/B"}], "problem": ""})
    assert refused(judge, "demo", name, **attested_file) == ""
    findings.note("demo", "ab" * 32, "publisher", {"publishers": [{"kind": "GitHub", "repository": "evil/b"}], "problem": ""})
    blocked = changes == "block"
    expected = "was published by GitHub evil/b, and demo-1.tar.gz by GitHub a/b"
    verdicts = judge.verdicts("demo", {"filename": name, "hashes": {"sha256": "ab" * 32}, **attested_file}, 0.0)
    verdict = verdicts["publisher"]
    assert verdict is not None
    assert (expected in verdict.reason, verdict.refused, verdict.alert) == (True, blocked, "publisher_changed")
    assert ("has no attestation" in refused(judge, "demo", name)) == blocked, "a later file that is not attested"
    assert refused(judge, "demo", name, age_days=9999.0) == "", "one from before"
    assert findings.forget("demo")
    assert refused(judge, "demo", name, **attested_file) == ""


def test_projects_that_anyone_may_publish(judging: Judging) -> None:
    judge = judging({"require_attestations": ["*"], "publishers": {"acme-*": "anyone"}})
    assert refused(judge, "acme-core", "acme_core-1.tar.gz") == ""
    assert "has no attestation" in refused(judge, "demo", "demo-1.tar.gz")


def test_a_change_is_told(tmp_path: Path) -> None:
    async def work(setting: Setting) -> None:
        attested(setting.index)
        setting.index.publish(
            CIRCLE_PROJECT, "2", "circleci_sign_publish_example-2.tar.gz", b"x", **{"upload-time": "2026-02-02T00:00:00Z"}
        )
        old, _ = (await setting.page(CIRCLE_PROJECT))["files"]
        assert (await setting.get(old["url"])).status == 200
        _, new = (await setting.page(CIRCLE_PROJECT))["files"]
        assert (await setting.get(new["url"])).status == 200
        text = (await setting.get("metrics")).body.decode()
        assert 'headrace_mirror_policy_events_total{event="publisher_changed"} 1' in text

    with_policy(tmp_path, {"publisher_changes": "report"}, work)
    event = json.loads((tmp_path / "audit" / "audit.jsonl").read_text().splitlines()[-1])
    assert (event["outcome"], event["file"]) == ("publisher_changed", "circleci_sign_publish_example-2.tar.gz")


def test_the_command_forgets(tmp_path: Path) -> None:
    run = CliRunner().invoke
    assert "holds no mirror" in run(mirror, ["publishers", "list", f"--root={tmp_path}"]).output
    findings = Findings(tmp_path / "policy.sqlite")
    findings.meet("demo", {"kind": "GitHub", "repository": "a/b"}, "demo-1.tar.gz", 1.0)
    findings.close()
    assert run(mirror, ["publishers", "list", f"--root={tmp_path}"]).output == "demo: GitHub a/b (demo-1.tar.gz)\n"
    forget = ["publishers", "forget", f"--root={tmp_path}", "--reason=it has moved", "Demo"]
    assert run(mirror, forget).output == "demo: GitHub a/b is forgotten\n"
    assert "nobody is known as the publisher of demo" in run(mirror, forget).output
    (event,) = map(json.loads, (tmp_path / "audit" / "audit.jsonl").read_text().splitlines())
    assert (event["action"], event["outcome"], event["reason"]) == ("publisher", "forgotten", "it has moved")


def test_explain_says_what_each_rule_says(tmp_path: Path) -> None:
    async def work(setting: Setting) -> None:
        attested(setting.index)
        setting.index.add("demo", "1.0")
        await setting.page("demo")
        assert (await ask(setting))[0] == 200

    table = {"publishers": {"circleci-*": CIRCLE_IDENTITY}, "require_attestations": ["*"], "licences": {"allow": ["MIT"]}}
    with_policy(tmp_path, table, work)
    path = tmp_path / "policy.toml"
    path.write_text(
        'require_attestations = ["*"]\n[licences]\nallow = ["MIT"]\n'
        '[publishers]\n"circleci-*" = {kind = "CircleCI", project_id = "x"}\n'
    )
    imported(tmp_path, osv("GHSA-9", CIRCLE_PROJECT))
    explain = ["explain", f"--root={tmp_path}", f"--policy={path}", "--json"]
    (known,) = json.loads(CliRunner().invoke(mirror, [*explain, f"{CIRCLE_PROJECT}==0.0.1.dev137"]).output)
    rules = known["rules"]
    assert list(rules) == ["projects", "file type", "yanked", "age", "advisories", "licence", "publisher"]
    assert (known["given_out"], rules["licence"]["verdict"], rules["publisher"]["verdict"]) == (
        False,
        "nothing against it",
        "refused",
    )
    assert "this mirror's policy expects CircleCI x" in rules["publisher"]["reason"]
    assert known["facts"]["licence"] == "MIT"
    assert [each["kind"] for each in known["facts"]["publishers"]] == ["CircleCI"]
    assert [each["id"] for each in known["facts"]["advisories"]] == ["GHSA-9"]
    (unknown,) = json.loads(CliRunner().invoke(mirror, [*explain, "demo"]).output)
    assert (unknown["rules"]["licence"]["verdict"], unknown["rules"]["publisher"]["verdict"]) == ("not looked at", "refused")
    verbose = CliRunner().invoke(mirror, ["explain", f"--root={tmp_path}", f"--policy={path}", "--verbose", "demo"]).output
    assert "  age: nothing against it\n" in verbose
    assert "  advisories of this version: none\n  licence: not looked at yet\n  published by: not looked at yet\n" in verbose
    assert "  licence: the licence of demo-1.0-py3-none-any.whl has not been looked at yet\n" in verbose
