"""tf.experimental.dtensor: the few names that libraries touch when they are imported; arrays are distributed by tf.distribute."""

from __future__ import annotations

from typing import Any, NoReturn

from headrace.core.errors import UnimplementedError

UNSHARDED = "unsharded"
"""The mark of a dimension that is not divided over devices."""


def create_distributed_mesh(mesh_dims: Any, *args: Any, **kwargs: Any) -> NoReturn:
    """Refused: Headrace has no DTensor.

    Raises:
        UnimplementedError: always.
    """
    raise UnimplementedError(f"a DTensor mesh {mesh_dims!r} was asked for, but Headrace has no DTensor; use tf.distribute")


class Layout:
    """Refused: Headrace has no DTensor."""

    def __init__(self, sharding_specs: Any = None, mesh: Any = None) -> None:
        """Refused.

        Raises:
            UnimplementedError: always.
        """
        raise UnimplementedError(f"a DTensor layout {sharding_specs!r} was asked for, but Headrace has none; use tf.distribute")
