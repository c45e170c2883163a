"""The `headrace` command and the table of its commands."""

from __future__ import annotations

import click

from headrace.cli.lazy import Entry, LazyGroup
from headrace.core.distribution import VERSION

COMMANDS = {
    "demo": Entry("headrace.cli.demo", "Train, export, serve and swap a model on real images.", extra="serving"),
    "graph": Entry("headrace.cli.graph", "Show a graph, what the optimizer changes, and draw it."),
    "hub": Entry("headrace.cli.hub", "Push models to a registry such as the mirror, and pull them."),
    "inspect": Entry("headrace.cli.inspect", "Show what a SavedModel holds, or how two versions differ."),
    "k8s": Entry("headrace.cli.k8s", "Write Kubernetes manifests of the model server or the mirror."),
    "mirror": Entry("headrace.cli.mirror.group", "Mirror package indexes, verified to the last byte.", extra="mirror"),
    "monitor": Entry("headrace.cli.monitor", "Write Grafana dashboards and Prometheus rules."),
    "run": Entry("headrace.cli.run", "Run a TensorFlow program on Headrace, unchanged."),
    "run-signature": Entry("headrace.cli.run_signature", "Run one signature of a SavedModel on files or JSON."),
    "serve": Entry("headrace.cli.serve", "Serve SavedModels over TensorFlow Serving's REST and gRPC APIs.", extra="serving"),
    "serve-token": Entry("headrace.cli.serve_token", "Make a token for a caller of the model server."),
    "sign": Entry("headrace.cli.sign", "Sign a model with a key.", extra="signing"),
    "systemd": Entry("headrace.cli.systemd", "Write a systemd unit of the model server or the mirror."),
    "tensorboard": Entry("headrace.cli.tensorboard", "Start TensorBoard on what tf.summary wrote.", extra="tensorboard"),
    "verify": Entry("headrace.cli.verify", "Check a model's signature or digest."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
@click.version_option(VERSION)
def main() -> None:
    """Headrace: from a training script to a served model."""
