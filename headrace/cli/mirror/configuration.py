"""`--config`: a TOML file in place of flags, with upstreams that have settings of their own. Flags outweigh it."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from headrace.cli.mirror.options import upstreams_of
from headrace.mirror.options import UpstreamOptions

_UPSTREAMS = "headrace.upstreams"
_MINUTE = 60.0
_SCALES = {
    "fresh_minutes": ("fresh_seconds", _MINUTE),
    "stale_minutes": ("revalidate_seconds", _MINUTE),
    "error_hours": ("error_seconds", 60 * _MINUTE),
    "timeout_seconds": ("timeout_seconds", 1.0),
}
"""Keys of an upstream that are times, and what they are in UpstreamOptions."""
_UPSTREAM_KEYS = ("name", "url", "projects", "private_addresses", "connections", *_SCALES)


def _read(context: click.Context, _: click.Parameter, path: Path | None) -> None:
    """Takes what the file says for the defaults of the command's flags.

    Raises:
        UsageError: the file cannot be read, or has mistakes; all of them are named.
    """
    if path is None:
        return
    try:
        document = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise click.UsageError(f"--config={path} cannot be read: {error}") from error
    flags = {option.removeprefix("--"): each for each in context.command.params for option in each.opts if option != "--config"}
    mistakes: list[str] = []
    defaults: dict[str, Any] = {}
    for key, value in document.items():
        parameter = flags.get(key)
        if parameter is None or parameter.name is None:
            mistakes.append(_unknown(key, flags))
        elif key == "upstream" and isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
            context.meta[_UPSTREAMS] = _tables(value, mistakes)
        else:
            try:
                defaults[parameter.name] = _value(context, parameter, value, path.parent)
            except (click.BadParameter, TypeError) as error:
                mistakes.append(f"{key!r}: {error}")
    if mistakes:
        raise click.UsageError(f"--config={path} has mistakes:\n" + "\n".join(f"  {each}" for each in mistakes))
    context.default_map = {**(context.default_map or {}), **defaults}


CONFIG = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    is_eager=True,
    expose_value=False,
    callback=_read,
    help="A TOML file with keys named as these flags, which outweigh it.",
)


def configured_upstreams(texts: Iterable[str], patience: tuple[float, float, float]) -> list[UpstreamOptions]:
    """The upstreams that flags name, in the form `[NAME=]URL`, else those of the tables of the configuration.

    Args:
        texts: those of the flags.
        patience: the first three times of UpstreamOptions, for those that have none of their own.
    """
    context = click.get_current_context()
    tables: list[Mapping[str, Any]] = context.meta.get(_UPSTREAMS, [])
    flags = list(texts)
    if flags or not tables:
        return [UpstreamOptions(name, url, *patience) for name, url in upstreams_of(flags)]
    return [replace(UpstreamOptions(table["name"], table["url"], *patience), **table) for table in tables]


def _value(context: click.Context, parameter: click.Parameter, given: Any, folder: Path) -> Any:
    """A value of the file as the flag takes it; a relative path is one from the file's folder.

    Raises:
        BadParameter, TypeError: the flag does not take it.
    """
    several = bool(getattr(parameter, "multiple", False))
    if several and not isinstance(given, list):
        raise TypeError(f"{given!r}; expected a list")
    for each in given if several else [given]:
        _check_kind(parameter, each)
    if isinstance(parameter.type, click.Path):
        given = [str(folder / each) for each in given] if several else str(folder / given)
    parameter.type_cast_value(context, given)
    return given


def _check_kind(parameter: click.Parameter, given: Any) -> None:
    """Raises TypeError for what a flag would only take for something else, such as a text for a number."""
    if getattr(parameter, "is_flag", False):
        wanted: tuple[type, ...] = (bool,)
    elif isinstance(parameter.type, click.types.FloatParamType):
        wanted = (int, float)
    elif isinstance(parameter.type, click.types.IntParamType):
        wanted = (int,)
    else:
        wanted = (str,)
    if not isinstance(given, wanted) or (isinstance(given, bool) and bool not in wanted):
        raise TypeError(f"{given!r}; expected {_KINDS[wanted[-1]]}")


_KINDS = {bool: "true or false", float: "a number", int: "a whole number", str: "a text"}


def _tables(tables: list[dict[str, Any]], mistakes: list[str]) -> list[Mapping[str, Any]]:
    """The settings of each upstream, as of UpstreamOptions; adds to `mistakes`."""
    found: list[Mapping[str, Any]] = []
    for place, table in enumerate(tables, 1):
        where = f"upstream {place}"
        mistakes += [f"{where}: {_unknown(key, _UPSTREAM_KEYS)}" for key in table if key not in _UPSTREAM_KEYS]
        settings: dict[str, Any] = {}
        for key in ("name", "url"):
            if not isinstance(table.get(key), str) or not table[key]:
                mistakes.append(f"{where}: {key!r} is {table.get(key)!r}; expected a text")
        for key in _SCALES.keys() & table.keys():
            name, scale = _SCALES[key]
            if isinstance(table[key], bool) or not isinstance(table[key], int | float) or table[key] < 0:
                mistakes.append(f"{where}: {key!r} is {table[key]!r}; expected a number of 0 or more")
            else:
                settings[name] = table[key] * scale
        projects = table.get("projects", ["*"])
        if not isinstance(projects, list) or not all(isinstance(each, str) and each for each in projects):
            mistakes.append(f"{where}: 'projects' is {projects!r}; expected a list of patterns")
        private, connections = table.get("private_addresses", False), table.get("connections", 4)
        if not isinstance(private, bool):
            mistakes.append(f"{where}: 'private_addresses' is {private!r}; expected true or false")
        if isinstance(connections, bool) or not isinstance(connections, int) or not 1 <= connections <= 64:
            mistakes.append(f"{where}: 'connections' is {connections!r}; expected a whole number from 1 to 64")
        if not mistakes:
            _check_url(where, table, mistakes)
            more = {"projects": tuple(projects), "private_addresses": private, "connections": connections}
            found.append({"name": table["name"], "url": table["url"], **settings, **more})
    return found


def _check_url(where: str, table: dict[str, Any], mistakes: list[str]) -> None:
    try:
        upstreams_of([f"{table['name']}={table['url']}"])
    except click.UsageError as error:
        mistakes.append(f"{where}: {error.message}")


def _unknown(key: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(key, list(known), 1)
    return f"{key!r} is not known{f'; did you mean {near[0]!r}?' if near else ''}"
