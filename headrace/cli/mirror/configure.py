"""`headrace mirror configure`: the settings by which clients ask a mirror."""

from __future__ import annotations

from pathlib import Path

import click

from headrace.core.errors import OpError
from headrace.mirror.clients.files import apply, planned
from headrace.mirror.clients.tools import TOOLS, Mirror, tool_of


@click.command()
@click.argument("tools", nargs=-1, type=click.Choice(sorted(TOOLS)))
@click.option("--url", default="http://127.0.0.1:8466", show_default=True, help="Of the mirror.")
@click.option("--hub", is_flag=True, help="It mirrors a hub of models too (--hf_upstream): set HF_ENDPOINT.")
@click.option("--write", is_flag=True, help="Write them, after the difference was shown and agreed to.")
@click.option("--undo", is_flag=True, help="Take out again what was written, and put back what was there.")
@click.option("--yes", is_flag=True, help="Ask nothing.")
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), default=Path(), help="Of the project.")
def configure(tools: tuple[str, ...], url: str, hub: bool, write: bool, undo: bool, yes: bool, folder: Path) -> None:
    """Show the settings by which TOOLS (all without) ask a mirror; with --write, write them."""
    if write and undo:
        raise click.UsageError("--write and --undo are given; expected one of them")
    if (write or undo) and not tools:
        raise click.UsageError(f"whose settings? name them: {', '.join(name for name, tool in TOOLS.items() if tool.path)}")
    try:
        mirror = Mirror(url, hub)
        if not write and not undo:
            click.echo("\n".join(f"# {TOOLS[name].title}\n{TOOLS[name].text(mirror)}" for name in tools or TOOLS), nl=False)
            return
        for name in tools:
            _change(name, folder, None if undo else mirror, yes)
    except OpError as error:
        raise click.ClickException(error.message) from error


def _change(name: str, folder: Path, mirror: Mirror | None, yes: bool) -> None:
    """Changes one client's file, when whoever is asked agrees."""
    change = planned(tool_of(name), folder, mirror)
    if change.is_none:
        click.echo(f"{change.path}: nothing to do")
        return
    click.echo(change.difference, nl=False)
    if not yes and not click.confirm(f"Write {change.path}?"):
        click.echo(f"{change.path}: left as it is")
        return
    backup = apply(change)
    click.echo(f"{change.path}: {'written' if change.after else 'removed'}{f'; before: {backup}' if backup else ''}")
