"""The oras library and skopeo push to the mirror and pull from it; what they push are models, and models are what they pull.
Our own client speaks to a registry that others wrote."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import socket
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from headrace.core.errors import AlreadyExistsError, NotFoundError
from headrace.core.tokens import token_hash
from headrace.hub import pushing
from headrace.hub.resolving import resolve
from headrace.hub.settings import Settings
from headrace.hub.transport import Transport
from headrace.mirror.models.published import Published
from headrace.mirror.private.uploaders import Uploader
from headrace.modelpack.files import ModelFile
from headrace.store.blobs import BlobStore
from headrace.store.index import open_index
from tests.interop import debian
from tests.interop.peer_runs import run_peer
from tests.mirror.index_server import IndexServer
from tests.mirror.setting import mirroring
from tests.mirror.test_clients import run

pytestmark = pytest.mark.interop

TOKEN = "let-me-in"
CONTENTS = {"saved_model.pb": b"graph" * 30_000, "variables/variables.index": b"index", "assets/empty.txt": b""}
SHA256 = {path: hashlib.sha256(data).hexdigest() for path, data in CONTENTS.items()}


def fill(folder: Path) -> Path:
    for path, data in CONTENTS.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def with_mirror(root: Path, work: Callable[[str], Awaitable[None]]) -> None:
    """Does something with the host and port of a mirror."""

    async def go() -> None:
        uploaders = (Uploader("ann", token_hash(TOKEN), models=("acme/*",)),)
        async with IndexServer() as index, mirroring(root, index, mirror={"uploaders": uploaders}) as setting:
            await work(setting.url.removeprefix("http://"))

    asyncio.run(asyncio.wait_for(go(), 300))


def published(root: Path) -> Published:
    return Published(root, BlobStore(root), open_index(root))


def test_oras(tmp_path: Path, oras_python: Path) -> None:
    source, target, root = fill(tmp_path / "source"), tmp_path / "target", tmp_path / "mirror"

    async def work(host: str) -> None:
        told = await asyncio.to_thread(run_peer, oras_python, "oras_client.py", host, "acme/digits", TOKEN, source, target)
        assert told["pulled"] == SHA256
        assert told["tags"] == ["1", "2"]
        assert "Conflict" in told["refused"]

    with_mirror(root, work)
    model = published(root).get("acme/digits", "2")
    assert model is not None, "what is pushed as ModelPack is a model that is published"
    assert {each.path: each.digest for each in model.files} == SHA256


def test_skopeo(tmp_path: Path) -> None:
    try:
        skopeo = debian.ensure("skopeo", "skopeo")
    except debian.ProgramUnavailable as error:
        pytest.skip(str(error))
    root = tmp_path / "mirror"
    store = BlobStore(root)
    index = open_index(root)
    files = []
    for path, data in CONTENTS.items():
        store.put(data, SHA256[path])
        files.append(ModelFile(path, SHA256[path], len(data)))
    Published(root, store, index).publish("acme/digits", "3", files)
    index.close()

    async def work(host: str) -> None:
        away = ["--src-tls-verify=false", "--insecure-policy"]
        said = await run(skopeo, "copy", *away, f"docker://{host}/acme/digits:3", f"dir:{tmp_path / 'pulled'}")
        assert said.endswith("status 0"), said
        manifest = json.loads((tmp_path / "pulled/manifest.json").read_bytes())
        assert manifest["artifactType"] == "application/vnd.cncf.model.manifest.v1+json"
        for layer in manifest["layers"]:
            digest = layer["digest"].removeprefix("sha256:")
            assert (tmp_path / "pulled" / digest).read_bytes() == CONTENTS[layer["annotations"]["org.cncf.model.filepath"]]
        there = ["--dest-tls-verify=false", "--insecure-policy", f"--dest-creds=anybody:{TOKEN}"]
        said = await run(skopeo, "copy", *there, f"dir:{tmp_path / 'pulled'}", f"docker://{host}/acme/copied:1")
        assert said.endswith("status 0"), said
        said = await run(skopeo, "inspect", "--raw", "--tls-verify=false", f"docker://{host}/acme/copied:latest")
        assert said.startswith((tmp_path / "pulled/manifest.json").read_text()), said
        said = await run(skopeo, "copy", *there, f"dir:{tmp_path / 'pulled'}", f"docker://{host}/elsewhere/copied:1")
        assert "status 0" not in said
        assert "may not publish" in said or "denied" in said.lower(), said
        assert '"1"' in await run(skopeo, "list-tags", "--tls-verify=false", f"docker://{host}/acme/copied")

    with_mirror(root, work)
    model = published(root).get("acme/copied", "1")
    assert model is not None
    assert model.files == tuple(sorted(files))


@contextlib.contextmanager
def other_registry(folder: Path) -> Iterator[str]:
    """The URL of the Distribution project's registry, which Debian calls docker-registry."""
    try:
        program = debian.ensure("docker-registry", "docker-registry")
    except debian.ProgramUnavailable as error:
        pytest.skip(str(error))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    configuration = {
        "version": "0.1",
        "storage": {"filesystem": {"rootdirectory": str(folder / "registry")}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    (folder / "registry.yml").write_text(json.dumps(configuration))
    with (folder / "registry.log").open("w") as log:
        process = subprocess.Popen([program, "serve", str(folder / "registry.yml")], stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        Transport(60.0, tries=9).persistently("GET", f"{url}/v2/", {})
        yield url
    finally:
        process.terminate()
        process.wait(60)


def test_our_client_and_a_registry_of_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pushing, "_CHUNK_BYTES", 50_000)
    source = fill(tmp_path / "source")
    with other_registry(tmp_path) as url:
        settings = Settings(tmp_path / "cache", url, tries=2)
        first = pushing.push(source, "acme/digits", "1", url, "", settings.cache)
        assert (first.fresh, first.files) == (True, len(CONTENTS))
        assert not pushing.push(source, "acme/digits", "1", url, "", settings.cache).fresh
        (source / "variables/variables.index").write_bytes(b"other")
        with pytest.raises(AlreadyExistsError):
            pushing.push(source, "acme/digits", "1", url, "", settings.cache)
        path = Path(resolve(f"acme/digits:1@sha256:{first.digest}", settings))
        assert {name: (path / name).read_bytes() for name in CONTENTS} == CONTENTS
        with pytest.raises(NotFoundError):
            resolve("acme/digits:2", settings)
