"""A mirror, an index behind it, and real clients, all in one process that has no network but loopback.

    python -m tests.interop.mirror_session FOLDER TWINE_PYTHON OLD_PIP_PYTHON

Prints one JSON object: for each thing that was tried, what a client said, its exit status, and what else is worth knowing.
"""

from __future__ import annotations

import asyncio
import base64
import fcntl
import hashlib
import json
import os
import socket
import struct
import sys
import tomllib
from pathlib import Path
from typing import Any

import aiohttp

from headrace.core.tokens import token_hash
from headrace.mirror.index.page import JSON_TYPE
from headrace.mirror.options import MirrorOptions, TlsOptions, UpstreamOptions
from headrace.mirror.private.uploaders import Uploader
from headrace.mirror.server.process import running
from tests.mirror.authority import Authority
from tests.mirror.index_server import IndexServer, wheel
from tests.mirror.recorded import pages

_SET_FLAGS, _UP_AND_RUNNING = 0x8914, 0x1 | 0x40
BETWEEN = "2026-03-01T00:00:00Z"
"""After the upload of demo 1.0, and before that of 2.0."""
CUT_BYTES = 300_000
_LEADS_ASTRAY = ("PIP_", "UV_", "TWINE_", "SSL_CERT", "REQUESTS_CA", "CURL_CA")
"""Settings of this machine that are not for the clients."""


def raise_loopback() -> None:
    """Brings up the only interface that a new network namespace has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SET_FLAGS, struct.pack("16sh14s", b"lo", _UP_AND_RUNNING, b""))


class Cutter:
    """Passes bytes on to a port, and cuts the first connection that has passed `CUT_BYTES` to the client."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.cuts = 0

    async def serve(self) -> tuple[asyncio.Server, int]:
        server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        return server, server.sockets[0].getsockname()[1]

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, onward = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            await asyncio.gather(self._copy(reader, onward, False), self._copy(upstream, writer, True))
        except ConnectionError:
            pass
        finally:
            writer.close()
            onward.close()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cut: bool) -> None:
        passed = 0
        while piece := await reader.read(16 << 10):
            writer.write(piece)
            await writer.drain()
            passed += len(piece)
            if cut and passed > CUT_BYTES and not self.cuts:
                self.cuts += 1
                raise ConnectionResetError
        writer.close()


class Session:
    """What is tried, and what came of it.

    Args:
        folder: for all files.
        twine: the Python that has twine and the new pip.
        old_pip: the Python that has the old pip.
        url: of the mirror.
        safe_url: of the same over TLS, for clients with a certificate.
        index: behind it.
        authority: of the certificates.
    """

    def __init__(
        self, folder: Path, twine: str, old_pip: str, url: str, safe_url: str, index: IndexServer, authority: Authority
    ) -> None:
        self.folder = folder
        self.twine = twine
        self.old_pip = old_pip
        self.url = url
        self.safe_url = safe_url
        self.index = index
        self.authority = authority
        self.found: dict[str, dict[str, Any]] = {}

    async def run(self, name: str, *command: str | Path, **environment: str) -> dict[str, Any]:
        """Runs a client, and notes what it said under `name`."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(_LEADS_ASTRAY)}
        kept |= {"PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1", "HOME": str(self.folder), "PIP_NO_CACHE_DIR": "1"}
        kept |= {"UV_PYTHON_DOWNLOADS": "never", "UV_CACHE_DIR": str(self.folder / "uv-cache"), **environment}
        process = await asyncio.create_subprocess_exec(
            *map(str, command), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env=kept, cwd=self.folder
        )
        output, _ = await process.communicate()
        self.found[name] = {"status": process.returncode, "said": output.decode()}
        return self.found[name]

    def pip(self, python: str, command: str, *more: str | Path, url: str = "") -> list[str | Path]:
        quiet = ["--disable-pip-version-check", "--no-input", "--index-url", f"{url or self.url}/simple/"]
        return [python, "-m", "pip", command, *quiet, *more]

    async def metrics(self) -> str:
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/metrics") as response:
            return await response.text()


async def installs(tried: Session) -> None:
    """pip of two versions, and uv."""
    content = tried.index.content(tried.index.documents["demo"]["files"][0])
    pin = f"demo==1.0 --hash=sha256:{hashlib.sha256(content).hexdigest()}\n"
    (tried.folder / "right.txt").write_text(pin)
    (tried.folder / "wrong.txt").write_text(f"demo==1.0 --hash=sha256:{'0' * 64}\n")
    flags = ["--no-deps", "--target", tried.folder / "old", "--require-hashes"]
    await tried.run("old pip, right hash", *tried.pip(tried.old_pip, "install", *flags, "-r", "right.txt"))
    await tried.run("old pip, wrong hash", *tried.pip(tried.old_pip, "install", *flags, "-r", "wrong.txt"))
    await tried.run("versions", *tried.pip(tried.twine, "index", "versions", "demo", "--json"))
    await tried.run("lock", *tried.pip(tried.twine, "lock", "demo", "-o", "pylock.toml"))
    tried.found["lock"]["file"] = tomllib.loads((tried.folder / "pylock.toml").read_text())
    flags = ["--no-deps", "--dest", tried.folder / "before", f"--uploaded-prior-to={BETWEEN}"]
    await tried.run("uploaded prior to", *tried.pip(tried.twine, "download", *flags, "demo"))
    tried.found["uploaded prior to"]["files"] = sorted(path.name for path in (tried.folder / "before").iterdir())
    before = await tried.metrics()
    flags = ["--dry-run", "--use-feature=fast-deps", "--target", tried.folder / "none"]
    await tried.run("fast deps", *tried.pip(tried.twine, "install", *flags, "lazy"))
    tried.found["fast deps"] |= {"before": before, "after": await tried.metrics()}
    cutter = Cutter(int(tried.url.rpartition(":")[2]))
    server, port = await cutter.serve()
    async with server:
        flags = ["--no-deps", "--dest", tried.folder / "resumed", "--resume-retries=3"]
        await tried.run("resume", *tried.pip(tried.twine, "download", *flags, "large", url=f"http://127.0.0.1:{port}"))
    tried.found["resume"] |= {"cuts": cutter.cuts, "metrics": await tried.metrics()}


async def with_uv(tried: Session) -> None:
    """uv: a lock file, exclude-newer, and an upload with an attestation."""
    uv = Path(sys.executable).with_name("uv")
    project = tried.folder / "project"
    project.mkdir()
    lines = ['[project]\nname = "project"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["demo"]', "[[tool.uv.index]]"]
    (project / "pyproject.toml").write_text("\n".join([*lines, f'name = "mirror"\nurl = "{tried.url}/simple/"\ndefault = true\n']))
    own = {"UV_NO_CONFIG": "0", "UV_PYTHON": sys.executable}
    await tried.run("uv lock", uv, "lock", "--project", project, f"--exclude-newer={BETWEEN}", **own)
    tried.found["uv lock"]["file"] = tomllib.loads((project / "uv.lock").read_text())
    target = ["--target", tried.folder / "uv-target", "--index-url", f"{tried.url}/simple/"]
    await tried.run("uv install", uv, "pip", "install", *target, "demo")
    name, content, _ = wheel("acme-attested", "1.0")
    (tried.folder / name).write_bytes(content)
    subject = {"name": name, "digest": {"sha256": hashlib.sha256(content).hexdigest()}}
    statement = {"_type": "https://in-toto.io/Statement/v1", "subject": [subject], "predicateType": "x", "predicate": None}
    envelope = {"statement": base64.b64encode(json.dumps(statement).encode()).decode(), "signature": "AAAA"}
    attestation = {"version": 1, "verification_material": {"certificate": "AAAA", "transparency_entries": []}, "envelope": envelope}
    (tried.folder / f"{name}.publish.attestation").write_text(json.dumps(attestation))
    publish = [uv, "publish", "--publish-url", f"{tried.url}/legacy/", "--token", "anns"]
    await tried.run("uv publish", *publish, tried.folder / name, tried.folder / f"{name}.publish.attestation")
    headers = {"Accept": JSON_TYPE, "Authorization": "Bearer bobs"}
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.get(f"{tried.url}/simple/acme-attested/") as response:
            page = await response.json(content_type=JSON_TYPE)
        async with session.get(f"{tried.url}/provenance/private/acme-attested/{name}") as response:
            provenance = await response.text()
    tried.found["uv publish"] |= {"page": page, "sent": attestation, "provenance": provenance}


async def uploads(tried: Session) -> None:
    """twine over TLS, and pip that installs what it has uploaded, with name and password in the URL."""
    name, content, _ = wheel("acme-core", "1.0", requires=("demo",))
    path = tried.folder / "dist" / name
    path.parent.mkdir()
    path.write_bytes(content)
    bundle = tried.folder / "client-and-authority.pem"
    bundle.write_bytes(tried.authority.path.read_bytes())
    client = tried.authority.issue("client")
    command = [tried.twine, "-m", "twine", "upload", "--non-interactive", "--disable-progress-bar"]
    command += ["--repository-url", f"{tried.safe_url}/legacy/", "--cert", bundle, "--client-cert", client, "-u", "__token__"]
    await tried.run("twine, wrong token", *command, "-p", "nobodys", path)
    await tried.run("twine", *command, "-p", "anns", path)
    path.write_bytes(wheel("acme-core", "1.0", 100)[1])
    await tried.run("twine, other content", *command, "-p", "anns", path)
    clients = Path(__file__).parent / "peers" / "index_clients.py"
    await tried.run("libraries", tried.twine, clients, tried.url, "anns", path, *sorted(pages()))
    safe = tried.safe_url.replace("https://", "https://bob:bobs@")
    flags = ["--cert", tried.authority.path, "--client-cert", client, "--target", tried.folder / "private"]
    await tried.run("pip over TLS", *tried.pip(tried.twine, "install", *flags, "acme-core", url=safe))
    tried.found["pip over TLS"]["installed"] = sorted(each.name for each in (tried.folder / "private").glob("*.py"))
    uv = Path(sys.executable).with_name("uv")
    flags = ["--target", tried.folder / "uv-private", "--index-url", f"{safe}/simple/"]
    trust = {"SSL_CERT_FILE": str(tried.authority.path), "SSL_CLIENT_CERT": str(client)}
    await tried.run("uv over TLS", uv, "pip", "install", *flags, "acme-core", **trust)
    netrc = tried.folder / "netrc"
    netrc.write_text("machine 127.0.0.1 login bob password bobs\n")
    netrc.chmod(0o600)
    flags = ["--no-deps", "--dest", tried.folder / "netrc-files"]
    await tried.run("pip with netrc", *tried.pip(tried.old_pip, "download", *flags, "acme-core"), NETRC=str(netrc))
    flags = ["--target", tried.folder / "uv-none", "--index-url", f"{tried.url}/simple/"]
    await tried.run("uv without a token", uv, "pip", "install", *flags, "acme-core")


async def main(folder: Path, twine: str, old_pip: str) -> None:
    raise_loopback()
    authority = Authority(folder)
    people = (Uploader("ann", token_hash("anns"), ("acme-*",)), Uploader("bob", token_hash("bobs"), read=("acme-*",)))
    async with IndexServer() as index:
        index.add("demo", "1.0", requires=("demo-part",))
        index.add("demo", "2.0", 200_000, requires=("demo-part",), **{"upload-time": "2026-06-01T00:00:00Z"})
        index.add("demo", "3.0", yanked="it is broken")
        index.add("demo-part", "2.5")
        index.add("lazy", "1.0", 900_000, requires=("demo-part",))["core-metadata"] = False
        index.add("large", "1.0", 3 * CUT_BYTES)
        index.documents.update(pages())
        options = MirrorOptions(
            folder / "mirror",
            (UpstreamOptions("main", index.url),),
            private=("acme-*",),
            uploaders=people,
            private_read="token",
            port=0,
        )
        safe = {"tls": TlsOptions(authority.issue("server"), client_ca=authority.path)}
        async with running(options) as url, running(MirrorOptions(**{**_fields(options), **safe})) as safe_url:
            tried = Session(folder, twine, old_pip, url, safe_url, index, authority)
            await installs(tried)
            await with_uv(tried)
            await uploads(tried)
        asked = sorted(index.asked)
    files = [*index.documents["demo"]["files"], *index.documents["demo-part"]["files"]]
    print(json.dumps({"tried": tried.found, "asked": asked, "url": url, "pages": pages(), "files": files}))


def _fields(options: MirrorOptions) -> dict[str, Any]:
    return {name: getattr(options, name) for name in options.__dataclass_fields__}


if __name__ == "__main__":
    asyncio.run(asyncio.wait_for(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]), 400))
