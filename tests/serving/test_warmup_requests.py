"""Requests that a version brings along: they are run before it serves, and a failure fails the load."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.errors import OpError
from headrace.data.tfrecord import TFRecordWriter
from headrace.proto.serving import PredictionLog
from headrace.proto.tensors import to_proto
from headrace.serving.heads import CLASSIFY, REGRESS
from headrace.serving.lifecycle import LifecycleOptions, ModelLifecycle
from headrace.serving.metrics import ServingMetrics
from headrace.serving.models import Models
from headrace.serving.servable import Servable, State
from headrace.serving.warmup_requests import FILE, replay
from tests.serving.toy import write_version
from tests.serving.toy_heads import HeadsEngine, HeadsModel, example

ONE_TRY = LifecycleOptions(max_load_retries=0, warm_up_batches=())


def fill(input_proto: Any, *examples: bytes) -> None:
    for data in examples:
        input_proto.example_list.examples.add().ParseFromString(data)


def regress_log(*examples: bytes, signature: str = "regress") -> Any:
    log = PredictionLog()
    log.regress_log.request.model_spec.name = "another"  # it does not count
    log.regress_log.request.model_spec.version.value = 99
    log.regress_log.request.model_spec.signature_name = signature
    fill(log.regress_log.request.input, *(examples or [example(x=[0.5])]))
    return log


def classify_log() -> Any:
    log = PredictionLog()
    fill(log.classify_log.request.input, example(x=[0.5]), example(x=[0.25]))
    return log


def predict_log(signature: str = "labels", **inputs: Any) -> Any:
    log = PredictionLog()
    log.predict_log.request.model_spec.signature_name = signature
    found = inputs or {"inputs": np.array([example(x=[0.5])] * 3, object)}
    for name, value in found.items():
        log.predict_log.request.inputs[name].CopyFrom(to_proto(value))
    return log


def multi_log(*tasks: tuple[str, str]) -> Any:
    log = PredictionLog()
    request = log.multi_inference_log.request
    for signature, method in tasks:
        task = request.tasks.add(method_name=method)
        task.model_spec.signature_name = signature
    fill(request.input, example(x=[0.5]))
    return log


def session_run_log() -> Any:
    log = PredictionLog()
    log.session_run_log.SetInParent()
    return log


def write(version: Path, *logs: Any) -> Path:
    """The warm-up file of a version: messages, or bytes as they are."""
    file = version / FILE
    file.parent.mkdir(exist_ok=True)
    with TFRecordWriter(file) as writer:
        for log in logs:
            writer.write(log if isinstance(log, bytes) else log.SerializeToString())
    return file


@pytest.fixture
def engine() -> HeadsEngine:
    return HeadsEngine()


@pytest.fixture
def version(tmp_path: Path) -> Path:
    return write_version(tmp_path, 1, 1.0)


@pytest.fixture
def load(version: Path, engine: HeadsEngine) -> Callable[..., OpError | None]:
    """Loads the version and gives the error that stopped it, None once it is AVAILABLE."""

    def run(options: LifecycleOptions = ONE_TRY) -> OpError | None:
        lifecycle = ModelLifecycle("m", version.parent, engine, options)
        lifecycle.step()
        (status,) = lifecycle.statuses()
        assert status.state is (State.END if status.error else State.AVAILABLE)
        return status.error

    return run


def runs(engine: HeadsEngine) -> list[tuple[str, int]]:
    """The runs of the one model: signature and number of examples."""
    return [(name, shapes["inputs"][0]) for name, shapes in engine.only().runs]


class TestReplay:
    def test_every_kind_of_request(self, version: Path, engine: HeadsEngine, load: Callable[..., OpError | None]) -> None:
        write(version, regress_log(), classify_log(), predict_log(), multi_log(("", CLASSIFY), ("column", REGRESS)))
        assert load() is None
        assert runs(engine) == [("regress", 1), ("serving_default", 2), ("labels", 3), ("serving_default", 1), ("column", 1)]

    def test_iterations(self, version: Path, engine: HeadsEngine, load: Callable[..., OpError | None]) -> None:
        write(version, regress_log(), classify_log())
        assert load(LifecycleOptions(warm_up_batches=(), warm_up_iterations=2)) is None
        assert runs(engine) == [("regress", 1)] * 2 + [("serving_default", 2)] * 2

    def test_warm_up_turned_off(self, version: Path, engine: HeadsEngine, load: Callable[..., OpError | None]) -> None:
        write(version, b"no log")
        assert load(LifecycleOptions(warm_up=False)) is None
        assert runs(engine) == []

    def test_files_without_a_request(self, version: Path, engine: HeadsEngine, load: Callable[..., OpError | None]) -> None:
        write(version)
        assert load() is None
        write(version, PredictionLog())  # TensorFlow Serving runs nothing either
        assert load() is None
        assert runs(engine) == []

    def test_a_context_is_merged(self, version: Path, engine: HeadsEngine, load: Callable[..., OpError | None]) -> None:
        log = PredictionLog()
        listed = log.regress_log.request.input.example_list_with_context
        log.regress_log.request.model_spec.signature_name = "regress"
        listed.context.ParseFromString(example(x=[0.5]))
        listed.examples.add()
        write(version, log)
        assert load() is None

    def test_a_thousand_and_no_more(self, version: Path, load: Callable[..., OpError | None]) -> None:
        file = write(version, *[regress_log()] * 1000)
        assert load() is None
        write(version, *[regress_log()] * 1001)
        error = load()
        assert error is not None
        assert (error.code, error.message) == (
            "INVALID_ARGUMENT",
            f"Number of warmup records exceeds the maximum (1000) at {file}",
        )

    def test_the_server_ends_meanwhile(self, version: Path) -> None:
        write(version, *[regress_log()] * 5)
        model = HeadsModel(1.0)
        answers = iter([False, False, True])
        assert replay(Servable("m", 1, model), version, 1, lambda: next(answers)) == 3
        assert len(model.runs) == 2

    def test_the_time_is_measured(self, version: Path, engine: HeadsEngine) -> None:
        metrics = ServingMetrics()
        name = ":tensorflow:serving:model_warmup_latency_count"

        def page() -> list[str]:
            lifecycle = ModelLifecycle("m", version.parent, engine, ONE_TRY, on_warm_up=metrics.warmed)
            lifecycle.step()
            return metrics.page(Models([lifecycle])).splitlines()

        assert not [line for line in page() if line.startswith(name)]
        write(version, regress_log())
        assert f'{name}{{model_path="{version}",status="OK"}} 1' in page()
        write(version, b"\xff")
        assert f'{name}{{model_path="{version}",status="INVALID_ARGUMENT"}} 1' in page()


class TestFailures:
    @pytest.mark.parametrize(
        ("log", "code", "message"),
        [
            (regress_log(signature="nothing"), "INVALID_ARGUMENT", "No signature was found with the name: nothing"),
            (regress_log(signature="labels"), "INVALID_ARGUMENT", "No regression outputs found in SignatureDef: "),
            (regress_log(example(y=[1.0])), "INVALID_ARGUMENT", "an example has no feature x"),
            (regress_log(signature="numbers"), "INVALID_ARGUMENT", 'input "inputs" has dtype string; expected float32'),
            (multi_log(), "INVALID_ARGUMENT", "the request has no tasks; expected at least one"),
            (multi_log(("", CLASSIFY), ("", CLASSIFY)), "INVALID_ARGUMENT", "Duplicate evaluation of signature: serving_default"),
            (multi_log(("numbers", REGRESS)), "INVALID_ARGUMENT", 'input "inputs" has dtype string; expected float32'),
            (multi_log(("", "tensorflow/serving/predict")), "UNIMPLEMENTED", "Unsupported signature method_name: "),
            (predict_log("nothing"), "FAILED_PRECONDITION", 'Serving signature key "nothing" not found.'),
            (predict_log("labels", other=np.zeros(1)), "INVALID_ARGUMENT", "Sent extra: {other}. Missing but required: {inputs}."),
            (session_run_log(), "UNIMPLEMENTED", "Unsupported log_type for warmup: session_run_log"),
        ],
    )
    def test_a_request_that_fails_fails_the_load(
        self, version: Path, engine: HeadsEngine, load: Callable[..., OpError | None], log: Any, code: str, message: str
    ) -> None:
        file = write(version, classify_log(), log, classify_log())
        error = load()
        assert error is not None
        assert error.code == code
        assert error.message.startswith(f"warm-up request 2 of {file} failed: ")
        assert message in error.message
        assert engine.only().closed

    def test_an_empty_request(self, version: Path, load: Callable[..., OpError | None]) -> None:
        log = PredictionLog()
        log.classify_log.SetInParent()
        write(version, log)
        error = load()
        assert error is not None
        assert error.message.endswith("failed: Input is empty.")

    def test_a_model_that_raises(self, version: Path, load: Callable[..., OpError | None], monkeypatch: pytest.MonkeyPatch) -> None:
        def divide(_: HeadsModel, inputs: Any) -> Any:
            raise ZeroDivisionError("by zero")

        monkeypatch.setattr(HeadsModel, "_regress", divide)
        write(version, regress_log())
        error = load()
        assert error is not None
        assert (error.code, error.message.partition("failed: ")[2]) == ("INTERNAL", "ZeroDivisionError: by zero")

    def test_a_record_that_is_no_log(self, version: Path, load: Callable[..., OpError | None]) -> None:
        file = write(version, regress_log(), b"\xff\xff")
        error = load()
        assert error is not None
        assert error.code == "INVALID_ARGUMENT"
        assert error.message.startswith("Failed to parse warmup record: record 2 is not a serialized PredictionLog (2 bytes)")
        assert error.message.endswith(f" from {file}")

    @pytest.mark.parametrize("damage", ["text", "cut", "flipped"])
    def test_a_damaged_file(self, version: Path, load: Callable[..., OpError | None], damage: str) -> None:
        file = write(version, regress_log(), regress_log())
        data = bytearray(file.read_bytes())
        if damage == "text":
            data = bytearray(b"these are no records at all, just a text file that lies there")
        elif damage == "cut":
            del data[-3:]
        else:
            data[-10] ^= 1
        file.write_bytes(data)
        error = load()
        assert error is not None
        assert error.code == "DATA_LOSS"
        assert error.message.endswith(". Please verify your warmup data is in TFRecord format.")

    def test_the_version_before_goes_on_serving(self, tmp_path: Path, engine: HeadsEngine, version: Path) -> None:
        lifecycle = ModelLifecycle("m", tmp_path, engine, LifecycleOptions(poll_seconds=0.001, max_load_retries=0))
        lifecycle.step()
        write(write_version(tmp_path, 2, 1.0), regress_log(signature="nothing"))
        lifecycle._next_scan = 0.0
        lifecycle.step()
        assert {status.version: status.state for status in lifecycle.statuses()} == {1: State.AVAILABLE, 2: State.END}
        handle = lifecycle.acquire()
        assert handle is not None
        with handle:
            assert handle.version == 1


LOGS = [
    log.SerializeToString()
    for log in (regress_log(), classify_log(), predict_log(), multi_log(("", CLASSIFY), ("column", REGRESS)), session_run_log())
]
DAMAGED = st.builds(
    lambda data, at, more: data[: at % (len(data) + 1)] + more + data[at % (len(data) + 1) + len(more) :],
    st.sampled_from(LOGS),
    st.integers(0, 1000),
    st.binary(max_size=4),
)


@given(st.lists(DAMAGED, max_size=3))
def test_any_record_is_run_or_refused_by_name(tmp_path_factory: pytest.TempPathFactory, records: list[bytes]) -> None:
    version = tmp_path_factory.mktemp("version")
    write(version, *records)
    try:
        assert replay(Servable("m", 1, HeadsModel(1.0)), version, 1, lambda: False) == len(records)
    except OpError as error:
        assert str(version / FILE) in error.message
        assert error.code != "INTERNAL", error.message
