"""TensorBundle, the checkpoint format: `prefix.index` names tensors, `prefix.data-00000-of-00001` and so on hold their bytes."""

from __future__ import annotations

import math
import mmap
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from headrace.checkpoint import slices
from headrace.checkpoint.table import read_table, write_table
from headrace.core import dtypes, errors
from headrace.core.dtypes import DType
from headrace.core.shapes import TensorShape
from headrace.proto.crc import crc32c, mask
from headrace.proto.messages import BundleEntryProto, BundleHeaderProto, TensorSliceProto, parse, serialize
from headrace.proto.tensors import Array, as_bytes, concrete_shape, dtype_from_proto, from_bytes, little_endian, shape_to_proto
from headrace.proto.varint import get_varint, put_varint

_VERSION = 1
MAX_SHARDS = 1 << 16
"""The most data files that are written or read."""
_PIECE = 1 << 24
_ALIGNMENT = 64
_MAPPED = 1 << 20


def shard_path(prefix: Path, shard: int, count: int) -> Path:
    """The data file number `shard` of `count`."""
    return prefix.with_name(f"{prefix.name}.data-{shard:05d}-of-{count:05d}")


def index_path(prefix: Path) -> Path:
    """The index file of a bundle."""
    return prefix.with_name(f"{prefix.name}.index")


class Piece(NamedTuple):
    """A tensor that is written, or a part of one.

    Attributes:
        key: under which it is stored.
        array: its elements (numpy's or JAX's); strings as an object array of bytes or str.
        shape: of the whole tensor.
        start: where in the whole the part begins; None for a whole tensor.
    """

    key: str
    array: Any
    shape: tuple[int, ...]
    start: tuple[int, ...] | None

    def slice_proto(self) -> Any:
        """The TensorSliceProto of a part."""
        pairs = zip(self.start or (), self.array.shape, strict=True)
        return TensorSliceProto(extent=[TensorSliceProto.Extent(start=start, length=length) for start, length in pairs])


def write_bundle(prefix: str | os.PathLike[str], tensors: Mapping[str, Any], kinds: Mapping[str, DType] | None = None) -> None:
    """Writes whole arrays, given by key, in one shard; see `write_shards`."""
    write_shards(prefix, [[Piece(key, array, array.shape, None) for key, array in tensors.items()]], kinds)


def write_shards(
    prefix: str | os.PathLike[str], shards: Sequence[Sequence[Piece]], kinds: Mapping[str, DType] | None = None
) -> None:
    """Writes a data file a shard, then the index of all, and syncs each to disk.

    Args:
        prefix: path of the bundle without the endings; its folder exists.
        shards: what goes into each data file; arrays are fetched one at a time.
        kinds: the dtype by key where numpy's is not enough (quantized types).

    Raises:
        InvalidArgumentError: a key is empty, or there are more shards than the format has numbers for.
        UnimplementedError: a tensor holds handles or variants.
    """
    prefix = Path(prefix)
    if any(not piece.key for shard in shards for piece in shard):
        raise errors.InvalidArgumentError("a tensor has the empty key, which the format keeps for its header; name every tensor")
    if not 0 < len(shards) <= MAX_SHARDS:
        raise errors.InvalidArgumentError(f"a checkpoint has 1 to {MAX_SHARDS} data files; got {len(shards)}")
    header = BundleHeaderProto(num_shards=len(shards))
    header.version.producer = _VERSION
    items = {b"": header}
    for number, shard in enumerate(shards):
        with shard_path(prefix, number, len(shards)).open("wb") as data:
            for piece in sorted(shard, key=lambda piece: (piece.key.encode(), piece.start or ())):
                dtype = (kinds or {}).get(piece.key) or dtypes.from_numpy(piece.array.dtype)
                entry = _write_tensor(data, np.asarray(piece.array), dtype, piece.key)
                entry.shard_id = number
                _add_entry(items, piece, entry)
            _sync(data)
    with index_path(prefix).open("wb") as index:
        index.write(write_table([(key, serialize(items[key])) for key in sorted(items)]))
        _sync(index)


def _add_entry(items: dict[bytes, Any], piece: Piece, entry: Any) -> None:
    """Notes a tensor that was written; a part also in the list of the whole's parts."""
    key = piece.key.encode()
    if piece.start is None:
        items[key] = entry
        return
    proto = piece.slice_proto()
    items[slices.encode_key(piece.key, proto)] = entry
    if key not in items:
        items[key] = BundleEntryProto(dtype=entry.dtype, shape=shape_to_proto(TensorShape(piece.shape)))
    items[key].slices.append(proto)


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _write_tensor(data: IO[bytes], array: Array, dtype: DType, key: str) -> Any:
    if not dtype.is_numpy_compatible:
        raise errors.UnimplementedError(
            f"tensor {key!r} is of {dtype.name}, which a checkpoint cannot hold; expected numbers or strings"
        )
    entry = BundleEntryProto(dtype=dtype.enum, shape=shape_to_proto(TensorShape(array.shape)), offset=data.tell())
    if dtype is dtypes.string:
        crc = _write_strings(data, [as_bytes(item) for item in array.ravel().tolist()])
    else:
        content = little_endian(array.astype(dtype.np_dtype, copy=False)).reshape(-1).view(np.uint8).data
        crc = crc32c(content)
        data.write(content)
    entry.size = data.tell() - entry.offset
    entry.crc32c = mask(crc)
    return entry


def _write_strings(data: IO[bytes], items: list[bytes]) -> int:
    lengths = bytearray()
    for item in items:
        put_varint(lengths, len(item))
    crc = crc32c(_fixed_lengths([len(item) for item in items]))
    checksum = struct.pack("<I", mask(crc))
    joined = b"".join(items)
    data.write(lengths + checksum)
    data.write(joined)
    return crc32c(joined, crc32c(checksum, crc))


def _fixed_lengths(lengths: list[int]) -> bytes:
    return b"".join(n.to_bytes(4 if n < 1 << 32 else 8, "little") for n in lengths)


class BundleReader:
    """Reads tensors of a bundle by key; checksums are verified at every read."""

    def __init__(self, prefix: str | os.PathLike[str]) -> None:
        """Reads the index of the bundle at `prefix`.

        Raises:
            NotFoundError: there is no index file.
            DataLossError: the index is truncated or damaged.
            UnimplementedError: the bundle is big-endian or of a later version.
        """
        self.prefix = Path(prefix)
        path = index_path(self.prefix)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise errors.NotFoundError(f"there is no checkpoint {str(self.prefix)!r}: {path.name} is missing") from None
        table = read_table(data, str(path))
        if b"" not in table:
            raise errors.DataLossError(f"{path} holds no header; it is not the index of a TensorBundle")
        header = parse(BundleHeaderProto, table.pop(b""), f"the header of {path}")
        self._check_header(header, path)
        self.shards: int = header.num_shards
        self._pieces = {key: value for key, value in table.items() if key[:1] == b"\x00"}
        self._entries = {_key_text(key, path): value for key, value in table.items() if key[:1] != b"\x00"}
        self._decoded: dict[str, Any] = {}

    @staticmethod
    def _check_header(header: Any, path: Path) -> None:
        if header.endianness != BundleHeaderProto.LITTLE:
            raise errors.UnimplementedError(f"{path} was written on a big-endian machine; expected little-endian data")
        if header.version.min_consumer > _VERSION:
            raise errors.UnimplementedError(
                f"{path} needs a reader of version {header.version.min_consumer}; this one is {_VERSION}"
            )
        if not 0 < header.num_shards <= MAX_SHARDS:
            raise errors.DataLossError(f"{path} claims {header.num_shards} data files; expected 1 to {MAX_SHARDS}")

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def entry(self, key: str) -> Any:
        """The BundleEntryProto of a key.

        Raises:
            NotFoundError: the bundle has no such key.
        """
        if key not in self._decoded:
            if key not in self._entries:
                raise errors.NotFoundError(f"the checkpoint {str(self.prefix)!r} has no tensor {key!r}; it has {len(self)} tensors")
            self._decoded[key] = parse(BundleEntryProto, self._entries[key], self._label(key))
        return self._decoded[key]

    def spec(self, key: str) -> tuple[DType, tuple[int, ...]]:
        """The dtype and shape of a tensor."""
        entry = self.entry(key)
        return dtype_from_proto(entry.dtype, self._label(key)), concrete_shape(entry.shape, self._label(key))

    def read(self, key: str) -> Array:
        """The tensor of that key; strings as an object array of bytes.

        Raises:
            NotFoundError: the key, or the data file, is missing.
            DataLossError: the data is truncated or its checksum differs.
            InvalidArgumentError: the entry contradicts itself.
        """
        entry = self.entry(key)
        dtype, shape = self.spec(key)
        if entry.slices:
            return self._read_slices(key, entry, dtype, shape)
        return self._read_entry(entry, dtype, shape, self._label(key))

    def _label(self, key: str) -> str:
        return f"tensor {key!r} of the checkpoint {str(self.prefix)!r}"

    def _read_slices(self, key: str, entry: Any, dtype: DType, shape: tuple[int, ...]) -> Array:
        label = self._label(key)
        windows = [slices.window(proto, shape, label) for proto in entry.slices]
        if sum(math.prod(size for _, size in window) for window in windows) != math.prod(shape):
            raise errors.DataLossError(f"{label}: its {len(windows)} slices do not add up to shape {list(shape)}")
        pieces = []
        for proto, window in zip(entry.slices, windows, strict=True):
            raw = self._pieces.get(slices.encode_key(key, proto))
            if raw is None:
                raise errors.DataLossError(f"{label}: the slice {window} is missing from the index")
            piece = parse(BundleEntryProto, raw, label)
            sizes = tuple(size for _, size in window)
            if piece.dtype != entry.dtype or concrete_shape(piece.shape, label) != sizes:
                raise errors.DataLossError(f"{label}: the slice {window} has another dtype or shape than the whole tensor says")
            pieces.append((window, self._read_entry(piece, dtype, sizes, label)))
        whole = np.empty(shape, dtype.np_dtype)
        for window, part in pieces:
            whole[tuple(slice(start, start + size) for start, size in window)] = part
        return whole

    def _read_entry(self, entry: Any, dtype: DType, shape: tuple[int, ...], label: str) -> Array:
        if not dtype.is_numpy_compatible:
            raise errors.UnimplementedError(f"{label} is of {dtype.name}, which cannot be read from a checkpoint")
        count = math.prod(shape)
        strings = dtype is dtypes.string
        if entry.size < count or not strings and entry.size != count * dtype.np_dtype.itemsize:
            raise errors.DataLossError(f"{label} takes {entry.size} bytes, which does not fit {dtype.name} of shape {list(shape)}")
        content = self._content(entry, label)
        if strings:
            return _parse_strings(content.tobytes(), count, entry.crc32c, label).reshape(shape)
        _check_crc(crc32c(content.data), entry.crc32c, label)
        return (content != 0 if dtype is dtypes.bool_ else content.view(dtype.np_dtype)).reshape(shape)

    def _content(self, entry: Any, label: str) -> Array:
        """The bytes of an entry, where a device whose memory is the host's can use them without a copy."""
        if not 0 <= entry.shard_id < self.shards or entry.offset < 0:
            raise errors.DataLossError(
                f"{label} stands in data file {entry.shard_id} at {entry.offset}; the checkpoint has {self.shards} data files"
            )
        path = shard_path(self.prefix, entry.shard_id, self.shards)
        try:
            with path.open("rb", buffering=0) as file:
                available = os.fstat(file.fileno()).st_size - entry.offset
                if available < entry.size:
                    raise errors.DataLossError(
                        f"{label} takes {entry.size} bytes, but {path.name} holds {max(available, 0)} from there on"
                    )
                file.seek(entry.offset)
                content = _aligned(entry.size)
                if file.readinto(content.data) != entry.size:
                    raise errors.DataLossError(f"{label}: {path.name} became shorter while it was read")
                return content
        except FileNotFoundError:
            raise errors.NotFoundError(f"{label}: the data file {path.name} is missing") from None


def _aligned(size: int) -> Array:
    """Room for `size` bytes that begins at a multiple of 64, which XLA asks of memory that it shares.

    Much room is mapped by itself: numpy asks for huge pages, and filling those for the first time took up to four times as long.
    """
    room: Array
    if size >= _MAPPED:
        room = np.frombuffer(mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS), np.uint8)
        return room
    room = np.empty(size + _ALIGNMENT, np.uint8)
    start = -room.ctypes.data % _ALIGNMENT
    return room[start : start + size]


def _key_text(key: bytes, path: Path) -> str:
    try:
        return key.decode()
    except UnicodeDecodeError:
        raise errors.DataLossError(f"{path} is damaged: the key {key!r} is no UTF-8 text") from None


def _check_crc(crc: int, expected: int, label: str) -> None:
    if mask(crc) != expected:
        raise errors.DataLossError(f"{label} is damaged: its checksum is {mask(crc):#010x}; the index says {expected:#010x}")


def _parse_strings(content: bytes, count: int, expected: int, label: str) -> Array:
    lengths, at = [], 0
    for _ in range(count):
        length, at = get_varint(content, at, label)
        lengths.append(length)
    if len(content) != at + 4 + sum(lengths):
        raise errors.DataLossError(f"{label} is damaged: its strings take {at + 4 + sum(lengths)} bytes; {len(content)} are stored")
    crc = crc32c(_fixed_lengths(lengths))
    (stored,) = struct.unpack_from("<I", content, at)
    _check_crc(crc, stored, label)
    _check_crc(crc32c(content[at + 4 :], crc32c(content[at : at + 4], crc)), expected, label)
    items = np.empty(count, dtype=object)
    at += 4
    for index, length in enumerate(lengths):
        items[index] = content[at : at + length]
        at += length
    return items
