"""`headrace monitor`: what watches a model server."""

from __future__ import annotations

from pathlib import Path

import click

from headrace.cli.rendering import deliver
from headrace.core.errors import OpError
from headrace.monitoring.files import KINDS, Options, render
from headrace.monitoring.rules.objectives import Objectives


@click.group()
def monitor() -> None:
    """Dashboards and rules for what a model server measures."""


@monitor.command("render")
@click.option("--what", type=click.Choice([*KINDS, "all"]), default="all", show_default=True)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Folder to write to; a single file is printed without."
)
@click.option("--job", default="headrace", show_default=True, help="Prometheus' name of the servers.")
@click.option("--objective", type=float, default=99.9, show_default=True, help="Percent of requests that are to be answered.")
@click.option("--latency_objective", type=float, help="Percent of requests that are to be in time; as --objective without.")
@click.option("--latency_seconds", type=float, default=0.25, show_default=True, help="What in time is.")
@click.option("--target", multiple=True, default=["127.0.0.1:8501"], show_default=True, help="HOST:PORT of a server's REST.")
@click.option("--scrape_interval", default="15s", show_default=True, help="Between two looks of Prometheus.")
@click.option("--token_file", default="", help="On Prometheus' machine: the token by which it may read the metrics.")
@click.option("--label", multiple=True, metavar="NAME=VALUE", help="Of the PrometheusRule for Prometheus' operator.")
def render_files(
    what: str,
    out: Path | None,
    job: str,
    objective: float,
    latency_objective: float | None,
    latency_seconds: float,
    target: tuple[str, ...],
    scrape_interval: str,
    token_file: str,
    label: tuple[str, ...],
) -> None:
    """Write Grafana dashboards, Prometheus rules, and the configurations that they need."""
    try:
        objectives = Objectives(objective, objective if latency_objective is None else latency_objective, latency_seconds, job)
        files = render(KINDS if what == "all" else [what], Options(objectives, target, scrape_interval, label, token_file))
    except OpError as error:
        raise click.ClickException(error.message) from error
    deliver(files, out)
