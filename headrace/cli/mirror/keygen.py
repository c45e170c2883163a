"""`headrace mirror keygen`: keys that sign bundles."""

from __future__ import annotations

from pathlib import Path

import click

from headrace.cli.mirror.options import password_of
from headrace.core.errors import OpError
from headrace.mirror.bundles.keys import generate


@click.command()
@click.option("--password_env", metavar="VARIABLE", help="The environment variable with a password that locks the private key.")
@click.argument("name")
def keygen(password_env: str | None, name: str) -> None:
    """Make NAME.key, which signs, and NAME.pub, which machines that import bundles trust. NAME may be a path."""
    private, public = Path(f"{name}.key"), Path(f"{name}.pub")
    try:
        made = generate(private, public, Path(name).name, password_of(password_env))
    except OpError as error:
        raise click.ClickException(error.message) from error
    click.echo(f"key {made}: {private} signs bundles, keep it secret; {public} goes to the machines that import them")
