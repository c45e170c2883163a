"""The advisories that were imported, by project.

advisories/current              the name of the database in force
advisories/osv-....sqlite       a database; it never changes once it has its name
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path

from headrace.mirror.policy.advisories.records import Advisory, Affecting

logger = logging.getLogger(__name__)

CURRENT = "current"
_MOST_PROJECTS = 500
SCHEMA = """
CREATE TABLE meta (advisories INTEGER NOT NULL, newest REAL NOT NULL, imported REAL NOT NULL);
CREATE TABLE advisory (project TEXT NOT NULL, id TEXT NOT NULL, score REAL, record TEXT NOT NULL, PRIMARY KEY (project, id))
    WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Status:
    """What is known of a database.

    Attributes:
        advisories: how many it has.
        newest: when the newest of them was changed, in seconds since 1970.
        imported: when it was imported, in seconds since 1970.
    """

    advisories: int
    newest: float
    imported: float


def in_force(folder: Path) -> Path | None:
    """The database in force; None when there is none."""
    try:
        name = (folder / CURRENT).read_text().strip()
    except OSError:
        return None
    path = folder / name
    return path if path.parent == folder and path.is_file() else None


class AdvisoryDatabase:
    """The database in force. `look` takes up a new one; the methods may be called from several threads.

    Args:
        folder: of the databases; it need not exist.

    Attributes:
        generation: changes with the database.
    """

    def __init__(self, folder: Path) -> None:
        self.generation = 0
        self._folder = folder
        self._lock = threading.Lock()
        self._path: Path | None = None
        self._connection: sqlite3.Connection | None = None
        self._status: Status | None = None
        self._known: dict[str, Affecting] = {}
        self.look()

    @property
    def status(self) -> Status | None:
        """What is known of the database in force; None when there is none."""
        return self._status

    def look(self) -> bool:
        """Takes up the database in force now; true when it is another one than before."""
        path = in_force(self._folder)
        with self._lock:
            if path == self._path:
                return False
            try:
                connection, status = _opened(path) if path is not None else (None, None)
            except sqlite3.Error as error:
                logger.error("the advisories %s cannot be read: %s; import them anew", path, error)
                connection, status = None, None
            if self._connection is not None:
                self._connection.close()
            self._path, self._connection, self._status = path, connection, status
            self._known = {}
            self.generation += 1
            return True

    def of(self, project: str) -> Affecting:
        """The advisories of a project, by normal name."""
        with self._lock:
            known = self._known.get(project)
            if known is not None or self._connection is None:
                return known or Affecting([])
            query = "SELECT score, record FROM advisory WHERE project = ? ORDER BY id"
            rows = self._connection.execute(query, (project,)).fetchall()
            found = self._known[project] = Affecting([decode(record, score) for score, record in rows])
            if len(self._known) > _MOST_PROJECTS:
                del self._known[next(iter(self._known))]
        return found

    def close(self) -> None:
        """Gives back the database."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._path, self._connection, self._status = None, None, None


def _opened(path: Path) -> tuple[sqlite3.Connection, Status]:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False)
    try:
        (row,) = connection.execute("SELECT advisories, newest, imported FROM meta").fetchall()
    except (sqlite3.Error, ValueError) as error:
        connection.close()
        raise sqlite3.DatabaseError(str(error)) from None
    return connection, Status(*row)


def encode(advisory: Advisory) -> str:
    """The record of an advisory, less its score."""
    parts = [advisory.id, advisory.aliases, advisory.summary, advisory.versions, advisory.ranges]
    return json.dumps(parts, separators=(",", ":"))


def decode(record: str, score: float | None) -> Advisory:
    """The advisory of a record."""
    name, aliases, summary, versions, ranges = json.loads(record)
    events = tuple(tuple((kind, version) for kind, version in each) for each in ranges)
    return Advisory(name, tuple(aliases), score, summary, tuple(versions), events)
