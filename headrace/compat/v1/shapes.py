"""tf.compat.v1.Dimension: a size of a shape as an object."""

from __future__ import annotations

from typing import Any


class Dimension:
    """A size, or None where it is unknown. Shapes hold plain ints; this is for what was written for TensorFlow 1.

    Args:
        value: an int of 0 or more, another Dimension, or None.

    Raises:
        TypeError: it is none of these.
        ValueError: it is negative.
    """

    def __init__(self, value: Any) -> None:
        size = value.value if isinstance(value, Dimension) else value
        if size is not None:
            if isinstance(size, bool) or not hasattr(size, "__index__"):
                raise TypeError(f"a dimension is an int or None; got {value!r} ({type(value).__name__})")
            size = size.__index__()
            if size < 0:
                raise ValueError(f"a dimension is 0 or more; got {size}")
        self.value: int | None = size

    def __eq__(self, other: object) -> bool | None:  # type: ignore[override]
        size = other.value if isinstance(other, Dimension) else other
        return None if self.value is None or size is None else self.value == size

    def __hash__(self) -> int:
        return hash(self.value)

    def __int__(self) -> int:
        return self.__index__()

    def __index__(self) -> int:
        if self.value is None:
            raise TypeError("the size of this dimension is unknown")
        return self.value

    def __repr__(self) -> str:
        return f"Dimension({self.value})"
