"""tf.strings: what is more than one raw op, and errors."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.public.case import case

WORDS = np.array([[b"a", b"b"], [b"c", b"d"]])


def _map_texts(tf: Any, x: Any) -> Any:
    """A loop over a list of strings, whose body has other strings from outside."""
    return tf.map_fn(lambda row: tf.strings.length(row) + tf.strings.length(x[0]), x, fn_output_signature=tf.int32)


CASES = {
    "zeros-at-the-end": case(lambda tf: [tf.constant([b"a\0", b"\0"]), tf.strings.length([["a\0\0"]]), tf.strings.length(b"\0")]),
    "bytes-and-text": case(lambda tf: tf.constant([b"\xc3\xa9", "a"])),
    "strings-and-numbers": case(lambda tf: tf.constant(["a", 1]), in_function=False),
    "numbers-and-strings": case(lambda tf: tf.constant([1, "a"]), in_function=False),
    "ragged-rows": case(lambda tf: tf.constant([["a", "b"], ["c"]]), in_function=False),
    "join": case(lambda tf, x: tf.strings.join(["<", x, ">"], separator="-"), WORDS),
    "join-shapes": case(lambda tf, x: tf.strings.join([x, ["a", "b", "c"]]), WORDS),
    "reduce-join": case(lambda tf, x: tf.reshape(tf.strings.reduce_join(x), [1]), WORDS),
    "reduce-join-axis": case(lambda tf, x: tf.reshape(tf.strings.reduce_join(x, axis=[0, 1], separator="-"), [1]), WORDS),
    "reduce-join-keepdims": case(lambda tf, x: tf.strings.reduce_join(x, axis=-1, keepdims=True), WORDS),
    "segment-join": case(lambda tf, x: tf.strings.unsorted_segment_join(x, [1, 1], 3, ","), WORDS),
    "gather-at-computed-positions": case(lambda tf, x: tf.gather(x, tf.argsort([[0.5, -1.0], [1.0, 2.0]])), WORDS),
    "replace": case(lambda tf, x: tf.strings.regex_replace(x, "[ac]", r"(\0)"), WORDS),
    "replace-pattern-tensor": case(lambda tf, x: tf.strings.regex_replace(x, tf.constant("a"), "z"), WORDS),
    "full-match": case(lambda tf, x: tf.strings.regex_full_match(x, "[ab]"), WORDS),
    "bad-pattern": case(lambda tf, x: tf.strings.regex_full_match(x, "("), WORDS, in_function=False),
    "as-string": case(lambda tf, x: tf.strings.as_string(x, precision=2, width=8), np.float32([1.5, -2.25]), gradient=False),
    "as-string-bad-precision": case(lambda tf: tf.strings.as_string([1], precision=2), in_function=False),
    "to-number": case(lambda tf: tf.strings.to_number(["1", "-2.5"])),
    "to-number-bad": case(lambda tf: tf.strings.to_number("one"), in_function=False),
    "hash-bucket-strong": case(lambda tf, x: tf.strings.to_hash_bucket_strong(x, 1000, [1, 2]), WORDS),
    "hash-bucket-fast": case(lambda tf, x: tf.strings.to_hash_bucket_fast(x, 1000), WORDS),
    "length": case(lambda tf: tf.strings.length(["é", ""], unit="UTF8_CHAR")),
    "substr": case(lambda tf: tf.strings.substr(["hello", "world"], [1, -3], [2, 2])),
    "substr-out-of-range": case(lambda tf: tf.strings.substr("abc", 4, 1), in_function=False),
    "format": case(lambda tf, x: tf.reshape(tf.strings.format("{} and {}", [x, x[0]]), [1]), WORDS),
    "format-count": case(lambda tf, x: tf.strings.format("{}", [x, x]), WORDS, in_function=False),
    "transcode-strict": case(
        lambda tf: tf.strings.unicode_transcode(tf.constant(b"\xff"), "UTF-8", "UTF-8", errors="strict"), in_function=False
    ),
    "base64": case(lambda tf, x: tf.io.decode_base64(tf.io.encode_base64(x)), WORDS),
    "decode-raw": case(lambda tf: tf.io.decode_raw(["abcd", "ef"], tf.uint8, fixed_length=3)),
    "parse-serialized": case(lambda tf, x: tf.io.parse_tensor(tf.io.serialize_tensor(x), tf.string), WORDS),
    "map": case(_map_texts, WORDS),
    "parse-damaged": case(lambda tf: tf.io.parse_tensor(b"damaged", tf.float32), in_function=False),
    "parse-another-dtype": case(lambda tf, x: tf.io.parse_tensor(tf.io.serialize_tensor(x), tf.int32), WORDS, in_function=False),
}
