"""Who keeps which files: an empty file `pins/OWNER/DIGEST` for each.

So the folder remains the truth when the index is lost.
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote, unquote

from headrace.core import durable
from headrace.core.errors import InvalidArgumentError
from headrace.store import digests

_MAX_NAME_BYTES = 255


class Pins:
    """The folder of the pins; several processes may use it at the same time.

    Args:
        folder: it is made when something is pinned.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, found: Iterable[str], owner: str) -> None:
        """Keeps files for `owner`.

        Raises:
            InvalidArgumentError: one is no digest, or the owner has no name that a folder could have.
        """
        names = [digests.check(digest) for digest in found]
        folder = self._of(owner)
        if not folder.is_dir():
            durable.folder(self._folder)
            durable.folder(folder)
        fresh = [path for name in names if not (path := folder / name).exists()]
        for path in fresh:
            path.touch()
        if fresh:
            durable.sync(folder)

    def remove(self, owner: str) -> None:
        """Keeps nothing for `owner` any more; all at once, also when this is stopped half way."""
        folder = self._of(owner)
        gone = folder.with_name(f".{secrets.token_hex(8)}.gone")
        with contextlib.suppress(FileNotFoundError):
            folder.rename(gone)
            durable.sync(self._folder)
        for left in self._folder.glob(".*.gone"):
            shutil.rmtree(left, ignore_errors=True)

    def drop(self, found: Iterable[str], owner: str) -> None:
        """Keeps these files no longer for `owner`."""
        folder = self._of(owner)
        gone = [folder / digests.check(digest) for digest in found]
        for path in gone:
            path.unlink(missing_ok=True)
        if gone and folder.is_dir():
            durable.sync(folder)

    def holds(self, digest: str) -> bool:
        """True when somebody keeps this file."""
        return any((folder / digest).exists() for folder in self._owners())

    def all(self) -> Iterator[tuple[str, str]]:
        """Digest and owner of all that is kept."""
        for folder in self._owners():
            with contextlib.suppress(FileNotFoundError):
                for path in folder.iterdir():
                    if digests.is_digest(path.name):
                        yield path.name, unquote(folder.name)

    def _owners(self) -> list[Path]:
        return [path for path in sorted(self._folder.glob("*")) if not path.name.startswith(".")]

    def _of(self, owner: str) -> Path:
        name = quote(owner, safe="")
        if not name or name.startswith(".") or len(name) > _MAX_NAME_BYTES:
            raise InvalidArgumentError(f"{owner[:80]!r} cannot keep files; expected a short name that does not begin with a dot")
        return self._folder / name
