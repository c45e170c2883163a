"""Flags of request logs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from headrace.serving.request_log.options import Inputs, RequestLogOptions

_FLAGS = (
    click.option("--request_log_directory", type=click.Path(path_type=Path), help="Holds the logs that logging_config asks for."),
    click.option("--request_log_sampling_rate", type=click.FloatRange(0, 1), default=0.0, help="Of the one model."),
    click.option(
        "--request_log_inputs",
        type=click.Choice([each.value for each in Inputs]),
        default=Inputs.FULL.value,
        show_default=True,
        help="What the logs hold of inputs.",
    ),
    click.option("--request_log_file_records", type=click.IntRange(1), default=1000, show_default=True, help="Of one file."),
    click.option("--request_log_file_bytes", type=click.IntRange(1024), default=64 << 20, show_default=True, help="Of one file."),
    click.option("--request_log_file_seconds", type=click.FloatRange(1), default=300.0, show_default=True, help="Of one file."),
    click.option("--request_log_total_bytes", type=click.IntRange(1024), default=1 << 30, show_default=True, help="Of all files."),
)


def request_log_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the flags."""
    for flag in reversed(_FLAGS):
        command = flag(command)
    return command


def request_log_options(flags: dict[str, Any]) -> RequestLogOptions | None:
    """The request logs that the flags ask for; None for none.

    Raises:
        UsageError: a rate has no directory, or is not that of one model.
        InvalidArgumentError: one file may be larger than all of them.
    """
    directory = flags["request_log_directory"]
    if flags["request_log_sampling_rate"]:
        if directory is None:
            raise click.UsageError("--request_log_sampling_rate needs a place for the logs: give --request_log_directory")
        if flags["model_config_file"]:
            raise click.UsageError("--request_log_sampling_rate is of one model; in a file of models use logging_config")
    if directory is None:
        return None
    return RequestLogOptions(
        directory=directory,
        inputs=Inputs(flags["request_log_inputs"]),
        file_records=flags["request_log_file_records"],
        file_bytes=flags["request_log_file_bytes"],
        file_seconds=flags["request_log_file_seconds"],
        total_bytes=flags["request_log_total_bytes"],
    )
