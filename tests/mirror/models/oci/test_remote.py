"""Repositories of another registry, through the mirror."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from headrace.mirror.options import ModelOptions, UpstreamOptions
from tests.mirror.index_server import IndexServer
from tests.mirror.models.oci.test_registry import UPLOADERS, Client, image, sha256
from tests.mirror.setting import mirroring


class Faults:
    """Stands before the other registry: counts requests, and fails when it is told to."""

    def __init__(self, url: str, client: Client) -> None:
        self.target, self.client = url, client
        self.asked: list[str] = []
        self.down = False
        self.change: Callable[[bytes], bytes] = lambda data: data
        self.url = ""

    async def start(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        if self.down:
            return web.Response(status=503)
        answer = await Client(self.target, self.client._session).ask("GET", request.path, auth="")
        headers = {key: answer.headers[key] for key in ("Content-Type", "Docker-Content-Digest") if key in answer.headers}
        return web.Response(status=answer.status, body=self.change(answer.body), headers=headers)


Work = Callable[[Client, Client, Faults], Awaitable[None]]


def with_registries(root: Path, work: Work, **upstream: Any) -> None:
    """Does something with the other registry, the mirror before it, and what stands between them."""

    async def run() -> None:
        async with IndexServer() as index, mirroring(root / "far", index, mirror={"uploaders": UPLOADERS}) as far:
            other = Client(far.url, far.session)
            between = Faults(far.url, other)
            runner = await between.start()
            models = ModelOptions(oci=UpstreamOptions("oci", between.url, **upstream))
            async with mirroring(root / "near", index, mirror={"models": models, "uploaders": UPLOADERS[1:]}) as near:
                await work(other, Client(near.url, near.session), between)
            await runner.cleanup()

    asyncio.run(asyncio.wait_for(run(), 120))


def test_what_is_pulled_is_kept(tmp_path: Path) -> None:
    async def work(far: Client, near: Client, between: Faults) -> None:
        contents = {"a": bytes(range(256)) * 1000, "b": b""}
        _, manifest = await far.model("1", contents)
        for reference in ("1", "latest", sha256(manifest)):
            got = await near.ask("GET", f"/v2/acme/digits/manifests/{reference}", auth="")
            assert (got.status, got.body, got.headers["Docker-Content-Digest"]) == (200, manifest, sha256(manifest))
        for data in contents.values():
            assert (await near.ask("GET", f"/v2/acme/digits/blobs/{sha256(data)}", auth="")).body == data
        assert len(between.asked) == 4, "two tags, two blobs; the digest is known by then"
        between.down = True
        assert (await near.ask("GET", "/v2/acme/digits/manifests/1", auth="")).body == manifest, "it is fresh"
        for data in contents.values():
            assert (await near.ask("GET", f"/v2/acme/digits/blobs/{sha256(data)}", auth="")).body == data
        assert json.loads((await near.ask("GET", "/v2/acme/digits/tags/list", auth="")).body)["tags"] == ["1", "latest"]
        assert len(between.asked) == 4
        assert (await near.ask("GET", "/v2/acme/digits/manifests/2", auth="")).status == 503

    with_registries(tmp_path, work)


def test_tags_are_asked_for_again_when_they_are_old(tmp_path: Path) -> None:
    async def work(far: Client, near: Client, between: Faults) -> None:
        _, first = await far.model("1", {"a": b"one"})
        assert (await near.ask("GET", "/v2/acme/digits/manifests/latest", auth="")).body == first
        _, second = await far.model("2", {"a": b"two"})
        assert (await near.ask("GET", "/v2/acme/digits/manifests/latest", auth="")).body == second
        between.down = True
        assert (await near.ask("GET", "/v2/acme/digits/manifests/latest", auth="")).body == second, "while it fails, as it was"

    with_registries(tmp_path, work, fresh_seconds=-1.0, revalidate_seconds=0.0)


def test_what_is_not_what_it_should_be_is_not_given_out(tmp_path: Path) -> None:
    async def work(far: Client, near: Client, between: Faults) -> None:
        data = bytes(range(256)) * 1000
        _, manifest = await far.model("1", {"a": data})
        between.change = lambda body: body.replace(b"diffIds", b"DiffIDs") + b" "
        for reference in ("1", sha256(manifest)):
            wrong = await near.ask("GET", f"/v2/acme/digits/manifests/{reference}", auth="")
            assert (wrong.status, wrong.code) == (502, "UNKNOWN")
        between.change = lambda body: body
        blob = f"/v2/acme/digits/blobs/{sha256(data)}"
        assert (await near.ask("GET", blob, auth="")).code == "BLOB_UNKNOWN", "no manifest that was asked for has it"
        await near.ask("GET", "/v2/acme/digits/manifests/1", auth="")
        between.change = lambda body: body[:-1] + b"x"
        wrong = await near.ask("GET", blob.replace(sha256(data), json.loads(manifest)["config"]["digest"]), auth="")
        assert wrong.status == 502
        between.change = lambda body: body
        assert (await near.ask("GET", blob, auth="")).body == data
        assert (await near.ask("GET", "/v2/acme/unknown/manifests/1", auth="")).code == "MANIFEST_UNKNOWN"

    with_registries(tmp_path, work)


def test_names_of_ones_own_are_not_looked_for_elsewhere(tmp_path: Path) -> None:
    async def work(far: Client, near: Client, between: Faults) -> None:
        assert (await near.ask("GET", "/v2/bob/own/manifests/1", auth="")).code == "NAME_UNKNOWN"
        begun = await near.ask("POST", f"/v2/bob/own/blobs/uploads/?digest={sha256(b'{}')}", b"{}", auth="Bearer bobs")
        assert begun.status == 201
        config = {"mediaType": "application/octet-stream", "digest": sha256(b"{}"), "size": 2}
        put = await near.ask(
            "PUT",
            "/v2/bob/own/manifests/1",
            image(config),
            auth="Bearer bobs",
            Content_Type="application/vnd.oci.image.manifest.v1+json",
        )
        assert put.status == 201
        assert (await near.ask("GET", "/v2/bob/own/manifests/1", auth="")).body == image(config)
        assert between.asked == []

    with_registries(tmp_path, work)
