"""tf.xla.experimental: what XLA is asked to compile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from headrace.core import nest
from headrace.trace.function import function


def compile_computation(computation: Callable[..., Any], inputs: Sequence[Any] | None = None) -> list[Any]:
    """The results of a Python function that is compiled by XLA as a whole and run on `inputs`."""
    return nest.flatten(function(computation, jit_compile=True)(*(inputs or ())))


@contextmanager
def jit_scope(compile_ops: bool = True, separate_compiled_gradients: bool = False) -> Iterator[None]:
    """Does nothing: every graph is compiled by XLA."""
    yield
