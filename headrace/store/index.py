"""What is known of the store's files beside their content: sizes, when they were used, and who wants to keep them.

A SQLite database that is no more than an index: when it is lost, `rebuild` reads it off the store, less the times of use.
Times of use only order files. They never go back, so that a clock that is put back or forward does not change which are the oldest.
"""

from __future__ import annotations

import contextlib
import fcntl
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
_LOOK_SECONDS = 0.02
_NOW = "max(?, coalesce((SELECT max(used) FROM blob), 0) + 1e-5)"
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


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
        sqlite3.DatabaseError: the index cannot be opened. One that is damaged is made anew by `open_index`.
    """

    def __init__(self, store: BlobStore, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        path = ":memory:" if store.read_only else str(store.root / "index.sqlite")
        self._database = sqlite3.connect(path, timeout=_BUSY_SECONDS, check_same_thread=False, isolation_level=None)
        try:
            self._prepare()
        except sqlite3.DatabaseError:
            self.close()
            raise

    def _prepare(self) -> None:
        """Brings the database into the form that is expected. Others that do the same are waited for: SQLite itself does not
        wait where two change the kind of the journal at once."""
        until = time.monotonic() + _BUSY_SECONDS
        while True:
            try:
                self._database.execute("PRAGMA journal_mode=WAL")
                break
            except sqlite3.OperationalError as error:
                if _kind(error) != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
                time.sleep(_LOOK_SECONDS)
        self._database.execute("PRAGMA synchronous=NORMAL")
        self._database.executescript(_SCHEMA)
        (found,) = self._database.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise _damage(found)

    def add(self, digest: str, size: int) -> None:
        """Notes a file that came in, or was used."""
        with self._changing() as database:
            database.execute(
                f"INSERT INTO blob VALUES (?, ?, {_NOW})"
                " ON CONFLICT (digest) DO UPDATE SET size = excluded.size, used = excluded.used",
                (digest, size, self._clock()),
            )

    def touch(self, digests: Iterable[str]) -> None:
        """Notes that files were used now."""
        now = self._clock()
        with self._changing() as database:
            database.executemany(f"UPDATE blob SET used = {_NOW} WHERE digest = ?", [(now, digest) for digest in digests])

    def pin(self, digests: Iterable[str], owner: str) -> None:
        """Keeps files, whatever their age, for `owner`; also when the index is lost."""
        digests = list(digests)
        self._store.pins.add(digests, owner)
        with self._changing() as database:
            database.executemany("INSERT OR IGNORE INTO pin VALUES (?, ?)", [(digest, owner) for digest in digests])

    def unpin(self, owner: str) -> None:
        """`owner` no longer keeps anything."""
        with self._changing() as database:
            database.execute("DELETE FROM pin WHERE owner = ?", (owner,))
        self._store.pins.remove(owner)

    def repin(self, digests: Iterable[str], owner: str) -> None:
        """Keeps these files for `owner`, and no others any more."""
        wanted = set(digests)
        self._store.pins.add(wanted, owner)
        with self._changing() as database:
            database.execute("DELETE FROM pin WHERE owner = ?", (owner,))
            database.executemany("INSERT OR IGNORE INTO pin VALUES (?, ?)", [(digest, owner) for digest in wanted])
        self._store.pins.drop({digest for digest, who in self._store.pins.all() if who == owner} - wanted, owner)

    def release(self, digests: Iterable[str], owner: str) -> list[str]:
        """`owner` no longer keeps these files; those of them that nobody keeps now."""
        asked = list(dict.fromkeys(digests))
        with self._changing() as database:
            database.executemany("DELETE FROM pin WHERE digest = ? AND owner = ?", [(digest, owner) for digest in asked])
        self._store.pins.drop(asked, owner)
        return [digest for digest in asked if not self._store.pins.holds(digest)]

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

    def oldest(self, surplus: int) -> list[tuple[str, float]]:
        """Files that nobody pinned, and when they were used, the least recently used first, of at least `surplus` bytes together
        where there are as many."""
        found = []
        query = "SELECT digest, size, used FROM blob WHERE digest NOT IN (SELECT digest FROM pin) ORDER BY used, digest"
        with self._lock:
            for digest, size, used in self._database.execute(query):
                if surplus <= 0:
                    break
                found.append((digest, used))
                surplus -= size
        return found

    def let_go(self, digest: str, used: float, store: BlobStore) -> int:
        """Deletes a file of the store and forgets it, if it was not used after `used` and nobody has pinned it meanwhile.

        Returns:
            Its size in bytes; 0 when it stays.
        """
        asked = "SELECT size FROM blob WHERE digest = ? AND used = ? AND digest NOT IN (SELECT digest FROM pin)"
        with self._changing() as database:
            found = database.execute(asked, (digest, used)).fetchone()
            if found is None or store.pins.holds(digest):
                return 0
            store.delete(digest)  # a crash from here on leaves a row too many, and never a file that nobody counts
            database.execute("DELETE FROM blob WHERE digest = ?", (digest,))
        return int(found[0])

    def rebuild(self) -> tuple[int, int]:
        """Makes the index agree with the files that are there; how many it lacked, and how many it had too many."""
        known = self.digests()
        there = {}
        for digest, path in self._store.walk():
            with contextlib.suppress(FileNotFoundError):  # it has made room meanwhile
                there[digest] = path.stat()
        lacking = [(digest, found.st_size, found.st_mtime) for digest, found in there.items() if digest not in known]
        with self._changing() as database:
            gone = [(digest,) for digest in known.difference(there) if digest not in self._store]
            database.executemany("INSERT OR IGNORE INTO blob VALUES (?, ?, ?)", lacking)
            database.executemany("DELETE FROM blob WHERE digest = ?", gone)
            database.execute("DELETE FROM pin")
            database.executemany("INSERT OR IGNORE INTO pin VALUES (?, ?)", self._store.pins.all())
        return len(lacking), len(gone)

    def close(self) -> None:
        """Gives back the database, once nobody is about it."""
        with self._lock:
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
    return sum(index.let_go(digest, used, store) for digest, used in index.oldest(size - low))


def open_index(root: Path, read_only: bool = False) -> BlobIndex:
    """The index of the store at `root`, read anew where it is damaged, and always of one that is read-only.

    Raises:
        sqlite3.OperationalError: it is not damaged, but cannot be opened now: the disk is full, or another process has it for long.
    """
    store = BlobStore(root, read_only)
    if read_only:
        index = BlobIndex(store)
        index.rebuild()
        return index
    try:
        return BlobIndex(store)
    except sqlite3.DatabaseError as error:
        if _kind(error) not in _DAMAGED:
            raise
    with (root / "index.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            return BlobIndex(store)  # another process has made it anew by now
        except sqlite3.DatabaseError as error:
            if _kind(error) not in _DAMAGED:
                raise
        for path in root.glob("index.sqlite*"):
            path.unlink()
        index = BlobIndex(store)
        index.rebuild()
        return index


def _kind(error: sqlite3.Error) -> int:
    """SQLite's primary result code."""
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)) & 0xFF


def _damage(found: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(f"the index is damaged: {found}")
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error
