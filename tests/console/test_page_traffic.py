"""The traffic part of the page: a slider changes the split of a real server, and nothing else does."""

from __future__ import annotations

from collections import Counter
from typing import Any

import httpx
import pytest

from tests.console.site import Site

pytestmark = pytest.mark.interop

SAID = "document.querySelector('[aria-label=Traffic] .outcome').textContent"
NUMBERS = "[...document.querySelectorAll('.variant input[type=number]')].map((field) => Number(field.value))"


def put(site: Site, stable: float, canary: float) -> None:
    """Sets the rules of `places` behind the page's back."""
    variants = [{"name": "stable", "label": "stable", "weight": stable}, {"name": "canary", "label": "canary", "weight": canary}]
    response = httpx.put(f"{site.admin}/admin/v1/traffic", json={"models": {"places": {"variants": variants}}})
    assert response.status_code == 200, response.text


def weights(site: Site) -> list[float]:
    found: dict[str, Any] = httpx.get(f"{site.admin}/admin/v1/traffic").json()
    return [variant["weight"] for variant in found["models"]["places"]["variants"]]


def answers(site: Site, count: int) -> Counter[float]:
    """How many answers came from each version, which scales by its number."""
    return Counter(site.predict("places", [1.0, 1.0]).json()["predictions"][0][0] for _ in range(count))


def move(site: Site, steps: int) -> None:
    """Moves the slider of the canary by so many percent, with the keyboard."""
    site.page.evaluate("document.querySelectorAll('.variant input[type=range]')[1].focus()")
    site.page.press(*["ArrowRight" if steps > 0 else "ArrowLeft"] * abs(steps))


def answer_dialog(site: Site, button: str) -> str:
    site.page.wait("document.querySelector('dialog[open]')")
    said = str(site.page.evaluate("document.querySelector('dialog').innerText"))
    site.page.click(f"dialog button{button}")
    site.page.wait("!document.querySelector('dialog')")
    return said


def test_a_slider_changes_the_split_once_that_is_agreed_to(site: Site) -> None:
    put(site, 90, 10)
    site.open("places")
    site.page.wait(f"JSON.stringify({NUMBERS}) === '[90,10]'")
    move(site, 40)
    assert site.page.evaluate(NUMBERS) == [50, 50]
    assert weights(site) == [90, 10]
    site.page.click(".pending .primary")
    said = answer_dialog(site, ":not(.primary)")
    assert "stable 90" in said
    assert weights(site) == [90, 10]
    site.page.click(".pending .primary")
    answer_dialog(site, ".primary")
    site.page.wait(f"{SAID}.startsWith('Applied')")
    assert weights(site) == [50, 50]
    counts = answers(site, 60)
    assert 20 <= counts[1.0] <= 40, counts
    site.page.wait("document.querySelectorAll('[aria-label=Experiment] tbody tr').length === 2")
    site.page.wait("/^stable\\s+50/.test(document.querySelector('[aria-label=Experiment] tbody tr').innerText)")


def test_a_change_that_somebody_else_was_faster_with_is_refused_and_kept(site: Site) -> None:
    put(site, 90, 10)
    site.open("places")
    site.page.wait(f"JSON.stringify({NUMBERS}) === '[90,10]'")
    move(site, 5)
    put(site, 70, 30)
    site.page.wait("document.querySelector('.change').textContent.includes('changed meanwhile')")
    site.page.click(".pending .primary")
    answer_dialog(site, ".primary")
    site.page.wait(f"{SAID}.startsWith('Not applied, somebody else was faster: ')")
    assert "the rules were changed meanwhile" in site.page.evaluate(SAID)
    assert weights(site) == [70, 30]
    assert site.page.evaluate(NUMBERS) == [85, 15]
    site.page.click(".pending button:not(.primary)")
    site.page.wait(f"JSON.stringify({NUMBERS}) === '[70,30]'")


def test_rollback_and_resume(site: Site) -> None:
    put(site, 50, 50)
    site.open("places")
    site.page.wait("document.querySelector('.variant .danger:not([hidden])')")
    site.page.click(".variant .danger:not([hidden])")
    assert "Roll back canary of places?" in answer_dialog(site, ".primary")
    site.page.wait("document.querySelector('.halted:not(:empty)')")
    assert answers(site, 20) == {1.0: 20}
    site.page.wait("document.querySelector('.splitbar').getAttribute('aria-label').startsWith('stable 100')")
    site.page.click("[aria-label=Traffic] .block-head button:not([hidden])")
    answer_dialog(site, ".primary")
    site.page.wait("!document.querySelector('.halted:not(:empty)')")
    assert answers(site, 20)[2.0] > 3


def test_a_first_split_and_what_the_server_refuses(site: Site) -> None:
    httpx.put(f"{site.admin}/admin/v1/traffic", json={"models": {}}).raise_for_status()
    site.open("places")
    site.page.wait("document.querySelector('[aria-label=Traffic] .block-head button:not([hidden])')")
    assert answers(site, 5) == {2.0: 5}
    site.page.click("[aria-label=Traffic] .block-head button:not([hidden])")
    assert site.page.evaluate(NUMBERS) == [100, 0]
    move(site, 25)
    site.page.click(".pending .primary")
    assert "v2 75" in answer_dialog(site, ".primary")
    site.page.wait(f"{SAID}.startsWith('Applied')")
    assert weights(site) == [75, 25]
