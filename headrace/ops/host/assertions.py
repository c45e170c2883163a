"""Assertions: checked when the program gets there, before the effects that follow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from headrace.core.dtypes import DType, as_dtype, float32
from headrace.core.errors import InvalidArgumentError
from headrace.core.shapes import TensorShape
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get, op
from headrace.dispatch.tensor import Tensor
from headrace.ops.array.identity import check_numerics
from headrace.ops.array.portable import static_value
from headrace.ops.strings.formatting import summary


@op("Assert", "condition: bool, data: T[] -> ", stateful=True, host_only=True, differentiable=False)
def assert_op(condition: Any, data: tuple[Any, ...], *, summarize: int = 3) -> tuple[()]:
    """Raises InvalidArgumentError with the data when the condition is false."""
    if not np.asarray(condition).all():
        texts = " ".join(_text(np.asarray(item), summarize) for item in data)
        raise InvalidArgumentError(f"assertion failed: {texts}", op="Assert")
    return ()


def _text(item: Any, summarize: int) -> str:
    """A scalar string as it is, anything else as tf.print shows it."""
    if item.ndim == 0 and isinstance(item.item(), bytes):
        return str(item.item().decode("utf-8", "backslashreplace"))
    return summary(item, summarize)


def assert_true(condition: Any, data: Sequence[Any], summarize: int | None = None, name: str | None = None) -> None:
    """`tf.debugging.Assert`: checks that `condition` is true, and shows `data` when it is not.

    Raises:
        InvalidArgumentError: it is false; in a graph, when that runs.
    """
    get("Assert").all(condition, list(data), summarize=3 if summarize is None else summarize, name=name)


def _comparison(op_name: str, words: str) -> Callable[..., None]:
    def check(x: Any, y: Any, message: str | None = None, summarize: int | None = None, name: str | None = None) -> None:
        left, right = _pair(x, y)
        holds = get("All")(get(op_name)(left, right), _axes(get(op_name)(left, right)))
        head = [message] if message else []
        _check(holds, [*head, f"condition x {words} y did not hold element-wise: x = ", left, "y = ", right], summarize, name)

    check.__doc__ = f"Checks x {words} y for every element.\n\n    Raises:\n        InvalidArgumentError: it does not hold.\n    "
    check.__name__ = f"assert_{op_name.lower()}"
    return check


def _pair(x: Any, y: Any) -> tuple[Tensor, Tensor]:
    """Both as tensors; a plain value takes the dtype of the other."""
    if not hasattr(x, "dtype") and hasattr(y, "dtype"):
        right = convert_to_tensor(y)
        return convert_to_tensor(x, right.dtype), right
    left = convert_to_tensor(x)
    return left, convert_to_tensor(y, None if hasattr(y, "dtype") else left.dtype)


def _axes(tensor: Tensor) -> Any:
    return get("Range")(0, get("Rank")(tensor), 1)


def _check(condition: Tensor, data: list[Any], summarize: int | None, name: str | None) -> None:
    """An Assert; one that is known to hold while tracing leaves no node, one known to fail raises at once."""
    known = static_value(condition)
    if known is not None and bool(known):
        return
    assert_true(condition, data, summarize, name)


assert_equal = _comparison("Equal", "==")
_none_equal = _comparison("NotEqual", "!=")
assert_less = _comparison("Less", "<")
assert_less_equal = _comparison("LessEqual", "<=")
assert_greater = _comparison("Greater", ">")
assert_greater_equal = _comparison("GreaterEqual", ">=")


def _against_zero(check: Callable[..., None], words: str) -> Callable[..., None]:
    def assertion(x: Any, message: str | None = None, summarize: int | None = None, name: str | None = None) -> None:
        tensor = convert_to_tensor(x)
        check(tensor, np.zeros((), tensor.dtype.np_dtype), message, summarize, name)

    assertion.__doc__ = f"Checks that every element is {words}.\n\n    Raises:\n        InvalidArgumentError: one is not.\n    "
    return assertion


assert_positive = _against_zero(assert_greater, "positive")
assert_negative = _against_zero(assert_less, "negative")
assert_non_negative = _against_zero(assert_greater_equal, "zero or more")
assert_non_positive = _against_zero(assert_less_equal, "zero or less")


def assert_near(
    x: Any,
    y: Any,
    rtol: Any = None,
    atol: Any = None,
    message: str | None = None,
    summarize: int | None = None,
    name: str | None = None,
) -> None:
    """Checks |x - y| <= atol + rtol * |y|; both tolerances are ten times the dtype's precision by default.

    Raises:
        InvalidArgumentError: it does not hold.
    """
    left, right = _pair(x, y)
    precision = 10 * float(np.finfo(left.dtype.np_dtype).eps) if left.dtype.np_dtype.kind == "f" else 10 * 2.0**-8
    relative = np.asarray(precision if rtol is None else rtol).astype(left.dtype.np_dtype)
    absolute = np.asarray(precision if atol is None else atol).astype(left.dtype.np_dtype)
    distance = get("Abs")(get("Sub")(left, right))
    bound = get("AddV2")(get("Mul")(get("Abs")(right), relative), absolute)
    close = get("LessEqual")(distance, bound)
    head = [message] if message else []
    _check(get("All")(close, _axes(close)), [*head, "x and y not equal to tolerance: x = ", left, "y = ", right], summarize, name)


def assert_none_equal(x: Any, y: Any, summarize: int | None = None, message: str | None = None, name: str | None = None) -> None:
    """Checks x != y for every element.

    Raises:
        InvalidArgumentError: it does not hold.
    """
    _none_equal(x, y, message, summarize, name)


def assert_rank(x: Any, rank: int, message: str | None = None, name: str | None = None) -> None:
    """Checks the number of dimensions.

    Raises:
        ValueError: the static rank is another.
        InvalidArgumentError: the rank turns out to be another when it is known.
    """
    _check_ranks(convert_to_tensor(x), lambda found: found == rank, f"rank {rank}", get("Equal"), rank, message, name)


def assert_rank_at_least(x: Any, rank: int, message: str | None = None, name: str | None = None) -> None:
    """Checks that there are at least `rank` dimensions; see assert_rank."""
    _check_ranks(
        convert_to_tensor(x), lambda found: found >= rank, f"rank {rank} or more", get("GreaterEqual"), rank, message, name
    )


def _check_ranks(
    tensor: Tensor, fits: Callable[[int], bool], wanted: str, compare: Any, rank: int, message: str | None, name: str | None
) -> None:
    found = tensor.shape.rank
    head = f"{message}. " if message else ""
    if found is None:
        _check(compare(get("Rank")(tensor), rank), [f"{head}expected {wanted}; got shape", get("Shape")(tensor)], None, name)
    elif not fits(found):
        raise ValueError(f"{head}expected a tensor of {wanted}; got rank {found} (shape {tensor.shape})")


def assert_type(tensor: Any, tf_type: Any, message: str | None = None, name: str | None = None) -> None:
    """Checks the dtype.

    Raises:
        TypeError: it is another.
    """
    found = convert_to_tensor(tensor).dtype
    if found is not tf_type:
        raise TypeError(f"{message + '. ' if message else ''}expected dtype {tf_type.name}; got {found.name}")


def assert_all_finite(x: Any, message: str, name: str | None = None) -> Tensor:
    """`x`, checked to be free of NaN and infinity; see tf.debugging.check_numerics."""
    return check_numerics(x, message, name)


def assert_integer(x: Any, message: str | None = None, name: str | None = None) -> None:
    """Checks that the dtype is an integer one.

    Raises:
        TypeError: it is not.
    """
    found = convert_to_tensor(x).dtype
    if not found.is_integer:
        raise TypeError(f"{message + '. ' if message else ''}expected an integer dtype; got {found.name}")


def assert_scalar(tensor: Any, message: str | None = None, name: str | None = None) -> Tensor:
    """The tensor, checked to be a scalar.

    Raises:
        ValueError: it is none.
    """
    found = convert_to_tensor(tensor)
    if found.shape.rank not in (None, 0):
        raise ValueError(f"{message + '. ' if message else ''}expected a scalar; got shape {found.shape}")
    return found


def assert_rank_in(x: Any, ranks: Sequence[int], message: str | None = None, name: str | None = None) -> None:
    """Checks that the number of dimensions is one of several; see assert_rank."""
    tensor, allowed = convert_to_tensor(x), [int(rank) for rank in ranks]

    def compare(rank: Any, _: Any) -> Tensor:
        return get("Any")(get("Equal")(rank, np.array(allowed, np.int32)), [0])

    _check_ranks(tensor, lambda found: found in allowed, f"a rank of {allowed}", compare, 0, message, name)


def assert_proper_iterable(values: Any) -> None:
    """Checks that `values` is a collection of tensors, not one tensor or a string.

    Raises:
        TypeError: it is something else.
    """
    if isinstance(values, Tensor | str | bytes | np.ndarray) or hasattr(values, "handle") or not hasattr(values, "__iter__"):
        raise TypeError(f"expected a list or tuple of tensors; got {type(values).__name__}")


def assert_same_float_dtype(tensors: Sequence[Any] | None = None, dtype: Any = None) -> DType:
    """The floating dtype that all tensors share; float32 when nothing says one.

    Raises:
        ValueError: they differ, or it is not floating.
    """
    found = {convert_to_tensor(tensor).dtype for tensor in tensors or () if tensor is not None}
    wanted = found | ({as_dtype(dtype)} if dtype is not None else set())
    if len(wanted) > 1:
        raise ValueError(f"expected one dtype; got {', '.join(sorted(d.name for d in wanted))}")
    common = wanted.pop() if wanted else float32
    if not common.is_floating:
        raise ValueError(f"expected a floating dtype; got {common.name}")
    return common


def is_numeric_tensor(tensor: Any) -> bool:
    """True for a tensor of numbers."""
    return isinstance(tensor, Tensor) and (tensor.dtype.is_floating or tensor.dtype.is_integer or tensor.dtype.is_complex)


def assert_shapes(
    shapes: Any, data: list[Any] | None = None, summarize: int | None = None, message: str | None = None, name: str | None = None
) -> None:
    """Checks shapes in which names stand for sizes that must agree.

    Args:
        shapes: a dict, or pairs, of a tensor and its shape: ints, names, None or "." for any size, or Ellipsis (or "*") in
            front for any leading dimensions.
        data: shown when a check fails while the program runs.
        summarize: how many elements of `data` are shown.
        message: put before the error's.
        name: a name for the nodes in a graph.

    Raises:
        ValueError: static shapes contradict it.
        InvalidArgumentError: shapes contradict it when they are known.
    """
    pairs = [(convert_to_tensor(x), _symbols(spec)) for x, spec in (shapes.items() if isinstance(shapes, dict) else shapes)]
    head, sizes = f"{message}. " if message else "", dict[Any, Any]()
    for tensor, (open_ended, symbols) in pairs:
        rank = tensor.shape.rank
        if rank is None:
            raise ValueError(f"{head}assert_shapes needs tensors of known rank")
        if rank < len(symbols) or (rank > len(symbols) and not open_ended):
            raise ValueError(
                f"{head}expected a tensor of rank {len(symbols)}{' or more' if open_ended else ''}; got shape {tensor.shape}"
            )
        for axis, symbol in zip(range(rank - len(symbols), rank), symbols, strict=True):
            if symbol is None:
                continue
            known = tensor.shape[axis]
            size = get("Shape")(tensor)[axis] if known is None else known
            first = sizes.setdefault(symbol, symbol if isinstance(symbol, int) else size)
            if isinstance(size, int) and isinstance(first, int):
                if size != first:
                    raise ValueError(
                        f"{head}expected size {first} ({symbol!r}) in dimension {axis} of shape {tensor.shape}; got {size}"
                    )
            elif size is not first:
                shown = data or [f"{head}sizes of dimension {symbol!r} differ: ", size, first]
                _check(get("Equal")(size, first), shown, summarize, name)


def _symbols(spec: Any) -> tuple[bool, list[Any]]:
    """Whether leading dimensions are free, and a size, a name or None for each of the others."""
    items: list[Any]
    if spec is None or isinstance(spec, TensorShape):
        items = [...] if spec is None or spec.rank is None else list(spec)
    elif isinstance(spec, int):
        items = [spec]
    else:
        items = list(spec)
    open_ended = bool(items) and items[0] in (..., "*")
    rest = items[1:] if open_ended else items
    if any(item in (..., "*") for item in rest):
        raise ValueError(f"... stands in front only; got {spec!r}")
    return open_ended, [None if item in (None, ".") else int(item) if str(item).isdigit() else item for item in rest]
