"""What the commands that write files of a deployment share: the list of models, and flags for the server."""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from headrace.deploy.models import MAX_BYTES, checked_list, model_list

Command = Callable[..., Any]


def model_options(command: Command) -> Command:
    """Adds what lists the models, and the arguments behind `--`."""
    for add in (
        click.argument("flags", nargs=-1, type=click.UNPROCESSED, metavar="[-- FLAGS OF headrace serve]"),
        click.option(
            "--model_config_file", type=click.Path(path_type=Path, dir_okay=False), help="A ModelServerConfig, in place of --model."
        ),
        click.option(
            "--model", "models", multiple=True, metavar="NAME[=FOLDER]", help="A model to serve, from a folder of --models_path."
        ),
    ):
        command = add(command)
    return command


def listed(models: Sequence[str], file: Path | None, root: str) -> str:
    """The text of the list of models.

    Args:
        models: given by name.
        file: holds the text, in their place.
        root: what holds the models' folders.

    Raises:
        OpError: a model or the text is refused.
        UsageError: both are given, or the file cannot be read.
    """
    if file is None:
        return model_list(models, root)
    if models:
        raise click.UsageError("both --model and --model_config_file list the models; give one of them")
    return checked_list(read(file))


def read(file: Path) -> str:
    """The text of a file; of one that is too long for a ConfigMap, so much as is refused for that.

    Raises:
        UsageError: it cannot be read, or is TOML with a mistake.
    """
    try:
        with file.open(encoding="utf-8-sig") as lines:
            text = lines.read(MAX_BYTES + 1)
        if file.suffix == ".toml":
            tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise click.UsageError(f"cannot read {file}: {error}") from error
    return text


def check_flags(flags: Sequence[str], command: str = "serve", extra: str = "serving") -> dict[str, Any]:
    """Has the command that is deployed read its flags, where it is installed; what it made of them.

    Args:
        flags: as given behind `--`.
        command: `serve`, or `mirror serve`.
        extra: that it needs.

    Raises:
        UsageError: a flag is unknown or its value is refused.
    """
    try:
        serve: click.Command = importlib.import_module(f"headrace.cli.{command.replace(' ', '.')}").serve
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("headrace"):
            raise
        click.echo(f"the flags behind -- are not checked: that needs {error.name} (pip install 'headrace[{extra}]')", err=True)
        return {}
    with serve.make_context(f"headrace {command}", list(flags)) as context:
        return dict(context.params)
