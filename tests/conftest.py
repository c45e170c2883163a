"""What every test runs under: no accelerator is assumed, and tests against other frameworks are marked `interop`."""

from __future__ import annotations

import ctypes
import gc
import itertools
import os
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import jax
import pytest
from hypothesis import settings
from jax._src import compiler  # its options have no public setting

TESTS = Path(__file__).parent
INTEROP = TESTS / "interop"
QUICK = (TESTS / "ops", TESTS / "public")

# Images of containers often tell Python to keep no bytecode. Here hundreds of processes import the same packages: without it each
# of them compiles these anew, two to five seconds of work.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Tracing makes and drops objects by the million: Python's own pace of looking for circles among them takes a tenth of the time.
gc.set_threshold(100_000, 50, 100)

# The executable cache is on, as it is for users, but not in the user's folder. Read when headrace is imported.
os.environ.setdefault("HEADRACE_CACHE_DIR", str(TESTS.parent / ".pytest_cache" / "executables"))

# Which half of the programs written for TensorFlow a run takes: all workers take that of the day on which the run began.
os.environ.setdefault("HEADRACE_PROGRAMS", str(datetime.now(UTC).toordinal() % 2))

MEMORY_LIMIT = 3 << 30
"""Bytes that a test process may hold before it forgets what it compiled; thousands of programs add up."""
_finished = itertools.count(1)

# The time that one example takes says more about the machine and its compiler cache than about the code.
settings.register_profile("headrace", deadline=None)
settings.load_profile("headrace")


@pytest.fixture
def quick_switches() -> Iterator[None]:
    """Has threads take turns a million times a second, so that what is not safe among them shows."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly(request: pytest.FixtureRequest) -> Iterator[None]:
    """Thousands of small programs in two folders run once or twice: XLA need not make good machine code of them."""
    if not any(folder in request.path.parents for folder in QUICK):
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiler, "get_compile_options", partial(_quick_options, compiler.get_compile_options))
        jax.config.update("jax_disable_most_optimizations", True)
        yield
        jax.config.update("jax_disable_most_optimizations", False)


def _quick_options(usual: Callable[..., Any], *args: Any, **named: Any) -> Any:
    """XLA's options without what takes half of the time of compiling a small program: a compiler of its own for each fusion."""
    options = usual(*args, **named)
    options.env_option_overrides = [*options.env_option_overrides, ("xla_cpu_use_fusion_emitters", False)]
    return options


@pytest.fixture
def tensorflow_is_headrace() -> Iterator[None]:
    """For tests that use Keras in this process: once bound, it asks for `tensorflow` again and again. Other tests, and libraries
    that look whether there is a TensorFlow, must not find Headrace under that name.
    """
    from headrace.compat import alias

    alias.install()
    yield
    alias.uninstall()


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
