"""Options that several commands of the mirror have."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import click

ROOT = click.option(
    "--root", type=click.Path(path_type=Path, file_okay=False), default="mirror", show_default=True, help="Where all of it is kept."
)
UPSTREAMS = click.option(
    "--upstream", "upstreams", multiple=True, help="[NAME=]URL of a Simple API, in order; else the one that pip is set to."
)


def upstreams_of(texts: Sequence[str]) -> list[tuple[str, str]]:
    """The names and URLs in each `[NAME=]URL`."""
    return [_upstream(place, text) for place, text in enumerate(texts)]


def _upstream(place: int, text: str) -> tuple[str, str]:
    """The name and URL in `NAME=URL`."""
    name, parted, url = text.partition("=")
    if not parted or ":" in name:
        name, url = ("main" if place == 0 else f"main{place + 1}"), text
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise click.UsageError(f"--upstream={text} is no URL of a Simple API, such as http://127.0.0.1:3141/simple/")
    return name, url


def password_of(variable: str | None) -> bytes | None:
    """The password in an environment variable; None without a variable."""
    if variable is None:
        return None
    if variable not in os.environ:
        raise click.BadParameter(f"the environment has no variable {variable!r}", param_hint="--password_env")
    return os.environ[variable].encode()
