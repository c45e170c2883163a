"""Versions that a helper process prepares: what it hands over, what is made of that, and that they serve as any other."""

from __future__ import annotations

import json
import mmap
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

import headrace as tf
from headrace.core.errors import InternalError, InvalidArgumentError
from headrace.core.spec import TensorSpec
from headrace.serving.batching.metrics import BatchingMetrics
from headrace.serving.batching.options import AdaptiveBatching, BatchingOptions, FixedBatching
from headrace.serving.batching.versions import Batching, VersionBatching
from headrace.serving.engines.base import Recipe, Signature
from headrace.serving.engines.moved import MovedModel
from headrace.serving.engines.openvino import OpenVino
from headrace.serving.engines.options import EngineOptions
from headrace.serving.engines.selection import ServingEngine, made_of
from headrace.serving.lifecycle import LifecycleOptions, ModelLifecycle
from headrace.serving.making import Making, Wanted
from headrace.serving.preparing import helpers
from headrace.serving.preparing.helper import prepare
from headrace.serving.preparing.helpers import Helpers
from headrace.serving.preparing.memory import Filling, anonymous, content_of
from headrace.serving.preparing.messages import Asked, Order, Outcome
from headrace.serving.servable import Handle, State
from headrace.serving.warmup import Learned
from tests.serving.engine_models import FORCED, network_inputs, normal, save, save_network, specs
from tests.serving.process import serving
from tests.serving.test_engines_serving import write_requests
from tests.serving.toy import wait_until

ASKED = Asked([(("a", "b"), (("x", (2, 3)), ("y", ())))], {("a", "x"): b"\xff\0text"}, {"graph": "7", "signatures": {}})


@pytest.fixture
def memory() -> Iterator[int]:
    descriptor = anonymous()
    yield descriptor
    os.close(descriptor)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_network(tmp_path_factory.mktemp("network") / "1")


def order(path: Path, options: EngineOptions = FORCED, **how: Any) -> Order:
    return Order(Recipe(options), Wanted("m", 1, path), Making(**how), None, "ERROR")


@pytest.mark.parametrize("scheme", [FixedBatching(8, allowed_batch_sizes=(2, 8)), AdaptiveBatching(0.1)], ids=["fixed", "adaptive"])
def test_orders_arrive_as_they_were(scheme: FixedBatching | AdaptiveBatching) -> None:
    sent = Order(
        Recipe(EngineOptions("auto", ("f32", "bf16"), 2, 1.5), Path("/keys/a.pem"), "sha256:1", ("serve", "gpu")),
        Wanted("m", 3, Path("/models/m/3"), VersionBatching(scheme, BatchingMetrics())),
        Making(False, 2, (1, 16), True),
        ASKED,
        "DEBUG",
    )
    found = Order.read(sent.text())
    assert found.wanted.batching is not None
    assert found.wanted.batching.scheme == scheme
    assert (found.recipe, found.how, found.before, found.log_level) == (sent.recipe, sent.how, sent.before, sent.log_level)
    assert (found.wanted.model, found.wanted.number, found.wanted.path) == ("m", 3, Path("/models/m/3"))
    plain = Order(Recipe(), Wanted("m", 1, Path("1")), Making(), None)
    assert Order.read(plain.text()) == plain


def test_outcomes_arrive_as_they_were() -> None:
    signature = Signature(
        {"x": TensorSpec([None, 2], "bfloat16", "x"), "any": TensorSpec(None, "string")},
        {"y": TensorSpec([], "uint8")},
        "tensorflow/serving/regress",
        {"x": np.ones((1, 2), "float32"), "any": np.array([b"\xfe"], object)},
    )
    sent = Outcome(None, 0.5, "sha256:2", {"s": signature}, {"signatures": {}}, ASKED, [Learned("s", 4, 0.25)])
    found = Outcome.read(sent.text().encode())
    read = found.signatures["s"]
    assert (read.inputs, read.outputs, read.method_name) == (signature.inputs, signature.outputs, signature.method_name)
    assert [read.defaults[name].tolist() for name in ("x", "any")] == [[[1.0, 1.0]], [b"\xfe"]]
    assert (found.warm_up_seconds, found.digest, found.told, found.asked, found.learned) == (
        0.5,
        "sha256:2",
        {"signatures": {}},
        ASKED,
        [Learned("s", 4, 0.25)],
    )
    failed = Outcome.read(Outcome(InvalidArgumentError("the shape is wrong")).text().encode())
    assert isinstance(failed.error, InvalidArgumentError)
    assert failed.error.message == "the shape is wrong"
    with pytest.raises(InternalError, match="broke off"):
        Outcome.read(sent.text().encode()[:-9])


def test_memory_changes_hands(memory: int) -> None:
    assert not len(content_of(memory))
    filling = Filling(memory)
    places = [filling.store(b"one"), filling.store(np.arange(2, dtype=np.int32))]
    assert places == [0, mmap.PAGESIZE]
    content = content_of(memory)
    assert bytes(content[:3]) == b"one"
    content[0] = 0
    assert content[places[1] : places[1] + 8].view(np.int32).tolist() == [0, 1]
    assert bytes(content_of(memory)[:3]) == b"one", "what is changed here is not changed elsewhere"


@pytest.mark.parametrize("batch", [1, 5])
def test_a_whole_program_is_taken_over_without_the_files(network: Path, memory: int, batch: int, tmp_path: Path) -> None:
    outcome = Outcome.read(prepare(order(network), memory).text().encode())
    engine = made_of(Recipe(FORCED))
    moved = engine.take_over(tmp_path / "gone", outcome.signatures, outcome.told, content_of(memory))
    assert isinstance(moved, MovedModel)
    plain = ServingEngine(EngineOptions("xla")).load(network)
    assert moved.signatures == plain.signatures
    assert (moved.engine, moved.engine_reason) == (
        "openvino-f32",
        "serving_default: it is asked for; plain: it is asked for",
    )
    assert moved.memory_bytes > 0
    inputs = network_inputs(batch)
    for name, outputs in moved.run_together(["serving_default", "plain"], inputs).items():
        expected = plain.run(name, inputs)
        assert outputs.keys() == expected.keys()
        for key, value in expected.items():
            assert outputs[key].dtype == value.dtype
            np.testing.assert_allclose(outputs[key], value, rtol=1e-4, atol=1e-4)
    assert {names for names, _ in outcome.asked.shapes} >= {("serving_default",), ("plain",)}


def save_shout(path: Path) -> Path:
    """A signature with a part on the host, and one that only XLA can run."""
    weight, counter = tf.Variable(normal(3, 2)), tf.Variable(1.0)

    @tf.function(input_signature=specs(x=tf.TensorSpec([None, 3]), word=tf.TensorSpec([None], tf.string)))
    def shout(x: tf.Tensor, word: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": tf.nn.relu(x @ weight), "word": tf.strings.upper(word)}

    @tf.function(input_signature=specs(x=tf.TensorSpec([None, 3])))
    def counts(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": x * counter.assign_add(1.0)}

    return save(path, {"serving_default": shout, "counts": counts}, weight=weight, counter=counter)


@pytest.mark.parametrize("room", [True, False])
def test_parts_are_taken_over_beside_what_is_loaded_here(
    tmp_path: Path, memory: int, room: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_shout(tmp_path / "1")

    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    def fail(*_: object) -> Any:
        raise AssertionError("it is compiled already")

    with monkeypatch.context() as patch:
        if not room:
            patch.setattr(Filling, "store", refuse)
        outcome = Outcome.read(prepare(order(path), memory).text().encode())
    if room:
        monkeypatch.setattr(OpenVino, "compile", fail)
    engine = made_of(Recipe(FORCED))
    model = engine.take_over(path, outcome.signatures, outcome.told, content_of(memory))
    assert model.engine == "openvino-f32+xla"
    inputs = {"x": normal(2, 3), "word": np.array([b"a", b"b"], object)}
    found = model.run("serving_default", inputs)
    expected = ServingEngine(EngineOptions("xla")).load(path).run("serving_default", inputs)
    assert found["word"].tolist() == [b"A", b"B"]
    np.testing.assert_allclose(found["y"], expected["y"], rtol=1e-5)
    assert model.run("counts", {"x": np.ones((1, 3), np.float32)})["y"][0, 0] == 2.0


def test_what_is_of_another_graph_is_refused(tmp_path: Path, network: Path, memory: int) -> None:
    engine = made_of(Recipe(FORCED))
    outcome = prepare(order(save_shout(tmp_path / "1")), memory)
    told = json.loads(json.dumps(outcome.told))
    told["signatures"]["serving_default"]["program"]["parts"]["0"] = {"ends": [["no"], ["no"]], "part": {}}
    with pytest.raises(InternalError, match="of another graph"):
        engine.take_over(tmp_path / "1", outcome.signatures, told, content_of(memory))
    whole = prepare(order(network), memory)
    with pytest.raises(InternalError, match="does not take over"):
        engine.take_over(network, whole.signatures, whole.told, np.zeros(1 << 20, np.uint8))


def test_a_warm_up_that_fails_and_files_that_are_damaged(tmp_path: Path, memory: int) -> None:
    path = save_network(tmp_path / "1")
    write_requests(path, [network_inputs(2), {"image": normal(1, 2)}])
    outcome = prepare(order(path), memory)
    assert outcome.error is not None
    assert outcome.error.code == "INVALID_ARGUMENT"
    assert outcome.error.message.startswith("warm-up request 2 of ")
    assert outcome.warm_up_seconds is not None
    assert prepare(order(path, warm_up=False), memory).error is None
    (path / "saved_model.pb").write_bytes(b"damaged")
    outcome = prepare(order(path), memory)
    assert outcome.error is not None
    assert (outcome.error.code, outcome.warm_up_seconds) == ("DATA_LOSS", None)


def test_the_same_graph_is_not_measured_again(tmp_path: Path, network: Path) -> None:
    engine = ServingEngine(EngineOptions("auto", choice_seconds=2.0))
    samples = {name: [network_inputs(3)] for name in ("serving_default", "plain")}
    first: Any = engine.load(network)
    first.decide(samples, {})
    again: Any = engine.load(network)
    again.decide(samples, first.choices)
    assert again.engine == first.engine
    assert again.engine_reason.count("as the version before, whose graph is the same: ") == 2
    third: Any = engine.load(network)
    third.decide(samples, again.choices)
    assert third.engine_reason == again.engine_reason
    other: Any = engine.load(network)
    other.decide(samples, {**again.choices, "graph": "another"})
    assert "as the version before" not in other.engine_reason


def acquired(lifecycle: ModelLifecycle) -> Handle:
    handle = lifecycle.acquire()
    assert handle is not None
    return handle


QUICK = LifecycleOptions(poll_seconds=0.01, max_load_retries=0)


def test_versions_are_swapped_by_way_of_a_helper(tmp_path: Path, network: Path) -> None:
    batching = Batching(BatchingOptions(AdaptiveBatching(max_batch_size=4)), BatchingMetrics())
    serves = False
    lifecycle = ModelLifecycle("m", tmp_path, ServingEngine(FORCED), QUICK, batching=batching, helpers=Helpers(lambda: serves))
    (tmp_path / "1").symlink_to(network)
    lifecycle.step()
    assert [servable.prepared for servable in lifecycle.loaded()] == [False], "nothing serves yet that a load here could disturb"
    serves = True
    inputs = network_inputs(3)
    with acquired(lifecycle) as handle:
        expected = handle.run("serving_default", inputs)
        before = handle.signatures, handle.digest
    save_path = tmp_path / "hidden"
    save_path.symlink_to(network)
    save_path.rename(tmp_path / "2")
    lifecycle._rescan = True
    lifecycle.step()
    assert [(each.version, each.state) for each in lifecycle.statuses()] == [(2, State.AVAILABLE), (1, State.END)]
    assert [servable.prepared for servable in lifecycle.loaded()] == [True]
    with acquired(lifecycle) as handle:
        assert handle.version == 2
        assert (handle.signatures, handle.digest) == before
        batcher = handle.batcher("serving_default")
        assert batcher is not None
        found = batcher.submit("serving_default", inputs).result(30)
        np.testing.assert_allclose(found["scores"], expected["scores"], rtol=1e-5)
    assert lifecycle.stop(30)


def test_what_cannot_be_taken_over_is_loaded_here(
    tmp_path: Path, network: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def spoilt(asked: Order, memory: int, _: object) -> Outcome:
        outcome = prepare(asked, memory)
        os.truncate(memory, 1 << 20)
        os.pwrite(memory, bytes(1 << 20), 0)
        return outcome

    monkeypatch.setattr(helpers, "run", spoilt)
    (tmp_path / "1").symlink_to(network)
    lifecycle = ModelLifecycle("m", tmp_path, ServingEngine(FORCED), QUICK, helpers=Helpers(lambda: True))
    lifecycle.step()
    assert lifecycle.available_versions == [1]
    assert [servable.prepared for servable in lifecycle.loaded()] == [False]
    assert any("loading in the server" in record.getMessage() for record in caplog.records)
    assert lifecycle.stop(30)


@pytest.mark.parametrize(
    ("flags", "taken_over"),
    [([], 1), (["--num_processes=2"], 2), (["--load_in_helper_process=false"], 0)],
    ids=["one process", "two processes", "switched off"],
)
def test_a_server_has_helpers_when_it_answers(tmp_path: Path, network: Path, flags: list[str], taken_over: int) -> None:
    if taken_over == 2 and sys.platform != "linux":
        pytest.skip("several processes need Linux")
    base_path = tmp_path / "m"
    base_path.mkdir()
    (base_path / "1").symlink_to(network)
    body = {"signature_name": "plain", "inputs": {name: value.tolist() for name, value in network_inputs(2).items()}}
    with serving(base_path, "--engine=openvino", *flags, module="headrace") as server:
        server.ready()
        expected = httpx.post(f"{server.url}/v1/models/m:predict", json=body).json()
        (base_path / "2").symlink_to(network)
        wait_until(lambda: server.statuses() == {"1": "END", "2": "AVAILABLE"}, 300)
        if taken_over == 2:
            wait_until(lambda: sum('"taken over"' in line for line in server.log) == 2, 300)
        found = httpx.post(f"{server.url}/v1/models/m/versions/2:predict", json=body).json()
        np.testing.assert_allclose(found["outputs"], expected["outputs"], rtol=1e-5)
        assert server.end() == 0
    assert sum('"taken over"' in line for line in server.log) == taken_over
    chosen = [line for line in server.log if '"engine chosen"' in line]
    assert len(chosen) == 4 * max(taken_over, 1), "the lines of helpers are there, too: two signatures, twice"
