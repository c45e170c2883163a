"""Log lines: what is written how often."""

from __future__ import annotations

import logging
import time

import pytest

from headrace.core.log_lines import Seldom


def record(message: str, level: int = logging.WARNING) -> logging.LogRecord:
    return logging.LogRecord("x", level, "", 0, message, (), None)


def test_a_warning_comes_once_in_a_while_and_errors_always(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    seldom = Seldom(60.0)
    assert [seldom.filter(record("a")) for _ in range(3)] == [True, False, False]
    assert seldom.filter(record("b"))
    assert all(seldom.filter(record("a", logging.ERROR)) for _ in range(3))
    now += 60.0
    assert [seldom.filter(record("a")) for _ in range(2)] == [True, False]
