"""tf.cond, tf.case and tf.switch_case: Python branches eagerly, nodes in a graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from headrace.core import dtypes, nest
from headrace.core.errors import InvalidArgumentError
from headrace.core.spec import CompositeTensor
from headrace.dispatch import context
from headrace.dispatch.composite import IndexedSlices
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import EagerTensor, Tensor
from headrace.ops.host.assertions import assert_true
from headrace.trace.control.bodies import Body, align, trace
from headrace.trace.control.conditional import conditional
from headrace.trace.control.leaves import as_variable, covering, flows, rewrapped

Branch = Callable[[], Any]


def cond(pred: Any, true_fn: Branch | None = None, false_fn: Branch | None = None, name: str | None = None) -> Any:
    """`true_fn()` where `pred` holds, else `false_fn()`.

    Args:
        pred: a bool scalar.
        true_fn: takes nothing; returns tensors in any structure.
        false_fn: likewise, of the same structure and dtypes.
        name: for the node.

    Raises:
        TypeError: a function is missing, or what the two return differs in structure or dtype.
    """
    for what, function in (("true_fn", true_fn), ("false_fn", false_fn)):
        if not callable(function):
            raise TypeError(f"{what} of tf.cond must be callable; got {function!r} ({type(function).__name__})")
    assert true_fn is not None
    assert false_fn is not None
    if isinstance(pred, bool):
        return true_fn() if pred else false_fn()
    predicate = convert_to_tensor(pred)
    if isinstance(predicate, EagerTensor):
        return true_fn() if bool(predicate) else false_fn()
    if predicate.dtype is not dtypes.bool_:
        raise TypeError(f"pred of tf.cond must be a bool; got {predicate.dtype.name}; compare it or use tf.cast")
    if predicate.shape.rank not in (None, 0):
        raise InvalidArgumentError(
            f"pred of tf.cond must be a scalar; got shape {predicate.shape}; use tf.reduce_any or tf.reduce_all"
        )
    return _staged(predicate, [("cond_false", false_fn), ("cond_true", true_fn)], name, "tf.cond")


def _staged(selector: Tensor, functions: Sequence[tuple[str, Branch]], name: str | None, what: str) -> Any:
    """Traces the branches, last one first as Python reads them, and adds the node."""
    order = list(functions) if what != "tf.cond" else list(reversed(functions))
    traced = [_trace(graph_name, function) for graph_name, function in order]
    structures, bodies = [t[0] for t in traced], [t[1] for t in traced]
    structures = _with_like_indices(structures, bodies)
    specs = [leaf.type_spec if isinstance(leaf, CompositeTensor) else None for leaf in nest.flatten(structures[0])]
    for structure, body in zip(structures[1:], bodies[1:], strict=True):
        specs = _merged(what, specs, structures[0], bodies[0], structure, body)
    branches = bodies if what != "tf.cond" else list(reversed(bodies))
    inputs = align(branches)
    outputs = iter(conditional(selector, branches, inputs, case=what != "tf.cond"))
    leaves = nest.flatten(structures[0])
    flat = [
        None if leaf is None else rewrapped(leaf, [next(outputs) for _ in flows(leaf)], spec)
        for leaf, spec in zip(leaves, specs, strict=True)
    ]
    return nest.pack_sequence_as(structures[0], flat)


def _trace(name: str, function: Branch) -> tuple[Any, Body]:
    def flat() -> tuple[Any, list[Tensor]]:
        result = function()
        structure = nest.map_structure(lambda leaf: None if leaf is None else as_variable(leaf), result)
        return structure, [tensor for leaf in nest.flatten(structure) if leaf is not None for tensor in flows(leaf)]

    return trace(name, flat)


def _with_like_indices(structures: list[Any], bodies: Sequence[Body]) -> list[Any]:
    """The branches' results, with int64 indices where branches give IndexedSlices of several types at the same place."""
    flat = [nest.flatten(structure) for structure in structures]
    if len({len(leaves) for leaves in flat}) != 1:
        return structures
    ports = [0] * len(bodies)
    for place, column in enumerate(zip(*flat, strict=True)):
        if all(isinstance(leaf, IndexedSlices) for leaf in column) and len({leaf.indices.dtype for leaf in column}) > 1:
            for leaves, leaf, body, port in zip(flat, column, bodies, ports, strict=True):
                with context.using(body.builder, tapes=(body.builder.log,)):
                    wide = body.builder.adopt(get("Cast")(leaf.indices, DstT=dtypes.int64))
                body.outputs[port + 1] = wide
                body.seal()
                leaves[place] = IndexedSlices(leaf.values, wide, leaf.dense_shape)
        ports = [port + (0 if leaf is None else len(flows(leaf))) for port, leaf in zip(ports, column, strict=True)]
    return [nest.pack_sequence_as(structure, leaves) for structure, leaves in zip(structures, flat, strict=True)]


def _merged(what: str, specs: list[Any], first: Any, first_body: Body, second: Any, second_body: Body) -> list[Any]:
    """The specs of the leaves that are sparse or ragged, wide enough for another branch; None for other leaves.

    Raises:
        TypeError: the branches return different structures, dtypes or kinds of tensors.
    """
    try:
        nest.assert_same_structure(first, second)
    except (TypeError, ValueError) as error:
        raise TypeError(f"the branches of {what} must return the same structure: {error}") from None
    merged = []
    for spec, one, two in zip(specs, nest.flatten(first), nest.flatten(second), strict=True):
        if (one is None) is not (two is None):
            raise TypeError(f"a branch of {what} returns None where another returns a tensor; return tensors from all of them")
        if one is not None and one.dtype is not two.dtype:
            raise TypeError(
                f"the branches of {what} return {one.dtype.name} (@{first_body.graph.name}) and {two.dtype.name}"
                f" (@{second_body.graph.name}) at the same place; expected one dtype; use tf.cast"
            )
        try:
            covered = None if one is None else covering(one, two)
        except TypeError as error:
            raise TypeError(f"the branches of {what} return different kinds of tensors: {error}") from None
        merged.append(None if covered is None else spec.most_general(covered))
    return merged


def switch_case(branch_index: Any, branch_fns: Any, default: Branch | None = None, name: str | None = None) -> Any:
    """The result of the function that `branch_index` chooses.

    Args:
        branch_index: an int32 scalar.
        branch_fns: functions in order; or pairs of int and function, or a dict of them, for 0..n-1 in any order.
        default: for an index out of range; the last function when None.
        name: for the node.

    Raises:
        TypeError, ValueError: the functions are not callable, or their numbers are not 0..n-1.
    """
    functions = _numbered(branch_fns)
    if default is not None:
        if not callable(default):
            raise TypeError(f"default of tf.switch_case must be callable; got {default!r}")
        functions = [*functions, default]
    index = convert_to_tensor(branch_index, dtype_hint=dtypes.int32)
    if isinstance(index, EagerTensor):
        chosen = int(index)
        return functions[chosen if 0 <= chosen < len(functions) else -1]()
    if index.dtype is not dtypes.int32:
        raise TypeError(f"branch_index of tf.switch_case must be int32; got {index.dtype.name}; use tf.cast")
    if len(functions) == 1:
        return functions[0]()
    return _staged(index, [(f"switch_case_{i}", f) for i, f in enumerate(functions)], name, "tf.switch_case")


def _numbered(branch_fns: Any) -> list[Branch]:
    if not isinstance(branch_fns, list | tuple | dict) or not branch_fns:
        raise TypeError(f"branch_fns must be a list of functions, pairs of int and function, or a dict; got {branch_fns!r}")
    items = list(branch_fns.items()) if isinstance(branch_fns, dict) else list(branch_fns)
    if callable(items[0]):
        items = list(enumerate(items))
    if any(not isinstance(item, tuple) or len(item) != 2 for item in items):
        raise TypeError(f"branch_fns must hold functions, or pairs of int and function; got {branch_fns!r}")
    for key, function in items:
        if not isinstance(key, int):
            raise TypeError(f"the keys of branch_fns must be Python ints; got {key!r} ({type(key).__name__})")
        if not callable(function):
            raise TypeError(f"branch {key} of branch_fns must be callable; got {function!r}")
    if sorted(key for key, _ in items) != list(range(len(items))):
        raise ValueError(f"the keys of branch_fns must be 0..{len(items) - 1}; got {sorted(key for key, _ in items)}")
    return [function for _, function in sorted(items, key=lambda item: item[0])]


def case(
    pred_fn_pairs: Sequence[tuple[Any, Branch]] | Mapping[Any, Branch],
    default: Branch | None = None,
    exclusive: bool = False,
    strict: bool = False,
    name: str | None = None,
) -> Any:
    """The result of the first function whose predicate holds.

    Args:
        pred_fn_pairs: pairs of a bool scalar and a function.
        default: when none holds; without it the last function runs, and none holding is an error eagerly.
        exclusive: at most one predicate may hold.
        strict: kept for TensorFlow's signature.
        name: for the node.

    Raises:
        TypeError: a pair is malformed.
        InvalidArgumentError: eagerly, no predicate or more than one (with `exclusive`) holds.
    """
    pairs = list(pred_fn_pairs.items()) if isinstance(pred_fn_pairs, Mapping) else list(pred_fn_pairs)
    for pair in pairs:
        if not isinstance(pair, tuple) or len(pair) != 2 or not callable(pair[1]):
            raise TypeError(f"pred_fn_pairs must hold pairs of a bool scalar and a function; got {pair!r}")
    if not pairs:
        raise TypeError("pred_fn_pairs must hold at least one pair of a bool scalar and a function")
    predicates = [convert_to_tensor(pred.deref() if hasattr(pred, "deref") else pred, dtypes.bool_) for pred, _ in pairs]
    if exclusive or default is None:
        _check_case(predicates, exclusive, needs_one=default is None)
    remaining = list(zip(predicates, (function for _, function in pairs), strict=True))
    last = default
    if last is None:
        last = remaining.pop()[1]
    for predicate, function in reversed(remaining):
        last = _either(predicate, function, last)
    return last()


def _either(predicate: Tensor, function: Branch, otherwise: Branch) -> Branch:
    return lambda: cond(predicate, function, otherwise)


def _check_case(predicates: Sequence[Tensor], exclusive: bool, *, needs_one: bool) -> None:
    if all(isinstance(p, EagerTensor) for p in predicates) and context.executing_eagerly():
        true = [i for i, p in enumerate(predicates) if bool(p)]
        if exclusive and len(true) > 1:
            raise InvalidArgumentError(f"tf.case with exclusive=True: predicates {true} hold at once; expected at most one")
        if needs_one and not true:
            raise InvalidArgumentError(f"tf.case: none of the {len(predicates)} predicates holds and there is no default")
        return
    holding = get("Sum")(get("Cast")(get("Pack")(list(predicates)), DstT=dtypes.int32), 0)
    if exclusive:
        assert_true(get("LessEqual")(holding, 1), ["tf.case with exclusive=True: several predicates hold:", *predicates])
    if needs_one:
        assert_true(get("GreaterEqual")(holding, 1), ["tf.case: no predicate holds and there is no default:", *predicates])
