"""Private projects: who may read and manage them, yanked and removed files, attestations."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import io
import json
import logging
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from headrace.core.errors import InvalidArgumentError
from headrace.core.tokens import token_hash
from headrace.mirror.index.page import JSON_TYPE
from headrace.mirror.private.attestations import provenance
from headrace.mirror.private.uploaders import Uploader, read_uploaders
from tests.mirror.index_server import IndexServer, wheel
from tests.mirror.setting import Answer, Setting, mirroring
from tests.mirror.test_uploads import archive, upload

PEOPLE = (
    Uploader("ann", token_hash("anns"), ("acme-*",)),
    Uploader("bob", token_hash("bobs"), read=("acme-core",)),
    Uploader("meg", token_hash("megs"), manage=("acme-*",)),
)
WHEEL, CONTENT, METADATA = wheel("acme-core", "1.0", 3000)
SOURCE = archive({"acme_core-1.0/PKG-INFO": b"Metadata-Version: 2.1\nName: acme-core\nVersion: 1.0\n"})


def basic(token: str) -> str:
    return "Basic " + base64.b64encode(f"__token__:{token}".encode()).decode()


@contextlib.asynccontextmanager
async def with_people(root: Path, private_read: str = "anyone") -> AsyncIterator[Setting]:
    options = {"private": ("acme-*",), "uploaders": PEOPLE, "private_read": private_read}
    async with IndexServer() as index, mirroring(root, index, mirror=options) as setting:
        index.add("demo", "1.0")
        yield setting


async def manage(setting: Setting, action: str, token: str = "megs", **asked: Any) -> Answer:
    headers = {"Authorization": basic(token)} if token else {}
    url = f"{setting.url}/manage/{action}"
    async with setting.session.post(url, json=asked, headers=headers) as response:
        return Answer(response.status, dict(response.headers), await response.read(), response.reason or "")


def test_yank_and_remove(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        caplog.set_level(logging.INFO, "headrace")
        async with with_people(tmp_path) as setting:
            for name, content in ((WHEEL, CONTENT), ("acme_core-1.0.tar.gz", SOURCE), wheel("acme-core", "1.10")[:2]):
                assert (await upload(setting, name, content, "anns")).status == 200
            assert (await upload(setting, *wheel("acme-core", "1.9")[:2], "anns")).status == 200
            page = await setting.page("acme-core")
            assert page["versions"] == ["1.0", "1.9", "1.10"], "in the order of versions"
            assert page["files"][0]["core-metadata"] == page["files"][0]["dist-info-metadata"]

            done = await manage(setting, "yank", project="Acme.Core", version="1.0.0", reason="it burns")
            assert json.loads(done.body) == {"action": "yank", "files": [WHEEL, "acme_core-1.0.tar.gz"]}
            yanked = [file["yanked"] for file in (await setting.page("acme-core"))["files"]]
            assert yanked == ["it burns", "it burns", False, False]
            assert 'data-yanked="it burns"' in (await setting.get("simple/acme-core/")).body.decode()
            assert (await manage(setting, "unyank", project="acme-core", version="1.0", file=WHEEL)).status == 200
            yanked = [file["yanked"] for file in (await setting.page("acme-core"))["files"]]
            assert yanked == [False, "it burns", False, False]
            assert (await manage(setting, "yank", project="acme-core", version="1.9")).status == 200
            assert (await setting.page("acme-core"))["files"][3]["yanked"] is True, "without a reason"

            (file,) = [each for each in (await setting.page("acme-core"))["files"] if each["filename"] == WHEEL]
            assert (await setting.get(file["url"])).body == CONTENT
            blob = tmp_path / "blobs" / hashlib.sha256(CONTENT).hexdigest()[:2] / hashlib.sha256(CONTENT).hexdigest()
            assert blob.exists()
            assert (
                await manage(setting, "remove", project="acme-core", version="1.0", file=WHEEL, reason="a secret")
            ).status == 200
            page = await setting.page("acme-core")
            assert WHEEL not in [each["filename"] for each in page["files"]]
            assert not [key for key in page if key.startswith("_")], "what was removed is not told"
            for url in (file["url"], f"{file['url']}.metadata"):
                assert (await setting.get(url)).status == 404
            assert not blob.exists(), "its content is gone, too"
            again = await upload(setting, WHEEL, CONTENT, "anns")
            assert (again.status, "its name is not used again" in again.reason) == (409, True)
            lines = [getattr(record, "headrace_fields", {}) for record in caplog.records if record.message == "managed"]
            who = {"action": "remove", "by": "meg", "address": "127.0.0.1"}
            assert lines[-1] == {**who, "project": "acme-core", "file": WHEEL, "reason": "a secret"}
            assert not [asked for asked in setting.index.asked if "acme" in asked]

    asyncio.run(asyncio.wait_for(work(), 60))


def test_what_others_keep_is_not_removed(tmp_path: Path) -> None:
    async def work() -> None:
        async with with_people(tmp_path) as setting:
            other = WHEEL.replace("-py3-", "-py2.py3-")
            assert (await upload(setting, WHEEL, CONTENT, "anns")).status == 200
            assert (await upload(setting, other, CONTENT, "anns")).status == 200
            assert (await manage(setting, "remove", project="acme-core", version="1.0", file=WHEEL)).status == 200
            (file,) = (await setting.page("acme-core"))["files"]
            assert (await setting.get(file["url"])).body == CONTENT
            assert (await setting.get(f"{file['url']}.metadata")).body == METADATA

    asyncio.run(asyncio.wait_for(work(), 60))


def test_who_may_manage_what(tmp_path: Path) -> None:
    async def work() -> None:
        async with with_people(tmp_path) as setting:
            assert (await upload(setting, WHEEL, CONTENT, "anns")).status == 200
            known = {"project": "acme-core", "version": "1.0"}
            for token, asked, status, reason in (
                ("", known, 401, "a token is needed"),
                ("wrong", known, 401, "is not known"),
                ("anns", known, 403, "ann may not manage acme-core"),
                ("megs", {**known, "project": "demo"}, 403, "meg may not manage demo"),
                ("megs", {**known, "version": "2.0"}, 404, "no private file of acme-core 2.0"),
                ("megs", {**known, "file": "x.whl"}, 404, "no private file 'x.whl'"),
                ("megs", {**known, "project": "acme-none"}, 404, "no private file"),
                ("megs", {**known, "version": "one"}, 400, "is no version"),
                ("megs", {**known, "project": "../x"}, 400, "is no project name"),
                ("megs", {"project": "acme-core"}, 400, "expected a JSON object"),
                ("megs", {**known, "more": "x"}, 400, "expected a JSON object"),
                ("megs", {**known, "reason": 1}, 400, "expected texts"),
                ("megs", {**known, "reason": "a\nb"}, 400, "one line"),
            ):
                answer = await manage(setting, "yank", token, **asked)
                assert (answer.status, reason in answer.reason) == (status, True), answer
                assert ("WWW-Authenticate" in answer.headers) == (status == 401)
            assert (await manage(setting, "explode", **known)).status == 404
            assert (await setting.page("acme-core"))["files"][0]["yanked"] is False

    asyncio.run(asyncio.wait_for(work(), 60))


def test_reading_needs_a_token(tmp_path: Path) -> None:
    async def work() -> None:
        async with with_people(tmp_path, "token") as setting:
            assert (await upload(setting, WHEEL, CONTENT, "anns")).status == 200
            assert (await upload(setting, *wheel("acme-secret", "1.0")[:2], "anns")).status == 200
            page = await setting.get("simple/acme-core/", Accept=JSON_TYPE, Authorization=basic("bobs"))
            assert page.headers["cache-control"] == "private, no-cache"
            assert "Authorization" in page.headers["vary"]
            (file,) = json.loads(page.body)["files"]
            paths = ["simple/acme-core/", file["url"], f"{file['url']}.metadata", "simple/acme-never-uploaded/"]
            for path in paths:
                refused = await setting.get(path)
                assert (refused.status, refused.headers["www-authenticate"]) == (401, 'Basic realm="headrace mirror"')
                assert (await setting.get(path, Authorization=basic("wrong"))).status == 401
            for token in ("anns", "bobs", "megs"):
                got = await setting.get(file["url"], Authorization=basic(token))
                assert (got.status, got.body, got.headers["cache-control"].split(",")[0]) == (200, CONTENT, "private")
            assert (await setting.get("simple/acme-secret/", Authorization=basic("bobs"))).status == 403
            assert (await setting.get("simple/demo/")).status == 200, "others are for all"
            for token, names in (
                ("", ["demo"]),
                ("bobs", ["acme-core", "demo"]),
                ("anns", ["acme-core", "acme-secret", "demo"]),
            ):
                headers = {"Authorization": basic(token)} if token else {}
                answer = await setting.get("simple/", Accept=JSON_TYPE, **headers)
                assert [each["name"] for each in json.loads(answer.body)["projects"]] == names
            assert not [asked for asked in setting.index.asked if "acme" in asked]

    asyncio.run(asyncio.wait_for(work(), 60))


def attestation(filename: str, digest: str) -> dict[str, Any]:
    subject = {"name": filename, "digest": {"sha256": digest}}
    statement = {"_type": "https://in-toto.io/Statement/v1", "subject": [subject], "predicateType": "x", "predicate": None}
    envelope = {"statement": base64.b64encode(json.dumps(statement).encode()).decode(), "signature": "AAAA"}
    return {"version": 1, "verification_material": {"certificate": "AAAA", "transparency_entries": [{}]}, "envelope": envelope}


def test_attestations_become_the_provenance(tmp_path: Path) -> None:
    async def work() -> None:
        digest = hashlib.sha256(CONTENT).hexdigest()
        async with with_people(tmp_path) as setting:
            other = json.dumps([attestation(WHEEL, "0" * 64)])
            refused = await upload(setting, WHEEL, CONTENT, "anns", attestations=other)
            assert (refused.status, "is about another file" in refused.reason) == (400, True)
            sent = [attestation(WHEEL, digest)]
            assert (await upload(setting, WHEEL, CONTENT, "anns", attestations=json.dumps(sent))).status == 200
            (file,) = (await setting.page("acme-core"))["files"]
            found = await setting.get(file["provenance"])
            assert found.headers["content-type"] == "application/vnd.pypi.integrity.v1+json"
            (bundle,) = json.loads(found.body)["attestation_bundles"]
            assert (bundle["attestations"], bundle["publisher"]["kind"]) == (sent, "headrace-token")
            told = f'data-provenance="{setting.url}/provenance/private/acme-core/'
            assert told in (await setting.get("simple/acme-core/")).body.decode()
            await manage(setting, "remove", project="acme-core", version="1.0")
            assert (await setting.get(file["provenance"])).status == 404

    asyncio.run(asyncio.wait_for(work(), 60))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("[", "no JSON"),
        ("{}", "a list of 1 to 16"),
        ("[]", "a list of 1 to 16"),
        ("[1]", "version 1"),
        ('[{"version": 2}]', "version 1"),
        ('[{"version": 1}]', "lacks its"),
        ('[{"version": 1, "verification_material": {}, "envelope": {}}]', "without a statement"),
        ('[{"version": 1, "verification_material": {}, "envelope": {"statement": "%", "signature": ""}}]', "no JSON in base64"),
        ('[{"version": 1, "verification_material": {}, "envelope": {"statement": "e30=", "signature": ""}}]', "not about one file"),
    ],
)
def test_attestations_with_mistakes(change: str, reason: str) -> None:
    with pytest.raises(InvalidArgumentError, match=reason):
        provenance(change, WHEEL, "0" * 64, "ann")


def test_roles_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "uploaders.toml"
    path.write_text(f"[[uploader]]\nname = 'bob'\ntoken_sha256 = '{token_hash('bobs')}'\nread = ['acme-core']\n")
    (bob,) = read_uploaders(path)
    assert bob == PEOPLE[1]
    assert [bob.may("acme-core", role) for role in ("read", "upload", "manage")] == [True, False, False]
    assert not bob.may("acme-other", "read")


PATHS = [
    "simple/{0}/",
    "simple/{0}",
    "simple/{0}/?format=application/vnd.pypi.simple.v1%2Bjson",
    "files/main/{0}/packages/x/acme_core-1.0-py3-none-any.whl",
    "files/main/{0}/packages/x/acme_core-1.0-py3-none-any.whl.metadata",
    "files/private/{0}/acme_core-9.0-py3-none-any.whl",
    "files/private/{0}/acme_core-9.0-py3-none-any.whl.metadata",
    "provenance/main/{0}/acme_core-1.0-py3-none-any.whl",
    "provenance/private/{0}/acme_core-1.0-py3-none-any.whl",
]


@pytest.mark.parametrize("private_read", ["anyone", "token"])
def test_private_names_are_asked_of_nobody(tmp_path: Path, private_read: str) -> None:
    async def work() -> None:
        async with with_people(tmp_path, private_read) as setting:
            setting.index.add("acme-core", "9.0")  # somebody has taken the name upstream
            setting.index.add("acme-never", "9.0")
            assert (await upload(setting, WHEEL, CONTENT, "anns")).status == 200
            for name in ("acme-core", "Acme_Core", "ACME.core", "acme--core", "acme%2Dcore", "acme-never", "acme-never-anywhere"):
                for path in PATHS:
                    for method in ("GET", "HEAD"):
                        answer = await setting.get(path.format(name), method, Authorization=basic("anns"))
                        assert answer.status in (200, 301, 400, 404), (path, name, answer)
            for action in ("yank", "unyank", "remove"):
                await manage(setting, action, project="acme-never", version="9.0")
            listed = json.loads((await setting.get("simple/", Accept=JSON_TYPE, Authorization=basic("anns"))).body)
            assert [each["name"] for each in listed["projects"]] == ["acme-core", "demo"]
            page = await setting.get("simple/acme-core/", Accept=JSON_TYPE, Authorization=basic("anns"))
            assert json.loads(page.body)["versions"] == ["1.0"]
            assert set(setting.index.asked) == {"GET /simple/"}, "the only thing that upstream was ever asked"

    asyncio.run(asyncio.wait_for(work(), 60))


@pytest.mark.parametrize("version", ["2.1", "2.2", "2.3", "2.4", "2.5"])
def test_versions_of_metadata_and_fields_that_do_not_count(tmp_path: Path, version: str) -> None:
    lines = [f"Metadata-Version: {version}", "Name: acme-core", "Version: 1.0", "Requires-Python: >=3.9"]
    more = {"2.2": "Dynamic: Classifier", "2.4": "License-Expression: MIT", "2.5": "Import-Name: acme_core"}
    metadata = "\n".join([*lines, *(line for since, line in more.items() if since <= version), "", "Described: so\n"]).encode()
    with zipfile.ZipFile(io.BytesIO(CONTENT)) as old, zipfile.ZipFile(content := io.BytesIO(), "w") as new:
        for name in old.namelist():
            new.writestr(name, metadata if name.endswith("/METADATA") else old.read(name))
    fields = {
        "metadata_version": version,
        "pyversion": "py3",
        "filetype": "bdist_wheel",
        "comment": "",
        "license_expression": "MIT",
    }

    async def work() -> None:
        async with with_people(tmp_path) as setting:
            sent = {**fields, "gpg_signature": "-----BEGIN PGP SIGNATURE-----"}
            answer = await upload(setting, WHEEL, content.getvalue(), "anns", **sent)
            assert answer.status == 200, answer
            (file,) = (await setting.page("acme-core"))["files"]
            assert (file["requires-python"], "gpg-sig" in file) == (">=3.9", False)
            assert (await setting.get(f"{file['url']}.metadata")).body == metadata
            assert (await setting.get(f"{file['url']}.asc")).status == 404

    asyncio.run(asyncio.wait_for(work(), 60))
