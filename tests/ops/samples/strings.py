"""Samples of the ops on strings; real TensorFlow is the reference."""

from __future__ import annotations

from typing import Any

import numpy as np

import headrace as tf
from headrace.proto import messages
from headrace.proto.tensors import to_proto
from tests.ops.harness import Sample


def s(*items: Any) -> np.ndarray[Any, Any]:
    """A vector of strings."""
    array = np.empty(len(items), object)
    array[:] = [item.encode() if isinstance(item, str) else item for item in items]
    return array


def one(item: bytes) -> np.ndarray[Any, Any]:
    """A scalar string."""
    return s(item).reshape(())


WORDS = s("", "a", "hello", "Hello World", "ÀÉé Σ ΑΣ ß", b"\xff\xc3\xa9", " \t x\x0b\x0cy\n")
GRID = s("a", "b", "c", "d", "e", "f").reshape(2, 3)
EMPTY = s()
LONG = s("", *[bytes(range(n)) for n in (1, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 128, 200)])

EDITING = [
    *[Sample(op, (WORDS,), {"encoding": e}) for op in ("StringLower", "StringUpper") for e in ("", "utf-8")],
    Sample("StringLower", (EMPTY,)),
    Sample("StringStrip", (WORDS,)),
    *[Sample("StringLength", (WORDS,), {"unit": unit}) for unit in ("BYTE", "UTF8_CHAR")],
    Sample("Substr", (s("abc", "hello"), np.int32([1, -2]), np.int32([-1, -3]))),
    Sample("Substr", (s("abc", "hello").reshape(2, 1), np.int64([[0, 1, 3]]), np.int64([[9, 1, 0]]))),
    *[
        Sample("Substr", (s("héé€x"), np.int32(p), np.int32(n)), {"unit": "UTF8_CHAR"})
        for p, n in ((1, 2), (-3, 9), (5, 1), (1, -5))
    ],
]

JOINING = [
    Sample("Tile", (GRID, np.int32([2, 1]))),
    Sample("Tile", (s(""), np.int64([3]))),
    Sample("StringJoin", ([one(b"a"), s("b", "c"), one(b"d")],), {"separator": "--"}),
    Sample("StringJoin", ([GRID, GRID],)),
    Sample("ReduceJoin", (GRID, np.int32([1, 0])), {"separator": "-"}),
    Sample("ReduceJoin", (GRID, np.int32([0, -1])), {"keep_dims": True}),
    Sample("ReduceJoin", (GRID, np.int32(0))),
    Sample("ReduceJoin", (GRID, np.zeros(0, np.int32))),
    Sample("ReduceJoin", (s().reshape(2, 0), np.int32([1]))),
    Sample("UnsortedSegmentJoin", (s("a", "b", "c"), np.int32([2, 0, 2]), np.int32(4)), {"separator": ","}),
    Sample("UnsortedSegmentJoin", (GRID, np.int64([1, 1]), np.int64(2)), {"separator": ","}),
    *[
        Sample(
            "StringNGrams",
            (s("a", "b", "c", "d"), splits),
            {
                "separator": " ",
                "ngram_widths": widths,
                "left_pad": "L",
                "right_pad": "R",
                "pad_width": pad,
                "preserve_short_sequences": keep,
            },
        )
        for splits in (np.int32([0, 3, 3, 4]), np.int64([0, 4]))
        for widths, pad, keep in (((2, 3), -1, False), ((2, 4), 0, True), ((5,), 1, True), ((1, 2), 3, False))
    ],
]

SPLITTING = [
    *[Sample("StringSplitV2", (WORDS, one(b"")), {"maxsplit": n}) for n in (-1, 0, 1)],
    *[Sample("StringSplitV2", (s("a<>b<>c", "", "<>"), one(b"<>")), {"maxsplit": n}) for n in (-1, 1)],
    *[
        Sample("StringSplit", (s("a,b;c,,", "", "é"), one(d)), {"skip_empty": k})
        for d in (b",;", b"", b"-]^\\")
        for k in (True, False)
    ],
]

MATCHING = [
    *[
        Sample(op, (s("abcabc", "", "é€", b"a\xff\xc3\xa9", "a\nb"), one(p), one(r)), {"replace_global": g})
        for op in ("RegexReplace",)
        for p, r in ((b"b*", b"-"), (b"(b)(c)", rb"<\2\1\0\\>"), (b".", b"x"), (b"^b", b"x"), (b"(b)", rb"\2"), (b"", b"_"))
        for g in (True, False)
    ],
    Sample("StaticRegexReplace", (WORDS,), {"pattern": r"\pL+", "rewrite": r"[\0]"}),
    Sample("RegexFullMatch", (WORDS, one(b"[a-z]*"))),
    Sample("StaticRegexFullMatch", (WORDS,), {"pattern": "(?i)HELLO.*"}),
]

NUMBERS = np.float32([0, -1.5, 1e10, 1e-10, np.inf, -np.inf, np.nan, 123456.789])
NUMERIC = [
    *[
        Sample("AsString", (NUMBERS.astype(t),), attrs)
        for t in (np.float32, np.float64)
        for attrs in (
            {},
            {"precision": 3},
            {"scientific": True},
            {"shortest": True},
            {"shortest": True, "precision": 2, "width": 12},
            {"width": 12, "fill": "0"},
            {"width": 12, "fill": "-"},
            {"fill": "+"},
            {"width": 9, "fill": " "},
        )
    ],
    *[
        Sample("AsString", (np.array([0, 5, 120], t),), {"width": 6, "fill": f})
        for t in ("int8", "uint8", "int64", "uint64")
        for f in ("", "0", "#")
    ],
    Sample("AsString", (np.int32([-3, 7]),), {"width": 6, "fill": "+"}),
    Sample("AsString", (np.array([1 / 3, -2], tf.bfloat16.as_numpy_dtype),), {"precision": 5, "width": 9}),
    Sample("AsString", (np.float16([1 / 3]),)),
    Sample("AsString", (np.complex64([1 + 2j, -1j]),), {"width": 6, "precision": 2}),
    Sample("AsString", (np.array([True, False]),)),
    Sample("AsString", (s("ab", ""),), {"width": 5}),
    Sample("StringToNumber", (s(" 1.5 ", "inf", "-nan", "+3", "1e50", "0x10", ".5", "5.", "-Infinity", "1e-3"),)),
    Sample("StringToNumber", (s("3.25", "1e300"),), {"out_type": tf.float64}),
    *[Sample("StringToNumber", (s(" 12 ", "+7", "007"),), {"out_type": t}) for t in (tf.int32, tf.int64, tf.uint32, tf.uint64)],
]

HASHING = [
    Sample("StringToHashBucketFast", (LONG,), {"num_buckets": 1 << 60}),
    Sample("StringToHashBucketFast", (GRID,), {"num_buckets": 10}),
    Sample("StringToHashBucket", (LONG,), {"num_buckets": 1 << 60}),
    Sample("StringToHashBucketStrong", (LONG,), {"num_buckets": 1 << 60, "key": [123456789, -987654321]}),
    *[Sample("Fingerprint", (data, one(b"farmhash64"))) for data in (LONG, GRID, np.float32([[1, 2], [3, 4]]), np.int8([5, 6]))],
]

FORMATTING = [
    Sample(
        "StringFormat",
        ([one(b'a"b\n'), s("x", "y", "z", "w", "q", "v", "u"), np.arange(10, dtype=np.int32), np.array(True)],),
        {"template": "A {} B {} C {} D {}", "placeholder": "{}"},
    ),
    Sample("StringFormat", ([np.arange(12, dtype=np.int64).reshape(2, 3, 2)],), {"summarize": -1}),
    Sample("StringFormat", ([np.arange(100, dtype=np.uint8).reshape(10, 10)],), {"summarize": 2}),
    Sample("StringFormat", ([np.float32([1, 1e5, 1234567, 1e6, 1e-5, -0.0, np.nan, -np.inf, 1 / 3])],), {"summarize": 20}),
    Sample("StringFormat", ([np.float64(1 / 3)],)),
]

BYTES = s(b"h\xc3\xa9\xff\xe2\x82x", b"a\x01", b"", b"\xed\xa0\x80\xf4\x90\x80\x80\xc0\x80", "€😀")
CODES = np.int32([104, 0xD800, 0xFFFE, 0x110000, -1, 0x1F600])
WIDE = s(b"\x00a\xd8\x00\x00b\xd8\x34\xdd\x1e\x00")
UNICODE = [
    *[
        Sample(op, (BYTES,), {"input_encoding": "UTF-8", "errors": e, "replace_control_characters": c})
        for op in ("UnicodeDecode", "UnicodeDecodeWithOffsets")
        for e in ("replace", "ignore")
        for c in (True, False)
    ],
    Sample("UnicodeDecodeWithOffsets", (WIDE,), {"input_encoding": "UTF-16-BE"}),
    Sample("UnicodeDecode", (s(b"ab\xe9"),), {"input_encoding": "ISO-8859-1", "Tsplits": tf.int32}),
    Sample("UnicodeDecode", (s(b"ab\xe9"),), {"input_encoding": "US-ASCII"}),
    Sample("UnicodeDecodeWithOffsets", (s(b"\x83\x65a"),), {"input_encoding": "shift-jis"}),
    *[
        Sample(
            "UnicodeEncode",
            (np.int32([104, 0xD800, 0xFFFE, 0x110000, -1, 0x1F600]), np.int64([0, 2, 6])),
            {"output_encoding": o, "errors": e},
        )
        for o in ("UTF-8", "UTF-16-BE", "UTF-32-BE")
        for e in ("replace", "ignore")
    ],
    *[
        Sample(
            "UnicodeTranscode",
            (BYTES,),
            {"input_encoding": "UTF-8", "output_encoding": o, "errors": e, "replace_control_characters": c},
        )
        for o, e, c in (("UTF-16-BE", "replace", True), ("UTF-8", "ignore", True), ("UTF-32-BE", "replace", False))
    ],
]

ENCODING = [
    *[Sample("EncodeBase64", (WORDS,), {"pad": pad}) for pad in (False, True)],
    Sample("DecodeBase64", (s("YWI", "YWI=", "YQ", "", "-_-_"),)),
    *[
        Sample("DecodeRaw", (s("abcdefgh", "12345678"),), {"out_type": t, "little_endian": e})
        for t in (tf.uint8, tf.int32, tf.float16, tf.complex64, tf.bfloat16)
        for e in (True, False)
        if t is not tf.complex64 or e
    ],
    Sample("DecodeRaw", (EMPTY,), {"out_type": tf.int32}),
    Sample("DecodeRaw", (s(b"\0\1\2"),), {"out_type": tf.bool}),
    *[
        Sample("DecodePaddedRaw", (s("abcdef", "a"), np.int32(4)), {"out_type": tf.uint16, "little_endian": e})
        for e in (True, False)
    ],
]

# The last byte is no NUL: numpy, which carries the sample to TensorFlow, would drop it.
TENSORS = [
    Sample("SerializeTensor", (np.float32([[1, 2, 3]]),)),
    Sample("ParseTensor", (one(messages.TensorProto(dtype=1, float_val=[1.5]).SerializeToString()),), {"out_type": tf.float32}),
    Sample("ParseTensor", (one(to_proto(np.array([[0, 1], [2, -1]])).SerializeToString()),), {"out_type": tf.int64}),
    Sample("ParseTensor", (one(to_proto(WORDS).SerializeToString()),), {"out_type": tf.string}),
]

SAMPLES = [*EDITING, *JOINING, *SPLITTING, *MATCHING, *NUMERIC, *HASHING, *FORMATTING, *UNICODE, *ENCODING, *TENSORS]
