"""Public functions against real TensorFlow: a table of calls, put to both."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np

import headrace as tf
from tests.interop import environments
from tests.interop.peer_runs import run_module
from tests.ops.exchange import decode, encode, is_differentiable


@dataclass(frozen=True)
class Call:
    """One call of a public function, such as `Call("image.resize", (X, [2, 3]), {"method": "area"})`."""

    function: str
    args: Sequence[Any]
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    rtol: float = 2e-5
    atol: float = 2e-5


def identified(calls: Sequence[Call]) -> dict[str, Call]:
    """The calls by a name that tells them apart."""
    return {f"{call.function}-{number}": call for number, call in enumerate(calls)}


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return encode(value)
    if isinstance(value, bytes):
        return encode(np.array(value, object))
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def ask(calls: Mapping[str, Call], folder: Path) -> dict[str, Any]:
    """TensorFlow's results."""
    python = environments.ensure("tensorflow")
    items = {
        key: {"function": c.function, "args": _plain(list(c.args)), "kwargs": {k: _plain(v) for k, v in c.kwargs.items()}}
        for key, c in calls.items()
    }
    question, answer = folder / "question.json", folder / "answer.json"
    question.write_text(json.dumps(items))
    run_module(python, "tests.ops.peer_public", question, answer)
    result: dict[str, Any] = json.loads(answer.read_text())
    return result


def run(call: Call) -> list[np.ndarray[Any, Any]]:
    """Our results."""
    function = reduce(getattr, call.function.split("."), tf)
    result = function(*call.args, **call.kwargs)
    return [np.asarray(tf.convert_to_tensor(item).numpy()) for item in tf.nest.flatten(result)]


def check(call: Call, expected: Mapping[str, Any]) -> None:
    """Dtypes, shapes and values agree."""
    assert "error" not in expected, f"TensorFlow refused the call: {expected['error']}"
    outputs, wanted = run(call), [decode(item) for item in expected["outputs"]]
    assert len(outputs) == len(wanted)
    for ours, theirs in zip(outputs, wanted, strict=True):
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
        if is_differentiable(theirs):
            wide = np.complex128 if theirs.dtype.kind == "c" else np.float64
            np.testing.assert_allclose(ours.astype(wide), theirs.astype(wide), rtol=call.rtol, atol=call.atol)
        elif call.atol >= 1 and theirs.dtype.kind in "iu":
            assert np.max(np.abs(ours.astype(np.int64) - theirs.astype(np.int64)), initial=0) <= call.atol
        else:
            np.testing.assert_array_equal(ours, theirs)
