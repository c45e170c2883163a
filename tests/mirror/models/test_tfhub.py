"""TF-Hub's protocol through the mirror."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
import tarfile
from pathlib import Path

from click.testing import CliRunner

from headrace.cli.mirror.seed import seed
from headrace.core.tokens import token_hash
from headrace.mirror.models.tfhub.records import read_pins
from headrace.mirror.models.tfhub.seeding import folder_of
from headrace.mirror.policy.models import ModelPolicy
from headrace.mirror.private.uploaders import Uploader
from tests.mirror.models.archives import FILES, HOSTILE, archive
from tests.mirror.models.tfhub_server import TfHubServer, publish, tfhub_mirroring, with_tfhub
from tests.mirror.setting import Setting

PATH = "acme/nets/small/2"
URL = f"tfhub/{PATH}?tf-hub-format=compressed"
GOOD = archive({**FILES, "variables/data": bytes(range(256)) * 2000})
SHA256 = hashlib.sha256(GOOD).hexdigest()


def test_an_archive_from_upstream(tmp_path: Path) -> None:
    async def work(setting: Setting, hub: TfHubServer) -> None:
        hub.archives[PATH] = GOOD
        answers = await asyncio.gather(*(setting.get(URL) for _ in range(8)))
        assert {(answer.status, answer.body == GOOD) for answer in answers} == {(200, True)}
        assert hub.asked[f"/{PATH}"] == 1, "one transfer for all"
        headers = answers[0].headers
        assert (headers["etag"], headers["x-headrace-sha256"], headers["x-headrace-trust"]) == (f'"{SHA256}"', SHA256, "first-use")
        assert headers["repr-digest"] == f"sha-256=:{base64.b64encode(bytes.fromhex(SHA256)).decode()}:"
        hub.down = True
        part = await setting.get(URL, Range="bytes=10-19")
        assert (part.status, part.body) == (206, GOOD[10:20])
        head = await setting.get(URL, "HEAD")
        assert (head.status, head.headers["content-length"]) == (200, str(len(GOOD)))
        assert (await setting.get("tfhub/acme/other/1")).status == 503
        hub.down = False

    with_tfhub(tmp_path, work)


def test_two_mirrors_on_one_store_fetch_once(tmp_path: Path) -> None:
    async def work() -> None:
        async with TfHubServer() as hub, tfhub_mirroring(tmp_path, hub) as one, tfhub_mirroring(tmp_path, hub) as two:
            hub.archives[PATH] = GOOD
            answers = await asyncio.gather(*(each.get(URL) for each in (one, two) * 4))
            assert {(answer.status, answer.body == GOOD) for answer in answers} == {(200, True)}
            assert hub.asked[f"/{PATH}"] == 1

    asyncio.run(asyncio.wait_for(work(), 60))


def test_the_first_archive_stays_the_one(tmp_path: Path) -> None:
    async def work(setting: Setting, hub: TfHubServer) -> None:
        hub.archives[PATH] = GOOD
        assert (await setting.get(URL)).body == GOOD
        next((tmp_path / "blobs").rglob(SHA256)).unlink()  # made room
        hub.archives[PATH] = archive({"saved_model.pb": b"another"})
        answer = await setting.get(URL)
        assert answer.status == 502 or answer.broken
        hub.archives[PATH] = GOOD
        assert (await setting.get(URL)).body == GOOD

    with_tfhub(tmp_path, work)


def test_pins(tmp_path: Path) -> None:
    async def work() -> None:
        pins = tmp_path / "pins.toml"
        pins.write_text(f'[pins]\n"{PATH}" = "sha256:{SHA256}"\n"acme/wrong/1" = "{"0" * 64}"\n')
        async with (
            TfHubServer() as hub,
            tfhub_mirroring(tmp_path / "mirror", hub, tfhub_pins=read_pins(pins), tfhub_pinned_only=True) as setting,
        ):
            for path in (PATH, "acme/wrong/1", "acme/unknown/1"):
                hub.archives[path] = GOOD
            pinned = await setting.get(URL)
            assert (pinned.status, pinned.headers["x-headrace-trust"]) == (200, "pinned")
            wrong = await setting.get("tfhub/acme/wrong/1")
            assert (wrong.status, "is pinned to" in wrong.reason) == (502, True)
            unknown = await setting.get("tfhub/acme/unknown/1")
            assert (unknown.status, "pinned models only" in unknown.reason) == (403, True)
            assert hub.asked["/acme/unknown/1"] == 0

    asyncio.run(asyncio.wait_for(work(), 60))


def test_archives_that_are_not_given_out(tmp_path: Path) -> None:
    async def work(setting: Setting, hub: TfHubServer) -> None:
        for number, (wrong, content) in enumerate(HOSTILE.items()):
            hub.archives[f"acme/hostile/{number}"] = content
            answer = await setting.get(f"tfhub/acme/hostile/{number}?tf-hub-format=compressed")
            assert answer.status == 502, wrong
            assert b"the archive of acme/hostile" in answer.body
        hub.archives[PATH] = GOOD
        hub.truncate = 100
        assert (await setting.get(URL)).status == 503
        hub.truncate = 0
        assert (await setting.get(URL)).body == GOOD
        assert not [path for path in (tmp_path / "models").rglob("*") if path.suffix in (".part", ".lock")]

    with_tfhub(tmp_path, work)


def test_published_models_come_first(tmp_path: Path) -> None:
    async def work(setting: Setting, hub: TfHubServer) -> None:
        publish(tmp_path, "acme/digits", "3", FILES)
        hub.archives["acme/digits/3"] = GOOD
        hub.archives["acme/digits/4"] = GOOD
        answer = await setting.get("tfhub/acme/digits/3?tf-hub-format=compressed")
        assert (answer.status, answer.headers["x-headrace-trust"]) == (200, "published")
        with tarfile.open(fileobj=io.BytesIO(answer.body), mode="r:gz") as found:
            content = {member.name: found.extractfile(member) for member in found if member.isfile()}
            assert {name: file.read() for name, file in content.items() if file is not None} == FILES
        digest = hashlib.sha256(answer.body).hexdigest()
        assert answer.headers["etag"] == f'"{digest}"'
        next((tmp_path / "blobs").rglob(digest)).unlink()
        again = await setting.get("tfhub/acme/digits/3?tf-hub-format=compressed")
        assert again.body == answer.body, "made anew, the same"
        private = await setting.get("tfhub/acme/digits/4")
        assert (private.status, "not looked for elsewhere" in private.reason) == (404, True)
        assert not hub.asked

    with_tfhub(tmp_path, work, private=["acme/*"])


def test_published_models_that_are_not_for_everyone(tmp_path: Path) -> None:
    ann = Uploader("ann", token_hash("token-of-ann"), models=("own/*",), read=("acme/*",))
    bob = Uploader("bob", token_hash("token-of-bob"), read=("other/*",))

    async def work(setting: Setting, hub: TfHubServer) -> None:
        publish(tmp_path, "acme/digits", "3", FILES)
        hub.archives["public/model/1"] = GOOD
        statuses = {"": 401, "Bearer token-of-ann": 200, "Bearer token-of-bob": 403, "Bearer other": 401}
        for authorization, status in statuses.items():
            headers = {"Authorization": authorization} if authorization else {}
            assert (await setting.get("tfhub/acme/digits/3", **headers)).status == status, authorization
        assert (await setting.get("tfhub/public/model/1")).status == 200
        (tmp_path / "token").write_text("token-of-ann\n")
        command = ["tfhub", "https://hub.example/acme/digits/3", f"--cache={tmp_path / 'cache'}", f"--mirror={setting.url}"]
        without = await asyncio.to_thread(CliRunner().invoke, seed, command)
        assert "answers status 401" in without.output
        done = await asyncio.to_thread(CliRunner().invoke, seed, [*command, f"--token_file={tmp_path / 'token'}"])
        assert done.exit_code == 0, done.output
        assert (folder_of("https://hub.example/acme/digits/3", tmp_path / "cache") / "saved_model.pb").read_bytes() == b"graph"

    with_tfhub(tmp_path, work, mirror={"private_read": "token", "uploaders": (ann, bob)})


def test_refusals(tmp_path: Path) -> None:
    async def work(setting: Setting, hub: TfHubServer) -> None:
        hub.archives["evil/model/1"] = GOOD
        denied = await setting.get("tfhub/Evil/model/1")
        assert (denied.status, "models.deny" in denied.reason) == (403, True)
        for path in ("acme", "acme/..%2f..%2fetc/1", "acme/a%0d%0aX-Evil:1/1", f"acme/{'x' * 200}/1", "a//b/1"):
            answer = await setting.get(f"tfhub/{path}")
            assert (answer.status in (400, 404), "x-evil" in answer.headers) == (True, False), path
        assert (await setting.get("tfhub/acme/none/1")).status == 404
        assert (await setting.get("tfhub/acme/none/1?tf-hub-format=other")).status == 400
        assert (await setting.get("tfhub/acme/none/1?tf-hub-format=uncompressed")).status == 404
        assert set(hub.asked) == {"/acme/none/1"}

    with_tfhub(tmp_path, work, policy=ModelPolicy(deny=("tfhub/evil/*",)))


def test_models_in_a_bucket(tmp_path: Path) -> None:
    async def work(setting: Setting, _: TfHubServer) -> None:
        answer = await setting.get(f"tfhub/{PATH}?tf-hub-format=uncompressed")
        assert (answer.status, answer.body.decode()) == (303, f"gs://acme-models/hub/{PATH}")

    with_tfhub(tmp_path, work, tfhub_bucket="gs://acme-models/hub/")


def test_a_mirror_that_asks_nobody(tmp_path: Path) -> None:
    async def work() -> None:
        async with TfHubServer() as hub:
            hub.archives[PATH] = GOOD
            async with tfhub_mirroring(tmp_path, hub) as setting:
                assert (await setting.get(URL)).body == GOOD
            async with tfhub_mirroring(tmp_path, hub, mirror={"offline": True}) as setting:
                assert (await setting.get(URL)).body == GOOD
                unknown = await setting.get("tfhub/acme/other/1")
                assert (unknown.status, "asks nobody" in unknown.reason) == (503, True)
            assert set(hub.asked) == {f"/{PATH}"}

    asyncio.run(asyncio.wait_for(work(), 60))


def test_what_is_counted(tmp_path: Path) -> None:
    async def work(setting: Setting, hub: TfHubServer) -> None:
        hub.archives[PATH] = GOOD
        for _ in range(2):
            await setting.get(URL)
        page = (await setting.get("metrics")).body.decode()
        assert 'headrace_mirror_requests_total{kind="tfhub",status="200"} 2' in page
        assert 'headrace_mirror_models_total{protocol="tfhub",event="hit"} 1' in page
        record = json.loads(next((tmp_path / "models" / "tfhub" / "upstream").glob("*.json")).read_text())
        assert (record["digest"], record["size"]) == (SHA256, len(GOOD))

    with_tfhub(tmp_path, work)
