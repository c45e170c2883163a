"""Functions of tf.strings whose results are ragged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from headrace.core import dtypes
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.ops.strings import joining, splitting, unicode
from headrace.ragged import partitions
from headrace.ragged.joining import rank_of
from headrace.ragged.tensor import RaggedTensor


def _rowwise(input: Any, divide: Callable[[Any], RaggedTensor]) -> Any:
    """`divide`, which takes a vector, for strings of any rank; the result has one dimension more."""
    if isinstance(input, RaggedTensor):
        return _within(input, divide)
    x = convert_to_tensor(input)
    rank = rank_of(x)
    if rank == 0:
        return divide(get("Reshape")(x, [1])).values
    if rank == 1:
        return divide(x)
    return _within(RaggedTensor.from_tensor(x, ragged_rank=rank - 1), divide)


def _within(tensor: RaggedTensor, divide: Callable[[Any], RaggedTensor]) -> RaggedTensor:
    return tensor.with_values(_rowwise(tensor.values, divide))


def _of_sparse(indices: Any, values: Any, shape: Any) -> RaggedTensor:
    """A sparse matrix whose rows are filled from the left."""
    rowids = get("StridedSlice")(indices, [0, 0], [0, 1], [1, 1], begin_mask=1, end_mask=1, shrink_axis_mask=2)
    rowids.set_shape([None])
    values.set_shape([None])
    return RaggedTensor(values, partitions.splits_of_rowids(rowids, get("GatherV2")(shape, 0, 0)))


def split(input: Any, sep: Any = None, maxsplit: int = -1, name: str | None = None) -> Any:
    """Each string split at `sep`, or at runs of blanks; a ragged tensor of one dimension more (a vector for one string)."""
    separator = "" if sep is None else sep
    return _rowwise(input, lambda x: _of_sparse(*splitting.string_split_v2.all(x, separator, maxsplit=maxsplit, name=name)))


def bytes_split(input: Any, name: str | None = None) -> Any:
    """Each string as its single bytes."""
    return _rowwise(input, lambda x: _of_sparse(*splitting.string_split.all(x, "", skip_empty=False, name=name)))


def ngrams(
    data: Any,
    ngram_width: Any,
    separator: str = " ",
    pad_values: Any = None,
    padding_width: int | None = None,
    preserve_short_sequences: bool = False,
    name: str | None = None,
) -> Any:
    """The n-grams of the innermost rows, joined by `separator`, for a width or several in turn.

    Args:
        pad_values: a string, or one for the left and one for the right, put before and after each row; None for none.
        padding_width: how many at most; width - 1 by default.
        preserve_short_sequences: a row too short for any n-gram becomes one.
    """
    widths = (ngram_width,) if isinstance(ngram_width, int) else tuple(ngram_width)
    left, right = (
        ("", "") if pad_values is None else (pad_values, pad_values) if isinstance(pad_values, str | bytes) else pad_values
    )
    width = 0 if pad_values is None else -1 if padding_width is None else padding_width
    x = data if isinstance(data, RaggedTensor) else convert_to_tensor(data)

    def grams(values: Any, splits: Any) -> RaggedTensor:
        found, ends = joining.string_ngrams.all(
            values,
            splits,
            separator=separator,
            ngram_widths=widths,
            left_pad=left,
            right_pad=right,
            pad_width=width,
            preserve_short_sequences=preserve_short_sequences,
            name=name,
        )
        found.set_shape([None])
        ends.set_shape(splits.shape)
        return RaggedTensor(found, ends)

    def deepest(tensor: Any) -> Any:
        if isinstance(tensor.values, RaggedTensor):
            return tensor.with_values(deepest(tensor.values))
        return grams(tensor.values, tensor.row_splits)

    if isinstance(x, RaggedTensor):
        return deepest(x)
    rank = rank_of(x)
    if rank == 1:
        whole = get("Pack")([np.int64(0), get("Size")(x, out_type=dtypes.int64)])
        return grams(x, whole).values
    return deepest(RaggedTensor.from_tensor(x, ragged_rank=rank - 1)).to_tensor()


def unicode_decode(
    input: Any,
    input_encoding: str,
    errors: str = "replace",
    replacement_char: int = 0xFFFD,
    replace_control_characters: bool = False,
    name: str | None = None,
) -> Any:
    """The code points of each string; a ragged tensor of one dimension more (a vector for one string)."""

    def decode(x: Any) -> RaggedTensor:
        splits, codes = unicode.unicode_decode.all(
            x,
            input_encoding=input_encoding,
            errors=errors,
            replacement_char=replacement_char,
            replace_control_characters=replace_control_characters,
            name=name,
        )
        count = x.shape[0]
        splits.set_shape([None if count is None else count + 1])
        codes.set_shape([None])
        return RaggedTensor(codes, splits)

    return _rowwise(input, decode)


def unicode_encode(
    input: Any, output_encoding: str, errors: str = "replace", replacement_char: int = 0xFFFD, name: str | None = None
) -> Any:
    """A string of the code points of each innermost row."""
    x = input if isinstance(input, RaggedTensor) else convert_to_tensor(input)
    if not isinstance(x, RaggedTensor):
        if rank_of(x) == 1:
            whole = get("Pack")([np.int64(0), get("Size")(x, out_type=dtypes.int64)])
            return get("Reshape")(_encode(x, whole, output_encoding, errors, replacement_char, name), [])
        x = RaggedTensor.from_tensor(x, ragged_rank=1)
    if isinstance(x.values, RaggedTensor) or rank_of(x.values) > 1:
        return x.with_values(unicode_encode(x.values, output_encoding, errors, replacement_char))
    return _encode(x.values, x.row_splits, output_encoding, errors, replacement_char, name)


def _encode(codes: Any, splits: Any, encoding: str, errors: str, replacement_char: int, name: str | None) -> Any:
    return unicode.unicode_encode(
        codes, splits, errors=errors, output_encoding=encoding, replacement_char=replacement_char, name=name
    )


def unicode_decode_with_offsets(
    input: Any,
    input_encoding: str,
    errors: str = "replace",
    replacement_char: int = 0xFFFD,
    replace_control_characters: bool = False,
    name: str | None = None,
) -> tuple[Any, Any]:
    """`unicode_decode`, and the byte of its string at which each character begins (int64)."""
    codes = unicode_decode(input, input_encoding, errors, replacement_char, replace_control_characters, name)

    def starts(x: Any) -> RaggedTensor:
        splits, _, offsets = unicode.unicode_decode_with_offsets.all(
            x,
            input_encoding=input_encoding,
            errors=errors,
            replacement_char=replacement_char,
            replace_control_characters=replace_control_characters,
        )
        count = x.shape[0]
        splits.set_shape([None if count is None else count + 1])
        offsets.set_shape([None])
        return RaggedTensor(offsets, splits)

    return codes, _rowwise(input, starts)


def unicode_split_with_offsets(
    input: Any, input_encoding: str, errors: str = "replace", replacement_char: int = 0xFFFD, name: str | None = None
) -> tuple[Any, Any]:
    """`unicode_split`, and the byte of its string at which each character begins (int64)."""
    _, offsets = unicode_decode_with_offsets(input, input_encoding, errors, replacement_char)
    return unicode_split(input, input_encoding, errors, replacement_char, name), offsets


def unicode_split(
    input: Any, input_encoding: str, errors: str = "replace", replacement_char: int = 0xFFFD, name: str | None = None
) -> Any:
    """Each string as its characters, in the same encoding."""
    codes = unicode_decode(input, input_encoding, errors, replacement_char)
    flat = codes.flat_values if isinstance(codes, RaggedTensor) else codes
    each = partitions.positions(np.int64(0), get("AddV2")(get("Size")(flat, out_type=dtypes.int64), np.int64(1)), np.int64(1))
    characters = _encode(flat, each, input_encoding, errors, replacement_char, name)
    characters.set_shape([None])
    return codes.with_flat_values(characters) if isinstance(codes, RaggedTensor) else characters
