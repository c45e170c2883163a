"""TFRecord files and tf.Examples against real TensorFlow, both ways."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headrace.data import tfrecord
from headrace.data.example import BytesList, Example, Feature, Features, FixedLenFeature, FloatList, Int64List, parse_arrays
from tests.interop.peer_runs import run_peer

COMPRESSIONS = ["", "GZIP", "ZLIB"]
FEATURES = {
    "id": FixedLenFeature([2], "int64"),
    "x": FixedLenFeature([30, 10], "float32"),
    "raw": FixedLenFeature([], "string"),
    "missing": FixedLenFeature([2], "float32", [1.5, -2.0]),
}


def our_example(row: int) -> bytes:
    features = {
        "id": Feature(int64_list=Int64List(value=[row, -row * 2**40])),
        "x": Feature(float_list=FloatList(value=[row - i / 3 for i in range(300)])),
        "raw": Feature(bytes_list=BytesList(value=[bytes([row, 0, 255, 0])])),
    }
    return Example(features=Features(feature=features)).SerializeToString()


EXAMPLES = [our_example(row) for row in range(5)]
RECORDS = [b"", b"one", bytes(range(256)) * 300, *EXAMPLES]


def write(path: Path, records: list[bytes], compression: str = "") -> None:
    with tfrecord.TFRecordWriter(path, compression) as writer:
        for record in records:
            writer.write(record)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tfrecords")


@pytest.fixture(scope="module")
def theirs(folder: Path, tensorflow_python: Path) -> Any:
    """What TensorFlow read, wrote and parsed; it starts but once, since that takes seconds."""
    for compression in COMPRESSIONS:
        write(folder / f"ours-{compression}", RECORDS, compression)
    write(folder / "examples", EXAMPLES)
    return run_peer(tensorflow_python, "tfrecords.py", folder)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_tensorflow_reads_our_records(theirs: Any, compression: str) -> None:
    assert theirs["read"][compression] == [record.hex() for record in RECORDS]


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_we_read_tensorflows_records(theirs: Any, folder: Path, compression: str) -> None:
    ours = list(tfrecord.read(folder / f"theirs-{compression}", compression))
    assert [record.hex() for record in ours] == theirs["written"][compression]
    assert parse_arrays(ours[3:], FEATURES)["id"].tolist() == [[row, -row * 2**40] for row in range(4)]


def test_plain_files_are_the_same_byte_for_byte(theirs: Any, folder: Path) -> None:
    write(folder / "again", [bytes.fromhex(record) for record in theirs["written"][""]])
    assert (folder / "again").read_bytes() == (folder / "theirs-").read_bytes()


def test_parsing_agrees_with_tensorflow(theirs: Any) -> None:
    ours = parse_arrays(EXAMPLES, FEATURES)
    assert ours["x"].dtype == np.float32
    assert ours["x"].tolist() == theirs["parsed"]["x"]
    assert ours["id"].tolist() == theirs["parsed"]["id"]
    assert [value.hex() for value in ours["raw"]] == theirs["parsed"]["raw"]
    assert ours["missing"].tolist() == theirs["parsed"]["missing"]
