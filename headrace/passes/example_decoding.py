"""Strings in examples that are numbers in truth are read as numbers.

    # parsed = parse_example(...), decode_raw(parsed.image) -> parsed = _ParseExampleNumbers(...), parsed.image

Only a dense feature that nothing else reads changes: its strings are then never made.
"""

from __future__ import annotations

from collections import Counter

from headrace.core.dtypes import DType
from headrace.dispatch.opdef import get
from headrace.ir.graph import Graph, Node, Value
from headrace.passes.base import Pass, Result, counted
from headrace.passes.rewrite import make_node

PARSE, FUSED, DECODE = "ParseExampleV2", "_ParseExampleNumbers", "DecodeRaw"


def run(graph: Graph) -> Result:
    """Fuses in place."""
    uses = Counter(value for node in graph.nodes for value in node.inputs) + Counter(graph.outputs)
    decoders = {node.inputs[0]: node for node in graph.nodes if _decodes(node) and uses[node.inputs[0]] == 1}
    replaced: dict[Value, Value] = {}
    gone: set[Node] = set()
    pending, graph.nodes = graph.nodes, []
    for node in pending:
        if node in gone:
            continue
        node.inputs = [replaced.get(value, value) for value in node.inputs]
        found = [decoders[value] for value in node.outputs if value in decoders] if node.op == PARSE else []
        if not found:
            graph.nodes.append(node)
            continue
        fused = _fused(graph, node, {decoder.inputs[0]: decoder.output.dtype for decoder in found})
        replaced.update(zip(node.outputs, fused.outputs, strict=True))
        replaced.update((decoder.output, replaced[decoder.inputs[0]]) for decoder in found)
        gone.update(found)
    graph.outputs = [replaced.get(value, value) for value in graph.outputs]
    return counted(graph, {"features": len(gone)})


def _decodes(node: Node) -> bool:
    """True for a decoder of a dense feature of examples."""
    if node.op != DECODE or not node.attrs["little_endian"]:
        return False
    value = node.inputs[0]
    maker = value.node
    if maker is None or maker.op != PARSE or maker.device != node.device:
        return False
    first = 3 * maker.attrs["num_sparse"]
    return bool(first <= value.index < first + len(maker.attrs["Tdense"]))


def _fused(graph: Graph, node: Node, numbers: dict[Value, DType]) -> Node:
    """The node that parses and decodes; `numbers` has the dtypes of the features that are decoded."""
    first = 3 * node.attrs["num_sparse"]
    dense = node.outputs[first : first + len(node.attrs["Tdense"])]
    attrs = {key: value for key, value in node.attrs.items() if key != "Tdense"}
    attrs["dense_types"] = tuple(numbers.get(value, value.dtype) for value in dense)
    attrs["decoded"] = tuple(i for i, value in enumerate(dense) if value in numbers)
    return make_node(graph, get(FUSED), node.inputs, attrs, like=node, counts=[len(dense)])


PASS = Pass("example_decoding", "remapping", run)
