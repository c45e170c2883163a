"""Branches and loops of a FunctionDef: nodes whose attributes name functions, which become graphs of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any, NamedTuple

from headrace.core.dtypes import DType
from headrace.core.errors import InvalidArgumentError
from headrace.core.shapes import SCALAR, UNKNOWN, TensorShape
from headrace.dispatch.tensor import Tensor
from headrace.ir.graph import Graph, Value
from headrace.saved_model import attrs
from headrace.saved_model.graph_export import FUNCTION_ATTRS, function_stem


class Input(NamedTuple):
    """What is known of an input of a function: `element` for the variable behind a handle."""

    dtype: DType
    shape: TensorShape
    name: str
    element: tuple[DType, TensorShape] | None = None


def capture_input(tensor: Tensor) -> Input:
    """A captured tensor as a function's input; that of a variable's handle knows the variable's element."""
    resource = getattr(tensor, "array", None)
    if tensor.dtype.name == "resource" and resource is not None:
        return Input(tensor.dtype, SCALAR, "variable", (resource.element_dtype, resource.element_shape))
    return Input(tensor.dtype, tensor.shape, "capture")


Build = Callable[[str, Sequence[Input]], Graph]
"""Gives the graph of a function for inputs."""
_LOOKS = (8, 8, 4, 2)
"""How often the body of a loop without shapes is looked at for those that it keeps, by depth; loops further within keep none."""


def import_functional(
    node: Any, inputs: Sequence[Value], what: str, build: Build, depth: int = 0
) -> tuple[dict[str, Any], list[Value]]:
    """The attributes and outputs of a branch or loop.

    Args:
        node: the NodeDef.
        inputs: its inputs.
        what: names it in messages.
        build: gives the graphs.
        depth: of the function that the node stands in, below the one that is asked for.

    Raises:
        InvalidArgumentError: an attribute is missing, or the functions do not fit the node.
    """
    kinds = FUNCTION_ATTRS[function_stem(node.op)]
    given = _given(node, kinds, what)
    is_loop = "T" in kinds
    passed = inputs if is_loop else inputs[1:]
    fed = [Input(v.dtype, v.shape, v.name or "arg", v.element) for v in passed]
    if is_loop:
        fed = _carried(fed, given, what, build, _LOOKS[depth] if depth < len(_LOOKS) else 0)
    graphs = {key: _graphs(given[key], fed, build) for key, kind in kinds.items() if "func" in kind}
    bodies = list(graphs["body"]) if is_loop else [graph for held in graphs.values() for graph in held]
    rows = list(zip(*(body.outputs for body in bodies), strict=False))
    if any(len(body.outputs) != len(rows) for body in bodies) or (is_loop and len(rows) != len(fed)):
        raise InvalidArgumentError(f"{what}: its functions return {[len(b.outputs) for b in bodies]} values; expected as many each")
    if is_loop:
        outputs = [Value(i.dtype, i.shape, element=i.element) for i in fed]
    else:
        outputs = [Value(row[0].dtype, reduce(TensorShape.most_general, (v.shape for v in row))) for row in rows]
    types, shapes = tuple(v.dtype for v in outputs), tuple(v.shape for v in outputs)
    complete: dict[str, Any] = {"output_shapes": shapes, "T": types, "Tin": tuple(v.dtype for v in passed), "Tout": types}
    complete |= {"Tcond": inputs[0].dtype, "parallel_iterations": given.get("parallel_iterations", 10)}
    complete |= {key: held if kinds[key] == "list(func)" else held[0] for key, held in graphs.items()}
    return {key: complete[key] for key in kinds}, outputs


def _given(node: Any, kinds: Mapping[str, str], what: str) -> dict[str, Any]:
    given = {}
    for key, kind in kinds.items():
        if key in node.attr:
            given[key] = attrs.decode(kind, node.attr[key], f"attribute {key!r} of {what}")
        elif "func" in kind:
            raise InvalidArgumentError(f"{what} lacks the attribute {key!r}", op=node.op)
    return given


def _carried(fed: Sequence[Input], given: Mapping[str, Any], what: str, build: Build, looks: int) -> list[Input]:
    """The inputs of a loop's functions, of the shapes that the loop says it keeps to or else is seen to keep."""
    shapes = given.get("output_shapes", ())
    if shapes and len(shapes) != len(fed):
        raise InvalidArgumentError(f"{what} has {len(fed)} inputs but {len(shapes)} output_shapes; expected one for each")
    if shapes:
        return [i if i.element is not None else i._replace(shape=shape) for i, shape in zip(fed, shapes, strict=True)]
    kept = list(fed)
    for _ in range(looks):
        (body,) = _graphs(given["body"], kept, build)
        if len(body.outputs) != len(kept):
            break
        seen = [i._replace(shape=i.shape.most_general(v.shape)) for i, v in zip(kept, body.outputs, strict=True)]
        if [i.shape for i in seen] == [i.shape for i in kept]:
            return kept
        kept = seen
    return [i if i.element is not None else i._replace(shape=UNKNOWN) for i in fed]


def _graphs(names: Any, fed: Sequence[Input], build: Build) -> tuple[Graph, ...]:
    graphs = tuple(build(name, fed) for name in (names if isinstance(names, tuple) else (names,)))
    for graph in graphs:
        # A body passes a value through by Identity; without that it is seen not to change.
        graph.outputs = [_source(value) for value in graph.outputs]
    return graphs


def _source(value: Value) -> Value:
    while value.node is not None and value.node.op == "Identity":
        value = value.node.inputs[0]
    return value
