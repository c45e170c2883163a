"""What the Saver of a main graph restores: which tensor of the checkpoint goes into which variable or table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from headrace.checkpoint.bundle import BundleReader
from headrace.core.errors import DataLossError, InvalidArgumentError, UnimplementedError
from headrace.dispatch.opdef import get
from headrace.proto.tensors import from_proto
from headrace.saved_model.graph_import import constant_tensor
from headrace.saved_model.v1.functions import HANDLES, GraphFunctions
from headrace.saved_model.v1.legacy import RENAMED
from headrace.saved_model.v1.nodes import Node, Port, Region, parse_port
from headrace.saved_model.v1.state import GraphState
from headrace.saved_model.values import fill

_FORWARDING = frozenset({"Identity", "Reshape"})
_PART = re.compile(r"(\d+ )*(-|\d+,(-|\d+))(:(-|\d+,(-|\d+)))*")


class Stored(NamedTuple):
    """A tensor of the checkpoint."""

    key: str
    part: str
    """Which part of it, as RestoreV2 spells it: the whole shape, then `start,length` or `-` of each dimension. Empty for all."""


class Restoring:
    """The subgraph that restores a checkpoint, read instead of run."""

    def __init__(self, functions: GraphFunctions, saver: Any) -> None:
        """Takes the graph and its SaverDef.

        Raises:
            InvalidArgumentError: a node does not exist.
        """
        self._functions = functions
        filename = parse_port(saver.filename_tensor_name, "the saver's filename_tensor_name")
        operation = saver.restore_op_name.removeprefix("^").partition(":")[0]
        self._region: Region = functions.nodes.region([filename], [], [operation], lambda node: node.op in HANDLES)

    def variables(self) -> Iterator[tuple[Node, Stored]]:
        """The node of each variable, with what it is given.

        Raises:
            InvalidArgumentError: the subgraph contradicts itself.
            UnimplementedError: a value does not come from the checkpoint as it is.
        """
        for node in self._region.nodes.values():
            if node.op in ("Assign", "AssignVariableOp") and len(node.inputs) > 1:
                yield self._functions.nodes.read(node.inputs[0].node), self._stored(node.inputs[1], node)

    def tables(self) -> Iterator[tuple[Node, Stored, Stored]]:
        """The node of each table, with the tensors of its keys and values; raises as `variables`."""
        for node in self._region.nodes.values():
            if RENAMED.get(node.op, node.op) == "LookupTableImportV2" and len(node.inputs) > 2:
                table = self._functions.nodes.read(node.inputs[0].node)
                yield table, self._stored(node.inputs[1], node), self._stored(node.inputs[2], node)

    def _stored(self, port: Port, reader: Node) -> Stored:
        port = self._behind(port)
        source = self._region.nodes[port.node]
        if source.op != "RestoreV2" or len(source.inputs) != 3:
            raise UnimplementedError(
                f"node {reader.name!r} ({reader.op}) of {self._functions.nodes.label} restores what {source.name!r} ({source.op})"
                " computes; expected a tensor of the checkpoint by RestoreV2",
                op=source.op,
            )
        keys, parts = (self._strings(source.inputs[i], source) for i in (1, 2))
        if not len(keys) == len(parts) > port.output:
            raise InvalidArgumentError(
                f"node {source.name!r} (RestoreV2) names {len(keys)} tensors and {len(parts)} parts; its output"
                f" {port.output} is read"
            )
        return Stored(keys[port.output], parts[port.output])

    def _behind(self, port: Port) -> Port:
        """The port behind nodes that give on what they are given."""
        seen: set[str] = set()
        while port.node in self._region.nodes and port.node not in seen:
            seen.add(port.node)
            node = self._region.nodes[port.node]
            if node.op not in _FORWARDING or not node.inputs:
                return port
            port = node.inputs[0]
        raise InvalidArgumentError(f"{self._functions.nodes.label} restores from {str(port)!r}, which computes nothing")

    def _strings(self, port: Port, reader: Node) -> list[str]:
        node = self._region.nodes[self._behind(port).node]
        what = f"input {str(port)!r} of node {reader.name!r} (RestoreV2)"
        if node.op != "Const":
            raise UnimplementedError(f"{what} is computed by {node.name!r} ({node.op}); expected a constant", op=node.op)
        value = from_proto(constant_tensor(node, what), what)
        if value.dtype.kind != "O":
            raise InvalidArgumentError(f"{what} holds {value.dtype}; expected strings")
        return [item.decode("utf-8", "surrogateescape") for item in value.reshape(-1).tolist()]


def read_part(reader: BundleReader, stored: Stored, what: str) -> Any:
    """A tensor of a checkpoint, or the part of it that a partitioned variable holds.

    Raises:
        NotFoundError: the checkpoint has no such tensor.
        DataLossError: it is damaged, or the part does not fit it.
        InvalidArgumentError: the part is spelled wrong.
    """
    whole = reader.read(stored.key)
    if not stored.part:
        return whole
    if _PART.fullmatch(stored.part) is None or len(stored.part) > 1000:
        raise InvalidArgumentError(f"{what} is restored from the part {stored.part!r}; expected '10 4 0,5:-' or the like")
    *sizes, windows = stored.part.split(" ")
    ranges = [(0, size) if text == "-" else _range(text, size) for text, size in zip(windows.split(":"), whole.shape, strict=False)]
    fits = all(start + length <= size for (start, length), size in zip(ranges, whole.shape, strict=False))
    if tuple(map(int, sizes)) != whole.shape or len(windows.split(":")) != whole.ndim or not fits:
        raise DataLossError(f"{what} is the part {stored.part!r} of {stored.key!r}, which has the shape {list(whole.shape)}")
    return whole[tuple(slice(start, start + length) for start, length in ranges)]


def _range(text: str, size: int) -> tuple[int, int]:
    start, _, length = text.partition(",")
    return int(start), size - int(start) if length == "-" else int(length)


def restore(state: GraphState, plan: Restoring, reader: BundleReader) -> None:
    """Gives variables and tables what the checkpoint holds.

    Raises:
        NotFoundError, DataLossError: a tensor is missing, damaged, or does not fit.
        InvalidArgumentError: the graph contradicts itself.
    """
    plans = list(plan.variables())
    variables = [state.variable(node) for node, _ in plans]
    fill(variables, lambda i: read_part(reader, plans[i][1], f"variable {variables[i].name!r}"), f"the checkpoint of {state.label}")
    for node, *stored in plan.tables():
        handle = state.table(node)
        keys, values = (read_part(reader, part, f"table {node.name!r}") for part in stored)
        try:
            get("LookupTableImportV2").all(handle, keys, values)
        except InvalidArgumentError as error:
            raise DataLossError(f"the checkpoint does not fit the table {node.name!r} of {state.label}: {error}") from None
