"""Runs one node on numpy arrays, as the compiled graph would."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from headrace.core.errors import HeadraceError
from headrace.dispatch.infer import as_tuple, run_kernel
from headrace.dispatch.opdef import OpDef, get
from headrace.ir.graph import Node

Arrays = tuple[np.ndarray[Any, Any], ...]


def evaluate(node: Node, arguments: Sequence[np.ndarray[Any, Any]]) -> Arrays | None:
    """The outputs of a pure node, or None where its kernel objects to the inputs.

    The objection is raised, with its place, when the graph runs; a node that is never reached must not raise at all.
    """
    op = get(node.op)
    try:
        with np.errstate(all="ignore"):
            results = tuple(map(np.asarray, _results(op, node, arguments)))
    except (HeadraceError, TypeError, ValueError, IndexError, ZeroDivisionError, OverflowError):
        return None
    expected = [value.dtype.np_dtype for value in node.outputs]
    return results if [result.dtype for result in results] == expected else None


def _results(op: OpDef, node: Node, arguments: Sequence[np.ndarray[Any, Any]]) -> tuple[Any, ...]:
    attrs = op.kernel_attrs(node.attrs)
    on_host = op.kernel if op.metadata or op.host_only else op.host
    if on_host is not None:
        return as_tuple(on_host(*op.group(arguments, node.attrs), **attrs))
    declared = [arg for arg, _ in op.flat_args(op.inputs, node.attrs)]
    statics = {i: a for i, a in enumerate(arguments) if op.inputs.index(declared[i]) in op.static}
    dynamic = [a for i, a in enumerate(arguments) if i not in statics]
    with jax.ensure_compile_time_eval(), jax.default_device(jax.local_devices(backend="cpu")[0]):
        return as_tuple(run_kernel(op, node.attrs, attrs, statics, *dynamic))
