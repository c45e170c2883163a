"""pytest's plugin for Keras's own tests: Keras runs on Headrace, and only the named tests run.

KERAS_TESTS names a file with one test id a line; results are written as JSON lines beside it, one file a process.
"""

from __future__ import annotations

import json
import os
import re
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import pytest

import headrace.keras

jax.config.update("jax_disable_most_optimizations", True)  # each small program runs once or twice


class _Narrow(ModuleType):
    """jax.numpy as Keras's tests expect it when they ask it for dtypes: without 64 bits, which Headrace turns on."""

    def __getattr__(self, name: str) -> Any:
        found = getattr(jax._src.numpy if name.startswith("_") else _wide, name)
        if not callable(found) or isinstance(found, type) or name in ("dtype", "ndarray"):
            return found

        def narrow(*args: Any, **kwargs: Any) -> Any:
            with jax.enable_x64(False):
                return found(*args, **kwargs)

        return narrow


_wide = jax.numpy
jax.numpy = sys.modules["jax.numpy"] = _Narrow("jax.numpy")  # type: ignore[assignment]

WANTED = Path(os.environ["KERAS_TESTS"])
_results = WANTED.with_name(f"{WANTED.stem}-{os.getpid()}.jsonl")


def _skip_if_backend(backend: str, reason: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(backend == "tensorflow", reason=reason)


sys.modules["conftest"] = ModuleType("conftest")  # Keras's tests import it from their repository's root
sys.modules["conftest"].skip_if_backend = _skip_if_backend  # type: ignore[attr-defined]


def pytest_configure(config: pytest.Config) -> None:
    """Keras's markers."""
    config.addinivalue_line("markers", "requires_trainable_backend: a back end that trains; this one does")
    config.addinivalue_line("markers", "multi_device: several devices")
    warnings.simplefilter("ignore")
    headrace.keras.utils.disable_interactive_logging()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keeps the named tests."""
    wanted = set(WANTED.read_text().split("\n"))
    items[:] = [item for item in items if _name(item.nodeid) in wanted]


def _name(nodeid: str) -> str:
    """The id of a test as the list has it: where an object lies is not its name."""
    return re.sub(r"0x[0-9a-f]+", "0xADDR", nodeid)


def _write(lines: list[dict[str, Any]]) -> None:
    with _results.open("a") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


def _message(report: Any) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(getattr(crash, "message", report.longrepr))[-600:]


def pytest_collectreport(report: Any) -> None:
    """Writes down the tests of a file that cannot be imported as failed."""
    if report.failed:
        lost = [test for test in WANTED.read_text().split("\n") if test.partition("::")[0] == report.nodeid]
        _write([{"id": test, "outcome": "failed", "seconds": 0.0, "message": _message(report)} for test in lost])


def pytest_runtest_logstart(nodeid: str) -> None:
    """Says which test runs, in case that it ends the process."""
    WANTED.with_suffix(".running").write_text(_name(nodeid))


def pytest_runtest_logreport(report: Any) -> None:
    """Writes down how a test ended; the first of its phases that did not pass decides."""
    if report.when != "call" and report.outcome == "passed":
        return
    line = {"id": _name(report.nodeid), "outcome": report.outcome, "seconds": round(report.duration, 3)}
    _write([line | {"message": _message(report)} if report.failed else line])
