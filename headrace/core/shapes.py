"""TensorShape: a static shape in which the rank, or any dimension, may be unknown (None)."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

Dims = tuple[int | None, ...]


class TensorShape:
    """A static shape. `dims` is a tuple of ints and Nones, or None when the rank is unknown."""

    __slots__ = ("_dims",)

    def __init__(self, dims: Any) -> None:
        """Takes a TensorShape, an iterable of dimensions (int or None), an int (a vector), or None.

        Raises:
            TypeError: a dimension is neither an integer nor None.
            ValueError: a dimension is negative.
        """
        self._dims: Dims | None
        if dims is None:
            self._dims = None
        elif isinstance(dims, TensorShape):
            self._dims = dims._dims
        elif isinstance(dims, Iterable):
            self._dims = tuple(_dimension(d) for d in dims)
        else:
            self._dims = (_dimension(dims),)

    @property
    def rank(self) -> int | None:
        """The number of dimensions, None if unknown."""
        return None if self._dims is None else len(self._dims)

    @property
    def ndims(self) -> int | None:
        """The same as `rank`."""
        return self.rank

    @property
    def dims(self) -> list[int | None] | None:
        """The dimensions as a list, None when the rank is unknown."""
        return None if self._dims is None else list(self._dims)

    def as_tuple(self) -> Dims:
        """The dimensions, unknown ones as None.

        Raises:
            ValueError: the rank is unknown.
        """
        if self._dims is None:
            raise ValueError("the rank of this TensorShape is unknown; expected a shape of known rank")
        return self._dims

    def as_list(self) -> list[int | None]:
        """The dimensions as a list.

        Raises:
            ValueError: the rank is unknown.
        """
        return list(self.as_tuple())

    def concrete(self) -> tuple[int, ...]:
        """The dimensions when all are known.

        Raises:
            ValueError: any dimension is unknown.
        """
        if not self.is_fully_defined():
            raise ValueError(f"shape {self} is not fully defined; expected every dimension to be known")
        return self._dims  # type: ignore[return-value]

    def is_fully_defined(self) -> bool:
        """True when the rank and every dimension are known."""
        return self._dims is not None and None not in self._dims

    def num_elements(self) -> int | None:
        """The product of the dimensions, None when any is unknown."""
        if self._dims is None:
            return None
        product = 1
        for dim in self._dims:
            if dim is None:
                return None
            product *= dim
        return product

    def with_rank(self, rank: int) -> TensorShape:
        """This shape, checked to have `rank` dimensions (filled in when unknown)."""
        return self.merge_with([None] * rank)

    def with_rank_at_least(self, rank: int) -> TensorShape:
        """This shape, checked to have at least `rank` dimensions where its rank is known."""
        if self.rank is not None and self.rank < rank:
            raise ValueError(f"shape {self} has rank {self.rank}; expected at least {rank}")
        return self

    def with_rank_at_most(self, rank: int) -> TensorShape:
        """This shape, checked to have at most `rank` dimensions where its rank is known."""
        if self.rank is not None and self.rank > rank:
            raise ValueError(f"shape {self} has rank {self.rank}; expected at most {rank}")
        return self

    def merge_with(self, other: Any) -> TensorShape:
        """The shape that combines what this one and `other` know.

        Raises:
            ValueError: the two contradict each other.
        """
        that = as_shape(other)
        if self._dims is None:
            return that
        if that._dims is None:
            return self
        if not self.is_compatible_with(that):
            raise ValueError(f"shapes {self} and {that} are not compatible")
        return TensorShape([b if a is None else a for a, b in zip(self._dims, that._dims, strict=True)])

    def concatenate(self, other: Any) -> TensorShape:
        """This shape followed by `other`; unknown when either rank is."""
        that = as_shape(other)
        return TensorShape(None) if self._dims is None or that._dims is None else TensorShape(self._dims + that._dims)

    def is_compatible_with(self, other: Any) -> bool:
        """True when some concrete shape fits both."""
        that = as_shape(other)
        if self._dims is None or that._dims is None:
            return True
        return len(self._dims) == len(that._dims) and all(
            a is None or b is None or a == b for a, b in zip(self._dims, that._dims, strict=True)
        )

    def admits(self, sizes: tuple[int, ...]) -> bool:
        """True for the `shape` of an array that fits this one."""
        dims = self._dims
        return dims is None or (
            len(dims) == len(sizes) and all(dim is None or dim == size for dim, size in zip(dims, sizes, strict=True))
        )

    def is_subtype_of(self, other: Any) -> bool:
        """True when every concrete shape of this one is also one of `other`."""
        that = as_shape(other)
        if that._dims is None:
            return True
        if self._dims is None or len(self._dims) != len(that._dims):
            return False
        return all(b is None or a == b for a, b in zip(self._dims, that._dims, strict=True))

    def most_general(self, other: Any) -> TensorShape:
        """The narrowest shape that both this one and `other` are subtypes of."""
        that = as_shape(other)
        if self._dims is None or that._dims is None or len(self._dims) != len(that._dims):
            return TensorShape(None)
        return TensorShape([a if a == b else None for a, b in zip(self._dims, that._dims, strict=True)])

    def assert_is_compatible_with(self, other: Any) -> None:
        """Raises ValueError unless some concrete shape fits both."""
        if not self.is_compatible_with(other):
            raise ValueError(f"shapes {self} and {as_shape(other)} are not compatible")

    def assert_has_rank(self, rank: int) -> None:
        """Raises ValueError unless the rank is `rank` or unknown."""
        if self.rank not in (None, rank):
            raise ValueError(f"shape {self} has rank {self.rank}; expected rank {rank}")

    @overload
    def __getitem__(self, key: int) -> int | None: ...
    @overload
    def __getitem__(self, key: slice) -> TensorShape: ...
    def __getitem__(self, key: int | slice) -> int | None | TensorShape:
        if self._dims is None:
            return TensorShape(None) if isinstance(key, slice) else None
        return TensorShape(self._dims[key]) if isinstance(key, slice) else self._dims[key]

    def __len__(self) -> int:
        return len(self.as_tuple())

    def __iter__(self) -> Iterator[int | None]:
        return iter(self.as_tuple())

    def __bool__(self) -> bool:
        return self._dims is not None

    def __add__(self, other: Any) -> TensorShape:
        return self.concatenate(other)

    def __radd__(self, other: Any) -> TensorShape:
        return as_shape(other).concatenate(self)

    def __eq__(self, other: object) -> bool:
        try:
            return self._dims == as_shape(other)._dims
        except (TypeError, ValueError):
            return False

    def __hash__(self) -> int:
        return hash(self._dims)

    def __repr__(self) -> str:
        return f"TensorShape({None if self._dims is None else list(self._dims)})"

    def __str__(self) -> str:
        if self._dims is None:
            return "<unknown>"
        return "(" + ", ".join(str(d) for d in self._dims) + ("," if len(self._dims) == 1 else "") + ")"

    def __reduce__(self) -> tuple[Any, ...]:
        return TensorShape, (self._dims,)


UNKNOWN = TensorShape(None)
SCALAR = TensorShape(())
SCALAR = TensorShape(())


def _dimension(value: Any) -> int | None:
    if value is None or (type(value) is int and value >= 0):
        return value
    try:
        dim = operator.index(value)
    except TypeError:
        raise TypeError(f"dimension {value!r} is a {type(value).__name__}; expected an integer or None") from None
    if dim < 0:
        raise ValueError(f"dimension {dim} is negative; expected 0 or more, or None for an unknown one")
    return dim


def as_shape(value: Any) -> TensorShape:
    """`value` as a TensorShape; see TensorShape.__init__ for what is taken."""
    return value if isinstance(value, TensorShape) else TensorShape(value)


def broadcast_dims(a: Sequence[int | None], b: Sequence[int | None]) -> Dims:
    """The broadcast of two shapes of known rank, unknown dimensions included.

    Raises:
        ValueError: two known dimensions differ and neither is 1.
    """
    size = max(len(a), len(b))
    left = (1,) * (size - len(a)) + tuple(a)
    right = (1,) * (size - len(b)) + tuple(b)
    return tuple(_broadcast_dim(x, y, a, b) for x, y in zip(left, right, strict=True))


def _broadcast_dim(x: int | None, y: int | None, a: Sequence[int | None], b: Sequence[int | None]) -> int | None:
    if x == y or y == 1:
        return x
    if x == 1:
        return y
    if x is None or y is None:
        return y if x is None else x
    raise ValueError(f"shapes {TensorShape(a)} and {TensorShape(b)} do not broadcast: {x} and {y} differ and neither is 1")


def broadcast_static_shape(shape_x: Any, shape_y: Any) -> TensorShape:
    """The shape of an elementwise operation on two static shapes.

    Raises:
        ValueError: they do not broadcast.
    """
    x, y = as_shape(shape_x), as_shape(shape_y)
    if x.rank is None or y.rank is None:
        return UNKNOWN
    return TensorShape(broadcast_dims(x.as_tuple(), y.as_tuple()))
