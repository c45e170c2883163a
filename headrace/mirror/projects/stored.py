"""Upstreams' lists on disk.

lists/UPSTREAM/state.json         when it was asked for, and what upstream said beside it
lists/UPSTREAM/DIGEST.gz          a line for each project: its normal name, its name, its entry as JSON, parted by tabs
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from headrace.core import durable
from headrace.core.errors import DataLossError, InvalidArgumentError
from headrace.mirror.index.names import normalize
from headrace.mirror.index.negotiation import GZIP
from headrace.mirror.index.packing import packed_file, unpacked_file
from headrace.mirror.projects.reading import Entry

_MAX_LINE = 4096
_MAX_PROJECTS = 10_000_000


@dataclass(frozen=True, slots=True)
class StoredList:
    """What upstream said of its projects.

    Attributes:
        digest: of the lines; "" for an upstream that has no list.
        etag: to be sent when asking again; "" without one.
        serial: counts upstream's changes; None without one.
        checked: when upstream last said that this is its list, in seconds since 1970.
        projects: how many are on it.
    """

    digest: str
    etag: str
    serial: int | None
    checked: float
    projects: int

    def at(self, now: float) -> StoredList:
        """The same list, which upstream has confirmed just now."""
        return replace(self, checked=now)


class ListFiles:
    """The folder of the lists."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, upstream: str) -> StoredList | None:
        """The list that is kept; None when there is none, or what there is cannot be used."""
        folder = self._of(upstream)
        try:
            found = StoredList(**json.loads((folder / "state.json").read_bytes()))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        return found if not found.digest or (folder / f"{found.digest}.gz").exists() else None

    def write(self, upstream: str, found: StoredList) -> None:
        """Keeps a list whose lines are there; those of others go."""
        folder = self._of(upstream)
        folder.mkdir(parents=True, exist_ok=True)
        durable.write(folder / "state.json", json.dumps(asdict(found)).encode())
        for path in folder.glob("*.gz"):
            if path.stem != found.digest:
                path.unlink(missing_ok=True)

    def sink(self, upstream: str) -> LinesSink:
        """Takes a new list, in a `with` block."""
        folder = self._of(upstream)
        folder.mkdir(parents=True, exist_ok=True)
        return LinesSink(folder)

    def lines(self, upstream: str, found: StoredList) -> Iterator[tuple[str, str, str]]:
        """The normal name, the name and the entry of each project.

        Raises:
            FileNotFoundError: a newer list has taken its place.
        """
        if not found.digest:
            return
        with unpacked_file(self._of(upstream) / f"{found.digest}.gz") as lines:
            for line in lines:
                normal, name, entry = line.decode().rstrip("\n").split("\t")
                yield normal, name, entry

    def _of(self, upstream: str) -> Path:
        return self._folder / normalize(upstream)


class LinesSink:
    """Writes the lines of a list; what is not finished leaves nothing. Its methods are called one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._work = folder / f".{secrets.token_hex(6)}.partial"
        self._file = self._work.open("xb")
        self._lines = packed_file(self._file, GZIP)
        self._state = hashlib.sha256()
        self.projects = 0
        self.odd = 0

    def add(self, entries: Iterable[Entry]) -> None:
        """Takes entries. Those whose name is none are left out and counted as odd.

        Raises:
            DataLossError: there are too many.
        """
        for entry in entries:
            name = entry["name"]
            try:
                normal = normalize(name)
            except InvalidArgumentError:
                self.odd += 1
                continue
            text = json.dumps(entry, separators=(",", ":"))
            if len(text) > _MAX_LINE:
                text = json.dumps({"name": name})
            line = f"{normal}\t{name}\t{text}\n".encode()
            self._state.update(line)
            self._lines.write(line)
            self.projects += 1
            if self.projects > _MAX_PROJECTS:
                raise DataLossError(f"the list has more than {_MAX_PROJECTS} projects")

    def finish(self) -> str:
        """Gives the file its place; its digest."""
        self._lines.close()
        self._file.flush()
        durable.sync(self._work)
        digest = self._state.hexdigest()
        durable.move(self._work, self.folder / f"{digest}.gz")
        return digest

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with contextlib.suppress(ValueError):
            self._lines.close()
        self._file.close()
        self._work.unlink(missing_ok=True)
