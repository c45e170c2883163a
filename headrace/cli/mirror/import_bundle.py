"""`headrace mirror import`: takes a bundle in."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import click

from headrace.cli.mirror.options import ROOT
from headrace.core.errors import OpError
from headrace.mirror.bundles.importing import Rules
from headrace.mirror.bundles.importing import import_bundle as run_import
from headrace.mirror.bundles.keys import read_trust

_FILE = click.Path(path_type=Path)


@click.command("import")
@ROOT
@click.option("--trust", "trusts", type=_FILE, multiple=True, required=True, help="A file of public keys, as keygen makes it.")
@click.option("--allow-rollback", is_flag=True, help="Also a version that is lower than the last one; the history tells of it.")
@click.option("--check", is_flag=True, help="Verify all of it, and change nothing.")
@click.argument("bundle", type=click.Path(path_type=Path, allow_dash=True))
def import_bundle(root: Path, trusts: tuple[Path, ...], allow_rollback: bool, check: bool, bundle: Path) -> None:
    """Verify BUNDLE, or standard input for `-`, and then give out what it holds, all at once."""
    try:
        trusted = [key for path in trusts for key in read_trust(path)]
        with _opened(bundle) as file:
            done = run_import(file, root, Rules(trusted, allow_rollback, check))
    except OpError as error:
        raise click.ClickException(error.message) from error
    except OSError as error:
        raise click.ClickException(f"{bundle} cannot be read, or {root} cannot be written: {error}") from error
    manifest = done.manifest
    called = f"{manifest.name} {manifest.version}, signed by {done.key.name}"
    what = f"{len(manifest.pages)} projects, {len(manifest.files)} files, {done.new_files} of them new ({done.new_bytes} bytes)"
    if check:
        click.echo(f"{called}: all of it is right: {what}")
        return
    before = "" if done.before is None else f"; before it was version {done.before}"
    click.echo(f"{called}: {what}{before}")
    click.echo(f"its components: {done.sbom}")


@contextlib.contextmanager
def _opened(bundle: Path) -> Iterator[BinaryIO]:
    if str(bundle) == "-":
        yield sys.stdin.buffer
        return
    with bundle.open("rb") as file:
        yield file
