"""Damaged records and examples, and images, through the C library under the sanitizers: `sanitized.py LIBRARY`.

Inputs stand in memory of exactly their size, so that a read beyond them ends the program. Prints how many were looked at.
"""

from __future__ import annotations

import ctypes
import json
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np

from headrace.native import library
from headrace.ops.image.resizing import bilinear_taps
from headrace.proto.crc import masked_crc32c
from headrace.proto.messages import BytesList, Example, Feature, Features, FloatList, Int64List

ROUNDS = 2500
KEYS = (b"number", b"text", b"values")
KINDS = bytes([0x1A, 0x0A, 0x12])


def sound_example(rng: random.Random) -> bytes:
    """An example with some of the features."""
    features = {
        "number": Feature(int64_list=Int64List(value=[rng.randrange(-(2**63), 2**63) for _ in range(rng.randrange(4))])),
        "text": Feature(bytes_list=BytesList(value=[rng.randbytes(rng.randrange(5)) for _ in range(rng.randrange(4))])),
        "values": Feature(float_list=FloatList(value=[rng.random() for _ in range(rng.randrange(4))])),
        "other": Feature(bytes_list=BytesList(value=[b"x" * rng.randrange(200)])),
    }
    kept = {key: feature for key, feature in features.items() if rng.random() < 0.8}
    return bytes(Example(features=Features(feature=kept)).SerializeToString())


def damaged(data: bytes, rng: random.Random) -> bytes:
    """The bytes cut, changed or with others put in; now and then whole."""
    changed = bytearray(data)
    for _ in range(rng.randrange(4)):
        place = rng.randrange(len(changed) + 1)
        match rng.randrange(3):
            case 0:
                del changed[place:]
            case 1 if place < len(changed):
                changed[place] = rng.choice([0, 1, 0x0A, 0x12, 0x1A, 0x7F, 0x80, 0xFF])
            case _:
                changed[place:place] = rng.randbytes(rng.randrange(1, 12))
    return bytes(changed)


def pointer(array: np.ndarray[Any, Any]) -> int:
    """Where an array's memory is."""
    return int(array.ctypes.data)


def exact(data: bytes) -> np.ndarray[Any, Any]:
    """A copy in memory of its size."""
    return np.frombuffer(data, np.uint8).copy()


def run_examples(call: ctypes.CDLL, rng: random.Random) -> int:
    """One batch. The number of batches that were found sound."""
    items = [damaged(sound_example(rng), rng) for _ in range(rng.randrange(1, 4))]
    rows, joined = [exact(item) for item in items], exact(b"".join(items))
    addresses = np.array([row.ctypes.data for row in rows], np.int64)
    batch = (pointer(joined), None) if rng.random() < 0.5 else (None, pointer(addresses))
    lengths = np.array([row.size for row in rows], np.int64)
    ends = np.cumsum([len(key) for key in KEYS], dtype=np.int64)
    places, common = np.empty((3, len(KEYS), len(rows)), np.int64), np.empty((3, len(KEYS)), np.int64)
    count, keys, kinds = len(rows), exact(b"".join(KEYS)), exact(KINDS)
    asked = (pointer(keys), pointer(ends), pointer(kinds), len(KEYS))
    if not call.headrace_locate_features(*batch, pointer(lengths), count, *asked, *map(pointer, places), pointer(common)):
        return 0
    totals, each, widths = common
    assert totals.tolist() == np.maximum(places[2], 0).sum(axis=1).tolist()
    assert [n if n >= 0 else -1 for n in each] == [c[0] if (c == c[0]).all() else -1 for c in places[2]]
    integers, floats, texts = np.empty(totals[0], np.int64), np.empty(totals[2], np.float32), np.empty((2, totals[1]), np.int64)
    features = [(*map(pointer, places[:, feature]), count) for feature in range(len(KEYS))]
    call.headrace_read_integers(*features[0], pointer(integers))
    call.headrace_read_strings(*features[1], *batch, *map(pointer, texts))
    call.headrace_read_floats(*features[2], pointer(floats))
    sizes = texts[1] - texts[0]
    assert set(sizes.tolist()) == {widths[1]} if widths[1] >= 0 else len(set(sizes.tolist())) != 1
    strings = np.empty(sizes.sum(), np.uint8)
    call.headrace_pack_strings(*features[1], pointer(strings))
    return 1


def run_records(call: ctypes.CDLL, rng: random.Random) -> int:
    """One file. The number of records that were found in it."""
    whole = b""
    for _ in range(rng.randrange(4)):
        data = rng.randbytes(rng.randrange(40))
        length = len(data).to_bytes(8, "little")
        checks = [masked_crc32c(part).to_bytes(4, "little") for part in (length, data)]
        whole += length + checks[0] + data + checks[1]
    if rng.random() < 0.2:
        length = rng.choice([2**63, 2**64 - 1, 2**64 - 16, 1 << 40]).to_bytes(8, "little")
        whole += length + masked_crc32c(length).to_bytes(4, "little") + bytes(8)
    data = exact(damaged(whole, rng))
    most = rng.randrange(1, 5)
    starts, lengths, consumed = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(1, np.int64)
    return int(
        call.headrace_frame_records(
            pointer(data),
            data.size,
            rng.choice([10, 1 << 30, 2**64 - 1]),
            most,
            pointer(starts),
            pointer(lengths),
            pointer(consumed),
        )
    )


def run_images(call: ctypes.CDLL, rng: random.Random) -> None:
    """One batch of images made larger or smaller."""
    count, height, width, channels = (rng.randrange(1, 6) for _ in range(4))
    wanted = rng.randrange(1, 9), rng.randrange(1, 9)
    taps = [bilinear_taps(before, after, False, True) for before, after in zip((height, width), wanted, strict=True)]
    tables = [pointer(table) for tap in taps for table in (tap.places, np.ascontiguousarray(tap.weight[:, 1]))]
    for name, dtype in (("bytes", np.uint8), ("floats", np.float32)):
        images, found = np.ones((count, height, width, channels), dtype), np.empty((count, *wanted, channels), np.float32)
        getattr(call, f"headrace_resize_{name}")(pointer(images), *images.shape, *wanted, *tables, pointer(found))
        assert (found == 1).all()


def run_numbers(call: ctypes.CDLL, rng: random.Random) -> int:
    """One JSON array. 1 when it was read."""
    width = rng.randrange(1, 4)
    rows = [[rng.choice([rng.random(), rng.randrange(-99, 99), 1e-7 * rng.random()]) for _ in range(width)] for _ in range(3)]
    text = bytearray(damaged(json.dumps(rows).encode(), rng))
    if text and rng.random() < 0.5:
        text[rng.randrange(len(text))] = rng.choice(b"[],.eE-+0 ")
    data = exact(bytes(text))
    values, shape, largest = np.empty(data.size // 2 + 1), np.empty(32, np.int64), np.empty(2)
    found = np.empty(2, np.int64)
    return int(call.headrace_json_numbers(pointer(data), data.size, 0, *map(pointer, (values, shape, largest, found))) > 0)


def main() -> None:
    """Runs the rounds and prints the number of sound batches, of records found and of arrays of numbers read."""
    call, rng = library.opened(Path(sys.argv[1])), random.Random(5)
    for _ in range(ROUNDS):
        run_images(call, rng)
    batches = sum(run_examples(call, rng) for _ in range(ROUNDS))
    records = sum(run_records(call, rng) for _ in range(ROUNDS))
    arrays = sum(run_numbers(call, rng) for _ in range(ROUNDS))
    print(batches, records, arrays)


if __name__ == "__main__":
    main()
