"""Classify, Regress and MultiInference through grpcio's client."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headrace.proto import serving
from headrace.proto.messages import Example
from headrace.serving.batching.options import BatchingOptions, FixedBatching
from headrace.serving.heads import CLASSIFY, REGRESS
from tests.serving.test_metrics import labels, read
from tests.serving.toy import write_version
from tests.serving.toy_grpc import Client, GrpcService
from tests.serving.toy_heads import HeadsEngine, example


@pytest.fixture
def service(tmp_path: Path) -> Iterator[GrpcService]:
    write_version(tmp_path, 4, 1.0)
    with GrpcService(tmp_path, engine=HeadsEngine()) as service:
        yield service


@pytest.fixture
def client(service: GrpcService) -> Client:
    return service.client()


def ask(kind: Any, signature: str, *values: float, name: str = "m") -> Any:
    """A request with an example for each value of the feature `x`."""
    request = kind()
    request.model_spec.name = name
    request.model_spec.signature_name = signature
    request.input.example_list.examples.extend(Example.FromString(example(x=[value])) for value in values)
    return request


def multi(*tasks: tuple[str, str], values: tuple[float, ...] = (0.25,)) -> Any:
    request = serving.MultiInferenceRequest()
    for signature, method in tasks:
        task = request.tasks.add(method_name=method)
        task.model_spec.name = "m"
        task.model_spec.signature_name = signature
    request.input.example_list.examples.extend(Example.FromString(example(x=[value])) for value in values)
    return request


def classes(result: Any) -> list[list[tuple[str, float]]]:
    return [[(each.label, each.score) for each in row.classes] for row in result.classifications]


def test_classify(client: Client) -> None:
    response = client.call("Classify", ask(serving.ClassificationRequest, "", 0.25, 1.0))
    spec = response.model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == ("m", 4, "serving_default")
    assert classes(response.result) == [[("no", 0.75), ("yes", 0.25)], [("no", 0.0), ("yes", 1.0)]]


def test_classify_with_labels_or_scores_alone(client: Client) -> None:
    assert classes(client.call("Classify", ask(serving.ClassificationRequest, "labels", 0.25)).result) == [[("no", 0), ("yes", 0)]]
    assert classes(client.call("Classify", ask(serving.ClassificationRequest, "scores", 0.25)).result) == [[("", 0.75), ("", 0.25)]]


def test_regress_with_a_context(client: Client) -> None:
    request = ask(serving.RegressionRequest, "regress", 0.5)
    request.input.example_list_with_context.examples.extend([Example.FromString(example(x=[0.5])), Example()])
    request.input.example_list_with_context.context.ParseFromString(example(x=[0.25]))
    response = client.call("Regress", request)
    assert [each.value for each in response.result.regressions] == [5.0, 2.5]
    assert response.model_spec.version.value == 4


def test_multi_inference(client: Client) -> None:
    response = client.call("MultiInference", multi(("regress", REGRESS), ("serving_default", CLASSIFY)))
    first, second = response.results
    assert [each.value for each in first.regression_result.regressions] == [2.5]
    assert classes(second.classification_result) == [[("no", 0.75), ("yes", 0.25)]]
    assert [each.model_spec.signature_name for each in response.results] == ["regress", "serving_default"]
    assert [each.model_spec.version.value for each in response.results] == [4, 4]


def test_refusals(client: Client) -> None:
    assert client.refusal("Classify", ask(serving.ClassificationRequest, "")) == ("INVALID_ARGUMENT", "Input is empty.")
    assert client.refusal("Regress", serving.RegressionRequest()) == ("INVALID_ARGUMENT", "Missing ModelSpec")
    assert client.refusal("Regress", ask(serving.RegressionRequest, "", 1.0, name="n")) == (
        "NOT_FOUND",
        "Servable not found for request: Latest(n)",
    )
    assert client.refusal("MultiInference", multi(("regress", REGRESS), ("regress", REGRESS)))[0] == "INVALID_ARGUMENT"
    assert client.refusal("MultiInference", multi())[0] == "INVALID_ARGUMENT"
    assert client.refusal("MultiInference", multi(("regress", "tensorflow/serving/predict")))[0] == "UNIMPLEMENTED"


def test_a_label_that_is_no_text(service: GrpcService) -> None:
    model = service.engine.only()
    model.freely = {"classes": np.array([[b"\xff"]], object), "scores": np.float32([[1]])}
    code, message = service.client().refusal("Classify", ask(serving.ClassificationRequest, "free_both", 1.0))
    assert (code, "not UTF-8" in message) == ("INVALID_ARGUMENT", True)


def test_each_method_is_counted_under_its_name(service: GrpcService) -> None:
    client = service.client()
    client.call("Classify", ask(serving.ClassificationRequest, "", 0.25))
    client.call("Regress", ask(serving.RegressionRequest, "regress", 0.25, 0.5))
    client.call("MultiInference", multi(("regress", REGRESS)))
    found = read(service.metrics.page(service.models))
    latency = found[":tensorflow:serving:request_latency_count"]
    assert {dict(key)["API"] for key in latency} == {"Classify", "Regress", "MultiInference"}
    assert found[":tensorflow:serving:request_example_count_total"] == {labels(model="m"): 4}


def test_heads_that_wait_for_their_batch_beyond_the_deadline_are_not_run(tmp_path: Path) -> None:
    write_version(tmp_path / "batched", 1, 1.0)
    patient = BatchingOptions(FixedBatching(max_batch_size=16, batch_timeout_micros=2_000_000, num_batch_threads=1))
    engine = HeadsEngine()
    with GrpcService(tmp_path / "batched", engine=engine, batching=patient) as service:
        before = len(engine.only().runs)
        requests = {
            "Classify": ask(serving.ClassificationRequest, "", 0.25),
            "Regress": ask(serving.RegressionRequest, "regress", 0.25),
        }
        for name, request in requests.items():
            assert service.client().refusal(name, request, timeout=0.3)[0] == "DEADLINE_EXCEEDED"
        time.sleep(2.5)  # longer than a batch waits
        assert len(engine.only().runs) == before
