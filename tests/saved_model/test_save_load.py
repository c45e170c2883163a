"""Saving and loading objects, functions and signatures."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as tf
from headrace import saved_model
from headrace.core.errors import (
    AlreadyExistsError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    UnimplementedError,
)
from headrace.dispatch.opdef import get
from headrace.proto.messages import SavedModel
from headrace.saved_model import publish
from tests.saved_model.sample import Sample, X, expected, signatures, traced

SPEC = tf.TensorSpec([None], "float32", name="x")
ONE = tf.constant(np.ones(2, np.float32))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    model = traced()
    saved_model.save(model, tmp_path / "model", signatures=signatures(model))
    return tmp_path / "model"


def read(folder: Path) -> Any:
    return SavedModel.FromString((folder / "saved_model.pb").read_bytes()).meta_graphs[0]


def close(found: Any, wanted: dict[str, np.ndarray]) -> None:
    assert sorted(found) == sorted(wanted)
    for key, value in wanted.items():
        np.testing.assert_allclose(np.asarray(found[key]), value, rtol=1e-6)


def test_functions_and_signatures_compute_the_same(folder: Path) -> None:
    loaded = saved_model.load(folder)
    close(loaded.predict(X), expected(Sample()))
    close(loaded.signatures["serving_default"](x=tf.constant(X)), expected(Sample()))


def test_signatures_tell_their_inputs_and_outputs(folder: Path) -> None:
    function = saved_model.load(folder).signatures["serving_default"]
    args, kwargs = function.structured_input_signature
    assert args == ()
    assert kwargs == {"x": tf.TensorSpec([None, 3], "float32", name="x")}
    outputs = function.structured_outputs
    assert {key: (spec.shape.as_list(), spec.dtype.name) for key, spec in outputs.items()} == {
        "y": ([None, 2], "float32"),
        "total": ([None], "float32"),
    }
    assert function.method_name == "tensorflow/serving/predict"


def test_unknown_signatures_and_wrong_inputs_are_named(folder: Path) -> None:
    loaded = saved_model.load(folder)
    assert sorted(loaded.signatures) == ["bump", "serving_default"]
    with pytest.raises(KeyError, match="it has .'bump', 'serving_default'"):
        loaded.signatures["other"]
    with pytest.raises(InvalidArgumentError, match="expected dtype float32 and shape"):
        loaded.signatures["serving_default"](x=tf.constant(X[:, :2]))


def test_objects_come_back(folder: Path) -> None:
    loaded = saved_model.load(folder)
    np.testing.assert_array_equal(loaded.w.numpy(), Sample().w.numpy())
    assert [type(item).__name__ for item in loaded.layers] == ["Variable", "LoadedObject"]
    assert float(loaded.layers[1].scale) == 2.0
    assert not loaded.layers[1].scale.trainable
    assert [float(v) for v in loaded.pair] == [3.0, 4.0]
    assert isinstance(loaded.pair, tuple)
    assert loaded.table["name"].numpy() == b"text"


def test_objects_in_tuples_come_back_with_what_is_below_them(tmp_path: Path) -> None:
    model, inner = tf.Module(), tf.Module()
    inner.weight = tf.Variable(2.0)
    inner.scale = tf.function(lambda x: x * inner.weight, input_signature=[SPEC])
    model.pair = (inner, (tf.Module(), inner))
    model.pair[1][0].deep = [tf.Variable(5.0)]
    saved_model.save(model, tmp_path / "model")
    loaded = saved_model.load(tmp_path / "model")
    assert loaded.pair[0] is loaded.pair[1][1]
    assert loaded.pair[0].scale(ONE).numpy().tolist() == [2.0, 2.0]
    assert float(loaded.pair[1][0].deep[0]) == 5.0


def test_effects_reach_the_loaded_variables(folder: Path) -> None:
    loaded = saved_model.load(folder)
    assert int(loaded.bump()) == 2
    assert int(loaded.signatures["bump"]()["output_0"]) == 3
    assert int(loaded.table["count"]) == 3
    loaded.w.assign(np.zeros((3, 2), np.float32))
    model = Sample()
    model.w.assign(np.zeros((3, 2), np.float32))
    close(loaded.predict(X), expected(model))


def test_each_saved_trace_is_found_by_its_arguments(folder: Path) -> None:
    loaded = saved_model.load(folder)
    assert np.asarray(loaded.scale(ONE, training=True)).tolist() == [2.0, 2.0]
    product, rest = loaded.scale(ONE, 4)
    assert np.asarray(product).tolist() == [4.0, 4.0]
    assert np.asarray(rest[0]).tolist() == [1.0, 1.0]
    with pytest.raises(InvalidArgumentError, match="no saved trace of scale fits") as caught:
        loaded.scale(ONE)
    assert "the trace was made for 4, not 3" in str(caught.value)
    assert len(loaded.scale.traces()) == 2


def test_loaded_functions_work_inside_new_functions_and_under_tapes(folder: Path) -> None:
    loaded = saved_model.load(folder)

    @tf.function
    def doubled(x: Any) -> Any:
        return loaded.predict(x)["y"] * 2.0

    np.testing.assert_allclose(np.asarray(doubled(tf.constant(X))), expected(Sample())["y"] * 2, rtol=1e-6)
    model = Sample()
    gradients = []
    for owner in (model, loaded):
        with tf.GradientTape() as tape:
            total = owner.predict(tf.constant(X))["y"]
        gradients.append(np.asarray(tape.gradient(total, owner.w)))
    np.testing.assert_allclose(gradients[1], gradients[0], rtol=1e-6)


def test_a_loaded_model_can_be_saved_again(folder: Path, tmp_path: Path) -> None:
    loaded = saved_model.load(folder)
    loaded.bump()
    saved_model.save(loaded, tmp_path / "again", signatures=loaded.signatures)
    again = saved_model.load(tmp_path / "again")
    close(again.signatures["serving_default"](x=tf.constant(X)), expected(Sample()))
    assert int(again.bump()) == 3
    assert np.asarray(again.scale(ONE, 4)[0]).tolist() == [4.0, 4.0]


def test_the_only_function_becomes_the_default_signature(tmp_path: Path) -> None:
    class One(tf.Module):
        @tf.function(input_signature=[SPEC])
        def negate(self, x: Any) -> Any:
            return -x

    saved_model.save(One(), tmp_path / "m")
    result = saved_model.load(tmp_path / "m").signatures["serving_default"](x=ONE)
    assert np.asarray(result["output_0"]).tolist() == [-1.0, -1.0]


def test_a_function_whose_signature_leaves_arguments_out_is_no_default_signature(tmp_path: Path) -> None:
    module = tf.Module()
    module.double = tf.function(lambda x: x * 2.0, input_signature=[])
    saved_model.save(module, tmp_path / "m")
    assert not saved_model.load(tmp_path / "m").signatures


def test_lists_of_results_are_numbered(tmp_path: Path) -> None:
    model = tf.Module()
    model.f = tf.function(lambda x: (x, -x), input_signature=[SPEC])
    saved_model.save(model, tmp_path / "m", signatures={"both": model.f.get_concrete_function()})
    found = saved_model.load(tmp_path / "m").signatures["both"](x=ONE)
    assert {key: np.asarray(value).tolist() for key, value in found.items()} == {"output_0": [1.0, 1.0], "output_1": [-1.0, -1.0]}


def test_a_model_without_variables_or_functions(tmp_path: Path) -> None:
    saved_model.save(tf.Module(), tmp_path / "m")
    assert sorted(p.name for p in (tmp_path / "m" / "variables").iterdir()) == ["variables.data-00000-of-00001", "variables.index"]
    loaded = saved_model.load(tmp_path / "m", tags="serve")
    assert dict(loaded.signatures) == {}


def test_captured_constants_and_nested_calls_are_saved(tmp_path: Path) -> None:
    big = tf.constant(np.arange(200, dtype=np.float32))

    class Nested(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = tf.function(lambda x: x + big, input_signature=[tf.TensorSpec([200], "float32")])

        @tf.function(input_signature=[tf.TensorSpec([200], "float32", name="x")])
        def outer(self, x: Any) -> Any:
            return self.inner(x) * 2.0

    model = Nested()
    saved_model.save(model, tmp_path / "m", signatures=model.outer)
    x = np.ones(200, np.float32)
    result = saved_model.load(tmp_path / "m").signatures["serving_default"](x=x)["output_0"]
    np.testing.assert_allclose(np.asarray(result), (x + np.arange(200)) * 2)


def test_shared_and_cyclic_objects_keep_their_identity(tmp_path: Path) -> None:
    model = tf.Module()
    model.a, model.b = tf.Module(), tf.Module()
    model.a.v = model.b.v = tf.Variable(1.0, name="v")
    model.a.back = model
    saved_model.save(model, tmp_path / "m")
    loaded = saved_model.load(tmp_path / "m")
    assert loaded.a.v is loaded.b.v
    assert loaded.a.back is loaded


def test_names_that_clash_are_told_apart(tmp_path: Path) -> None:
    model = tf.Module()
    model.items = [tf.Variable(float(i), name="same") for i in range(3)]
    model.odd = {"a/b": tf.Variable(7.0), "a.b": tf.Variable(8.0)}
    saved_model.save(model, tmp_path / "m")
    loaded = saved_model.load(tmp_path / "m")
    assert [float(v) for v in loaded.items] == [0.0, 1.0, 2.0]
    assert {key: float(v) for key, v in loaded.odd.items()} == {"a/b": 7.0, "a.b": 8.0}
    names = [n.attr["shared_name"].s for n in read(tmp_path / "m").graph_def.node if n.op == "VarHandleOp"]
    assert len(set(names)) == 5


def test_function_aliases_are_written(tmp_path: Path) -> None:
    model = Sample()
    saved_model.save(model, tmp_path / "m", options=saved_model.SaveOptions(function_aliases={"main": model.predict}))
    assert list(read(tmp_path / "m").meta_info_def.function_aliases.values()) == ["main"]
    other = Sample()
    with pytest.raises(InvalidArgumentError, match="alias 'main'"):
        saved_model.save(model, tmp_path / "n", options=saved_model.SaveOptions(function_aliases={"main": other.predict}))


def gradient_module() -> tf.Module:
    model = tf.Module()
    model.v = tf.Variable(2.0, name="v")

    @tf.function(input_signature=[tf.TensorSpec([2, 2], "float32", name="x")])
    def step(x: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = get("MatrixExponential")(x * model.v)
        return tape.gradient(loss, model.v)

    model.step = step
    return model


def test_ops_that_tensorflow_lacks_fail_a_signature_and_leave_a_function_out(tmp_path: Path) -> None:
    model = gradient_module()
    with pytest.raises(UnimplementedError, match=r"signature 'serving_default' cannot be saved: .*_VJP\w+.* of function 'step'"):
        saved_model.save(model, tmp_path / "m", signatures=model.step)
    assert not (tmp_path / "m").exists()
    with pytest.warns(UserWarning, match="function 'step' is left out"):
        saved_model.save(model, tmp_path / "m")
    loaded = saved_model.load(tmp_path / "m")
    assert float(loaded.v) == 2.0
    with pytest.raises(InvalidArgumentError, match="never called"):
        loaded.step(np.ones((2, 2), np.float32))


def test_variables_outside_the_object_are_refused(tmp_path: Path) -> None:
    model, stray = tf.Module(), tf.Variable(1.0, name="stray")
    model.f = tf.function(lambda x: x + stray, input_signature=[SPEC])
    with pytest.raises(InvalidArgumentError, match="uses the variable 'stray', which hangs on no attribute"):
        saved_model.save(model, tmp_path / "m", signatures=model.f)


def nested_result(x: Any) -> Any:
    return {"a": [x]}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda m: 5, "is a int; expected a tf.function"),
        (lambda m: {"": m.predict}, "cannot name a signature"),
        (lambda m: {"__saved_model_init_op": m.predict}, "cannot name a signature"),
        (lambda m: m.scale, "has 2; give the tf.function an"),
        (lambda m: tf.function(nested_result, input_signature=[SPEC]), "expected a tensor, a list of tensors or a dict"),
    ],
)
def test_wrong_signatures_are_refused(tmp_path: Path, make: Any, message: str) -> None:
    model = traced()
    with pytest.raises(InvalidArgumentError, match=message):
        saved_model.save(model, tmp_path / "m", signatures=make(model))


def test_wrong_objects_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="cannot save a int"):
        saved_model.save(3, tmp_path / "m")
    model = tf.Module()
    model.signatures = [tf.Variable(1.0)]
    with pytest.raises(InvalidArgumentError, match="'signatures', a name that the format keeps"):
        saved_model.save(model, tmp_path / "m")


def test_saving_inside_a_function_is_refused(tmp_path: Path) -> None:
    @tf.function
    def inside() -> None:
        saved_model.save(tf.Module(), tmp_path / "m")

    with pytest.raises(FailedPreconditionError, match="inside a tf.function"):
        inside()


def test_a_saved_model_is_replaced_as_a_whole(folder: Path) -> None:
    model = tf.Module()
    model.v = tf.Variable(5.0)
    saved_model.save(model, folder)
    assert float(saved_model.load(folder).v) == 5.0
    assert [p.name for p in folder.parent.iterdir()] == [folder.name]


def test_folders_of_others_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(AlreadyExistsError, match="holds 'notes.txt'"):
        saved_model.save(tf.Module(), tmp_path)
    with pytest.raises(AlreadyExistsError, match="is no folder"):
        saved_model.save(tf.Module(), tmp_path / "notes.txt")
    (tmp_path / "empty").mkdir()
    saved_model.save(tf.Module(), tmp_path / "empty")
    assert saved_model.contains_saved_model(tmp_path / "empty")


def test_a_failed_save_leaves_the_old_model_and_nothing_else(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: Path) -> None:
        raise OSError("disk is gone")

    monkeypatch.setattr(publish, "_sync_tree", broken)
    with pytest.raises(OSError, match="disk is gone"):
        saved_model.save(tf.Module(), folder)
    close(saved_model.load(folder).predict(X), expected(Sample()))
    assert [p.name for p in folder.parent.iterdir()] == [folder.name]


def test_nothing_stands_under_the_final_name_before_the_end(tmp_path: Path) -> None:
    with publish.new_folder(tmp_path / "m") as work:
        (work / "file").write_text("x")
        assert not (tmp_path / "m").exists()
        assert work.parent == tmp_path
        assert work.name.startswith(".")
    assert os.listdir(tmp_path) == ["m"]


def test_missing_models_and_tags_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"saved_model\.pb is missing"):
        saved_model.load(tmp_path)
    with pytest.raises(NotFoundError, match="no graph tagged .'gpu', 'serve'.; it has"):
        saved_model.load(folder, tags=["serve", "gpu"])
    assert saved_model.load(folder, tags=["serve"]) is not None


def test_the_main_graph_alone_is_a_model(folder: Path) -> None:
    whole = saved_model.load(folder)
    model = SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    model.meta_graphs[0].ClearField("object_graph_def")
    (folder / "headrace.digest").unlink()
    (folder / "saved_model.pb").write_bytes(model.SerializeToString())
    graph = saved_model.load(folder)
    assert sorted(graph.signatures) == sorted(whole.signatures)
    for key, function in whole.signatures.items():
        assert graph.signatures[key].structured_input_signature == function.structured_input_signature
        feeds = {
            name: tf.ones([2 if d is None else d for d in spec.shape], spec.dtype)
            for name, spec in function.structured_input_signature[1].items()
        }
        for name, value in function(**feeds).items():
            np.testing.assert_array_equal(graph.signatures[key](**feeds)[name], value)


def test_what_other_loaders_need_is_written(folder: Path) -> None:
    meta = read(folder)
    assert list(meta.meta_info_def.tags) == ["serve"]
    assert (folder / "assets").is_dir()
    assert meta.saver_def.restore_op_name in {node.name for node in meta.graph_def.node}
    seen: set[str] = set()
    for node in meta.graph_def.node:
        assert all(text.removeprefix("^").partition(":")[0] in seen for text in node.input), "nodes follow those that they read"
        seen.add(node.name)
    assert all(node.WhichOneof("kind") for node in meta.object_graph_def.nodes)
    assert all(list(f.signature.control_output) == sorted(f.control_ret) for f in meta.graph_def.library.function)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        saved_model.save(traced(), folder)


def test_quantized_variables_keep_their_dtype(tmp_path: Path) -> None:
    module = tf.Module()
    module.whole = tf.Variable(tf.constant([-7, 5], tf.qint8))
    module.real = tf.function(lambda: tf.quantization.dequantize(module.whole, -1.0, 1.0), input_signature=[])
    saved_model.save(module, str(tmp_path))
    loaded = saved_model.load(str(tmp_path))
    assert loaded.whole.dtype == loaded.whole.read_value().dtype == tf.qint8
    np.testing.assert_array_equal(loaded.whole, np.int8([-7, 5]))
    np.testing.assert_array_equal(loaded.real(), module.real())


def test_a_large_variable_is_trained_after_loading_and_the_file_stays_as_it_is(tmp_path):
    model = tf.Module()
    model.v = tf.Variable(np.arange(1 << 19, dtype=np.float32))
    model.double = tf.function(lambda: model.v.assign(model.v * 2.0), input_signature=[])
    tf.saved_model.save(model, tmp_path / "m")
    loaded = tf.saved_model.load(tmp_path / "m")
    kept = loaded.v.numpy()
    for _ in range(3):
        loaded.double()
    np.testing.assert_array_equal(loaded.v.numpy(), np.arange(1 << 19) * 8.0)
    np.testing.assert_array_equal(kept, np.arange(1 << 19))
    np.testing.assert_array_equal(tf.saved_model.load(tmp_path / "m").v.numpy(), np.arange(1 << 19))


def test_the_first_damaged_variable_of_many_is_named(tmp_path):
    model = tf.Module()
    model.values = [tf.Variable(np.full(1 << 10, i, np.float32)) for i in range(40)]
    tf.saved_model.save(model, tmp_path / "m")
    (data,) = (tmp_path / "m" / "variables").glob("variables.data*")
    content = bytearray(data.read_bytes())
    content[-5000] ^= 1
    data.write_bytes(content)
    with pytest.raises(tf.errors.DataLossError, match="is damaged"):
        tf.saved_model.load(tmp_path / "m")
