"""The table of the mirror's commands."""

from __future__ import annotations

import click

from headrace.cli.lazy import Entry, LazyGroup

COMMANDS = {
    "advisories": Entry("headrace.cli.mirror.advisories", "Import what is known to be wrong with packages.", extra="mirror"),
    "explain": Entry("headrace.cli.mirror.explain", "Say of each file what each rule of the policy says.", extra="mirror"),
    "fsck": Entry("headrace.cli.mirror.fsck", "Read all files again, and say which are damaged."),
    "serve": Entry("headrace.cli.mirror.serve", "Answer pip, uv and others that speak the Simple API.", extra="mirror"),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def mirror() -> None:
    """Mirror package indexes: each file is fetched once, and verified to the last byte."""
