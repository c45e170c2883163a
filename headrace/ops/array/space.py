"""Moving blocks between space, depth and batch, and image patches."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from headrace.core.dtypes import COMPLEX, FLOATING, INDEX, INTEGERS, bool_
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import Ints, get, op
from headrace.dispatch.tensor import Tensor
from headrace.dispatch.unsized import same_rank
from headrace.ops.array.padding import pairs
from headrace.ops.array.portable import integers, is_trial


def _channels_last(input: Any, data_format: str) -> Any:
    if data_format not in ("NHWC", "NCHW"):
        raise InvalidArgumentError(f"data_format {data_format!r} is not supported; expected NHWC or NCHW")
    if input.ndim != 4:
        raise InvalidArgumentError(f"expected a batch of images of rank 4; got shape {input.shape}")
    return jnp.asarray(input) if data_format == "NHWC" else jnp.transpose(jnp.asarray(input), (0, 2, 3, 1))


def _restored(output: Any, data_format: str) -> Any:
    return output if data_format == "NHWC" else jnp.transpose(output, (0, 3, 1, 2))


def _divided(size: int, parts: int, what: str) -> int:
    if size % parts and not is_trial(size):
        raise InvalidArgumentError(f"{what} of {size} does not divide by {parts}")
    return size // parts


@op("SpaceToDepth", "input: T -> output: T")
def space_to_depth_op(input: Any, *, block_size: int, data_format: str = "NHWC") -> Any:
    """Images in which every square block of pixels became the channels of one pixel."""
    images = _channels_last(input, data_format)
    n, h, w, c = images.shape
    h, w = _divided(h, block_size, "a height"), _divided(w, block_size, "a width")
    blocks = images.reshape(n, h, block_size, w, block_size, c).transpose(0, 1, 3, 2, 4, 5)
    return _restored(blocks.reshape(n, h, w, block_size * block_size * c), data_format)


@op("DepthToSpace", "input: T -> output: T")
def depth_to_space_op(input: Any, *, block_size: int, data_format: str = "NHWC") -> Any:
    """Images in which the channels of every pixel became a square block of pixels."""
    images = _channels_last(input, data_format)
    n, h, w, c = images.shape
    depth = _divided(c, block_size * block_size, "a number of channels")
    blocks = images.reshape(n, h, w, block_size, block_size, depth).transpose(0, 1, 3, 2, 4, 5)
    return _restored(blocks.reshape(n, h * block_size, w * block_size, depth), data_format)


@space_to_depth_op.gradient
def _space_to_depth_gradient(record: Any, grad: Any) -> Any:
    return depth_to_space_op(grad, **record.attrs)


@depth_to_space_op.gradient
def _depth_to_space_gradient(record: Any, grad: Any) -> Any:
    return space_to_depth_op(grad, **record.attrs)


def space_to_depth(input: Any, block_size: int, data_format: str = "NHWC", name: str | None = None) -> Tensor:
    """Images in which every square block of pixels became the channels of one pixel."""
    return space_to_depth_op(input, block_size=block_size, data_format=data_format, name=name)


def depth_to_space(input: Any, block_size: int, data_format: str = "NHWC", name: str | None = None) -> Tensor:
    """Images in which the channels of every pixel became a square block of pixels."""
    return depth_to_space_op(input, block_size=block_size, data_format=data_format, name=name)


def _to_batch(input: Any, block: tuple[int, ...], paddings: Any) -> Any:
    spatial = len(block)
    config = [(0, 0), *pairs(paddings, spatial), *[(0, 0)] * (input.ndim - 1 - spatial)]
    padded = jnp.pad(input, config)
    n, *rest = padded.shape
    split: list[int] = []
    for size, parts in zip(rest[:spatial], block, strict=True):
        split += [_divided(size, parts, "a padded dimension"), parts]
    tail = rest[spatial:]
    blocks = padded.reshape(n, *split, *tail)
    order = [*range(2, 2 * spatial + 1, 2), 0, *range(1, 2 * spatial, 2), *range(2 * spatial + 1, blocks.ndim)]
    batch = n
    for parts in block:
        batch *= parts
    return blocks.transpose(order).reshape(batch, *split[::2], *tail)


def _to_space(input: Any, block: tuple[int, ...], crops: Any) -> Any:
    spatial, batch = len(block), input.shape[0]
    for parts in block:
        batch = _divided(batch, parts, "the batch")
    inner, tail = input.shape[1 : 1 + spatial], input.shape[1 + spatial :]
    blocks = jnp.asarray(input).reshape(*block, batch, *inner, *tail)
    order = [spatial]
    for axis in range(spatial):
        order += [spatial + 1 + axis, axis]
    order += range(2 * spatial + 1, blocks.ndim)
    whole = blocks.transpose(order).reshape(batch, *[i * b for i, b in zip(inner, block, strict=True)], *tail)
    cut = [slice(before, size - after) for size, (before, after) in zip(whole.shape[1:], pairs(crops, spatial), strict=False)]
    return whole[(slice(None), *cut)]


def _block(block_shape: Any) -> tuple[int, ...]:
    sizes = integers(block_shape)
    if min(sizes, default=1) < 1:
        raise InvalidArgumentError(f"block sizes must be 1 or more; got {list(sizes)}")
    return sizes


@op(
    "SpaceToBatchND",
    "input: T, block_shape: Tblock_shape, paddings: Tpaddings -> output: T",
    Tblock_shape=INDEX,
    Tpaddings=INDEX,
    unsized=same_rank,
    static=("block_shape", "paddings"),
)
def space_to_batch_nd(input: Any, block_shape: Any, paddings: Any) -> Any:
    """The input, padded, with the position inside each block moved into the batch."""
    return _to_batch(jnp.asarray(input), _block(block_shape), paddings)


@op(
    "BatchToSpaceND",
    "input: T, block_shape: Tblock_shape, crops: Tcrops -> output: T",
    Tblock_shape=INDEX,
    Tcrops=INDEX,
    unsized=same_rank,
    static=("block_shape", "crops"),
)
def batch_to_space_nd(input: Any, block_shape: Any, crops: Any) -> Any:
    """The inverse of SpaceToBatchND: positions inside each block come back out of the batch, then the borders are cropped."""
    return _to_space(input, _block(block_shape), crops)


@space_to_batch_nd.gradient
def _space_to_batch_gradient(record: Any, grad: Any) -> Any:
    return batch_to_space_nd(grad, *record.inputs[1:]), None, None


@batch_to_space_nd.gradient
def _batch_to_space_gradient(record: Any, grad: Any) -> Any:
    return space_to_batch_nd(grad, *record.inputs[1:]), None, None


@op("SpaceToBatch", "input: T, paddings: Tpaddings -> output: T", Tpaddings=INDEX, unsized=same_rank, static=("paddings",))
def space_to_batch_v1(input: Any, paddings: Any, *, block_size: int) -> Any:
    """Images, padded, with the position inside each square block moved into the batch."""
    return _to_batch(jnp.asarray(input), (block_size, block_size), paddings)


@op("BatchToSpace", "input: T, crops: Tidx -> output: T", Tidx=INDEX, unsized=same_rank, static=("crops",))
def batch_to_space_v1(input: Any, crops: Any, *, block_size: int) -> Any:
    """Images with the position inside each square block brought back out of the batch, then cropped."""
    return _to_space(input, (block_size, block_size), crops)


def space_to_batch(input: Any, block_shape: Any, paddings: Any, name: str | None = None) -> Tensor:
    """The input, padded, with the position inside each block moved into the batch."""
    return space_to_batch_nd(input, block_shape, paddings, name=name)


def batch_to_space(input: Any, block_shape: Any, crops: Any, name: str | None = None) -> Tensor:
    """The inverse of `space_to_batch`, with the borders cropped."""
    return batch_to_space_nd(input, block_shape, crops, name=name)


@op("ExtractImagePatches", "images: T -> patches: T", T=(*FLOATING, *INTEGERS, *COMPLEX, bool_))
def extract_image_patches(images: Any, *, ksizes: Ints, strides: Ints, rates: Ints, padding: str) -> Any:
    """For each position of a sliding window its pixels, as the channels of one pixel."""
    if padding not in ("SAME", "VALID") or images.ndim != 4:
        raise InvalidArgumentError(f"expected images of rank 4 and padding SAME or VALID; got shape {images.shape} and {padding!r}")
    images = jnp.asarray(images)
    reach = [(k - 1) * r + 1 for k, r in zip(ksizes[1:3], rates[1:3], strict=True)]
    if padding == "SAME":
        borders = [_same(size, window, step) for size, window, step in zip(images.shape[1:3], reach, strides[1:3], strict=True)]
        images = jnp.pad(images, [(0, 0), *borders, (0, 0)])
    counts = [(size - window) // step + 1 for size, window, step in zip(images.shape[1:3], reach, strides[1:3], strict=True)]
    patches = []
    for i in range(ksizes[1]):
        for j in range(ksizes[2]):
            top, left = i * rates[1], j * rates[2]
            bottom, right = top + (counts[0] - 1) * strides[1] + 1, left + (counts[1] - 1) * strides[2] + 1
            n, _, _, c = images.shape
            patches.append(jax.lax.slice(images, (0, top, left, 0), (n, bottom, right, c), (1, strides[1], strides[2], 1)))
    return jnp.concatenate(patches, -1)


def _same(size: int, window: int, step: int) -> tuple[int, int]:
    total = max((-(-size // step) - 1) * step + window - size, 0)
    return total // 2, total - total // 2


def extract_patches(images: Any, sizes: Any, strides: Any, rates: Any, padding: str, name: str | None = None) -> Tensor:
    """For each position of a sliding window its pixels, as the channels of one pixel (`tf.image.extract_patches`)."""
    return extract_image_patches(
        images, ksizes=tuple(sizes), strides=tuple(strides), rates=tuple(rates), padding=padding, name=name
    )


def required_space_to_batch_paddings(
    input_shape: Any, block_shape: Any, base_paddings: Any = None, name: str | None = None
) -> tuple[Tensor, Tensor]:
    """What to pad so that blocks divide the padded shape, and what to crop afterwards.

    Args:
        input_shape: [n], the sizes of the spatial dimensions.
        block_shape: [n].
        base_paddings: [n, 2], the least padding; none by default.
        name: a name for the nodes in a graph.

    Returns:
        The paddings and the crops, [n, 2] each.
    """
    sizes, blocks = convert_to_tensor(input_shape), convert_to_tensor(block_shape)
    least = get("ZerosLike")(get("Pack")([blocks, blocks], axis=1)) if base_paddings is None else convert_to_tensor(base_paddings)
    start, end = least[:, 0], least[:, 1]
    more = (blocks - (sizes + start + end) % blocks) % blocks
    paddings = get("Pack")([start, end + more], axis=1, name=name)
    return paddings, get("Pack")([get("ZerosLike")(more), more], axis=1)
