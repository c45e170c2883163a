"""TOML that somebody wrote."""

from __future__ import annotations

import pytest

from headrace.core import toml
from headrace.core.errors import InvalidArgumentError


def test_a_byte_order_mark_is_passed_over() -> None:
    assert toml.parse(b"\xef\xbb\xbfa = 1\r\n", "f", 100) == {"a": 1}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"#" * 101, "f is larger than 100 bytes; a configuration is expected to be shorter"),
        (b"a = '\xe9'", "f is no TOML: it is not UTF-8 at byte 5"),
        (b"a = ", "f is no TOML: Invalid value"),
        (b"a = " + b"[" * 90, "f is no TOML: "),
    ],
)
def test_what_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        toml.parse(data, "f", 100)
    assert refused.value.message.startswith(message)


def test_deep_nesting_is_no_fault_of_ours() -> None:
    with pytest.raises(InvalidArgumentError, match="f is no TOML"):
        toml.parse(b"a = " + b"[" * 100_000, "f", 1 << 20)
