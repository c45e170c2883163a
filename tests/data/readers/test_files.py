"""Datasets over files: positions that are kept and restored, threads that end, URLs, and what a damaged file is called."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as tf
from headrace.data import records
from headrace.data.readers import blocks

KINDS = ["", "GZIP", "ZLIB"]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are read in small blocks, so that these files have several."""
    monkeypatch.setattr(records, "BLOCK_BYTES", 50)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 50)


@pytest.fixture
def no_threads_left() -> Iterator[None]:
    """Every thread of a pipeline has ended at the end."""
    yield
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("headrace-data")] == []


def write_records(folder: Path, kind: str, files: int = 3, count: int = 20) -> list[str]:
    paths = [str(folder / f"{number}.tfrecord") for number in range(files)]
    for number, path in enumerate(paths):
        with tf.io.TFRecordWriter(path, kind) as writer:
            for record in range(count + number):
                writer.write(f"{number}-{record}" * (1 + record % 4))
    return paths


def make_records(folder: Path, kind: str, readers: int | None) -> Any:
    return tf.data.TFRecordDataset(write_records(folder, kind), kind, num_parallel_reads=readers)


def make_lines(folder: Path, kind: str, readers: int | None) -> Any:
    pack = gzip.compress if kind == "GZIP" else bytes
    paths = [folder / f"{number}.txt" for number in range(3)]
    for number, path in enumerate(paths):
        path.write_bytes(pack(b"".join(b"%d-%d\n" % (number, line) * (1 + line % 2) for line in range(20 + number))))
    return tf.data.TextLineDataset(paths, "GZIP" if kind == "GZIP" else "", num_parallel_reads=readers)


def make_pieces(folder: Path, kind: str, readers: int | None) -> Any:
    pack = gzip.compress if kind == "GZIP" else bytes
    paths = [folder / f"{number}.bin" for number in range(3)]
    for number, path in enumerate(paths):
        path.write_bytes(pack(b"HHH" + np.arange(60 + number, dtype=np.uint32).tobytes() + b"F"))
    return tf.data.FixedLengthRecordDataset(paths, 4, 3, 1, None, "GZIP" if kind == "GZIP" else "", readers)


def make_rows(folder: Path, kind: str, readers: int | None) -> Any:
    pack = gzip.compress if kind == "GZIP" else bytes
    paths = [folder / f"{number}.csv" for number in range(3)]
    for number, path in enumerate(paths):
        path.write_bytes(pack(b"header\n" + b"".join(b'"%d\n%d"\n' % (number, row) for row in range(25 + number))))
    dataset = tf.data.experimental.CsvDataset([str(path) for path in paths], [""], kind.replace("ZLIB", ""), header=True)
    return dataset.map(lambda text: text)


@pytest.mark.usefixtures("no_threads_left")
@pytest.mark.parametrize("readers", [None, 2])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("make", [make_records, make_lines, make_pieces, make_rows])
def test_a_position_is_restored_exactly(
    tmp_path: Path, make: Callable[[Path, str, int | None], Any], kind: str, readers: int | None
) -> None:
    dataset = make(tmp_path, kind, readers)
    whole = list(dataset.as_numpy_iterator())
    assert len(whole) > 60
    for position in (0, 1, 7, len(whole) // 2, len(whole) - 1, len(whole)):
        iterator = iter(dataset)
        for _ in range(position):
            next(iterator)
        state = iterator._source.state()
        again = iter(dataset)
        again._source.restore(dataset.stage, state)
        assert [item.numpy() for item in again] == whole[position:]
        del iterator, again


@pytest.mark.parametrize("kind", KINDS)
def test_many_files_at_once_give_all_records(tmp_path: Path, kind: str) -> None:
    paths = write_records(tmp_path, kind)
    whole = sorted(tf.data.TFRecordDataset(paths, kind).as_numpy_iterator())
    assert sorted(tf.data.TFRecordDataset(paths, kind, num_parallel_reads=tf.data.AUTOTUNE).as_numpy_iterator()) == whole


@pytest.mark.usefixtures("no_threads_left")
def test_a_consumer_that_stops_leaves_no_thread(tmp_path: Path) -> None:
    iterator = iter(make_records(tmp_path, "GZIP", 3).repeat().prefetch(2))
    assert next(iterator).numpy() == b"0-0"
    del iterator


def test_damage_is_named_with_file_place_and_stage(tmp_path: Path) -> None:
    (path,) = write_records(tmp_path, "", files=1)
    content = bytearray(Path(path).read_bytes())
    content[-6] ^= 1
    Path(path).write_bytes(content)
    offset = len(content) - 16 - len(b"0-19" * 4)
    with pytest.raises(tf.errors.DataLossError, match=rf"0.tfrecord: the record at offset {offset} .* fails the checksum"):
        list(tf.data.TFRecordDataset(path))


def test_a_line_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "MAX_RECORD_BYTES", 1000)
    (tmp_path / "f").write_bytes(b"ok\n" + b"x" * 5000)
    with pytest.raises(tf.errors.ResourceExhaustedError, match="offset 3 has more than 1000 bytes"):
        list(tf.data.TextLineDataset(str(tmp_path / "f")))


def test_urls_are_read() -> None:
    fsspec = pytest.importorskip("fsspec")
    with fsspec.open("memory://folder/lines.txt", "wb") as file:
        file.write(b"a\nb\n")
    assert list(tf.data.TextLineDataset("memory://folder/lines.txt").as_numpy_iterator()) == [b"a", b"b"]
    assert list(tf.data.Dataset.list_files("memory://folder/*").as_numpy_iterator()) == [b"memory:///folder/lines.txt"]
    assert list(tf.data.FixedLengthRecordDataset("memory://folder/lines.txt", 2).as_numpy_iterator()) == [b"a\n", b"b\n"]


def test_files_are_shuffled_by_a_seed(tmp_path: Path) -> None:
    for name in "abcdefgh":
        (tmp_path / name).touch()
    first, second = (list(tf.data.Dataset.list_files(str(tmp_path / "*"), seed=3).as_numpy_iterator()) for _ in range(2))
    assert first == second
    assert first != sorted(first)
    dataset = tf.data.Dataset.list_files(str(tmp_path / "*"), seed=3)
    assert list(dataset.as_numpy_iterator()) != list(dataset.as_numpy_iterator()), "another order each pass"
