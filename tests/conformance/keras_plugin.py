"""pytest's plugin for Keras's own tests: Keras runs on Headrace, and only the named tests run.

KERAS_TESTS names a file with one test id a line; results are written as JSON lines beside it, one file a process.
"""

from __future__ import annotations

import json
import os
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
    items[:] = [item for item in items if item.nodeid in wanted]


def pytest_runtest_logreport(report: Any) -> None:
    """Writes down how a test ended; the first of its phases that did not pass decides."""
    if report.when != "call" and report.outcome == "passed":
        return
    line = {"id": report.nodeid, "outcome": report.outcome, "seconds": round(report.duration, 3)}
    if report.failed:
        crash = getattr(report.longrepr, "reprcrash", None)
        line["message"] = str(getattr(crash, "message", report.longrepr))[-600:]
    with _results.open("a") as file:
        file.write(json.dumps(line) + "\n")
