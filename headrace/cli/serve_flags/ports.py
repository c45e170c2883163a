"""What flags that name a port take."""

from __future__ import annotations

import click


def port(_: click.Context, __: click.Parameter, value: str) -> int | None:
    """The port number; None for `auto`, any free one."""
    if value == "auto":
        return None
    if not value.isdecimal() or int(value) > 65535:
        raise click.BadParameter(f"{value!r} is no port; expected 0 (off), 1 to 65535, or auto")
    return int(value)


def or_none(number: int | None) -> int | None:
    """The port of a front end in the options' terms: None is off, 0 a free one."""
    return None if number == 0 else number or 0
