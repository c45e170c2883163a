"""Elements and positions of cursors as bytes: for checkpoints of iterators, and for datasets in files.

A JSON text, in which arrays are numbers, then the arrays as TensorProto, each after its length.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from headrace.core.errors import DataLossError, InvalidArgumentError, UnimplementedError
from headrace.data.pipeline.sources import Listed
from headrace.data.pipeline.stage import Stage
from headrace.dispatch.lists import ElementList
from headrace.ops.iteration.iterators import DatasetValue
from headrace.proto.messages import StructuredValue, TensorProto, parse
from headrace.proto.tensors import from_proto, to_proto
from headrace.saved_model import structure

_MAGIC = b"HRD1"
_LENGTH = struct.Struct("<Q")
_ARRAY, _WINDOW = "array", "window"


def pack(value: Any) -> bytes:
    """Numbers, strings, arrays, lists and dicts of these as bytes.

    Raises:
        UnimplementedError: there is a dataset or an optional among them.
    """
    arrays: list[bytes] = []

    def plain(item: Any) -> Any:
        if isinstance(item, DatasetValue) and isinstance(item.stage, Listed):
            spec = structure.encode(item.stage.element_spec).SerializeToString()
            return {_WINDOW: [base64.b64encode(spec).decode(), plain(list(item.stage.elements))]}
        if isinstance(item, ElementList):
            raise UnimplementedError("an element that holds an optional, or a dataset other than a window, has no stored form")
        if isinstance(item, np.ndarray | np.generic) or hasattr(item, "__array__"):
            arrays.append(to_proto(np.asarray(item)).SerializeToString())
            return {_ARRAY: len(arrays) - 1}
        if isinstance(item, list | tuple):
            return [plain(part) for part in item]
        if isinstance(item, dict):
            return {"map": [[key, plain(part)] for key, part in item.items()]}
        return item

    text = json.dumps(plain(value)).encode()
    parts = [_MAGIC, _LENGTH.pack(len(text)), text]
    for array in arrays:
        parts += [_LENGTH.pack(len(array)), array]
    return b"".join(parts)


def unpack(blob: bytes, what: str, as_dataset: Callable[[Stage], DatasetValue] | None = None) -> Any:
    """The inverse of `pack`; tuples become lists.

    Args:
        blob: the bytes.
        what: a name for them in messages.
        as_dataset: makes the value of a window of its stage; without it there may be none.

    Raises:
        DataLossError: they are damaged.
    """
    if blob[:4] != _MAGIC:
        raise DataLossError(f"{what} does not begin as data of a pipeline does")
    place = 4
    pieces: list[bytes] = []
    while place < len(blob):
        if place + _LENGTH.size > len(blob):
            raise DataLossError(f"{what} is cut off")
        (length,) = _LENGTH.unpack_from(blob, place)
        place += _LENGTH.size
        if length > len(blob) - place:
            raise DataLossError(f"{what} is cut off: {length} bytes are announced, {len(blob) - place} are there")
        pieces.append(blob[place : place + length])
        place += length
    try:
        tree = json.loads(pieces[0])
        arrays = [from_proto(parse(TensorProto, piece, what), what) for piece in pieces[1:]]
        return _Reader(arrays, what, as_dataset).value(tree)
    except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
        raise DataLossError(f"{what} is damaged: {error}") from None


class _Reader:
    """The tree of the JSON text with its arrays and windows."""

    def __init__(self, arrays: list[Any], what: str, as_dataset: Callable[[Stage], DatasetValue] | None) -> None:
        self._arrays, self._what, self._as_dataset = arrays, what, as_dataset

    def value(self, tree: Any) -> Any:
        """What a part of the tree stands for."""
        if isinstance(tree, list):
            return [self.value(item) for item in tree]
        if not isinstance(tree, dict):
            return tree
        if _ARRAY in tree:
            return self._arrays[tree[_ARRAY]]
        if _WINDOW in tree and self._as_dataset is not None:
            blob, elements = tree[_WINDOW]
            spec = structure.decode(parse(StructuredValue, base64.b64decode(blob), self._what), self._what)
            return self._as_dataset(Listed(spec, [tuple(element) for element in self.value(elements)]))
        return {key: self.value(item) for key, item in tree["map"]}


def check_fits(element: list[Any], specs: list[Any], what: str) -> tuple[Any, ...]:
    """An element that was read, checked against what it should be.

    Raises:
        InvalidArgumentError: it is something else.
    """
    fits = isinstance(element, list) and len(element) == len(specs)
    if not fits or not all(
        part.dtype == spec.dtype.np_dtype and spec.shape.is_compatible_with(part.shape)
        for part, spec in zip(element, specs, strict=True)
    ):
        raise InvalidArgumentError(
            f"{what} holds an element that does not fit {specs}; give the element_spec that it was saved with"
        )
    return tuple(element)
