"""Order without data: what TensorFlow 1's graphs needed said, and functions here keep by themselves.

The nodes of a function run in the order of the program as far as they have effects, so there is nothing left to enforce.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from headrace.core import nest
from headrace.dispatch import context
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor


@contextmanager
def control_dependencies(control_inputs: Sequence[Any] | None) -> Iterator[None]:
    """What stands inside runs after `control_inputs`, which have run already; eagerly, functions among them are called."""
    if context.executing_eagerly():
        for item in control_inputs or ():
            if callable(item):
                item()
    yield


def group(*inputs: Any, name: str | None = None) -> None:
    """Stands for the work of `inputs` together, which has been done, or takes place where it stands in a function."""
    nest.flatten(inputs)


def no_op(name: str | None = None) -> None:
    """Does nothing."""


def tuple_(tensors: Sequence[Any], control_inputs: Sequence[Any] | None = None, name: str | None = None) -> list[Tensor | None]:
    """The tensors, all of which have been computed; None stays None.

    Raises:
        ValueError: there is no tensor among them.
    """
    if all(tensor is None for tensor in tensors):
        raise ValueError("tf.tuple needs at least one tensor; got none")
    return [None if tensor is None else get("Identity")(convert_to_tensor(tensor)) for tensor in tensors]
