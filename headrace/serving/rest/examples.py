"""Classify and regress over REST: JSON objects to tf.Examples, results to JSON."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import orjson

from headrace.core import dtypes
from headrace.core.errors import InvalidArgumentError
from headrace.proto.messages import Example
from headrace.serving.heads import Classification, Result
from headrace.serving.rest.decode import Document
from headrace.serving.rest.values import from_base64, is_base64, kind, show

_LISTS = {"bytes_list": "bytes", "float_list": "float", "int64_list": "int64"}
_LARGEST_FLOAT = float(dtypes.float32.max)


def to_examples(document: Document, method: str) -> tuple[list[bytes], bytes]:
    """The serialized examples of a request, and its context (empty when it has none).

    Args:
        document: the request.
        method: "classify" or "regress", for messages.

    Raises:
        InvalidArgumentError: there are no examples, or one of them is no object of numbers, strings and lists of one kind.
    """
    content = document.content
    context = _example(content["context"]) if "context" in content else b""
    if "examples" not in content:
        raise InvalidArgumentError(
            f"JSON Value: {show(content)} When method is {method}, key 'examples' is expected and was not found"
        )
    examples = content["examples"]
    if not isinstance(examples, list):
        raise InvalidArgumentError(f"JSON Value: {show(content)} Expecting 'examples' value to be an list/array")
    if not examples:
        raise InvalidArgumentError(f"JSON Value: {show(content)} 'examples' value is an empty array")
    return [_example(value) for value in examples], context


def from_result(result: Result) -> bytes:
    """The JSON of an answer: `results` has for each example its value, or its list of [label, score].

    Raises:
        InvalidArgumentError: a label is not UTF-8.
    """
    if isinstance(result, Classification):
        rows: Any = [
            [[label, _number(score)] for label, score in zip(labels, scores, strict=True)]
            for labels, scores in zip(result.labels(), result.score_rows(), strict=True)
        ]
    else:
        rows = [_number(value) for value in result.values]
    return orjson.dumps({"results": rows}, option=orjson.OPT_SERIALIZE_NUMPY)


def _number(value: np.float32) -> Any:
    """What orjson writes as TensorFlow Serving does: the fewest digits, and NaN and infinities bare."""
    if np.isfinite(value):
        return value
    return orjson.Fragment(b"NaN" if np.isnan(value) else b"Infinity" if value > 0 else b"-Infinity")


def _example(value: Any) -> bytes:
    if not isinstance(value, dict):
        raise InvalidArgumentError(f"Example must be JSON object but got JSON {kind(value)}")
    example = Example()
    features = example.features.feature
    for name, content in value.items():
        try:
            feature = features[name]
        except UnicodeEncodeError:
            raise InvalidArgumentError(f"Feature: {show(name)} has a name that is not valid Unicode") from None
        _fill(feature, name, content if isinstance(content, list) else [content])
    data: bytes = example.SerializeToString(deterministic=True)
    return data


def _fill(feature: Any, name: str, values: list[Any]) -> None:
    """Puts values into a Feature message; the list it gets is that of the first value's kind."""
    if set(map(type, values)) == {float}:  # the usual long list
        _check_floats(values)
        feature.float_list.value.extend(values)
        return
    found = [_element(name, value) for value in values]
    for (field, _), value in zip(found, values, strict=True):
        if field != found[0][0]:
            raise InvalidArgumentError(
                f"Unexpected element type in feature: {name} expecting type: {_LISTS[found[0][0]]}; got {show(value)}"
            )
    if found:
        getattr(feature, found[0][0]).value.extend(item for _, item in found)


def _element(name: str, value: Any) -> tuple[str, Any]:
    """The list of a Feature that a JSON value belongs to, and how it stands there."""
    if isinstance(value, bool):
        return "int64_list", int(value)
    if isinstance(value, int) and -(2**63) <= value < 2**64:
        if value >= 2**63:
            raise InvalidArgumentError(f"Feature: {name} has uint64 element. Only int64 is supported.")
        return "int64_list", value
    if isinstance(value, int | float):  # an integer of more than 64 bits is a double to JSON
        if isinstance(value, float) or abs(value) < 2**1023:
            _check_floats([value])
            return "float_list", float(value)
        raise _too_large(value)
    if isinstance(value, str):
        try:
            return "bytes_list", value.encode()
        except UnicodeEncodeError:
            raise InvalidArgumentError(f"Feature: {name} has a string that is not valid Unicode: {show(value)}") from None
    if is_base64(value):
        return "bytes_list", from_base64(value)
    raise InvalidArgumentError(f"Feature: {name} has element with unexpected JSON type: {kind(value)}")


def _check_floats(values: list[Any]) -> None:
    for value in values:
        if not -_LARGEST_FLOAT <= value <= _LARGEST_FLOAT and math.isfinite(value):
            raise _too_large(value)


def _too_large(value: float) -> InvalidArgumentError:
    return InvalidArgumentError(f"Cannot convert JSON value: {show(value)} to float without loss of precision.")
