"""tf.io.parse_example: every kind of feature, batches and single examples, and errors."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.public.case import case


def example(tf: Any, **features: Any) -> bytes:
    """A serialized tf.Example."""
    made = {}
    for key, values in features.items():
        if values and isinstance(values[0], bytes):
            made[key] = tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
        elif values and isinstance(values[0], float):
            made[key] = tf.train.Feature(float_list=tf.train.FloatList(value=values))
        else:
            made[key] = tf.train.Feature(int64_list=tf.train.Int64List(value=values))
    return tf.train.Example(features=tf.train.Features(feature=made)).SerializeToString()


def batch(tf: Any) -> Any:
    """Three examples."""
    rows = [
        example(tf, a=[1.0, 2.0], n=[7], s=[b"x", b"yz"], i=[3, 0], v=[0.5, 1.5], k=[4, 5, 6]),
        example(tf, a=[3.0, 4.0], s=[b""], i=[1], v=[2.5], k=[7], w=[1.0, 2.0, 3.0, 4.0]),
        example(tf, a=[5.0, 6.0], n=[9], i=[], w=[5.0, 6.0]),
    ]
    return tf.constant(rows)


def parts(tf: Any, found: dict[str, Any]) -> list[Any]:
    """Everything that was read, taken apart."""
    flat: list[Any] = tf.nest.flatten([found[key] for key in sorted(found)], expand_composites=True)
    return flat


def features(tf: Any) -> dict[str, Any]:
    """One feature of each kind."""
    return {
        "a": tf.io.FixedLenFeature([2], tf.float32),
        "n": tf.io.FixedLenFeature([], tf.int64, default_value=-1),
        "s": tf.io.VarLenFeature(tf.string),
        "sparse": tf.io.SparseFeature("i", "v", tf.float32, 5),
        "ragged": tf.io.RaggedFeature(tf.int64, value_key="k", row_splits_dtype=tf.int64),
        "w": tf.io.FixedLenSequenceFeature([2], tf.float32, allow_missing=True, default_value=-3.0),
        "none": tf.io.VarLenFeature(tf.int64),
    }


def read(tf: Any, wanted: Any = None) -> list[Any]:
    """A batch."""
    return parts(tf, tf.io.parse_example(batch(tf), wanted or features(tf)))


def fails(tf: Any, feature: Any) -> Any:
    """A feature that the examples do not suit."""
    return tf.io.parse_example(batch(tf), feature)


LINES = np.array([b"1,2.5,x", b'-,1e3,"a ""b"", c"', b"-7, 4 ,"], object)

QUOTED = np.array([b'"a\n""b""","",c'], object)

CASES = {
    "batch": case(read),
    "no-examples": case(
        lambda tf: parts(tf, tf.io.parse_example(tf.constant([], tf.string), {"s": tf.io.VarLenFeature(tf.string)}))
    ),
    "defaults": case(
        lambda tf: read(
            tf,
            {
                "z": tf.io.FixedLenFeature([2, 1], tf.float32, default_value=[[1.0], [2.0]]),
                "t": tf.io.FixedLenFeature([1], tf.string, default_value="gone"),
                "q": tf.io.FixedLenSequenceFeature([], tf.string, allow_missing=True),
            },
        )
    ),
    "ragged-only": case(lambda tf: read(tf, {"s": tf.io.RaggedFeature(tf.string), "w": tf.io.RaggedFeature(tf.float32)})),
    "two-coordinates": case(
        lambda tf: parts(
            tf,
            tf.io.parse_example(
                [example(tf, x=[1, 0], y=[2, 1], v=[5.0, 6.0]), example(tf, x=[0], y=[0], v=[7.0])],
                {"m": tf.io.SparseFeature(["x", "y"], "v", tf.float32, [2, 3])},
            ),
        )
    ),
    "single": case(
        lambda tf: parts(
            tf,
            tf.io.parse_single_example(
                batch(tf)[1],
                {
                    "a": tf.io.FixedLenFeature([2], tf.float32),
                    "s": tf.io.VarLenFeature(tf.string),
                    "w": tf.io.FixedLenSequenceFeature([2], tf.float32, allow_missing=True),
                    "sparse": tf.io.SparseFeature("i", "v", tf.float32, 5),
                    "k": tf.io.RaggedFeature(tf.int64),
                },
            ),
        )
    ),
    "missing": case(lambda tf: fails(tf, {"n": tf.io.FixedLenFeature([], tf.int64)}), in_function=False),
    "another-dtype": case(lambda tf: fails(tf, {"a": tf.io.FixedLenFeature([2], tf.int64)}), in_function=False),
    "another-dtype-sparse": case(lambda tf: fails(tf, {"a": tf.io.VarLenFeature(tf.int64)}), in_function=False),
    "another-length": case(lambda tf: fails(tf, {"a": tf.io.FixedLenFeature([3], tf.float32)}), in_function=False),
    "uneven-sequence": case(
        lambda tf: fails(tf, {"w": tf.io.FixedLenSequenceFeature([3], tf.float32, allow_missing=True)}), in_function=False
    ),
    "damaged": case(lambda tf: tf.io.parse_example([b"no example"], {"a": tf.io.VarLenFeature(tf.int64)}), in_function=False),
    "no-features": case(lambda tf: tf.io.parse_example([b""], {}), in_function=False),
    "no-dtype": case(lambda tf: tf.io.parse_example([b""], {"a": tf.io.VarLenFeature(None)}), in_function=False),
    "unknown-shape": case(lambda tf: tf.io.parse_example([b""], {"a": tf.io.FixedLenFeature([None], tf.int64)}), in_function=False),
    "no-feature-class": case(lambda tf: tf.io.parse_example([b""], {"a": 3}), in_function=False),
    "not-missing": case(
        lambda tf: tf.io.parse_example([b""], {"a": tf.io.FixedLenSequenceFeature([], tf.int64)}), in_function=False
    ),
    "wrong-default": case(
        lambda tf: tf.io.parse_example([b""], {"a": tf.io.FixedLenFeature([2], tf.int64, default_value=[1, 2, 3])}),
        in_function=False,
    ),
    "csv": case(lambda tf, x: tf.io.decode_csv(x, [[0], tf.constant([], tf.float32), ["none"]], na_value="-"), LINES),
    "csv-tabs": case(lambda tf: tf.io.decode_csv([["a\tb"], ["\t"]], ["x", ["y"]], field_delim="\t")),
    "csv-selected": case(lambda tf, x: tf.io.decode_csv(x, [""], select_cols=[2]), LINES),
    "csv-quotes": case(lambda tf, x: tf.io.decode_csv(x, [["x"], ["y"], ["z"]]), QUOTED),
    "csv-no-quotes": case(lambda tf: tf.io.decode_csv(['a"b,c'], [[""], [""]], use_quote_delim=False)),
    **{
        f"csv-{name}": case(lambda tf, line=line: tf.io.decode_csv([line], [[1], tf.constant([], tf.string)]), in_function=False)
        for name, line in {
            "few-fields": "1",
            "many-fields": "1,2,3",
            "no-number": "x,y",
            "large-number": "5000000000,y",
            "missing-field": "1,",
            "quote-inside": '1,a"b',
            "quote-open": '1,"ab',
            "quote-before": '1,"a"b',
            "line-break": "1,a\nb",
            "empty": "",
        }.items()
    },
    "csv-selected-falling": case(lambda tf: tf.io.decode_csv(["a,b"], [[""], [""]], select_cols=[1, 0]), in_function=False),
    "csv-selected-too-few": case(lambda tf: tf.io.decode_csv(["a,b"], [[""], [""]], select_cols=[1]), in_function=False),
    "csv-selected-beyond": case(lambda tf: tf.io.decode_csv(["a,b"], [[""], [""]], select_cols=[1, 4]), in_function=False),
    "csv-long-separator": case(lambda tf: tf.io.decode_csv(["a,b"], [[""]], field_delim=",,"), in_function=False),
    "csv-long-default": case(lambda tf: tf.io.decode_csv(["1"], [[1, 2]]), in_function=False),
}
