"""`headrace serve`: the model server, with TensorFlow Serving's flag names."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from headrace.cli.serve_flags.admin import admin_flags, admin_options, audit_options
from headrace.cli.serve_flags.engines import engine_exceptions, engine_flags, engine_options
from headrace.cli.serve_flags.ports import or_none, port
from headrace.cli.serve_flags.processes import process_flags, run_server
from headrace.cli.serve_flags.request_log import request_log_flags, request_log_options
from headrace.cli.serve_flags.traces import trace_flags, tracer
from headrace.cli.serve_flags.traffic import traffic_flags, traffic_options
from headrace.core import log_lines
from headrace.core.errors import OpError
from headrace.serving.batching.options import AdaptiveBatching, BatchingOptions
from headrace.serving.batching.parameters import from_proto, read_parameters
from headrace.serving.cache import CacheOptions
from headrace.serving.configuration.monitoring import DEFAULT_PATH, metrics_path
from headrace.serving.configuration.platforms import PlatformOptions, read_platforms
from headrace.serving.engines.base import DEFAULT_SIGNATURE
from headrace.serving.garbage import bound_arenas
from headrace.serving.grpc.front_ends import AUTO, GRPCIO, NATIVE, with_front_end
from headrace.serving.grpc.options import GrpcOptions, parse_channel_arguments
from headrace.serving.lifecycle import LifecycleOptions
from headrace.serving.rest.app import RestOptions
from headrace.serving.rest.connections import ConnectionLimits
from headrace.serving.rest.cors import checked_origins
from headrace.serving.server import ModelServer, ServerOptions, announce
from headrace.serving.tls import Tls, read_tls
from headrace.serving.workers import default_threads

logger = logging.getLogger(__name__)

_MICROSECONDS = 1_000_000
_BOOLEAN: dict[str, Any] = {"type": bool, "is_flag": False, "flag_value": True, "default": False, "show_default": True}
"""A flag that is given as --flag, --flag=true or --flag=false."""

_WITHOUT_EFFECT = (
    "enable_profiler",
    "enforce_session_run_timeout",
    "flush_filesystem_caches",
    "num_tflite_interpreters_per_pool",
    "num_tflite_pools",
    "num_unload_threads",
    "per_process_gpu_memory_fraction",
    "remove_unused_fields_from_bundle_metagraph",
    "skip_initialize_tpu",
    "tensorflow_inter_op_parallelism",
    "tensorflow_intra_op_parallelism",
    "tensorflow_session_config_file",
    "tensorflow_session_parallelism",
    "xla_cpu_compilation_enabled",
)
"""TensorFlow Serving's flags for parts of its runtime that have no counterpart here: taken, so that its command lines work."""


def _without_effect(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the flags that are taken and not used."""
    for name in _WITHOUT_EFFECT:
        command = click.option(f"--{name}", is_flag=False, flag_value="true", hidden=True)(command)
    return command


def _folder(_: click.Context, __: click.Parameter, value: str | None) -> Path | None:
    """The path of a folder; an empty one would be the folder that the server was started in."""
    if value == "":
        raise click.BadParameter("'' is no path; expected the folder of the numbered versions")
    return None if value is None else Path(value)


def _sizes(_: click.Context, __: click.Parameter, value: str) -> tuple[int, ...]:
    """The numbers of a list parted by commas."""
    parts = value.split(",")
    if not all(part.isdecimal() and int(part) for part in parts):
        raise click.BadParameter(f"{value!r} is no list of batch sizes; expected such as 1,8,32")
    return tuple(int(part) for part in parts)


def _tags(_: click.Context, __: click.Parameter, value: str) -> tuple[str, ...]:
    """The tags of a list parted by commas."""
    return tuple(tag for tag in value.split(",") if tag)


def _signatures(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> frozenset[tuple[str, str]]:
    """Pairs of model and signature; without a slash the default signature is meant."""
    pairs = [value.partition("/") for value in values]
    if not all(model for model, _, _ in pairs):
        raise click.BadParameter(f"{', '.join(values)!r} names no model; expected such as fashion or fashion/serving_default")
    return frozenset((model, signature or DEFAULT_SIGNATURE) for model, _, signature in pairs)


def _underscores(name: str) -> str:
    """--rest-api-port is --rest_api_port."""
    return name.replace("-", "_")


@click.command(context_settings={"token_normalize_func": _underscores})
@click.version_option(package_name="headrace", message="Headrace model server: %(version)s")
@click.option("--model_base_path", callback=_folder, help="Holds one numbered directory a version.")
@click.option("--model_name", default="default", show_default=True, help="What requests call the model.")
@click.option("--model_config_file", type=click.Path(path_type=Path), help="A ModelServerConfig text; lists several models.")
@click.option(
    "--model_config_file_poll_wait_seconds", type=click.FloatRange(0), default=0.0, show_default=True, help="0 reads it once."
)
@click.option("--allow_version_labels_for_unavailable_models", **_BOOLEAN, help="For labels that are not in use yet.")
@click.option(
    "--saved_model_tags", callback=_tags, default="serve", show_default=True, help="Of the graph to serve, parted by commas."
)
@click.option("--port", callback=port, default="8500", show_default=True, help="Port of gRPC; 0 is off, auto takes a free one.")
@click.option("--grpc_host", default="127.0.0.1", show_default=True, help="Address to listen on for gRPC.")
@click.option("--grpc_socket_path", type=click.Path(path_type=Path), help="Unix socket to listen on for gRPC too.")
@click.option("--grpc_max_threads", type=click.IntRange(1), default=default_threads, help="gRPC requests that run at once.")
@click.option("--grpc_max_waiting", type=click.IntRange(1), default=1024, show_default=True, help="gRPC requests that may wait.")
@click.option("--grpc_max_streams", type=click.IntRange(1), default=64, show_default=True, help="V2 streams that may be open.")
@click.option("--grpc_max_message_bytes", type=click.IntRange(1), default=128 << 20, show_default=True, help="Of one request.")
@click.option("--grpc_receive_timeout_in_ms", type=click.IntRange(1), default=30_000, show_default=True, help="Of one request.")
@click.option("--grpc_channel_arguments", default="", help="Settings of gRPC's core: name=value,name=value.")
@click.option("--enable_grpc_healthcheck_service", **{**_BOOLEAN, "default": True}, help="grpc.health.v1.Health.")
@click.option("--grpc_allow_reload", **{**_BOOLEAN, "default": True}, help="Clients may replace the list of models.")
@click.option("--grpc_front_end", type=click.Choice([AUTO, GRPCIO, NATIVE]), default=AUTO, show_default=True)
@click.option("--enable_serialization_as_tensor_content", **_BOOLEAN, help="Faster answers over gRPC.")
@click.option("--ssl_config_file", type=click.Path(path_type=Path), help="An SSLConfig text: gRPC over TLS.")
@click.option("--rest_api_port", callback=port, default="0", help="Port of the REST API; 0 is off, auto takes a free one.")
@click.option("--rest_api_host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--rest_api_ssl_config_file", type=click.Path(path_type=Path), help="An SSLConfig text: REST over TLS.")
@click.option("--rest_api_timeout_in_ms", type=click.IntRange(1), default=30_000, show_default=True, help="For one request.")
@click.option("--rest_api_num_threads", type=click.IntRange(1), default=default_threads, help="Requests that run at once.")
@click.option("--rest_api_max_waiting", type=click.IntRange(1), default=1024, show_default=True, help="Requests that may wait.")
@click.option("--rest_api_max_body_bytes", type=click.IntRange(1), default=128 << 20, show_default=True, help="Of one request.")
@click.option("--rest_api_max_connections", type=click.IntRange(1), default=16384, show_default=True, help="Open at once.")
@click.option(
    "--rest_api_receive_timeout_in_ms", type=click.IntRange(1), default=30_000, show_default=True, help="Of a request's headers."
)
@click.option("--rest_api_enable_cors_support", **_BOOLEAN, help="Scripts on pages of any site may read the answers.")
@click.option("--rest_api_cors_origin", multiple=True, help="Scripts on pages of this site may, such as https://shop.example.")
@click.option("--file_system_poll_wait_seconds", type=click.FloatRange(0), default=1.0, show_default=True, help="0 looks once.")
@click.option("--num_load_threads", type=click.IntRange(0), default=0, show_default=True, help="Loads at once; 0 is one.")
@click.option("--max_num_load_retries", type=click.IntRange(0), default=5, show_default=True, help="After a failed load.")
@click.option("--load_retry_interval_micros", type=int, default=60 * _MICROSECONDS, show_default=True, help="Below 0 is 0.")
@click.option("--load_timeout_seconds", type=click.FloatRange(0), default=1800.0, show_default=True, help="Of a load; 0 is none.")
@click.option("--load_in_helper_process", **{**_BOOLEAN, "default": True}, help="New versions, while others serve.")
@click.option("--enable_model_warmup", **{**_BOOLEAN, "default": True})
@click.option("--enable_signature_method_name_check", **_BOOLEAN, help="Classify and Regress need signatures saved as such.")
@click.option("--num_request_iterations_for_warmup", type=click.IntRange(1), default=1, show_default=True)
@click.option("--warmup_batch_sizes", callback=_sizes, default="1", show_default=True, help="Batches to run before serving.")
@click.option("--enable_batching", **_BOOLEAN, help="Run requests that wait at the same time as one batch.")
@click.option("--batching_parameters_file", type=click.Path(path_type=Path), help="BatchingParameters text; else adaptive.")
@click.option("--enable_per_model_batching_parameters", **_BOOLEAN, help="Read batching_params.pbtxt of each version.")
@click.option("--batching_latency_target_ms", type=click.FloatRange(0), default=50.0, show_default=True, help="If adaptive.")
@click.option("--batching_max_batch_size", type=click.IntRange(1), default=64, show_default=True, help="If adaptive.")
@click.option("--response_cache_bytes", type=click.IntRange(1), default=64 << 20, show_default=True, help="Of answers kept.")
@click.option("--response_cacheable", multiple=True, callback=_signatures, help="MODEL[/SIGNATURE] whose answers are kept.")
@click.option("--platform_config_file", type=click.Path(path_type=Path), help="A PlatformConfigMap text; wins over flags.")
@click.option("--monitoring_config_file", type=click.Path(path_type=Path), help="A MonitoringConfig text.")
@click.option("--prometheus_path", default=DEFAULT_PATH, show_default=True, help="Where metrics are read.")
@click.option("--drain_seconds", type=click.FloatRange(0), default=0.0, show_default=True, help="Unready before the end.")
@click.option("--shutdown_grace_seconds", type=click.FloatRange(0), default=25.0, show_default=True, help="For work in progress.")
@click.option("--public_key", type=click.Path(path_type=Path), help="PEM file; only versions signed with its key are served.")
@click.option("--expected_digest", help="Only a version with this digest, which `headrace inspect` prints, is served.")
@click.option("--log_level", type=click.Choice(["DEBUG", "INFO", "WARNING", "ERROR"]), default="INFO", show_default=True)
@process_flags
@admin_flags
@request_log_flags
@trace_flags
@traffic_flags
@engine_flags
@_without_effect
@click.pass_context
def serve(context: click.Context, /, **flags: Any) -> None:
    """Serve SavedModels; new versions are swapped in as they appear.

    The port opens when the first version of every model is ready or has failed to load. SIGTERM ends the server after the
    requests in progress.
    """
    log_lines.configure(flags["log_level"])
    bound_arenas()
    given = {name for name in flags if context.get_parameter_source(name) is not ParameterSource.DEFAULT}
    _check(flags, given)
    try:
        model = None if flags["model_config_file"] else flags["model_name"]
        run_server(_options(flags), flags["num_processes"], lambda url, grpc: announce(url, model, grpc))
    except OpError as error:
        raise click.ClickException(error.message) from error


def _check(flags: dict[str, Any], given: set[str]) -> None:
    """Refuses flags that contradict one another, and says in the log which ones are not used."""
    if not (flags["model_base_path"] or flags["model_config_file"]):
        raise click.UsageError("no model to serve: give --model_base_path, or --model_config_file for several models")
    if not (flags["rest_api_port"] != 0 or flags["port"] != 0 or flags["grpc_socket_path"]):
        raise click.UsageError("nothing to serve on: give --port=8500 or --rest_api_port=8501, or auto for a free port")
    ports: dict[int, str] = {}
    for name in ("port", "rest_api_port", "admin_port"):
        if flags[name] and ports.setdefault(flags[name], name) != name:
            raise click.UsageError(f"--{ports[flags[name]]} and --{name} are both {flags[name]}; each needs a port of its own")
    if flags["model_config_file_poll_wait_seconds"] and not flags["model_config_file"]:
        raise click.UsageError("--model_config_file_poll_wait_seconds needs the file to poll: give --model_config_file")
    if flags["expected_digest"] and flags["model_config_file"]:
        raise click.UsageError("--expected_digest is that of one version of one model; give --model_base_path, or sign the models")
    if flags["monitoring_config_file"] and "prometheus_path" in given:
        raise click.UsageError("both --monitoring_config_file and --prometheus_path name the metrics page; give one of them")
    if not flags["enable_batching"]:
        for name in ("batching_parameters_file", "enable_per_model_batching_parameters"):
            if flags[name]:
                raise click.UsageError(f"--{name} is set without --enable_batching; set both or neither")
    unused = [*_WITHOUT_EFFECT, *(("model_base_path", "model_name") if flags["model_config_file"] else ())]
    for name in sorted(given.intersection(unused)):
        because = "--model_config_file is given" if name.startswith("model_") else "it has no counterpart here"
        logger.warning("--%s is not used: %s", name, because)


def _options(flags: dict[str, Any]) -> ServerOptions:
    monitoring, platform_file = flags["monitoring_config_file"], flags["platform_config_file"]
    platform = read_platforms(platform_file) if platform_file else PlatformOptions()
    return ServerOptions(
        base_path=flags["model_base_path"],
        model_name=flags["model_name"],
        config_file=flags["model_config_file"],
        config_poll_seconds=flags["model_config_file_poll_wait_seconds"],
        allow_unavailable_labels=flags["allow_version_labels_for_unavailable_models"],
        load_threads=flags["num_load_threads"],
        saved_model_tags=platform.saved_model_tags or flags["saved_model_tags"],
        rest_host=flags["rest_api_host"],
        rest_port=or_none(flags["rest_api_port"]),
        rest_tls=_tls(flags["rest_api_ssl_config_file"]),
        rest_threads=flags["rest_api_num_threads"],
        rest_max_waiting=flags["rest_api_max_waiting"],
        rest_connections=ConnectionLimits(flags["rest_api_max_connections"], flags["rest_api_receive_timeout_in_ms"] / 1000),
        drain_seconds=flags["drain_seconds"],
        grace_seconds=flags["shutdown_grace_seconds"],
        public_key=flags["public_key"],
        expected_digest=flags["expected_digest"],
        lifecycle=LifecycleOptions(
            poll_seconds=flags["file_system_poll_wait_seconds"],
            max_load_retries=flags["max_num_load_retries"],
            retry_seconds=max(flags["load_retry_interval_micros"], 0) / _MICROSECONDS,
            warm_up=platform.warm_up or flags["enable_model_warmup"],
            warm_up_iterations=platform.warm_up_iterations or flags["num_request_iterations_for_warmup"],
            check_methods=flags["enable_signature_method_name_check"],
            load_seconds=flags["load_timeout_seconds"] or math.inf,
            warm_up_batches=flags["warmup_batch_sizes"],
        ),
        rest=RestOptions(
            timeout_seconds=flags["rest_api_timeout_in_ms"] / 1000,
            max_body_bytes=flags["rest_api_max_body_bytes"],
            metrics_path=metrics_path(monitoring) if monitoring else flags["prometheus_path"],
            cross_origin=flags["rest_api_enable_cors_support"],
            origins=checked_origins(flags["rest_api_cors_origin"]),
        ),
        batching=_batching(flags, platform),
        cache=CacheOptions(flags["response_cache_bytes"], cacheable) if (cacheable := flags["response_cacheable"]) else None,
        grpc=_grpc(flags),
        access_file=flags["access_config_file"],
        admin=admin_options(flags),
        audit=audit_options(flags),
        request_log=request_log_options(flags),
        tracer=tracer(flags),
        request_log_rate=flags["request_log_sampling_rate"],
        traffic=traffic_options(flags),
        engines=engine_options(flags),
        engine_exceptions=engine_exceptions(flags),
        helper_processes=flags["load_in_helper_process"],
    )


def _tls(file: Path | None) -> Tls | None:
    return None if file is None else read_tls(file)


def _grpc(flags: dict[str, Any]) -> GrpcOptions | None:
    if flags["port"] == 0 and not flags["grpc_socket_path"]:
        return None
    options = GrpcOptions(
        host=flags["grpc_host"],
        port=or_none(flags["port"]),
        socket_path=flags["grpc_socket_path"],
        threads=flags["grpc_max_threads"],
        max_waiting=flags["grpc_max_waiting"],
        max_streams=flags["grpc_max_streams"],
        max_message_bytes=flags["grpc_max_message_bytes"],
        receive_seconds=flags["grpc_receive_timeout_in_ms"] / 1000,
        channel_arguments=parse_channel_arguments(flags["grpc_channel_arguments"]),
        tls=_tls(flags["ssl_config_file"]),
        health=flags["enable_grpc_healthcheck_service"],
        allow_reload=flags["grpc_allow_reload"],
        tensor_content=flags["enable_serialization_as_tensor_content"],
    )
    return with_front_end(options, flags["grpc_front_end"], guarded=flags["access_config_file"] is not None)


def _batching(flags: dict[str, Any], platform: PlatformOptions) -> BatchingOptions | None:
    file, per_model = flags["batching_parameters_file"], flags["enable_per_model_batching_parameters"]
    if platform.batching is not None:
        return BatchingOptions(from_proto(platform.batching, str(flags["platform_config_file"])), per_model)
    if not flags["enable_batching"]:
        return None
    if file is not None:
        return BatchingOptions(read_parameters(file), per_model)
    adaptive = AdaptiveBatching(flags["batching_latency_target_ms"] / 1000, flags["batching_max_batch_size"])
    return BatchingOptions(adaptive, per_model)
