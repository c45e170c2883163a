"""`headrace mirror fsck`: whether the store is what it should be."""

from __future__ import annotations

import time
from pathlib import Path

import click

from headrace.cli.mirror.options import ROOT
from headrace.mirror.status import check
from headrace.store.blobs import BlobStore
from headrace.store.index import open_index


@click.command()
@ROOT
@click.option("--repair", is_flag=True, help="Put damaged files aside, and make the index agree with what is there.")
@click.pass_context
def fsck(context: click.Context, root: Path, repair: bool) -> None:
    """Read all files again, and say which are not what they should be. Exit status 1 when some are."""
    if not (root / "blobs").is_dir():
        raise click.ClickException(f"{root} holds no mirror; expected a folder that `headrace mirror serve --root` has used")
    store = BlobStore(root)
    damaged = 0
    for digest, path in store.damaged():
        damaged += 1
        click.echo(f"damaged: {path}")
        if repair:
            click.echo(f"  put aside: {store.quarantine(digest)}")
    index = open_index(root)
    try:
        if repair:
            lacking, gone = index.rebuild()
            click.echo(f"index: {lacking} files added, {gone} removed")
        usage = index.usage()
        try:
            check.write(root, check.Check(time.time(), usage.files, damaged, repair))
        except OSError as error:
            click.echo(f"the mirror's status will not know of this check: {error}", err=True)
    finally:
        index.close()
    click.echo(f"{usage.files} files, {usage.bytes} bytes; {damaged} damaged")
    if damaged and not repair:
        context.exit(1)
