"""Real TensorFlow reads and writes TFRecord files of tf.Examples: `tfrecords.py FOLDER`.

For each compression it reads `FOLDER/ours-<compression>` and writes `FOLDER/theirs-<compression>`. It prints the records of
both in hexadecimal, and what `tf.io.parse_example` makes of the examples in `FOLDER/examples`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import tensorflow as tf

COMPRESSIONS = ("", "GZIP", "ZLIB")


def example(row: int) -> bytes:
    features = {
        "id": tf.train.Feature(int64_list=tf.train.Int64List(value=[row, -row * 2**40])),
        "x": tf.train.Feature(float_list=tf.train.FloatList(value=[row + i / 7 for i in range(300)])),
        "raw": tf.train.Feature(bytes_list=tf.train.BytesList(value=[bytes([row, 0, 255, 0])])),
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def read(path: Path, compression: str) -> list[bytes]:
    return [record.numpy() for record in tf.data.TFRecordDataset(str(path), compression_type=compression)]


def write(path: Path, compression: str) -> list[bytes]:
    records = [b"", b"abc", b"\x00" * 70000, *map(example, range(4))]
    with tf.io.TFRecordWriter(str(path), compression) as writer:
        for record in records:
            writer.write(record)
    return records


def parse(serialized: list[bytes]) -> dict[str, object]:
    features = {
        "id": tf.io.FixedLenFeature([2], tf.int64),
        "x": tf.io.FixedLenFeature([30, 10], tf.float32),
        "raw": tf.io.FixedLenFeature([], tf.string),
        "missing": tf.io.FixedLenFeature([2], tf.float32, default_value=[1.5, -2.0]),
    }
    found = {key: value.numpy().tolist() for key, value in tf.io.parse_example(serialized, features).items()}
    return found | {"raw": [value.hex() for value in found["raw"]]}


def main() -> None:
    folder = Path(sys.argv[1])
    result = {
        "read": {c: [record.hex() for record in read(folder / f"ours-{c}", c)] for c in COMPRESSIONS},
        "written": {c: [record.hex() for record in write(folder / f"theirs-{c}", c)] for c in COMPRESSIONS},
        "parsed": parse(read(folder / "examples", "")),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
