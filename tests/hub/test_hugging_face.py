"""Repositories of Hugging Face's protocol, from the hub itself and through the mirror."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from headrace.core.errors import (
    DataLossError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
    UnavailableError,
)
from headrace.hub.resolving import resolve
from headrace.hub.settings import Settings, of_environment
from tests.hub.test_archives import files, leftovers
from tests.mirror.models.hub_server import HubServer, noise
from tests.mirror.models.setting import HubSetting, hub_mirroring

CONTENTS = {
    "saved_model.pb": noise(100_000),
    "variables/variables.index": b"index",
    "assets/a.txt": b"a",
    "README.md": b"",
    "b.json": b"{}",
}


async def get(handle: str, settings: Settings) -> str:
    return await asyncio.to_thread(resolve, handle, settings)


def with_hub(root: Path, work: Callable[[HubServer, HubSetting, Settings], Awaitable[None]]) -> None:
    async def run() -> None:
        async with HubServer() as hub, hub_mirroring(root / "mirror", hub) as setting:
            hub.commit("acme/digits", CONTENTS, large=("saved_model.pb",))
            await work(hub, setting, Settings(root / "cache", tries=1, hugging_face=hub.url))

    asyncio.run(asyncio.wait_for(run(), 120))


def test_a_branch_and_a_commit(tmp_path: Path) -> None:
    async def work(hub: HubServer, setting: HubSetting, settings: Settings) -> None:
        first = hub.repos["models/acme/digits"].branches["main"]
        path = await get("hf://acme/digits", settings)
        assert files(path) == CONTENTS
        assert await get(f"hf://acme/digits@{first}", settings) == path
        fetched = hub.total("/resolve/")
        hub.commit("acme/digits", {**CONTENTS, "b.json": b"[]"}, large=("saved_model.pb",))
        assert files(await get("hf://acme/digits@main", settings))["b.json"] == b"[]"
        assert hub.total("/resolve/") > fetched
        assert await get(f"hf://acme/digits@{first}", settings) == path
        through = replace(settings, cache=tmp_path / "other", hugging_face=setting.endpoint)
        assert files(await get("hf://acme/digits", through))["b.json"] == b"[]"
        hub.down = True
        assert files(await get("hf://acme/digits", replace(through, cache=tmp_path / "third")))["b.json"] == b"[]", (
            "from the mirror"
        )
        newest = await get("hf://acme/digits", settings)
        assert files(newest)["b.json"] == b"[]", "what it was last known to be"
        assert await get("hf://acme/digits", replace(settings, offline=True)) == newest
        assert leftovers(settings) == []
        with pytest.raises(UnavailableError):
            await get("hf://acme/digits@other", settings)
        with pytest.raises(FailedPreconditionError, match="hf://acme/digits@other is not in the cache"):
            await get("hf://acme/digits@other", replace(settings, offline=True))

    with_hub(tmp_path, work)


def test_what_is_wrong(tmp_path: Path) -> None:
    async def work(hub: HubServer, setting: HubSetting, settings: Settings) -> None:
        with pytest.raises(UnauthenticatedError, match="status 401"):  # as the real hub answers strangers
            await get("hf://acme/unknown", settings)
        with pytest.raises(NotFoundError, match="has no acme/digits, or not this revision"):
            await get("hf://acme/digits@other", settings)
        hub.corrupt = True
        with pytest.raises(DataLossError, match="it is thrown away"):
            await get("hf://acme/digits", settings)
        hub.corrupt = False

        def outside(entries: list[dict[str, object]]) -> list[dict[str, object]]:
            return [{**each, "path": f"../{each['path']}"} for each in entries]

        hub.tree_change = outside
        with pytest.raises(InvalidArgumentError, match="no path of a file"):
            await get("hf://acme/digits", settings)
        assert not (tmp_path / "saved_model.pb").exists()
        hub.tree_change = lambda entries: [{"type": "file"} for _ in entries]
        with pytest.raises(DataLossError, match="without path, size or digest"):
            await get("hf://acme/digits", settings)
        hub.tree_change = None
        hub.link = "http://127.0.0.2:9/api/models/acme/digits/tree/x"
        with pytest.raises(PermissionDeniedError, match="on another server"):
            await get("hf://acme/digits", settings)
        hub.link = ""
        assert files(await get("hf://acme/digits", settings)) == CONTENTS

    with_hub(tmp_path, work)


@pytest.mark.parametrize("handle", ["hf://", "hf://../x", "hf://a/b/c", "hf://a/b@", "hf://a/b@../x", "hf://a/b@x?y", "hf://-a/b"])
def test_what_is_no_repository(handle: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="is no repository"):
        resolve(handle, Settings(tmp_path))


def test_where_repositories_are(tmp_path: Path) -> None:
    assert of_environment({"HF_ENDPOINT": "https://hub.example/"}).hugging_face == "https://hub.example"
    assert of_environment({"HEADRACE_HUB_URL": "https://m.example"}).hugging_face == "https://m.example/hf"
    with pytest.raises(NotFoundError, match="neither HF_ENDPOINT nor HEADRACE_HUB_URL"):
        resolve("hf://acme/digits", Settings(tmp_path))
