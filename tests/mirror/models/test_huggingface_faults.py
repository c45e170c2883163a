"""Hubs that lie, and requests that mean harm."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from headrace.mirror.models.huggingface.listing import without_xet
from tests.mirror.models.hub_server import HubServer, noise
from tests.mirror.models.setting import HubSetting, hub_mirroring, with_hub

NAME = "acme/tiny"


def test_no_damaged_file_is_completed(tmp_path: Path) -> None:
    async def work(setting: HubSetting) -> None:
        hub = setting.hub
        hub.corrupt = True
        files = {"small.json": b'{"a": 1}', "large.bin": noise(300_000), "little.bin": noise(1000, 2)}
        hub.commit(NAME, files, ("large.bin", "little.bin"))
        for path, content in files.items():
            answer = await setting.get(f"{NAME}/resolve/main/{path}")
            assert answer.status == 502 or (answer.broken and len(answer.body) < len(content)), path
        small = await setting.get(f"{NAME}/resolve/main/small.json")
        assert (small.status, "is not what the tree says" in small.headers["x-error-message"]) == (502, True)
        hub.corrupt = False
        for path, content in files.items():
            assert (await setting.get(f"{NAME}/resolve/main/{path}")).body == content
        assert not list(tmp_path.rglob("*.part"))

    with_hub(tmp_path, work)


def lied(**change: Any) -> Any:
    return lambda page: [{**item, **change} for item in page]


LIES = [
    (lied(size=5), "goes on after 5 bytes"),
    (lied(size=500), "is not what the tree says"),
    (lied(size=-1), "is none"),
    (lied(size="12"), "is none"),
    (lied(oid="../../etc/passwd"), "expected 40 hexadecimal digits"),
    (lied(oid="0" * 40), "is not what the tree says"),
    (lied(lfs={"oid": "../x", "size": 5}), "is none"),
    (lied(path="../outside.json"), "lead out of a folder"),
    (lied(path="/etc/passwd"), "lead out of a folder"),
    (lied(path="a\\..\\b"), "lead out of a folder"),
    (lied(path="x\r\nSet-Cookie: a=b"), "lead out of a folder"),
    (lambda _: {"error": "no list"}, "no list"),
    (lambda _: '{"a":' * 30_000 + "1" + "}" * 30_000, "no JSON"),
    (lambda _: "<html>", "no JSON"),
]


def test_trees_that_lie(tmp_path: Path) -> None:
    async def work(setting: HubSetting) -> None:
        for place, (change, told) in enumerate(LIES):
            setting.hub.commit(f"acme/tiny{place}", {"config.json": b'{"hidden": 8}'})
            setting.hub.tree_change = change
            answer = await setting.get(f"acme/tiny{place}/resolve/main/config.json")
            assert (answer.status, told in answer.headers["x-error-message"]) == (502, True), (told, answer)
        setting.hub.tree_change = None
        assert (await setting.get("acme/tiny9/resolve/main/config.json")).status == 200, "no lie about names was kept"

    with_hub(tmp_path, work)


def test_pages_that_do_not_end_or_lead_away(tmp_path: Path) -> None:
    async def work() -> None:
        async with HubServer() as hub, HubServer() as other, hub_mirroring(tmp_path, hub) as setting:
            sha = hub.commit(NAME, {f"{n}.txt": b"1" for n in range(5)})
            tree = f"api/models/{NAME}/tree/{sha}?recursive=true"
            hub.link = f"{other.url}/api/models/{NAME}/tree/{sha}"
            away = await setting.get(tree)
            assert (away.status, "only the hub itself" in away.body.decode()) == (502, True)
            assert other.total("") == 0
            hub.link = f"{hub.url}/api/models/{NAME}/tree/{sha}?recursive=true&cursor=3"
            endless = await setting.get(tree)
            assert (endless.status, "does not end" in endless.body.decode()) == (507, True)
            hub.link = "http://[::1"
            assert (await setting.get(tree)).status == 502
            hub.link = ""
            assert (await setting.get(tree)).status == 200, "nothing of that was kept"

    asyncio.run(asyncio.wait_for(work(), 60))


HARM = [
    "acme/..%2f..%2fetc/resolve/main/passwd",
    "a..b/c/resolve/main/x",
    "acme/ti--ny/resolve/main/x",
    "acme/tiny%0d%0aX-Evil:1/resolve/main/x",
    f"{NAME}/resolve/..%2f..%2fmain/x",
    f"{NAME}/resolve/%00/x",
    f"{NAME}/resolve/{'x' * 300}/x",
    "api/models/acme/%2e%2e/revision/main",
    f"api/models/{NAME}/tree/main/a%2f..%2f..%2fb",
    f"api/models/{NAME}/tree/main/a%5cb",
]


def test_names_that_mean_harm(tmp_path: Path) -> None:
    async def work(setting: HubSetting) -> None:
        sha = setting.hub.commit(NAME, {"config.json": b"1"})
        for path in HARM:
            answer = await setting.get(path)
            assert answer.status in (400, 401, 404), answer
            assert "x-evil" not in answer.headers
        kept = {each.name for each in (tmp_path / "models").rglob("*.json")}
        assert kept == {"main.json", f"{sha}.json"}

    with_hub(tmp_path, work)


def test_xet_is_dropped_at_every_depth() -> None:
    document = {"xetEnabled": True, "a": [{"xetHash": "1", "b": {"XetToken": 1, "c": 2}}], "exact": 1}
    assert without_xet(document) == {"a": [{"b": {"c": 2}}], "exact": 1}
