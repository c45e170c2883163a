"""The `headrace` command and the table of its commands."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

import click


@dataclass(frozen=True, slots=True)
class _Entry:
    """Where a command stands, what it is for, and the optional extra that it needs."""

    module: str
    help_text: str
    extra: str = ""


COMMANDS = {
    "demo": _Entry("headrace.cli.demo", "Train, export, serve and swap a model on real images.", extra="serving"),
    "graph": _Entry("headrace.cli.graph", "Show a graph, what the optimizer changes, and draw it."),
    "inspect": _Entry("headrace.cli.inspect", "Show what a SavedModel holds, or how two versions differ."),
    "k8s": _Entry("headrace.cli.k8s", "Write Kubernetes manifests of the model server."),
    "mirror": _Entry("headrace.cli.mirror", "Mirror package indexes, verified to the last byte.", extra="mirror"),
    "monitor": _Entry("headrace.cli.monitor", "Write Grafana dashboards and Prometheus rules for the model server."),
    "run": _Entry("headrace.cli.run", "Run a TensorFlow program on Headrace, unchanged."),
    "run-signature": _Entry("headrace.cli.run_signature", "Run one signature of a SavedModel on files or JSON."),
    "serve": _Entry("headrace.cli.serve", "Serve SavedModels over TensorFlow Serving's REST and gRPC APIs.", extra="serving"),
    "serve-token": _Entry("headrace.cli.serve_token", "Make a token for a caller of the model server."),
    "sign": _Entry("headrace.cli.sign", "Sign a model with a key.", extra="signing"),
    "systemd": _Entry("headrace.cli.systemd", "Write a systemd unit of the model server."),
    "tensorboard": _Entry("headrace.cli.tensorboard", "Start TensorBoard on what tf.summary wrote.", extra="tensorboard"),
    "verify": _Entry("headrace.cli.verify", "Check a model's signature or digest."),
}


class _Commands(click.Group):
    """Imports a command's module when it is called, so that one extra is not needed for the commands of another."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        try:
            module = importlib.import_module(entry.module)
        except ModuleNotFoundError as error:
            if not entry.extra or (error.name or "").startswith("headrace"):
                raise
            raise click.ClickException(
                f"`headrace {cmd_name}` needs {error.name}; install it with: pip install 'headrace[{entry.extra}]'"
            ) from error
        command = getattr(module, cmd_name.replace("-", "_"))
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name].help_text) for name in self.list_commands(ctx)])


@click.group(cls=_Commands)
@click.version_option(package_name="headrace")
def main() -> None:
    """Headrace: from a training script to a served model."""
