"""Graphs without a SavedModel: frozen GraphDefs, imported and cut into functions."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from headrace.core.errors import InvalidArgumentError
from headrace.proto.messages import GraphDef, parse
from headrace.saved_model.v1.functions import GraphFunctions
from headrace.saved_model.v1.model import GraphModel
from headrace.saved_model.v1.state import GraphState
from headrace.trace.concrete import ConcreteFunction
from headrace.trace.function import Function

_DEFAULT_SCOPE = "import"
_wrapping = threading.local()
"""While wrap_function runs a Python function: `imported`, the graphs that it has imported so far."""


def import_graph_def(
    graph_def: Any,
    input_map: Mapping[str, Any] | None = None,
    return_elements: Sequence[str] | None = None,
    name: str | None = None,
    op_dict: Any = None,
    producer_op_list: Any = None,
) -> list[Any] | None:
    """Brings the nodes of a GraphDef into the running computation.

    Inside `wrap_function` the graph is only kept, to be cut by `prune`. Anywhere else its nodes run at once, or are traced.

    Args:
        graph_def: a GraphDef, or its bytes.
        input_map: tensors by the names of those that they take the place of, such as 'x:0'.
        return_elements: names of the tensors to return.
        name: what the names of the nodes are prefixed with inside `wrap_function`; 'import' by default, '' for nothing.
        op_dict, producer_op_list: accepted for TensorFlow's sake, without effect.

    Returns:
        The tensors asked for; None inside `wrap_function`.

    Raises:
        DataLossError: the bytes are no GraphDef.
        InvalidArgumentError: a name is not that of a node, a placeholder is needed and not given, or nothing is asked for.
        UnimplementedError: an op is needed that Headrace does not have.
    """
    proto = parse(GraphDef, graph_def, "the graph to import") if isinstance(graph_def, bytes) else graph_def
    imported = getattr(_wrapping, "imported", None)
    if imported is not None and not input_map and return_elements is None:
        imported.append((proto, _DEFAULT_SCOPE if name is None else name.rstrip("/")))
        return None
    if return_elements is None:
        raise InvalidArgumentError(
            "import_graph_def was given no return_elements, so nothing of the graph can be used; name the tensors to return, or"
            " import the graph inside tf.compat.v1.wrap_function and use prune(feeds, fetches)"
        )
    model = _model(proto)
    feeds = dict(input_map or {})
    function = model.prune([key if ":" in key else f"{key}:0" for key in feeds], list(return_elements), name or _DEFAULT_SCOPE)
    result = function(*feeds.values())
    return list(result)


def _model(graph_def: Any) -> GraphModel:
    functions = GraphFunctions(graph_def, "the imported graph")
    return GraphModel(functions, GraphState(functions, ()), ())


def wrap_function(fn: Callable[..., Any], signature: Sequence[Any], name: str | None = None) -> GraphModel | ConcreteFunction:
    """A graph that a Python function builds, as something that can be called or cut.

    Args:
        fn: imports one GraphDef, or computes with the tensors of `signature`.
        signature: TensorSpecs of the arguments of `fn`.
        name: accepted for TensorFlow's sake, without effect.

    Returns:
        For a function that imports a graph, an object with `graph` and `prune(feeds, fetches)`; else what the function computes as
        a ConcreteFunction.

    Raises:
        InvalidArgumentError: two graphs are imported.
        HeadraceError: what `fn` raises, or a graph that contradicts itself.
    """
    if signature:
        return Function(fn, tuple(signature)).get_concrete_function()
    imported: list[tuple[Any, str]] = []
    _wrapping.imported = imported
    try:
        concrete = Function(fn, ()).get_concrete_function()
    finally:
        del _wrapping.imported
    if not imported:
        return concrete
    if len(imported) > 1:
        raise InvalidArgumentError(f"the wrapped function imports {len(imported)} graphs; expected one, so wrap each for itself")
    graph_def, scope = imported[0]
    return _model(_scoped(graph_def, scope) if scope else graph_def)


def _scoped(graph_def: Any, scope: str) -> Any:
    """A copy whose nodes have `scope/` before their names."""
    copy = GraphDef()
    copy.CopyFrom(graph_def)
    for node in copy.node:
        node.name = f"{scope}/{node.name}"
        node.input[:] = [f"^{scope}/{text[1:]}" if text.startswith("^") else f"{scope}/{text}" for text in node.input]
    return copy
