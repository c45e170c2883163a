"""Bytes are read by the C library and by Python; tests that ask for it run once with each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from headrace.native import library


@pytest.fixture(params=["native", "python"], scope="module")
def both_ways(request: pytest.FixtureRequest) -> Iterator[None]:
    """The library is there, then it is not."""
    if request.param == "native":
        assert library.load() is not None
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(library, "load", lambda: None)
        yield
