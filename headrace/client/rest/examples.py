"""tf.Examples to JSON, and the results of heads from JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from headrace.client.answers import Classes
from headrace.client.rest.tensors import load, to_base64
from headrace.core.errors import DataLossError
from headrace.proto.tensors import Array


def request(signature: str, examples: Sequence[Any], context: Any) -> bytes:
    """The body of a classify or regress request. `context` is an Example or None."""
    content: dict[str, Any] = {"signature_name": signature} if signature else {}
    if context is not None:
        content["context"] = _features(context)
    return json.dumps({**content, "examples": [_features(example) for example in examples]}).encode()


def _features(example: Any) -> dict[str, list[Any]]:
    """The features by name: floats always have a point or an exponent, so that they are not taken for integers."""
    found: dict[str, list[Any]] = {}
    for name, feature in example.features.feature.items():
        kind = feature.WhichOneof("kind")
        values = list(getattr(feature, kind).value) if kind else []
        found[name] = [to_base64(item) for item in values] if kind == "bytes_list" else values
    return found


def classes(body: bytes) -> list[Classes]:
    """The labels and scores of each example.

    Raises:
        DataLossError: the answer has no such results.
    """
    try:
        return [[(_label(label), _number(score)) for label, score in row] for row in _results(body)]
    except (TypeError, ValueError) as error:
        raise DataLossError(f"the server's answer has no labels and scores: {error}") from None


def values(body: bytes) -> Array:
    """The value of each example, float32 [n].

    Raises:
        DataLossError: the answer has no such results.
    """
    try:
        return np.array([_number(value) for value in _results(body)], np.float32)
    except (TypeError, ValueError) as error:
        raise DataLossError(f"the server's answer has no values: {error}") from None


def _results(body: bytes) -> list[Any]:
    content = load(body)
    if not isinstance(content, dict) or not isinstance(content.get("results"), list):
        raise DataLossError("the server's answer has no list of results")
    found: list[Any] = content["results"]
    return found


def _label(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"a {type(value).__name__} stands for a label")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"a {type(value).__name__} stands for a number")
    return float(np.float32(value))
