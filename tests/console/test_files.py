"""The page's files: all that they name are there, and a browser is told to load nothing else."""

from __future__ import annotations

import asyncio
import importlib.resources
import re

import httpx
import pytest
from starlette.applications import Starlette

from headrace.console.files import routes

FOLDER = importlib.resources.files("headrace.console") / "page"
SOURCES = {file.name: file.read_text() for file in FOLDER.iterdir()}
SCRIPTS = sorted(name for name in SOURCES if name.endswith(".js"))


def ask(path: str, **headers: str) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app=Starlette(routes=routes()))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get(path, headers=headers)

    return asyncio.run(send())


def test_the_page_and_all_that_it_names() -> None:
    page = ask("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    named = re.findall(r'(?:src|href)="(console/[^"]+)"', page.text)
    assert {"console/main.js", "console/style.css", "console/icon.svg"} == set(named)
    imported = {name for script in SCRIPTS for name in re.findall(r'from "\./([^"]+)"', SOURCES[script])}
    assert imported == set(SCRIPTS) - {"main.js"}
    for name in [*named, *(f"console/{script}" for script in SCRIPTS)]:
        assert ask(f"/{name}").status_code == 200, name
    assert ask("/console/main.js").headers["content-type"].startswith("text/javascript")


def test_a_browser_may_load_nothing_else() -> None:
    for path in ("/", "/console/main.js", "/console/style.css"):
        headers = ask(path).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "require-trusted-types-for 'script'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_what_a_browser_has_is_not_sent_again() -> None:
    first = ask("/console/main.js")
    assert ask("/console/main.js", **{"if-none-match": first.headers["etag"]}).status_code == 304


@pytest.mark.parametrize("path", ["/console/", "/console/..%2Ffiles.py", "/console/../files.py", "/console/index.html"])
def test_nothing_else_is_given(path: str) -> None:
    assert ask(path).status_code == 404


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_make_no_markup_of_text_and_keep_nothing(script: str) -> None:
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|localStorage|sessionStorage|cookie|https?://(?!www\.w3\.org)"
    assert not re.search(forbidden, SOURCES[script])
    assert SOURCES[script].count("\n") < 300
