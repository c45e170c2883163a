"""Each flag, TensorFlow Serving's and ours, reaches the option that it is for, and the page tells its default."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from operator import attrgetter
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from headrace.cli import serve as command
from headrace.serving.server import ServerOptions
from tests.serving.certificates import Authority

PAGE = (Path(__file__).parents[2] / "docs" / "serving.md").read_text()
BASE = ["--model_base_path=/models/m", "--rest_api_port=auto", "--port=auto"]
TEXTS = {
    "batching": "max_batch_size { value: 7 }",
    "monitoring": 'prometheus_config { enable: true path: "/here" }',
    "platforms": "",
}


@pytest.fixture
def options(monkeypatch: pytest.MonkeyPatch) -> Callable[..., ServerOptions]:
    """What a command line makes of flags."""
    found: list[ServerOptions] = []
    monkeypatch.setattr(command, "run_server", lambda options, *_: found.append(options))

    def read(*flags: str) -> ServerOptions:
        result = CliRunner().invoke(command.serve, [*BASE, *flags])
        assert result.exit_code == 0, result.output
        return found[-1]

    return read


FLAGS: list[tuple[str, str, Any]] = [
    ("--port=8600", "grpc.port", 8600),
    ("--port=auto", "grpc.port", 0),
    ("--port=0", "grpc", None),
    ("--rest_api_port=8601", "rest_port", 8601),
    ("--rest_api_port=0", "rest_port", None),
    ("--grpc_socket_path=/run/s", "grpc.socket_path", Path("/run/s")),
    ("--rest_api_timeout_in_ms=1500", "rest.timeout_seconds", 1.5),
    ("--rest_api_num_threads=3", "rest_threads", 3),
    ("--rest_api_enable_cors_support", "rest.cross_origin", True),
    ("--grpc_max_threads=3", "grpc.threads", 3),
    ("--grpc_channel_arguments=grpc.a=1,b=c", "grpc.channel_arguments", (("grpc.a", 1), ("b", "c"))),
    ("--enable_grpc_healthcheck_service=false", "grpc.health", False),
    ("--model_name=n", "model_name", "n"),
    ("--model_base_path=/other", "base_path", Path("/other")),
    ("--model_config_file=/c", "config_file", Path("/c")),
    ("--model_config_file=/c --model_config_file_poll_wait_seconds=2", "config_poll_seconds", 2.0),
    ("--file_system_poll_wait_seconds=3", "lifecycle.poll_seconds", 3.0),
    ("--num_load_threads=4", "load_threads", 4),
    ("--max_num_load_retries=2", "lifecycle.max_load_retries", 2),
    ("--load_retry_interval_micros=1500000", "lifecycle.retry_seconds", 1.5),
    ("--load_retry_interval_micros=-1", "lifecycle.retry_seconds", 0.0),
    ("--saved_model_tags=serve,gpu", "saved_model_tags", ("serve", "gpu")),
    ("--allow_version_labels_for_unavailable_models", "allow_unavailable_labels", True),
    ("--allow_version_labels_for_unavailable_models=true", "allow_unavailable_labels", True),
    ("--enable_batching --batching_max_batch_size=9", "batching.scheme.max_batch_size", 9),
    ("--enable_batching --batching_latency_target_ms=20", "batching.scheme.latency_target_seconds", 0.02),
    ("--enable_batching --batching_parameters_file={batching}", "batching.scheme.max_batch_size", 7),
    ("--enable_batching --enable_per_model_batching_parameters", "batching.per_model_parameters", True),
    ("--enable_batching=false", "batching", None),
    ("--enable_model_warmup=false", "lifecycle.warm_up", False),
    ("--num_request_iterations_for_warmup=5", "lifecycle.warm_up_iterations", 5),
    ("--warmup_batch_sizes=1,8", "lifecycle.warm_up_batches", (1, 8)),
    ("--enable_signature_method_name_check", "lifecycle.check_methods", True),
    ("--load_timeout_seconds=9", "lifecycle.load_seconds", 9.0),
    ("--load_timeout_seconds=0", "lifecycle.load_seconds", math.inf),
    ("--ssl_config_file={ssl} --grpc_front_end=grpcio", "grpc.tls.verify_clients", False),
    ("--rest_api_ssl_config_file={ssl}", "rest_tls.verify_clients", False),
    ("--monitoring_config_file={monitoring}", "rest.metrics_path", "/here"),
    ("--prometheus_path=/there", "rest.metrics_path", "/there"),
    ("--enable_serialization_as_tensor_content", "grpc.tensor_content", True),
    ("--grpc_host=::1", "grpc.host", "::1"),
    ("--grpc_max_waiting=5", "grpc.max_waiting", 5),
    ("--grpc_max_streams=6", "grpc.max_streams", 6),
    ("--grpc_max_message_bytes=7", "grpc.max_message_bytes", 7),
    ("--grpc_receive_timeout_in_ms=2500", "grpc.receive_seconds", 2.5),
    ("--grpc_allow_reload=false", "grpc.allow_reload", False),
    ("--rest_api_host=::1", "rest_host", "::1"),
    ("--rest_api_max_waiting=5", "rest_max_waiting", 5),
    ("--rest_api_max_connections=6", "rest_connections.most", 6),
    ("--rest_api_receive_timeout_in_ms=2500", "rest_connections.receive_seconds", 2.5),
    ("--rest_api_max_body_bytes=7", "rest.max_body_bytes", 7),
    ("--rest_api_cors_origin=https://a.example", "rest.origins", ("https://a.example",)),
    ("--response_cacheable=m/s --response_cache_bytes=8", "cache.max_bytes", 8),
    ("--response_cacheable=m", "cache.cacheable", frozenset({("m", "serving_default")})),
    ("--drain_seconds=3", "drain_seconds", 3.0),
    ("--shutdown_grace_seconds=4", "grace_seconds", 4.0),
    ("--public_key=/k", "public_key", Path("/k")),
    ("--expected_digest=sha256:1", "expected_digest", "sha256:1"),
]


@pytest.mark.parametrize(("flags", "option", "value"), FLAGS, ids=[flags for flags, _, _ in FLAGS])
def test_a_flag_reaches_its_option_and_no_other(
    options: Callable[..., ServerOptions], tmp_path: Path, flags: str, option: str, value: Any
) -> None:
    files = {name: tmp_path / name for name in (*TEXTS, "ssl")}
    for name, text in TEXTS.items():
        files[name].write_text(text)
    pair = Authority().issue("server")
    key, certificate = (text.decode().replace("\n", "\\n") for text in (pair.key, pair.certificate))
    files["ssl"].write_text(f'server_key: "{key}" server_cert: "{certificate}"')
    found = options(*flags.format(**files).split())
    assert attrgetter(option)(found) == value


def test_dashes_are_underscores_and_values_may_stand_apart(options: Callable[..., ServerOptions]) -> None:
    assert options("--drain-seconds", "3", "--model-name", "n").drain_seconds == 3.0


def test_the_page_tells_every_default() -> None:
    """Of the table of flags; where it says more than a value, that is for the reader."""
    rows = dict(re.findall(r"^\| `--(\w+)` \| (.*?) \|", PAGE, re.MULTILINE))
    parameters = {each.opts[0].lstrip("-"): each for each in command.serve.params if isinstance(each, click.Option)}
    assert len(rows) > 50
    assert rows.keys() <= parameters.keys() | {"version"}
    for name, told in rows.items():
        default = parameters[name].default if name != "version" else None
        if re.fullmatch(r"`?[\w./]*`?", told) and not callable(default) and default != ():
            shown = str(default).lower() if isinstance(default, bool) else "" if default is None else default
            shown = f"{shown:g}" if isinstance(shown, float) else str(shown)
            assert told.strip("`") in (shown, str(default)), f"--{name} is {default!r}, and the page says {told!r}"
