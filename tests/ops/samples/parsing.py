"""Samples of the ops that read records."""

from __future__ import annotations

import gzip
import zlib
from typing import Any

import numpy as np

from headrace.core.dtypes import float32, int32, int64, string
from headrace.proto import messages
from tests.ops.harness import Sample


def _example(**features: Any) -> bytes:
    kinds = {
        "f": ("float_list", messages.FloatList),
        "i": ("int64_list", messages.Int64List),
        "s": ("bytes_list", messages.BytesList),
    }
    made = {key: messages.Feature(**{kinds[key[0]][0]: kinds[key[0]][1](value=values)}) for key, values in features.items()}
    return messages.Example(features=messages.Features(feature=made)).SerializeToString()


def _strings(*items: bytes) -> Any:
    array = np.empty(len(items), object)
    array[:] = items
    return array


ROWS = _strings(
    _example(f=[1.0, 2.0], i=[7], s=[b"x", b"yz"]), _example(f=[3.0, 4.0], i=[8, 9], s=[]), _example(f=[5.0, 6.0], s=[b"last"])
)
EVEN = _strings(*[_example(f=[n], s=[np.int32(i + 2 * n).tobytes() for i in (3, 4)]) for n in (1, 2)])
NONE = _strings()
DEFAULT = np.float32([])
LINES = _strings(b"1,2.5,x", b'-,1e3,"a ""b"", c"', b"-7, 4 ,z")

JSON = _strings(b'{"features": {"feature": {"i": {"int64List": {"value": ["1", "-5"]}}}}}', b"{}")


def _sequence(context: bytes, **lists: Any) -> bytes:
    """A sequence example of a context, which is an example's features, and lists of floats."""
    kept = {
        key: messages.FeatureList(feature=[messages.Feature(float_list=messages.FloatList(value=step)) for step in steps])
        for key, steps in lists.items()
    }
    features = messages.Example.FromString(context).features
    return messages.SequenceExample(context=features, feature_lists=messages.FeatureLists(feature_list=kept)).SerializeToString()


SEQUENCES = _strings(
    _sequence(ROWS[0], dense=[[1, 2], [3, 4]], loose=[[1], [], [2, 3]], rows=[[], [7]]),
    _sequence(ROWS[1], dense=[[5, 6]], loose=[[4, 5, 6]]),
)
SEQUENCE_KEYS = (_strings(b"i"), _strings(b"f"), _strings(b"s"), _strings(b"loose"), _strings(b"dense"), _strings(b"rows"))
SEQUENCE_ATTRS = {
    "Ncontext_sparse": 1,
    "context_sparse_types": (int64,),
    "context_ragged_value_types": (string,),
    "context_ragged_split_types": (int32,),
    "context_dense_shapes": ([2],),
    "Nfeature_list_sparse": 1,
    "Nfeature_list_dense": 1,
    "feature_list_dense_types": (float32,),
    "feature_list_sparse_types": (float32,),
    "feature_list_ragged_value_types": (float32,),
    "feature_list_ragged_split_types": (int64,),
    "feature_list_dense_shapes": ([2],),
}

SAMPLES = [
    Sample("ParseSequenceExampleV2", (SEQUENCES, NONE, *SEQUENCE_KEYS, np.array([False]), [DEFAULT]), SEQUENCE_ATTRS),
    Sample("DecodeCompressed", (_strings(zlib.compress(b"abc" * 9), b""),), {"compression_type": "ZLIB"}),
    Sample("DecodeCompressed", (_strings(gzip.compress(b"abc", mtime=0)),), {"compression_type": "GZIP"}),
    Sample("DecodeJSONExample", (JSON,), reference=lambda _: _strings(_example(i=[1, -5]), b""), oracle=False),
    Sample(
        "ParseExampleV2",
        (ROWS, NONE, _strings(b"s"), _strings(b"f"), _strings(b"i"), [DEFAULT]),
        {
            "num_sparse": 1,
            "sparse_types": (string,),
            "ragged_value_types": (int64,),
            "ragged_split_types": (int32,),
            "dense_shapes": ([2],),
        },
    ),
    Sample(
        "ParseExampleV2",
        (np.array(ROWS[0], object), NONE, _strings(b"i", b"s"), _strings(b"f", b"i2"), NONE, [DEFAULT, np.int64(-5)]),
        {
            "num_sparse": 2,
            "sparse_types": (int64, string),
            "ragged_value_types": (),
            "ragged_split_types": (),
            "dense_shapes": ([1, 2], []),
        },
    ),
    Sample(
        "_ParseExampleNumbers",
        (EVEN, NONE, NONE, _strings(b"f", b"s"), NONE, [DEFAULT, NONE]),
        {
            "num_sparse": 0,
            "sparse_types": (),
            "dense_types": (float32, int32),
            "ragged_value_types": (),
            "ragged_split_types": (),
            "dense_shapes": ([1], [2]),
            "decoded": (1,),
        },
        reference=lambda *_, **__: [np.float32([[1], [2]]), np.int32([[[5], [6]], [[7], [8]]])],
        oracle=False,  # tests/data/pipeline compares it with what it is made of
    ),
    Sample(
        "ParseExample",
        (ROWS, NONE, [np.array(b"i", object)], [np.array(b"f", object)], [DEFAULT]),
        {"sparse_types": (int64,), "dense_shapes": ([2],)},
    ),
    Sample(
        "ParseSingleExample",
        (np.array(ROWS[1], object), [DEFAULT]),
        {"num_sparse": 1, "sparse_keys": ("i",), "dense_keys": ("f",), "sparse_types": (int64,), "dense_shapes": ([2],)},
    ),
    Sample("DecodeCSV", (LINES, [np.int32([0]), np.float32([]), NONE]), {"na_value": "-"}),
    Sample(
        "DecodeCSV",
        (LINES.reshape(1, 3), [np.float64([0.5]), np.array([b"none"], object)]),
        {"select_cols": (1, 2), "use_quote_delim": False, "na_value": "-"},
    ),
]
