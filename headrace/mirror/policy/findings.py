"""What was found out about files by looking at more than their page: kept by digest, and project, so that it is found out once.

A SQLite database; when it is lost, the findings are made anew, and so are the publishers that projects had at first.
"""

from __future__ import annotations

import contextlib
import json
import math
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS found (
    project TEXT NOT NULL, kind TEXT NOT NULL, digest TEXT NOT NULL, value TEXT NOT NULL, until REAL NOT NULL,
    PRIMARY KEY (project, kind, digest)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS publisher (
    project TEXT PRIMARY KEY, identity TEXT NOT NULL, filename TEXT NOT NULL, uploaded REAL NOT NULL, noted REAL NOT NULL)
    WITHOUT ROWID;
"""
_BUSY_SECONDS = 30.0
_MOST_PROJECTS = 2000

Finding = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kept:
    """A finding.

    Attributes:
        value: what was found.
        until: the time that it holds for, in seconds since 1970; infinite for good.
    """

    value: Finding
    until: float

    def holds(self, now: float) -> bool:
        """True while it counts."""
        return now < self.until


@dataclass(frozen=True, slots=True)
class FirstPublisher:
    """Who published a project's files when the mirror first looked.

    Attributes:
        identity: who.
        filename: the file that was looked at.
        uploaded: when that file came to be upstream, in seconds since 1970.
    """

    identity: Mapping[str, str]
    filename: str
    uploaded: float


class Findings:
    """The findings of a mirror. Its methods may be called from several threads, and several processes may share the file.

    Args:
        path: of the database; its folder must exist.
        clock: seconds since 1970.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._database = sqlite3.connect(path, timeout=_BUSY_SECONDS, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=NORMAL")
        self._database.executescript(_SCHEMA)
        self._generations: dict[str, int] = {}
        self._known: dict[tuple[str, str], tuple[tuple[int, int], dict[str, Kept]]] = {}

    def generation(self, project: str) -> tuple[int, int]:
        """Changes when something is found out about a project's files, here or in another process."""
        with self._lock:
            return self._generation(project)

    def of(self, project: str, kind: str) -> dict[str, Kept]:
        """The findings of a kind about a project's files, by digest; they are not to be changed."""
        with self._lock:
            generation = self._generation(project)
            known = self._known.get((project, kind))
            if known is None or known[0] != generation:
                query = "SELECT digest, value, until FROM found WHERE project = ? AND kind = ?"
                rows = self._database.execute(query, (project, kind)).fetchall()
                known = (generation, {digest: Kept(json.loads(value), until) for digest, value, until in rows})
                if len(self._known) >= _MOST_PROJECTS:
                    del self._known[next(iter(self._known))]
                self._known[project, kind] = known
        return known[1]

    def note(self, project: str, digest: str, kind: str, value: Finding, seconds: float | None = None) -> None:
        """Keeps what was found out about a file: for good, or for so many seconds."""
        until = math.inf if seconds is None else self._clock() + seconds
        with self._lock:
            before = self._generation(project)
            row = (project, kind, digest, json.dumps(value), until)
            self._database.execute("INSERT OR REPLACE INTO found VALUES (?, ?, ?, ?, ?)", row)
            self._changed(project)
            known = self._known.get((project, kind))
            if known is not None and known[0] == before:  # so that not all of them are read again
                generation = self._generations[project], before[1]
                self._known[project, kind] = generation, {**known[1], digest: Kept(value, until)}

    def publisher(self, project: str) -> FirstPublisher | None:
        """Who published a project's files at first; None while nobody is known."""
        query = "SELECT identity, filename, uploaded FROM publisher WHERE project = ?"
        with self._lock:
            row = self._database.execute(query, (project,)).fetchone()
        return FirstPublisher(json.loads(row[0]), row[1], row[2]) if row is not None else None

    def publishers(self) -> list[tuple[str, FirstPublisher]]:
        """The projects whose publishers are known, and who they were at first."""
        query = "SELECT project, identity, filename, uploaded FROM publisher ORDER BY project"
        with self._lock:
            rows = self._database.execute(query).fetchall()
        return [(row[0], FirstPublisher(json.loads(row[1]), row[2], row[3])) for row in rows]

    def meet(self, project: str, identity: Mapping[str, str], filename: str, uploaded: float) -> None:
        """Keeps who published a project's files, if it is the first that is met."""
        row = (project, json.dumps(identity), filename, uploaded, self._clock())
        with self._lock:
            self._database.execute("INSERT OR IGNORE INTO publisher VALUES (?, ?, ?, ?, ?)", row)
            self._changed(project)

    def forget(self, project: str) -> bool:
        """Forgets who published a project's files at first; false when nobody was known."""
        with self._lock:
            gone = self._database.execute("DELETE FROM publisher WHERE project = ?", (project,)).rowcount > 0
            self._changed(project)
        return gone

    def close(self) -> None:
        """Gives back the database."""
        self._database.close()

    def _generation(self, project: str) -> tuple[int, int]:
        (others,) = self._database.execute("PRAGMA data_version").fetchone()
        return self._generations.get(project, 0), others

    def _changed(self, project: str) -> None:
        self._generations[project] = self._generations.get(project, 0) + 1


def open_findings(path: Path) -> Findings:
    """The findings in a database, begun anew where it is damaged."""
    try:
        return Findings(path)
    except sqlite3.DatabaseError:
        for each in path.parent.glob(f"{path.name}*"):
            with contextlib.suppress(FileNotFoundError):
                each.unlink()
        return Findings(path)
