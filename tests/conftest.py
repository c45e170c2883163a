"""What every test runs under: no accelerator is assumed, and tests against other frameworks are marked `interop`."""

from __future__ import annotations

import ctypes
import gc
import itertools
import os
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import jax
import pytest
from hypothesis import settings

TESTS = Path(__file__).parent
INTEROP = TESTS / "interop"
QUICK = (TESTS / "ops", TESTS / "public")

# The executable cache is on, as it is for users, but not in the user's folder. Read when headrace is imported.
os.environ.setdefault("HEADRACE_CACHE_DIR", str(TESTS.parent / ".pytest_cache" / "executables"))

# A run takes a part of what would take most of its time, and the next day's run another. All workers take that of the day on
# which the run began.
TODAY = datetime.now(UTC).toordinal()
os.environ.setdefault("HEADRACE_PROGRAMS", str(TODAY % 4))
os.environ.setdefault("HEADRACE_SAMPLES", str(TODAY % 2))
SAMPLED = (TESTS / "ops" / "test_samples.py", TESTS / "public" / "test_cases.py")

MEMORY_LIMIT = 3 << 30
"""Bytes that a test process may hold before it forgets what it compiled; thousands of programs add up."""
_finished = itertools.count(1)

# The time that one example takes says more about the machine and its compiler cache than about the code.
settings.register_profile("headrace", deadline=None)
settings.load_profile("headrace")


def _other_days(config: pytest.Config, items: list[pytest.Item]) -> set[pytest.Item]:
    """Half of the samples of ops and of the cases of public functions, but of a file that is asked for by its name."""
    which = os.environ["HEADRACE_SAMPLES"]
    named = {Path(argument.partition("::")[0]).resolve() for argument in config.args}
    sampled = [item for item in items if item.path in SAMPLED and item.path not in named and "[" in item.name]
    return set() if which == "all" else {item for item in sampled if zlib.crc32(item.nodeid.encode()) % 2 != int(which)}


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly(request: pytest.FixtureRequest) -> Iterator[None]:
    """Thousands of small programs in two folders run once or twice: XLA need not make good machine code of them."""
    quick = any(folder in request.path.parents for folder in QUICK)
    if quick:
        jax.config.update("jax_disable_most_optimizations", True)
    yield
    if quick:
        jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture(autouse=True)
def _forget_programs() -> Iterator[None]:
    """Now and then frees executables, of which a process that runs for hours would keep one a test and more."""
    yield
    if next(_finished) % 50 == 0 and _resident_bytes() > MEMORY_LIMIT:
        from headrace.runtime import kernels

        kernels.forget()
        jax.clear_caches()
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)


def _resident_bytes() -> int:
    """The memory of this process, 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks the tests in `interop/`, and takes out those of other days, and with HEADRACE_NO_INTEROP=1 marked ones."""
    for item in items:
        if INTEROP in item.path.parents:
            item.add_marker(pytest.mark.interop)
    out = _other_days(config, items)
    if os.environ.get("HEADRACE_NO_INTEROP", "") not in ("", "0"):
        out |= {item for item in items if item.get_closest_marker("interop")}
    if out:
        config.hook.pytest_deselected(items=list(out))
        items[:] = [item for item in items if item not in out]
