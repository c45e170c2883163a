"""`headrace demo`: the whole thread on real images."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from headrace.core.errors import HeadraceError
from headrace.demo.run import Plan, run


@click.command()
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), help="Keep models and logs here.")
@click.option("--data", type=click.Choice(["auto", "whole", "sample"]), default="auto", show_default=True, help="Which images.")
def demo(folder: Path | None, data: str) -> None:
    """Train on Fashion-MNIST, export, serve, and swap in a new version under load; prints one table."""
    try:
        run(Console(), Plan(source=data), folder)
    except HeadraceError as error:
        raise click.ClickException(str(error)) from error
