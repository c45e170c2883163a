"""Hugging Face's protocol through the mirror, request by request."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path

import pytest

from headrace.mirror.policy.models import ModelPolicy
from tests.mirror.models.hub_server import HubServer, git_oid, noise
from tests.mirror.models.setting import HubSetting, hub_mirroring, with_hub

NAME = "acme/tiny"
WEIGHTS = noise(400_000)
FILES = {
    "config.json": b'{"hidden": 8}',
    "README.md": b"# tiny",
    "empty.txt": b"",
    "model.safetensors": WEIGHTS,
    "onnx/model.onnx": noise(100_000, 1),
    "onnx/deep/vocab.txt": b"a\nb\n",
}
LARGE = ("model.safetensors", "onnx/model.onnx")


def test_a_revision_and_its_files(tmp_path: Path) -> None:
    async def work(setting: HubSetting) -> None:
        sha = setting.hub.commit(NAME, FILES, LARGE)
        info = json.loads((await setting.get(f"api/models/{NAME}/revision/main")).body)
        assert info["sha"] == sha
        assert {each["rfilename"] for each in info["siblings"]} == set(FILES)
        assert json.loads((await setting.get(f"api/models/{NAME}")).body) == info
        answer = await setting.get(f"api/models/{NAME}/tree/{sha}?recursive=True&expand=False")
        items = {item["path"]: item for item in json.loads(answer.body) if item["type"] == "file"}
        assert set(items) == set(FILES)
        assert items["model.safetensors"]["lfs"]["oid"] == hashlib.sha256(WEIGHTS).hexdigest()
        assert b"xet" not in answer.body.lower() + json.dumps(info).encode().lower()
        assert setting.hub.total("/tree/") > 1, "the hub gives it by pages"
        for path, content in FILES.items():
            large = path in LARGE
            etag = f'"{hashlib.sha256(content).hexdigest() if large else git_oid(content)}"'
            for revision in ("main", sha):
                head = await setting.get(f"{NAME}/resolve/{revision}/{path}", "HEAD")
                got = await setting.get(f"{NAME}/resolve/{revision}/{path}")
                assert (head.status, head.body, got.status, got.body == content) == (200, b"", 200, True)
                for answer in (head, got):
                    assert answer.headers["etag"] == answer.headers["x-linked-etag"] == etag
                    assert answer.headers["content-length"] == answer.headers["x-linked-size"] == str(len(content))
                    assert answer.headers["x-repo-commit"] == sha
                    assert not any("xet" in key for key in answer.headers)
        part = await setting.get(f"{NAME}/resolve/{sha}/model.safetensors", Range="bytes=1000-1999")
        assert (part.status, part.body) == (206, WEIGHTS[1000:2000])
        assert setting.hub.total(hashlib.sha256(WEIGHTS).hexdigest()) == 1
        assert setting.hub.total("config.json") == 1

    with_hub(tmp_path, work)


def test_folders_and_paths(tmp_path: Path) -> None:
    async def work(setting: HubSetting) -> None:
        sha = setting.hub.commit(NAME, FILES, LARGE)
        base = f"api/models/{NAME}"

        async def names(path: str) -> set[str]:
            return {item["path"] for item in json.loads((await setting.get(f"{base}/{path}")).body)}

        for path in (f"{base}/tree/{sha}/none", f"{NAME}/resolve/main/none/x", f"{base}/tree/{sha}/none?recursive=false"):
            missing = await setting.get(path)
            assert (missing.status, missing.headers["x-error-code"]) == (404, "EntryNotFound")
        assert setting.hub.total("/none") == 1, "a folder that is not there is asked for once"
        setting.hub.asked.clear()
        assert (await setting.get(f"{NAME}/resolve/main/onnx/deep/vocab.txt")).body == b"a\nb\n"
        assert setting.hub.total("/tree/") == 1, "only the folder is asked for"
        for _ in range(2):  # from the hub by folders; then derived from the whole tree
            assert await names(f"tree/{sha}") >= {"config.json", "onnx"}
            assert await names(f"tree/{sha}/onnx") == {"onnx/model.onnx", "onnx/deep"}
            assert (await setting.get(f"{base}/tree/{sha}/none")).status == 404
            assert await names(f"tree/{sha}/onnx?recursive=True") == {"onnx/model.onnx", "onnx/deep", "onnx/deep/vocab.txt"}
        url = f"{setting.endpoint}/{base}/paths-info/main"
        for body in ({"data": {"paths": "config.json"}}, {"json": {"paths": ["config.json", "other"]}}):
            async with setting.mirror.session.post(url, **body, headers={"Accept-Encoding": "identity"}) as answer:
                assert [item["path"] for item in await answer.json()] == ["config.json"]

    with_hub(tmp_path, work)


@pytest.mark.parametrize("kind", ["datasets", "spaces"])
def test_other_kinds(tmp_path: Path, kind: str) -> None:
    async def work(setting: HubSetting) -> None:
        sha = setting.hub.commit(f"{kind}/{NAME}", {"data.csv": b"1,2\n"})
        assert json.loads((await setting.get(f"api/{kind}/{NAME}/revision/main")).body)["sha"] == sha
        assert (await setting.get(f"{kind}/{NAME}/resolve/main/data.csv")).body == b"1,2\n"
        assert (await setting.get(f"api/models/{NAME}/revision/main")).status == 401

    with_hub(tmp_path, work)


def test_branches_grow_old_and_commits_do_not(tmp_path: Path) -> None:
    async def work(setting: HubSetting) -> None:
        hub = setting.hub
        first = hub.commit(NAME, {"config.json": b"1"})
        assert (await setting.get(f"{NAME}/resolve/main/config.json")).body == b"1"
        second = hub.commit(NAME, {"config.json": b"2"})
        answer = await setting.get(f"{NAME}/resolve/main/config.json")
        assert (answer.body, answer.headers["x-repo-commit"]) == (b"2", second)
        assert answer.headers["cache-control"] == "no-cache"
        asked = hub.total("")
        old = await setting.get(f"{NAME}/resolve/{first}/config.json")
        assert (old.body, hub.total("")) == (b"1", asked), "a commit that is known is not asked for again"
        assert "immutable" in old.headers["cache-control"]
        repo = hub.repos.pop(f"models/{NAME}")
        gone = await setting.get(f"{NAME}/resolve/main/config.json")
        assert gone.status == 401, "that is an answer, not an error of upstream"
        hub.repos[f"models/{NAME}"] = repo
        hub.down = True
        assert (await setting.get(f"{NAME}/resolve/main/config.json")).body == b"2", "stale if error"
        assert (await setting.get(f"api/models/{NAME}/revision/main")).status == 200
        never = await setting.get(f"{NAME}/resolve/other/config.json")
        assert never.status == 503

    with_hub(tmp_path, work, fresh_seconds=0.0, revalidate_seconds=0.0)


def test_a_fresh_branch_is_not_asked_for(tmp_path: Path) -> None:
    async def work() -> None:
        async with HubServer() as hub:
            hub.commit(NAME, {"config.json": b"1"})
            for _ in range(2):  # the second mirror reads what the first has kept
                async with hub_mirroring(tmp_path, hub) as setting:
                    for _ in range(2):
                        assert (await setting.get(f"{NAME}/resolve/main/config.json")).body == b"1"
            assert hub.total("/revision/") == 1

    asyncio.run(asyncio.wait_for(work(), 60))


def test_a_mirror_that_asks_nobody(tmp_path: Path) -> None:
    async def work() -> None:
        async with HubServer() as hub:
            sha = hub.commit(NAME, FILES, LARGE)
            async with hub_mirroring(tmp_path, hub) as setting:
                for path in ("config.json", "model.safetensors"):
                    assert (await setting.get(f"{NAME}/resolve/main/{path}")).status == 200
            asked = hub.total("")
            async with hub_mirroring(tmp_path, hub, offline=True, fresh_seconds=0.0, error_seconds=0.0) as setting:
                for revision in ("main", sha):
                    for path in ("config.json", "model.safetensors"):
                        assert (await setting.get(f"{NAME}/resolve/{revision}/{path}")).body == FILES[path]
                other = await setting.get("acme/other/resolve/main/config.json")
                assert (other.status, "asks nobody" in other.headers["x-error-message"]) == (503, True)
            assert hub.total("") == asked

    asyncio.run(asyncio.wait_for(work(), 60))


def test_what_is_not_there(tmp_path: Path) -> None:
    async def work(setting: HubSetting) -> None:
        sha = setting.hub.commit(NAME, FILES, LARGE)
        codes = {
            f"{NAME}/resolve/main/none.bin": (404, "EntryNotFound"),
            f"{NAME}/resolve/main/onnx": (404, "EntryNotFound"),
            f"{NAME}/resolve/none/config.json": (404, "RevisionNotFound"),
            f"api/models/{NAME}/revision/none": (404, "RevisionNotFound"),
            "acme/none/resolve/main/config.json": (401, "RepoNotFound"),
            "api/models/acme/none": (401, "RepoNotFound"),
        }
        for path, expected in codes.items():
            for method in ("GET", "HEAD"):
                answer = await setting.get(path, method)
                assert (answer.status, answer.headers["x-error-code"]) == expected, path
        missing = await setting.get(f"{NAME}/resolve/main/none.bin")
        assert missing.headers["x-repo-commit"] == sha, "clients remember that a commit has no such file"

    with_hub(tmp_path, work)


def test_one_transfer_for_all_who_ask(tmp_path: Path) -> None:
    async def work() -> None:
        async with HubServer() as hub:
            hub.commit(NAME, FILES, LARGE)
            async with hub_mirroring(tmp_path, hub) as one, hub_mirroring(tmp_path, hub) as two:
                for path in ("model.safetensors", "config.json", "README.md", "onnx/deep/vocab.txt"):
                    answers = await asyncio.gather(*(each.get(f"{NAME}/resolve/main/{path}") for each in (one, two) * 8))
                    assert {answer.body == FILES[path] for answer in answers} == {True}
            assert hub.total(hashlib.sha256(WEIGHTS).hexdigest()) == 1
            assert [hub.total(path) for path in ("config.json", "README.md", "deep/vocab.txt")] == [1, 1, 1]

    asyncio.run(asyncio.wait_for(work(), 60))


def test_what_a_killed_process_leaves_is_in_nobodys_way(tmp_path: Path) -> None:
    async def work(setting: HubSetting) -> None:
        setting.hub.commit(NAME, FILES, LARGE)
        oid = git_oid(FILES["config.json"])
        folder = tmp_path / "models" / "huggingface" / "oids" / oid[:2]
        folder.mkdir(parents=True)
        (folder / f"{oid}.lock").touch()
        (folder / f"{oid}.part").write_bytes(b"{half of something else, and longer than it")
        (folder / oid).write_bytes(b"no digest")
        assert (await setting.get(f"{NAME}/resolve/main/config.json")).body == FILES["config.json"]
        assert [path.name for path in folder.iterdir()] == [oid]

    with_hub(tmp_path, work)


def test_tokens(tmp_path: Path) -> None:
    async def work() -> None:
        async with HubServer() as hub:
            hub.commit("acme/gated", {"config.json": b"1", "model.bin": WEIGHTS}, ("model.bin",), access="gated")
            hub.commit("acme/private", {"config.json": b"2"}, access="private")
            async with hub_mirroring(tmp_path / "without", hub) as setting:
                gated = await setting.get("acme/gated/resolve/main/config.json", Authorization=f"Bearer {hub.token}")
                assert (gated.status, gated.headers["x-error-code"]) == (401, "GatedRepo"), "a client's token stays here"
                assert "restricted" in gated.headers["x-error-message"]
                assert (await setting.get("acme/private/resolve/main/config.json")).headers["x-error-code"] == "RepoNotFound"
            assert not any("Authorization" in headers for headers in hub.headers)
            async with hub_mirroring(tmp_path / "with", hub, token=hub.token) as setting:
                answers = [
                    await setting.get(path)
                    for path in (
                        "acme/gated/resolve/main/config.json",
                        "acme/gated/resolve/main/model.bin",
                        "acme/private/resolve/main/config.json",
                        "api/models/acme/private",
                        "acme/none/resolve/main/config.json",
                    )
                ]
                assert [answer.status for answer in answers] == [200, 200, 200, 200, 404]
            assert not any("Authorization" in headers for headers in hub.storage_headers), "the token is for the hub only"
            assert len(hub.storage_headers) == 1
            assert not any(hub.token in str(answer) for answer in answers)

    asyncio.run(asyncio.wait_for(work(), 60))


def test_a_policy(tmp_path: Path) -> None:
    policy = ModelPolicy(
        deny=("evil/*",), licences=("mit",), deny_tags=("custom_code",), deny_gated=True, deny_files=("*.pkl",), allow=("*/*",)
    )

    async def work(setting: HubSetting) -> None:
        hub = setting.hub
        hub.commit("acme/good", {"config.json": b"1", "model.pkl": b"2"}, tags=("license:mit",))
        hub.commit("acme/code", {"config.json": b"1"}, tags=("license:mit", "custom_code"))
        hub.commit("acme/closed", {"config.json": b"1"}, tags=("license:other",))
        hub.commit("acme/gated", {"config.json": b"1"}, tags=("license:mit",), access="gated")
        hub.commit("evil/model", {"config.json": b"1"}, tags=("license:mit",))
        hub.commit("datasets/acme/data", {"config.json": b"1"})
        reasons = {
            "acme/good/resolve/main/model.pkl": "models.deny_files",
            "acme/code/resolve/main/config.json": "models.deny_tags",
            "acme/closed/resolve/main/config.json": "models.licences",
            "acme/gated/resolve/main/config.json": "models.deny_gated",
            "evil/model/resolve/main/config.json": "models.deny 'evil/*'",
            "EVIL/Model/resolve/main/config.json": "models.deny 'evil/*'",
            "datasets/acme/data/resolve/main/config.json": "licence none",
            "single/resolve/main/config.json": "not among the models",
        }
        for path, reason in reasons.items():
            answer = await setting.get(path)
            assert answer.status == 403, path
            assert reason in answer.headers["x-error-message"]
        assert hub.total("evil") == 0, "what is denied by name is not asked for"
        info = json.loads((await setting.get("api/models/acme/good")).body)
        tree = json.loads((await setting.get("api/models/acme/good/tree/main?recursive=true")).body)
        events = [json.loads(line) for line in (tmp_path / "audit" / "audit.jsonl").read_text().splitlines()]
        assert ("model", "refused", "evil/model") in [(each["action"], each["outcome"], each.get("repository")) for each in events]
        listed = [each["rfilename"] for each in info["siblings"]], [each["path"] for each in tree]
        assert listed == (["config.json"], ["config.json"])

    with_hub(tmp_path, work, policy=policy)
