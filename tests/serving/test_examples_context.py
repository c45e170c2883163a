"""A context is merged into serialized examples as protobuf merges messages."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core import dtypes
from headrace.core.errors import InvalidArgumentError
from headrace.native import examples as native
from headrace.proto.examples import read
from headrace.proto.messages import Example
from headrace.serving.examples import batch_of
from tests.serving.toy_heads import example

NAMES = st.sampled_from(["x", "y", "ü", ""])
VALUES = st.one_of(
    st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=3),
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=3),
    st.lists(st.binary(max_size=300), min_size=1, max_size=3),
)
EXAMPLES = st.dictionaries(NAMES, VALUES, max_size=4).map(lambda features: example(**features))
UNUSUAL = EXAMPLES.map(lambda data: data + b"\xba\x3e\x03xyz")  # an unknown field after it
DOUBLE = st.tuples(EXAMPLES, EXAMPLES).map(b"".join)
ANY = st.one_of(EXAMPLES, UNUSUAL, DOUBLE)


@given(ANY, st.lists(ANY, min_size=1, max_size=3))
def test_any_examples(context: bytes, examples: list[bytes]) -> None:
    for merged, original in zip(batch_of(examples, context).tolist(), examples, strict=True):
        expected = Example.FromString(context)
        expected.MergeFromString(original)
        assert Example.FromString(merged).features == expected.features


def test_the_usual_form_stays_one_that_is_read_fast() -> None:
    batch = batch_of([example(x=[2.0], y=[3.0]), example(y=[4.0])], example(x=[1.0])).tolist()
    found: Any = native.columns(batch, [("x", "float_list"), ("y", "float_list")])
    assert found is not None
    (x, *_), (y, *_) = found
    assert (x.tolist(), y.tolist()) == ([2.0, 1.0], [3.0, 4.0])


@pytest.mark.parametrize(
    "damaged", [b"\x0a", b"\x0a\xff", b"\x0a\x05abc", b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"abc"]
)
def test_damaged_examples_are_refused_when_they_are_read(damaged: bytes) -> None:
    good = example(x=[1.0])
    for context, data in ((good, damaged), (damaged, good)):
        with pytest.raises(InvalidArgumentError, match="example"):
            read(batch_of([data], context).tolist(), [("x", dtypes.float32)])
