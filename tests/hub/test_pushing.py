"""Models pushed to the mirror and pulled from it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from headrace.cli.main import main
from headrace.core.errors import (
    AlreadyExistsError,
    DataLossError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
    ResourceExhaustedError,
    UnauthenticatedError,
    UnavailableError,
)
from headrace.hub import pushing
from headrace.hub.pushing import push
from headrace.hub.resolving import resolve
from headrace.hub.settings import Settings, of_environment, read_token
from headrace.hub.transport import Transport
from tests.hub.setting import TOKEN, mirror
from tests.hub.test_archives import files, leftovers

CONTENTS = {"saved_model.pb": b"graph" * 20_000, "variables/variables.index": b"index", "assets/empty.txt": b""}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with mirror(tmp_path_factory.mktemp("mirror")) as found:
        yield found


@pytest.fixture
def settings(tmp_path: Path, url: str) -> Settings:
    return Settings(tmp_path / "cache", url, TOKEN, timeout_seconds=20.0, tries=2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path, data in CONTENTS.items():
        (tmp_path / "model" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "model" / path).write_bytes(data)
    return tmp_path / "model"


def send(folder: Path, model: str, settings: Settings, token: str = TOKEN) -> pushing.Pushed:
    name, _, version = model.partition(":")
    return push(folder, name, version, settings.url, token, settings.cache, settings.timeout_seconds, settings.tries)


def test_push_and_pull(folder: Path, settings: Settings) -> None:
    first = send(folder, "acme/first:9", settings)
    assert (first.files, first.sent_bytes, first.fresh) == (3, sum(map(len, CONTENTS.values())), True)
    assert not send(folder, "acme/first:9", settings).fresh, "the same again"
    (folder / "variables/variables.index").write_bytes(b"other")
    assert send(folder, "acme/first:10", settings).sent_bytes == 5, "only what is missing"
    with pytest.raises(AlreadyExistsError, match="a version stands for one"):
        send(folder, "acme/first:9", settings)
    old = resolve("acme/first:9", settings)
    assert files(old) == CONTENTS
    for handle in ("acme/first", "acme/first:latest", "acme/first:10"):
        assert files(resolve(handle, settings))["variables/variables.index"] == b"other"
    assert resolve(f"acme/first:9@sha256:{first.digest}", settings) == old
    assert leftovers(settings) == []
    away = replace(settings, offline=True)
    assert resolve("acme/first:9", away) == old
    assert resolve("acme/first", away) == resolve("acme/first:10", away), "what it was last known to be"
    assert resolve(f"anything@sha256:{first.digest}", replace(away, url="")) == old
    with pytest.raises(FailedPreconditionError, match="acme/first:8 is not in the cache"):
        resolve("acme/first:8", away)


def test_what_was_pushed_has_a_handle_of_tensorflow_hub(folder: Path, settings: Settings) -> None:
    send(folder, "acme/handle:3", settings)
    assert files(resolve(f"{settings.url}/tfhub/acme/handle/3", settings)) == CONTENTS


def test_latest_while_the_registry_does_not_answer(folder: Path, settings: Settings, tmp_path: Path) -> None:
    with mirror(tmp_path / "other") as other:
        there = replace(settings, url=other, tries=1)
        send(folder, "acme/a:1", there)
        path = resolve("acme/a", there)
    assert resolve("acme/a", there) == path
    with pytest.raises(UnavailableError, match="cannot be reached"):
        resolve("acme/b", there)


def test_what_is_not_there_or_not_what_it_should_be(folder: Path, settings: Settings) -> None:
    send(folder, "acme/pins:1", settings)
    with pytest.raises(NotFoundError, match="has no model acme/pins with the version 2"):
        resolve("acme/pins:2", settings)
    with pytest.raises(NotFoundError, match=f"with the version sha256:{'0' * 64}"):
        resolve(f"acme/pins:1@sha256:{'0' * 64}", settings)
    with pytest.raises(ResourceExhaustedError, match="HEADRACE_HUB_MAX_GIB"):
        resolve("acme/pins:1", replace(settings, max_bytes=1000))


def test_refusals(folder: Path, settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(UnauthenticatedError, match="the token is not known here"):
        send(folder, "acme/a:1", settings, token="wrong")
    with pytest.raises(PermissionDeniedError, match="ann may not publish the model other"):
        send(folder, "other:1", settings)
    for model, mistake in (("acme/a:latest", "cannot be pushed"), ("ACME:1", "no name of a model"), ("acme/a:../1", "no version")):
        with pytest.raises(InvalidArgumentError, match=mistake):
            send(folder, model, settings)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidArgumentError, match="a model has 1 to"):
        send(tmp_path / "empty", "acme/a:1", settings)
    (folder / "link").symlink_to("/etc/passwd")
    with pytest.raises(InvalidArgumentError, match="neither a file nor a folder"):
        send(folder, "acme/a:1", settings)


def test_a_push_goes_on_after_a_break(folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pushing, "_CHUNK_BYTES", 30_000)
    (folder / "saved_model.pb").write_bytes(os.urandom(100_000))
    sent: list[str] = []
    real = Transport.ask

    def ask(self: Transport, method: str, url: str, headers: Any, body: bytes | None = None, max_bytes: int = 1 << 20) -> Any:
        if method == "PATCH":
            sent.append(headers["Content-Range"])
            if len(sent) == 2:  # it breaks after half of a chunk
                real(self, method, url, {"Content-Range": "30000-39999"}, (body or b"")[:10_000])
                raise UnavailableError("the connection broke")
            if len(sent) == 4:  # the process ends
                raise KeyboardInterrupt
        return real(self, method, url, headers, body, max_bytes)

    monkeypatch.setattr(Transport, "ask", ask)
    with pytest.raises(KeyboardInterrupt):
        send(folder, "acme/breaks:1", settings)
    assert sent == ["0-29999", "30000-59999", "40000-69999", "70000-99999"]
    assert send(folder, "acme/breaks:1", settings).fresh
    assert sent[4] == "70000-99999", "the next push goes on where the first one ended"
    assert files(resolve("acme/breaks:1", settings))["saved_model.pb"] == (folder / "saved_model.pb").read_bytes()
    assert not list(settings.cache.glob("*.upload"))


def test_a_file_that_changes_while_it_is_pushed(folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pushing.digests, "of_file", lambda path: "0" * 64)
    with pytest.raises(InvalidArgumentError, match="came with sha256"):
        send(folder, "acme/changing:1", settings)
    with pytest.raises(NotFoundError):
        resolve("acme/changing:1", settings)


PROGRAM = """
import sys
sys.modules["jax"] = None  # as in headrace-slim: it starts in no time
from headrace.hub import resolve
print(resolve(sys.argv[1]))
"""


def start(handle: str, settings: Settings) -> subprocess.Popen[str]:
    """A process that resolves a handle."""
    variables = {"HEADRACE_HUB_CACHE": str(settings.cache), "HEADRACE_HUB_URL": settings.url}
    return subprocess.Popen([sys.executable, "-c", PROGRAM, handle], env=os.environ | variables, stdout=subprocess.PIPE, text=True)


class SlowRegistry:
    """Passes requests on to a registry, and waits before the end of each blob until it is let go."""

    def __init__(self, url: str) -> None:
        self.asked: list[str] = []
        self.go = threading.Event()
        self.half = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(f"{self.path} {self.headers.get('Range', '')}")
                transport = Transport(20.0, 1)
                named = {key: self.headers[key] for key in ("Accept", "Range") if key in self.headers}
                reply = transport.ask("GET", url + self.path, named)
                self.send_response(reply.status)
                for key in ("Content-Length", "Content-Range", "Docker-Content-Digest"):
                    if key in reply.headers:
                        self.send_header(key, reply.headers[key])
                self.end_headers()
                if "/blobs/" in self.path and not outer.go.is_set() and len(reply.body) > 1000:
                    self.wfile.write(reply.body[:50_000])
                    self.wfile.flush()
                    outer.half.set()
                    outer.go.wait(60)
                    return
                self.wfile.write(reply.body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def close(self) -> None:
        self.go.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def test_one_process_fetches_and_is_killed_and_the_next_goes_on(folder: Path, settings: Settings) -> None:
    send(folder, "acme/killed:1", settings)
    registry = SlowRegistry(settings.url)
    here = replace(settings, url=registry.url)
    digest = hashlib.sha256(CONTENTS["saved_model.pb"]).hexdigest()
    processes = []
    try:
        first = start("acme/killed:1", here)
        processes.append(first)
        assert registry.half.wait(60)
        (part,) = here.cache.glob(f"*.headrace.parts/{digest}")
        end = time.monotonic() + 60
        while part.stat().st_size == 0 and time.monotonic() < end:
            time.sleep(0.01)
        others = [start("acme/killed:1", here) for _ in range(2)]
        processes += others
        first.kill()
        first.communicate(timeout=60)
        assert not [path for path in here.cache.iterdir() if path.is_dir() and "." not in path.name], "no half model"
        registry.go.set()
        (path,) = {each.communicate(timeout=60)[0].strip() for each in others}
        assert files(path) == CONTENTS
        asked = [each for each in registry.asked if digest in each]
        assert len(asked) == 2, asked
        assert "bytes=" in asked[1], "the next goes on where the first one was killed"
        assert leftovers(here) == []
    finally:
        for each in processes:
            each.kill()
            each.communicate()
        registry.close()


def test_a_registry_that_lies(folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    send(folder, "acme/lies:1", settings)
    real = Transport.fetch

    def fetch(self: Transport, url: str, target: Path, *more: Any) -> None:
        real(self, url, target, *more)
        if target.stat().st_size > 1000:
            target.write_bytes(b"x" * target.stat().st_size)

    monkeypatch.setattr(Transport, "fetch", fetch)
    with pytest.raises(DataLossError, match="it is thrown away"):
        resolve("acme/lies:1", settings)
    monkeypatch.setattr(Transport, "fetch", real)
    assert files(resolve("acme/lies:1", settings)) == CONTENTS


def test_the_commands(folder: Path, settings: Settings, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(f"{TOKEN}\n")
    environment = {"HEADRACE_HUB_CACHE": str(settings.cache), "HEADRACE_HUB_URL": "", "HEADRACE_HUB_TOKEN_FILE": ""}
    runner = CliRunner(env=environment)
    pushed = runner.invoke(main, ["hub", "push", str(folder), "acme/cli:1", "--to", settings.url, "--token_file", str(token)])
    assert pushed.exit_code == 0, pushed.output
    pinned = pushed.output.split()[0]
    assert pinned.startswith("acme/cli:1@sha256:")
    pulled = runner.invoke(main, ["hub", "pull", pinned, "--from", settings.url])
    assert files(pulled.output.strip()) == CONTENTS
    for arguments, mistake in (
        (["push", str(folder), "acme/cli", "--to", settings.url], "has no version; expected such as acme/cli:1"),
        (["push", str(folder), "acme/cli:2"], "no registry to push to"),
        (["push", str(folder), "acme/cli:2", "--to", settings.url], "a token is needed"),
        (["push", str(folder), "acme/cli:2", "--to", "ftp://x"], "no URL of a registry"),
        (["pull", "acme/cli:1"], "no registry to pull"),
        (["pull", "acme/cli:7", "--from", settings.url], "no model acme/cli with the version 7"),
    ):
        said = runner.invoke(main, ["hub", *arguments])
        assert (said.exit_code, mistake in said.output) == (1, True), said.output


def test_settings(tmp_path: Path) -> None:
    assert of_environment({"TFHUB_CACHE_DIR": "/t"}).cache == Path("/t")
    found = of_environment(
        {"TFHUB_CACHE_DIR": "/t", "HEADRACE_HUB_CACHE": "/h", "HEADRACE_HUB_OFFLINE": "1", "HEADRACE_HUB_TIMEOUT": "2"}
    )
    assert (found.cache, found.offline, found.timeout_seconds) == (Path("/h"), True, 2.0)
    assert of_environment({"XDG_CACHE_HOME": "/x"}).cache == Path("/x/headrace/hub")
    for variables, mistake in (
        ({"HEADRACE_HUB_OFFLINE": "perhaps"}, "neither yes nor no"),
        ({"HEADRACE_HUB_TIMEOUT": "soon"}, "no number above 0"),
        ({"HEADRACE_HUB_MAX_GIB": "-1"}, "no number above 0"),
        ({"HEADRACE_HUB_URL": "models.example"}, "no URL of a registry"),
        ({"HEADRACE_HUB_TOKEN_FILE": str(tmp_path / "none")}, "cannot be read"),
    ):
        with pytest.raises(InvalidArgumentError, match=mistake):
            of_environment(variables)
    (tmp_path / "token").write_text("two words")
    with pytest.raises(InvalidArgumentError, match="holds no token"):
        read_token(tmp_path / "token")
