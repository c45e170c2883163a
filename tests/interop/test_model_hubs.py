"""Real clients of model hubs before a mirror: huggingface_hub, new and old, tensorflow_hub, and kagglehub."""

from __future__ import annotations

import asyncio
import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import headrace as tf
from headrace.cli.mirror.seed import seed
from tests.interop import environments
from tests.interop.peer_runs import run_peer
from tests.mirror.models.archives import FILES as ARCHIVED
from tests.mirror.models.archives import HOSTILE, archive
from tests.mirror.models.hub_server import HubServer, git_oid, noise
from tests.mirror.models.setting import HubSetting, hub_mirroring
from tests.mirror.models.tfhub_server import TfHubServer, publish, with_tfhub
from tests.mirror.setting import Setting

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


@pytest.mark.parametrize("huggingface_python", [None], ids=["new"], indirect=True)  # the old one tries again for a minute
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


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a SavedModel, a function that doubles."""

    class Double(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32)])  # type: ignore[untyped-decorator]
        def __call__(self, x: Any) -> Any:
            return 2.0 * x

    folder = tmp_path_factory.mktemp("model")
    tf.saved_model.save(Double(), str(folder))
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def overlaid(name: str, *requirements: str) -> Path:
    try:
        return environments.overlay(name, list(requirements))
    except environments.EnvironmentUnavailable as error:
        pytest.fail(str(error), pytrace=False)


def test_tensorflow_hub(tensorflow_python: Path, saved_model: dict[str, bytes], tmp_path: Path) -> None:
    packages = overlaid("tensorflow-hub", "tensorflow-hub==0.16.1", "tf-keras==2.21.0", "setuptools==80.9.0")
    public = "https://hub.example/acme/double/1"

    async def work(setting: Setting, hub: TfHubServer) -> None:
        hub.archives["acme/double/1"] = archive(saved_model)
        hub.archives["acme/evil/1"] = HOSTILE["symlink"]
        publish(tmp_path / "mirror", "acme/own", "7", saved_model)
        command = ["tfhub", public, f"--cache={tmp_path / 'seeded'}", f"--mirror={setting.url}"]
        seeded = await asyncio.to_thread(CliRunner().invoke, seed, command)
        assert seeded.exit_code == 0, seeded.output
        handles = [f"{setting.url}/tfhub/acme/{name}" for name in ("double/1", "own/7", "evil/1", "none/1")]
        steps = [["load", str(tmp_path / "cache"), handle] for handle in handles]
        steps += [["load", str(tmp_path / "seeded"), public], ["bucket", "", handles[0]]]
        found = await asyncio.to_thread(run_peer, tensorflow_python, "tfhub_mirror.py", packages, json.dumps(steps))
        for place, handle in ((0, handles[0]), (1, handles[1]), (4, public)):
            assert found[place] == [hashlib.sha1(handle.encode()).hexdigest(), [[2.0, 4.0]]], found
        assert (found[2][0], "502" in found[2][1]) == ("error", True)
        assert (found[3][0], "404" in found[3][1]) == ("error", True)
        assert found[5] == "gs://acme-models/acme/double/1"

    with_tfhub(tmp_path / "mirror", work, tfhub_bucket="gs://acme-models")


def test_kagglehub(tmp_path: Path) -> None:
    try:
        python = environments.ensure("kagglehub")
    except environments.EnvironmentUnavailable as error:
        pytest.fail(str(error), pytrace=False)
    model, cache = tmp_path / "model.tar.gz", tmp_path / "cache"
    model.write_bytes(archive(ARCHIVED))
    seeded, other = "acme/small/tensorFlow2/base/3", "acme/small/tensorFlow2/base/4"
    assert CliRunner().invoke(seed, ["kaggle", seeded, str(model), f"--cache={cache}"]).exit_code == 0
    found = run_peer(python, "kagglehub_cache.py", cache, seeded, other)
    assert found[0] == [str(cache / "models" / seeded), sorted(ARCHIVED)]
    assert found[1][0] == "error", "it is asked for upstream, where nobody is"
