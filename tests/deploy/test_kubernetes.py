"""Manifests: valid for Kubernetes, consistent with one another, and their command line starts a server."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from headrace.cli.k8s import k8s
from headrace.core.errors import InvalidArgumentError
from headrace.deploy.kubernetes.manifests import objects, render
from headrace.deploy.kubernetes.options import FILES, KubernetesOptions
from headrace.deploy.models import model_list
from headrace.monitoring import files, scrape
from tests.interop.environments import ensure
from tests.interop.peer_runs import run_peer
from tests.serving.process import BODY, running
from tests.serving.toy import write_version

GIVEN = ["serve", "--image=registry.example/headrace:0.1.0", "--models_claim=models", "--model=m"]
OPTIONS = KubernetesOptions("headrace", "registry.example/headrace:0.1.0", model_list(["m"], "/models"), "models")
VERSIONS = "1.29,1.37"


def _objects(options: KubernetesOptions, monitored: bool = True) -> dict[str, Any]:
    return {str(each["kind"]): each for each in objects(options, monitored)}


def _container(options: KubernetesOptions) -> dict[str, Any]:
    found: dict[str, Any] = _objects(options)["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    return found


@pytest.mark.interop
def test_the_schemas_of_kubernetes_take_them_and_see_mistakes(tmp_path: Path) -> None:
    tls = replace(
        OPTIONS,
        tls_secret="cert",
        metrics_token_secret="token",
        files=(("access_config_file", "x"),),
        monitor_labels=(("release", "prometheus"),),
        max_replicas=2,
    )
    texts = {"plain": render(OPTIONS), "tls": render(tls)}
    texts["wrong"] = texts["plain"].replace("targetPort:", "targetPorts:").replace("interval:", "intervall:")
    texts |= files.render(["operator"], files.Options(labels=["release=prometheus"]))
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    # One call, since reading the schemas of Prometheus' operator takes seconds.
    found = run_peer(ensure("kubernetes-validate"), "kubernetes_objects.py", VERSIONS, *(tmp_path / name for name in texts))
    assert found["plain"] == {kind: [] for kind in _objects(OPTIONS)}
    assert found["tls"] == {kind: [] for kind in _objects(tls)}
    assert found["operator.yml"] == {"PrometheusRule": [], "ConfigMap": []}
    assert found["plain"].keys() - found["tls"].keys() == {"HorizontalPodAutoscaler"}
    assert {kind for kind, problems in found["wrong"].items() if problems} == {"Service", "ServiceMonitor"}


def test_everything_finds_the_pods() -> None:
    found = _objects(OPTIONS)
    labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert found["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert found["Service"]["spec"]["selector"] == labels
    assert found["ServiceMonitor"]["spec"]["selector"]["matchLabels"].items() <= found["Service"]["metadata"]["labels"].items()
    assert found["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"] == found["Deployment"]["metadata"]["name"]
    assert found["HorizontalPodAutoscaler"]["spec"]["metrics"][0]["pods"]["metric"]["name"] in scrape.adapter()
    ports = {port["name"] for port in _container(OPTIONS)["ports"]}
    assert {port["targetPort"] for port in found["Service"]["spec"]["ports"]} == ports
    assert found["ServiceMonitor"]["spec"]["endpoints"][0]["port"] in {port["name"] for port in found["Service"]["spec"]["ports"]}
    mounts = {mount["name"] for mount in _container(OPTIONS)["volumeMounts"]}
    assert mounts == {volume["name"] for volume in found["Deployment"]["spec"]["template"]["spec"]["volumes"]}


def test_a_pod_has_few_rights_and_time_to_end() -> None:
    options = replace(OPTIONS, grace_seconds=40, drain_seconds=7)
    pod, container = _objects(options)["Deployment"]["spec"]["template"]["spec"], _container(options)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "--shutdown_grace_seconds=40" in container["args"]
    assert "--drain_seconds=7" in container["args"]
    assert "--grpc_allow_reload=false" in container["args"]
    allowed = _container(replace(options, flags=("--grpc_allow_reload=true",)))["args"]
    assert allowed.index("--grpc_allow_reload=true") > allowed.index("--grpc_allow_reload=false"), "the last one counts"
    assert pod["terminationGracePeriodSeconds"] > 40 + 7
    probe = container["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] >= options.startup_seconds


def test_the_command_line_starts_a_server_with_the_paths_that_the_probes_and_prometheus_ask(tmp_path: Path) -> None:
    write_version(tmp_path / "models" / "m", 1, 3.0)
    (tmp_path / "models.config").write_text(model_list(["m"], str(tmp_path / "models")))
    texts = {
        "access_config_file": '[anonymous]\nroles = ["predict", "metrics"]\nmodels = ["*"]\n',
        "traffic_config_file": '[models.m]\nvariants = [{ name = "all", version = 1, weight = 1 }]\n',
        "batching_parameters_file": "max_batch_size { value: 8 }\n",
    }
    for flag, text in texts.items():
        (tmp_path / FILES[flag]).write_text(text)
    options = replace(OPTIONS, flags=("--enable_batching",), files=tuple(texts.items()))
    container, monitor = _container(options), _objects(options)["ServiceMonitor"]
    here = {
        "/etc/headrace": str(tmp_path),
        "0.0.0.0": "127.0.0.1",
        f"={options.rest_port}": "=auto",
        f"={options.grpc_port}": "=auto",
    }
    arguments = container["args"][1:]
    for there, place in here.items():
        arguments = [argument.replace(there, place) for argument in arguments]
    with running(*arguments) as server:
        server.ready()
        with httpx.Client(base_url=server.url) as client:
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                assert client.get(container[probe]["httpGet"]["path"]).status_code == 200
            assert client.post("/v1/models/m:predict", json=BODY).json() == {"predictions": [[3.0, 6.0]]}
            metrics = client.get(monitor["spec"]["endpoints"][0]["path"]).text
            assert "headrace_serving_requests_total" in metrics
            assert 'headrace_serving_traffic_share{model="m",variant="all"} 1' in metrics
        assert server.end() == 0


def test_with_tls_probes_and_prometheus_speak_it() -> None:
    options = replace(OPTIONS, tls_secret="cert")
    container, monitor = _container(options), _objects(options)["ServiceMonitor"]["spec"]["endpoints"][0]
    assert {container[probe]["httpGet"]["scheme"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")} == {"HTTPS"}
    assert monitor["scheme"] == "https"
    assert monitor["tlsConfig"]["serverName"] == "headrace.default.svc"
    mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert f"--rest_api_ssl_config_file={mounted['tls']}/ssl.config" in container["args"]
    assert f"--ssl_config_file={mounted['tls']}/ssl.config" in container["args"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "Head"}, "the name is 'Head'"),
        ({"name": "a" * 51}, "at most 50"),
        ({"namespace": "a.b"}, "the namespace"),
        ({"image": "a"}, "another one tomorrow"),
        ({"models_claim": "a/b"}, "the claim"),
        ({"models_path": "models"}, "expected an absolute path"),
        ({"models_path": "/etc/headrace"}, "files of its own"),
        ({"cpu": "0"}, "cpu is '0'"),
        ({"memory": "2 Gi"}, "memory is '2 Gi'"),
        ({"grpc_port": 80}, "expected 1024 to 65535"),
        ({"grpc_port": 8501}, "both have port 8501"),
        ({"replicas": 11}, "max_replicas is 10, below the 11"),
        ({"replicas": 0}, "replicas is 0"),
        ({"grace_seconds": 0}, "shutdown_grace_seconds is 0"),
        ({"tls_secret": "A"}, "the secret of TLS"),
        ({"metrics_token_secret": "A"}, "the secret of the token"),
        ({"files": (("traffic_config_file", "x" * (1 << 20)),)}, "a ConfigMap holds"),
        ({"monitor_labels": (("a b", "c"),)}, "a label of the ServiceMonitor"),
        ({"flags": ("--port=1",)}, "--port is decided"),
        ({"flags": ("x",)}, "is no flag"),
    ],
)
def test_options_that_are_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        replace(OPTIONS, **change)


def test_the_command_prints_or_writes_them(tmp_path: Path) -> None:
    done = CliRunner().invoke(k8s, [*GIVEN, "--", "--enable_batching"])
    assert done.exit_code == 0, done.output
    assert done.output == render(replace(OPTIONS, flags=("--enable_batching",)))
    access = tmp_path / "access.toml"
    access.write_text("[anonymous]\nroles = []\n")
    done = CliRunner().invoke(k8s, [*GIVEN, f"--access_config_file={access}", "--metrics_token_secret=t"])
    assert done.output == render(replace(OPTIONS, files=(("access_config_file", access.read_text()),), metrics_token_secret="t"))
    access.write_text("[anonymous")
    assert "cannot read" in CliRunner().invoke(k8s, [*GIVEN, f"--access_config_file={access}"]).output
    done = CliRunner().invoke(k8s, [*GIVEN, f"--out={tmp_path}", "--no_service_monitor", "--name=other"])
    assert done.exit_code == 0, done.output
    assert "ServiceMonitor" not in (tmp_path / "other.yml").read_text()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--", "--no_such_flag"], "No such option"),
        (["--", "--rest_api_timeout_in_ms=never"], "not a valid integer"),
        (["--", "--port=1"], "decided by the other options"),
        (["--monitor_label=release"], "has no value"),
        (["--model_config_file=nowhere"], "give one of them"),
        (["--name=A"], "expected a DNS label"),
    ],
)
def test_the_command_refuses(more: list[str], words: str) -> None:
    done = CliRunner().invoke(k8s, [*GIVEN, *more])
    assert done.exit_code != 0
    assert words in done.output


def test_a_list_of_models_that_was_written_by_hand(tmp_path: Path) -> None:
    file = tmp_path / "list"
    command = [*GIVEN[:3], f"--model_config_file={file}"]
    assert "cannot read" in CliRunner().invoke(k8s, command).output
    file.write_text("model_config_list {\n}\n")
    done = CliRunner().invoke(k8s, command)
    assert done.exit_code == 0, done.output
    assert "  models.config: |\n    model_config_list {\n    }\n" in done.output
