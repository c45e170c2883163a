"""ModelService: the state of models, and the replacement of their list."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headrace.proto import serving
from headrace.serving.grpc.options import GrpcOptions
from headrace.serving.lifecycle import ModelLifecycle
from headrace.serving.metrics import ServingMetrics
from headrace.serving.models import Models
from tests.serving.toy import QUICK, ToyEngine, wait_until, write_version
from tests.serving.toy_grpc import Client, Front, GrpcService, outputs, predict_request

LOADS = "headrace_serving_model_loads_total"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[GrpcService]:
    write_version(tmp_path / "m", 1, 1.0)
    with GrpcService(tmp_path / "m") as service:
        yield service


@pytest.fixture
def client(service: GrpcService) -> Client:
    return service.client()


def status_request(name: str = "m", version: int | None = None) -> Any:
    request = serving.GetModelStatusRequest()
    request.model_spec.name = name
    if version is not None:
        request.model_spec.version.value = version
    return request


def states(response: Any) -> dict[int, str]:
    names = serving.ModelVersionStatus.State
    return {each.version: names.Name(each.state) for each in response.model_version_status}


class TestStatus:
    def test_versions_come_and_stay_as_ended(self, service: GrpcService, client: Client, tmp_path: Path) -> None:
        assert states(client.call("GetModelStatus", status_request())) == {1: "AVAILABLE"}
        write_version(tmp_path / "m", 2, 2.0)
        wait_until(lambda: states(client.call("GetModelStatus", status_request())) == {2: "AVAILABLE", 1: "END"})
        response = client.call("GetModelStatus", status_request(version=1))
        assert states(response) == {1: "END"}
        assert response.model_version_status[0].HasField("status")
        assert response.model_version_status[0].status.error_code == 0

    def test_the_error_of_a_load(self, client: Client, tmp_path: Path) -> None:
        (tmp_path / "m" / "5").mkdir()
        (tmp_path / "m" / "5" / "saved_model.pb").write_text("{")
        wait_until(lambda: states(client.call("GetModelStatus", status_request())).get(5) == "END")
        (found,) = client.call("GetModelStatus", status_request(version=5)).model_version_status
        assert (found.status.error_code, "truncated" in found.status.error_message) == (15, True)

    def test_refusals(self, client: Client) -> None:
        assert client.refusal("GetModelStatus", serving.GetModelStatusRequest()) == ("INVALID_ARGUMENT", "Missing ModelSpec")
        assert client.refusal("GetModelStatus", status_request("n")) == ("NOT_FOUND", "Could not find any versions of model n")
        assert client.refusal("GetModelStatus", status_request(version=9)) == ("NOT_FOUND", "Could not find version 9 of model m")


def reloadable(folder: Path, options: GrpcOptions | None = None) -> Front:
    """Serves `a` at first, through a configuration."""
    write_version(folder / "a", 1, 2.0)
    engine, metrics = ToyEngine(), ServingMetrics()
    models = Models(
        (), lambda config: ModelLifecycle(config.name, config.base_path, engine, QUICK, config.policy, on_load=metrics.loaded)
    )
    models.configure(reload_request(a=folder / "a").config)
    return Front(models, metrics, options)


def reload_request(**paths: Path) -> Any:
    request = serving.ReloadConfigRequest(metric_names=[LOADS, "no such counter"])
    for name, path in paths.items():
        request.config.model_config_list.config.add(name=name, base_path=str(path), model_platform="tensorflow")
    return request


class TestReload:
    @pytest.fixture
    def client(self, tmp_path: Path) -> Iterator[Client]:
        with reloadable(tmp_path) as service:
            yield service.client()

    def test_the_whole_list_is_replaced(self, client: Client, tmp_path: Path) -> None:
        x = np.float32([[1, 2]])
        assert outputs(client.call("Predict", predict_request(name="a", x=x))) == {"y": [[2, 4]]}
        write_version(tmp_path / "b", 3, 5.0)
        response = client.call("HandleReloadConfigRequest", reload_request(b=tmp_path / "b"))
        assert response.status.error_code == 0
        assert [(each.name, each.int64_value_increase) for each in response.metric] == [(LOADS, 1)]
        assert outputs(client.call("Predict", predict_request(name="b", x=x))) == {"y": [[5, 10]]}
        assert client.refusal("Predict", predict_request(name="a", x=x))[0] == "NOT_FOUND"

    def test_a_bad_list_changes_nothing(self, client: Client, tmp_path: Path) -> None:
        request = reload_request(a=tmp_path / "a")
        request.config.model_config_list.config.add(name="a", base_path=str(tmp_path), model_platform="tensorflow")
        code, message = client.refusal("HandleReloadConfigRequest", request)
        assert (code, "multiple times" in message) == ("INVALID_ARGUMENT", True)
        assert client.refusal("HandleReloadConfigRequest", reload_request(b=Path("relative")))[0] == "INVALID_ARGUMENT"
        assert client.refusal("HandleReloadConfigRequest", serving.ReloadConfigRequest())[0] == "FAILED_PRECONDITION"
        assert states(client.call("GetModelStatus", status_request("a"))) == {1: "AVAILABLE"}

    def test_a_new_model_that_fails_is_said(self, client: Client, tmp_path: Path) -> None:
        request = reload_request(a=tmp_path / "a", missing=tmp_path / "missing")
        code, message = client.refusal("HandleReloadConfigRequest", request)
        assert (code, "missing" in message) == ("UNKNOWN", True)
        assert states(client.call("GetModelStatus", status_request("a"))) == {1: "AVAILABLE"}

    def test_reloads_can_be_off(self, tmp_path: Path) -> None:
        with reloadable(tmp_path, GrpcOptions(threads=1, allow_reload=False)) as service:
            code, message = service.client().refusal("HandleReloadConfigRequest", reload_request())
        assert (code, "--grpc_allow_reload=true" in message) == ("PERMISSION_DENIED", True)
