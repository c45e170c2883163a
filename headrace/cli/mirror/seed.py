"""`headrace mirror seed`: fills the caches of tensorflow_hub and kagglehub."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from headrace.cli.mirror.models import read_token
from headrace.core.errors import OpError
from headrace.mirror.models.kaggle import seeding as kaggle_seeding
from headrace.mirror.models.tfhub import seeding as tfhub_seeding
from headrace.mirror.models.tfhub.fetching import fetch

_GIB = 1 << 30


@click.group()
def seed() -> None:
    """Fill the caches of other libraries, so that they load public models without network."""


@seed.command()
@click.argument("handles", nargs=-1, required=True)
@click.option("--cache", type=click.Path(path_type=Path, file_okay=False), required=True, help="What TFHUB_CACHE_DIR is set to.")
@click.option("--mirror", default="http://127.0.0.1:8466", show_default=True, help="URL of the mirror that has the models.")
@click.option("--from", "source", type=click.Path(path_type=Path), help="An archive or folder of one handle, in place of a mirror.")
@click.option("--replace", is_flag=True, help="Put models there anew that are there already.")
@click.option("--token_file", type=click.Path(path_type=Path), help="Your token, for published models that are not for everyone.")
@click.option("--max_gib", type=click.FloatRange(0), default=64.0, show_default=True, help="Larger archives are not taken.")
def tfhub(
    handles: tuple[str, ...],
    cache: Path,
    mirror: str,
    source: Path | None,
    replace: bool,
    token_file: Path | None,
    max_gib: float,
) -> None:
    """Put models into TFHUB_CACHE_DIR, by their HANDLES exactly as programs have them."""
    if source is not None and len(handles) != 1:
        raise click.UsageError("--from has one model; give one handle")
    try:
        for handle in handles:
            tfhub_seeding.model_of(handle)
        for handle in handles:
            if tfhub_seeding.is_seeded(handle, cache) and not replace:
                click.echo(f"{handle} is there already")
                continue
            if source is not None:
                place = tfhub_seeding.seed(handle, source, cache)
            else:
                token = read_token("--token_file", token_file) if token_file is not None else ""
                place = _fetched(handle, cache, mirror, int(max_gib * _GIB), token)
            click.echo(f"{handle} is in {place}")
    except OpError as error:
        raise click.ClickException(error.message) from error


@seed.command()
@click.argument("handle")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--cache", type=click.Path(path_type=Path, file_okay=False), required=True, help="What KAGGLEHUB_CACHE is set to.")
def kaggle(handle: str, path: Path, cache: Path) -> None:
    """Put the model in PATH, a folder or an archive, into KAGGLEHUB_CACHE as HANDLE: OWNER/MODEL/FRAMEWORK/VARIATION/VERSION."""
    try:
        place = kaggle_seeding.seed(kaggle_seeding.kaggle_handle(handle), path, cache)
    except OpError as error:
        raise click.ClickException(error.message) from error
    click.echo(f"{handle} is in {place}")


def _fetched(handle: str, cache: Path, mirror: str, max_bytes: int, token: str) -> Path:
    """Fetches a model from the mirror and puts it into the cache."""
    cache.mkdir(parents=True, exist_ok=True)
    model = tfhub_seeding.model_of(handle)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with (
        tempfile.TemporaryDirectory(prefix=".seed-", dir=cache) as work,
        Progress(*columns, console=Console(stderr=True), transient=True) as progress,
    ):
        task = progress.add_task(model.path, total=None)
        archive = Path(work) / "model.tar.gz"
        fetch(model, mirror, archive, max_bytes, lambda size: progress.advance(task, size), token)
        return tfhub_seeding.seed(handle, archive, cache)
