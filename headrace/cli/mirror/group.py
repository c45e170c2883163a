"""The table of the mirror's commands."""

from __future__ import annotations

import click

from headrace.cli.lazy import Entry, LazyGroup

COMMANDS = {
    "explain": Entry("headrace.cli.mirror.explain", "Say of each file whether the policy gives it out, and why not."),
    "fsck": Entry("headrace.cli.mirror.fsck", "Read all files again, and say which are damaged."),
    "serve": Entry("headrace.cli.mirror.serve", "Answer pip, uv and others that speak the Simple API.", extra="mirror"),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def mirror() -> None:
    """Mirror package indexes: each file is fetched once, and verified to the last byte."""
