"""The sorted table file."""

from __future__ import annotations

import contextlib
import importlib.util
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.checkpoint import table
from headrace.core import errors
from headrace.proto.crc import masked_crc32c
from headrace.proto.varint import put_varint


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.binary(max_size=30), st.binary(max_size=40), max_size=60))
def test_round_trip(items: dict[bytes, bytes]) -> None:
    assert table.read_table(table.write_table(sorted(items.items())), "t") == items


def test_many_blocks_round_trip() -> None:
    items = {f"key/{n:06d}".encode(): bytes(200) for n in range(5000)}
    assert table.read_table(table.write_table(items.items()), "t") == items


def test_keys_must_ascend() -> None:
    with pytest.raises(errors.InvalidArgumentError, match="ascending"):
        table.write_table([(b"b", b""), (b"a", b"")])


def test_every_flipped_byte_is_found_or_harmless() -> None:
    items = {b"": b"head", b"alpha": b"1", b"alphabet": b"22", b"beta": b"333"}
    good = table.write_table(items.items())
    for at in range(len(good)):
        bad = bytearray(good)
        bad[at] ^= 0x41
        with contextlib.suppress(errors.DataLossError, errors.UnimplementedError):
            assert table.read_table(bytes(bad), "t") == items


def test_every_truncation_is_found() -> None:
    good = table.write_table([(b"a", b"1"), (b"b", b"2")])
    for size in range(len(good)):
        with pytest.raises(errors.DataLossError):
            table.read_table(good[:size], "t")


def _file(block: bytes, kind: int = 0) -> bytes:
    """A table of one block with right checksums around whatever it holds."""
    stored = block + bytes([kind])
    out = stored + struct.pack("<I", masked_crc32c(stored))
    index = bytearray()
    handle = bytearray()
    put_varint(handle, 0)
    put_varint(handle, len(block))
    index += bytes([0, 1, len(handle)]) + b"z" + handle + struct.pack("<2I", 0, 1)
    at = len(out)
    stored = bytes(index) + b"\x00"
    out += stored + struct.pack("<I", masked_crc32c(stored))
    footer = bytearray(b"\x00\x00")
    put_varint(footer, at)
    put_varint(footer, len(index))
    return out + bytes(footer) + bytes(40 - len(footer)) + struct.pack("<Q", table.MAGIC)


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (b"\x05\x01\x01ab" + struct.pack("<2I", 0, 1), "passes the end"),
        (b"\x00\x7f\x01ab" + struct.pack("<2I", 0, 1), "passes the end"),
        (b"\xff" * 12 + struct.pack("<2I", 0, 1), "cut off or too long"),
        (b"\x00\x01\x00b\x00\x01\x00a" + struct.pack("<2I", 0, 1), "follows"),
        (struct.pack("<2I", 0, 99), "99 restart points"),
        (b"\x00", "too short"),
    ],
)
def test_wrong_blocks_with_right_checksums_are_refused(block: bytes, message: str) -> None:
    with pytest.raises(errors.DataLossError, match=message):
        table.read_table(_file(block), "t")


def test_prefix_bombs_are_refused(monkeypatch) -> None:
    monkeypatch.setattr(table, "_MAX_KEYS", 1000)
    entries = b"\x00\x64\x00" + b"k" * 100 + b"".join(bytes([100 + n, 1, 0]) + b"k" for n in range(20))
    with pytest.raises(errors.ResourceExhaustedError, match="not a real index"):
        table.read_table(_file(entries + struct.pack("<2I", 0, 1)), "t")


def test_unknown_compression_is_unimplemented() -> None:
    with pytest.raises(errors.UnimplementedError, match="compression type 7"):
        table.read_table(_file(b"\x00\x01\x00a" + struct.pack("<2I", 0, 1), kind=7), "t")


def test_snappy_blocks_need_cramjam_and_claim_no_more_than_they_can_hold() -> None:
    block = b"\x00\x01\x01av" + struct.pack("<2I", 0, 1)
    literal = bytes([len(block), (len(block) - 1) << 2]) + block
    with pytest.raises(errors.DataLossError, match="claims to hold"):
        table.read_table(_file(b"\xff\xff\xff\xff\x0f" + literal, kind=1), "t")
    if importlib.util.find_spec("cramjam"):
        assert table.read_table(_file(literal, kind=1), "t") == {b"a": b"v"}
    else:
        with pytest.raises(errors.UnimplementedError, match="install cramjam"):
            table.read_table(_file(literal, kind=1), "t")
