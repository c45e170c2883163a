"""Makes a database of advisories out of OSV's files: whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import json
import secrets
import sqlite3
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

from headrace.core import durable
from headrace.core.errors import DataLossError, FailedPreconditionError, InvalidArgumentError, ResourceExhaustedError
from headrace.mirror.policy.advisories.database import CURRENT, SCHEMA, AdvisoryDatabase, Status, encode, in_force
from headrace.mirror.policy.advisories.osv import read_osv

_MAX_FILES = 2_000_000
_MAX_FILE_BYTES = 32 << 20
_MAX_BYTES = 32 << 30
_KEPT = 2
"""Databases that stay: the one in force, and the one before."""
_LEAST_SHARE = 0.5


def import_advisories(source: Path, folder: Path, force: bool = False) -> Status:
    """Puts the advisories of a file or folder in force, in place of those that were.

    Args:
        source: a zip file of OSV's JSON documents, or a folder of them.
        folder: of the databases.
        force: also when the new ones are fewer than half as many, or older.

    Raises:
        InvalidArgumentError: the source cannot be read, or has no advisory of Python's packages.
        DataLossError: a document is damaged.
        ResourceExhaustedError: it is larger than any such source should be.
        FailedPreconditionError: it has less than half as many advisories as those in force, or is older.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "import.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        work = folder / f".{secrets.token_hex(8)}.partial"
        try:
            status = _build(source, work)
            if not force:
                _check(folder, status)
            durable.sync(work)
            name = f"osv-{int(status.imported)}-{secrets.token_hex(4)}.sqlite"
            durable.move(work, folder / name)
            before = in_force(folder)
            durable.write(folder / CURRENT, f"{name}\n".encode())
        finally:
            work.unlink(missing_ok=True)
        _clean(folder, {folder / name, before})
    return status


def _build(source: Path, path: Path) -> Status:
    scores: dict[str, float] = {}
    unrated: list[tuple[str, str, tuple[str, ...]]] = []
    newest = 0.0
    ids: set[str] = set()
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=OFF")
        database.executescript(SCHEMA)
        for where, data in _documents(source):
            try:
                document = json.loads(data)
            except (ValueError, RecursionError) as error:
                raise DataLossError(f"{where} is no JSON: {error}") from None
            found, modified = read_osv(document, where)
            newest = max(newest, modified)
            for project, advisory in found.items():
                ids.add(advisory.id)
                if advisory.score is None:
                    unrated.append((project, advisory.id, advisory.aliases))
                else:
                    scores[advisory.id] = max(advisory.score, scores.get(advisory.id, 0.0))
                row = (project, advisory.id, advisory.score, encode(advisory))
                database.execute("INSERT OR REPLACE INTO advisory VALUES (?, ?, ?, ?)", row)
        if not ids:
            raise InvalidArgumentError(f"{source} has no advisory of Python's packages; expected OSV's JSON documents of PyPI")
        for project, name, aliases in unrated:  # what another database says of the same
            known = [scores[each] for each in aliases if each in scores]
            if known:
                database.execute("UPDATE advisory SET score = ? WHERE project = ? AND id = ?", (max(known), project, name))
        status = Status(len(ids), newest, time.time())
        database.execute("INSERT INTO meta VALUES (?, ?, ?)", (status.advisories, status.newest, status.imported))
        database.commit()
    return status


def _check(folder: Path, status: Status) -> None:
    known = AdvisoryDatabase(folder)
    before = known.status
    known.close()
    if before is None:
        return
    if status.advisories < before.advisories * _LEAST_SHARE:
        raise FailedPreconditionError(
            f"the new database has {status.advisories} advisories, that in force {before.advisories};"
            " so many do not vanish by themselves. If it is right, import it with --force"
        )
    if status.newest < before.newest:
        raise FailedPreconditionError(
            f"the new database ends at {_day(status.newest)}, that in force at {_day(before.newest)};"
            " if an older one is wanted, import it with --force"
        )


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def _clean(folder: Path, kept: set[Path | None]) -> None:
    there = sorted(folder.glob("osv-*.sqlite"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in [each for each in there if each not in kept][max(0, _KEPT - len(kept)) :]:
        path.unlink(missing_ok=True)


def _documents(source: Path) -> Iterator[tuple[str, bytes]]:
    """The names and contents of the documents."""
    left = _MAX_BYTES
    pieces = _of_folder(source) if source.is_dir() else _of_zip(source)
    for count, (where, data) in enumerate(pieces):
        left -= len(data)
        if count >= _MAX_FILES or left < 0:
            raise ResourceExhaustedError(f"{source} has more than {_MAX_FILES} documents, or {_MAX_BYTES} bytes")
        yield where, data


def _of_zip(source: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(source) as archive:
            for member in archive.infolist():
                if member.filename.endswith(".json"):
                    with archive.open(member) as file:
                        yield f"{source.name}/{member.filename[:100]}", _bounded(member.filename, file.read(_MAX_FILE_BYTES + 1))
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise InvalidArgumentError(f"{source} cannot be read as a zip file or a folder: {error}") from None


def _of_folder(source: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(source.rglob("*.json")):
        with path.open("rb") as file:
            yield str(path.relative_to(source)), _bounded(path.name, file.read(_MAX_FILE_BYTES + 1))


def _bounded(name: str, data: bytes) -> bytes:
    if len(data) > _MAX_FILE_BYTES:
        raise ResourceExhaustedError(f"{name[:100]} has more than {_MAX_FILE_BYTES} bytes")
    return data
