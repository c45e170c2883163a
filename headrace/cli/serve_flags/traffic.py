"""Flags of traffic rules."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from headrace.serving.routing.options import TrafficOptions

_FLAGS = (
    click.option("--traffic_config_file", type=click.Path(path_type=Path), help="A TOML file of traffic rules."),
    click.option(
        "--traffic_config_file_poll_wait_seconds", type=click.FloatRange(0), default=0.0, show_default=True, help="0 reads it once."
    ),
    click.option(
        "--traffic_remembered_requests",
        type=click.IntRange(1, 10_000_000),
        default=TrafficOptions().remembered,
        show_default=True,
        help="Answers, and users, that feedback can be joined to.",
    ),
)


def traffic_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the flags."""
    for flag in reversed(_FLAGS):
        command = flag(command)
    return command


def traffic_options(flags: dict[str, Any]) -> TrafficOptions:
    """Where the flags say that rules come from."""
    file, seconds = flags["traffic_config_file"], flags["traffic_config_file_poll_wait_seconds"]
    if seconds and file is None:
        raise click.UsageError("--traffic_config_file_poll_wait_seconds needs the file to poll: give --traffic_config_file")
    return TrafficOptions(file, seconds, flags["traffic_remembered_requests"])
