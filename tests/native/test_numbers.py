"""JSON arrays of numbers read by the C library are what Python's own parser reads."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.native import library, numbers

pytestmark = pytest.mark.skipif(library.load() is None, reason="there is no C compiler here")

DECIMALS = st.builds(
    lambda sign, whole, fraction, exponent: f"{sign}{whole}{fraction}{exponent}",
    st.sampled_from(["", "-"]),
    st.one_of(st.integers(0, 9), st.integers(0, 10**19)).map(str),
    st.one_of(st.just(""), st.text("0123456789", min_size=1, max_size=20).map(".{}".format)),
    st.one_of(st.just(""), st.builds("{}{}{}".format, st.sampled_from("eE"), st.sampled_from(["", "+", "-"]), st.integers(0, 40))),
)


def checked(text: str) -> bool:
    """True when the library reads the one number in `text`; it is then the one that Python reads, to the last bit."""
    found = numbers.read(f"[{text}]".encode(), 0)
    if found is None:
        return False
    wanted = json.loads(text)
    (value,) = found.values.tolist()
    if isinstance(wanted, int):
        assert (found.largest_integer, found.largest_fraction) == (float(abs(wanted)), -1)
    else:
        assert (found.largest_integer, found.largest_fraction) == (-1, abs(wanted))
    assert (value, math.copysign(1, value)) == (float(wanted), math.copysign(1, wanted))
    return True


@given(DECIMALS)
def test_every_number_that_is_read_is_the_nearest_double(text: str) -> None:
    checked(text)


@given(st.floats(1e-9, 1e15) | st.floats(-1e15, -1e-9))
def test_numbers_as_python_writes_them_are_read(value: float) -> None:
    assert checked(repr(value))


@given(st.floats(2.0**-30, 2.0**50, width=32))
def test_numbers_of_float32_are_read(value: float) -> None:
    assert checked(str(np.float32(value)))
    assert checked(f"{value:.9g}")


@given(st.integers(-(2**53), 2**53))
def test_integers_are_read(value: int) -> None:
    assert checked(str(value))


@pytest.mark.parametrize(
    "text",
    # Halfway between two doubles, and just beside it.
    [
        "9007199254740993.0",
        "9007199254740993.00",
        "9007199254740995.0",
        "4503599627370496.5",
        "4503599627370497.5",
        "0.500000000000000166",
    ],
)
def test_ties_go_to_even(text: str) -> None:
    assert checked(text)


NESTS = st.recursive(st.integers(-9, 9), lambda inner: st.lists(inner, max_size=3), max_leaves=12)


@given(NESTS, st.sampled_from([(",", ":"), (", ", ": "), (" ,\n\t", ":")]), st.integers(0, 5))
def test_a_nest_is_read_just_when_it_is_rectangular(nest: Any, separators: tuple[str, str], at: int) -> None:
    text = json.dumps(nest, separators=separators)
    found = numbers.read((" " * at + text + " rest").encode(), at)
    try:
        wanted = np.array(nest)
    except ValueError:
        wanted = np.empty(0)
    if not isinstance(nest, list) or not wanted.size or wanted.dtype == object:
        assert found is None
        return
    assert found is not None
    assert found.values.tolist() == wanted.tolist()
    assert found.end == at + len(text)


@pytest.mark.parametrize(
    "text",
    [
        *[
            "",
            "[",
            "[1",
            "[1,",
            "[1,]",
            "[,1]",
            "[1 2]",
            "[1]]"[:-2],
            "[[1],2]",
            "[1,[2]]",
            "[[1],[2,3]]",
            "[[1,2],[3]]",
            "[]",
            "[[]]",
        ],
        *[
            "[01]",
            "[1.]",
            "[.5]",
            "[-]",
            "[+1]",
            "[1e]",
            "[1e+]",
            "[--1]",
            "[0x1]",
            "[NaN]",
            "[null]",
            "[true]",
            '["1"]',
            "[{}]",
            "[1\0]",
        ],
        *["[" * 33 + "1" + "]" * 33, "[1e400]", "[123456789012345678901]"],
    ],
)
def test_other_texts_are_left_to_the_general_parser(text: str) -> None:
    assert numbers.read(text.encode(), 0) is None


def test_a_long_text_is_read_with_the_lock_given_up() -> None:
    values = np.random.default_rng(0).standard_normal((224, 224, 3))
    found = numbers.read(json.dumps(values.tolist()).encode(), 0)
    assert found is not None
    np.testing.assert_array_equal(found.values, values)


def test_without_a_library_nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbers, "_function", lambda keep_lock: None)
    assert numbers.read(b"[1]", 0) is None
