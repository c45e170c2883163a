"""`headrace verify`: checks a model's signature or digest."""

from __future__ import annotations

from pathlib import Path

import click

from headrace.core.errors import HeadraceError
from headrace.saved_model import signing
from headrace.saved_model.digest import verify_digest

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("model", type=_PATH)
@click.option("--public_key", type=_PATH, help="PEM file with the public key of the one who signed.")
@click.option("--signature", type=_PATH, help="The signature; MODEL/model.sig by default.")
@click.option("--expected_digest", help="What `headrace inspect` prints as the digest.")
def verify(model: Path, public_key: Path | None, signature: Path | None, expected_digest: str | None) -> None:
    """Check that the folder MODEL is what was signed, or has a digest; the exit status is 1 when it is not."""
    if public_key is None and expected_digest is None:
        raise click.UsageError("nothing to verify by: give --public_key, --expected_digest or both")
    try:
        if expected_digest is not None:
            verify_digest(model, expected_digest)
        if public_key is not None:
            signing.verify_signature(model, public_key, signature)
    except HeadraceError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{model}: verified")
