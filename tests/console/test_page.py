"""The page in a real browser, before a real server."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest

from headrace.core.tokens import make_token, token_hash
from tests.console.site import HOSTILE, Site, end, model_list, start
from tests.interop.devtools import Page, opened
from tests.serving.toy import write_version

pytestmark = pytest.mark.interop


def test_models_versions_states_and_what_went_wrong(site: Site) -> None:
    site.page.go(site.admin)
    site.page.wait("document.querySelectorAll('.model').length === 4")
    site.page.wait("document.querySelector('.detail h2').textContent === 'stars'")  # the one in trouble
    site.page.wait("document.querySelector('.detail .trouble')")
    assert site.page.evaluate("document.querySelector('.detail .trouble').textContent").startswith("DATA_LOSS: ")
    assert site.page.evaluate("document.querySelector('.tile .big').textContent") == "3 of 3"
    assert "version 8 failed" in site.page.evaluate("document.querySelector('.tiles + .columns .models').innerText")
    site.open("places")
    rows = "[...document.querySelectorAll('[aria-label=Versions] tbody tr')].map((row) => row.innerText)"
    site.page.wait(f"{rows}.length === 2")
    newest, oldest = site.page.evaluate(rows)
    assert re.search(r"^2\s+● AVAILABLE\s+canary\s.*\btoy\b", newest)
    assert re.search(r"^1\s+● AVAILABLE\s+stable\s", oldest)


def test_processes_that_do_not_serve_are_named(site: Site) -> None:
    def processes() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = httpx.get(f"{site.admin}/admin/v1/status").json()["server"].get("processes", [])
        return found

    site.page.go(site.admin)
    site.page.wait("document.querySelectorAll('.model').length === 4")
    shown = "[...document.querySelectorAll('.tile:not([hidden])')].map((tile) => tile.innerText).join('; ')"
    if not processes():
        assert "rocesses" not in site.page.evaluate(shown)
        return
    site.page.wait(f"/2 of 2\\s+all serve/.test({shown})")
    os.kill(processes()[1]["pid"], signal.SIGSTOP)
    try:
        site.page.wait(f"/1 of 2\\s+process 1 is silent/.test({shown})")
    finally:
        os.kill(processes()[1]["pid"], signal.SIGCONT)
    site.page.wait(f"/2 of 2\\s+all serve/.test({shown})")


def test_a_name_is_never_markup(site: Site) -> None:
    site.open(HOSTILE)
    assert site.page.evaluate("document.querySelector('.detail h2').textContent") == HOSTILE
    assert site.page.evaluate("document.title") == "Headrace console"
    assert site.page.evaluate("document.querySelectorAll('main img').length") == 0
    site.page.wait("document.querySelector('#try-body').value.includes('instances')")
    site.page.click("#try-run")
    site.page.wait("document.querySelector('[aria-label=\"Try it\"] .outcome').textContent.startsWith('200')")
    assert "1.5" in site.page.evaluate("document.querySelector('.answer').textContent")


def test_charts_have_a_line_for_each_version(site: Site) -> None:
    site.open("places")
    for _ in range(3):
        assert site.predict("places", [1.0, 2.0]).status_code == 200
        assert site.predict("places", [1.0], "/versions/1").status_code == 400
    site.page.wait("document.querySelectorAll('[data-chart=requests] path.line').length === 2")
    site.page.wait("document.querySelector('.codes').textContent.includes('3 INVALID_ARGUMENT')")
    for chart in ("requests", "errors", "p50", "p99", "inFlight"):
        lines = f"[...document.querySelectorAll('[data-chart={chart}] path.line')].map((line) => line.getAttribute('d'))"
        assert all(re.match(r"M[\d.]+ [\d.]+h0", line) for line in site.page.evaluate(lines)), chart
    names = site.page.evaluate("[...document.querySelectorAll('.legend .toggle span')].map((name) => name.textContent)")
    assert names == ["version 2", "version 1"]
    site.page.click(".legend .toggle")
    site.page.wait("document.querySelectorAll('[data-chart=requests] path.line').length === 1")
    site.page.click(".legend .toggle")
    site.page.evaluate("document.querySelector('[data-chart=requests] svg').focus()")
    site.page.press("ArrowLeft", "ArrowLeft")
    assert re.fullmatch(r"\d\d:\d\d:\d\d", site.page.evaluate("document.querySelector('.legend .when').textContent"))
    site.page.press("Escape")
    assert site.page.evaluate("document.querySelector('.legend .when').textContent") == "Now"


def test_the_form_runs_each_signature_that_works_and_shows_the_error_of_one_that_does_not(site: Site) -> None:
    site.open("places")
    outcome = "document.querySelector('[aria-label=\"Try it\"] .outcome').textContent"
    site.page.wait("document.querySelectorAll('#try-signature option').length > 3")
    for signature, status, words in (
        ("pair", "200", '"sum": 0.5'),
        ("text", "200", '"upper": "TEXT"'),
        ("total", "200", '"outputs": 0.5'),
        ("broken", "Error 500", "this model always fails"),
    ):
        site.page.choose("#try-signature", signature)
        site.page.wait(f"document.querySelector('#try-body').value.includes('{signature}')")
        site.page.click("#try-run")
        site.page.wait(f"document.querySelector('.answer').textContent.includes({words!r})")
        assert site.page.evaluate(outcome).startswith(status), signature
    site.page.type("#try-body", '{"instances": 1')
    site.page.click("#try-run")
    site.page.wait("document.querySelector('.answer').textContent.includes('JSON Parse error')")


def test_a_list_of_models_is_refused_then_taken_and_the_audit_tells(site: Site) -> None:
    write_version(site.folder / "constructor", 1, 1.0)
    site.page.go("about:blank")
    site.page.go(f"{site.admin}/#/configuration")
    site.page.type("#reload-body", "model_config_list { nonsense }")
    said = "document.querySelector('[aria-label=Configuration] .outcome').textContent"
    for text, words in (
        ("model_config_list { nonsense }", "Refused: "),
        (model_list(site.folder, "places", "stars", HOSTILE, "constructor"), "in force"),
    ):
        site.page.type("#reload-body", text)
        site.page.click("#reload-run")
        site.page.wait("document.querySelector('dialog[open]')")
        site.page.click("dialog button.primary")
        site.page.wait(f"{said}.includes('{words}')")
    assert httpx.get(f"{site.server.url}/v1/models/constructor").status_code == 200
    site.page.evaluate("location.hash = '#/models/constructor'")
    site.page.wait("document.querySelector('.detail h2').textContent === 'constructor'")
    site.page.wait("document.querySelector('[aria-label=Versions] tbody tr')")
    site.page.evaluate("location.hash = '#/models/toString'")
    site.page.wait("document.querySelector('.detail').textContent.includes('has no model called toString')")
    site.page.click("[data-page=audit]")
    site.page.wait("[...document.querySelectorAll('.audit tbody tr')].some((row) => /models.reload.*OK/s.test(row.innerText))")


def test_it_fits_a_telephone_and_the_dark(site: Site, tmp_path: Path) -> None:
    site.page.size(400, 800)
    site.page.scheme("dark")
    try:
        for place in ("#/models", "#/models/places", "#/audit", "#/configuration"):
            site.page.evaluate(f"location.hash = '{place}'")
            site.page.wait("document.querySelector('main').innerText.length > 20")
            assert site.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), place
        site.page.screenshot(tmp_path / "page.png")
        assert site.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(15, 21, 27)"
    finally:
        site.page.size(1400, 1000)
        site.page.scheme("light")


ACCESS = """
[callers.operators]
token_sha256 = ["{admin}"]
roles = ["admin"]

[callers.application]
token_sha256 = ["{predict}"]
roles = ["predict"]
models = ["*"]
"""


def give(page: Page, token: str) -> None:
    """Hands a token to the page, once it asks for one."""
    page.wait("!document.querySelector('form.banner').hidden && document.activeElement.id === 'token'")
    page.type("#token", token)
    page.press("Enter")


def test_a_token_is_asked_for_and_stays_in_memory_while_the_server_goes_away_and_comes_back(tmp_path: Path, site: Site) -> None:
    admin_token, predict_token = make_token(), make_token()
    (tmp_path / "models.config").write_text(model_list(site.folder, "places"))
    access = tmp_path / "access.toml"
    access.write_text(ACCESS.format(admin=token_hash(admin_token), predict=token_hash(predict_token)))
    server, admin = start(tmp_path, "auto", f"--access_config_file={access}")
    try:
        with opened(tmp_path / "profile") as page:
            page.go(admin)
            why = "document.querySelector('#token-why').textContent"
            give(page, "wrong")
            page.wait(f"{why}.startsWith('That token was refused: ')")
            give(page, predict_token)
            page.wait(f"{why}.includes('admin')")
            give(page, admin_token)
            page.wait("document.querySelector('form.banner').hidden")
            page.wait("document.querySelector('.detail h2').textContent === 'places'")
            page.wait("document.querySelector('#try-body').value.includes('instances')")
            page.click("#try-run")
            page.wait("document.querySelector('[aria-label=\"Try it\"] .outcome').textContent.startsWith('Error 403')")
            assert page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])") == '[{},{},""]'
            end(server, signal.SIGKILL)
            page.wait("!document.querySelector('.banner.bad').hidden")
            assert "The server has not answered" in page.text()
            server, _ = start(tmp_path, admin.rpartition(":")[2], f"--access_config_file={access}")
            page.click(".banner.bad button")
            page.wait("document.querySelector('.banner.bad').hidden")
            page.wait("document.querySelector('#ready').textContent.includes('● ready')")
            assert page.evaluate("document.querySelector('form.banner').hidden")
            assert page.problems == []
    finally:
        end(server)
