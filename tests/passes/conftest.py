"""Passes are checked after every run here, and fail loudly."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import headrace as tf
from headrace.passes import options

assert tf.__version__  # the import declares the ops


@pytest.fixture(autouse=True)
def _strict(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("HEADRACE_VERIFY_PASSES", "1")
    yield
    options.reset()
