"""A server, of one process or of two, and a browser, for all tests of the page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.console.site import HOSTILE, Site, end, model_list, start
from tests.interop import browser
from tests.interop.devtools import opened
from tests.serving.toy import write_version


@pytest.fixture(scope="session", params=[1, 2], ids=["one", "two"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    try:
        browser.ensure()
    except browser.BrowserUnavailable as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("console")
    for name, version in (("places", 1), ("places", 2), ("stars", 7), ("hostile", 3)):
        write_version(folder / name, version, float(version))
    broken = folder / "stars" / "8"
    broken.mkdir()
    (broken / "saved_model.pb").write_text('{"scale"')
    (folder / "models.config").write_text(model_list(folder, "places", "stars", HOSTILE))
    server, admin = start(folder, "auto", f"--num_processes={request.param}")
    try:
        with opened(folder / "profile") as page:
            page.size(1400, 1000)
            yield Site(folder, server, admin, page)
    finally:
        end(server)


@pytest.fixture
def site(made: Site) -> Iterator[Site]:
    """The site; a test ends with nothing asked of anybody else, and with nothing to complain of in the page's console."""
    yield made
    asked = {url for url in made.page.requests if not url.startswith((made.admin, "about:", "chrome:"))}
    assert not asked
    assert made.page.problems == []
