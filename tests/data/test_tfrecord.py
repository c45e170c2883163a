"""TFRecord files: round trips, and every kind of damage."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core import errors
from headrace.data.compression import InflateStream
from headrace.data.tfrecord import TFRecordOptions, TFRecordWriter, read, tf_record_iterator
from headrace.proto.crc import masked_crc32c

RECORDS = [b"abc", b"", b"x" * 1000]
COMPRESSIONS = ["", "GZIP", "ZLIB"]

pytestmark = pytest.mark.usefixtures("both_ways")


def write(path: Path, records: list[bytes], options: TFRecordOptions | str | None = None) -> Path:
    with TFRecordWriter(path, options) as writer:
        for record in records:
            writer.write(record)
    return path


@given(records=st.lists(st.binary(max_size=300), max_size=8), compression=st.sampled_from(COMPRESSIONS))
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, records: list[bytes], compression: str) -> None:
    path = write(tmp_path_factory.mktemp("round") / "f", records, compression)
    assert list(read(path, compression)) == records
    assert list(tf_record_iterator(path, TFRecordOptions(compression))) == records


def test_the_bytes_are_those_of_the_format(tmp_path: Path) -> None:
    # The header of a 3-byte record as TensorFlow 2.21 writes it.
    assert write(tmp_path / "f", [b"abc"]).read_bytes()[:12] == bytes.fromhex("0300000000000000b099490e")


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_a_large_record_passes_every_buffer(tmp_path: Path, compression: str) -> None:
    record = bytes(range(256)) * 20000
    assert list(read(write(tmp_path / "f", [record, b"end"], compression), compression)) == [record, b"end"]


def test_the_same_records_give_the_same_file(tmp_path: Path) -> None:
    first, second = (write(tmp_path / name, RECORDS, "GZIP").read_bytes() for name in "ab")
    assert first == second
    assert first[3] == 0  # no name in the gzip header
    assert first[4:8] == bytes(4)  # and no time


def test_gzip_members_are_read_one_after_the_other(tmp_path: Path) -> None:
    parts = [write(tmp_path / name, RECORDS, "GZIP").read_bytes() for name in "ab"]
    (tmp_path / "f").write_bytes(b"".join(parts))
    assert list(read(tmp_path / "f", "GZIP")) == RECORDS * 2


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("mode", [None, zlib.Z_NO_FLUSH, zlib.Z_PARTIAL_FLUSH, zlib.Z_FULL_FLUSH])
def test_flush_leaves_a_file_that_goes_on(tmp_path: Path, compression: str, mode: int | None) -> None:
    with TFRecordWriter(tmp_path / "f", TFRecordOptions(compression, flush_mode=mode, output_buffer_size=64)) as writer:
        writer.write(b"one")
        writer.flush()
        if mode is None:
            assert (tmp_path / "f").stat().st_size > 0
        writer.write("zwei")
    assert list(read(tmp_path / "f", compression)) == [b"one", b"zwei"]


def test_zlib_parameters_are_used(tmp_path: Path) -> None:
    stored = write(tmp_path / "a", RECORDS, TFRecordOptions("ZLIB", compression_level=0))
    packed = write(tmp_path / "b", RECORDS, TFRecordOptions("ZLIB", compression_level=9, window_bits=10, mem_level=3))
    assert stored.stat().st_size > 1000 > packed.stat().st_size
    assert list(read(packed, "ZLIB")) == RECORDS


def test_a_closed_writer_refuses(tmp_path: Path) -> None:
    writer = TFRecordWriter(tmp_path / "f")
    writer.close()
    writer.close()
    with pytest.raises(errors.FailedPreconditionError, match="closed"):
        writer.write(b"late")
    with pytest.raises(errors.FailedPreconditionError, match="closed"):
        writer.flush()


def test_a_record_must_be_bytes(tmp_path: Path) -> None:
    with TFRecordWriter(tmp_path / "f") as writer, pytest.raises(TypeError, match="SerializeToString"):
        writer.write(5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "make",
    [
        lambda: TFRecordOptions("BZ2"),
        lambda: TFRecordOptions(7),
        lambda: TFRecordOptions("GZIP", flush_mode=zlib.Z_FINISH),
        lambda: TFRecordOptions("GZIP", output_buffer_size=0),
        lambda: TFRecordWriter("never-made", TFRecordOptions("GZIP", window_bits=99)),
    ],
)
def test_bad_options_are_refused(make: Callable[[], object]) -> None:
    with pytest.raises(errors.InvalidArgumentError):
        make()


def test_options_name_their_type() -> None:
    assert TFRecordOptions.get_compression_type_string(TFRecordOptions("GZIP")) == "GZIP"
    assert TFRecordOptions.get_compression_type_string(1) == "ZLIB"
    assert TFRecordOptions.get_compression_type_string(None) == ""
    assert TFRecordOptions.compression_type_map == {0: "", 1: "ZLIB", 2: "GZIP"}


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(errors.NotFoundError, match="nofile"):
        list(read(tmp_path / "nofile"))
    with pytest.raises(errors.NotFoundError, match="nofolder"):
        TFRecordWriter(tmp_path / "nofolder" / "f")
    with pytest.raises(errors.FailedPreconditionError, match="folder"):
        list(read(tmp_path))


def test_every_flipped_bit_of_a_plain_file_is_found(tmp_path: Path) -> None:
    good = write(tmp_path / "f", [b"abc", b"defg"]).read_bytes()
    for bit in range(len(good) * 8):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        (tmp_path / "bad").write_bytes(bad)
        with pytest.raises(errors.DataLossError, match=r"bad: the record at offset (0|19)\b"):
            list(read(tmp_path / "bad"))


def test_every_cut_of_a_plain_file_is_found(tmp_path: Path) -> None:
    good = write(tmp_path / "f", [b"abc", b"defg"]).read_bytes()
    for size in range(1, len(good)):
        (tmp_path / "cut").write_bytes(good[:size])
        if size == 19:
            assert list(read(tmp_path / "cut")) == [b"abc"]
            continue
        with pytest.raises(errors.DataLossError, match=f"cut: the record at offset {0 if size < 19 else 19} .*truncated"):
            list(read(tmp_path / "cut"))


@pytest.mark.parametrize("compression", ["GZIP", "ZLIB"])
def test_every_changed_byte_or_cut_of_a_compressed_file_is_found_or_harmless(tmp_path: Path, compression: str) -> None:
    good = write(tmp_path / "f", RECORDS, compression).read_bytes()
    for at in range(1, len(good)):
        (tmp_path / "bad").write_bytes(good[:at])
        with pytest.raises(errors.DataLossError, match="bad"):
            list(read(tmp_path / "bad", compression))
        changed = bytearray(good)
        changed[at] ^= 0xFF
        (tmp_path / "bad").write_bytes(changed)
        try:  # a few bytes of gzip's header (its time, its system) mean nothing
            assert list(read(tmp_path / "bad", compression)) == RECORDS
            assert at < 10
        except errors.DataLossError as error:
            assert "bad" in str(error)


def test_the_wrong_compression_type_is_named(tmp_path: Path) -> None:
    plain, packed = write(tmp_path / "plain", RECORDS), write(tmp_path / "packed", RECORDS, "GZIP")
    with pytest.raises(errors.DataLossError, match="compression type"):
        list(read(plain, "GZIP"))
    with pytest.raises(errors.DataLossError, match="compression type"):
        list(read(packed))


def test_a_false_length_allocates_nothing_and_is_refused(tmp_path: Path) -> None:
    length = struct.pack("<Q", 1 << 40)
    (tmp_path / "f").write_bytes(length + struct.pack("<I", masked_crc32c(length)) + b"abc")
    with pytest.raises(errors.DataLossError, match="above the limit"):
        list(read(tmp_path / "f"))
    with pytest.raises(errors.DataLossError, match="3 are there"):
        list(read(tmp_path / "f", max_record_bytes=1 << 41))


def test_the_size_limit_is_the_callers(tmp_path: Path) -> None:
    path = write(tmp_path / "f", RECORDS)
    assert len(list(read(path, max_record_bytes=1000))) == 3
    with pytest.raises(errors.DataLossError, match="999"):
        list(read(path, max_record_bytes=999))


def test_a_bomb_is_unpacked_piece_by_piece(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(gzip.compress(bytes(50_000_000)))
    with (tmp_path / "f").open("rb") as raw:
        stream = InflateStream(raw, "GZIP", "f")
        buffer = bytearray(1000)
        assert stream.readinto(buffer) == 1000
        assert len(stream._pending) > 40_000  # nearly all of the file is still packed


def test_reading_stops_where_the_caller_stops(tmp_path: Path) -> None:
    records = read(write(tmp_path / "f", RECORDS, "GZIP"), "GZIP")
    assert next(records) == b"abc"
    records.close()  # type: ignore[attr-defined]
    assert list(records) == []
