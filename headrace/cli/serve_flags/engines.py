"""Flags that say which engines may run models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from headrace.core.errors import InvalidArgumentError
from headrace.serving.engines.options import ENGINES, PRECISIONS, EngineOptions, read_exceptions


def _precisions(_: click.Context, __: click.Parameter, value: str) -> tuple[str, ...]:
    """The precisions of a list parted by commas."""
    try:
        return EngineOptions(precisions=tuple(part for part in value.split(",") if part)).precisions
    except InvalidArgumentError as error:
        raise click.BadParameter(error.message) from error


_FLAGS = (
    click.option("--engine", type=click.Choice(ENGINES), default="auto", show_default=True, help="What runs models."),
    click.option(
        "--engine_precision",
        callback=_precisions,
        default="f32",
        show_default=True,
        help=f"What OpenVINO may compute in: some of {','.join(PRECISIONS)}.",
    ),
    click.option("--engine_streams", type=click.IntRange(1), default=1, show_default=True, help="Runs at once, sharing the cores."),
    click.option(
        "--engine_choice_seconds",
        type=click.FloatRange(0),
        default=2.0,
        show_default=True,
        help="To measure a signature's engines.",
    ),
    click.option("--engine_config_file", type=click.Path(path_type=Path), help="TOML: engines of models that have their own."),
)


def engine_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the flags."""
    for flag in reversed(_FLAGS):
        command = flag(command)
    return command


def engine_options(flags: dict[str, Any]) -> EngineOptions:
    """What the flags say of every model."""
    return EngineOptions(flags["engine"], flags["engine_precision"], flags["engine_streams"], flags["engine_choice_seconds"])


def engine_exceptions(flags: dict[str, Any]) -> Mapping[str, EngineOptions]:
    """What the file says of some models, by name."""
    file = flags["engine_config_file"]
    return {} if file is None else read_exceptions(file, engine_options(flags))
