"""Models of TensorFlow 1, graphs with the old control flow and without objects, compute the same here."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as tf
from headrace import saved_model
from headrace.core.errors import DataLossError, InvalidArgumentError, NotFoundError
from headrace.proto.messages import SavedModel, parse, serialize
from headrace.serving.engines.native import NativeEngine
from tests.fuzz.runs import assert_nothing_found
from tests.interop.peer_runs import run_peer
from tests.interop.v1_zoo import MODELS, SAVED_AGAIN, TABLE
from tests.interop.zoo_page import PAGE


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, tensorflow_python: Path) -> Path:
    folder = tmp_path_factory.mktemp("v1") / "models"
    assert sorted(run_peer(tensorflow_python, "v1_models.py", "write", folder)) == sorted(MODELS)
    return folder


def array(plain: dict[str, Any]) -> Any:
    if "strings" in plain:
        return np.array([bytes.fromhex(item) for item in plain["strings"]], object)
    if plain["dtype"] == "string":
        return np.array([item.encode() for item in plain["items"]], object).reshape(plain["shape"])
    return np.array(plain["items"], plain["dtype"]).reshape(plain["shape"])


def fed(run: dict[str, Any]) -> dict[str, Any]:
    feeds = {}
    for key, value in run["feed"].items():
        parts = {f"{key}_{part}": value[part] for part in value} if "values" in value else {key: value}
        feeds |= {name: tf.constant(array(part)) for name, part in parts.items()}
    return feeds


def check(name: str, found: Any, expected: dict[str, Any]) -> None:
    if "values" in expected:
        for part, value in expected.items():
            check(f"{name}.{part}", getattr(found, part), value)
        return
    want, have = array(expected), np.asarray(found)
    assert (have.dtype, have.shape) == (want.dtype, want.shape), name
    if want.dtype == object:
        assert have.tolist() == want.tolist(), name
    else:
        np.testing.assert_allclose(have, want, rtol=1e-5, atol=1e-5, err_msg=name)


def runs(models: Path, name: str) -> list[tuple[str, dict[str, Any]]]:
    return [(key, run) for key, listed in json.loads((models / f"{name}.json").read_text()).items() for run in listed]


def test_the_page_has_their_table() -> None:
    assert PAGE.read_text(encoding="utf-8").endswith(TABLE)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_computes_the_same(models: Path, name: str) -> None:
    loaded = saved_model.load(models / name)
    for key, run in runs(models, name):
        outputs = loaded.signatures[key](**fed(run))
        assert sorted(outputs) == sorted(run["outputs"])
        for output, expected in run["outputs"].items():
            check(f"{name} {key} {output}", outputs[output], expected)


def test_a_model_can_be_saved_again_for_tensorflow(models: Path, tensorflow_python: Path, tmp_path: Path) -> None:
    for name in SAVED_AGAIN:
        loaded = saved_model.load(models / name)
        saved_model.save(loaded, tmp_path / name, signatures=dict(loaded.signatures))
        shutil.copy(models / f"{name}.json", tmp_path)
    found = run_peer(tensorflow_python, "v1_models.py", "read", tmp_path)
    for name in SAVED_AGAIN:
        again = [(key, run) for key, listed in found[name].items() for run in listed]
        for (key, run), (_, expected) in zip(again, runs(models, name), strict=True):
            for output, value in expected["outputs"].items():
                check(f"{name} {key} {output}", array(run["outputs"][output]), value)


def test_variables_can_be_trained(models: Path) -> None:
    loaded = saved_model.load(models / "dense")
    assert [(v.name, v.trainable) for v in loaded.variables] == [("w:0", True), ("b:0", False)]
    weights = loaded.variables[0]
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(loaded.signatures["serving_default"](x=tf.ones([1, 3]) * 100.0)["y"])
    gradient = tape.gradient(loss, weights)
    assert gradient.shape == (3, 2)
    assert set(np.unique(gradient)) <= {0.0, 100.0}
    before = float(loss)
    weights.assign_add(tf.ones([3, 2]))
    assert float(tf.reduce_sum(loaded.signatures["serving_default"](x=tf.ones([1, 3]) * 100.0)["y"])) > before


def test_graphs_are_told_apart_by_tags(models: Path) -> None:
    for tags, expected in ((["serve"], 20.0), ("train", 30.0)):
        loaded = saved_model.load(models / "tagged", tags=tags)
        assert float(loaded.signatures["serving_default"](x=tf.constant(2.0))["y"]) == expected
    with pytest.raises(NotFoundError, match="holds 2 graphs.*say which by `tags`"):
        saved_model.load(models / "tagged")


def test_the_server_takes_the_graph_tagged_serve_or_as_told(models: Path) -> None:
    for engine, expected in ((NativeEngine(), 20.0), (NativeEngine(tags=["train"]), 30.0)):
        served = engine.load(models / "tagged")
        assert served.run("serving_default", {"x": np.float32(2.0)})["y"] == expected
    with pytest.raises(NotFoundError, match="gpu"):
        NativeEngine(tags=["serve", "gpu"]).load(models / "tagged")


def test_functions_are_cut_out_of_a_graph(models: Path) -> None:
    loaded = saved_model.load(models / "resource_variables")
    tail = loaded.prune("hidden:0", {"y": "Tanh:0"})
    run, *_ = [item[1] for item in runs(models, "resource_variables") if item[0] == "tail"]
    check("tail", tail(fed(run)["h"])["y"], run["outputs"]["y"])
    assert tail.structured_input_signature[0][0] == tf.TensorSpec([None, 3], tf.float32, "hidden")
    with pytest.raises(InvalidArgumentError, match="placeholder 'x' .* is needed but not fed"):
        loaded.prune([], "Tanh:0")
    with pytest.raises(InvalidArgumentError, match="has no node 'nothing'"):
        loaded.prune("x:0", "nothing:0")


def test_a_frozen_graph_is_wrapped_and_cut(models: Path) -> None:
    graph_def = tf.compat.v1.GraphDef()
    graph_def.ParseFromString((models / "frozen.pb").read_bytes())
    wrapped = tf.compat.v1.wrap_function(lambda: tf.compat.v1.import_graph_def(graph_def, name=""), [])
    graph = wrapped.graph
    function = wrapped.prune(graph.as_graph_element("x:0"), [graph.get_tensor_by_name("y:0")])
    assert np.asarray(function(tf.constant([[1.0, 1.0]]))[0]).tolist() == [[4.0, 6.0]]
    assert np.asarray(function(tf.constant([[-1.0, -1.0]]))[0]).tolist() == [[-1.0, -1.0]]
    assert graph.get_operation_by_name("x").type == "Placeholder"
    scoped = tf.compat.v1.wrap_function(lambda: tf.compat.v1.import_graph_def(graph_def), [])
    assert np.asarray(scoped.prune("import/x:0", "import/y:0")(tf.constant([[1.0, 1.0]]))).tolist() == [[4.0, 6.0]]


def test_a_frozen_graph_is_part_of_another_function(models: Path) -> None:
    content = (models / "frozen.pb").read_bytes()

    @tf.function
    def around(x: Any) -> Any:
        (y,) = tf.graph_util.import_graph_def(content, {"x:0": x * 2.0}, ["y:0"])
        return y + 1.0

    assert np.asarray(around(tf.constant([[1.0, 1.0]]))).tolist() == [[9.0, 13.0]]
    with pytest.raises(InvalidArgumentError, match="no return_elements"):
        tf.graph_util.import_graph_def(content)
    with pytest.raises(DataLossError, match="not a serialized GraphDef"):
        tf.graph_util.import_graph_def(b"no graph", {}, ["y:0"])


def damaged(models: Path, target: Path, name: str, change: Any) -> Path:
    """A copy of a model whose graph is changed."""
    shutil.copytree(models / name, target)
    path = target / "saved_model.pb"
    model = parse(SavedModel, path.read_bytes(), str(path))
    change(model.meta_graphs[0], {node.name: node for node in model.meta_graphs[0].graph_def.node})
    path.write_bytes(serialize(model))
    return target


def _no_way_back(meta: Any, nodes: dict[str, Any]) -> None:
    nodes["while/NextIteration"].op = "Identity"


def _no_condition(meta: Any, nodes: dict[str, Any]) -> None:
    nodes["while/LoopCond"].op = "Identity"


def _no_switch(meta: Any, nodes: dict[str, Any]) -> None:
    for node in meta.graph_def.node:
        if node.op in ("Switch", "RefSwitch"):
            node.op = "Identity"
            del node.input[1:]


def _unnamed_frame(meta: Any, nodes: dict[str, Any]) -> None:
    del nodes["while/Enter"].attr["frame_name"]


def _in_circles(meta: Any, nodes: dict[str, Any]) -> None:
    nodes["MatMul"].input[0] = "Relu"


def _twice(meta: Any, nodes: dict[str, Any]) -> None:
    meta.graph_def.node.append(nodes["MatMul"])


def _no_such_input(meta: Any, nodes: dict[str, Any]) -> None:
    nodes["MatMul"].input[0] = "nothing"


def _no_such_key(meta: Any, nodes: dict[str, Any]) -> None:
    names = nodes["save/RestoreV2/tensor_names"].attr["value"].tensor
    names.string_val[0] = b"nothing"


def _wrong_part(meta: Any, nodes: dict[str, Any]) -> None:
    parts = nodes["save/RestoreV2/shape_and_slices"].attr["value"].tensor
    parts.string_val[0] = b"10 4 8,9:-"


@pytest.mark.parametrize(
    ("name", "change", "error", "says"),
    [
        ("loops", _no_way_back, InvalidArgumentError, r"'while/Merge' \(Merge\).* expected an Enter and a NextIteration"),
        ("loops", _no_condition, InvalidArgumentError, r"loop 'while/while_context'.* has 0 conditions"),
        ("loops", _unnamed_frame, InvalidArgumentError, r"attribute 'frame_name' of node 'while/Enter' \(Enter\) is missing"),
        ("conditional", _no_switch, InvalidArgumentError, r"\(Merge\) joins .*not the two sides of one Switch"),
        ("dense", _in_circles, InvalidArgumentError, "cycle through node"),
        ("dense", _twice, InvalidArgumentError, "two nodes of the same name"),
        ("dense", _no_such_input, InvalidArgumentError, "has no node 'nothing'"),
        ("dense", _no_such_key, NotFoundError, "no tensor 'nothing'"),
        ("partitioned", _wrong_part, DataLossError, r"is the part '10 4 8,9:-' of 'parts/table', which has the shape \[10, 4\]"),
    ],
)
def test_a_damaged_graph_is_refused(models: Path, tmp_path: Path, name: str, change: Any, error: Any, says: str) -> None:
    with pytest.raises(error, match=says):
        saved_model.load(damaged(models, tmp_path / "model", name, change))


def test_a_signature_with_an_op_that_is_not_there_leaves_the_others(models: Path, tmp_path: Path) -> None:
    def change(meta: Any, nodes: dict[str, Any]) -> None:
        nodes["hidden"].op = "MatMulOfTomorrow"

    loaded = saved_model.load(damaged(models, tmp_path / "model", "resource_variables", change))
    assert loaded.signatures["tail"](h=tf.ones([1, 3]))["y"].shape == (1, 3)
    with pytest.raises(NotImplementedError, match="lacks the operations MatMulOfTomorrow"):
        loaded.signatures["serving_default"](x=tf.ones([1, 3]))


def test_a_model_that_cannot_be_initialized_still_serves_what_needs_no_table(models: Path, tmp_path: Path) -> None:
    def change(meta: Any, nodes: dict[str, Any]) -> None:
        for node in meta.graph_def.node:
            node.op = node.op.replace("InitializeTableFromTextFileV2", "InitializeTableFromTheStars")
        signature = meta.signature_def["same"]
        signature.inputs["words"].CopyFrom(meta.signature_def["serving_default"].inputs["words"])
        signature.outputs["same"].CopyFrom(signature.inputs["words"])

    loaded = saved_model.load(damaged(models, tmp_path / "model", "vocabulary", change))
    assert loaded.signatures["same"](words=tf.constant(["a"]))["same"].numpy().tolist() == [b"a"]
    with pytest.raises(NotImplementedError, match="InitializeTableFromTheStars"):
        loaded.signatures["serving_default"](words=tf.constant(["red"]))


def test_damage_ends_in_a_named_error_or_in_right_values(models: Path, tmp_path: Path) -> None:
    for name in MODELS:
        shutil.copytree(models / name, tmp_path / "corpus" / name)
    assert_nothing_found(tmp_path / "corpus", "--calls")
