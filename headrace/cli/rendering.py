"""Where rendered files go: into a folder, or to standard output."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click


def deliver(files: Mapping[str, str], folder: Path | None) -> None:
    """Writes files and tells their paths, or prints the only one where no folder is given.

    Args:
        files: texts by their paths in the folder.
        folder: made where it is missing; files that are there are replaced.

    Raises:
        UsageError: there are several files and no folder.
        ClickException: a file cannot be written.
    """
    if folder is None:
        if len(files) > 1:
            raise click.UsageError(f"there are {len(files)} files ({', '.join(files)}); give --out, the folder for them")
        click.echo("".join(files.values()), nl=False)
        return
    for name, text in files.items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise click.ClickException(f"cannot write {path}: {error.strerror}") from error
        click.echo(str(path))
