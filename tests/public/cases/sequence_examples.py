"""tf.io.parse_sequence_example, and the partitions of RaggedFeature: batches, single examples, and errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.public.case import case
from tests.public.cases.parsing import example, parts


def feature(tf: Any, values: Sequence[Any]) -> Any:
    """A Feature of bytes, floats or integers."""
    if values and isinstance(values[0], bytes):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
    if values and isinstance(values[0], float):
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def sequence(tf: Any, context: Mapping[str, Any], lists: Mapping[str, Any]) -> bytes:
    """A serialized SequenceExample."""
    made = {key: tf.train.FeatureList(feature=[feature(tf, step) for step in steps]) for key, steps in lists.items()}
    message = tf.train.SequenceExample(
        context=tf.train.Features(feature={key: feature(tf, values) for key, values in context.items()}),
        feature_lists=tf.train.FeatureLists(feature_list=made),
    )
    serialized: bytes = message.SerializeToString()
    return serialized


def batch(tf: Any) -> Any:
    """Three examples."""
    rows = [
        sequence(
            tf,
            {"id": [1], "tags": [b"x", b"y"], "v": [0.5, 1.5]},
            {"d": [[1.0, 2.0], [3.0, 4.0]], "s": [[1], [2, 3], []], "r": [[b"a"], [], [b"b", b"c"]]},
        ),
        sequence(tf, {"id": [2], "tags": []}, {"d": [[5.0, 6.0]], "s": [], "r": [[b"d"]]}),
        sequence(tf, {"id": [3]}, {"d": []}),
    ]
    return tf.constant(rows)


def context(tf: Any) -> dict[str, Any]:
    """One feature of each kind."""
    return {
        "id": tf.io.FixedLenFeature([], tf.int64),
        "n": tf.io.FixedLenFeature([2], tf.float32, default_value=[7.0, 8.0]),
        "tags": tf.io.VarLenFeature(tf.string),
        "ragged": tf.io.RaggedFeature(tf.float32, value_key="v", row_splits_dtype=tf.int64),
    }


def lists(tf: Any) -> dict[str, Any]:
    """One feature of each kind."""
    return {
        "d": tf.io.FixedLenSequenceFeature([2], tf.float32),
        "e": tf.io.FixedLenSequenceFeature([], tf.string, allow_missing=True),
        "s": tf.io.VarLenFeature(tf.int64),
        "r": tf.io.RaggedFeature(tf.string),
    }


def read(tf: Any) -> list[Any]:
    """A batch."""
    found = tf.io.parse_sequence_example(batch(tf), context(tf), lists(tf))
    return [value for part in found for value in parts(tf, part)]


def read_one(tf: Any, row: int) -> list[Any]:
    """One of the batch."""
    found = tf.io.parse_single_sequence_example(batch(tf)[row], context(tf), lists(tf))
    return [value for part in found for value in parts(tf, part)]


def fails(tf: Any, wanted: Any, single: bool) -> Any:
    """A feature list that the examples do not suit."""
    if single:
        return tf.io.parse_single_sequence_example(batch(tf)[0], None, wanted)
    return tf.io.parse_sequence_example(batch(tf), None, wanted)


WRONG = {
    "another-length": lambda tf: {"d": tf.io.FixedLenSequenceFeature([3], tf.float32)},
    "another-dtype": lambda tf: {"d": tf.io.FixedLenSequenceFeature([2], tf.int64)},
    "another-dtype-sparse": lambda tf: {"s": tf.io.VarLenFeature(tf.string)},
    "missing": lambda tf: {"absent": tf.io.FixedLenSequenceFeature([], tf.int64)},
    "default": lambda tf: {"d": tf.io.FixedLenSequenceFeature([2], tf.float32, allow_missing=True, default_value=1.0)},
    "fixed": lambda tf: {"d": tf.io.FixedLenFeature([2], tf.float32)},
    "nothing": lambda tf: None,
}


def divided_rows(tf: Any) -> Any:
    """Examples whose values are divided into rows in every way."""
    rows = [
        example(
            tf,
            v=[1, 2, 3, 4, 5, 6],
            splits=[0, 2, 2, 6],
            lengths=[2, 0, 4],
            starts=[0, 2, 2],
            limits=[2, 2, 6],
            ids=[0, 0, 2, 2, 2, 2],
        ),
        example(tf, v=[], splits=[0], lengths=[], starts=[], limits=[], ids=[]),
        example(tf, v=[7, 8], splits=[0, 2], lengths=[2], starts=[0], limits=[2], ids=[0, 0]),
    ]
    return tf.constant(rows)


def partition(tf: Any, kind: str) -> Any:
    """Partitions by their names."""
    made = tf.io.RaggedFeature
    return {
        "splits": made.RowSplits("splits"),
        "lengths": made.RowLengths("lengths"),
        "starts": made.RowStarts("starts"),
        "limits": made.RowLimits("limits"),
        "ids": made.ValueRowIds("ids"),
        "pairs": made.UniformRowLength(2),
    }[kind]


def divided(tf: Any, *kinds: str, row: int | None = None, **options: Any) -> list[Any]:
    """Values divided so, of a batch or of one example."""
    wanted = {"x": tf.io.RaggedFeature(tf.int64, "v", [partition(tf, kind) for kind in kinds], **options)}
    examples = divided_rows(tf)
    found = tf.io.parse_example(examples, wanted) if row is None else tf.io.parse_single_example(examples[row], wanted)
    return parts(tf, found)


def divided_lists(tf: Any) -> list[Any]:
    """Values in feature lists, each divided."""
    rows = [
        sequence(tf, {}, {"v": [[1.0, 2.0, 3.0], [4.0]], "n": [[1, 2], [1]]}),
        sequence(tf, {}, {"v": [[5.0, 6.0]], "n": [[0, 2, 0]]}),
    ]
    wanted = {"x": tf.io.RaggedFeature(tf.float32, "v", [tf.io.RaggedFeature.RowLengths("n")])}
    whole = tf.io.parse_sequence_example(rows, None, wanted)[1]
    one = tf.io.parse_single_sequence_example(rows[0], None, wanted)[1]
    return [*parts(tf, whole), *parts(tf, one)]


KINDS = ["splits", "lengths", "starts", "limits", "ids", "pairs"]

CASES = {
    "batch": case(read),
    "no-examples": case(
        lambda tf: [
            value
            for part in tf.io.parse_sequence_example(tf.constant([], tf.string), {"s": tf.io.VarLenFeature(tf.int64)}, lists(tf))
            for value in parts(tf, part)
        ]
    ),
    **{f"single-{row}": case(lambda tf, row=row: read_one(tf, row)) for row in range(3)},
    **{
        f"{name}{'-single' * single}": case(lambda tf, w=wanted, single=single: fails(tf, w(tf), single), in_function=False)
        for name, wanted in WRONG.items()
        for single in (False, True)
    },
    "sparse": case(lambda tf: fails(tf, {"m": tf.io.SparseFeature("s", "d", tf.float32, 6)}, False), in_function=False),
    "damaged": case(lambda tf: tf.io.parse_sequence_example([b"none"], {"a": tf.io.VarLenFeature(tf.int64)}), in_function=False),
    **{f"partition-{kind}": case(lambda tf, kind=kind: divided(tf, kind)) for kind in KINDS},
    **{f"partition-{kind}-single": case(lambda tf, kind=kind: divided(tf, kind, row=0)) for kind in KINDS},
    **{f"partition-{kind}-pairs": case(lambda tf, kind=kind: divided(tf, kind, "pairs", row=2)) for kind in ["pairs"]},
    "partition-uniform-outside": case(
        lambda tf: parts(
            tf,
            tf.io.parse_example(
                [example(tf, v=[1, 2, 3], n=[1, 2]), example(tf, v=[4, 5, 6, 7], n=[0, 1, 3, 0])],
                {
                    "x": tf.io.RaggedFeature(
                        tf.int64, "v", [tf.io.RaggedFeature.UniformRowLength(2), tf.io.RaggedFeature.RowLengths("n")]
                    )
                },
            ),
        )
    ),
    "partition-int64-validated": case(lambda tf: divided(tf, "lengths", row_splits_dtype=tf.int64, validate=True)),
    "partition-lists": case(divided_lists),
    "partition-wrong": case(lambda tf: tf.io.RaggedFeature(tf.int64, "v", ["n"]), in_function=False),
    "partition-no-list": case(lambda tf: tf.io.RaggedFeature(tf.int64, "v", "n"), in_function=False),
    "partition-conflict": case(
        lambda tf: tf.io.parse_example(
            divided_rows(tf),
            {"x": tf.io.RaggedFeature(tf.int64, "v"), "y": tf.io.RaggedFeature(tf.int64, "v", row_splits_dtype=tf.int64)},
        ),
        in_function=False,
    ),
}
