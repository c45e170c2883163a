"""Padding, reversing and rolling."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from headrace.core.dtypes import COMPLEX, FLOATING, INDEX, INTEGERS, bool_, string
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import op
from headrace.dispatch.tensor import Tensor
from headrace.dispatch.unsized import same_rank, same_shape
from headrace.ops.array.portable import integers, namespace, portable_op, resolve_axis


def pairs(paddings: Any, rank: int) -> list[tuple[int, int]]:
    """An [rank, 2] array of paddings as pairs.

    Raises:
        InvalidArgumentError: the shape is another, or a padding is negative.
    """
    if paddings.shape != (rank, 2):
        raise InvalidArgumentError(f"paddings have shape {paddings.shape}; expected ({rank}, 2), one pair a dimension")
    if paddings.size and paddings.min() < 0:
        raise InvalidArgumentError(f"paddings must be 0 or more; got {paddings.tolist()}")
    return [(int(before), int(after)) for before, after in paddings]


def _pad(input: Any, paddings: Any, value: Any) -> Any:
    config = pairs(paddings, input.ndim)
    if namespace(input, value) is np:
        return np.pad(input, config, constant_values=value)
    return jax.lax.pad(jnp.asarray(input), jnp.asarray(value, input.dtype), [(before, after, 0) for before, after in config])


@portable_op("Pad", "input: T, paddings: Tpaddings -> output: T", Tpaddings=INDEX, unsized=same_rank, static=("paddings",))
def pad_op(input: Any, paddings: Any) -> Any:
    """The input with zeros before and after it in each dimension."""
    return _pad(input, paddings, np.array(b"" if input.dtype.kind == "O" else 0, input.dtype))


@portable_op(
    "PadV2",
    "input: T, paddings: Tpaddings, constant_values: T -> output: T",
    Tpaddings=INDEX,
    unsized=same_rank,
    static=("paddings",),
)
def pad_v2(input: Any, paddings: Any, constant_values: Any) -> Any:
    """The input with a constant before and after it in each dimension."""
    return _pad(input, paddings, constant_values)


def _mirror_limits(input: Any, paddings: Any, mode: str) -> list[tuple[int, int]]:
    config = pairs(paddings, input.ndim)
    if mode not in ("REFLECT", "SYMMETRIC"):
        raise InvalidArgumentError(f"mode must be REFLECT or SYMMETRIC; got {mode!r}")
    for axis, pair in enumerate(config):
        most = input.shape[axis] - (mode == "REFLECT")
        if max(pair) > most:
            raise InvalidArgumentError(f"paddings {pair} of dimension {axis} exceed the {most} that {mode} can mirror")
    return config


@op("MirrorPad", "input: T, paddings: Tpaddings -> output: T", Tpaddings=INDEX, unsized=same_rank, static=("paddings",))
def mirror_pad(input: Any, paddings: Any, *, mode: str) -> Any:
    """The input with its mirror image before and after it; REFLECT does not repeat the border, SYMMETRIC does."""
    return jnp.pad(input, _mirror_limits(input, paddings, mode), mode=mode.lower())


@op("MirrorPadGrad", "input: T, paddings: Tpaddings -> output: T", Tpaddings=INDEX, unsized=same_rank, static=("paddings",))
def mirror_pad_grad(input: Any, paddings: Any, *, mode: str) -> Any:
    """The gradient of MirrorPad: every mirrored element added to its origin."""
    config = pairs(paddings, input.ndim)
    source = jax.ShapeDtypeStruct([d - sum(p) for d, p in zip(input.shape, config, strict=True)], input.dtype)
    (gradient,) = jax.linear_transpose(lambda x: jnp.pad(x, config, mode=mode.lower()), source)(input)
    return gradient


@mirror_pad.gradient
def _mirror_pad_gradient(record: Any, grad: Any) -> Any:
    return mirror_pad_grad(grad, record.inputs[1], mode=record.attrs["mode"]), None


@mirror_pad_grad.gradient
def _mirror_pad_grad_gradient(record: Any, grad: Any) -> Any:
    return mirror_pad(grad, record.inputs[1], mode=record.attrs["mode"]), None


def pad(tensor: Any, paddings: Any, mode: str = "CONSTANT", constant_values: Any = 0, name: str | None = None) -> Tensor:
    """A tensor with elements added before and after it in each dimension.

    Args:
        tensor: a tensor of rank n.
        paddings: ints [n, 2].
        mode: CONSTANT, REFLECT or SYMMETRIC, in any case.
        constant_values: what CONSTANT adds, a scalar.
        name: a name for the node in a graph.
    """
    kind = mode.upper()
    if kind != "CONSTANT":
        return mirror_pad(tensor, paddings, mode=kind, name=name)
    if isinstance(constant_values, Tensor) or constant_values != 0:
        return pad_v2(tensor, paddings, constant_values, name=name)
    return pad_op(tensor, paddings, name=name)


_REVERSIBLE = (*FLOATING, *INTEGERS, *COMPLEX, bool_, string)


@portable_op("ReverseV2", "tensor: T, axis: Tidx -> output: T", T=_REVERSIBLE, Tidx=INDEX, unsized=same_shape, static=("axis",))
def reverse_v2(tensor: Any, axis: Any) -> Any:
    """The input reversed along each axis of `axis`."""
    axes = [resolve_axis(a, tensor.ndim) for a in integers(axis)]
    if len(set(axes)) != len(axes):
        raise InvalidArgumentError(f"axes {list(integers(axis))} name one dimension twice")
    return namespace(tensor).flip(tensor, tuple(axes)) if axes else tensor


@portable_op("Reverse", "tensor: T, dims: bool -> output: T", T=_REVERSIBLE, unsized=same_shape, static=("dims",))
def reverse_v1(tensor: Any, dims: Any) -> Any:
    """The input reversed along the dimensions that are marked True."""
    if dims.shape != (tensor.ndim,):
        raise InvalidArgumentError(f"dims have shape {dims.shape}; expected one boolean for each of {tensor.ndim} dimensions")
    axes = tuple(int(a) for a in np.flatnonzero(dims))
    return namespace(tensor).flip(tensor, axes) if axes else tensor


@reverse_v2.gradient
def _reverse_gradient(record: Any, grad: Any) -> Any:
    return reverse_v2(grad, record.inputs[1]), None


@reverse_v1.gradient
def _reverse_v1_gradient(record: Any, grad: Any) -> Any:
    return reverse_v1(grad, record.inputs[1]), None


def reverse(tensor: Any, axis: Any, name: str | None = None) -> Tensor:
    """A tensor reversed along the dimensions of `axis` (a list of ints)."""
    return reverse_v2(tensor, axis, name=name)


@op("ReverseSequence", "input: T, seq_lengths: Tlen -> output: T", Tlen=INDEX, shape=lambda input, lengths, **_: input)
def reverse_sequence_op(input: Any, seq_lengths: Any, *, seq_dim: int, batch_dim: int = 0) -> Any:
    """The input with the first `seq_lengths[b]` elements along `seq_dim` reversed, for each b along `batch_dim`."""
    along, batch = resolve_axis(seq_dim, input.ndim, "seq_dim"), resolve_axis(batch_dim, input.ndim, "batch_dim")
    if along == batch:
        raise InvalidArgumentError(f"seq_dim and batch_dim are both {along}; expected two dimensions")
    moved = jnp.moveaxis(jnp.asarray(input), (batch, along), (0, 1))
    step = jnp.arange(moved.shape[1], dtype=seq_lengths.dtype)[None]
    lengths = jnp.asarray(seq_lengths)[:, None]
    index = jnp.where(step < lengths, lengths - 1 - step, step)
    index = index.reshape(index.shape + (1,) * (moved.ndim - 2))
    return jnp.moveaxis(jnp.take_along_axis(moved, index, axis=1), (0, 1), (batch, along))


@reverse_sequence_op.gradient
def _reverse_sequence_gradient(record: Any, grad: Any) -> Any:
    return reverse_sequence_op(grad, record.inputs[1], **record.attrs), None


def reverse_sequence(
    input: Any, seq_lengths: Any, seq_axis: int | None = None, batch_axis: int | None = None, name: str | None = None
) -> Tensor:
    """The first `seq_lengths[b]` elements along `seq_axis` reversed, for each entry b of the batch; the rest stays.

    Args:
        input: a tensor.
        seq_lengths: int32 or int64 [batch].
        seq_axis: the dimension to reverse along.
        batch_axis: the dimension of the batch, 0 by default.
        name: a name for the node in a graph.
    """
    return reverse_sequence_op(input, seq_lengths, seq_dim=seq_axis or 0, batch_dim=batch_axis or 0, name=name)


@op("Roll", "input: T, shift: Tshift, axis: Taxis -> output: T", Tshift=INDEX, Taxis=INDEX, unsized=same_shape, static=("axis",))
def roll_op(input: Any, shift: Any, axis: Any) -> Any:
    """The input rotated by `shift` along each axis: what leaves at the end comes in at the front."""
    axes = integers(axis)
    if shift.size != len(axes):
        raise InvalidArgumentError(f"{shift.size} shifts were given for {len(axes)} axes; expected one an axis")
    shifts = jnp.asarray(shift).reshape(-1)
    result = jnp.asarray(input)
    for position, one in enumerate(axes):
        result = jnp.roll(result, shifts[position], resolve_axis(one, input.ndim))
    return result


@roll_op.gradient
def _roll_gradient(record: Any, grad: Any) -> Any:
    return roll_op(grad, -record.inputs[1], record.inputs[2]), None, None


def roll(input: Any, shift: Any, axis: Any, name: str | None = None) -> Tensor:
    """A tensor rotated by `shift` along `axis`; both may be lists."""
    return roll_op(convert_to_tensor(input), shift, axis, name=name)
