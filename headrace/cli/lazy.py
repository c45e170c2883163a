"""Groups of commands that are imported one by one."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click

from headrace.core.distribution import IS_WHOLE, SLIM_EXTRAS


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a command stands, what it is for, and the optional extra that it needs.

    `attribute` is the name of the object in the module; by default the command's, with `_` for `-`.
    """

    module: str
    help_text: str
    extra: str = ""
    attribute: str = ""


class LazyGroup(click.Group):
    """Imports a command's module when it is called, so that one extra is not needed for the commands of another.

    Args:
        table: the commands by name.
    """

    def __init__(self, *args: Any, table: Mapping[str, Entry], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = self.table.get(cmd_name)
        if entry is None:
            return None
        try:
            module = importlib.import_module(entry.module)
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("headrace") or (IS_WHOLE and not entry.extra):
                raise
            raise click.ClickException(_told(f"`{ctx.command_path} {cmd_name}`", error.name or "", entry.extra)) from error
        command = getattr(module, entry.attribute or cmd_name.replace("-", "_"))
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.table[name].help_text) for name in self.list_commands(ctx)])


def _told(command: str, lacking: str, extra: str) -> str:
    """What to install for a command that lacks a package."""
    if IS_WHOLE or extra in SLIM_EXTRAS:
        name = "headrace" if IS_WHOLE else "headrace-slim"
        return f"{command} needs {lacking}; install it with: pip install '{name}[{extra}]'"
    wanted = f"headrace[{extra}]" if extra else "headrace"
    return (
        f"{command} needs {lacking}, which headrace-slim leaves out; install the whole of it in its place:"
        f" pip uninstall headrace-slim, then pip install '{wanted}'"
    )
