"""Variables and tables of a main graph: made when a function first needs them, and shared by all its functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from headrace.core.errors import InvalidArgumentError, UnimplementedError
from headrace.core.shapes import UNKNOWN
from headrace.core.spec import TensorSpec
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.tensor import ResourceTensor, Tensor
from headrace.ops.lookup.tables import Table
from headrace.saved_model.v1.functions import HANDLES, VARIABLES, GraphFunctions
from headrace.saved_model.v1.legacy import TABLES
from headrace.saved_model.v1.nodes import Node, Port
from headrace.state.variable import Variable
from headrace.trace.concrete import ConcreteFunction


class GraphState:
    """What the functions of a main graph share.

    Attributes:
        variables: by the name of the node.
        refused: why tables could not be filled, None when they could; functions that use one say so.
    """

    def __init__(self, functions: GraphFunctions, trainable: Iterable[str]) -> None:
        """Takes the graph; `trainable` names the variables to train."""
        self._functions = functions
        self._trainable = frozenset(trainable)
        self._tables: dict[str, Tensor] = {}
        self._shared: dict[tuple[str, str, str], Any] = {}
        self.variables: dict[str, Variable] = {}
        self.refused: UnimplementedError | None = None

    @property
    def label(self) -> str:
        """Names the graph in messages."""
        return self._functions.nodes.label

    def tables(self) -> list[ResourceTensor]:
        """The handles of the tables made so far."""
        return [handle for handle in self._shared.values() if isinstance(handle, ResourceTensor)]

    def by_storage(self) -> dict[int, Variable]:
        """The variables by the identity of their storage."""
        return {id(variable.handle.array): variable for variable in self.variables.values()}

    def handles(self, names: Sequence[str]) -> list[Tensor]:
        """The handles that nodes stand for, made where they are needed first.

        Raises:
            InvalidArgumentError: an attribute is missing.
            UnimplementedError: a table cannot be made, or could not be filled.
        """
        return [self._handle(self._functions.nodes.read(name)) for name in names]

    def _handle(self, node: Node) -> Tensor:
        if node.op not in TABLES:
            return self.variable(node).handle
        if self.refused is not None:
            raise self.refused
        return self.table(node)

    def _shared_as(self, node: Node) -> tuple[str, str, str]:
        """Nodes of one name for their state, which by default is the node's own, have one state."""
        kind = "table" if node.op in TABLES else "variable"
        return kind, node.text("container"), node.text("shared_name") or node.name

    def variable(self, node: Node) -> Variable:
        """The variable that a node stands for.

        Raises:
            InvalidArgumentError: the node is none, or an attribute is missing.
            UnimplementedError: the dtype is neither numbers nor strings.
        """
        if node.op not in VARIABLES:
            raise InvalidArgumentError(
                f"node {node.name!r} ({node.op}) of {self.label} is used as a variable; expected {sorted(VARIABLES)}"
            )
        if node.name not in self.variables:
            key = self._shared_as(node)
            if key not in self._shared:
                dtype, shape = node.get("dtype", "type"), node.get("shape", "shape") if "shape" in node.attr else UNKNOWN
                if not dtype.is_numpy_compatible:
                    raise UnimplementedError(
                        f"variable {node.name!r} of {self.label} is of {dtype.name}; expected numbers or strings"
                    )
                self._shared[key] = Variable.uninitialized(shape, dtype, node.name, node.name in self._trainable)
            self.variables[node.name] = self._shared[key]
        return self.variables[node.name]

    def table(self, node: Node) -> Tensor:
        """The handle of the table that a node makes.

        Raises:
            InvalidArgumentError: the node makes none.
            UnimplementedError: it is of a kind that Headrace does not have.
        """
        if node.op not in TABLES:
            raise InvalidArgumentError(
                f"node {node.name!r} ({node.op}) of {self.label} is used as a lookup table; expected {sorted(TABLES)}"
            )
        if node.name not in self._tables:
            key = self._shared_as(node)
            if key not in self._shared:
                function, held = self._functions.define(
                    f"{node.name}/make", [], [Port(node.name)], given=lambda other: other.op in HANDLES and other.name != node.name
                )
                signature: Any = ((), {})
                made = self._functions.build(ConcreteFunction, function, signature, True, self.handles(held), {}).call_flat([])
                if not (isinstance(made, ResourceTensor) and isinstance(made.array, Table)):
                    raise InvalidArgumentError(f"node {node.name!r} ({node.op}) of {self.label} makes {made!r}; expected a table")
                self._shared[key] = made
            self._tables[node.name] = self._shared[key]
        return self._tables[node.name]

    def run(self, operation: str, fed: Sequence[tuple[Port, Any]] = ()) -> None:
        """Runs a node for its effects, with values for some tensors.

        Raises:
            HeadraceError: the graph is damaged, holds an op that Headrace does not have, or the op fails.
        """
        tensors = [convert_to_tensor(value) for _, value in fed]
        function, held = self._functions.define(f"{operation}/run", [port for port, _ in fed], [], [operation])
        handles = self.handles(held)
        specs = tuple(TensorSpec(tensor.shape, tensor.dtype) for tensor in tensors)
        self._functions.build(ConcreteFunction, function, (specs, {}), [], handles, self.by_storage()).call_flat(tensors)
