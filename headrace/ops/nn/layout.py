"""What convolutions and pooling share: data layouts, windows and padding."""

from __future__ import annotations

from collections.abc import Sequence

from headrace.core.errors import InvalidArgumentError

Pairs = list[tuple[int, int]]


LAYOUTS = frozenset({"NHWC", "NCHW", "NDHWC", "NCDHW", "NWC", "NCW"})


def check_layout(data_format: str) -> None:
    """Refuses what is no data layout.

    Raises:
        InvalidArgumentError: it is none of LAYOUTS.
    """
    if data_format not in LAYOUTS:
        raise InvalidArgumentError(f"data_format must be one of {', '.join(sorted(LAYOUTS))}; got {data_format!r}")


def spatial(values: Sequence[int], data_format: str, what: str) -> tuple[int, ...]:
    """The spatial entries of a list of one number a dimension, such as strides.

    Raises:
        InvalidArgumentError: the batch or channel entry is not 1, or a number is not positive.
    """
    channel = data_format.index("C")
    kept = tuple(v for i, v in enumerate(values) if i not in (0, channel))
    if len(values) != len(data_format) or values[0] != 1 or values[channel] != 1 or min(kept) < 1:
        raise InvalidArgumentError(
            f"{what} must be {len(data_format)} positive numbers with 1 for batch and channels ({data_format}); got {list(values)}"
        )
    return kept


def padding_of(
    padding: str,
    explicit: Sequence[int],
    data_format: str,
    sizes: Sequence[int],
    windows: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
) -> Pairs:
    """Padding before and after, for each spatial dimension; SAME puts the odd one after, as TensorFlow does.

    Raises:
        InvalidArgumentError: the padding is none of SAME, VALID, EXPLICIT, or the explicit numbers do not fit.
    """
    if padding == "VALID":
        return [(0, 0)] * len(sizes)
    if padding == "EXPLICIT":
        if len(explicit) != 2 * len(data_format) or min(explicit) < 0:
            raise InvalidArgumentError(
                f"explicit padding in {data_format} takes {2 * len(data_format)} numbers >= 0; got {list(explicit)}"
            )
        pairs = list(zip(explicit[::2], explicit[1::2], strict=True))
        return [pair for i, pair in enumerate(pairs) if i not in (0, data_format.index("C"))]
    if padding != "SAME":
        raise InvalidArgumentError(f"padding must be SAME, VALID or EXPLICIT; got {padding!r}")
    pairs = []
    for size, window, stride, dilation in zip(sizes, windows, strides, dilations, strict=True):
        total = max((-(-size // stride) - 1) * stride + (window - 1) * dilation + 1 - size, 0)
        pairs.append((total // 2, total - total // 2))
    return pairs


def spatial_sizes(shape: Sequence[int], data_format: str) -> tuple[int, ...]:
    """The spatial sizes of a tensor of that layout."""
    return tuple(size for size, letter in zip(shape, data_format, strict=True) if letter not in "NC")


def per_dimension(value: int | Sequence[int], data_format: str) -> tuple[int, ...]:
    """A public argument (one number, one a spatial dimension, or one a dimension) as one number a dimension.

    Raises:
        InvalidArgumentError: the number of entries fits neither.
    """
    check_layout(data_format)
    rank = len(data_format)
    entries = [value] * (rank - 2) if isinstance(value, int) else [int(v) for v in value]
    if len(entries) == 1:
        entries *= rank - 2
    if len(entries) == rank:
        return tuple(entries)
    if len(entries) != rank - 2:
        raise InvalidArgumentError(f"expected 1, {rank - 2} or {rank} numbers for {data_format}; got {list(entries)}")
    inner = iter(entries)
    return tuple(1 if letter in "NC" else next(inner) for letter in data_format)
