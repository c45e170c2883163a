"""Damaged requests to a live server, over both protocols."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.runs import assert_fuzzer_found_nothing


@pytest.mark.parametrize(("protocol", "flags"), [("rest", ("--flag=--enable_batching",)), ("grpc", ())])
def test_damaged_requests_are_refused_and_harm_nothing(tmp_path: Path, protocol: str, flags: tuple[str, ...]) -> None:
    report = assert_fuzzer_found_nothing("tests.fuzz.serving.run", str(tmp_path), protocol, *flags)
    assert report["cases"] > 50, report
