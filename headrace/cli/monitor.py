"""`headrace monitor`: what watches a model server or a mirror."""

from __future__ import annotations

from pathlib import Path

import click

from headrace.cli.rendering import deliver
from headrace.core.errors import OpError
from headrace.monitoring.files import KINDS, MIRROR_JOB, MIRROR_KINDS, MIRROR_TARGET, Options, render, render_mirror
from headrace.monitoring.rules.objectives import Objectives

_WATCHED = {
    "server": (KINDS, "headrace", "127.0.0.1:8501", render),
    "mirror": (MIRROR_KINDS, MIRROR_JOB, MIRROR_TARGET, render_mirror),
}
"""Of each that can be watched: kinds of files, Prometheus' name, the usual target, and what writes the files."""


@click.group()
def monitor() -> None:
    """Dashboards and rules for what a model server or a mirror measures."""


@monitor.command("render")
@click.option("--of", type=click.Choice(["server", "mirror"]), default="server", show_default=True, help="What is watched.")
@click.option("--what", type=click.Choice([*KINDS, "all"]), default="all", show_default=True)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Folder to write to; a single file is printed without."
)
@click.option("--job", help="Prometheus' name of the servers; headrace, or headrace-mirror, without.")
@click.option("--objective", type=float, default=99.9, show_default=True, help="Percent of requests that are to be answered.")
@click.option("--latency_objective", type=float, help="Percent of requests that are to be in time; as --objective without.")
@click.option("--latency_seconds", type=float, default=0.25, show_default=True, help="What in time is.")
@click.option("--target", multiple=True, help="HOST:PORT of a server's REST, or of a mirror; else this machine's.")
@click.option("--scrape_interval", default="15s", show_default=True, help="Between two looks of Prometheus.")
@click.option("--token_file", default="", help="On Prometheus' machine: the token by which it may read the metrics.")
@click.option("--label", multiple=True, metavar="NAME=VALUE", help="Of the PrometheusRule for Prometheus' operator.")
def render_files(
    of: str,
    what: str,
    out: Path | None,
    job: str | None,
    objective: float,
    latency_objective: float | None,
    latency_seconds: float,
    target: tuple[str, ...],
    scrape_interval: str,
    token_file: str,
    label: tuple[str, ...],
) -> None:
    """Write Grafana dashboards, Prometheus rules, and the configurations that they need."""
    known, default_job, here, write = _WATCHED[of]
    if what not in (*known, "all"):
        raise click.UsageError(f"there is no --what={what} of a {of}; expected {', '.join(known)} or all")
    latency = objective if latency_objective is None else latency_objective
    try:
        objectives = Objectives(objective, latency, latency_seconds, job or default_job)
        options = Options(objectives, target or (here,), scrape_interval, label, token_file)
        files = write(known if what == "all" else [what], options)
    except OpError as error:
        raise click.ClickException(error.message) from error
    deliver(files, out)
