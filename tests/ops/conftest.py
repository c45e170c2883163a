"""Fixtures of the op tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.interop import environments
from tests.ops import harness

Ask = Callable[[Mapping[str, Any]], dict[str, Any]]


@pytest.fixture(scope="session")
def ask(request: pytest.FixtureRequest) -> Ask:
    """Puts a request to real TensorFlow; see tests/ops/peer_tensorflow.py."""
    try:
        python: Path = environments.ensure("tensorflow")
    except environments.EnvironmentUnavailable as error:
        pytest.fail(str(error), pytrace=False)
    cache = request.config.cache
    assert cache is not None
    folder = cache.mkdir("headrace-oracle")
    return lambda content: harness.ask_tensorflow(python, content, folder)


@pytest.fixture(scope="session")
def oracle(ask: Ask) -> harness.Oracle:
    """Real TensorFlow's answers to the samples."""
    return harness.Oracle(ask)
