"""TensorBundle: round trips, and every damaged byte is found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from headrace.checkpoint.bundle import BundleReader, index_path, shard_path, write_bundle
from headrace.checkpoint.slices import encode_key
from headrace.checkpoint.table import read_table, write_table
from headrace.core import dtypes, errors
from headrace.proto.messages import BundleEntryProto, BundleHeaderProto, serialize


def _strings(*items: bytes) -> np.ndarray:
    array = np.empty(len(items), object)
    array[:] = items
    return array


@pytest.mark.parametrize("dtype", [d for d in dtypes.ALL if d.is_numpy_compatible], ids=lambda d: d.name)
def test_every_dtype_round_trips(tmp_path: Path, dtype: dtypes.DType) -> None:
    array = (
        _strings(b"", b"x" * 300)
        if dtype is dtypes.string
        else (np.arange(6) % 7).astype(np.float32).astype(dtype.np_dtype).reshape(2, 3)
    )
    write_bundle(tmp_path / "v", {"a": array, "b": array}, {"a": dtype, "b": dtype})
    reader = BundleReader(tmp_path / "v")
    assert list(reader) == ["a", "b"]
    assert reader.spec("b") == (dtype, array.shape)
    assert reader.read("b").tolist() == array.tolist()


def test_empty_bundle_and_empty_tensors(tmp_path: Path) -> None:
    write_bundle(tmp_path / "none", {})
    assert len(BundleReader(tmp_path / "none")) == 0
    write_bundle(
        tmp_path / "v", {"e": np.zeros((0, 3), np.float32), "s": np.empty((0,), object), "scalar": np.float32(3).reshape(())}
    )
    reader = BundleReader(tmp_path / "v")
    assert reader.read("e").shape == (0, 3)
    assert reader.read("s").shape == (0,)
    assert reader.read("scalar").tolist() == 3.0


def test_non_contiguous_arrays_are_written_in_row_order(tmp_path: Path) -> None:
    array = np.arange(12, dtype=np.int32).reshape(3, 4).T
    write_bundle(tmp_path / "v", {"a": array})
    assert BundleReader(tmp_path / "v").read("a").tolist() == array.tolist()


def test_what_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(errors.InvalidArgumentError, match="empty key"):
        write_bundle(tmp_path / "v", {"": np.zeros(1)})
    with pytest.raises(errors.UnimplementedError, match="resource"):
        write_bundle(tmp_path / "v", {"r": np.empty((), object)}, {"r": dtypes.resource})


def test_missing_files_and_keys_are_named(tmp_path: Path) -> None:
    with pytest.raises(errors.NotFoundError, match=r"v\.index is missing"):
        BundleReader(tmp_path / "v")
    write_bundle(tmp_path / "v", {"a": np.zeros(1)})
    with pytest.raises(errors.NotFoundError, match="no tensor 'b'"):
        BundleReader(tmp_path / "v").read("b")
    shard_path(tmp_path / "v", 0, 1).unlink()
    with pytest.raises(errors.NotFoundError, match="data file"):
        BundleReader(tmp_path / "v").read("a")


def test_every_flipped_or_missing_byte_is_found_or_harmless(tmp_path: Path) -> None:
    prefix = tmp_path / "v"
    values = {"f": np.arange(5, dtype=np.float32), "s": _strings(b"one", b"three"), "z": np.zeros((0,), np.int8)}
    write_bundle(prefix, values)
    for path in (index_path(prefix), shard_path(prefix, 0, 1)):
        good = path.read_bytes()
        variants = [good[:n] for n in range(len(good))]
        for at in range(len(good)):
            flipped = bytearray(good)
            flipped[at] ^= 1 << (at % 8)
            variants.append(bytes(flipped))
        for bad in variants:
            path.write_bytes(bad)
            try:
                reader = BundleReader(prefix)
                found = {key: reader.read(key).tolist() for key in reader}
            except errors.HeadraceError:
                continue
            assert found == {key: value.tolist() for key, value in values.items()}
        path.write_bytes(good)


def _rewrite(prefix: Path, change) -> BundleReader:
    """The reader after `change` edits the decoded index, whose checksums are then right again."""
    items = read_table(index_path(prefix).read_bytes(), "i")
    change(items)
    index_path(prefix).write_bytes(write_table(sorted(items.items())))
    return BundleReader(prefix)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"size": 4}, "does not fit float64"),
        ({"size": -1}, "does not fit"),
        ({"shard_id": 5}, "data file 5"),
        ({"shard_id": -1}, "data file -1"),
        ({"offset": -8}, "at -8"),
        ({"offset": 1 << 40}, "holds 0 from there on"),
        ({"crc32c": 1}, "checksum"),
        ({"dtype": 99}, "DataType 99"),
        ({"dtype": 20}, "resource"),
        ({"dtype": 7}, "damaged|do(es)? not fit"),
    ],
)
def test_contradicting_entries_are_refused(tmp_path: Path, fields, message: str) -> None:
    write_bundle(tmp_path / "v", {"a": np.arange(3.0)})

    def change(items: dict[bytes, bytes]) -> None:
        entry = BundleEntryProto.FromString(items[b"a"])
        for name, value in fields.items():
            setattr(entry, name, value)
        items[b"a"] = serialize(entry)

    with pytest.raises(errors.HeadraceError, match=message):
        _rewrite(tmp_path / "v", change).read("a")


@pytest.mark.parametrize(
    ("header", "error", "message"),
    [
        ({"num_shards": 1, "endianness": 1}, errors.UnimplementedError, "big-endian"),
        ({"num_shards": 1, "version": {"min_consumer": 2}}, errors.UnimplementedError, "version 2"),
        ({"num_shards": 0}, errors.DataLossError, "0 data files"),
    ],
)
def test_headers_that_cannot_be_read(tmp_path: Path, header, error, message: str) -> None:
    write_bundle(tmp_path / "v", {"a": np.arange(3.0)})
    with pytest.raises(error, match=message):
        _rewrite(tmp_path / "v", lambda items: items.update({b"": serialize(BundleHeaderProto(**header))}))


def test_a_missing_header_is_damage(tmp_path: Path) -> None:
    write_bundle(tmp_path / "v", {"a": np.arange(3.0)})
    with pytest.raises(errors.DataLossError, match="no header"):
        _rewrite(tmp_path / "v", lambda items: items.pop(b""))


def _slice(*extents: tuple[int, int | None]) -> dict[str, object]:
    return {"extent": [{"start": s} if n is None else {"start": s, "length": n} for s, n in extents]}


def _partitioned(prefix: Path, slices: list[dict[str, object]], parts: list[np.ndarray]) -> BundleReader:
    write_bundle(prefix, {f"part{n}": part for n, part in enumerate(parts)})

    def change(items: dict[bytes, bytes]) -> None:
        whole = BundleEntryProto(dtype=3, slices=slices)
        for size in (4, 3):
            whole.shape.dim.add().size = size
        items[b"p"] = serialize(whole)
        for n, proto in enumerate(whole.slices):
            items[encode_key("p", proto)] = items.pop(f"part{n}".encode())

    return _rewrite(prefix, change)


def test_partitioned_tensors_are_put_together(tmp_path: Path) -> None:
    whole = np.arange(12, dtype=np.int32).reshape(4, 3)
    reader = _partitioned(tmp_path / "v", [_slice((0, 3), (0, None)), _slice((3, 1), (0, None))], [whole[:3], whole[3:]])
    assert list(reader) == ["p"]
    assert reader.read("p").tolist() == whole.tolist()


@pytest.mark.parametrize(
    ("slices", "message"),
    [
        ([_slice((0, 3), (0, None))], "add up"),
        ([_slice((0, 9), (0, None))], "covers 9"),
        ([_slice((0, 4))], "1 dimensions"),
        ([_slice((0, 2), (0, None)), _slice((2, 2), (0, None))], "another dtype or shape"),
    ],
)
def test_wrong_slices_are_refused(tmp_path: Path, slices, message: str) -> None:
    whole = np.arange(12, dtype=np.int32).reshape(4, 3)
    with pytest.raises(errors.DataLossError, match=message):
        _partitioned(tmp_path / "v", slices, [whole[:3], whole[3:]][: len(slices)]).read("p")


@pytest.mark.parametrize("count", [1, 1000, 1 << 19])
def test_tensors_are_read_into_memory_that_a_device_can_share(tmp_path, count):
    values = np.arange(count, dtype=np.float32)
    write_bundle(tmp_path / "b", {"first": np.ones(3, np.int8), "values": values})
    found = BundleReader(tmp_path / "b").read("values")
    np.testing.assert_array_equal(found, values)
    assert found.ctypes.data % 64 == 0
    assert found.flags.writeable


def test_a_large_tensor_that_was_cut_off_is_named(tmp_path):
    write_bundle(tmp_path / "b", {"values": np.ones(1 << 19, np.float32)})
    data = shard_path(tmp_path / "b", 0, 1)
    with data.open("r+b") as file:
        file.truncate(1 << 20)
    with pytest.raises(errors.DataLossError, match=r"tensor 'values' .* takes 2097152 bytes, but .* holds 1048576"):
        BundleReader(tmp_path / "b").read("values")
