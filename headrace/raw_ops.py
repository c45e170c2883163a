"""tf.raw_ops: every declared op as a function of keyword arguments."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from functools import cache
from typing import Any

from headrace.dispatch.opdef import OpDef, find, registered


def __getattr__(name: str) -> Callable[..., Any]:
    op = None if name.startswith("__") else find(name)
    if op is None:
        raise AttributeError(f"tf.raw_ops has no op {name!r}; docs/ops.md lists the ops that are declared")
    return _wrapper(op)


def __dir__() -> list[str]:
    return sorted(name for name, op in registered().items() if op.exportable)


@cache
def _wrapper(op: OpDef) -> Callable[..., Any]:
    names = [arg.name for arg in op.outputs]
    result_type: Any = namedtuple(op.name.lstrip("_"), names, rename=True) if len(names) > 1 else None

    def raw_op(*, name: str | None = None, **arguments: Any) -> Any:
        inputs, attrs = op.split_arguments((), arguments)
        flat = op.run(inputs, attrs, name)
        if not names:
            return None
        if not any(arg.is_list for arg in op.outputs):
            return flat[0] if result_type is None else result_type(*flat)
        if len(names) == 1:
            return list(flat)
        raise TypeError(f"{op.name} mixes lists and single outputs; call the public function instead")

    raw_op.__name__ = raw_op.__qualname__ = op.name
    raw_op.__doc__ = op.__doc__
    return raw_op
