"""`headrace hub`: models to and from a registry, such as the mirror."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click

from headrace.core.errors import InvalidArgumentError, OpError
from headrace.hub.handles import Version, parse
from headrace.hub.pushing import push as push_folder
from headrace.hub.resolving import resolve
from headrace.hub.settings import check_url, of_environment, read_token

_PATH = click.Path(path_type=Path)


@click.group()
def hub() -> None:
    """Push models to a registry, and pull them from one, verified to the last byte."""


@hub.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.argument("model")
@click.option("--to", "url", help="The registry's URL; HEADRACE_HUB_URL by default.")
@click.option("--token_file", "--token-file", type=_PATH, help="A file with your token; HEADRACE_HUB_TOKEN_FILE by default.")
def push(folder: Path, model: str, url: str | None, token_file: Path | None) -> None:
    """Push FOLDER as MODEL, a name and a new version such as acme/digits:3."""
    with _told():
        settings = of_environment()
        name, parted, version = model.partition(":")
        if not parted:
            raise InvalidArgumentError(f"{model!r} has no version; expected such as {model}:1")
        where = check_url(url, "--to") if url else settings.url
        if not where:
            raise InvalidArgumentError("no registry to push to; give its URL by --to or HEADRACE_HUB_URL")
        token = read_token(token_file) if token_file is not None else settings.token
        done = push_folder(folder, name, version, where, token, settings.cache, settings.timeout_seconds, settings.tries)
        what = f"{done.files} files, {done.sent_bytes} bytes sent" if done.fresh else "it is here already, the same"
        click.echo(f"{model}@sha256:{done.digest} ({what})")


@hub.command()
@click.argument("handle")
@click.option("--from", "url", help="The registry's URL; HEADRACE_HUB_URL by default.")
def pull(handle: str, url: str | None) -> None:
    """Fetch the model HANDLE into the cache, verify it, and say where it is."""
    with _told():
        settings = of_environment()
        if url:
            where = check_url(url.rstrip("/"), "--from")
            settings = replace(settings, url=where, hugging_face=f"{where}/hf")
        if isinstance(found := parse(handle), Version) and not settings.url and not found.digest:
            raise InvalidArgumentError(f"no registry to pull {found} from; give its URL by --from or HEADRACE_HUB_URL")
        click.echo(resolve(handle, settings))


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Tells of errors as commands do."""
    try:
        yield
    except OpError as error:
        raise click.ClickException(error.message) from error
