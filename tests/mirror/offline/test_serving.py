"""What a mirror gives out when it asks nobody."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from headrace.cli.mirror import serve as command
from headrace.cli.mirror.group import mirror
from headrace.core.errors import FailedPreconditionError
from headrace.mirror.bundles.keys import read_private
from headrace.mirror.bundles.making import Holdings, Label, make
from headrace.mirror.index.page import JSON_TYPE
from headrace.mirror.offline.kept import KeptPages
from headrace.mirror.offline.provenance import ProvenanceFiles
from headrace.mirror.options import MirrorOptions, UpstreamOptions
from headrace.mirror.pages.stored import PageFiles
from headrace.mirror.policy.rules import Policy
from headrace.store.blobs import BlobStore
from tests.mirror.bundles.stock import DAY, NOW, bundle, offline, signer, stock, take
from tests.mirror.index_server import IndexServer
from tests.mirror.setting import Setting, serving


def with_serving(settings: MirrorOptions, work: Callable[[Setting], Awaitable[None]], index: IndexServer | None = None) -> None:
    async def run() -> None:
        async with serving(settings, index or IndexServer()) as setting:
            await work(setting)

    asyncio.run(asyncio.wait_for(run(), 120))


async def listed(setting: Setting) -> list[str]:
    found = await setting.get("/simple/", Accept=JSON_TYPE)
    return [each["name"] for each in json.loads(found.body)["projects"]]


def test_bundles_and_what_was_kept_are_given_out_together(tmp_path: Path) -> None:
    acme, root = signer(tmp_path, "acme"), tmp_path / "root"
    stock(tmp_path / "here", "demo", "1.0")
    stock(root, "kept", "1.0", "1.1")
    stock(root, "empty")
    stock(root, "own", "1.0", upstream="private")
    data = bundle(tmp_path / "here", tmp_path / "1.tar", acme, 1)
    stock(tmp_path / "here", "demo", "1.0", "2.0")
    newer = bundle(tmp_path / "here", tmp_path / "2.tar", acme, 2)
    take(data, root, acme)

    async def work(setting: Setting) -> None:
        assert await listed(setting) == ["demo", "kept"]
        page = await setting.page("demo")
        assert page["versions"] == ["1.0"]
        (file,) = page["files"]
        assert file["url"] == "../../files/main/demo/packages/demo-1.0-py3-none-any.whl", "as on the mirror that has a network"
        assert (await setting.get(file["url"])).status == 200
        assert (await setting.get(f"{file['url']}.metadata")).status == 200
        assert (await setting.get(file["provenance"])).body == b'{"version":1}'
        assert (await setting.page("kept"))["versions"] == ["1.0", "1.1"], "9.9 is on the page that was kept, but not here"
        for project in ("empty", "own", "unknown"):
            answer = await setting.get(f"/simple/{project}/")
            assert (answer.status, "bring it with a bundle" in answer.body.decode()) == (404, True)
        await asyncio.to_thread(take, newer, root, acme)  # while the mirror runs
        assert (await setting.page("demo"))["versions"] == ["1.0", "2.0"]
        assert (await setting.get("/simple/demo/")).headers["x-headrace-upstream"] == "main"

    with_serving(offline(root), work)


def test_private_packages_go_over_where_that_is_asked_for(tmp_path: Path) -> None:
    acme, here, root = signer(tmp_path, "acme"), tmp_path / "here", tmp_path / "root"
    stock(here, "own", "1.0", upstream="private")
    holdings = Holdings(here, private=True)
    label = Label("acme", 1, NOW, NOW + DAY)
    make(holdings, holdings.everything(), label, [read_private(acme.key, None)], tmp_path / "b.tar")
    take((tmp_path / "b.tar").read_bytes(), root, acme)

    async def work(setting: Setting) -> None:
        (file,) = (await setting.page("own"))["files"]
        assert (await setting.get(file["url"])).status == 200

    with_serving(offline(root), work)
    with pytest.raises(FailedPreconditionError, match="nothing to bundle is here"):
        Holdings(here).everything()


def test_the_policy_holds_for_bundles_too(tmp_path: Path) -> None:
    acme, root = signer(tmp_path, "acme"), tmp_path / "root"
    stock(tmp_path / "here", "demo", "1.0")
    take(bundle(tmp_path / "here", tmp_path / "1.tar", acme), root, acme)

    async def work(setting: Setting) -> None:
        (file,) = (await setting.page("demo"))["files"]
        assert (await setting.get(file["url"])).status == 403

    with_serving(replace(offline(root), policy=Policy(deny=("demo",))), work)


def test_a_project_of_a_bundle_is_not_asked_for_upstream(tmp_path: Path) -> None:
    acme, root = signer(tmp_path, "acme"), tmp_path / "root"
    stock(tmp_path / "here", "demo", "1.0")
    take(bundle(tmp_path / "here", tmp_path / "1.tar", acme), root, acme)

    async def work() -> None:
        async with IndexServer() as index:
            index.add("demo", "6.6")
            index.add("other", "1.0")
            async with serving(MirrorOptions(root, (UpstreamOptions("main", index.url),), port=0), index) as setting:
                assert (await setting.page("demo"))["versions"] == ["1.0"]
                assert (await setting.page("other"))["versions"] == ["1.0"]
                assert not [path for path in index.asked if "demo" in path]
                assert sorted(await listed(setting)) == ["demo", "other"]

    asyncio.run(asyncio.wait_for(work(), 120))


def test_the_order_of_upstreams_holds_for_what_was_kept(tmp_path: Path) -> None:
    stock(tmp_path, "demo", "1.0", upstream="main")
    stock(tmp_path, "demo", "2.0", upstream="a")
    stock(tmp_path, "only-a", "1.0", upstream="a")
    files, store, provenance = PageFiles(tmp_path / "pages"), BlobStore(tmp_path), ProvenanceFiles(tmp_path / "provenance")

    def versions(project: str, *upstreams: str) -> Any:
        found = KeptPages(files, store, provenance, upstreams).find(project)
        return found and found[1].document and (found[0].name, found[1].document["versions"])

    assert versions("demo") == ("main", ["1.0"])
    assert versions("demo", "A", "main") == ("a", ["2.0"])
    assert versions("only-a") == ("a", ["1.0"])
    assert versions("only-a", "main") is None


def test_what_leaves_the_store_leaves_the_page(tmp_path: Path) -> None:
    stock(tmp_path, "demo", "1.0", "1.1")
    now = [0.0]
    store = BlobStore(tmp_path)
    kept = KeptPages(PageFiles(tmp_path / "pages"), store, ProvenanceFiles(tmp_path / "provenance"), clock=lambda: now[0])
    before = kept.find("demo")
    assert before is not None
    assert before[1].document is not None
    now[0] += 60
    again = kept.find("demo")
    assert again is not None
    assert again[1].document is before[1].document, "what is made of it need not be made again"
    store.delete(before[1].document["files"][0]["hashes"]["sha256"])
    now[0] += 60
    after = kept.find("demo")
    assert after is not None
    assert after[1].document is not None
    assert after[1].document["versions"] == ["1.1"]


def test_nobody_to_ask_is_an_error_unless_there_are_bundles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[MirrorOptions] = []

    async def run(options: MirrorOptions) -> None:
        taken.append(options)

    monkeypatch.setattr(command, "run_mirror", run)
    monkeypatch.setenv("PIP_INDEX_URL", "")
    monkeypatch.setattr("headrace.mirror.upstream.pip._from_pip", lambda: "")
    acme, root = signer(tmp_path, "acme"), tmp_path / "root"
    nobody = CliRunner().invoke(mirror, ["serve", f"--root={root}"])
    assert (nobody.exit_code, "pip has no index configured on this machine" in nobody.output, taken) == (1, True, [])
    stock(tmp_path / "here", "demo", "1.0")
    take(bundle(tmp_path / "here", tmp_path / "1.tar", acme), root, acme)
    assert CliRunner().invoke(mirror, ["serve", f"--root={root}"]).exit_code == 0
    assert [(options.offline, options.upstreams) for options in taken] == [(True, ())]
