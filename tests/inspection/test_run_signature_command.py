"""`headrace run-signature`: inputs of every kind, results printed and written, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import headrace as tf
from headrace.cli.main import main
from headrace.cli.run_signature import run_signature


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    module = tf.Module()
    floats, text = tf.TensorSpec([None, 2], tf.float32, "x"), tf.TensorSpec([None], tf.string, "text")
    module.add = tf.function(lambda x, y: {"sum": x + y}, input_signature=[floats, tf.TensorSpec([], tf.float32, "y")])
    module.upper = tf.function(lambda text: {"upper": tf.strings.upper(text)}, input_signature=[text])
    images = tf.TensorSpec([None, None, None, 3], tf.float32, "image")
    module.mean = tf.function(lambda image: {"mean": tf.reduce_mean(image, [1, 2])}, input_signature=[images])
    folder = tmp_path_factory.mktemp("model") / "m"
    tf.saved_model.save(module, folder, signatures={"serving_default": module.add, "upper": module.upper, "mean": module.mean})
    return str(folder)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(run_signature, list(arguments))


def test_json_and_files(model: str, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.float32([[1, 2]]))
    (tmp_path / "y.json").write_text("10")
    result = run(model, "--input", f"x={tmp_path / 'x.npy'}", "--input", f"y={tmp_path / 'y.json'}")
    assert json.loads(result.output) == {"sum": [[11.0, 12.0]]}
    result = run(model, "--input", "x=[[1, 2], [3, 4]]", "--input", "y=0.5", "--output", str(tmp_path / "out"))
    assert result.exit_code == 0, result.output
    np.testing.assert_array_equal(np.load(tmp_path / "out" / "sum.npy"), [[1.5, 2.5], [3.5, 4.5]])
    assert json.loads(run(model, "--signature", "upper", "--input", 'text=["ab", "c"]').output) == {"upper": ["AB", "C"]}


def test_images(model: str, tmp_path: Path) -> None:
    (tmp_path / "i.png").write_bytes(tf.io.encode_png(np.full([2, 3, 3], 51, np.uint8)).numpy())
    found = json.loads(run(model, "--signature", "mean", "--input", f"image={tmp_path / 'i.png'}").output)
    np.testing.assert_allclose(found["mean"], [[0.2] * 3], rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--signature", "none"], "has no signature 'none'; it has mean, serving_default, upper"),
        (["--input", "x=[[1, 2]]"], "the signature takes y too; give --input y=VALUE"),
        (["--input", "z=1"], "NAME=VALUE with a NAME of x, y"),
        (["--input", "x=missing.npy"], "'missing.npy', which does not exist"),
        (["--input", "x=[1", "--input", "y=1"], "the input 'x' cannot be read from '[1'"),
        (["--input", "x=[[1, 2, 3]]", "--input", "y=1"], "(None, 2)"),
    ],
)
def test_misuse_is_named(model: str, arguments: list[str], message: str) -> None:
    result = run(model, *arguments)
    assert result.exit_code != 0
    assert message in " ".join(result.output.split())
    assert result.exception is None or isinstance(result.exception, SystemExit)


def test_the_command_is_listed() -> None:
    assert "run-signature" in CliRunner().invoke(main, ["--help"]).output
    assert CliRunner().invoke(main, ["run-signature", "--help"]).exit_code == 0
