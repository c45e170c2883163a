"""SavedModels and bundles against real TensorFlow, both ways, and OpenVINO."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as tf
from headrace import saved_model
from headrace.checkpoint.bundle import BundleReader, write_bundle
from headrace.core import dtypes
from headrace.core.errors import UnimplementedError
from headrace.inspection.description import describe
from headrace.proto import build
from headrace.serving.engines.native import NativeEngine
from tests.interop.peer_runs import run_peer
from tests.saved_model.sample import X, expected, signatures, traced

TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}


def bundled() -> dict[str, np.ndarray]:
    """Tensors of every type that TensorFlow's checkpoint reader converts, and enough keys for several blocks."""
    skipped = ("int4", "uint4", "float8", "qint", "quint")
    tensors = {d.name: np.ones((2, 2), d.np_dtype) for d in dtypes.ALL if d.is_numpy_compatible and not d.name.startswith(skipped)}
    text = np.empty(2, object)
    text[:] = ["", "y" * 200]
    tensors |= {"string": text, "empty": np.zeros((0, 3), np.float32)}
    return tensors | {f"many/{i:04d}/of/a/long/name": np.array(i, np.int32) for i in range(3000)}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    model = traced()
    saved_model.save(model, folder / "model", signatures=signatures(model))
    write_bundle(folder / "bundle", bundled())
    np.savez(folder / "feeds.npz", x=X)
    np.savez(folder / "expected.npz", **expected(model))
    return folder


@pytest.fixture(scope="module")
def seen(exported: Path, tensorflow_python: Path) -> dict[str, Any]:
    """What TensorFlow's loaders make of our model."""
    return run_peer(tensorflow_python, "saved_model.py", "read", exported / "model", exported / "feeds.npz", exported / "bundle")


@pytest.fixture(scope="module")
def wanted(exported: Path) -> dict[str, np.ndarray]:
    return dict(np.load(exported / "expected.npz"))


@pytest.mark.parametrize("loader", ["signature", "function", "cli", "v1"])
def test_tensorflow_computes_the_same_from_our_model(seen, wanted, loader: str) -> None:
    found = seen[loader]["outputs"] if loader in ("v1", "cli") else seen[loader]
    assert sorted(found) == sorted(wanted)
    for key, value in wanted.items():
        np.testing.assert_allclose(found[key], value, **TOLERANCE)


def test_the_c_loader_computes_the_same(seen, wanted) -> None:
    np.testing.assert_allclose(seen["c"], wanted["y"], **TOLERANCE)


def test_the_command_line_tool_shows_the_signatures(seen) -> None:
    assert "signature_def['serving_default']" in seen["cli"]["shown"]
    assert "shape: (-1, 3)" in seen["cli"]["shown"]


def test_inspection_says_what_the_command_line_tool_says(seen, exported: Path) -> None:
    shown = seen["cli"]["shown"]
    (graph,) = describe(exported / "model")["graphs"]
    assert sorted(graph["signatures"]) == ["bump", "serving_default"]
    for key, signature in graph["signatures"].items():
        text = shown[shown.index(f"signature_def['{key}']") :]
        for what in ("inputs", "outputs"):
            for name, tensor in signature[what].items():
                part = text[text.index(f"{what}['{name}'] tensor_info") :]
                kind, shape, place = (line.split(": ", 1)[1] for line in part.splitlines()[1:4])
                assert kind == {"float32": "DT_FLOAT", "int32": "DT_INT32"}[tensor["dtype"]]
                assert shape == f"({', '.join('-1' if d is None else str(d) for d in tensor['shape'])})"
                assert place == tensor["name"]


def test_effects_happen_once_and_in_order(seen) -> None:
    assert seen["counts"] == [2, 3]
    assert seen["v1"]["counts"] == [2, 3, 4], "saved at 3, counted on, restored, counted once more"


def test_every_trace_and_object_arrives(seen) -> None:
    assert seen["polymorphic"] == [[2.0, 2.0], [4.0, 4.0]]
    assert seen["variables"]["name"] == "text"
    assert seen["variables"]["b"] == [0.5, -0.5]
    assert seen["trainable"] == [True, False]
    assert "layers/1/scale/.ATTRIBUTES/VARIABLE_VALUE" in seen["keys"]
    assert seen["fingerprint"] == 3


def test_tensorflow_differentiates_our_model(seen) -> None:
    model = traced()
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(model.predict(X)["y"])
    np.testing.assert_allclose(seen["gradient"], np.asarray(tape.gradient(total, model.layers[0])), **TOLERANCE)


def test_openvino_computes_the_same_from_our_model(exported: Path, wanted, openvino_python: Path) -> None:
    found = run_peer(openvino_python, "openvino_saved_model.py", exported / "model", exported / "feeds.npz")
    for key, value in wanted.items():
        np.testing.assert_allclose(found[key], value, **TOLERANCE)


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory, tensorflow_python: Path) -> tuple[Path, dict[str, Any]]:
    """A model written by TensorFlow, and what it computes."""
    folder = tmp_path_factory.mktemp("foreign") / "model"
    return folder, run_peer(tensorflow_python, "saved_model.py", "write", folder, folder.with_name("b"), build.OUTPUT)


def test_we_compute_the_same_from_a_model_of_tensorflow(foreign) -> None:
    folder, known = foreign
    loaded = saved_model.load(folder)
    x = np.array(known["x"], np.float32)
    for found in (loaded.predict(x), loaded.signatures["serving_default"](x=x)):
        assert sorted(found) == sorted(known["outputs"])
        for key, value in known["outputs"].items():
            np.testing.assert_allclose(np.asarray(found[key]), value, **TOLERANCE)


def test_we_differentiate_a_model_of_tensorflow(foreign) -> None:
    folder, known = foreign
    loaded = saved_model.load(folder)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(loaded.predict(np.array(known["x"], np.float32))["y"])
    np.testing.assert_allclose(np.asarray(tape.gradient(total, loaded.w)), known["gradient"], **TOLERANCE)


def test_objects_and_effects_of_a_model_of_tensorflow(foreign) -> None:
    loaded = saved_model.load(foreign[0])
    one = tf.constant(np.ones(2, np.float32))
    assert np.asarray(loaded.scale(one, training=True)).tolist() == [2.0, 2.0]
    assert np.asarray(loaded.scale(one, 4)[0]).tolist() == [4.0, 4.0]
    assert int(loaded.bump()) == 2
    assert int(loaded.signatures["bump"]()["output_0"]) == 3
    assert loaded.table["name"].numpy() == b"text"
    assert not loaded.layers[1].inner.trainable
    assert [float(v) for v in loaded.pair] == [3.0, 4.0]


def test_a_function_with_an_op_that_we_lack_says_so_when_it_is_called(foreign) -> None:
    loaded = saved_model.load(foreign[0])
    with pytest.raises(UnimplementedError, match="SdcaFprint"):
        loaded.unknown(tf.constant("abc"))


def test_a_signature_with_an_op_that_we_lack_leaves_the_others(foreign, caplog: pytest.LogCaptureFixture) -> None:
    loaded = saved_model.load(foreign[0])
    message = "signature 'lacking' of the SavedModel .* cannot be used here: Headrace lacks the operations SdcaFprint"
    with pytest.raises(UnimplementedError, match=message):
        loaded.signatures["lacking"](text="abc")
    assert re.search(message, caplog.text)
    served = NativeEngine().load(foreign[0])
    assert sorted(served.signatures) == ["bump", "serving_default"]


def test_a_model_of_tensorflow_can_be_saved_again(foreign, tmp_path: Path) -> None:
    folder, known = foreign
    loaded = saved_model.load(folder)
    del loaded.unknown, loaded.lacking
    signatures = {name: function for name, function in loaded.signatures.items() if name != "lacking"}
    saved_model.save(loaded, tmp_path / "again", signatures=signatures)
    found = saved_model.load(tmp_path / "again").signatures["serving_default"](x=np.array(known["x"], np.float32))
    np.testing.assert_allclose(np.asarray(found["y"]), known["outputs"]["y"], **TOLERANCE)


def test_our_messages_are_those_of_tensorflow(foreign) -> None:
    assert foreign[1]["differences"] == []


def test_we_read_bundles_of_tensorflow(foreign) -> None:
    folder, known = foreign
    reader = BundleReader(folder.with_name("b"))
    assert len(reader) == known["tensors"]
    for dtype in dtypes.ALL:
        if dtype.name in reader and dtype is not dtypes.string:
            value = reader.read(dtype.name)
            assert value.dtype == dtype.np_dtype
            counted = np.arange(6, dtype=np.float32).reshape(2, 3)
            assert value.real.astype(np.float32).tolist() == (counted.clip(0, 1) if dtype is dtypes.bool_ else counted).tolist()
    assert reader.read("string").tolist() == [[b"", b"text"], [b"x" * 300, b"\0"]]
    assert reader.read("empty").shape == (0, 3)
    assert reader.read("many/0321/of/a/long/name").tolist() == 321
    assert BundleReader(folder.with_name("b-sliced")).read("p").ravel().tolist() == list(range(600))


def test_tensorflow_reads_our_bundles(seen) -> None:
    found = seen["bundle"]
    assert sorted(found) == sorted(bundled())
    assert found["string"] == ["string", [2], ["", "y" * 200]]
    assert found["empty"][1] == [0, 3]
    assert found["many/2999/of/a/long/name"][2] == 2999
    for name in ("bfloat16", "complex64", "bool", "uint64"):
        assert found[name] == [name, [2, 2], [[1.0, 1.0], [1.0, 1.0]]]
