"""SavedModels run by OpenVINO: what it computes is what Headrace's own runtime does, and what it cannot run stays there."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as tf
from headrace.serving.engines import openvino
from headrace.serving.engines.base import Array
from headrace.serving.engines.choice import difference_of
from headrace.serving.engines.chosen import ChosenModel
from headrace.serving.engines.native import NativeEngine
from headrace.serving.engines.openvino import OpenVino
from headrace.serving.engines.options import EngineOptions
from tests.serving.engine_models import FORCED, chosen, network_inputs, normal, save, save_network, specs


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_network(tmp_path_factory.mktemp("network") / "1")


def compare(model: ChosenModel, path: Path, signature: str, inputs: Mapping[str, Array], tolerance: float = 1e-5) -> None:
    """Holds what a model computes to Headrace's own runtime."""
    wanted = NativeEngine().load(path).run(signature, inputs)
    found = model.run(signature, inputs)
    assert found.keys() == wanted.keys()
    for name in wanted:
        assert difference_of(wanted[name], found[name]) <= tolerance, name


@pytest.mark.parametrize("batch", [1, 5])
def test_both_signatures_give_the_same_numbers(network: Path, batch: int) -> None:
    model = chosen(network)
    assert model.engine == "xla"
    inputs = network_inputs(batch)
    model.decide({"serving_default": [inputs], "plain": [inputs]})
    assert model.engine == "openvino-f32"
    assert model.engine_reason == "serving_default: it is asked for; plain: it is asked for"
    for signature in ("serving_default", "plain"):
        for size in (batch, 2 * batch):
            compare(model, network, signature, network_inputs(size))
    together = model.run_together(["serving_default", "plain"], inputs)
    assert together.keys() == {"serving_default", "plain"}
    np.testing.assert_allclose(together["plain"]["sum"], inputs["image"].sum((1, 2, 3)) * inputs["word"], rtol=1e-4, atol=1e-4)


def test_what_the_caller_gave_and_got_is_its_own(network: Path) -> None:
    model = chosen(network)
    model.decide({})
    first, second = network_inputs(2), network_inputs(2)
    kept = {name: value.copy() for name, value in first.items()}
    before = model.run("serving_default", first)
    copies = {name: value.copy() for name, value in before.items()}
    model.run("serving_default", second)
    assert all(np.array_equal(before[name], copies[name]) for name in before)
    assert all(np.array_equal(first[name], kept[name]) for name in first)
    frozen = {name: value.copy() for name, value in first.items()}
    for value in frozen.values():
        value.flags.writeable = False
    turned = {"image": np.asfortranarray(first["image"]), "word": first["word"]}
    for inputs in (frozen, turned):
        assert difference_of(before["scores"], model.run("serving_default", inputs)["scores"]) < 1e-6


def test_many_threads_share_one_model(network: Path) -> None:
    model = chosen(network, FORCED, OpenVino(streams=2))
    model.decide({})
    inputs = [network_inputs(1 + n % 3) for n in range(6)]
    wanted = [model.run("serving_default", each) for each in inputs]
    faults: list[object] = []

    def ask(start: int) -> None:
        for n in range(20):
            which = (start + n) % len(inputs)
            found = model.run("serving_default", inputs[which])
            if difference_of(wanted[which]["scores"], found["scores"]) > 1e-5:
                faults.append(found)

    threads = [threading.Thread(target=ask, args=(start,)) for start in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not faults


def test_the_fastest_is_chosen_by_itself(network: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = chosen(network, EngineOptions(choice_seconds=10.0))
    with caplog.at_level("INFO", "headrace.serving.engines.chosen"):
        model.decide({"serving_default": [network_inputs(4)], "plain": [network_inputs(4)]})
    assert set(model.engine.split("+")) <= {"xla", "openvino-f32"}
    assert model.engine_reason.count(" ms at batch 4") == 2
    assert "xla " in model.engine_reason
    assert [record.getMessage() for record in caplog.records] == ["engine chosen"] * 2
    compare(model, network, "serving_default", network_inputs(3))


class Off:
    """OpenVINO, but what it computes is off by one part in a hundred."""

    name, tolerance, quantizes = "off", 1e-4, False

    def compile(self, graph: Any) -> Any:
        part = OpenVino().compile(graph)
        run = part.run
        part.run = lambda arguments, spent=(): [  # type: ignore[method-assign]
            value * np.float32(1.01) if value.dtype == np.float32 else value for value in run(arguments)
        ]
        return part


@pytest.mark.parametrize("engine", ["auto", "openvino"])
def test_an_engine_that_is_off_is_refused(network: Path, engine: str) -> None:
    model = chosen(network, EngineOptions(engine, choice_seconds=0.1), Off())
    model.decide({"serving_default": [network_inputs(2)]})
    assert model.engine == "xla" if engine == "auto" else "off+xla"
    reason = model.engine_reason.partition("; plain")[0]
    assert reason == "serving_default: off differs by 0.01, more than 0.0001"
    compare(model, network, "serving_default", network_inputs(2))


def test_one_that_is_off_gives_way_to_the_next(network: Path) -> None:
    model = chosen(network, FORCED, OpenVino(), Off())
    model.decide({"serving_default": [network_inputs(2)], "plain": [network_inputs(2)]})
    assert model.engine == "openvino-f32"
    assert "it is asked for; off differs by 0.01" in model.engine_reason


def test_strings_and_parsing_stay_on_the_host(tmp_path: Path) -> None:
    weight = tf.Variable(normal(3, 2))
    labels = tf.constant(["yes", "no"])
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(tf.constant(["red", "blue"]), tf.constant([1.0, 2.0])), -1.0
    )
    features = {"x": tf.io.FixedLenFeature([3], tf.float32), "color": tf.io.FixedLenFeature([], tf.string, "")}

    @tf.function(input_signature=specs(examples=tf.TensorSpec([None], tf.string)))
    def classify(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        parsed = tf.io.parse_example(examples, features)
        scores = tf.nn.relu(parsed["x"] @ weight) + table.lookup(parsed["color"])[:, None]
        return {"scores": scores, "label": tf.gather(labels, tf.argmax(scores, 1)), "color": tf.strings.upper(parsed["color"])}

    path = save(tmp_path / "1", {"serving_default": classify}, weight=weight, table=table)
    rows = [([0.5, -1.0, 2.0], b"red"), ([1.0, 1.0, -3.0], b"green")]
    examples = np.array([_example(x, color) for x, color in rows], object)
    model = chosen(path)
    model.decide({"serving_default": [{"examples": examples}]})
    assert (model.engine, model.engine_reason) == ("openvino-f32", "it is asked for")
    compare(model, path, "serving_default", {"examples": examples})
    found = model.run("serving_default", {"examples": examples})
    assert found["color"].tolist() == [b"RED", b"GREEN"]
    np.testing.assert_allclose(
        found["scores"], np.maximum(np.float32([x for x, _ in rows]) @ weight.numpy(), 0) + np.float32([[1.0], [-1.0]]), rtol=1e-5
    )


def _example(x: list[float], color: bytes) -> bytes:
    feature = {
        "x": tf.train.Feature(float_list=tf.train.FloatList(value=x)),
        "color": tf.train.Feature(bytes_list=tf.train.BytesList(value=[color])),
    }
    serialized: bytes = tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()
    return serialized


def test_what_only_our_runtime_can_run_stays_there(tmp_path: Path) -> None:
    counter, weight = tf.Variable(1.0), tf.Variable(normal(2, 2))
    one = specs(x=tf.TensorSpec([None, 2]))

    @tf.function(input_signature=one)
    def counts(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": x * counter.assign_add(1.0)}

    @tf.function(input_signature=one)
    def reads(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": x * counter}

    @tf.function(input_signature=one)
    def draws(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": x + tf.random.normal(tf.shape(x))}

    @tf.function(input_signature=one)
    def loops(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": tf.while_loop(lambda v: tf.reduce_sum(tf.abs(v)) < 10.0, lambda v: (v @ weight * 2.0 + 1.0,), [x])[0]}

    @tf.function(input_signature=one)
    def special(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": tf.math.igamma(tf.abs(x) + 1.0, tf.abs(x))}

    @tf.function(input_signature=one)
    def fine(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": x @ weight}

    functions = {"counts": counts, "reads": reads, "draws": draws, "loops": loops, "special": special, "fine": fine}
    path = save(tmp_path / "1", functions, counter=counter, weight=weight)
    model = chosen(path)
    model.decide({})
    reasons = dict(part.split(": ", 1) for part in model.engine_reason.split("; "))
    assert model.engine == "openvino-f32+xla"
    assert reasons["fine"] == "it is asked for"
    assert "is assigned by a signature" in reasons["counts"]
    assert "is assigned by a signature" in reasons["reads"]
    assert reasons["draws"] == "only Headrace's runtime can run it: it draws random numbers"
    assert "uses the variable" in reasons["loops"]
    assert "openvino-f32 refused: OpenVINO does not take it: " in reasons["special"]
    assert "Igamma" in reasons["special"]
    x = {"x": np.float32([[1.0, 2.0]])}
    assert model.run("counts", x)["y"].tolist() == [[2.0, 4.0]]
    assert model.run("reads", x)["y"].tolist() == [[2.0, 4.0]]
    together = model.run_together(["fine", "special"], x)
    np.testing.assert_allclose(together["fine"]["y"], x["x"] @ weight.numpy(), rtol=1e-5)
    compare(model, path, "special", x)


def test_simulated_quantization_needs_leave(tmp_path: Path) -> None:
    weight = tf.Variable(normal(8, 8))

    @tf.function(input_signature=specs(x=tf.TensorSpec([None, 8])))
    def quantized(x: tf.Tensor) -> dict[str, tf.Tensor]:
        kernel = tf.quantization.fake_quant_with_min_max_args(weight, -3.0, 3.0)
        return {"y": tf.quantization.fake_quant_with_min_max_args(x, -3.0, 3.0) @ kernel}

    path = save(tmp_path / "1", {"serving_default": quantized}, weight=weight)
    inputs = {"x": normal(4, 8)}
    strict = chosen(path)
    strict.decide({"serving_default": [inputs]})
    assert strict.engine == "xla"
    assert "int8 is not among the precisions allowed" in strict.engine_reason
    model = chosen(path, FORCED, OpenVino(), OpenVino("int8"))
    model.decide({"serving_default": [inputs]})
    assert model.engine == "openvino-int8"
    compare(model, path, "serving_default", inputs, openvino.TOLERANCES["int8"])


@pytest.mark.skipif("bf16" not in openvino.precisions(), reason="this processor has no bf16 arithmetic")
def test_sixteen_bits_where_allowed(network: Path) -> None:
    model = chosen(network, FORCED, OpenVino("bf16"))
    inputs = network_inputs(4)
    model.decide({"plain": [inputs]})
    assert model.engine == "openvino-bf16"
    compare(model, network, "plain", inputs, openvino.TOLERANCES["bf16"])
    assert difference_of(NativeEngine().load(network).run("plain", inputs)["sum"], model.run("plain", inputs)["sum"]) > 0.0


def test_its_import_sends_no_word_to_anybody() -> None:
    code = "\n".join(
        [
            "import sys",
            "from headrace.serving.engines.openvino import library",
            "assert library().Core",
            "import openvino.tools.ovc.telemetry_utils as utils",
            "print(utils.tm.__name__, any(name.startswith('openvino_telemetry') for name in sys.modules))",
        ]
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split() == ["openvino.tools.ovc.telemetry_stub", "False"]


def save_wide(path: Path) -> Path:
    """A model with 64 MiB of weights, which are gone from memory once it is saved."""
    weight = tf.Variable(np.ones((64, 1 << 18), np.float32))

    @tf.function(input_signature=specs(x=tf.TensorSpec([None, 64])))
    def wide(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": tf.reduce_sum(x @ weight, 1)}

    return save(path, {"serving_default": wide}, weight=weight)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is looked up where Linux tells it")
def test_closing_gives_memory_back(tmp_path: Path) -> None:
    model = chosen(save_wide(tmp_path / "1"))
    model.decide({})
    assert (model.engine, model.memory_bytes >> 20) == ("openvino-f32", 64)
    assert model.run("serving_default", {"x": np.ones((1, 64), np.float32)})["y"].tolist() == [float(64 << 18)]
    loaded = _resident_bytes()
    model.close()
    assert loaded - _resident_bytes() > 48 << 20


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
