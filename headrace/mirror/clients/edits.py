"""Changes of a client's file of settings that leave everything else in it as it is."""

from __future__ import annotations

import configparser
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass

from headrace.core.errors import FailedPreconditionError

MARK = "# headrace mirror"
"""Stands behind or before what was written here, so that it is found again."""
_BEFORE = "# headrace mirror, before: "
_SECTION = re.compile(r"\s*\[\s*(?P<name>[^\]]+?)\s*\]\s*(?:[#;].*)?")


@dataclass(frozen=True, slots=True)
class Setting:
    """A key of a section of an INI file, and its value."""

    section: str
    key: str
    value: str


def set_ini(text: str, settings: list[Setting]) -> str:
    """An INI file with settings; values of theirs that were there stay as remarks, to be put back by `unset`.

    Raises:
        FailedPreconditionError: the file cannot be read.
    """
    sections(text)
    lines = unset(text).splitlines()
    for setting in settings:
        lines = _set(lines, setting)
    made = "\n".join(lines) + "\n"
    sections(made)
    return made


def _set(lines: list[str], setting: Setting) -> list[str]:
    """One setting, at the end of its section, which is made where it is missing."""
    start = _find_section(lines, setting.section)
    added = [MARK, f"{setting.key} = {setting.value}"]
    if start is None:
        gap = [""] if lines and lines[-1].strip() else []
        return [*lines, *gap, f"[{setting.section}]", *added]
    stop = next((place for place in range(start + 1, len(lines)) if _SECTION.fullmatch(lines[place])), len(lines))
    body: list[str] = []
    taken = False
    for line in lines[start + 1 : stop]:
        key = line.partition("=")[0].partition(":")[0].strip().lower().replace("_", "-")
        goes_on = taken and line[:1].isspace() and line.strip()
        taken = bool(goes_on) or (key == setting.key and ("=" in line or ":" in line) and not line.lstrip().startswith(("#", ";")))
        body.append(f"{_BEFORE}{line}" if taken else line)
    while body and not body[-1].strip():
        body.pop()
    gap = [""] if stop < len(lines) else []
    return [*lines[: start + 1], *body, *added, *gap, *lines[stop:]]


def _find_section(lines: list[str], name: str) -> int | None:
    for place, line in enumerate(lines):
        found = _SECTION.fullmatch(line)
        if found is not None and found["name"] == name:
            return place
    return None


def sections(text: str) -> dict[str, list[str]]:
    """The sections of an INI file, and the names of their settings with "-" for "_", as pip reads them.

    Raises:
        FailedPreconditionError: the file cannot be read.
    """
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise FailedPreconditionError(f"the file cannot be read as the client reads it: {error}; mend it first") from None
    return {name: [key.replace("_", "-") for key in parser.options(name)] for name in parser.sections()}


def set_toml(text: str, block: str, owned: Callable[[dict[str, object]], str]) -> str:
    """A TOML file with a block of tables at its end.

    Args:
        text: of the file.
        block: what is added.
        owned: says which key of the file, if any, already decides what the block decides; "" when none does.

    Raises:
        FailedPreconditionError: the file cannot be read, or already decides it.
    """
    rest = unset(text)
    try:
        found = owned(tomllib.loads(rest))
    except tomllib.TOMLDecodeError as error:
        raise FailedPreconditionError(f"the file cannot be read as TOML: {error}; mend it first") from None
    if found:
        raise FailedPreconditionError(
            f"the file already has {found}, which is not changed here; take it out, or change it by hand to that of the mirror"
        )
    made = f"{rest.rstrip()}\n\n{_block(block)}".lstrip("\n")
    try:
        tomllib.loads(made)
    except tomllib.TOMLDecodeError as error:
        raise FailedPreconditionError(f"the table cannot be added to what is there ({error}); add by hand: {block}") from None
    return made


def set_lines(text: str, block: str) -> str:
    """A file of lines, such as one of environment variables, with a block at its end."""
    rest = unset(text)
    return f"{rest.rstrip()}\n\n{_block(block)}".lstrip("\n")


def unset(text: str) -> str:
    """The file without what was written here, and with what was there before."""
    lines: list[str] = []
    source = iter(text.splitlines())
    changed = False
    for line in source:
        if line == f"{MARK}: begin":
            changed = True
            for inside in source:
                if inside == f"{MARK}: end":
                    break
            while lines and not lines[-1].strip():
                lines.pop()
        elif line == MARK:
            changed = True
            next(source, None)
        elif line.startswith(_BEFORE):
            changed = True
            lines.append(line.removeprefix(_BEFORE))
        else:
            lines.append(line)
    if not changed:
        return text
    while lines and (not lines[-1].strip() or _is_empty_section(lines)):
        lines.pop()
    return "\n".join(lines) + "\n" if lines else ""


def _is_empty_section(lines: list[str]) -> bool:
    """True when the last line begins a section with nothing in it."""
    return _SECTION.fullmatch(lines[-1]) is not None


def _block(text: str) -> str:
    return f"{MARK}: begin\n{text.rstrip()}\n{MARK}: end\n"
