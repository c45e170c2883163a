"""What is known of the store's files beside their content: sizes, when they were used, and who wants to keep them.

A SQLite database that is no more than an index: when it is lost, `rebuild` reads it off the store, less the times of use.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from headrace.store.blobs import BlobStore

_SCHEMA = """
CREATE TABLE IF NOT EXISTS blob (digest TEXT PRIMARY KEY, size INTEGER NOT NULL, used REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS blob_used ON blob (used);
CREATE TABLE IF NOT EXISTS pin (digest TEXT NOT NULL, owner TEXT NOT NULL, PRIMARY KEY (digest, owner)) WITHOUT ROWID;
"""
_BUSY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Usage:
    """How much is in the store: files, and bytes in all and of files that are pinned."""

    files: int
    bytes: int
    pinned_bytes: int


class BlobIndex:
    """The index of a store. Its methods may be called from several threads and processes.

    Args:
        store: what it is about; a read-only one has no index on disk.
        clock: seconds since 1970.

    Raises:
        sqlite3.DatabaseError: the index is damaged; `open_index` makes it anew.
    """

    def __init__(self, store: BlobStore, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        path = ":memory:" if store.read_only else str(store.root / "index.sqlite")
        self._database = sqlite3.connect(path, timeout=_BUSY_SECONDS, check_same_thread=False, isolation_level=None)
        try:
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=NORMAL")
            self._database.executescript(_SCHEMA)
            self.usage()
        except sqlite3.DatabaseError:
            self.close()
            raise

    def add(self, digest: str, size: int) -> None:
        """Notes a file that came in, or was used."""
        with self._changing() as database:
            database.execute(
                "INSERT INTO blob VALUES (?, ?, ?) ON CONFLICT (digest) DO UPDATE SET size = excluded.size, used = excluded.used",
                (digest, size, self._clock()),
            )

    def touch(self, digests: Iterable[str]) -> None:
        """Notes that files were used now."""
        now = self._clock()
        with self._changing() as database:
            database.executemany("UPDATE blob SET used = ? WHERE digest = ?", [(now, digest) for digest in digests])

    def pin(self, digests: Iterable[str], owner: str) -> None:
        """Keeps files, whatever their age, for `owner`."""
        with self._changing() as database:
            database.executemany("INSERT OR IGNORE INTO pin VALUES (?, ?)", [(digest, owner) for digest in digests])

    def unpin(self, owner: str) -> None:
        """`owner` no longer keeps anything."""
        with self._changing() as database:
            database.execute("DELETE FROM pin WHERE owner = ?", (owner,))

    def forget(self, digest: str) -> None:
        """Notes that a file is gone."""
        with self._changing() as database:
            database.execute("DELETE FROM blob WHERE digest = ?", (digest,))

    def usage(self) -> Usage:
        """How much is in the store."""
        pinned = "SELECT DISTINCT digest FROM pin"
        with self._lock:
            files, size = self._database.execute("SELECT count(*), coalesce(sum(size), 0) FROM blob").fetchone()
            (kept,) = self._database.execute(f"SELECT coalesce(sum(size), 0) FROM blob WHERE digest IN ({pinned})").fetchone()
        return Usage(files, size, kept)

    def digests(self) -> set[str]:
        """All files that the index knows."""
        with self._lock:
            return {digest for (digest,) in self._database.execute("SELECT digest FROM blob")}

    def oldest(self, surplus: int) -> list[tuple[str, int]]:
        """Files that nobody pinned, the least recently used first, of at least `surplus` bytes together where there are as many."""
        found = []
        query = "SELECT digest, size FROM blob WHERE digest NOT IN (SELECT digest FROM pin) ORDER BY used, digest"
        with self._lock:
            for digest, size in self._database.execute(query):
                if surplus <= 0:
                    break
                found.append((digest, size))
                surplus -= size
        return found

    def rebuild(self) -> tuple[int, int]:
        """Makes the index agree with the files that are there; how many it lacked, and how many it had too many."""
        known = self.digests()
        there = {digest: path.stat() for digest, path in self._store.walk()}
        lacking = [(digest, found.st_size, found.st_mtime) for digest, found in there.items() if digest not in known]
        gone = [(digest,) for digest in known.difference(there)]
        with self._changing() as database:
            database.executemany("INSERT OR IGNORE INTO blob VALUES (?, ?, ?)", lacking)
            database.executemany("DELETE FROM blob WHERE digest = ?", gone)
        return len(lacking), len(gone)

    def close(self) -> None:
        """Gives back the database."""
        self._database.close()

    @contextlib.contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        """One transaction."""
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")


def evict(store: BlobStore, index: BlobIndex, high: int, low: int) -> int:
    """Makes room when the store holds more than `high` bytes: the least recently used files go until `low` bytes are left.

    Files that are pinned stay, however many they are.

    Returns:
        How many bytes went.
    """
    size = index.usage().bytes
    if size <= high:
        return 0
    freed = 0
    for digest, gone in index.oldest(size - low):
        store.delete(digest)
        index.forget(digest)
        freed += gone
    return freed


def open_index(root: Path) -> BlobIndex:
    """The index of the store at `root`, read anew where it is damaged."""
    store = BlobStore(root)
    try:
        return BlobIndex(store)
    except sqlite3.DatabaseError:
        for path in root.glob("index.sqlite*"):
            path.unlink()
        index = BlobIndex(store)
        index.rebuild()
        return index
