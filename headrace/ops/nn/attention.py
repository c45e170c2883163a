"""What the attention and layer_norm passes make: one kernel call for what a program spells out in many ops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from headrace.core.dtypes import FLOATING
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import Ints, op

LAYOUTS = ("BTNH", "BNTH")

FLASH_WIDTHS = range(8, 129, 8)
"""Sizes of a head that cuDNN's flash attention takes."""

LONG = 512 * 512
"""Scores a head from which it pays: on an H100 in 16 bits 128 x 128 took 98 us instead of 51, 1024 x 1024 125 instead of 183."""

HIDDEN = -1e4
"""A fill value at or below this hides a position altogether."""


@op(
    "_FusedAttention",
    "query: T, key: T, value: T, bias: num_bias*T, mask: num_mask*bool -> output: T",
    T=FLOATING,
    exportable=False,
)
def fused_attention(
    query: Any, key: Any, value: Any, bias: Any, mask: Any, *, scale: float = 1.0, fill: float = -1e9, layout: str = "BNTH"
) -> Any:
    """softmax(query key^T * scale + bias, `fill` where not mask) value, computed in at least 32 bits.

    `layout` says where the heads N and positions T of query, key and value are; BNTH may have any dimensions before T.
    Bias and mask are [..., N, T, S] or broadcast to that.
    """
    if layout not in LAYOUTS:
        raise InvalidArgumentError(f"attention has no layout {layout!r}; expected one of {', '.join(LAYOUTS)}")

    def plain(query: Any, key: Any, value: Any, *rest: Any) -> Any:
        return _attend(query, key, value, rest[: len(bias)], rest[len(bias) :], scale, fill, layout)

    def flash(query: Any, key: Any, value: Any, *rest: Any) -> Any:
        return _flash(query, key, value, rest[: len(bias)], rest[len(bias) :], scale, layout)

    arguments = (query, key, value, *bias, *mask)
    if not takes_flash(query, key, value, [*bias, *mask], fill, layout):
        return plain(*arguments)
    return jax.lax.platform_dependent(*arguments, cuda=flash, default=plain)


def _attend(
    query: Any, key: Any, value: Any, bias: Sequence[Any], mask: Sequence[Any], scale: float, fill: float, layout: str
) -> Any:
    scores, mix = ("btnh,bsnh->bnts", "bnts,bsnh->btnh") if layout == "BTNH" else ("...th,...sh->...ts", "...ts,...sh->...th")
    wide = jnp.promote_types(query.dtype, jnp.float32)
    logits = jnp.einsum(scores, query, key, preferred_element_type=wide) * jnp.asarray(scale, wide)
    for item in bias:
        logits = logits + item.astype(wide)
    for item in mask:
        logits = jnp.where(item, logits, jnp.asarray(fill, wide))
    return jnp.einsum(mix, jax.nn.softmax(logits).astype(value.dtype), value)


def takes_flash(query: Any, key: Any, value: Any, extra: Sequence[Any], fill: float, layout: str) -> bool:
    """True where a GPU is there and cuDNN has a kernel that pays: 16 bits, four dimensions, a width it knows, long rows."""
    if jax.default_backend() != "gpu" or query.dtype not in (jnp.float16, jnp.bfloat16) or query.ndim != 4 or fill > HIDDEN:
        return False
    widths = {v.shape[-1] for v in (query, key, value)}
    others = {(v.shape[0], v.shape[layout.index("N")]) for v in (query, key, value)}
    full = _scores_shape(query, key, layout)
    fits = full[2] * full[3] >= LONG and all(np.broadcast_shapes(v.shape, full) == full for v in extra)
    return fits and len(others) == 1 and len(widths) == 1 and widths <= set(FLASH_WIDTHS)


def _scores_shape(query: Any, key: Any, layout: str) -> tuple[int, ...]:
    """[batch, heads, rows, columns]."""
    rows, heads = layout.index("T"), layout.index("N")
    return query.shape[0], query.shape[heads], query.shape[rows], key.shape[rows]


def _flash(query: Any, key: Any, value: Any, bias: Sequence[Any], mask: Sequence[Any], scale: float, layout: str) -> Any:
    q, k, v = (x if layout == "BTNH" else jnp.swapaxes(x, 1, 2) for x in (query, key, value))
    full = _scores_shape(query, key, layout)
    added = jnp.broadcast_to(bias[0], full) if bias else None
    shown = jnp.broadcast_to(mask[0], full) if mask else None
    found = jax.nn.dot_product_attention(q, k, v, added, shown, scale=scale, implementation="cudnn")
    return found if layout == "BTNH" else jnp.swapaxes(found, 1, 2)


@op("_FusedLayerNorm", "x: T, args: num_args*T -> y: T", T=FLOATING, exportable=False)
def fused_layer_norm(x: Any, args: Any, *, axes: Ints = (-1,), epsilon: float = 0.001, has_scale: bool = False) -> Any:
    """(x - mean) / sqrt(variance + epsilon) over `axes`, times a scale, plus an offset, computed in at least 32 bits.

    `args` holds the scale (when `has_scale`), then the offset, where there are such.
    """
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    centered = wide - jnp.mean(wide, axes, keepdims=True)
    inverse = jax.lax.rsqrt(jnp.mean(jnp.square(centered), axes, keepdims=True) + jnp.asarray(epsilon, wide.dtype))
    rest = list(args)
    y = centered * inverse
    if has_scale:
        y = y * rest.pop(0)
    for offset in rest:
        y = y + offset
    return y.astype(x.dtype)
