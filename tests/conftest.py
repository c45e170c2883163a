"""What every test runs under: no accelerator is assumed, and tests against other frameworks are marked `interop`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import jax
import pytest
from hypothesis import settings

TESTS = Path(__file__).parent
INTEROP = TESTS / "interop"
QUICK = (TESTS / "ops", TESTS / "public")

# The executable cache is on, as it is for users, but not in the user's folder. Read when headrace is imported.
os.environ.setdefault("HEADRACE_CACHE_DIR", str(TESTS.parent / ".pytest_cache" / "executables"))

# The time that one example takes says more about the machine and its compiler cache than about the code.
settings.register_profile("headrace", deadline=None)
settings.load_profile("headrace")


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly(request: pytest.FixtureRequest) -> Iterator[None]:
    """Thousands of small programs in two folders run once or twice: XLA need not make good machine code of them."""
    quick = any(folder in request.path.parents for folder in QUICK)
    if quick:
        jax.config.update("jax_disable_most_optimizations", True)
    yield
    if quick:
        jax.config.update("jax_disable_most_optimizations", False)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks the tests in `interop/`, and takes marked ones out when HEADRACE_NO_INTEROP=1."""
    for item in items:
        if INTEROP in item.path.parents:
            item.add_marker(pytest.mark.interop)
    if os.environ.get("HEADRACE_NO_INTEROP", "") in ("", "0"):
        return
    out = [item for item in items if item.get_closest_marker("interop")]
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if not item.get_closest_marker("interop")]
