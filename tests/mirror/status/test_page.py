"""The status page in a real browser, before a real mirror."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import pytest

from headrace.mirror.policy.rules import Policy
from tests.interop import browser
from tests.interop.devtools import Page, opened
from tests.mirror.index_server import IndexServer
from tests.mirror.setting import Setting, mirroring

pytestmark = pytest.mark.interop

HOSTILE = "<img src=x onerror=document.title='caught'>"
CONTRAST = """
(() => {
  const channel = (v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const parts = (text) => text.match(/[\\d.]+/g).map(Number);
  const back = (node) => {
    for (; node; node = node.parentElement) {
      const found = parts(getComputedStyle(node).backgroundColor);
      if (found.length < 4 || found[3] > 0) return found;
    }
    return [255, 255, 255];
  };
  const low = [];
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].some((each) => each.nodeType === 3 && each.textContent.trim());
    if (!own || !node.checkVisibility() || node.closest(".skip, .unseen, noscript")) continue;
    const [a, b] = [light(parts(getComputedStyle(node).color)), light(back(node))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) low.push(`${node.className}: ${node.textContent.slice(0, 40)}`);
  }
  return low;
})()
"""
NAMELESS = """
[...document.querySelectorAll("input, button, progress, table, [tabindex='0']")].filter((node) =>
  node.checkVisibility() && !(node.getAttribute("aria-label") || node.getAttribute("aria-labelledby") || node.labels?.length
    || node.textContent.trim())).map((node) => node.outerHTML.slice(0, 80))
"""


@dataclass(frozen=True)
class Site:
    """A mirror in a thread, and a page that looks at it."""

    setting: Setting
    loop: asyncio.AbstractEventLoop
    page: Page

    def get(self, path: str) -> Future[object]:
        """Asks the mirror for something."""
        return asyncio.run_coroutine_threadsafe(self.setting.get(path), self.loop)

    def file_of(self, project: str) -> str:
        """The URL of the first file of a project."""
        found = asyncio.run_coroutine_threadsafe(self.setting.page(project), self.loop).result(60)
        return str(found["files"][0]["url"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    try:
        browser.ensure()
    except browser.BrowserUnavailable as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("status")
    up, down = threading.Event(), asyncio.Event()
    made: list[Setting] = []
    loop = asyncio.new_event_loop()

    async def run() -> None:
        async with IndexServer() as index:
            index.add("demo", "1.0", 200_000)
            index.add("demo", "2.0", 500, yanked=HOSTILE)
            index.add("demo-new", "1.0", **{"upload-time": "2999-01-02T03:04:05Z"})
            index.add("large", "1.0", 3_000_000)
            async with mirroring(folder / "mirror", index, Policy(cooldown_days=7)) as setting:
                made.append(setting)
                up.set()
                await down.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    try:
        assert up.wait(60)
        with opened(folder / "profile") as page:
            page.size(1280, 1000)
            yield Site(made[0], loop, page)
            assert not {url for url in page.requests if not url.startswith((made[0].url, "about:", "chrome:"))}
            assert page.problems == []
    finally:
        loop.call_soon_threadsafe(down.set)
        thread.join(60)
        loop.close()


def tile(name: str) -> str:
    return f"[...document.querySelectorAll('.tile')].find((each) => each.innerText.startsWith({name!r}))"


def test_figures_transfers_and_refusals(site: Site) -> None:
    page = site.page
    for project in ("demo", "demo-new"):
        url = site.file_of(project)
        site.get(url).result(60)
        site.get(url).result(60)
    page.go(f"{site.setting.url}/")
    page.wait("document.querySelectorAll('#refusals tr').length === 2")
    text = page.text()
    for words in ("● in order", "● answers", "Nothing is being fetched.", "is too new: this mirror gives out files after 7 days"):
        assert words in text
    assert "50.0" in page.evaluate(f"{tile('Bytes from the store')}.innerText")
    assert "never" in page.evaluate(f"{tile('Last check')}.innerText")
    site.setting.index.pause = 0.2
    coming = site.get(site.file_of("large"))
    page.wait("document.querySelector('#transfers progress').value > 0")
    assert "large-1.0" in page.evaluate("document.querySelector('#transfers').innerText")
    assert "1" in page.evaluate(f"{tile('On their way')}.innerText")
    site.setting.index.pause = 0.0
    coming.result(120)
    page.wait("document.querySelectorAll('#transfers tr').length === 0")


def test_a_search_by_keyboard(site: Site) -> None:
    page = site.page
    page.evaluate("document.querySelector('#project').focus()")
    page.call("Input.insertText", text="Demo")
    page.press("Enter")
    page.wait("document.querySelectorAll('#found tbody tr').length === 2")
    assert "▲ given out; yanked" in page.evaluate("document.querySelector('#found').innerText")
    page.click("#similar button")
    page.wait("document.querySelector('#found').innerText.includes('✕ demo_new-1.0')")
    page.type("#project", HOSTILE)
    page.press("Enter")
    page.wait("document.querySelector('#search-said').textContent.startsWith('Nothing is kept of <img')")
    assert page.evaluate("document.title") == "Headrace mirror"
    assert page.evaluate("document.querySelectorAll('main img').length") == 0


def test_it_can_be_read_by_all_and_fits_a_telephone(site: Site, tmp_path: Path) -> None:
    page = site.page
    page.type("#project", "demo")
    page.press("Enter")
    page.wait("document.querySelectorAll('#found tbody tr').length === 2")
    for scheme in ("dark", "light"):
        page.scheme(scheme)
        assert page.evaluate(CONTRAST) == []
        page.screenshot(tmp_path / f"{scheme}.png")
    assert page.evaluate(NAMELESS) == []
    page.size(380, 800)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.screenshot(tmp_path / "narrow.png")
    page.size(1280, 1000)


def test_it_says_when_the_mirror_does_not_answer(site: Site) -> None:
    page = site.page
    page.call("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=-1, uploadThroughput=-1)
    page.wait("!document.querySelector('#lost').hidden")
    page.call("Network.emulateNetworkConditions", offline=False, latency=0, downloadThroughput=-1, uploadThroughput=-1)
    page.wait("document.querySelector('#lost').hidden")
