"""Options that several commands of the mirror have."""

from __future__ import annotations

from pathlib import Path

import click

ROOT = click.option(
    "--root", type=click.Path(path_type=Path, file_okay=False), default="mirror", show_default=True, help="Where all of it is kept."
)
