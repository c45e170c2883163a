"""`headrace k8s`: Kubernetes manifests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from headrace.cli.deployment import check_flags, listed, model_options, read
from headrace.cli.rendering import deliver
from headrace.core.errors import OpError
from headrace.deploy.kubernetes.manifests import render
from headrace.deploy.kubernetes.options import FILES, KubernetesOptions
from headrace.deploy.mirror.kubernetes import FILES as MIRROR_FILES
from headrace.deploy.mirror.kubernetes import MirrorDeployment
from headrace.deploy.mirror.kubernetes import render as render_mirror

_FILE = click.Path(path_type=Path, dir_okay=False)


def _labels(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Pairs of name and value."""
    pairs = [value.partition("=") for value in values]
    if not all(equals for _, equals, _ in pairs):
        raise click.BadParameter(f"{', '.join(values)!r} has no value; expected such as release=prometheus")
    return tuple((name, value) for name, _, value in pairs)


@click.group()
def k8s() -> None:
    """Kubernetes manifests."""


@k8s.command("serve")
@click.option("--image", required=True, help="With `headrace` as its entry point; with a tag or a digest.")
@click.option("--name", default="headrace", show_default=True, help="Of every object, and Prometheus' name of the job.")
@click.option("--namespace", default="default", show_default=True)
@click.option("--models_claim", required=True, help="The PersistentVolumeClaim that holds the models.")
@click.option("--models_path", default="/models", show_default=True, help="Where it is mounted, for reading only.")
@model_options
@click.option("--replicas", default=2, show_default=True, help="That run at least.")
@click.option("--max_replicas", default=10, show_default=True, help="That run at most; as --replicas for no scaling.")
@click.option("--queue_wait_ms", default=50, show_default=True, help="Wait before a run above which replicas are added.")
@click.option("--cpu", default="1", show_default=True, help="That each replica asks for.")
@click.option("--memory", default="2Gi", show_default=True, help="That each replica asks for and may take.")
@click.option("--port", "grpc_port", default=8500, show_default=True, help="Of gRPC.")
@click.option("--rest_api_port", "rest_port", default=8501, show_default=True, help="Of REST.")
@click.option(
    "--shutdown_grace_seconds", "grace_seconds", default=25, show_default=True, help="For requests in progress at the end."
)
@click.option("--drain_seconds", default=5, show_default=True, help="Before the end, for clients to learn of it.")
@click.option("--startup_seconds", default=600, show_default=True, help="For models to load at the start.")
@click.option("--access_config_file", type=_FILE, help="TOML: who may ask what. It goes into the ConfigMap, as the next two do.")
@click.option("--traffic_config_file", type=_FILE, help="TOML: traffic rules.")
@click.option("--batching_parameters_file", type=_FILE, help="BatchingParameters text; with -- --enable_batching.")
@click.option("--metrics_token_secret", default="", help="Secret whose token lets Prometheus read the metrics.")
@click.option("--tls_secret", default="", help="Secret with ssl.config, an SSLConfig text, and ca.crt: gRPC and REST over TLS.")
@click.option("--scrape_interval", default="15s", show_default=True, help="Of the ServiceMonitor.")
@click.option(
    "--monitor_label", "monitor_labels", multiple=True, callback=_labels, metavar="NAME=VALUE", help="Of the ServiceMonitor."
)
@click.option("--no_service_monitor", is_flag=True, help="For clusters without Prometheus' operator.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder to write to, in place of standard output.")
def serve(
    models: tuple[str, ...], model_config_file: Path | None, no_service_monitor: bool, out: Path | None, **values: Any
) -> None:
    """Write the manifests of a model server: a Deployment and what belongs to it, for `kubectl apply -f -`."""
    try:
        files = {flag: file for flag in FILES if (file := values.pop(flag)) is not None}
        texts = tuple((flag, read(file)) for flag, file in files.items())
        options = KubernetesOptions(models=listed(models, model_config_file, values["models_path"]), files=texts, **values)
    except OpError as error:
        raise click.ClickException(error.message) from error
    check_flags(options.flags)
    deliver({f"{options.name}.yml": render(options, monitored=not no_service_monitor)}, out)


@k8s.command("mirror")
@click.argument("flags", nargs=-1, type=click.UNPROCESSED, metavar="[-- FLAGS OF headrace mirror serve]")
@click.option("--image", required=True, help="With `headrace` as its entry point; with a tag or a digest.")
@click.option("--name", default="headrace-mirror", show_default=True, help="Of every object, and Prometheus' name of the job.")
@click.option("--namespace", default="default", show_default=True)
@click.option("--storage", default="120Gi", show_default=True, help="Of the volume; more than --high_gib behind the --.")
@click.option("--storage_class", default="", help="Of the volume; the cluster's usual one by default.")
@click.option("--cpu", default="500m", show_default=True, help="That it asks for.")
@click.option("--memory", default="1Gi", show_default=True, help="That it asks for and may take.")
@click.option("--port", default=8466, show_default=True)
@click.option("--drain_seconds", default=5, show_default=True, help="Before the end, for clients to learn of it.")
@click.option("--config", type=_FILE, help="TOML: all that flags say. It goes into a Secret, as the next two do.")
@click.option("--policy", type=_FILE, help="TOML: what is given out.")
@click.option("--uploaders", type=_FILE, help="TOML: who may upload.")
@click.option("--tls_secret", default="", help="Secret of type kubernetes.io/tls, with ca.crt for Prometheus.")
@click.option("--client_namespace", "client_namespaces", multiple=True, help="From where it may be asked; everywhere without.")
@click.option("--scrape_interval", default="30s", show_default=True, help="Of the ServiceMonitor.")
@click.option(
    "--monitor_label", "monitor_labels", multiple=True, callback=_labels, metavar="NAME=VALUE", help="Of the ServiceMonitor."
)
@click.option("--no_service_monitor", is_flag=True, help="For clusters without Prometheus' operator.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder to write to, in place of standard output.")
def mirror(no_service_monitor: bool, out: Path | None, **values: Any) -> None:
    """Write the manifests of a mirror: a StatefulSet with its volume and what belongs to it, for `kubectl apply -f -`."""
    try:
        files = {flag: file for flag in MIRROR_FILES if (file := values.pop(flag)) is not None}
        options = MirrorDeployment(files=tuple((flag, read(file)) for flag, file in files.items()), **values)
    except OpError as error:
        raise click.ClickException(error.message) from error
    check_flags(options.flags, "mirror serve", "mirror")
    deliver({f"{options.name}.yml": render_mirror(options, monitored=not no_service_monitor)}, out)
