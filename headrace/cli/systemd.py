"""`headrace systemd`: units of systemd."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from headrace.cli.deployment import check_flags, listed, model_options
from headrace.cli.rendering import deliver
from headrace.core.errors import OpError
from headrace.deploy.mirror.systemd import STATE, MirrorUnit
from headrace.deploy.mirror.systemd import render as render_mirror
from headrace.deploy.systemd import SystemdOptions, render


@click.group()
def systemd() -> None:
    """Units of systemd."""


@systemd.command("serve")
@model_options
@click.option("--models_path", default="/srv/models", show_default=True, help="Holds the models; the server only reads there.")
@click.option("--config_path", default="/etc/headrace", show_default=True, help="Where the list of models is to be put.")
@click.option("--executable", default=str(Path(sys.prefix) / "bin" / "headrace"), help="Of Headrace; this one by default.")
@click.option("--user", default="", help="Runs it; one that systemd makes while it runs by default.")
@click.option(
    "--shutdown_grace_seconds", "grace_seconds", default=25, show_default=True, help="For requests in progress at the end."
)
@click.option("--memory", default="", help="A limit, such as 8G.")
@click.option("--devices", is_flag=True, help="The server may use devices, such as GPUs.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path(), help="Folder to write to; this one by default."
)
def serve(models: tuple[str, ...], model_config_file: Path | None, config_path: str, out: Path, **values: Any) -> None:
    """Write `headrace.service` and the list of models, `models.config`, that it reads."""
    try:
        text = listed(models, model_config_file, values["models_path"])
        options = SystemdOptions(config_file=f"{config_path}/models.config", **values)
    except OpError as error:
        raise click.ClickException(error.message) from error
    check_flags(options.flags)
    deliver({"headrace.service": render(options), "models.config": text}, out)


@systemd.command("mirror")
@click.argument("flags", nargs=-1, type=click.UNPROCESSED, metavar="[-- FLAGS OF headrace mirror serve]")
@click.option("--root", default=STATE, show_default=True, help="The mirror's folder; systemd makes the usual one.")
@click.option("--executable", default=str(Path(sys.prefix) / "bin" / "headrace"), help="Of Headrace; this one by default.")
@click.option("--user", default="", help="Runs it; one that systemd makes while it runs by default.")
@click.option("--memory", default="", help="A limit, such as 2G.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path(), help="Folder to write to; this one by default."
)
def mirror(out: Path, **values: Any) -> None:
    """Write `headrace-mirror.service`."""
    try:
        unit = MirrorUnit(**values)
    except OpError as error:
        raise click.ClickException(error.message) from error
    read = check_flags(unit.flags, "mirror serve", "mirror")
    deliver({"headrace-mirror.service": render_mirror(unit, float(read.get("drain_seconds") or 0.0))}, out)
