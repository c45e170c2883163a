"""What every test runs under: no accelerator is assumed, and tests against other frameworks are marked `interop`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

TESTS = Path(__file__).parent
INTEROP = TESTS / "interop"

# The executable cache is on, as it is for users, but not in the user's folder. Read when headrace is imported.
os.environ.setdefault("HEADRACE_CACHE_DIR", str(TESTS.parent / ".pytest_cache" / "executables"))

# The time that one example takes says more about the machine and its compiler cache than about the code.
settings.register_profile("headrace", deadline=None)
settings.load_profile("headrace")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks the tests in `interop/`, and takes marked ones out when HEADRACE_NO_INTEROP=1."""
    for item in items:
        if INTEROP in item.path.parents:
            item.add_marker(pytest.mark.interop)
        if item.get_closest_marker("interop"):
            # One worker for those of a file, so that they share one start of the other framework.
            item.add_marker(pytest.mark.xdist_group(item.path.relative_to(TESTS).as_posix()))
    if os.environ.get("HEADRACE_NO_INTEROP", "") in ("", "0"):
        return
    out = [item for item in items if item.get_closest_marker("interop")]
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if not item.get_closest_marker("interop")]
