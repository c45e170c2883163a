"""Fixtures of the tests of faults."""

from __future__ import annotations

import pytest


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits before asking again: what is waited for is not what these tests are about."""
    monkeypatch.setattr("headrace.mirror.upstream.client._FIRST_WAIT_SECONDS", 0.001)
    monkeypatch.setattr("headrace.mirror.downloads._FIRST_WAIT_SECONDS", 0.0001)
    monkeypatch.setattr("headrace.mirror.segments._FIRST_WAIT_SECONDS", 0.0001)
