"""tf.Examples as requests carry them: serialized, with a context that all of them share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from headrace.core.errors import DataLossError, InvalidArgumentError
from headrace.proto.messages import Example
from headrace.proto.varint import get_varint, put_varint
from headrace.serving.engines.base import Array

_FEATURES = b"\x0a"
"""The tag of `features` in an Example."""


def batch_of(examples: Sequence[bytes], context: bytes = b"") -> Array:
    """The examples as one tensor.

    Args:
        examples: serialized tf.Examples.
        context: a serialized tf.Example whose features every example gets, except those that it has itself.

    Returns:
        bytes in an array of objects, [examples].

    Raises:
        InvalidArgumentError: there is no example; one that gets a context is damaged.
    """
    if not examples:
        raise InvalidArgumentError("Input is empty.")
    batch = np.empty(len(examples), object)
    batch[:] = [_merged(context, example) for example in examples] if context else list(examples)
    return batch


def _merged(context: bytes, example: bytes) -> bytes:
    """An example with the features of two; of a feature that is in both, the later one counts, as protobuf has it.

    Two messages one after the other are one message, but slow to read. So, where both are written as usual, their features are put
    one after the other within one.
    """
    first, second = _features(context), _features(example)
    if first is None or second is None:
        return context + example
    whole = bytearray(_FEATURES)
    put_varint(whole, len(first) + len(second))
    return bytes(whole) + first + second


def _features(example: bytes) -> bytes | None:
    """What the field `features` of a serialized example holds; None when it is not the one thing there is."""
    if not example:
        return b""
    if not example.startswith(_FEATURES):
        return None
    try:
        length, at = get_varint(example, len(_FEATURES), "an example")
    except DataLossError as error:
        raise InvalidArgumentError(error.message) from None
    if at + length > len(example):
        raise InvalidArgumentError(f"an example is damaged: {at + length - len(example)} bytes are missing at its end")
    return example[at:] if at + length == len(example) else None


def first_value(example: bytes, context: bytes, name: str) -> object:
    """The first value of a feature of an example, or else of the context that it shares; None where neither has one."""
    for serialized in (example, context):
        try:
            message = Example.FromString(serialized)
        except DecodeError:  # whoever reads all of it says so
            return None
        if name in message.features.feature:
            feature = message.features.feature[name]
            kind = feature.WhichOneof("kind")
            return next(iter(getattr(feature, kind).value), None) if kind is not None else None
    return None


def of_input(proto: Any) -> tuple[list[bytes], bytes]:
    """The serialized examples of a tensorflow.serving.Input, and its context (empty when it has none)."""
    kind = proto.WhichOneof("kind")
    if kind is None:
        return [], b""
    listed = getattr(proto, kind)
    context = listed.context.SerializeToString() if kind == "example_list_with_context" else b""
    return [example.SerializeToString() for example in listed.examples], context
