"""Old spellings: reference variables become handles that are read, and ops of other names those of today."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.saved_model.v1.nodes import Node, Port, Region

REFERENCES = frozenset({"Variable", "VariableV2"})
"""Variables whose output is the value itself, by reference."""
TABLES = frozenset(
    {
        "HashTable",
        "HashTableV2",
        "MutableDenseHashTable",
        "MutableDenseHashTableV2",
        "MutableHashTable",
        "MutableHashTableOfTensors",
        "MutableHashTableOfTensorsV2",
        "MutableHashTableV2",
    }
)
RENAMED = {
    "ControlTrigger": "NoOp",
    "PlaceholderWithDefault": "Identity",
    "RefEnter": "Enter",
    "RefExit": "Exit",
    "RefIdentity": "Identity",
    "RefMerge": "Merge",
    "RefNextIteration": "NextIteration",
    "RefSwitch": "Switch",
    "TensorArray": "TensorArrayV3",
    "TensorArrayV2": "TensorArrayV3",
    "HashTable": "HashTableV2",
    "InitializeTable": "InitializeTableV2",
    "InitializeTableFromTextFile": "InitializeTableFromTextFileV2",
    "LookupTableExport": "LookupTableExportV2",
    "LookupTableFind": "LookupTableFindV2",
    "LookupTableImport": "LookupTableImportV2",
    "LookupTableInsert": "LookupTableInsertV2",
    "LookupTableSize": "LookupTableSizeV2",
    "MutableDenseHashTable": "MutableDenseHashTableV2",
    "MutableHashTable": "MutableHashTableV2",
    "MutableHashTableOfTensors": "MutableHashTableOfTensorsV2",
}
"""Ops that differ from another only in how they hold a resource, or not at all."""
_TENSOR_ARRAYS = ("Close", "Concat", "Gather", "Read", "Scatter", "Size", "Split", "Write")
RENAMED |= {f"TensorArray{name}{version}": f"TensorArray{name}V3" for name in _TENSOR_ARRAYS for version in ("", "V2")}
_WRITES = {
    "Assign": "AssignVariableOp",
    "AssignAdd": "AssignAddVariableOp",
    "AssignSub": "AssignSubVariableOp",
    "ScatterAdd": "ResourceScatterAdd",
    "ScatterSub": "ResourceScatterSub",
    "ScatterUpdate": "ResourceScatterUpdate",
}
"""Ops that take a variable by reference and give it back, with those that take a handle."""
_ASKS = {"IsVariableInitialized": "VarIsInitializedOp"}
"""The same for ops that give no variable back."""


def modernize(region: Region, kinds: Mapping[str, Any]) -> None:
    """Brings a region to today's ops.

    Args:
        region: what is changed.
        kinds: for each argument that is a variable by reference, the AttrValue of its dtype.
    """
    for node in region.nodes.values():
        if node.op == "PlaceholderWithDefault" and "dtype" in node.attr:
            node.attr = {"T": node.attr["dtype"]}
        node.op = RENAMED.get(node.op, node.op)
    if kinds:
        _Dereferencing(region, kinds).run()


class _Dereferencing:
    """Lets a region read variables where it used them by reference."""

    def __init__(self, region: Region, kinds: Mapping[str, Any]) -> None:
        self._region = region
        self._kinds = kinds
        self._origins: dict[Port, str] = {Port(name): name for name in kinds}
        """The variable that a port refers to: itself, or what was assigned to it and is given on."""

    def run(self) -> None:
        users = list(self._region.nodes.values())
        writers = [node for node in users if node.op in _WRITES]
        for node in writers:
            self._find_origin(node)
        for node in users:
            self._convert(node)
        self._region.outputs = [self._read(port, "output", []) for port in self._region.outputs]

    def _find_origin(self, node: Node) -> None:
        chain: dict[str, None] = {}
        while node.op in _WRITES and node.inputs and node.name not in chain:
            chain[node.name] = None
            if node.inputs[0] in self._origins:
                self._origins |= {Port(name): self._origins[node.inputs[0]] for name in chain}
                return
            if node.inputs[0].node not in self._region.nodes:
                return
            node = self._region.nodes[node.inputs[0].node]

    def _convert(self, node: Node) -> None:
        handed = (node.op in _WRITES or node.op in _ASKS) and bool(node.inputs) and node.inputs[0] in self._origins
        values = [self._read(port, node.name, node.controls) for port in node.inputs[handed:]]
        if handed:
            handle = self._origins[node.inputs[0]]
            node.controls = [*node.controls, *self._writer(node.inputs[0])]
            index = {"Tindices": node.attr["Tindices"]} if "Tindices" in node.attr else {}
            node.attr = {} if node.op in _ASKS else {"dtype": self._kinds[handle], **index}
            node.op = (_WRITES | _ASKS)[node.op]
            values.insert(0, Port(handle))
        node.inputs = values

    def _writer(self, port: Port) -> list[str]:
        """The node that assigned what a port refers to."""
        return [port.node] if port.node in self._region.nodes else []

    def _read(self, port: Port, reader: str, controls: list[str]) -> Port:
        """The value of what a port refers to, at the time at which the reader runs."""
        variable = self._origins.get(port)
        if variable is None:
            return port
        name = self._region.unique(f"{reader}/{variable}/read")
        waits = [*controls, *self._writer(port)]
        self._region.nodes[name] = Node(name, "ReadVariableOp", [Port(variable)], waits, {"dtype": self._kinds[variable]})
        return Port(name)
