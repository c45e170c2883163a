"""TensorArrays as TensorFlow 1 wrote them, by handle and flow, become lists that travel where the flow did."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.core import dtypes
from headrace.core.dtypes import DType
from headrace.core.errors import InvalidArgumentError
from headrace.core.shapes import UNKNOWN, TensorShape
from headrace.proto.messages import AttrValue
from headrace.proto.tensors import to_proto
from headrace.saved_model.v1.nodes import Node, Port, Region

_MAKER = "TensorArrayV3"
_VARIANT = AttrValue(type=dtypes.variant.enum)
_PASSING = frozenset({"Enter", "Exit", "Identity", "Merge", "NextIteration", "Switch"})
"""Ops that give on what they are given."""
_FLOW = {
    "TensorArrayCloseV3": None,
    "TensorArrayConcatV3": 1,
    "TensorArrayGatherV3": 2,
    "TensorArrayReadV3": 2,
    "TensorArrayScatterV3": 3,
    "TensorArraySizeV3": 1,
    "TensorArraySplitV3": 3,
    "TensorArrayWriteV3": 3,
}
"""The position of the flow among the inputs."""
_CHANGING = frozenset({"TensorArrayScatterV3", "TensorArraySplitV3", "TensorArrayWriteV3"})
"""Ops whose output is the flow after them."""


class TensorArrays:
    """One region's arrays."""

    def __init__(self, region: Region) -> None:
        self._region = region
        self._makers: dict[Port, Node] = {}
        """The node that made the array, by every port that gives its handle."""
        self._fresh: set[Port] = set()
        """Flows of arrays to which nothing was written yet."""

    def convert(self) -> None:
        """Puts lists into the places of the arrays.

        Raises:
            InvalidArgumentError: an op uses an array that no node made.
        """
        nodes = list(self._region.nodes.values())
        if not any(node.op == _MAKER for node in nodes):
            return
        flows = self._trace(nodes)
        for node in nodes:
            if node.op in _PASSING and any(port in flows for port in node.inputs):
                node.attr = {**node.attr, "T": _VARIANT}
            elif node.op in _FLOW:
                self._convert(node)
        for node in {id(maker): maker for maker in self._makers.values()}.values():
            self._make(node)

    def _trace(self, nodes: list[Node]) -> set[Port]:
        """Every port that gives a flow, and into `_makers` every one that gives a handle."""
        flows: set[Port] = set()
        readers: dict[Port, list[Node]] = {}
        for node in nodes:
            for port in node.inputs:
                readers.setdefault(port, []).append(node)
        pending: list[tuple[Port, Node | None]] = []
        for node in nodes:
            if node.op == _MAKER:
                pending += [(Port(node.name), node), (Port(node.name, 1), None)]
                self._fresh.add(Port(node.name, 1))
        while pending:
            port, maker = pending.pop()
            if port in flows or port in self._makers:
                continue
            if maker is None:
                flows.add(port)
            else:
                self._makers[port] = maker
            for reader in readers.get(port, ()):
                if reader.op in _PASSING:
                    pending += [(Port(reader.name, index), maker) for index in range(2 if reader.op == "Switch" else 1)]
                elif maker is None and reader.op in _CHANGING:
                    pending.append((Port(reader.name), None))
        return flows

    def _convert(self, node: Node) -> None:
        """One op of an array, as the op of a list."""
        maker = self._makers.get(node.inputs[0]) if node.inputs else None
        position = _FLOW[node.op]
        if maker is None or (position is not None and len(node.inputs) != position + 1):
            raise InvalidArgumentError(f"node {node.name!r} ({node.op}) reads no array that a node {_MAKER} makes", op=node.op)
        kind = node.op.removeprefix("TensorArray").removesuffix("V3")
        if position is None:
            node.op, node.inputs, node.attr = "NoOp", [], {}
            return
        data, flow = node.inputs[1:position], node.inputs[position]
        element = AttrValue(type=maker.get("dtype", "type").enum)
        if kind == "Size":
            node.op, node.inputs, node.attr = "TensorListLength", [flow], {}
        elif kind == "Write":
            grows = AttrValue(b=self._grows(maker))
            node.op, node.inputs = "TensorListSetItem", [flow, *data]
            node.attr = {"element_dtype": element, "resize_if_index_out_of_bounds": grows}
        elif kind in ("Read", "Gather"):
            node.op = "TensorListGetItem" if kind == "Read" else "TensorListGather"
            node.inputs = [flow, *data, self._shape(node, maker)]
            node.attr = {"element_dtype": element}
        elif kind == "Scatter":
            self._scatter(node, maker, data, flow, element)
        elif kind == "Concat":
            lengths = self._constant(node, "leading_dims", np.zeros(0, np.int64), dtypes.int64)
            node.op, node.inputs = "TensorListConcatV2", [flow, self._unknown(node), lengths]
            node.attr = {"element_dtype": element, "shape_type": AttrValue(type=dtypes.int32.enum)}
        else:
            node.op, node.inputs = "TensorListSplit", [data[0], self._unknown(node), data[1]]
            node.attr = {"element_dtype": element, "shape_type": AttrValue(type=dtypes.int32.enum)}

    def _scatter(self, node: Node, maker: Node, data: list[Port], flow: Port, element: Any) -> None:
        indices, value = data
        if flow not in self._fresh:
            node.op, node.inputs, node.attr = (
                "TensorListScatterIntoExistingList",
                [flow, value, indices],
                {"element_dtype": element},
            )
            return
        size = self._region.unique(f"{node.name}/size")
        self._region.nodes[size] = Node(size, "TensorListLength", [flow])
        node.op, node.inputs = "TensorListScatterV2", [value, indices, self._shape(node, maker), Port(size)]
        node.attr = {"element_dtype": element, "shape_type": AttrValue(type=dtypes.int32.enum)}

    def _make(self, node: Node) -> None:
        """The list in the place of the array: its only output stands where the flow stood."""
        node.op, node.inputs = "TensorListReserve", [self._shape(node, node), *node.inputs[:1]]
        node.attr = {
            "element_dtype": AttrValue(type=node.get("dtype", "type").enum),
            "shape_type": AttrValue(type=dtypes.int32.enum),
        }
        self._region.redirect({Port(node.name, 1): Port(node.name)}, {})

    @staticmethod
    def _grows(maker: Node) -> bool:
        return "dynamic_size" in maker.attr and bool(maker.get("dynamic_size", "bool"))

    def _shape(self, node: Node, maker: Node) -> Port:
        """The shape of an element as a constant: what the op says, else what the maker says."""
        shape: TensorShape = UNKNOWN
        for holder in (node, maker):
            if shape.rank is None and "element_shape" in holder.attr:
                shape = holder.get("element_shape", "shape")
        dims = -1 if shape.rank is None else [-1 if size is None else size for size in shape]
        return self._constant(node, "element_shape", np.array(dims, np.int32), dtypes.int32)

    def _unknown(self, node: Node) -> Port:
        return self._constant(node, "element_shape", np.array(-1, np.int32), dtypes.int32)

    def _constant(self, node: Node, label: str, value: Any, dtype: DType) -> Port:
        name = self._region.unique(f"{node.name}/{label}")
        content = {"dtype": AttrValue(type=dtype.enum), "value": AttrValue(tensor=to_proto(value, dtype))}
        self._region.nodes[name] = Node(name, "Const", [], [], content)
        return Port(name)


def convert_tensor_arrays(region: Region) -> None:
    """Turns the TensorArrays of a region into lists; see TensorArrays.convert."""
    TensorArrays(region).convert()
