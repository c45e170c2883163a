"""The OCI distribution specification's cases, one by one, over HTTP."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from headrace.core.tokens import token_hash
from headrace.mirror.private.uploaders import Uploader
from headrace.modelpack.files import ModelFile
from headrace.modelpack.manifest import INDEX_TYPE, MANIFEST_TYPE, build
from headrace.store.blobs import BlobStore
from headrace.store.index import evict, open_index
from tests.mirror.index_server import IndexServer
from tests.mirror.setting import mirroring

TOKEN = "let-me-in"
UPLOADERS = (Uploader("ann", token_hash(TOKEN), models=("acme/*", "other")), Uploader("bob", token_hash("bobs"), models=("bob/*",)))
BASIC = "Basic " + base64.b64encode(f"ann:{TOKEN}".encode()).decode()


def sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Answer:
    def __init__(self, response: aiohttp.ClientResponse, body: bytes) -> None:
        self.status, self.headers, self.body = response.status, response.headers, body

    @property
    def code(self) -> str:
        """The code of its error."""
        (error,) = json.loads(self.body)["errors"]
        assert set(error) == {"code", "message", "detail"}
        return str(error["code"])


class Client:
    """Sends requests to the registry."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._session = session

    async def ask(self, method: str, path: str, body: Any = None, auth: str = BASIC, **headers: str) -> Answer:
        named = {key.replace("_", "-"): value for key, value in headers.items()} | ({"Authorization": auth} if auth else {})
        async with self._session.request(
            method, self.url + path, data=io.BytesIO(body) if isinstance(body, bytes) else body, headers=named
        ) as response:
            return Answer(response, await response.read())

    async def blob(self, data: bytes, name: str = "acme/digits") -> dict[str, Any]:
        """Puts a blob; its descriptor."""
        answer = await self.ask("POST", f"/v2/{name}/blobs/uploads/?digest={sha256(data)}", data)
        assert answer.status == 201, answer.body
        return {"mediaType": "application/octet-stream", "digest": sha256(data), "size": len(data)}

    async def manifest(self, tag: str, data: bytes, name: str = "acme/digits", kind: str = MANIFEST_TYPE) -> Answer:
        return await self.ask("PUT", f"/v2/{name}/manifests/{tag}", data, Content_Type=kind)

    async def model(self, tag: str, contents: dict[str, bytes], name: str = "acme/digits") -> tuple[Answer, bytes]:
        """Pushes a model as ModelPack."""
        files = [ModelFile(path, sha256(data)[7:], len(data)) for path, data in contents.items()]
        manifest, config = build(name, tag, files)
        for data in (*contents.values(), config):
            await self.blob(data, name)
        return await self.manifest(tag, manifest, name), manifest


def image(config: dict[str, Any], *layers: dict[str, Any], **more: Any) -> bytes:
    document = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": config, "layers": list(layers), **more}
    return json.dumps(document).encode()


def with_registry(root: Path, work: Callable[[Client], Awaitable[None]], **mirror: Any) -> None:
    async def run() -> None:
        settings = {"uploaders": UPLOADERS, **mirror}
        async with IndexServer() as index, mirroring(root, index, mirror=settings) as setting:
            await work(Client(setting.url, setting.session))

    asyncio.run(asyncio.wait_for(run(), 120))


def test_pulls(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        data = bytes(range(256)) * 400
        layer, config = await client.blob(data), await client.blob(b"{}")
        manifest = image(config, layer)
        pushed = await client.manifest("1.0", manifest)
        assert (pushed.status, pushed.headers["Docker-Content-Digest"]) == (201, sha256(manifest))
        assert pushed.headers["Location"] == f"/v2/acme/digits/manifests/{sha256(manifest)}"
        for reference in ("1.0", sha256(manifest), "latest"):
            path = f"/v2/acme/digits/manifests/{reference}"
            got, head = await client.ask("GET", path, auth=""), await client.ask("HEAD", path, auth="")
            assert (got.status, got.body) == (head.status, manifest) == (200, manifest)
            for answer in (got, head):
                assert answer.headers["Content-Type"] == MANIFEST_TYPE
                assert answer.headers["Docker-Content-Digest"] == sha256(manifest)
                assert answer.headers["Content-Length"] == str(len(manifest))
        path = f"/v2/acme/digits/blobs/{layer['digest']}"
        got, head = await client.ask("GET", path, auth=""), await client.ask("HEAD", path, auth="")
        assert (got.body, head.headers["Content-Length"], head.body) == (data, str(len(data)), b"")
        assert got.headers["Docker-Content-Digest"] == head.headers["Docker-Content-Digest"] == layer["digest"]
        part = await client.ask("GET", path, Range="bytes=1000-1999")
        assert (part.status, part.body) == (206, data[1000:2000])
        assert (await client.ask("GET", path, Range=f"bytes={len(data)}-")).status == 416
        unknown = sha256(b"unknown")
        for method in ("GET", "HEAD"):
            for path in (f"blobs/{unknown}", f"manifests/{unknown}", "manifests/2.0", "manifests/.INVALID_NAME"):
                assert (await client.ask(method, f"/v2/acme/digits/{path}")).status == 404
        assert (await client.ask("GET", f"/v2/acme/digits/blobs/{unknown}")).code == "BLOB_UNKNOWN"
        assert (await client.ask("GET", "/v2/acme/digits/manifests/2.0")).code == "MANIFEST_UNKNOWN"
        assert (await client.ask("GET", f"/v2/acme/others/blobs/{layer['digest']}")).code == "BLOB_UNKNOWN"
        assert (await client.ask("GET", "/v2/acme/digits/blobs/sha256:abc")).code == "DIGEST_INVALID"
        assert (await client.ask("GET", "/v2/ACME/manifests/1")).code == "NAME_INVALID"
        assert (await client.ask("GET", "/v2/acme%2F..%2F..%2Fetc/manifests/1")).code == "NAME_INVALID"

    with_registry(tmp_path, work)


def test_chunked_uploads(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        data = bytes(range(256)) * 40
        begun = await client.ask("POST", "/v2/acme/digits/blobs/uploads/")
        assert (begun.status, begun.headers["Range"], begun.body) == (202, "0-0", b"")
        place = begun.headers["Location"]
        first = await client.ask("PATCH", place, data[:4000], Content_Range="0-3999")
        assert (first.status, first.headers["Range"]) == (202, "0-3999")
        for wrong in ("0-3999", "4001-5000"):
            refused = await client.ask("PATCH", place, data[:4000], Content_Range=wrong)
            assert (refused.status, refused.code, refused.headers["Range"]) == (416, "BLOB_UPLOAD_INVALID", "0-3999")
        how_far = await client.ask("GET", place)
        assert (how_far.status, how_far.headers["Range"]) == (204, "0-3999")
        second = await client.ask("PATCH", place, data[4000:9000], Content_Range="4000-8999")
        assert second.headers["Range"] == "0-8999"
        ended = await client.ask("PUT", f"{place}?digest={sha256(data)}", data[9000:], Content_Range=f"9000-{len(data) - 1}")
        assert (ended.status, ended.headers["Location"]) == (201, f"/v2/acme/digits/blobs/{sha256(data)}")
        assert (await client.ask("GET", ended.headers["Location"])).body == data
        assert (await client.ask("GET", place)).code == "BLOB_UPLOAD_UNKNOWN"
        # one stream without a range, and an end without a body
        place = (await client.ask("POST", "/v2/acme/digits/blobs/uploads/")).headers["Location"]
        await client.ask("PATCH", place, b"streamed")
        assert (await client.ask("PUT", f"{place}?digest={sha256(b'streamed')}")).status == 201
        assert (await client.blob(b""))["size"] == 0

    with_registry(tmp_path, work)


def test_an_upload_goes_on_after_a_restart(tmp_path: Path) -> None:
    data, kept = b"x" * 100_000, ""

    async def begin(client: Client) -> None:
        nonlocal kept
        kept = (await client.ask("POST", "/v2/acme/digits/blobs/uploads/")).headers["Location"]
        await client.ask("PATCH", kept, data[:60_000])

    async def end(client: Client) -> None:
        assert (await client.ask("GET", kept)).headers["Range"] == "0-59999"
        assert (await client.ask("PUT", f"{kept}?digest={sha256(data)}", data[60_000:])).status == 201
        assert (await client.ask("HEAD", f"/v2/acme/digits/blobs/{sha256(data)}")).status == 200

    with_registry(tmp_path, begin)
    with_registry(tmp_path, end)
    assert list((tmp_path / "oci/.uploads").iterdir()) == [], "nothing is left lying about"


def test_uploads_that_are_refused(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        wrong = await client.ask("POST", f"/v2/acme/digits/blobs/uploads/?digest={sha256(b'other')}", b"data")
        assert (wrong.status, wrong.code) == (400, "DIGEST_INVALID")
        bad = await client.ask("POST", "/v2/acme/digits/blobs/uploads/?digest=md5:abc", b"data")
        assert bad.code == "DIGEST_INVALID"
        large = await client.ask("POST", f"/v2/acme/digits/blobs/uploads/?digest={sha256(bytes(2000))}", bytes(2000))
        assert (large.status, large.code) == (413, "SIZE_INVALID")
        place = (await client.ask("POST", "/v2/acme/digits/blobs/uploads/")).headers["Location"]
        lying = await client.ask("PATCH", place, b"abc", Content_Range="0-9")
        assert (lying.status, lying.code) == (400, "SIZE_INVALID")
        assert (await client.ask("PATCH", place, b"abc", Content_Range="x-9")).code == "BLOB_UPLOAD_INVALID"
        assert (await client.ask("PUT", f"{place}?digest={sha256(b'no')}")).code == "DIGEST_INVALID"
        assert (await client.ask("GET", place)).code == "BLOB_UPLOAD_UNKNOWN", "what had come is not what it should be"
        place = (await client.ask("POST", "/v2/acme/digits/blobs/uploads/")).headers["Location"]
        assert (await client.ask("GET", place.replace("acme/digits", "acme/others"))).code == "BLOB_UPLOAD_UNKNOWN"
        assert (await client.ask("DELETE", place)).status == 204
        for upload in ("../../index.sqlite", "..%2F..%2Findex.sqlite", "0" * 32, "a"):
            assert (await client.ask("GET", f"/v2/acme/digits/blobs/uploads/{upload}")).status in (400, 404)
        assert list((tmp_path / "oci/.uploads").iterdir()) == []
        assert list((tmp_path / "blobs").glob("*/*")) == []

    with_registry(tmp_path, work, max_file_bytes=1000)


def test_who_may_push(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        begin = "/v2/acme/digits/blobs/uploads/"
        for auth in ("", "Bearer wrong", "Basic Og==", "Basic !"):
            for method, path in (("POST", begin), ("PUT", "/v2/acme/digits/manifests/1"), ("GET", "/v2/")):
                refused = await client.ask(method, path, auth=auth)
                assert (refused.status, refused.code) == (401, "UNAUTHORIZED")
                assert refused.headers["WWW-Authenticate"].startswith('Basic realm="')
        assert (await client.ask("GET", "/v2/", auth=f"Bearer {TOKEN}")).status == 200
        assert (await client.ask("POST", begin, auth=f"Bearer {TOKEN}")).status == 202
        denied = await client.ask("POST", begin, auth="Bearer bobs")
        assert (denied.status, denied.code, b"may not publish the model acme/digits" in denied.body) == (403, "DENIED", True)
        place = (await client.ask("POST", begin)).headers["Location"]
        assert (await client.ask("GET", place, auth="Bearer bobs")).code == "DENIED"

    with_registry(tmp_path, work)


def test_nobody_may_push_where_there_are_no_uploaders(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        assert (await client.ask("GET", "/v2/", auth="")).status == 200
        assert (await client.ask("POST", "/v2/acme/digits/blobs/uploads/")).code == "UNAUTHORIZED"

    with_registry(tmp_path, work, uploaders=())


def test_mounts(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        blob = await client.blob(b"shared")
        path = f"/v2/other/blobs/uploads/?mount={blob['digest']}"
        mounted = await client.ask("POST", f"{path}&from=acme/digits")
        assert (mounted.status, mounted.headers["Location"]) == (201, f"/v2/other/blobs/{blob['digest']}")
        assert (await client.ask("GET", f"/v2/other/blobs/{blob['digest']}")).body == b"shared"
        assert (await client.ask("POST", path.replace("other", "acme/b"))).status == 201, "from wherever it is"
        unknown = path.replace(blob["digest"], sha256(b"unknown"))
        assert (await client.ask("POST", f"{unknown}&from=acme/digits")).status == 202, "an upload begins instead"
        assert (await client.ask("POST", f"{path}&from=acme/empty")).status == 202

    with_registry(tmp_path, work)


def test_manifests_that_are_refused(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        config = await client.blob(b"{}")
        good = image(config)
        cases = [
            (b"no JSON", MANIFEST_TYPE, "MANIFEST_INVALID"),
            (b"[" * 100_000, MANIFEST_TYPE, "MANIFEST_INVALID"),
            (b"{}", MANIFEST_TYPE, "MANIFEST_INVALID"),
            (good, INDEX_TYPE, "MANIFEST_INVALID"),
            (good, "text/plain", "MANIFEST_INVALID"),
            (good.replace(b'"layers": []', b'"layers": {}'), MANIFEST_TYPE, "MANIFEST_INVALID"),
            (image({**config, "size": -1}), MANIFEST_TYPE, "MANIFEST_INVALID"),
            (image({**config, "size": 3}), MANIFEST_TYPE, "SIZE_INVALID"),
            (image({**config, "digest": "sha256:../../etc"}), MANIFEST_TYPE, "MANIFEST_INVALID"),
            (image({**config, "digest": sha256(b"unknown")}), MANIFEST_TYPE, "MANIFEST_BLOB_UNKNOWN"),
            (good + b" " * (9 << 20), MANIFEST_TYPE, "SIZE_INVALID"),
        ]
        for data, kind, code in cases:
            assert (await client.manifest("1", data, kind=kind)).code == code, data[:80]
        assert (await client.manifest(sha256(b"other"), good)).code == "DIGEST_INVALID"
        assert (await client.manifest(".bad", good)).code == "MANIFEST_INVALID"
        assert (await client.manifest("latest", good)).code == "DENIED"
        unknown = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [{**config, "digest": sha256(b"unknown")}]}
        assert (await client.manifest("1", json.dumps(unknown).encode(), kind=INDEX_TYPE)).code == "MANIFEST_BLOB_UNKNOWN"
        assert (await client.ask("GET", "/v2/acme/digits/tags/list")).code == "NAME_UNKNOWN"

    with_registry(tmp_path, work)


def test_a_tag_stands_for_one_content_and_nothing_is_deleted(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        one, two = image(await client.blob(b"{}")), image(await client.blob(b'{"a":1}'))
        assert [(await client.manifest("1", data)).status for data in (one, one)] == [201, 201]
        refused = await client.manifest("1", two)
        assert (refused.status, refused.code, b"push it as the next version" in refused.body) == (409, "DENIED", True)
        assert (await client.model("1", {"a": b"model"}))[0].status == 409, "nor does a model take the tag of something else"
        assert (await client.model("2", {"a": b"model"}))[0].status == 201
        assert (await client.manifest("2", two)).status == 409
        for path in ("manifests/1", f"manifests/{sha256(one)}", f"blobs/{sha256(b'{}')}"):
            refused = await client.ask("DELETE", f"/v2/acme/digits/{path}")
            assert (refused.status, refused.code) == (405, "UNSUPPORTED")

    with_registry(tmp_path, work)


def test_tags_are_listed_in_parts(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        manifest = image(await client.blob(b"{}"))
        for tag in ("b", "a", "c", "10", "9"):
            await client.manifest(tag, manifest)
        assert json.loads((await client.ask("GET", "/v2/acme/digits/tags/list")).body) == {
            "name": "acme/digits",
            "tags": ["10", "9", "a", "b", "c"],
        }
        found, path = [], "/v2/acme/digits/tags/list?n=2"
        while path:
            answer = await client.ask("GET", path)
            found.append(json.loads(answer.body)["tags"])
            path = answer.headers.get("Link", "").partition(">")[0].removeprefix("<")
        assert found == [["10", "9"], ["a", "b"], ["c"]]
        assert json.loads((await client.ask("GET", "/v2/acme/digits/tags/list?n=0")).body)["tags"] == []
        assert (await client.ask("GET", "/v2/acme/digits/tags/list?n=x")).status == 400

    with_registry(tmp_path, work)


def test_referrers(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        config = await client.blob(b"{}")
        subject = image(config)
        about = {"mediaType": MANIFEST_TYPE, "digest": sha256(subject), "size": len(subject)}
        signature = image(config, subject=about, artifactType="application/example.signature", annotations={"by": "ann"})
        pushed = await client.manifest(sha256(signature), signature)
        assert (pushed.status, pushed.headers["OCI-Subject"]) == (201, sha256(subject)), "also before its subject"
        await client.manifest("sbom", image(config, subject=about, artifactType="application/example.sbom"))
        answer = await client.ask("GET", f"/v2/acme/digits/referrers/{sha256(subject)}")
        assert (answer.status, answer.headers["Content-Type"]) == (200, INDEX_TYPE)
        assert {each["artifactType"] for each in json.loads(answer.body)["manifests"]} == {
            "application/example.signature",
            "application/example.sbom",
        }
        filtered = await client.ask(
            "GET", f"/v2/acme/digits/referrers/{sha256(subject)}?artifactType=application/example.signature"
        )
        assert filtered.headers["OCI-Filters-Applied"] == "artifactType"
        assert json.loads(filtered.body)["manifests"] == [
            {
                "mediaType": MANIFEST_TYPE,
                "digest": sha256(signature),
                "size": len(signature),
                "artifactType": "application/example.signature",
                "annotations": {"by": "ann"},
            }
        ]
        nothing = await client.ask("GET", f"/v2/acme/digits/referrers/{sha256(b'nothing')}")
        assert (nothing.status, json.loads(nothing.body)["manifests"]) == (200, [])

    with_registry(tmp_path, work)


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "a/../../b"])
def test_a_model_whose_files_lead_out_is_refused(tmp_path: Path, path: str) -> None:
    async def work(client: Client) -> None:
        files = [ModelFile("inside", sha256(b"data")[7:], 4)]
        manifest, config = build("acme/digits", "1", files)
        await client.blob(b"data")
        await client.blob(config)
        refused = await client.manifest("1", manifest.replace(b'"inside"', json.dumps(path).encode()))
        assert (refused.code, b"no path of a file" in refused.body) == ("MANIFEST_INVALID", True)

    with_registry(tmp_path, work)


def test_where_reading_needs_a_token(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        blob = await client.blob(b"{}")
        await client.manifest("1", image(blob))
        reads = [f"blobs/{blob['digest']}", "manifests/1", "tags/list", f"referrers/{blob['digest']}"]
        for path in reads:
            answers = [
                (await client.ask("GET", f"/v2/acme/digits/{path}", auth=auth)).status for auth in ("", "Bearer bobs", BASIC)
            ]
            assert answers == [401, 403, 200], path
        got = await client.ask("GET", f"/v2/acme/digits/blobs/{blob['digest']}")
        assert got.headers["Cache-Control"].startswith("private")
        mount = f"/v2/bob/stolen/blobs/uploads/?mount={blob['digest']}"
        assert (await client.ask("POST", f"{mount}&from=acme/digits", auth="Bearer bobs")).status == 403
        assert (await client.ask("POST", mount, auth="Bearer bobs")).status == 202, "and nobody says that it is here"

    with_registry(tmp_path, work, private_read="token")


def test_pushes_are_noted_in_the_audit_log(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        await client.manifest("1", image(await client.blob(b"{}")))
        await client.manifest("1", image(await client.blob(b"{ }")))
        await client.ask("POST", "/v2/acme/digits/blobs/uploads/", auth="Bearer wrong")

    with_registry(tmp_path, work)
    events = [json.loads(line) for path in sorted((tmp_path / "audit").glob("*")) for line in path.read_text().splitlines()]
    pushes = [each for each in events if each["action"] == "push"]
    assert [(each["outcome"], each["name"]) for each in pushes] == [("taken", "ann"), ("refused", "ann"), ("refused", "")]
    assert "a tag stands for one" in pushes[1]["reason"]


def test_below_a_folder_of_a_proxy(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        place = (await client.ask("POST", "/mirror/v2/acme/digits/blobs/uploads/")).headers["Location"]
        assert place.startswith("/mirror/v2/acme/digits/blobs/uploads/")
        assert (await client.ask("PUT", f"{place}?digest={sha256(b'x')}", b"x")).headers["Location"].startswith("/mirror/v2/")

    with_registry(tmp_path, work, url="http://127.0.0.1/mirror/")


def test_a_client_that_goes_away_leaves_what_it_has_sent(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        data = bytes(range(256)) * 1000
        place = (await client.ask("POST", "/v2/acme/digits/blobs/uploads/")).headers["Location"]
        host, _, port = client.url.removeprefix("http://").partition(":")
        _, writer = await asyncio.open_connection(host, int(port))
        head = f"PATCH {place} HTTP/1.1\r\nHost: x\r\nAuthorization: {BASIC}\r\nContent-Length: {len(data)}\r\n\r\n"
        writer.write(head.encode() + data[:100_000])
        await writer.drain()
        while (await client.ask("GET", place)).headers["Range"] != "0-99999":
            await asyncio.sleep(0.01)
        busy = await client.ask("PATCH", place, b"x")
        assert (busy.status, busy.code) == (409, "DENIED"), "one request at a time"
        writer.close()
        await writer.wait_closed()
        while (ended := await client.ask("PATCH", place, data[100_000:], Content_Range=f"100000-{len(data) - 1}")).status == 409:
            await asyncio.sleep(0.01)
        assert ended.status == 202, ended.body
        assert (await client.ask("PUT", f"{place}?digest={sha256(data)}")).status == 201

    with_registry(tmp_path, work)


def test_what_manifests_need_never_makes_room(tmp_path: Path) -> None:
    kept: list[str] = []

    async def work(client: Client) -> None:
        answer, manifest = await client.model("1", {"a": b"model"})
        assert answer.status == 201
        config, loose = await client.blob(b"{}"), await client.blob(b"nobody needs this")
        other = image(config)
        await client.manifest(sha256(other), other)
        kept.extend(each.removeprefix("sha256:") for each in (sha256(manifest), sha256(b"model"), sha256(other), config["digest"]))
        kept.append(json.loads(manifest)["config"]["digest"].removeprefix("sha256:"))
        kept.append(loose["digest"].removeprefix("sha256:"))

    with_registry(tmp_path, work)
    *kept, loose = kept
    store, index = BlobStore(tmp_path), open_index(tmp_path)
    evict(store, index, 0, 0)
    index.close()
    assert [digest in store for digest in kept] == [True] * 5
    assert loose not in store
