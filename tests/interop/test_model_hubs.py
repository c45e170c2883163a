"""Real clients of model hubs before a mirror: huggingface_hub, new and old."""

from __future__ import annotations

import asyncio
import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.interop import environments
from tests.interop.peer_runs import run_peer
from tests.mirror.models.hub_server import HubServer, git_oid, noise
from tests.mirror.models.setting import HubSetting, hub_mirroring

OLD = "0.36.2"
FILES = {
    "config.json": b'{"hidden": 8}',
    "empty.txt": b"",
    "model.safetensors": noise(400_000),
    "onnx/model.onnx": noise(100_000, 1),
    "onnx/ä b/vocab+1.txt": "ünï\n".encode(),
}
LARGE = ("model.safetensors", "onnx/model.onnx")


@pytest.fixture(scope="session", params=[None, OLD], ids=["new", "old"])
def huggingface_python(request: pytest.FixtureRequest) -> Path:
    """The Python of an environment with huggingface_hub."""
    try:
        if request.param is None:
            return environments.ensure("huggingface-hub")
        return environments.ensure_with("huggingface-hub-old", [f"huggingface-hub=={request.param}"])
    except environments.EnvironmentUnavailable as error:
        pytest.fail(str(error), pytrace=False)


async def client(python: Path, setting: HubSetting, home: Path, *steps: tuple[str, dict[str, Any]]) -> list[Any]:
    """What the real client makes of these steps."""
    script, text = "huggingface_client.py", json.dumps(steps)
    version, results = await asyncio.to_thread(run_peer, python, script, setting.endpoint, home, text)
    assert version.partition(".")[0] in ("0", "2")
    return results


def digests(files: dict[str, bytes]) -> dict[str, str]:
    return {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}


def test_huggingface_hub(huggingface_python: Path, tmp_path: Path) -> None:
    async def work() -> None:
        async with HubServer() as hub:
            sha = hub.commit("acme/tiny", FILES, LARGE)
            other = hub.commit("acme/tiny", {"config.json": b"branch"}, branch="refs/pr/1")
            hub.commit("datasets/acme/data", {"train.csv": b"1,2\n"})
            hub.commit("acme/closed", {"config.json": b"1"}, access="gated")
            tiny = {"repo_id": "acme/tiny"}
            async with hub_mirroring(tmp_path / "mirror", hub, fresh_seconds=0.0, revalidate_seconds=0.0) as setting:
                found = await client(
                    huggingface_python,
                    setting,
                    tmp_path / "home",
                    ("snapshot", tiny),
                    ("metadata", {**tiny, "filename": "model.safetensors"}),
                    ("metadata", {**tiny, "filename": "config.json", "revision": sha}),
                    ("download", {**tiny, "filename": "config.json", "revision": "refs/pr/1"}),
                    ("snapshot", {"repo_id": "acme/data", "repo_type": "dataset"}),
                    ("info", tiny),
                    ("paths", {**tiny, "paths": ["config.json", "none"]}),
                    ("opened", {"path": "acme/tiny/onnx/ä b/vocab+1.txt"}),
                    ("download", {**tiny, "filename": "none.json"}),
                    ("download", {**tiny, "filename": "config.json", "revision": "none"}),
                    ("download", {"repo_id": "acme/none", "filename": "config.json"}),
                    ("download", {"repo_id": "acme/closed", "filename": "config.json"}),
                )
                assert found[0] == [sha, digests(FILES)]
                assert found[1] == [sha, digests(FILES)["model.safetensors"], 400_000]
                assert found[2] == [sha, git_oid(FILES["config.json"]), len(FILES["config.json"])]
                assert found[3] == hashlib.sha256(b"branch").hexdigest()
                assert other != sha
                assert found[4][1] == digests({"train.csv": b"1,2\n"})
                assert found[5] == [sha, sorted(FILES)]
                assert found[6:8] == [["config.json"], "ünï\n"]
                errors = [each[0] for each in found[8:]]
                assert errors[0] in ("RemoteEntryNotFoundError", "EntryNotFoundError")
                assert errors[1:] == ["RevisionNotFoundError", "RepositoryNotFoundError", "GatedRepoError"]
                hub.down = True
                found = await client(
                    huggingface_python,
                    setting,
                    tmp_path / "other home",
                    ("snapshot", tiny),
                    ("snapshot", {**tiny, "revision": sha, "allow_patterns": ["onnx/*"]}),
                    ("snapshot", {"repo_id": "acme/data", "repo_type": "dataset"}),
                )
                assert found[0] == [sha, digests(FILES)], "all of it is in the mirror"
                assert set(found[1][1]) == set(FILES), "the same folder as before"
                assert found[2][1] == digests({"train.csv": b"1,2\n"})

    asyncio.run(asyncio.wait_for(work(), 300))


def test_a_damaged_file_is_never_in_a_snapshot(huggingface_python: Path) -> None:
    async def work(root: Path) -> None:
        async with HubServer() as hub, hub_mirroring(root / "mirror", hub) as setting:
            hub.commit("acme/tiny", {"config.json": b'{"hidden": 8}', "model.bin": noise(1000)}, ("model.bin",))
            hub.corrupt = True
            names = ("config.json", "model.bin")
            steps = [("download", {"repo_id": "acme/tiny", "filename": name}) for name in names]
            found = await client(huggingface_python, setting, root / "home", *steps)
            assert [("Error" in each[0], "502" in each[1]) for each in found] == [(True, True)] * 2, found
            assert not list((root / "home").rglob("snapshots/*/*"))

    with tempfile.TemporaryDirectory() as root:
        asyncio.run(asyncio.wait_for(work(Path(root)), 120))
