"""`headrace serve-token`: makes a bearer token for a caller of the model server."""

from __future__ import annotations

import click

from headrace.core.tokens import make_token, token_hash


@click.command()
@click.argument("name")
def serve_token(name: str) -> None:
    """Make a token for the caller NAME.

    The token goes to stdout, once: give it to the caller. Its hash, which stands in the server's access configuration and from
    which nobody can tell the token, goes to stderr.
    """
    token = make_token()
    click.echo(f'[callers."{name}"]\ntoken_sha256 = ["{token_hash(token)}"]', err=True)
    click.echo(token)
