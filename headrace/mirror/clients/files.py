"""Changes clients' files: shown first, with a copy of what was there, in one step."""

from __future__ import annotations

import difflib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from headrace.core import durable
from headrace.core.errors import FailedPreconditionError
from headrace.mirror.clients.tools import Mirror, Tool

_MAX_BYTES = 4 << 20
_BACKUP = ".before-headrace"


@dataclass(frozen=True, slots=True)
class Change:
    """What is to become of a file.

    Attributes:
        path: of the file.
        before: its text; None when it is not there.
        after: its text; "" removes a file in which nothing would be left.
    """

    path: Path
    before: str | None
    after: str

    @property
    def is_none(self) -> bool:
        """True when the file stays as it is."""
        return (self.before or "") == self.after

    @property
    def difference(self) -> str:
        """For people, as `diff -u` shows it."""
        old, new = (self.before or "").splitlines(keepends=True), self.after.splitlines(keepends=True)
        return "".join(difflib.unified_diff(old, new, str(self.path), str(self.path)))


def planned(tool: Tool, folder: Path, mirror: Mirror | None) -> Change:
    """What is to become of a client's file.

    Args:
        tool: the client, one with a file.
        folder: of the project.
        mirror: what it is to ask; None takes its settings out again.

    Raises:
        FailedPreconditionError: the file cannot be read, or decides otherwise.
    """
    assert tool.path is not None
    assert tool.change is not None
    path = tool.path(folder)
    before = _read(path)
    newline = "\r\n" if before is not None and "\r\n" in before else "\n"
    text = (before or "").replace("\r\n", "\n")
    try:
        after = tool.back(text) if mirror is None else tool.change(text, mirror)
    except FailedPreconditionError as error:
        raise FailedPreconditionError(f"{path}: {error.message}") from None
    return Change(path, before, before or "" if after == text else after.replace("\n", newline))


def apply(change: Change) -> Path | None:
    """Writes a file in one step, through links, with the rights that it has; where the copy of what was there is.

    Raises:
        FailedPreconditionError: it changed since it was read, or cannot be written.
    """
    path = change.path.resolve()
    if _read(change.path) != change.before:
        raise FailedPreconditionError(f"{path} has changed since it was looked at; try again")
    try:
        if not change.after:
            path.unlink(missing_ok=True)
            return None
        path.parent.mkdir(parents=True, exist_ok=True)
        backup = None
        if change.before is not None:
            backup = _free(path)
            durable.write(backup, change.before.encode())
            backup.chmod(path.stat().st_mode & 0o777)
        mode = path.stat().st_mode & 0o777 if change.before is not None else 0o600
        work = path.with_name(f".{path.name}.{secrets.token_hex(6)}.partial")
        handle = os.open(work, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            with open(handle, "w", encoding="utf-8", newline="") as file:
                file.write(change.after)
                file.flush()
                os.fsync(file.fileno())
            work.chmod(mode)
            durable.move(work, path)
        finally:
            work.unlink(missing_ok=True)
    except OSError as error:
        raise FailedPreconditionError(f"{path} cannot be written: {error.strerror}") from None
    return backup


def _free(path: Path) -> Path:
    """A name for a copy that is not taken: the first copy, of what was there before any change, stays."""
    for number in range(1000):
        found = path.with_name(f"{path.name}{_BACKUP}{number or ''}")
        if not found.exists():
            return found
    raise FailedPreconditionError(f"{path} has a thousand copies of its earlier states; remove some")


def _read(path: Path) -> str | None:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            text = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise FailedPreconditionError(f"{path} cannot be read: {error}") from None
    if len(text) > _MAX_BYTES:
        raise FailedPreconditionError(f"{path} has more than {_MAX_BYTES} characters; no client's settings do")
    return text
