"""Run by real TensorFlow's Python: evaluates samples and describes ops. Reads a request, writes an answer, both JSON.

usage: python -m tests.ops.peer_tensorflow REQUEST ANSWER
"""

from __future__ import annotations

import inspect
import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow.python.framework import op_def_registry

from tests.ops.exchange import cotangent, decode, encode, is_differentiable


def evaluate(item: dict[str, Any]) -> dict[str, Any]:
    """Outputs of one sample, and the gradients of its differentiable inputs."""
    definition = op_def_registry.get(item["op"])
    if definition is None:
        return {"error": f"TensorFlow has no op {item['op']}"}
    groups = [[_constant(a) for a in group] if isinstance(group, list) else _constant(group) for group in item["inputs"]]
    flat = tf.nest.flatten(groups)
    sources = [t for t in flat if is_differentiable(t.numpy())]
    arguments = dict(zip(_parameters(item["op"], definition), groups, strict=True))
    with tf.GradientTape() as tape:
        tape.watch(sources)
        result = getattr(tf.raw_ops, item["op"])(**arguments, **item["attrs"])
    outputs = [] if isinstance(result, tf.Operation) else tf.nest.flatten(result)
    answer: dict[str, Any] = {"outputs": [encode(o.numpy()) for o in outputs]}
    if item["gradient"]:
        seeds = [(o, cotangent(o.numpy(), item["id"], i)) for i, o in enumerate(outputs) if is_differentiable(o.numpy())]
        try:
            found = tape.gradient([o for o, _ in seeds], sources, [tf.constant(c) for _, c in seeds])
        except (LookupError, tf.errors.OpError) as error:
            answer["no_gradient"] = str(error)[:500]
        else:
            answer["gradients"] = [None if g is None else encode(tf.convert_to_tensor(g).numpy()) for g in found]
    return answer


def _constant(item: dict[str, Any]) -> Any:
    array = decode(item)
    return tf.constant(array.tolist(), tf.string, array.shape) if array.dtype.kind == "O" else tf.constant(array)


def _parameters(op: str, definition: Any) -> list[str]:
    """The names of the inputs in tf.raw_ops, which renames some of them."""
    names = [arg.name for arg in definition.input_arg]
    known = {*names, *(attr.name for attr in definition.attr), "name"}
    parameters = inspect.signature(getattr(tf.raw_ops, op)).parameters
    renamed = iter([p for p in parameters if p not in known])
    return [name if name in parameters else next(renamed) for name in names]


def describe(name: str) -> dict[str, Any] | None:
    """TensorFlow's declaration of an op."""
    definition = op_def_registry.get(name)
    if definition is None:
        return None

    def argument(arg: Any) -> dict[str, str]:
        return {
            "name": arg.name,
            "dtype": _type_name(arg.type) if arg.type else "",
            "type_attr": arg.type_attr,
            "number_attr": arg.number_attr,
            "type_list_attr": arg.type_list_attr,
        }

    return {
        "inputs": [argument(a) for a in definition.input_arg],
        "outputs": [argument(a) for a in definition.output_arg],
        "attrs": {
            a.name: {
                "kind": a.type,
                "default": _attr_value(a.default_value) if a.HasField("default_value") else None,
                "required": not a.HasField("default_value"),
                "allowed": [_type_name(t) for t in a.allowed_values.list.type],
            }
            for a in definition.attr
        },
    }


def _type_name(number: int) -> str:
    return types_pb2.DataType.Name(number).removeprefix("DT_").lower()


def _attr_value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "s":
        return value.s.decode()
    if kind == "type":
        return _type_name(value.type)
    if kind == "shape":
        return None if value.shape.unknown_rank else [d.size for d in value.shape.dim]
    if kind == "list":
        fields = [list(field) for _, field in value.list.ListFields()]
        items = fields[0] if fields else []
        return [item.decode() if isinstance(item, bytes) else item for item in items]
    return getattr(value, kind) if kind in ("i", "f", "b") else str(value)


def main() -> None:
    """Answers one request."""
    request = json.loads(Path(sys.argv[1]).read_text())
    answers = {}
    for item in request.get("samples", []):
        try:
            answers[item["id"]] = evaluate(item)
        except (tf.errors.OpError, TypeError, ValueError) as error:
            answers[item["id"]] = {"error": f"{type(error).__name__}: {error}"[:2000]}
    described = {name: describe(name) for name in request.get("describe", [])}
    Path(sys.argv[2]).write_text(json.dumps({"samples": answers, "ops": described}))


if __name__ == "__main__":
    np.seterr(all="ignore")
    main()
