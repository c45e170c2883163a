"""What callers give as examples, as tf.Example messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError, Message

from headrace.core.errors import InvalidArgumentError
from headrace.proto.messages import Example
from headrace.proto.tensors import as_bytes

_NAME = Example.DESCRIPTOR.full_name


def to_examples(examples: Sequence[Any]) -> list[Any]:
    """Example messages of what stands for them.

    Args:
        examples: for each a tf.train.Example (TensorFlow's own too), its bytes, or a dict from names of features to a value or
            a list of one kind: integers and booleans are int64, floats float32, strings bytes.

    Raises:
        InvalidArgumentError: there is none, or one of them is nothing of this.
    """
    if isinstance(examples, Mapping | bytes | str | Message) or not len(examples):
        raise InvalidArgumentError(f"examples are {examples!r:.100}; expected a list of at least one example")
    return [to_example(example, f"example {index}") for index, example in enumerate(examples)]


def to_example(value: Any, what: str) -> Any:
    """One Example message; see `to_examples`. `what` names it in errors.

    Raises:
        InvalidArgumentError: the value stands for no example.
    """
    if isinstance(value, Mapping):
        example = Example()
        for name, values in value.items():
            _fill(example.features.feature[name], f"feature {name!r} of {what}", values)
        return example
    if isinstance(value, Message) and value.DESCRIPTOR is not None and value.DESCRIPTOR.full_name == _NAME:
        value = value.SerializeToString()
    if not isinstance(value, bytes):
        raise InvalidArgumentError(f"{what} is a {type(value).__name__}; expected a tf.train.Example, bytes or a dict of features")
    try:
        return Example.FromString(value)
    except DecodeError:
        raise InvalidArgumentError(f"{what} is not a serialized tf.Example ({len(value)} bytes)") from None


def _fill(feature: Any, what: str, values: Any) -> None:
    array = np.asarray(values)
    if array.dtype.kind in "SU":
        array = np.array(values, object)  # numpy's own strings lose zero bytes at their ends
    items = array.ravel().tolist()
    if array.ndim > 1 or array.dtype == object and not all(isinstance(item, bytes | str) for item in items):
        raise InvalidArgumentError(f"{what} is {values!r:.100}; expected a value, or a list of numbers or of strings")
    if not items:
        return
    try:
        if array.dtype == object:
            feature.bytes_list.value.extend(map(as_bytes, items))
        elif array.dtype.kind in "biu":
            feature.int64_list.value.extend(map(int, items))
        else:
            feature.float_list.value.extend(items)
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(f"{what} does not fit a tf.Example: {error}") from None
