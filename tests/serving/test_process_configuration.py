"""`headrace serve` with a configuration file, changed while clients ask."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from google.protobuf import text_format

from headrace.cli.main import main
from tests.serving.fleet import config
from tests.serving.process import BODY, Load, Server, running, serving
from tests.serving.toy import wait_until, write_version

METRICS = "/monitoring/prometheus/metrics"


def write(file: Path, content: Any) -> None:
    """Replaces a file in one step, as Kubernetes does with its ConfigMaps."""
    beside = file.with_suffix(".new")
    beside.write_text(content if isinstance(content, str) else text_format.MessageToString(content))
    beside.replace(file)


@contextlib.contextmanager
def configured(file: Path, *flags: str) -> Iterator[Server]:
    with running(f"--model_config_file={file}", "--model_config_file_poll_wait_seconds=0.05", *flags) as server:
        yield server.ready()


def names(server: Server) -> list[str]:
    return [model["name"] for model in httpx.get(f"{server.url}/v1/models").json()["models"]]


def scale(server: Server, path: str) -> float:
    response = httpx.post(f"{server.url}/v1/models/{path}:predict", json=BODY)
    assert response.status_code == 200, response.text
    return float(response.json()["predictions"][0][0])


def test_the_list_of_models_changes_under_load_and_no_request_of_a_healthy_model_fails(tmp_path: Path) -> None:
    file, a, b = tmp_path / "models.config", tmp_path / "a", tmp_path / "b"
    for number in (1, 2):
        write_version(a, number, float(number))
    write_version(b, 1, 10.0)
    write(file, config(a={"base_path": a, "latest": 2}))
    with configured(file) as server:
        assert names(server) == ["a"]
        with Load(server.url, 2, "a") as load, Load(server.url, 1, "a/versions/2") as pinned:
            write(file, config(a={"base_path": a, "latest": 2, "labels": {"stable": 1}}, b=b))
            wait_until(lambda: names(server) == ["a", "b"] and server.statuses("b") == {"1": "AVAILABLE"})
            wait_until(lambda: "version_labels" in httpx.get(f"{server.url}/v1/models").json()["models"][0])
            assert (scale(server, "b"), scale(server, "a/labels/stable")) == (10.0, 1.0)
            with Load(server.url, 1, "a/labels/stable") as labelled:
                write(file, "model_config_list { config { nonsense")
                wait_until(lambda: any("configuration is not applied" in line for line in server.log))
                assert names(server) == ["a", "b"]
                write(file, config(a={"base_path": a, "latest": 2, "labels": {"stable": 2}}, c=tmp_path / "later"))
                wait_until(lambda: names(server) == ["a", "c"])
                wait_until(lambda: labelled.answers[0][-1][1] == [[2.0, 4.0]])
            assert {status for status, _ in labelled.answers[0]} == {200}
            assert httpx.get(f"{server.url}/readyz").status_code == 503
            write_version(tmp_path / "later", 1, 5.0)
            wait_until(lambda: httpx.get(f"{server.url}/readyz").status_code == 200)
            assert scale(server, "c") == 5.0
        for clients in (load, pinned):
            assert not clients.faults
            assert {answer for answers in clients.answers for answer in map(repr, answers)} == {"(200, [[2.0, 4.0]])"}
        response = httpx.post(f"{server.url}/v1/models/b:predict", json=BODY)
        assert (response.status_code, response.json()) == (404, {"error": "Servable not found for request: Latest(b)"})
        page = httpx.get(server.url + METRICS).text
        assert 'headrace_serving_config_reloads_total{code="INVALID_ARGUMENT"}' in page
        assert "headrace_serving_config_last_reload_successful 1" in page
        assert 'model="a"' in page
        assert 'model="b"' not in page, "a model that is gone leaves no series behind"
        assert server.end() == 0
    refusals = [line for line in server.log if "configuration is not applied" in line]
    assert any("models.config:1:30" in line and "code=INVALID_ARGUMENT" in line for line in refusals)
    assert sum('"unloaded" model=b' in line for line in server.log) == 1
    assert not any("Traceback" in line for line in server.log)


def test_a_model_moves_under_load(tmp_path: Path) -> None:
    file = tmp_path / "models.config"
    write_version(tmp_path / "old", 1, 1.0)
    write_version(tmp_path / "new", 1, 2.0)
    write(file, config(m=tmp_path / "old"))
    with configured(file) as server:
        with Load(server.url) as load:
            wait_until(lambda: all(load.answers))
            write(file, config(m=tmp_path / "new"))
            wait_until(lambda: all(answers[-1][1] == [[2.0, 4.0]] for answers in load.answers))
        assert not load.faults
        for answers in load.answers:
            scales = [predictions[0][0] for status, predictions in answers if status == 200]
            assert len(scales) == len(answers)
            assert scales == sorted(scales)
        assert server.end() == 0


def test_one_model_serves_from_the_start_though_others_cannot(tmp_path: Path) -> None:
    file = tmp_path / "models.config"
    write_version(tmp_path / "good", 1, 3.0)
    (write_version(tmp_path / "broken", 1) / "saved_model.pb").write_text("{")
    write(file, config(good=tmp_path / "good", missing=tmp_path / "missing", broken=tmp_path / "broken"))
    with configured(file, "--load_retry_interval_micros=600000000") as server:
        assert scale(server, "good") == 3.0
        assert server.statuses("broken") == {"1": "LOADING"}
        ready = httpx.get(f"{server.url}/readyz")
        assert (ready.status_code, ready.json()["models_without_available_version"]) == (503, ["broken", "missing"])
        write_version(tmp_path / "missing", 1, 4.0)
        wait_until(lambda: server.statuses("good") == {"1": "AVAILABLE"} and names(server) == ["broken", "good", "missing"])
        wait_until(lambda: httpx.post(f"{server.url}/v1/models/missing:predict", json=BODY).status_code == 200)
        assert server.end() == 0


def test_labels_at_the_start_need_the_flag(tmp_path: Path) -> None:
    file = tmp_path / "models.config"
    write_version(tmp_path / "a", 1)
    write(file, config(a={"base_path": tmp_path / "a", "labels": {"stable": 1}}))
    result = CliRunner().invoke(main, ["serve", f"--model_config_file={file}", "--rest_api_port=auto"])
    assert result.exit_code == 1
    assert "Request to assign label to version 1 of model a, which is not currently available for inference" in result.output
    with configured(file, "--allow_version_labels_for_unavailable_models") as server:
        assert scale(server, "a/labels/stable") == 1.0
        found = httpx.get(f"{server.url}/v1/models/a/labels/stable").json()["model_version_status"]
        assert [status["version"] for status in found] == ["1"]
        described = httpx.get(f"{server.url}/v1/models/a/labels/stable/metadata").json()
        assert described["model_spec"] == {"name": "a", "signature_name": "", "version": "1"}
        unknown = httpx.post(f"{server.url}/v1/models/a/labels/canary:predict", json=BODY)
        assert (unknown.status_code, unknown.json()) == (400, {"error": "Unrecognized servable version label: canary"})
        assert server.end() == 0


def test_a_file_without_models_and_one_read_once(tmp_path: Path) -> None:
    file = tmp_path / "models.config"
    write(file, config())
    write_version(tmp_path / "a", 1)
    with running(f"--model_config_file={file}") as server:
        server.ready()
        assert names(server) == []
        write(file, config(a=tmp_path / "a"))
        shutil.copytree(tmp_path / "a", tmp_path / "b")  # takes longer than a look would
        assert names(server) == []
        assert server.end() == 0


def test_flags_of_one_model_give_way_to_a_file_as_in_the_container_of_tensorflow_serving(tmp_path: Path) -> None:
    file = tmp_path / "models.config"
    write_version(tmp_path / "a", 1)
    write(file, config(a=tmp_path / "a"))
    flags = ["--model-name=x", f"--model-base-path={tmp_path / 'nothing'}", "--tensorflow_session_parallelism=4"]
    with running(*flags, f"--model-config-file={file}", "--flush_filesystem_caches=false") as server:
        server.ready()
        assert names(server) == ["a"]
        assert server.end() == 0
    unused = [line for line in server.log if "is not used" in line]
    for flag in ("model_name", "model_base_path", "tensorflow_session_parallelism", "flush_filesystem_caches"):
        assert any(f"--{flag} is not used" in line for line in unused)


def test_metrics_where_the_monitoring_file_says(tmp_path: Path) -> None:
    write_version(tmp_path / "m", 1)
    (tmp_path / "monitoring").write_text('prometheus_config { enable: true path: "/metrics" }')
    with serving(tmp_path / "m", f"--monitoring_config_file={tmp_path / 'monitoring'}") as server:
        server.ready()
        assert 'headrace_serving_model_version_available{model="m",version="1"} 1' in httpx.get(f"{server.url}/metrics").text
        assert httpx.get(server.url + METRICS).status_code == 404
        assert server.end() == 0


@pytest.mark.parametrize("enabled", [False, True])
def test_pages_of_other_sites_may_ask_when_that_is_switched_on(tmp_path: Path, enabled: bool) -> None:
    write_version(tmp_path, 1)
    with serving(tmp_path, f"--rest_api_enable_cors_support={str(enabled).lower()}") as server:
        server.ready()
        url, origin = f"{server.url}/v1/models/m:predict", {"Origin": "https://page.example"}
        answer = httpx.post(url, json=BODY, headers=origin)
        assert answer.status_code == 200
        assert answer.headers.get("access-control-allow-origin") == ("*" if enabled else None)
        asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
        before = httpx.options(url, headers=origin | asked)
        assert before.status_code == (200 if enabled else 400)
        assert ("POST" in before.headers.get("access-control-allow-methods", "")) is enabled
        assert server.end() == 0


def test_pages_of_the_sites_that_are_named_may_ask(tmp_path: Path) -> None:
    write_version(tmp_path, 1)
    named = ["https://shop.example", "http://127.0.0.1:3000"]
    with serving(tmp_path, *(f"--rest_api_cors_origin={origin}" for origin in named)) as server:
        server.ready()
        url = f"{server.url}/v1/models/m:predict"
        for origin in [*named, "https://shop.example.evil.example", "http://shop.example", "null"]:
            allowed = origin if origin in named else None
            asked = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
            assert httpx.options(url, headers=asked).status_code == (200 if allowed else 400)
            assert httpx.options(url, headers=asked).headers.get("access-control-allow-origin") == allowed
            answer = httpx.post(url, json=BODY, headers={"Origin": origin})
            assert (answer.status_code, answer.headers.get("access-control-allow-origin")) == (200, allowed)
        assert server.end() == 0


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (["--model_base_path=/m", "--rest_api_port=1", "--rest_api_cors_origin=shop.example"], 1, "'shop.example' is no origin"),
        (["--model_base_path="], 2, "'' is no path; expected the folder of the numbered versions"),
        ([], 2, "no model to serve: give --model_base_path, or --model_config_file for several models"),
        (
            ["--model_base_path=/m", "--model_config_file_poll_wait_seconds=1"],
            2,
            "needs the file to poll: give",
        ),
        (["--model_base_path=/m", "--file_system_poll_wait_seconds=-1"], 2, "-1.0 is not in the range x>=0"),
        (["--model_config_file=/m", "--expected_digest=1"], 2, "--expected_digest is that of one version of one model"),
        (["--model_base_path=/m", "--num_load_threads=-1"], 2, "-1 is not in the range x>=0"),
        (["--model_base_path=/m", "--monitoring_config_file=/m", "--prometheus_path=/p"], 2, "give one of them"),
        (["--model_base_path=/m", "--monitoring_config_file=/nothing/m"], 1, "cannot read /nothing/m: No such file or directory"),
        (["--model_config_file=/nothing/models.config"], 1, "cannot read /nothing/models.config: No such file or directory"),
        (["--model_base_path=/m", "--unheard_of=1"], 2, "No such option"),
    ],
)
def test_flags_that_make_no_sense(flags: list[str], code: int, message: str) -> None:
    result = CliRunner().invoke(main, ["serve", "--rest_api_port=auto", *flags])
    assert result.exit_code == code
    assert message in result.output


def test_a_file_with_a_mistake_does_not_start(tmp_path: Path) -> None:
    file = tmp_path / "models.config"
    file.write_text('model_config_list {\n  config { name: "a" base_path: "/a" modell: 1 }\n}\n')
    result = CliRunner().invoke(main, ["serve", f"--model_config_file={file}", "--rest_api_port=auto"])
    assert result.exit_code == 1
    assert f"Error: {file}:2:38: Message type" in result.output
    assert 'has no field named "modell"; expected a text of tensorflow.serving.ModelServerConfig' in result.output


def test_the_version_is_printed() -> None:
    result = CliRunner().invoke(main, ["serve", "--version"])
    assert result.exit_code == 0
    assert result.output.startswith("Headrace model server: 0.")
