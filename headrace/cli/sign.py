"""`headrace sign`: signs a model with a key."""

from __future__ import annotations

import os
from pathlib import Path

import click

from headrace.core.errors import HeadraceError
from headrace.saved_model import signing

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("model", type=_PATH)
@click.option("--private_key", type=_PATH, required=True, help="PEM file with an elliptic-curve key.")
@click.option("--password_env", metavar="NAME", help="The environment variable that holds the key's password.")
@click.option("--signature", type=_PATH, help="The file to write; MODEL/model.sig by default.")
def sign(model: Path, private_key: Path, password_env: str | None, signature: Path | None) -> None:
    """Sign every file of the folder MODEL, in the format of OpenSSF Model Signing."""
    if password_env is not None and password_env not in os.environ:
        raise click.BadParameter(f"the environment has no variable {password_env!r}", param_hint="--password_env")
    password = None if password_env is None else os.environ[password_env]
    try:
        made = signing.sign(model, private_key, signature, password)
    except HeadraceError as error:
        raise click.ClickException(str(error)) from error
    click.echo(str(made))
