"""What stands in strings: compressed bytes, examples in JSON, audio, sparse tensors, graphs."""

from __future__ import annotations

import gzip
import struct
import tempfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from tests.public.case import case

AUDIO = np.array([[0, 0.5], [1, -1], [2, -2], [0.25, -0.3], [0.00001, -0.5 / 32768]], np.float32)


def wav(
    channels: int = 2, rate: int = 8000, bits: int = 16, kind: int = 1, extra: bytes = b"", data: bytes = bytes(range(16))
) -> bytes:
    """A WAV file."""
    width = channels * bits // 8
    form = b"fmt " + struct.pack("<IHHIIHH", 16, kind, channels, rate, rate * width, width, bits)
    body = b"WAVE" + form + extra + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def chunk(content: bytes) -> bytes:
    """A chunk of text, without a byte to make it even."""
    return b"LIST" + struct.pack("<I", len(content)) + content


def sparse(tf: Any, rank: int = 2) -> Any:
    """A sparse tensor."""
    if rank == 1:
        return tf.sparse.SparseTensor([[1]], [1.5], [5])
    return tf.sparse.SparseTensor([[0, 1], [2, 0]], [1.0, 2.0], [3, 4])


def taken_apart(x: Any) -> list[Any]:
    """Coordinates, values and shape."""
    return [x.indices, x.values, x.dense_shape]


def written_graph(tf: Any) -> Any:
    """The nodes of a graph in files."""
    graph = tf.function(lambda x: x + 1.0).get_concrete_function(tf.TensorSpec([2], tf.float32)).graph
    with tempfile.TemporaryDirectory() as folder:
        text = tf.io.write_graph(graph, f"{folder}/below", "graph.pbtxt")
        binary = tf.io.write_graph(graph, folder, "graph.pb", as_text=False)
        made = [Path(text).relative_to(folder).as_posix(), Path(binary).relative_to(folder).as_posix()]
        return [
            tf.constant(made),
            tf.constant('op: "Placeholder"' in Path(text).read_text()),
            tf.constant(b"Add" in Path(binary).read_bytes()),
        ]


JSON = '{"features": {"feature": {"a": {"int64List": {"value": ["1", "-5"]}}}}}'

CASES = {
    "zlib": case(lambda tf: tf.io.decode_compressed([zlib.compress(b"abc" * 1000), zlib.compress(b""), b""], "ZLIB")),
    "gzip": case(lambda tf: tf.io.decode_compressed([[gzip.compress(b"abc"), gzip.compress(b"d") * 2]], "GZIP")),
    "not-compressed": case(lambda tf: tf.io.decode_compressed([b"abc"])),
    "no-zlib": case(lambda tf: tf.io.decode_compressed([b"abc"], "ZLIB"), in_function=False),
    "no-such-compression": case(lambda tf: tf.io.decode_compressed([b"abc"], "BZ2"), in_function=False),
    "json": case(
        lambda tf: taken_apart(
            tf.io.parse_example(tf.io.decode_json_example([JSON, "{}"]), {"a": tf.io.VarLenFeature(tf.int64)})["a"]
        )
    ),
    "json-damaged": case(lambda tf: tf.io.decode_json_example(["{"]), in_function=False),
    "json-another-field": case(lambda tf: tf.io.decode_json_example(['{"x": 1}']), in_function=False),
    "wav-encoded": case(lambda tf, x: tf.reshape(tf.audio.encode_wav(x, 8000), [1]), AUDIO, gradient=False),
    "wav-no-samples": case(lambda tf: tf.reshape(tf.audio.encode_wav(np.zeros((0, 2), np.float32), 44100), [1])),
    "wav-back": case(lambda tf, x: list(tf.audio.decode_wav(tf.audio.encode_wav(x, 8000))), AUDIO, gradient=False),
    **{
        f"wav-{channels}-channels-{samples}-samples": case(
            lambda tf, c=channels, s=samples: list(tf.audio.decode_wav(wav(), desired_channels=c, desired_samples=s))
        )
        for channels, samples in [(1, 2), (3, 6), (0, 0), (2, -1), (-1, 3)]
    },
    "wav-mono-to-stereo": case(lambda tf: list(tf.audio.decode_wav(wav(channels=1), desired_channels=2))),
    "wav-another-chunk": case(lambda tf: list(tf.audio.decode_wav(wav(extra=chunk(b"abcd"))))),
    "wav-odd-chunk": case(lambda tf: list(tf.audio.decode_wav(wav(extra=chunk(b"abc"))))),
    **{
        f"wav-{name}": case(lambda tf, data=data: tf.audio.decode_wav(data), in_function=False)
        for name, data in {
            "8-bits": wav(bits=8),
            "floats": wav(kind=3),
            "empty": b"",
            "cut": wav()[:-3],
            "no-data": wav()[:36],
            "no-wav": b"RIFX" + wav()[4:],
        }.items()
    },
    "wav-no-channels": case(lambda tf: tf.audio.encode_wav(np.zeros((3, 0), np.float32), 8000), in_function=False),
    "wav-vector": case(lambda tf: tf.audio.encode_wav(np.zeros(3, np.float32), 8000), in_function=False),
    "wav-no-rate": case(lambda tf: tf.audio.encode_wav(AUDIO, 0), in_function=False),
    "sparse": case(lambda tf: tf.io.serialize_sparse(sparse(tf))),
    "sparse-rows": case(lambda tf: tf.io.serialize_many_sparse(sparse(tf))),
    "sparse-back": case(
        lambda tf: taken_apart(tf.io.deserialize_many_sparse(tf.io.serialize_many_sparse(sparse(tf)), tf.float32, rank=2))
    ),
    "sparse-joined": case(
        lambda tf: taken_apart(
            tf.io.deserialize_many_sparse(
                [
                    tf.io.serialize_sparse(sparse(tf)),
                    tf.io.serialize_sparse(tf.sparse.SparseTensor([[1, 5]], [7.0], [2, 9])),
                ],
                tf.float32,
            )
        )
    ),
    "sparse-vector": case(lambda tf: taken_apart(tf.io.deserialize_many_sparse(tf.io.serialize_sparse(sparse(tf)), tf.float32))),
    "sparse-strings": case(
        lambda tf: taken_apart(
            tf.io.deserialize_many_sparse(tf.io.serialize_many_sparse(tf.sparse.from_dense([["a", ""], ["", "b\0"]])), tf.string)
        )
    ),
    "sparse-another-dtype": case(
        lambda tf: tf.io.deserialize_many_sparse(tf.io.serialize_many_sparse(sparse(tf)), tf.int32), in_function=False
    ),
    "sparse-another-rank": case(
        lambda tf: tf.io.deserialize_many_sparse(tf.io.serialize_many_sparse(sparse(tf)), tf.float32, rank=1), in_function=False
    ),
    "sparse-ranks-differ": case(
        lambda tf: tf.io.deserialize_many_sparse(
            [tf.io.serialize_sparse(sparse(tf)), tf.io.serialize_sparse(sparse(tf, 1))], tf.float32
        ),
        in_function=False,
    ),
    "sparse-damaged": case(lambda tf: tf.io.deserialize_many_sparse([[b"a", b"b", b"c"]], tf.float32), in_function=False),
    "sparse-none": case(lambda tf: tf.io.deserialize_many_sparse(tf.zeros([0, 3], tf.string), tf.float32), in_function=False),
    "sparse-rows-of-a-vector": case(lambda tf: tf.io.serialize_many_sparse(sparse(tf, 1)), in_function=False),
    "is-jpeg": case(lambda tf: [tf.io.is_jpeg(b"\xff\xd8\xffabc"), tf.io.is_jpeg(b"abc"), tf.image.is_jpeg(b"")]),
    "graph": case(written_graph, in_function=False),
}
