"""Real clients against the mirror, where there is no network but loopback: pip of two versions, uv, twine, pypi-simple."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.interop import environments

pytestmark = pytest.mark.interop

SECONDS = 500


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What all clients said; they run once."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("a network namespace needs Linux, root, and unshare")
    try:
        twine, pip = environments.ensure("twine"), environments.ensure("pip")
    except environments.EnvironmentUnavailable as error:
        pytest.fail(str(error), pytrace=False)
    command = ["unshare", "--net", sys.executable, "-m", "tests.interop.mirror_session"]
    done = subprocess.run(
        [*command, tmp_path_factory.mktemp("session"), twine, pip],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def said(session: dict[str, Any], name: str, status: int = 0) -> str:
    found = session["tried"][name]
    assert found["status"] == status, found["said"]
    text: str = found["said"]
    return text


def parts(metrics: str) -> int:
    """How many parts of files were sent."""
    found = re.search(r'headrace_mirror_requests_total\{kind="file",status="206"\} (\d+)', metrics)
    return int(found[1]) if found is not None else 0


def test_an_old_pip_checks_hashes(session: dict[str, Any]) -> None:
    assert "Successfully installed demo-1.0" in said(session, "old pip, right hash")
    assert "DO NOT MATCH THE HASHES" in said(session, "old pip, wrong hash", 1)


def test_pip_lists_versions_and_obeys_times(session: dict[str, Any]) -> None:
    versions = json.loads(said(session, "versions").strip().splitlines()[-1])
    assert versions["versions"] == ["2.0", "1.0"], "3.0 is yanked"
    said(session, "uploaded prior to")
    assert session["tried"]["uploaded prior to"]["files"] == ["demo-1.0-py3-none-any.whl"]


def test_lock_files_hold_the_mirrors_urls(session: dict[str, Any]) -> None:
    said(session, "lock")
    said(session, "uv lock")
    digests = {file["filename"]: file["hashes"]["sha256"] for file in session["files"]}
    locked = session["tried"]["lock"]["file"]["packages"]
    assert [each["name"] for each in locked] == ["demo", "demo-part"]
    for package in locked:
        (wheel,) = package["wheels"]
        assert wheel["url"].startswith(f"{session['url']}/files/main/{package['name']}/packages/")
        assert wheel["hashes"] == {"sha256": digests[wheel["name"]]}
    packages = [each for each in session["tried"]["uv lock"]["file"]["package"] if each["name"] != "project"]
    assert [(each["name"], each["version"]) for each in packages] == [("demo", "1.0"), ("demo-part", "2.5")], "2.0 is newer"
    for package in packages:
        assert package["source"] == {"registry": f"{session['url']}/simple/"}
        (wheel,) = package["wheels"]
        assert wheel["url"].startswith(f"{session['url']}/files/main/{package['name']}/packages/")
        assert wheel["hash"] == f"sha256:{digests[wheel['url'].rpartition('/')[2]]}"
        assert wheel["upload-time"] == "2026-01-02T03:04:05Z"


def test_pip_reads_metadata_by_ranges(session: dict[str, Any]) -> None:
    assert "Would install demo-part-2.5 lazy-1.0" in said(session, "fast deps")
    found = session["tried"]["fast deps"]
    assert parts(found["after"]) > parts(found["before"])


def test_pip_goes_on_with_a_download_that_broke_off(session: dict[str, Any]) -> None:
    text = said(session, "resume")
    found = session["tried"]["resume"]
    assert (found["cuts"], "Resuming download large-1.0" in text) == (1, True)
    assert parts(found["metrics"]) > parts(session["tried"]["fast deps"]["after"])


def test_uv_installs_and_publishes_with_attestations(session: dict[str, Any]) -> None:
    assert "demo==2.0" in said(session, "uv install")
    said(session, "uv publish")
    found = session["tried"]["uv publish"]
    (file,) = found["page"]["files"]
    assert file["provenance"] == f"{session['url']}/provenance/private/acme-attested/{file['filename']}"
    (bundle,) = json.loads(found["provenance"])["attestation_bundles"]
    assert bundle["attestations"] == [found["sent"]]


def test_twine_uploads_over_tls(session: dict[str, Any]) -> None:
    assert "401 Unauthorized" in said(session, "twine, wrong token", 1)
    said(session, "twine")
    assert "409 Conflict" in said(session, "twine, other content", 1)
    found = json.loads(said(session, "libraries"))
    assert (found["status"], found["skipped"]) == (409, True), "what --skip-existing takes for there already"


def test_private_packages_over_tls_with_a_password(session: dict[str, Any]) -> None:
    assert "Successfully installed acme-core-1.0 demo-2.0 demo-part-2.5" in said(session, "pip over TLS")
    assert session["tried"]["pip over TLS"]["installed"] == ["acme_core.py", "demo.py", "demo_part.py"]
    assert "acme-core==1.0" in said(session, "uv over TLS")
    assert "Successfully downloaded acme-core" in said(session, "pip with netrc")
    assert "401" in said(session, "uv without a token", 1)
    assert session["asked"]
    assert not [path for path in session["asked"] if "acme" in path], "private names are asked of nobody"


def test_pypi_simple_reads_both_forms_alike(session: dict[str, Any]) -> None:
    found = json.loads(said(session, "libraries"))
    assert "Name: demo\nVersion: 1.0" in found["metadata"]
    assert found["listed"]["json"] == found["listed"]["html"]
    assert {"demo", "urllib3", "All.Keys"} <= set(found["listed"]["json"])
    for project, page in session["pages"].items():
        forms = found["pages"][project]
        assert forms["json"]["version"] == forms["html"]["version"] == "1.4"
        assert forms["json"]["status"] == forms["html"]["status"]
        assert forms["json"]["files"] == forms["html"]["files"]
        for told, known in zip(forms["json"]["files"], page["files"], strict=True):
            assert told["filename"] == known["filename"]
            assert told["sha256"] == known["hashes"]["sha256"]
            assert told["requires-python"] == known["requires-python"]
            assert told["yanked"] == known["yanked"]
            digest = known.get("core-metadata") or {}
            assert told["metadata-sha256"] == digest.get("sha256")
