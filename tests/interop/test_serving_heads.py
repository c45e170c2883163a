"""Models with heads and warm-up files that real TensorFlow wrote: what is answered is what TensorFlow computes."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from headrace.client import Client
from headrace.core.errors import InvalidArgumentError
from headrace.proto import build
from headrace.serving.dataplane import Dataplane
from headrace.serving.engines.base import Array
from headrace.serving.engines.native import NativeEngine, NativeModel
from headrace.serving.heads import CLASSIFY, REGRESS, Classification, Result
from headrace.serving.inference import Task, classify, multi_inference, regress
from headrace.serving.lifecycle import LifecycleOptions
from headrace.serving.models import ModelSpec
from headrace.serving.servable import State
from tests.interop.peer_runs import run_peer
from tests.serving.process import serving
from tests.serving.toy import Service, wait_until

MODELS = ("v1", "v2", "named")
HEADS = {"serving_default": CLASSIFY, "scores": CLASSIFY, "regress": REGRESS, "column": REGRESS}
WARM_UP_ONLY = LifecycleOptions(max_load_retries=0, warm_up_batches=())


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, tensorflow_python: Path) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("heads")
    found: dict[str, Any] = run_peer(tensorflow_python, "serving_heads.py", folder, build.OUTPUT)
    return found | {"folder": folder}


@pytest.fixture(scope="module", params=MODELS)
def service(written: dict[str, Any], request: pytest.FixtureRequest) -> Iterator[Service]:
    with Service(written["folder"] / request.param, WARM_UP_ONLY, engine=NativeEngine()) as service:
        wait_until(lambda: service.lifecycle.available)
        service.expected = written["models"][request.param]  # type: ignore[attr-defined]
        yield service


def expected(service: Service, signature: str, case: str) -> dict[str, Any]:
    found: dict[str, Any] = service.expected[signature][case]  # type: ignore[attr-defined]
    return found


def check(result: Result, wanted: Mapping[str, Any]) -> None:
    if not isinstance(result, Classification):
        np.testing.assert_allclose(result.values, np.ravel(wanted["outputs"]), rtol=1e-5)
        return
    np.testing.assert_allclose(result.score_rows(), wanted["scores"], rtol=1e-5)
    assert result.labels() == wanted.get("classes", [[""] * 3] * len(wanted["scores"]))


def examples(written: dict[str, Any], case: str) -> list[bytes]:
    return [base64.b64decode(text) for text in written["inputs"][case]]


@pytest.mark.parametrize("case", ["plain", "one", "context", "context_has_all"])
@pytest.mark.parametrize("signature", HEADS)
def test_rest_answers_what_tensorflow_computes(service: Service, written: dict[str, Any], signature: str, case: str) -> None:
    action = HEADS[signature].rpartition("/")[2]
    body = {"signature_name": signature, **written["cases"][case]}
    response = service.predict(body, f"/v1/models/m:{action}")
    assert response.status_code == 200, response.text
    wanted = expected(service, signature, case)
    results = response.json()["results"]
    if action == "regress":
        np.testing.assert_allclose(results, np.ravel(wanted["outputs"]), rtol=1e-5)
        return
    labels = wanted.get("classes", [[""] * 3] * len(results))
    assert [[label for label, _ in row] for row in results] == labels
    np.testing.assert_allclose([[score for _, score in row] for row in results], wanted["scores"], rtol=1e-5)


def test_examples_that_tensorflow_serialized(service: Service, written: dict[str, Any]) -> None:
    dataplane = Dataplane(service.models, service.metrics)
    for signature, method in HEADS.items():
        run = classify if method == CLASSIFY else regress
        answer = run(dataplane, ModelSpec("m", signature=signature), examples(written, "plain"))
        check(answer.result, expected(service, signature, "plain"))


def test_our_client_reads_what_tensorflow_computes(written: dict[str, Any]) -> None:
    wanted = written["models"]["v2"]
    with serving(written["folder"] / "v2", "--port=auto", module="headrace") as server:
        server.ready()
        for address in (server.url, f"grpc://{server.grpc}"):
            with Client(address) as client:
                assert {"serving_default", "regress"} <= client.metadata("m").signatures.keys()
                plain = examples(written, "plain")
                values = client.regress("m", plain, signature="regress")
                np.testing.assert_allclose(values, np.ravel(wanted["regress"]["plain"]["outputs"]), rtol=1e-5)
                heads = client.classify("m", plain)
                assert [[label for label, _ in row] for row in heads] == wanted["serving_default"]["plain"]["classes"]
                scores = client.predict("m", {"inputs": plain})["scores"]
                np.testing.assert_allclose(scores, wanted["serving_default"]["plain"]["scores"], rtol=1e-5)
                assert scores.dtype == np.float32
        assert server.end() == 0


def test_multi_inference(service: Service, written: dict[str, Any]) -> None:
    dataplane = Dataplane(service.models, service.metrics)
    tasks = [Task(ModelSpec("m", signature=signature), HEADS[signature]) for signature in reversed(HEADS)]
    for case in written["cases"]:
        answers = multi_inference(dataplane, tasks, examples(written, case))
        for task, answer in zip(tasks, answers, strict=True):
            assert (answer.version, answer.signature) == (1, task.spec.signature)
            check(answer.result, expected(service, task.spec.signature, case))


def test_a_missing_feature_is_the_callers_fault(service: Service) -> None:
    response = service.predict({"examples": [{"k": 1}]}, "/v1/models/m:classify")
    assert response.status_code == 400
    assert "x" in response.json()["error"]


def test_heads_of_other_inputs(written: dict[str, Any]) -> None:
    tasks = [Task(ModelSpec("m", signature=name), REGRESS) for name in ("regress", "numbers")]
    with Service(written["folder"] / "v1", LifecycleOptions(warm_up=False), engine=NativeEngine()) as service:
        wait_until(lambda: service.lifecycle.available)
        dataplane = Dataplane(service.models, service.metrics)
        with pytest.raises(InvalidArgumentError, match="Input tensor must be the same for all Signatures"):
            multi_inference(dataplane, tasks, examples(written, "one"))
        with pytest.raises(InvalidArgumentError, match='input "inputs" has dtype string; expected float32'):
            regress(dataplane, tasks[1].spec, examples(written, "one"))


class NotedModel:
    """A model that notes its runs."""

    def __init__(self, model: NativeModel) -> None:
        self._model = model
        self.signatures = model.signatures
        self.engine, self.engine_reason, self.memory_bytes = model.engine, model.engine_reason, model.memory_bytes
        self.runs: list[tuple[str, int]] = []

    def run(self, signature: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        self.runs.append((signature, len(inputs["inputs"])))
        return self._model.run(signature, inputs)

    def run_together(self, signatures: Sequence[str], inputs: Mapping[str, Array]) -> dict[str, dict[str, Array]]:
        self.runs.append(("+".join(signatures), len(inputs["inputs"])))
        return self._model.run_together(signatures, inputs)

    def close(self) -> None:
        self._model.close()


class NotingEngine(NativeEngine):
    """Headrace's engine; what it loads notes its runs."""

    def load(self, path: Path) -> Any:
        self.loaded = NotedModel(super().load(path))
        return self.loaded


@pytest.mark.parametrize("model", MODELS)
def test_warm_up_files(written: dict[str, Any], model: str) -> None:
    engine = NotingEngine()
    with Service(written["folder"] / model, WARM_UP_ONLY, engine=engine) as service:
        wait_until(lambda: service.lifecycle.available)
        assert engine.loaded.runs == [
            ("serving_default", 3),
            ("serving_default", 1),
            ("regress", 3),
            ("serving_default+column", 3),
        ]


def test_a_warm_up_file_that_asks_for_what_is_not_there(written: dict[str, Any]) -> None:
    with Service(written["folder"] / "broken", WARM_UP_ONLY, engine=NativeEngine()) as service:
        assert service.models.wait_settled(60)
        (status,) = service.models.statuses(ModelSpec("m"))
        assert status.state is State.END
        assert status.error is not None
        assert status.error.code == "INVALID_ARGUMENT"
        assert status.error.message.endswith("failed: No signature was found with the name: nothing")
        assert "warm-up request 3 of " in status.error.message


def test_the_server_as_a_process(written: dict[str, Any]) -> None:
    flags = ("--num_request_iterations_for_warmup=3", "--warmup_batch_sizes=1,2", "--enable_signature_method_name_check")
    with serving(written["folder"] / "named", *flags, module="headrace") as server:
        server.ready()
        response = httpx.post(f"{server.url}/v1/models/m:classify", json=written["cases"]["context"], timeout=60)
        assert response.status_code == 200, response.text
        wanted = written["models"]["named"]["serving_default"]["context"]
        scores = [[score for _, score in row] for row in response.json()["results"]]
        np.testing.assert_allclose(scores, wanted["scores"], rtol=1e-5)
        metrics = httpx.get(f"{server.url}/monitoring/prometheus/metrics").text
        assert ':tensorflow:serving:request_example_count_total{model="m"} 3\n' in metrics
        version = written["folder"] / "named" / "1"
        assert f':tensorflow:serving:model_warmup_latency_count{{model_path="{version}",status="OK"}} 1\n' in metrics
        assert server.end() == 0
    assert any("warm-up requests run" in line and "requests=4" in line and "runs=12" in line for line in server.log)


def test_method_names_are_kept(written: dict[str, Any]) -> None:
    for model in ("v1", "named"):
        found = NativeEngine().load(written["folder"] / model / "1").signatures
        assert {key: found[key].method_name for key in HEADS} == HEADS


@pytest.mark.parametrize(("model", "status"), [("named", 200), ("v2", 400)])
def test_method_names_can_be_asked_for(written: dict[str, Any], model: str, status: int) -> None:
    options = LifecycleOptions(warm_up=False, check_methods=True)
    with Service(written["folder"] / model, options, engine=NativeEngine()) as service:
        wait_until(lambda: service.lifecycle.available)
        response = service.predict(written["cases"]["one"], "/v1/models/m:classify")
        assert response.status_code == status
        if status == 400:
            assert "method_name to be tensorflow/serving/classify. Was: tensorflow/serving/predict" in response.json()["error"]


def test_messages_are_those_of_tensorflow_serving(written: dict[str, Any]) -> None:
    assert written["differences"] == []
