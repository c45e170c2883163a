"""Datasets over files: what they give, in which order, and their errors."""

from __future__ import annotations

import gzip
import tempfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.public.case import case
from tests.public.cases.parsing import example

PACK = {"": bytes, "GZIP": gzip.compress, "ZLIB": zlib.compress}
COUNTS = [3, 0, 5, 1, 2, 4]


def records(tf: Any, folder: str, kind: str = "") -> list[str]:
    """TFRecord files with several numbers of records."""
    paths = []
    for number, count in enumerate(COUNTS):
        paths.append(f"{folder}/{number}.tfrecord")
        with tf.io.TFRecordWriter(paths[-1], kind) as writer:
            for record in range(count):
                writer.write(f"{number}-{record}")
    return paths


def damaged(path: str) -> str:
    """A file whose second record is not what its checksum says."""
    content = bytearray(Path(path).read_bytes())
    content[16 + 3 + 12] ^= 1
    Path(path).write_bytes(content)
    return path


def elements(tf: Any, dataset: Any, most: int = 40) -> Any:
    """The elements, and in their place the names of errors."""
    found, iterator = [], iter(dataset)
    for _ in range(most):
        try:
            found.append(next(iterator).numpy().decode())
        except StopIteration:
            break
        except (tf.errors.DataLossError, tf.errors.NotFoundError) as error:
            found.append(type(error).__name__)
    return tf.constant([Path(item).name for item in found], tf.string)


def with_files(make: Callable[[Any, str], Any], contents: Mapping[str, bytes] | None = None) -> Any:
    """A case in a folder of its own, with files."""

    def program(tf: Any) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            for name, content in (contents or {}).items():
                Path(folder, name).write_bytes(content)
            return elements(tf, make(tf, folder))

    return case(program, in_function=False)


def of_records(make: Callable[[Any, list[str]], Any], kind: str = "") -> Any:
    """A case with TFRecord files."""
    return with_files(lambda tf, folder: make(tf, records(tf, folder, kind)))


def lines(content: bytes, kind: str = "") -> Any:
    """A case of the lines of a file."""
    return with_files(lambda tf, folder: tf.data.TextLineDataset(f"{folder}/file", kind), {"file": PACK[kind](content)})


def pieces(content: bytes, *sizes: int, kind: str = "", **options: Any) -> Any:
    """A case of the pieces of two files with the same content."""
    return with_files(
        lambda tf, folder: tf.data.FixedLengthRecordDataset(
            [f"{folder}/a", f"{folder}/b"], *sizes, compression_type=kind, **options
        ),
        {"a": PACK[kind](content), "b": PACK[kind](content)},
    )


def inside(tf: Any) -> Any:
    """Records counted inside a function, of names that it is given."""
    with tempfile.TemporaryDirectory() as folder:
        paths = records(tf, folder)

        @tf.function
        def sizes(names: Any) -> Any:
            total = 0
            for batch in tf.data.TFRecordDataset(names).batch(4):
                total = total * 10 + tf.size(batch)
            return total

        return sizes(tf.constant(paths))


def parsed(tf: Any) -> list[Any]:
    """Examples in batches, parsed by a map function."""
    features = {"text": tf.io.FixedLenFeature([], tf.string), "number": tf.io.VarLenFeature(tf.int64)}

    def parse(serialized: Any) -> Any:
        found = tf.io.parse_example(serialized, features)
        return tf.strings.length(found["text"]), tf.sparse.to_dense(found["number"])

    with tempfile.TemporaryDirectory() as folder:
        with tf.io.TFRecordWriter(f"{folder}/examples") as writer:
            for row in range(7):
                writer.write(example(tf, text=[b"x" * row], number=list(range(row % 3))))
        batches = list(tf.data.TFRecordDataset(f"{folder}/examples").batch(3).map(parse))
    return [tensor for batch in batches for tensor in batch]


def batched_features(tf: Any, **options: Any) -> list[Any]:
    """Three batches of examples in two files, written by tf.data.experimental.TFRecordWriter."""
    features = {"x": tf.io.FixedLenFeature([2], tf.float32), "y": tf.io.FixedLenFeature([], tf.int64)}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(2):
            rows = [example(tf, x=[row / 2, number / 4], y=[row]) for row in range(5)]
            writer = tf.data.experimental.TFRecordWriter(f"{folder}/{number}", options.get("kind", ""))
            writer.write(tf.data.Dataset.from_tensor_slices(rows))
        made = tf.data.experimental.make_batched_features_dataset(
            f"{folder}/*", 4, features, shuffle=False, **{key: value for key, value in options.items() if key != "kind"}
        )
        return [tensor for batch in made.take(3) for tensor in tf.nest.flatten(batch)]


ROWS = b'h1,h2\n1,"x\ny"\n2,b\n\n3,\n,z\nq,q\n4,d,e\n5,f'
TABLE = b"a,b,c,d\n1,2.5,x,5000000000\n2,3,y,1\n3,4,z,2\n"


def rows(defaults: Callable[[Any], Any], content: bytes = ROWS, kind: str = "", **options: Any) -> Any:
    """A case of the rows of a CSV file, in two files; the names of errors stand in their place."""

    def program(tf: Any) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            for name in "ab":
                Path(folder, name).write_bytes(PACK[kind](content))
            iterator = iter(tf.data.experimental.CsvDataset([f"{folder}/a", f"{folder}/b"], defaults(tf), kind, **options))
            found = []
            while True:
                try:
                    found.append(
                        repr([part.numpy().item() if hasattr(part.numpy(), "item") else part.numpy() for part in next(iterator)])
                    )
                except StopIteration:
                    return tf.constant(found)
                except tf.errors.InvalidArgumentError:
                    found.append("error")

    return case(program, in_function=False)


def table(**options: Any) -> Any:
    """A case of two batches of a table with names."""

    def program(tf: Any) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "table.csv").write_bytes(TABLE)
            given = {"batch_size": 2, "num_epochs": 1, "shuffle": False} | options
            made = tf.data.experimental.make_csv_dataset(f"{folder}/*.csv", **given)
            return [tensor for batch in made.take(2) for tensor in tf.nest.flatten(batch)]

    return case(program, in_function=False)


TEXTS = [b"", b"a", b"a\n", b"a\nb", b"a\n\nb\n", b"a\r\nb\r\n", b"a\rb\n", b"\n", b"a\0b\n", b"x" * 3_000_000 + b"\ny"]
GLOB = dict.fromkeys(("a.txt", "b.txt", "b.dat", ".hidden.txt"), b"")

CASES = {
    **{
        f"records-{count}-at-once": of_records(lambda tf, paths, n=count: tf.data.TFRecordDataset(paths, num_parallel_reads=n))
        for count in (None, 1, 2, 3, 4, 10)
    },
    **{
        f"records-{kind}": of_records(lambda tf, paths, kind=kind: tf.data.TFRecordDataset(paths, kind), kind)
        for kind in ("GZIP", "ZLIB")
    },
    "records-one-name": of_records(lambda tf, paths: tf.data.TFRecordDataset(paths[2])),
    "records-paths": of_records(lambda tf, paths: tf.data.TFRecordDataset([Path(path) for path in paths])),
    "records-dataset": of_records(lambda tf, paths: tf.data.TFRecordDataset(tf.data.Dataset.from_tensor_slices(paths).take(3))),
    "records-matrix": of_records(lambda tf, paths: tf.data.TFRecordDataset([paths[:3], paths[3:]])),
    "records-none": of_records(lambda tf, paths: tf.data.TFRecordDataset([])),
    "records-interleaved": of_records(
        lambda tf, paths: tf.data.Dataset.from_tensor_slices(paths).interleave(tf.data.TFRecordDataset, 3, 2)
    ),
    "records-flat-map": of_records(lambda tf, paths: tf.data.Dataset.from_tensor_slices(paths).flat_map(tf.data.TFRecordDataset)),
    "records-sharded": of_records(lambda tf, paths: tf.data.TFRecordDataset(paths).shard(3, 1).skip(1)),
    "records-batched": of_records(lambda tf, paths: tf.data.TFRecordDataset(paths).batch(4).unbatch()),
    "csv": rows(lambda tf: [0, "none"], header=True),
    "csv-required": rows(lambda tf: [tf.int32, tf.string], header=True),
    "csv-selected": rows(lambda tf: ["x"], header=True, select_cols=[1]),
    "csv-excluded": rows(lambda tf: ["x"], header=True, exclude_cols=[0]),
    "csv-returns": rows(lambda tf: [0.0, tf.constant("")], b"1.5,a\r\n2,b\r\n"),
    "csv-gzip": rows(
        lambda tf: [tf.constant([], tf.int64), tf.constant(["z"])], b"1;-\n2;b", "GZIP", field_delim=";", na_value="-"
    ),
    "csv-no-quotes": rows(lambda tf: [""], b'a"b\n"c\n', use_quote_delim=False),
    "csv-both": rows(lambda tf: [""], select_cols=[0], exclude_cols=[1]),
    "csv-another-dtype": case(lambda tf: tf.data.experimental.CsvDataset("f", [tf.int8]), in_function=False),
    "table": table(),
    "table-labelled": table(label_name="c"),
    "table-selected": table(select_columns=["a", "c"]),
    "table-selected-by-number": table(select_columns=[3, 1], label_name="b"),
    "table-defaults": table(column_defaults=[0.0, 0.0, "q", 7.5]),
    "table-names": table(column_names=["p", "q", "r", "s"]),
    "table-without-end": table(num_epochs=None),
    "table-no-label": table(label_name="zz"),
    "table-two-defaults": table(column_defaults=[0.0, 0.0]),
    "table-same-names": table(column_names=["p", "p", "r", "s"]),
    "batched-features": case(lambda tf: batched_features(tf, num_epochs=1), in_function=False),
    "batched-features-labelled": case(lambda tf: batched_features(tf, label_key="y", reader_num_threads=2), in_function=False),
    "batched-features-dropped": case(lambda tf: batched_features(tf, num_epochs=1, drop_final_batch=True), in_function=False),
    "batched-features-reader": case(
        lambda tf: batched_features(tf, kind="GZIP", reader=tf.data.TFRecordDataset, reader_args=["GZIP"], num_epochs=2),
        in_function=False,
    ),
    "batched-features-no-label": case(lambda tf: batched_features(tf, label_key="z"), in_function=False),
    "records-parsed": case(parsed, in_function=False),
    "records-in-function": case(inside, in_function=False),
    "records-damaged": of_records(lambda tf, paths: tf.data.TFRecordDataset([paths[0], damaged(paths[2]), paths[5]])),
    "records-damaged-ignored": of_records(
        lambda tf, paths: tf.data.TFRecordDataset([paths[0], damaged(paths[2]), paths[5]]).ignore_errors()
    ),
    "records-damaged-by-turns": of_records(
        lambda tf, paths: tf.data.TFRecordDataset([paths[0], damaged(paths[2]), paths[5]], num_parallel_reads=2).ignore_errors()
    ),
    "records-another-compression": of_records(lambda tf, paths: tf.data.TFRecordDataset(paths[:1], "GZIP")),
    "records-numbers": case(lambda tf: tf.data.TFRecordDataset(5), in_function=False),
    "records-dataset-of-numbers": case(lambda tf: tf.data.TFRecordDataset(tf.data.Dataset.range(2)), in_function=False),
    "records-dataset-of-batches": of_records(
        lambda tf, paths: tf.data.TFRecordDataset(tf.data.Dataset.from_tensor_slices(paths).batch(2))
    ),
    "records-no-readers": of_records(lambda tf, paths: tf.data.TFRecordDataset(paths, num_parallel_reads=0)),
    "missing": case(lambda tf: list(tf.data.TFRecordDataset("no-such-file")), in_function=False),
    "missing-lines": case(lambda tf: list(tf.data.TextLineDataset("no-such-file")), in_function=False),
    "missing-pieces": case(lambda tf: list(tf.data.FixedLengthRecordDataset("no-such-file", 2)), in_function=False),
    "folder": case(lambda tf: list(tf.data.TextLineDataset(tempfile.gettempdir())), in_function=False),
    **{f"lines-{number}": lines(text) for number, text in enumerate(TEXTS)},
    **{f"lines-{kind}": lines(b"a\nb\n" * 3, kind) for kind in ("GZIP", "ZLIB")},
    "lines-by-turns": with_files(
        lambda tf, folder: tf.data.TextLineDataset([f"{folder}/a", f"{folder}/b"], num_parallel_reads=2),
        {"a": b"1\n2\n3", "b": b"4\n5"},
    ),
    "pieces": pieces(b"HHaabbccFFF", 2, 2, 3),
    "pieces-by-turns": pieces(b"HHaabbccFFF", 2, 2, 3, num_parallel_reads=2),
    "pieces-gzip": pieces(b"HHaabbccFFF", 2, 2, 3, kind="GZIP"),
    "pieces-gzip-excess": pieces(b"HHaabbccFFF", 2, 2, 2, kind="GZIP"),
    "pieces-none": pieces(b"HHFF", 2, 2, 2),
    "pieces-empty": pieces(b"", 2),
    "pieces-excess": pieces(b"HHaabbccFFF", 2, 2, 2),
    "pieces-short": pieces(b"H", 2, 2, 2),
    "pieces-of-nothing": pieces(b"aa", 0),
    "pieces-negative-header": pieces(b"aa", 1, -1),
    "files": with_files(lambda tf, folder: tf.data.Dataset.list_files(f"{folder}/*.txt", shuffle=False), GLOB),
    "files-of-patterns": with_files(
        lambda tf, folder: tf.data.Dataset.list_files([f"{folder}/b*", f"{folder}/?.txt"], shuffle=False), GLOB
    ),
    "files-counted": with_files(
        lambda tf, folder: (
            tf.data.Dataset.list_files(f"{folder}/*").shuffle(9).batch(9).map(lambda x: tf.strings.as_string(tf.size(x)))
        ),
        GLOB,
    ),
    "files-none": with_files(lambda tf, folder: tf.data.Dataset.list_files(f"{folder}/*.no"), GLOB),
}
