"""Python and numpy values as tensors, with TensorFlow's rules for the dtype."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from headrace.core import dtypes
from headrace.core.dtypes import DType
from headrace.core.errors import CompositeArgument, InvalidArgumentError
from headrace.core.shapes import TensorShape, as_shape
from headrace.core.spec import CompositeTensor
from headrace.dispatch import context
from headrace.dispatch.opdef import Arg, Attrs, OpDef, get
from headrace.dispatch.tensor import ActsAsTensor, Tensor

_INT32 = np.iinfo(np.int32)


def to_numpy(value: Any, dtype: DType | None = None, hint: DType | None = None) -> tuple[np.ndarray[Any, Any], DType]:
    """`value` as a numpy array and its DType.

    Without `dtype` or `hint`: Python floats become float32, Python ints int32 (int64 when they do not fit), numpy values
    keep their dtype. `hint` is used where it can hold the value, `dtype` must.

    Raises:
        TypeError: the value cannot have that dtype.
        ValueError: the value is ragged.
    """
    array = _as_array(value)
    if not array.size and isinstance(value, list | tuple) and not _first_leaf_is_numpy(value):
        # A list without elements says nothing about their dtype, so it suits any.
        chosen = dtype or hint or dtypes.float32
        return np.empty(array.shape, chosen.np_dtype), chosen
    natural = _natural_dtype(array, value)
    if dtype is None:
        dtype = hint if hint is not None and _suits(hint, natural, value) else natural
    elif not _holds(dtype, natural, value):
        raise TypeError(
            f"cannot convert {_brief(value)} to a tensor of dtype {dtype.name}; cast it explicitly or pass another dtype"
        )
    if dtype is dtypes.string:
        return _as_bytes(array), dtype
    if array.dtype == dtype.np_dtype:
        return array, dtype
    _check_range(array, dtype, value)
    return array.astype(dtype.np_dtype), dtype


def _as_array(value: Any) -> np.ndarray[Any, Any]:
    if isinstance(value, TensorShape):
        value = np.array(value.concrete(), np.int32)
    try:
        # numpy's own arrays of strings drop zeros at their ends.
        array = np.asarray(value, object) if isinstance(_first_leaf(value), str | bytes) else np.asarray(value)
    except ValueError:
        raise _ragged(value) from None
    mixed = array.dtype.kind in "SU" and isinstance(value, list | tuple) and not isinstance(_first_leaf(value), np.ndarray)
    if array.dtype == object:
        items = array.ravel().tolist()
        if any(isinstance(item, list | tuple) for item in items):
            raise _ragged(value)
        strings = sum(isinstance(item, str | bytes) for item in items)
        mixed = 0 < strings < len(items)
        if not mixed and strings < len(items):
            raise TypeError(f"cannot convert {_brief(value)} to a tensor: expected numbers, strings, numpy arrays or tensors")
    if mixed:
        raise ValueError(f"cannot convert {_brief(value)} to a tensor: it mixes strings with other values; expected one kind")
    return array


def _ragged(value: Any) -> ValueError:
    return ValueError(f"cannot convert {_brief(value)} to a tensor: its rows differ in length; expected a rectangular array")


def _natural_dtype(array: np.ndarray[Any, Any], value: Any) -> DType:
    if array.dtype.kind in "OSU":
        return dtypes.string
    natural = dtypes.from_numpy(array.dtype)
    if isinstance(value, np.ndarray | np.generic) or hasattr(value, "__array__") or _first_leaf_is_numpy(value):
        return natural
    if natural is dtypes.float64:
        return dtypes.float32
    if natural is dtypes.int64 and (not array.size or (array.min() >= _INT32.min and array.max() <= _INT32.max)):
        return dtypes.int32
    return natural


def _first_leaf(value: Any) -> Any:
    while isinstance(value, list | tuple) and value:
        value = value[0]
    return value


def _first_leaf_is_numpy(value: Any) -> bool:
    return isinstance(_first_leaf(value), np.generic | np.ndarray)


def _holds(dtype: DType, natural: DType, value: Any) -> bool:
    if dtype is natural:
        return True
    if dtype is dtypes.string or natural is dtypes.string:
        return False
    if isinstance(value, np.ndarray | np.generic) or hasattr(value, "__array__"):
        return not (natural.is_complex and not dtype.is_complex) and dtype.is_numpy_compatible
    if dtype.is_bool:
        return False
    if natural.is_integer or natural.is_bool:
        return dtype.is_numeric or dtype.is_quantized
    return dtype.is_complex or (natural.is_floating and dtype.is_floating)


def _suits(hint: DType, natural: DType, value: Any) -> bool:
    """A hint is taken only where no fraction and no imaginary part can be lost; numpy's arrays lose fractions, as in TensorFlow."""
    lossless = hint.is_complex or (hint.is_floating and not natural.is_complex) or natural.is_integer
    lossless = lossless or (isinstance(value, np.ndarray) and natural.is_floating)
    return _holds(hint, natural, value) and (hint is natural or (lossless and not hint.is_bool and not natural.is_bool))


def _check_range(array: np.ndarray[Any, Any], dtype: DType, value: Any) -> None:
    if dtype.is_integer and array.dtype.kind in "iu" and array.size and (array.min() < dtype.min or array.max() > dtype.max):
        raise TypeError(f"cannot convert {_brief(value)} to a tensor of dtype {dtype.name}: its range is {dtype.min}..{dtype.max}")


def _as_bytes(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    out = np.empty(array.shape, object)
    flat = array.ravel().tolist()
    out.ravel()[:] = [item.encode() if isinstance(item, str) else item for item in flat]
    return out


def _brief(value: Any) -> str:
    text = repr(value)
    return (text if len(text) <= 80 else text[:77] + "...") + f" ({type(value).__name__})"


_CONVERSIONS: list[tuple[Any, Callable[..., Any]]] = []
_PRIORITIES: list[int] = []


def register_tensor_conversion_function(base_type: Any, conversion_func: Callable[..., Any], priority: int = 100) -> None:
    """Has instances of a class converted by a function wherever a tensor is needed.

    Args:
        base_type: the class, or a tuple of classes.
        conversion_func: called with `(value, dtype=, name=, as_ref=False)`; returns a tensor or NotImplemented.
        priority: functions of smaller numbers are asked first.

    Raises:
        TypeError: the first argument is no class, or the second no function; numbers and arrays are converted already.
    """
    kinds = base_type if isinstance(base_type, tuple) else (base_type,)
    if not all(isinstance(kind, type) for kind in kinds):
        raise TypeError(f"base_type must be a class or a tuple of classes; got {base_type!r}")
    if any(issubclass(kind, int | float | np.generic | np.ndarray) for kind in kinds):
        raise TypeError(f"conversions of numbers and arrays are fixed; got {base_type!r}")
    if not callable(conversion_func):
        raise TypeError(f"conversion_func must be callable; got {conversion_func!r}")
    place = sum(known <= priority for known in _PRIORITIES)
    _PRIORITIES.insert(place, priority)
    _CONVERSIONS.insert(place, (base_type, conversion_func))


TensorLike = Tensor | int | float | bool | str | bytes | complex | tuple | list | np.ndarray | np.generic  # type: ignore[type-arg]
"""What converts to a tensor, for annotations."""


def convert_to_tensor(value: Any, dtype: Any = None, dtype_hint: Any = None, name: str | None = None) -> Tensor:
    """`value` as a tensor.

    Args:
        value: a tensor, a variable, a number, a string, a numpy array, or a nested list of these.
        dtype: the dtype the result must have; None infers it.
        dtype_hint: a dtype to prefer where the value allows it.
        name: a name for the node in a graph.

    Raises:
        TypeError: a Python value cannot have that dtype.
        ValueError: a tensor has another dtype, or the value is ragged.
    """
    wanted = None if dtype is None else dtypes.as_dtype(dtype)
    if isinstance(value, Tensor):
        if wanted is not None and value.dtype is not wanted:
            raise ValueError(f"the tensor has dtype {value.dtype.name} but {wanted.name} was asked for; use tf.cast to change it")
        return context.state().executor.adopt(value)
    hook = getattr(value, "__tf_tensor__", None)
    if hook is not None:
        return hook(wanted, name)  # type: ignore[no-any-return]
    if isinstance(value, CompositeTensor):
        raise CompositeArgument(value)
    for kind, convert in _CONVERSIONS:
        if isinstance(value, kind) and (found := convert(value, dtype=wanted, name=name, as_ref=False)) is not NotImplemented:
            return found  # type: ignore[no-any-return]
    if isinstance(value, list | tuple) and _holds_tensors(value):
        return _pack(value, wanted, dtype_hint)
    hint = None if dtype_hint is None else dtypes.as_dtype(dtype_hint)
    array, found = to_numpy(value, wanted, hint)
    return context.state().executor.constant(array, found, name)


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str = "Const") -> Tensor:
    """A constant tensor.

    Args:
        value: a number, a string, a numpy array, or a nested list of these.
        dtype: the dtype; inferred when None.
        shape: the shape to give it: a scalar is repeated, other values are reshaped.

    Raises:
        TypeError: the value cannot have that dtype.
        ValueError: the number of elements does not fit the shape.
    """
    if isinstance(value, Tensor):
        return convert_to_tensor(value, dtype, name=name)
    array, found = to_numpy(value, None if dtype is None else dtypes.as_dtype(dtype))
    if shape is not None:
        dims = as_shape(shape).concrete()
        if array.size not in (1, math.prod(dims)):
            raise ValueError(
                f"cannot make a constant of shape {as_shape(shape)} from {array.size} elements; expected {math.prod(dims)}"
            )
        array = np.full(dims, array.reshape(-1)[0], array.dtype) if array.size == 1 else array.reshape(dims)
    return context.state().executor.constant(array, found, name)


def is_tensor(x: Any) -> bool:
    """True for tensors (sparse and ragged ones too), variables and IndexedSlices."""
    return isinstance(x, ActsAsTensor)


def _holds_tensors(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(_holds_tensors(item) for item in value)
    return isinstance(value, Tensor | CompositeTensor) or hasattr(value, "__tf_tensor__")


def _pack(values: Sequence[Any], dtype: DType | None, hint: Any) -> Tensor:
    if dtype is not None:
        return get("Pack")([_cast_item(item, dtype) for item in values])
    first = next((found for found in (_leaf_dtype(item) for item in values) if found is not None), None)
    if first is not None and first.is_floating and hint is not None and dtypes.as_dtype(hint).is_integer:
        return _pack(values, dtypes.as_dtype(hint), None)  # a shape made of floating tensors, as TensorFlow takes it
    return get("Pack")([convert_to_tensor(item, first, hint) for item in values])


def _cast_item(value: Any, dtype: DType) -> Tensor:
    """A part of a list that must have a dtype: tensors inside of lists are cast, as in TensorFlow."""
    if isinstance(value, Tensor) or hasattr(value, "__tf_tensor__"):
        tensor = convert_to_tensor(value)
        return tensor if tensor.dtype is dtype else get("Cast")(tensor, DstT=dtype)
    return convert_to_tensor(value, dtype)


def _leaf_dtype(value: Any) -> DType | None:
    if isinstance(value, list | tuple):
        return next((found for found in (_leaf_dtype(item) for item in value) if found is not None), None)
    found = getattr(value, "dtype", None)
    return found if isinstance(found, DType) else None


def convert_inputs(op: OpDef, args: Sequence[Any], attrs: Mapping[str, Any]) -> list[Tensor]:
    """The flat tensors of an op's arguments. Tensors decide the type attributes; plain values then follow them.

    Raises:
        TypeError, ValueError: a value cannot be converted.
    """
    flat_args: list[Arg] = []
    flat: list[Any] = []
    for arg, value in zip(op.inputs, args, strict=True):
        items = _list_items(op, arg, value) if arg.is_list else (value,)
        flat.extend(items)
        flat_args.extend([arg] * len(items))
    types = {key: value for key, value in attrs.items() if isinstance(value, DType)}
    tensors: list[Tensor | None] = []
    for arg, value in zip(flat_args, flat, strict=True):
        if isinstance(value, Tensor) or hasattr(value, "__tf_tensor__"):
            tensor = convert_to_tensor(value)
            tensors.append(tensor)
            types.setdefault(arg.type_attr, tensor.dtype)
        else:
            tensors.append(None)
    for position, (arg, value) in enumerate(zip(flat_args, flat, strict=True)):
        if tensors[position] is None:
            tensor = _convert_plain(op, arg, value, types)
            tensors[position] = tensor
            types.setdefault(arg.type_attr, tensor.dtype)
    return tensors  # type: ignore[return-value]


def _convert_plain(op: OpDef, arg: Arg, value: Any, types: Mapping[str, DType]) -> Tensor:
    wanted = arg.dtype or (types.get(arg.type_attr) if arg.type_attr else None)
    if value is None:
        raise ValueError(f"input {arg.name!r} of {op.name} is None; expected a tensor or a value that converts to one")
    if wanted is not None:
        if isinstance(value, np.ndarray | np.generic):
            return convert_to_tensor(value, dtype_hint=wanted)
        return convert_to_tensor(value, wanted)
    if arg.type_attr:
        attr = op.attrs[arg.type_attr]
        if isinstance(attr.default, DType):
            return convert_to_tensor(value, dtype_hint=attr.default)
        if attr.allowed and not any(d.is_floating for d in attr.allowed) and isinstance(value, list | tuple):
            return convert_to_tensor(value, dtype_hint=dtypes.int32)
    return convert_to_tensor(value)


def _list_items(op: OpDef, arg: Arg, value: Any) -> Sequence[Any]:
    if isinstance(value, list | tuple):
        return value
    raise TypeError(f"input {arg.name!r} of {op.name} must be a list or tuple of tensors; got {_brief(value)}")


def resolve_types(op: OpDef, tensors: Sequence[Any], attrs: Attrs, counts: Sequence[int] | None = None) -> dict[str, Any]:
    """Every attribute of a call, those that the inputs imply included, in declared order.

    Args:
        op: the op.
        tensors: the flat inputs; anything with a `dtype`.
        attrs: the explicit attributes.
        counts: the length of each list input, in order; may be left out when there is at most one.

    Raises:
        InvalidArgumentError: inputs that must agree do not, or a dtype is not admitted.
    """
    complete: dict[str, Any] = dict(attrs)
    position = 0
    lengths = iter(counts if counts is not None else [len(tensors) - len(op.inputs) + 1])
    for arg in op.inputs:
        count = next(lengths) if arg.is_list else 1
        chunk = tensors[position : position + count]
        if arg.type_list_attr:
            complete[arg.type_list_attr] = tuple(t.dtype for t in chunk)
        else:
            if arg.number_attr and complete.setdefault(arg.number_attr, count) != count:
                raise InvalidArgumentError(
                    f"{op.name} takes {complete[arg.number_attr]} tensors for {arg.name!r} but {count} were given", op=op.name
                )
            for offset, tensor in enumerate(chunk):
                _check_dtype(op, arg, position + offset, tensor.dtype, complete)
        position += count
    for name, attr in op.attrs.items():
        if name not in complete:
            if not isinstance(attr.default, DType):
                raise InvalidArgumentError(
                    f"attribute {name!r} of {op.name} cannot be told from an empty list of inputs", op=op.name
                )
            complete[name] = attr.default
    return {name: complete[name] for name in op.attrs}


def _check_dtype(op: OpDef, arg: Arg, position: int, dtype: DType, known: dict[str, Any]) -> None:
    if arg.dtype is not None:
        if dtype is not arg.dtype:
            raise InvalidArgumentError(
                f"input {position} ({arg.name!r}) of {op.name} must be {arg.dtype.name}; got {dtype.name}; use tf.cast", op=op.name
            )
        return
    expected = known.setdefault(arg.type_attr, dtype)
    if expected is not dtype:
        raise InvalidArgumentError(
            f"input {position} ({arg.name!r}) of {op.name} is {dtype.name} but was expected to be {expected.name}, like the inputs"
            " before it; use tf.cast",
            op=op.name,
        )
    allowed = op.attrs[arg.type_attr].allowed
    if allowed is not None and dtype not in allowed:
        names = ", ".join(d.name for d in allowed)
        raise InvalidArgumentError(
            f"input {position} ({arg.name!r}) of {op.name} is {dtype.name}; expected one of {names}; use tf.cast", op=op.name
        )
