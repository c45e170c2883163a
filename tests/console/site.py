"""A real server with a page of a real browser before it."""

from __future__ import annotations

import dataclasses
import re
import signal
from pathlib import Path
from urllib.parse import quote

import httpx

from tests.interop.devtools import Page
from tests.serving.process import Server
from tests.serving.toy import wait_until

HOSTILE = "<img src=x onerror=document.title='caught'></script>"
ENTRY = 'config {{ name: "{name}" base_path: "{path}" model_platform: "tensorflow" {more} }}'


@dataclasses.dataclass
class Site:
    """A server with three models, one of which has a version that cannot be loaded, and a page that looks at it."""

    folder: Path
    server: Server
    admin: str
    page: Page

    def open(self, name: str) -> None:
        """Looks at a model."""
        self.page.go("about:blank")
        self.page.go(f"{self.admin}/#/models/{quote(name, safe='')}")
        self.page.wait("document.querySelector('.detail h2')")

    def predict(self, name: str, values: list[float], version: str = "") -> httpx.Response:
        return httpx.post(f"{self.server.url}/v1/models/{name}{version}:predict", json={"instances": [values]})


def model_list(folder: Path, *names: str) -> str:
    entries = []
    for name in names:
        path = folder / {HOSTILE: "hostile"}.get(name, name)
        labels = 'version_labels { key: "stable" value: 1 } version_labels { key: "canary" value: 2 }' if name == "places" else ""
        more = f"model_version_policy {{ latest {{ num_versions: 2 }} }} {labels}"
        entries.append(ENTRY.format(name=name, path=path, more=more))
    return f"model_config_list {{ {' '.join(entries)} }}"


def start(folder: Path, port: str, *flags: str) -> tuple[Server, str]:
    server = Server(
        f"--model_config_file={folder / 'models.config'}",
        "--allow_version_labels_for_unavailable_models",
        f"--admin_port={port}",
        *flags,
    ).ready()
    told = r'"listening for administration" url=(\S+)'
    wait_until(lambda: bool(re.search(told, "".join(server.log))))
    return server, re.findall(told, "".join(server.log))[0]


def end(server: Server, number: int = signal.SIGTERM) -> None:
    if server.process.poll() is None:
        server.end(number)
    for pipe in (server.process.stdout, server.process.stderr):
        assert pipe is not None
        pipe.close()
