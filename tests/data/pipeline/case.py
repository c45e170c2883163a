"""What a pipeline gives, in a form that Headrace's and TensorFlow's can be compared in."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tests.ops.exchange import encode

MOST = 40
"""Elements of a dataset that are looked at."""


def load(module: str) -> Mapping[str, Callable[[Any], Any]]:
    """The cases of one module."""
    found: Mapping[str, Callable[[Any], Any]] = importlib.import_module(f"tests.data.pipeline.cases.{module}").CASES
    return found


def answer(tf: Any, run: Callable[[Any], Any]) -> dict[str, Any]:
    """What a case returns, or the name of its error.

    Of a dataset: the elements (or the error among them), the spec and the cardinality.
    """
    try:
        return {"value": described(tf, run(tf))}
    except tf.errors.OpError as error:
        return {"error": type(error).__name__, "text": str(error)[:300]}
    except (ArithmeticError, AttributeError, LookupError, NotImplementedError, RuntimeError, TypeError, ValueError) as error:
        return {"error": type(error).__name__, "text": str(error)[:300]}


def described(tf: Any, value: Any) -> Any:
    """A value as JSON."""
    if isinstance(value, tf.data.Dataset):
        return _dataset(tf, value)
    if isinstance(value, Mapping):
        return {"kind": type(value).__name__, "items": [[str(k), described(tf, value[k])] for k in value]}
    if isinstance(value, list | tuple):
        kind = type(value).__name__ if hasattr(value, "_fields") else "sequence"
        return {"kind": kind, "items": [described(tf, item) for item in value]}
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, tf.SparseTensor | tf.RaggedTensor):
        parts = tf.nest.flatten(value, expand_composites=True)
        return {"kind": type(value).__name__.removesuffix("Value"), "items": [described(tf, part) for part in parts]}
    if isinstance(value, int | float):
        return value
    return encode(value.numpy() if hasattr(value, "numpy") else value)


def _dataset(tf: Any, dataset: Any) -> Any:
    elements: list[Any] = []
    error = None
    try:
        for element in dataset.take(MOST):
            elements.append(described(tf, element))
    except tf.errors.OpError as raised:
        error = type(raised).__name__
    size = int(dataset.cardinality().numpy())
    return {"spec": str(dataset.element_spec), "cardinality": size, "elements": elements, "error": error}


def numbers(dataset: Any) -> list[Any]:
    """The elements of a small dataset as plain lists, for cases that print them."""
    return [np.asarray(item).tolist() for item in dataset.as_numpy_iterator()]
