"""`headrace inspect`: what it says of a model and of two, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import headrace as tf
from headrace.cli.inspect import inspect
from headrace.saved_model.digest import content_digest


class Model(tf.Module):
    def __init__(self, scale: float = 2.0, width: int = 3) -> None:
        super().__init__()
        self.w = tf.Variable(np.full([width, 2], scale, np.float32))
        self.words = tf.Variable(["a", "b"])

    def signature(self, shape: Any, dtype: Any = tf.float32, name: str = "x", more: bool = False) -> Any:
        def serve(x: Any) -> Any:
            y = tf.matmul(tf.cast(x, tf.float32), self.w)
            return {"y": y, "sum": tf.reduce_sum(y)} if more else {"y": y}

        self.serve = tf.function(serve, input_signature=[tf.TensorSpec(shape, dtype, name)])
        return self.serve


def saved(folder: Path, model: Model | None = None, key: str = "serving_default", **choices: Any) -> str:
    model = model or Model()
    signature = model.signature(choices.pop("shape", [None, 3]), **choices)
    tf.saved_model.save(model, folder, signatures={key: signature})
    return str(folder)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(inspect, list(arguments))


def test_a_model_is_described(tmp_path):
    result = run(saved(tmp_path / "m"))
    assert result.exit_code == 0
    for text in ("graph tagged serve", "input  x: float32 [?, 3]", "output y: float32 [?, 2]", "1 MatMul", "w: float32 [3, 2]"):
        assert text in result.output
    assert content_digest(tmp_path / "m") in result.output
    assert '-d \'{"inputs": {"x": [[0.0, 0.0, 0.0]]}}\'' in result.output


def test_json_says_the_same(tmp_path):
    found = json.loads(run(saved(tmp_path / "m"), "--json").output)
    (graph,) = found["graphs"]
    assert graph["signatures"]["serving_default"]["inputs"]["x"]["shape"] == [None, 3]
    assert graph["missing"] == []
    sizes = {v["name"]: v["bytes"] for v in found["variables"]}
    assert sizes["w"] == 24
    assert found["bytes"] == sum(f.stat().st_size for f in (tmp_path / "m").rglob("*") if f.is_file())


def test_the_same_model_again_is_compatible(tmp_path):
    first, second = saved(tmp_path / "1"), saved(tmp_path / "2", Model(2.5), more=True, shape=[None, None])
    result = run(first, second)
    assert result.exit_code == 0, result.output
    assert "compatible: callers of the first" in result.output
    assert "the output 'sum' is new" in result.output
    assert "takes float32 [?, ?]" in result.output
    assert "w: values (absolute 0.5, relative 0.25)" in result.output


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": [4, 3]}, "the input 'x' was float32 [?, 3] and is float32 [4, 3]"),
        ({"dtype": tf.int32}, "the input 'x' was float32 [?, 3] and is int32 [?, 3]"),
        ({"name": "z"}, "the input 'x' is gone"),
        ({"key": "other"}, "signature 'serving_default' is gone"),
    ],
)
def test_what_breaks_callers_is_named(tmp_path, change, message):
    result = run(saved(tmp_path / "1"), saved(tmp_path / "2", **change))
    assert result.exit_code == 1
    assert "NOT compatible" in result.output
    assert f"breaks: {message}" in result.output.replace("serving_default: ", "")


def test_variables_that_change_their_form_are_named(tmp_path):
    second = saved(tmp_path / "2", Model(width=4), shape=[None, 4])
    found = json.loads(run(saved(tmp_path / "1"), second, "--json").output)
    assert found["variables"] == {"w": {"change": "form", "was": "float32 [3, 2]", "is": "float32 [4, 2]"}}
    assert not found["compatible"]


def test_bad_folders_are_named(tmp_path):
    result = run(str(tmp_path / "none"))
    assert result.exit_code == 1
    assert "there is no SavedModel in" in result.output
    saved(tmp_path / "m")
    content = (tmp_path / "m" / "saved_model.pb").read_bytes()
    (tmp_path / "m" / "saved_model.pb").write_bytes(content[: len(content) // 2])
    result = run(str(tmp_path / "m"))
    assert result.exit_code == 1
    assert "saved_model.pb" in result.output
    assert "Traceback" not in result.output
