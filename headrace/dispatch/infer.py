"""Shape inference by trial evaluation.

Each unknown dimension is replaced by a size, twice with different sizes, and the op's kernel is evaluated abstractly
(`jax.eval_shape`). Dimensions on which both trials agree are known; the others are unknown. Small integer tensors are
computed for real in both trials, so `tf.reshape(x, [tf.shape(x)[0], -1])` is understood with no rule of its own.
The sizes have many divisors, so that reshapes by small factors work out. That makes `n % 7`, or `min(n, 100)`, look known;
so the content of integer tensors is computed for two small sizes as well, and counts as known only where those agree too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

from headrace.core.dtypes import DType, string, variant
from headrace.core.errors import HeadraceError, InternalError, InvalidArgumentError
from headrace.core.shapes import SCALAR, UNKNOWN, TensorShape
from headrace.dispatch.opdef import Attrs, OpDef
from headrace.dispatch.unsized import MOST_DIMENSIONS
from headrace.ir.graph import Probe, Probes, Value

SIZES = (14_414_400, 17_297_280)
"""What stands in for an unknown dimension in the two trials."""

SMALL_SIZES = (60, 7)
"""The sizes of the two trials that only check contents."""

_NOTHING = Probe(None)

MOST_CONTENT = 1024
"""Tensors of more elements are not computed during inference."""


SMALLEST_TRIAL = 1_000_000
"""Sizes from here on are taken to derive from an unknown dimension when they do not broadcast."""


def elementwise(*shapes: tuple[int, ...], **_: Any) -> tuple[int, ...]:
    """The shape rule of elementwise ops: broadcasting, where an unknown dimension gives way to a known one.

    Raises:
        ValueError: the shapes do not broadcast.
    """
    result: tuple[int, ...] = ()
    for shape in shapes:
        rank = max(len(result), len(shape))
        left, right = ((1,) * (rank - len(s)) + s for s in (result, shape))
        result = tuple(_broadcast_trial(a, b, shapes) for a, b in zip(left, right, strict=True))
    return result


def _broadcast_trial(a: int, b: int, shapes: tuple[tuple[int, ...], ...]) -> int:
    if a == b or b == 1:
        return a
    if a == 1:
        return b
    if max(a, b) >= SMALLEST_TRIAL:
        return min(a, b)
    raise ValueError(
        f"shapes {' and '.join(str(TensorShape(s)) for s in shapes)} do not broadcast: {a} and {b} differ, neither is 1"
    )


class Inferred(NamedTuple):
    """What is known of one output."""

    dtype: DType
    shape: TensorShape
    probes: Probes


def probes_of(shape: TensorShape) -> Probes:
    """The two trials of a value of which the static shape alone is known."""
    if shape.rank is None:
        return (_NOTHING, _NOTHING, _NOTHING, _NOTHING)
    first, second = (tuple(size if d is None else d for d in shape) for size in SIZES)
    return (Probe(first), Probe(second), _NOTHING, _NOTHING)


def content_probes(array: np.ndarray[Any, Any]) -> Probes:
    """The trials of a constant."""
    probe = Probe(array.shape, array if array.size <= MOST_CONTENT and array.dtype.kind != "O" else None)
    return (probe, probe, probe, probe)


def constant_value(value: Value) -> np.ndarray[Any, Any] | None:
    """The content of a graph value where inference knows it, else None."""
    if value.probes is None:
        return None
    first, second = value.probes[0].content, value.probes[1].content
    if first is None or second is None or first.shape != second.shape or not np.array_equal(first, second):
        return None
    return first


class Unknown(Exception):
    """Raised inside a trial when an input needed for the shape is not known."""


_cache: dict[Any, tuple[Inferred, ...]] = {}


def infer(op: OpDef, inputs: Sequence[Value], complete: Mapping[str, Any]) -> tuple[Inferred, ...]:
    """Dtypes, shapes and trials of an op's outputs.

    Args:
        op: the op.
        inputs: its flat inputs in a graph.
        complete: every attribute (see `resolve_types`).

    Raises:
        InvalidArgumentError: the inputs do not fit the op.
    """
    attrs = op.kernel_attrs(complete)
    trials = [value.probes or probes_of(value.shape) for value in inputs]
    elements = [probes_of(v.element[1]) if v.element else None for v in inputs]
    key = (
        op.name,
        attrs.key,
        tuple(complete[a.name] for a in op.attrs.values() if a.implied),
        tuple((v.dtype, *map(_trial_key, t), v.element) for v, t in zip(inputs, trials, strict=True)),
    )
    found = _cache.get(key)
    if found is None:
        found = _infer(op, inputs, complete, attrs, trials, elements)
        if len(_cache) > 65536:
            _cache.clear()
        _cache[key] = found
    return found


def _trial_key(probe: Probe) -> Any:
    return probe.shape, None if probe.content is None else (probe.content.dtype.str, probe.content.tobytes())


def _infer(
    op: OpDef,
    inputs: Sequence[Value],
    complete: Mapping[str, Any],
    attrs: Attrs,
    trials: Sequence[Probes],
    elements: Sequence[Probes | None],
) -> tuple[Inferred, ...]:
    declared = [dtype for _, dtype in op.flat_args(op.outputs, complete)]
    certain = all(_trial_key(t[0]) == _trial_key(t[1]) for t in trials) and all(value.shape.is_fully_defined() for value in inputs)
    results: list[list[Probe]] = []
    for side in (0,) if certain else (0, 1):
        arguments = [_abstract(v, t[side], e[side] if e else None) for v, t, e in zip(inputs, trials, elements, strict=True)]
        try:
            results.append(_trial(op, complete, attrs, arguments, declared))
        except Unknown:
            results.append([Probe(None)] * len(declared))
        except (HeadraceError, TypeError, ValueError, IndexError, ZeroDivisionError, OverflowError) as error:
            if certain:
                raise _named(op, inputs, error) from None
            # The sizes of the trials may not go together (a window larger than an image) where those of a run will.
            results.append(_without_sizes(op, complete, attrs, arguments) or [Probe(None)] * len(declared))
    # A dimension that depends on data: each trial gets its own size, so that it counts as unknown.
    results = [[_sized(p, side) for p in results[min(side, len(results) - 1)]] for side in (0, 1)]
    if certain:
        checks = [results[0], results[0]]
    else:
        checks = [_check(op, complete, attrs, trials, side, len(declared)) for side in (0, 1)]
    probes = [_reconciled(p) for p in zip(results[0], results[-1], *checks, strict=True)]
    shapes = [SCALAR if d is variant else _agreement(p[0], p[1]) for d, p in zip(declared, probes, strict=True)]
    return tuple(map(Inferred, declared, shapes, probes))


def _sized(probe: Probe, side: int) -> Probe:
    if probe.shape is None or None not in probe.shape:
        return probe
    return Probe(tuple(SIZES[side] if d is None else d for d in probe.shape))


def _check(op: OpDef, complete: Mapping[str, Any], attrs: Attrs, trials: Sequence[Probes], side: int, count: int) -> list[Probe]:
    """The contents of the outputs for a small size, where they can be told."""
    arguments: list[Any] = [t[2 + side].content for t in trials]
    kernel = op.host
    if op.metadata:
        kernel = op.kernel
        arguments = [_shrunk(t, SMALL_SIZES[side]) for t in trials]
    if kernel is None or any(a is None for a in arguments):
        return [_NOTHING] * count
    try:
        return [_content(r)._replace(shape=None) for r in as_tuple(kernel(*op.group(arguments, complete), **attrs))]
    except (HeadraceError, TypeError, ValueError, IndexError, ZeroDivisionError, OverflowError):
        return [_NOTHING] * count


def _shrunk(trial: Probes, size: int) -> Any:
    """A shape in which the dimensions that differ between the trials are made small."""
    first, second = trial[0].shape, trial[1].shape
    if first is None or second is None or len(first) != len(second):
        return None
    return _StringStruct(tuple(a if a == b else max(a * size // SIZES[0], 1) for a, b in zip(first, second, strict=True)))


def _reconciled(probes: Probes) -> Probes:
    """Without its content where an element on which both large trials agree comes out otherwise for a small size."""
    first, second = probes[0].content, probes[1].content
    if first is None or second is None or first.shape != second.shape:
        return probes
    same = first == second
    for check in (probes[2].content, probes[3].content):
        if check is not None and (check.shape != first.shape or bool(np.any((check != first) & same))):
            return (probes[0]._replace(content=None), probes[1]._replace(content=None), _NOTHING, _NOTHING)
    return probes


def _named(op: OpDef, inputs: Sequence[Any], error: Exception) -> Exception:
    """The error itself when it names its op or is no complaint about arguments, else one that does."""
    if isinstance(error, HeadraceError) and (getattr(error, "op", None) or not isinstance(error, InvalidArgumentError)):
        return error
    return explain(op, inputs, error)


def explain(op: OpDef, inputs: Sequence[Any], error: Exception) -> InvalidArgumentError:
    """A kernel's complaint as an error that names the op and what it was given."""
    given = ", ".join(f"{t.dtype.name}{t.shape}" for t in inputs)
    return InvalidArgumentError(f"{op.name} does not accept its inputs ({given}): {error}", op=op.name)


def _abstract(value: Value, probe: Probe, element: Probe | None) -> Any:
    """What a trial passes for an input: the content where known, else a shape and dtype; None when not even that."""
    if value.element is not None and element is not None:
        return None if element.shape is None else jax.ShapeDtypeStruct(element.shape, value.element[0].np_dtype)
    if probe.content is not None:
        return probe.content
    if probe.shape is None:
        return None
    return (
        _StringStruct(probe.shape) if value.dtype.np_dtype.kind == "O" else jax.ShapeDtypeStruct(probe.shape, value.dtype.np_dtype)
    )


class _StringStruct(NamedTuple):
    """The shape of a tensor that JAX cannot represent."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any] = np.dtype(object)


def _trial(op: OpDef, complete: Mapping[str, Any], attrs: Attrs, arguments: list[Any], declared: Sequence[DType]) -> list[Probe]:
    known = all(isinstance(a, np.ndarray) for a in arguments)
    if op.host is not None and known:
        if op.shape is not None and any(map(_holds_trial, arguments)):
            shapes = _by_rule(op, attrs, arguments, complete)
            if any(p.shape is not None and None not in p.shape and math.prod(p.shape) > MOST_CONTENT for p in shapes):
                return shapes  # of the size of a trial: nothing that could be made to look at
        return [_content(r) for r in as_tuple(op.host(*op.group(arguments, complete), **attrs))]
    if any(a is None for a in arguments):
        raise Unknown
    statics = op.static_positions(op.list_lengths(complete))
    if any(not isinstance(arguments[i], np.ndarray) for i in statics):
        found = _without_sizes(op, complete, attrs, arguments)
        if found is None:
            raise Unknown
        return found
    if op.metadata:
        return [_content(np.asarray(r)) for r in as_tuple(op.kernel(*op.group(arguments, complete), **attrs))]
    if op.shape is not None:
        return _by_rule(op, attrs, arguments, complete)
    if op.host_only:
        raise Unknown
    known_too = {i for i in op.known if isinstance(arguments[i], np.ndarray)}
    return _evaluate(op, complete, attrs, arguments, statics | known_too, declared)


MOST_CONTENT = 1 << 16
"""The content of a larger tensor is not looked at."""


def _holds_trial(argument: Any) -> bool:
    """True where the content of an input has the size of an unknown dimension."""
    return argument.dtype.kind in "iu" and 0 < argument.size <= MOST_DIMENSIONS and int(argument.max()) >= SMALLEST_TRIAL


def _by_rule(op: OpDef, attrs: Attrs, arguments: Sequence[Any], complete: Mapping[str, Any]) -> list[Probe]:
    """What the op's own shape rule says."""
    assert op.shape is not None
    statics = op.static_positions(op.list_lengths(complete))
    described = [a if i in statics else _described(a, i in op.known) for i, a in enumerate(arguments)]
    return _probes(op.shape(*op.group(described, complete), **attrs))


def _without_sizes(op: OpDef, complete: Mapping[str, Any], attrs: Attrs, arguments: Sequence[Any]) -> list[Probe] | None:
    """What the op's rule says that needs no sizes; None where it has none."""
    if op.unsized is None or any(a is None for a in arguments):
        return None
    try:
        return _probes(op.unsized(*op.group(list(arguments), complete), **attrs))
    except (TypeError, ValueError, IndexError):  # inputs of a rank that the op does not take: a run will say so
        return None


def _probes(shapes: Any) -> list[Probe]:
    return [Probe(None if s is None else tuple(s)) for s in (shapes if isinstance(shapes, list) else [shapes])]


def _described(argument: Any, wants_value: bool) -> Any:
    """What a shape rule gets of an input: its shape, or where it wants the value this, if it is known."""
    if wants_value:
        return argument if isinstance(argument, np.ndarray) else None
    return tuple(argument.shape)


def _evaluate(
    op: OpDef,
    complete: Mapping[str, Any],
    attrs: Attrs,
    arguments: list[Any],
    static_positions: frozenset[int],
    declared: Sequence[DType],
) -> list[Probe]:
    dynamic = [_standing_in(a) for i, a in enumerate(arguments) if i not in static_positions]
    statics = {i: arguments[i] for i in static_positions}
    key = [jax.ShapeDtypeStruct((2,), np.uint32)] if op.random else []
    outputs = jax.eval_shape(partial(run_kernel, op, complete, attrs, statics), *key, *dynamic)
    results = jax.tree_util.tree_leaves(outputs)[len(op.updates) :]
    for result, dtype in zip(results, declared, strict=True):
        if dtype is not string and result.dtype != dtype.np_dtype:
            raise InternalError(f"the kernel of {op.name} returned {result.dtype}; its declaration says {dtype.name}", op=op.name)
    return [Probe(tuple(r.shape)) for r in results]


def _standing_in(argument: Any) -> Any:
    """What JAX sees of a tensor: kernels that move elements about treat strings, which it lacks, like bytes."""
    return jax.ShapeDtypeStruct(argument.shape, np.uint8) if isinstance(argument, _StringStruct) else argument


def run_kernel(op: OpDef, complete: Mapping[str, Any], attrs: Attrs, statics: Mapping[int, Any], *dynamic: Any) -> Any:
    """Calls a kernel: static inputs put back in place, lists grouped; a random op's key comes first in `dynamic`."""
    key, dynamic = (dynamic[:1], dynamic[1:]) if op.random else ((), dynamic)
    flat: Sequence[Any] = dynamic
    if statics:
        rest = iter(dynamic)
        flat = [statics[i] if i in statics else next(rest) for i in range(len(statics) + len(dynamic))]
    return op.kernel(*key, *op.group(flat, complete), **attrs)


def as_tuple(result: Any) -> tuple[Any, ...]:
    """A kernel's result as a flat tuple."""
    if not isinstance(result, tuple | list):
        return (result,)
    return tuple(leaf for item in result for leaf in (item if isinstance(item, tuple | list) else (item,)))


def _content(result: Any) -> Probe:
    array = np.asarray(result)
    return Probe(array.shape, array if array.size <= MOST_CONTENT and array.dtype.kind != "O" else None)


def _agreement(a: Probe, b: Probe) -> TensorShape:
    if a.shape is None or b.shape is None or len(a.shape) != len(b.shape):
        return UNKNOWN
    return TensorShape([x if x == y else None for x, y in zip(a.shape, b.shape, strict=True)])
