"""Features that are decoded right behind the parser, and nowhere else, are read as numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import headrace as tf
from headrace.ir.graph import Graph
from headrace.passes.pipeline import Report, optimize

FEATURES = {
    "data": tf.io.FixedLenFeature([], tf.string),
    "more": tf.io.FixedLenFeature([2], tf.string),
    "name": tf.io.FixedLenFeature([], tf.string),
    "label": tf.io.FixedLenFeature([], tf.int64),
    "words": tf.io.VarLenFeature(tf.string),
    "parts": tf.io.RaggedFeature(tf.string),
}
Found = dict[str, Any]


def optimized(body: Callable[[Found], Any]) -> tuple[Graph, Report]:
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def parsed(serialized: Any) -> Any:
        return body(tf.io.parse_example(serialized, FEATURES))

    report = Report()
    return optimize(parsed.get_concrete_function().graph, report=report), report


def test_two_of_three_strings_become_numbers() -> None:
    def body(found: Found) -> Any:
        decoded = [tf.io.decode_raw(found["data"], tf.uint8), tf.io.decode_raw(found["more"], tf.float32)]
        return *decoded, found["name"], found["label"], found["words"].values, found["parts"].flat_values

    graph, report = optimized(body)
    (node,) = [node for node in graph.nodes if node.op != "Const"]
    assert node.op == "_ParseExampleNumbers"
    assert report.statistics["example_decoding"]["features"] == 2
    assert [(value.dtype.name, str(value.shape)) for value in graph.outputs[:4]] == [
        ("uint8", "(None, None)"),
        ("float32", "(None, 2, None)"),
        ("string", "(None,)"),
        ("int64", "(None,)"),
    ]


@pytest.mark.parametrize(
    "body",
    [
        lambda found: (found["data"], tf.io.decode_raw(found["data"], tf.uint8)),
        lambda found: (tf.strings.length(found["data"]), tf.io.decode_raw(found["data"], tf.uint8)),
        lambda found: tf.io.decode_raw(found["data"], tf.int32, little_endian=False),
        lambda found: tf.io.decode_raw(tf.strings.upper(found["data"]), tf.uint8),
        lambda found: tf.io.decode_raw(found["words"].values, tf.uint8),
        lambda found: tf.io.decode_raw(found["data"], tf.uint8, fixed_length=4),
    ],
    ids=["returned", "read again", "big-endian", "changed", "sparse", "padded"],
)
def test_other_strings_stay(body: Callable[[Found], Any]) -> None:
    graph, _ = optimized(body)
    assert "ParseExampleV2" in {node.op for node in graph.nodes}
