"""FuncGraph: a graph that is built by hand, with placeholders for its inputs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from headrace.core import dtypes
from headrace.core.errors import FailedPreconditionError
from headrace.core.shapes import TensorShape, as_shape
from headrace.core.spec import TensorSpec
from headrace.dispatch import context
from headrace.dispatch.tensor import GraphTensor
from headrace.ir.graph import Graph
from headrace.sparse.tensor import SparseTensor
from headrace.trace.builder import GraphBuilder


class FuncGraph:
    """A graph under construction; ops that run inside `as_default` become its nodes.

    Args:
        name: for people.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._builder = GraphBuilder(name)

    @property
    def graph(self) -> Graph:
        """What was built so far."""
        return self._builder.graph

    @contextmanager
    def as_default(self) -> Iterator[FuncGraph]:
        """Puts the graph in charge of what runs inside."""
        state = context.state()
        before, state.name_scope = state.name_scope, ""
        try:
            with context.using(self._builder, tapes=(self._builder.log,)):
                yield self
        finally:
            state.name_scope = before


def placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> GraphTensor:
    """A new input of the graph under construction.

    Args:
        dtype: its dtype.
        shape: its static shape; unknown when None.
        name: its name.

    Raises:
        FailedPreconditionError: no graph is under construction.
    """
    executor = context.state().executor
    if not isinstance(executor, GraphBuilder):
        raise FailedPreconditionError(
            "tf.compat.v1.placeholder needs a graph under construction; outside of one pass tensors to a tf.function instead"
        )
    return executor.add_argument(TensorSpec(shape, dtypes.as_dtype(dtype)), name or "Placeholder")


def sparse_placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> SparseTensor:
    """A sparse tensor made of placeholders; see `placeholder`.

    Args:
        dtype: of its values.
        shape: its static shape, of known rank or None.
        name: what the names of its components begin with.
    """
    stem = name or "SparsePlaceholder"
    static: TensorShape = as_shape(shape)
    values = placeholder(dtype, [None], f"{stem}/values")
    indices = placeholder(dtypes.int64, [None, static.rank], f"{stem}/indices")
    dense_shape = placeholder(dtypes.int64, [static.rank], f"{stem}/shape")
    made = SparseTensor(indices, values, dense_shape)
    if static.rank is not None:
        made.set_shape(static)
    return made
