"""Archives behind URLs: fetched once, verified at each use, and what hostile and broken servers send is refused."""

from __future__ import annotations

import hashlib
import logging
import os
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from headrace.core.errors import (
    DataLossError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
    ResourceExhaustedError,
    UnavailableError,
)
from headrace.hub.resolving import resolve
from headrace.hub.settings import Settings
from tests.hub.hostile_server import Server, archive, serving

CONTENTS: dict[str, bytes | tarfile.TarInfo] = {
    "./saved_model.pb": b"graph" * 10_000,
    "./variables/variables.index": b"index",
    "./assets/empty.txt": b"",
}


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as found:
        found.contents["/acme/digits/3"] = archive(CONTENTS)
        yield found


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "cache", timeout_seconds=20.0, tries=2)


def files(folder: str) -> dict[str, bytes]:
    found = Path(folder)
    return {path.relative_to(found).as_posix(): path.read_bytes() for path in found.rglob("*") if path.is_file()}


def leftovers(settings: Settings) -> list[str]:
    """What is in the cache beside whole models."""
    return sorted(path.name.partition(".")[2] for path in settings.cache.iterdir() if path.is_dir() and "." in path.name)


def test_a_model_is_fetched_once(server: Server, settings: Settings) -> None:
    handle = f"{server.url}/acme/digits/3"
    path = resolve(handle, settings)
    assert files(path) == {name.removeprefix("./"): data for name, data in CONTENTS.items()}
    assert resolve(handle, settings) == path
    assert [asked[0] for asked in server.asked] == ["/acme/digits/3?tf-hub-format=compressed"]
    assert Path(path).name == hashlib.sha1(handle.encode()).hexdigest(), "as tensorflow_hub names it"
    assert f"Module: {handle}\n" in Path(f"{path}.descriptor.txt").read_text()
    assert leftovers(settings) == []
    assert resolve(handle, replace(settings, offline=True)) == path


@pytest.mark.parametrize("mode", ["w:gz", "w"])
def test_archives_by_their_names_are_asked_for_as_they_are(server: Server, settings: Settings, mode: str) -> None:
    server.contents["/digits.tar.gz"] = archive({"saved_model.pb": b"graph"}, mode)
    assert files(resolve(f"{server.url}/digits.tar.gz", settings)) == {"saved_model.pb": b"graph"}
    assert server.asked[0][0] == "/digits.tar.gz"


def test_what_is_damaged_later_is_not_used(server: Server, settings: Settings) -> None:
    handle = f"{server.url}/acme/digits/3"
    path = Path(resolve(handle, settings))
    (path / "saved_model.pb").write_bytes(b"evil" * 12_500)
    with pytest.raises(DataLossError, match="saved_model.pb"):
        resolve(handle, settings)
    (path / "saved_model.pb").write_bytes(b"graph" * 10_000)
    assert resolve(handle, settings) == str(path)
    (path / "more.py").write_bytes(b"")
    with pytest.raises(DataLossError, match=r"more\.py"):
        resolve(handle, settings)
    (path / "more.py").unlink()
    (path / "assets/empty.txt").unlink()
    with pytest.raises(DataLossError, match="not as they came"):
        resolve(handle, settings)
    (path / "assets/empty.txt").symlink_to("/dev/null")
    with pytest.raises(DataLossError, match="no plain file"):
        resolve(handle, settings)


def test_a_model_that_tensorflow_hub_fetched_must_stay_as_it_is(server: Server, settings: Settings) -> None:
    handle = f"{server.url}/acme/digits/4"
    path = settings.cache / hashlib.sha1(handle.encode()).hexdigest()
    path.mkdir(parents=True)
    (path / "saved_model.pb").write_bytes(b"theirs")
    assert resolve(handle, settings) == str(path)
    assert server.asked == []
    (path / "saved_model.pb").write_bytes(b"changed")
    with pytest.raises(DataLossError, match="saved_model.pb"):
        resolve(handle, settings)


def test_pins(server: Server, settings: Settings) -> None:
    handle = f"{server.url}/acme/digits/3"
    digest = hashlib.sha256(server.contents["/acme/digits/3"]).hexdigest()
    with pytest.raises(DataLossError, match="was asked for"):
        resolve(f"{handle}@sha256:{'0' * 64}", settings)
    assert leftovers(settings) == []
    path = resolve(f"{handle}@sha256:{digest}", settings)
    assert resolve(handle, settings) == path
    with pytest.raises(DataLossError, match="to fetch it anew"):
        resolve(f"{handle}@sha256:{'0' * 64}", settings)


def test_offline_says_which_model_is_missing(server: Server, settings: Settings) -> None:
    handle = f"{server.url}/acme/digits/3"
    with pytest.raises(FailedPreconditionError, match=f"{handle} is not in the cache.*headrace hub pull {handle}"):
        resolve(handle, replace(settings, offline=True))
    assert server.asked == []


def member(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type = kind
    found.linkname = link
    return found


@pytest.mark.parametrize(
    ("members", "mistake"),
    [
        ({"../outside": b"x"}, "no path of a file"),
        ({"/tmp/outside": b"x"}, "no path of a file"),
        ({"a/../../outside": b"x"}, "no path of a file"),
        ({"a\\..\\outside": b"x"}, "no path of a file"),
        ({"link": member("link", tarfile.SYMTYPE, "/etc/passwd")}, "neither a file nor a folder"),
        ({"a": b"x", "link": member("link", tarfile.LNKTYPE, "a")}, "neither a file nor a folder"),
        ({"device": member("device", tarfile.CHRTYPE)}, "neither a file nor a folder"),
        ({"pipe": member("pipe", tarfile.FIFOTYPE)}, "neither a file nor a folder"),
        ({"a": b"x", "./a": b"y"}, "twice"),
        ({}, "a model has 1 to"),
    ],
)
def test_hostile_archives(
    server: Server, settings: Settings, members: dict[str, bytes | tarfile.TarInfo], mistake: str, tmp_path: Path
) -> None:
    server.contents["/m/1"] = archive(members)
    with pytest.raises(InvalidArgumentError, match=mistake):
        resolve(f"{server.url}/m/1", settings)
    assert not list(tmp_path.rglob("outside"))
    assert not Path("/tmp/outside").exists()
    with pytest.raises(InvalidArgumentError, match=mistake):
        resolve(f"{server.url}/m/1", settings)


def test_a_bomb(server: Server, settings: Settings) -> None:
    server.contents["/m/1"] = archive({"zeros": bytes(8 << 20)})
    assert len(server.contents["/m/1"]) < 100_000
    with pytest.raises(ResourceExhaustedError, match="more than 1048576 bytes together"):
        resolve(f"{server.url}/m/1", replace(settings, max_bytes=1 << 20))
    assert leftovers(settings) == []


@pytest.mark.parametrize("data", [b"<html>not found</html>", b"\x1f\x8b\x08\x00damaged", b""])
def test_what_is_no_archive(server: Server, settings: Settings, data: bytes) -> None:
    server.contents["/m/1"] = data
    with pytest.raises((InvalidArgumentError, DataLossError)):
        resolve(f"{server.url}/m/1", settings)
    server.contents["/m/1"] = archive(CONTENTS)
    resolve(f"{server.url}/m/1", settings)


def test_a_transfer_goes_on_after_breaks(server: Server, settings: Settings) -> None:
    server.contents["/m/1"] = archive({"noise": os.urandom(100_000)})
    server.cut = 30_000
    resolve(f"{server.url}/m/1", settings)
    assert [asked[1] for asked in server.asked] == ["", "bytes=30000-", "bytes=60000-", "bytes=90000-"]


def test_a_transfer_that_gets_no_further_is_given_up_and_gone_on_with(server: Server, settings: Settings) -> None:
    server.contents["/m/1"] = archive({"noise": os.urandom(100_000)})
    server.cut = 0
    with pytest.raises(UnavailableError, match="broke off after 0 of"):
        resolve(f"{server.url}/m/1", settings)
    server.cut, server.stall = None, True
    with pytest.raises(UnavailableError, match="broke off: timed out"):
        resolve(f"{server.url}/m/1", replace(settings, timeout_seconds=0.3, tries=1))
    server.stall = False
    resolve(f"{server.url}/m/1", settings)
    assert server.asked[-1][1].startswith("bytes="), "what had come is gone on with"


def test_endless_and_refused_answers(server: Server, settings: Settings) -> None:
    with pytest.raises(NotFoundError, match="status 404"):
        resolve(f"{server.url}/unknown/1", settings)
    server.status = 403
    with pytest.raises(PermissionDeniedError, match="status 403"):
        resolve(f"{server.url}/acme/digits/3", settings)
    server.status = 503
    with pytest.raises(UnavailableError, match="status 503"):
        resolve(f"{server.url}/acme/digits/3", settings)
    server.status, server.endless = 200, True
    with pytest.raises(ResourceExhaustedError, match="larger than 1000000 bytes"):
        resolve(f"{server.url}/acme/digits/3", replace(settings, max_bytes=1_000_000))


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/x", ""])
def test_redirects_out_of_http_are_not_followed(server: Server, settings: Settings, location: str) -> None:
    server.redirect = location or " "
    with pytest.raises(PermissionDeniedError, match="which is not followed"):
        resolve(f"{server.url}/acme/digits/3", settings)


def test_redirects(server: Server, settings: Settings) -> None:
    with serving() as other:
        other.contents["/elsewhere"] = archive(CONTENTS)
        server.redirect = f"{other.url}/elsewhere"
        resolve(f"{server.url}/acme/digits/3", settings)
        server.redirect = f"{server.url}/round"
        with pytest.raises(UnavailableError, match="redirects more than 5 times"):
            resolve(f"{server.url}/round", settings)


@pytest.mark.parametrize(
    "handle",
    ["", "a\0b", "gs://bucket/model", "s3://bucket/model", "ACME/Digits:1", "../elsewhere", "acme:1:2", "acme:", "x" * 5000],
)
def test_what_is_no_handle(handle: str, settings: Settings) -> None:
    with pytest.raises(InvalidArgumentError):
        resolve(handle, settings)


def test_folders_are_what_they_are(tmp_path: Path, settings: Settings) -> None:
    assert resolve(str(tmp_path), settings) == str(tmp_path)
    with pytest.raises(NotFoundError, match="HEADRACE_HUB_URL does not say"):
        resolve("no/such/folder", settings)


def test_a_cache_that_cannot_be_written(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FailedPreconditionError, match="set HEADRACE_HUB_CACHE"):
        resolve(f"{server.url}/acme/digits/3", Settings(tmp_path / "file" / "cache"))


def test_a_token_goes_to_its_server_only(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    from headrace.hub.transport import Transport

    caplog.set_level(logging.DEBUG)
    with serving() as other:
        other.contents["/x"] = b"x"
        server.redirect = f"{other.url}/x"
        transport = Transport(20.0, 2, server.url, "secret")
        assert transport.ask("GET", f"{server.url}/x", {}).body == b"x"
        assert server.asked[0][2].startswith("Basic ")
        assert other.asked[0][2] == ""
    with pytest.raises(PermissionDeniedError, match="where all on the way can read it"):
        Transport(20.0, 2, "http://models.example", "secret")
    assert "secret" not in caplog.text
