"""JPEG images, decoded and resized, and examples that hold numbers as bytes: batched, in threads and without."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import numpy as np

COLOUR = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAoHBwgHBgoICAgLCgoLDhgQDg0NDh0VFhEYIx8lJCIfIiEmKzcvJik0KSEiMEExNDk7Pj4+JS5ESUM8SDc9Pjv/"
    "2wBDAQoLCw4NDhwQEBw7KCIoOzs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozv/wAARCAAVABoDASIAAhEBAxEB/8QA"
    "GQAAAgMBAAAAAAAAAAAAAAAAAAQCBQYD/8QAKRAAAQQBAgQFBQAAAAAAAAAAAQACAwQFBhESEyExBxQWQZEVIjRRUv/EABgBAAIDAAAAAAAAAAAAAAAAAAQF"
    "AQID/8QAJREAAgEDAgUFAAAAAAAAAAAAAQIDAAQRIUEFEhMyYQYxQnGR/9oADAMBAAIRAxEAPwC5bqyS4fK34hXEvTcrj6br1slFLTm5zXHckeyXzUmJytuF"
    "0LyWsPUhStWLVThOH+6MDruohWdufqL2+42FXkvxbRgxxcobuHxztk0tqO+YsiKhG24VbygfdL5R1l9j6hfG3D+kj6mof0fhNFt0kQM2CNtdqzW1WQc0SJ51"
    "38VrqFCuOzB1VZnLk1C42Ku7hYe4QhK7yRh0QD3Zz5+6FZmf1E9uxyhI02/Kf09BHmLrK1xvMjd3BW4Hh5pvb8BnwhCHtmYNIoOgOlP+JxpDcssYwM7V/9k="
)
GREY = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAoHBwgHBgoICAgLCgoLDhgQDg0NDh0VFhEYIx8lJCIfIiEmKzcvJik0KSEiMEExNDk7Pj4+JS5ESUM8SDc9Pjv/"
    "wAALCAAeABEBAREA/8QAGQAAAgMBAAAAAAAAAAAAAAAABQYCAwQH/8QAKxAAAAUBBQYHAAAAAAAAAAAAAQIDBAUABhESEzEWQlFSU5EHFBVBRVWS/9oACAEB"
    "AAA/AMtlYNmsopBTK3lnxQvIkOo31WzVLD+HTpimOI6r1VIwcC8aRPSUeenu3MPLMJAtoTHAZFuIGUOXS7Sty6kZOwLd3FpGIiUcTkBDU+8NC8iI6Ju1ELRz"
    "TtnGrJA3M+F2GE465YB71KzMm3cxki2bNygLNpnZZd43Clna179Eb808PBCOevW6ZQMVcoFG8L7qCpNCWZm4w7P5VyCC4DyjXWdmY3oF7V//2Q=="
)
"""26 x 21 and 17 x 30 pixels."""


def _bits(dataset: Any) -> list[Any]:
    """The elements as bytes: floats are compared bit by bit."""
    return [np.ascontiguousarray(item).view(np.uint8) for item in dataset.as_numpy_iterator()]


def _resized(tf: Any, calls: Any, size: tuple[int, int] = (8, 9)) -> Any:
    def prepared(number: Any, data: Any) -> Any:
        image = tf.image.resize(tf.io.decode_jpeg(data, channels=3), size)
        return image + tf.cast(number, tf.float32) if calls == 3 else image

    files = tf.data.Dataset.from_tensor_slices([COLOUR, GREY, COLOUR]).repeat(9).enumerate()
    return files.map(prepared, num_parallel_calls=calls)


def _different(tf: Any, calls: Any) -> Any:
    files = tf.data.Dataset.from_tensor_slices([COLOUR, COLOUR, GREY])
    return files.map(lambda data: tf.io.decode_jpeg(data, channels=3), num_parallel_calls=calls).batch(3)


def _some_damaged(tf: Any, calls: Any) -> Any:
    """What comes before and after the errors, one by one."""
    files = tf.data.Dataset.from_tensor_slices([COLOUR, b"no image", GREY, GREY, b"nor this", COLOUR, GREY])
    found = files.map(lambda data: tf.reduce_sum(tf.cast(tf.io.decode_jpeg(data, channels=1), tf.int32)), num_parallel_calls=calls)
    return found.ignore_errors().batch(2)


def _examples(tf: Any, contents: list[bytes | None]) -> Any:
    def one(label: int, data: bytes | None) -> bytes:
        features = {"label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label]))}
        if data is not None:
            half = len(data) // 2
            features["data"] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[data]))
            features["two"] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[data[:half], data[half:]]))
        return bytes(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())

    return tf.data.Dataset.from_tensor_slices([one(label, data) for label, data in enumerate(contents)])


def _numbers(tf: Any, contents: list[bytes | None], dtype: str, batch: int = 3, key: str = "data", **options: Any) -> Any:
    """Examples parsed and decoded in one function; a batch of 0 parses one at a time."""
    shape = [2] if key == "two" else []
    features = {key: tf.io.FixedLenFeature(shape, tf.string, **options), "label": tf.io.FixedLenFeature([], tf.int64)}

    def parsed(serialized: Any) -> Any:
        parse = tf.io.parse_example if batch else tf.io.parse_single_example
        found = parse(serialized, features)
        return tf.io.decode_raw(found[key], getattr(tf, dtype)), found["label"]

    examples = _examples(tf, contents)
    return (examples.batch(batch) if batch else examples).map(parsed, num_parallel_calls=2)


def _used_twice(tf: Any) -> Any:
    """The strings themselves are asked for, too."""

    def parsed(serialized: Any) -> Any:
        found = tf.io.parse_example(serialized, {"data": tf.io.FixedLenFeature([], tf.string)})
        return found["data"], tf.io.decode_raw(found["data"], tf.uint8)

    return _examples(tf, EVEN).batch(2).map(parsed)


EVEN: list[bytes | None] = [bytes(range(n, n + 16)) for n in range(7)]
UNEVEN: list[bytes | None] = [*EVEN[:4], b"12345678", *EVEN[4:]]
MISSING: list[bytes | None] = [EVEN[0], None, *EVEN[1:]]
TYPES = ("uint8", "int8", "uint16", "int32", "int64", "float16", "float32", "float64", "complex64", "bool")

CASES: dict[str, Callable[[Any], Any]] = {
    **{f"jpeg-{c}": lambda tf, c=c: _bits(_resized(tf, c).batch(4).prefetch(1)) for c in (None, 2, 3, -1)},
    "jpeg-one-by-one": lambda tf: _bits(_resized(tf, 2)),
    "jpeg-larger": lambda tf: _bits(_resized(tf, 2, (40, 33)).batch(5)),
    **{f"jpeg-different-sizes-{c}": lambda tf, c=c: _different(tf, c) for c in (None, 2)},
    **{f"jpeg-damaged-{c}": lambda tf, c=c: _some_damaged(tf, c) for c in (None, 2)},
    **{f"numbers-{t}": lambda tf, t=t: _numbers(tf, EVEN, t) for t in TYPES},
    "numbers-one-by-one": lambda tf: _numbers(tf, EVEN, "int32", 0),
    "numbers-one-by-one-default": lambda tf: _numbers(tf, MISSING, "uint8", 0, default_value=b"0123456789abcdef"),
    "numbers-one-by-one-missing": lambda tf: _numbers(tf, MISSING, "uint8", 0),
    "numbers-two-strings": lambda tf: _numbers(tf, EVEN, "int32", key="two"),
    "numbers-of-no-bytes": lambda tf: _numbers(tf, [b"", b""], "int32"),
    "numbers-uneven": lambda tf: _numbers(tf, UNEVEN, "uint8"),
    "numbers-that-do-not-divide": lambda tf: _numbers(tf, [b"12345", b"12345"], "int32"),
    "numbers-missing": lambda tf: _numbers(tf, MISSING, "uint8"),
    "numbers-default": lambda tf: _numbers(tf, MISSING, "uint8", default_value=b"0123456789abcdef"),
    "numbers-default-of-another-length": lambda tf: _numbers(tf, MISSING, "uint8", default_value=b"01"),
    "numbers-beside-strings": _used_twice,
}
