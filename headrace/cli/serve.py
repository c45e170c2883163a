"""`headrace serve`: the model server, with TensorFlow Serving's flag names."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import click

from headrace.core.errors import OpError
from headrace.serving import logs
from headrace.serving.lifecycle import LifecycleOptions
from headrace.serving.rest.app import RestOptions
from headrace.serving.server import ModelServer, ServerOptions, announce, default_threads

_MICROSECONDS = 1_000_000


def _port(_: click.Context, __: click.Parameter, value: str) -> int | None:
    """The port number; None for `auto`, any free one."""
    if value == "auto":
        return None
    if not value.isdecimal() or int(value) > 65535:
        raise click.BadParameter(f"{value!r} is no port; expected 0 (off), 1 to 65535, or auto")
    return int(value)


def _sizes(_: click.Context, __: click.Parameter, value: str) -> tuple[int, ...]:
    """The numbers of a list parted by commas."""
    parts = value.split(",")
    if not all(part.isdecimal() and int(part) for part in parts):
        raise click.BadParameter(f"{value!r} is no list of batch sizes; expected such as 1,8,32")
    return tuple(int(part) for part in parts)


@click.command()
@click.option("--model_base_path", type=click.Path(path_type=Path), required=True, help="Holds one numbered directory a version.")
@click.option("--model_name", default="default", show_default=True, help="What requests call the model.")
@click.option("--rest_api_port", callback=_port, default="0", help="Port of the REST API; 0 is off, auto takes a free one.")
@click.option("--rest_api_host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--rest_api_timeout_in_ms", type=click.IntRange(1), default=30_000, show_default=True, help="For one request.")
@click.option("--rest_api_num_threads", type=click.IntRange(1), default=default_threads, help="Requests that run at once.")
@click.option("--rest_api_max_waiting", type=click.IntRange(1), default=1024, show_default=True, help="Requests that may wait.")
@click.option("--rest_api_max_body_bytes", type=click.IntRange(1), default=128 << 20, show_default=True, help="Of one request.")
@click.option("--file_system_poll_wait_seconds", type=float, default=1.0, show_default=True, help="0 looks for versions once.")
@click.option("--max_num_load_retries", type=click.IntRange(0), default=5, show_default=True, help="After a failed load.")
@click.option("--load_retry_interval_micros", type=click.IntRange(0), default=60 * _MICROSECONDS, show_default=True)
@click.option("--enable_model_warmup", type=bool, is_flag=False, flag_value=True, default=True, show_default=True)
@click.option("--warmup_batch_sizes", callback=_sizes, default="1", show_default=True, help="Batches to run before serving.")
@click.option("--prometheus_path", default="/monitoring/prometheus/metrics", show_default=True, help="Where metrics are read.")
@click.option("--shutdown_grace_seconds", type=click.FloatRange(0), default=25.0, show_default=True, help="For work in progress.")
@click.option("--public_key", type=click.Path(path_type=Path), help="PEM file; only versions signed with its key are served.")
@click.option("--expected_digest", help="Only a version with this digest, which `headrace inspect` prints, is served.")
@click.option("--log_level", type=click.Choice(["DEBUG", "INFO", "WARNING", "ERROR"]), default="INFO", show_default=True)
def serve(**flags: Any) -> None:
    """Serve the newest version of a SavedModel; newer ones are swapped in as they appear.

    The port opens when the first version is ready or has failed to load. SIGTERM ends the server after the requests in
    progress.
    """
    logs.configure(flags["log_level"])
    if flags["rest_api_port"] == 0:
        raise click.UsageError("nothing to serve on: give --rest_api_port=8501, or auto for a free port")
    server = ModelServer(_options(flags), on_ready=functools.partial(announce, model=flags["model_name"]))
    try:
        server.run()
    except OpError as error:
        raise click.ClickException(error.message) from error


def _options(flags: dict[str, Any]) -> ServerOptions:
    return ServerOptions(
        base_path=flags["model_base_path"],
        model_name=flags["model_name"],
        rest_host=flags["rest_api_host"],
        rest_port=flags["rest_api_port"] or 0,
        rest_threads=flags["rest_api_num_threads"],
        rest_max_waiting=flags["rest_api_max_waiting"],
        grace_seconds=flags["shutdown_grace_seconds"],
        public_key=flags["public_key"],
        expected_digest=flags["expected_digest"],
        lifecycle=LifecycleOptions(
            poll_seconds=flags["file_system_poll_wait_seconds"],
            max_load_retries=flags["max_num_load_retries"],
            retry_seconds=flags["load_retry_interval_micros"] / _MICROSECONDS,
            warm_up=flags["enable_model_warmup"],
            warm_up_batches=flags["warmup_batch_sizes"],
        ),
        rest=RestOptions(
            timeout_seconds=flags["rest_api_timeout_in_ms"] / 1000,
            max_body_bytes=flags["rest_api_max_body_bytes"],
            metrics_path=flags["prometheus_path"],
        ),
    )
