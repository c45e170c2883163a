"""Optional values: what TensorFlow's gradients of branches in loops keep for the iterations in which the branch ran."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.lists import Present, Undefined
from headrace.dispatch.opdef import DTypes, Shapes, op


def _scalar(*_: Any, **__: Any) -> tuple[int, ...]:
    return ()


@op("OptionalFromValue", "components: Toutput_types[] -> optional: variant", shape=_scalar, differentiable=False)
def optional_from_value(components: tuple[Any, ...]) -> Any:
    """The optional with these components."""
    return Present(components)


@op("OptionalNone", " -> optional: variant", shape=_scalar, differentiable=False)
def optional_none() -> Any:
    """The optional without a value."""
    return Undefined()


@op("OptionalHasValue", "optional: variant -> has_value: bool", shape=_scalar, host_only=True, differentiable=False)
def optional_has_value(optional: Any) -> Any:
    """Whether there is a value."""
    return np.bool_(isinstance(optional, Present))


@op(
    "OptionalGetValue",
    "optional: variant -> components: output_types[]",
    shape=lambda optional, *, output_shapes, **_: list(output_shapes),
    differentiable=False,
)
def optional_get_value(optional: Any, *, output_types: DTypes, output_shapes: Shapes) -> Any:
    """The components of an optional.

    Raises:
        InvalidArgumentError: it has no value, or another number of components.
    """
    if not isinstance(optional, Present) or len(optional.components) != len(output_types):
        found = f"{len(optional.components)} components" if isinstance(optional, Present) else "no value"
        raise InvalidArgumentError(f"the optional has {found}; expected {len(output_types)} components")
    return optional.components
