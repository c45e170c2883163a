"""tf.Examples as requests carry them: serialized, with a context that all of them share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from headrace.core.errors import InvalidArgumentError
from headrace.serving.engines.base import Array


def batch_of(examples: Sequence[bytes], context: bytes = b"") -> Array:
    """The examples as one tensor.

    Args:
        examples: serialized tf.Examples.
        context: a serialized tf.Example whose features every example gets, except those that it has itself.

    Returns:
        bytes in an array of objects, [examples].

    Raises:
        InvalidArgumentError: there is no example.
    """
    if not examples:
        raise InvalidArgumentError("Input is empty.")
    batch = np.empty(len(examples), object)
    # Two messages one after the other are one message: of a feature that is in both, the later one counts.
    batch[:] = [context + example for example in examples] if context else list(examples)
    return batch


def of_input(proto: Any) -> tuple[list[bytes], bytes]:
    """The serialized examples of a tensorflow.serving.Input, and its context (empty when it has none)."""
    kind = proto.WhichOneof("kind")
    if kind is None:
        return [], b""
    listed = getattr(proto, kind)
    context = listed.context.SerializeToString() if kind == "example_list_with_context" else b""
    return [example.SerializeToString() for example in listed.examples], context
