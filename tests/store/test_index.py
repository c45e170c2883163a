"""What is known of the store's files, and how room is made."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import threading
from pathlib import Path

import pytest

from headrace.core.errors import InvalidArgumentError
from headrace.store.blobs import BlobStore
from headrace.store.index import BlobIndex, Usage, evict, open_index


class Clock:
    def __init__(self) -> None:
        self.now = 1e9

    def __call__(self) -> float:
        self.now += 1
        return self.now


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path)


def fill(store: BlobStore, index: BlobIndex, count: int) -> list[str]:
    """Files of 100 bytes each."""
    found = []
    for n in range(count):
        data = b"%100d" % n
        digest = hashlib.sha256(data).hexdigest()
        store.put(data, digest)
        index.add(digest, len(data))
        found.append(digest)
    return found


def test_the_least_recently_used_make_room(store: BlobStore) -> None:
    index = BlobIndex(store, Clock())
    files = fill(store, index, 10)
    index.touch(files[:2])
    index.pin([files[2]], "bundle")
    assert index.usage() == Usage(10, 1000, 100)
    assert evict(store, index, high=1000, low=500) == 0, "not over the mark yet"
    assert evict(store, index, high=900, low=500) == 500
    left = [files[n] for n in (0, 1, 2, 8, 9)]
    assert sorted(digest for digest, _ in store.walk()) == sorted(left)
    assert index.digests() == set(left)
    assert evict(store, index, high=0, low=0) == 400, "what is pinned stays"
    assert index.digests() == {files[2]}
    index.unpin("bundle")
    assert evict(store, index, high=0, low=0) == 100
    index.close()


def test_it_is_read_off_the_store_when_it_is_lost(store: BlobStore) -> None:
    index = open_index(store.root)
    files = fill(store, index, 3)
    index.close()
    for path in store.root.glob("index.sqlite*"):
        path.unlink()
    again = open_index(store.root)
    assert again.usage().files == 0
    assert again.rebuild() == (3, 0)
    assert again.digests() == set(files)
    store.delete(files[0])
    assert again.rebuild() == (0, 1)
    again.close()
    (store.root / "index.sqlite").write_bytes(b"no database at all, but long enough to be read as one" * 100)
    mended = open_index(store.root)
    assert mended.usage() == Usage(2, 200, 0)
    mended.close()


def test_threads_may_use_it_together(store: BlobStore) -> None:
    indexes = [open_index(store.root) for _ in range(2)]
    digests = [f"{n:064x}" for n in range(200)]

    def add(index: BlobIndex, part: list[str]) -> None:
        for digest in part:
            index.add(digest, 1)
            index.touch([digest])

    threads = [threading.Thread(target=add, args=(indexes[n % 2], digests[n::4])) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [index.usage() for index in indexes] == [Usage(200, 200, 0)] * 2
    for index in indexes:
        index.close()


def test_an_index_that_is_in_use_is_not_taken_for_damaged(store: BlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    first = open_index(store.root)
    files = fill(store, first, 2)
    monkeypatch.setattr("headrace.store.index._BUSY_SECONDS", 0.1)
    with contextlib.closing(sqlite3.connect(store.root / "index.sqlite", isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        first.close()
        other.execute("BEGIN EXCLUSIVE")
        other.execute("SELECT * FROM blob").fetchall()
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            open_index(store.root)
        other.execute("COMMIT")
    again = open_index(store.root)
    assert again.digests() == set(files)
    again.close()


def test_files_that_are_kept_outlive_the_index(store: BlobStore) -> None:
    index = open_index(store.root)
    files = fill(store, index, 3)
    index.pin(files[:2], "private")
    index.close()
    for path in store.root.glob("index.sqlite*"):
        path.unlink()
    again = open_index(store.root)
    again.rebuild()
    assert again.usage() == Usage(3, 300, 200)
    assert evict(store, again, high=0, low=0) == 100
    assert {digest for digest, _ in store.walk()} == set(files[:2])
    again.close()


def test_a_file_that_is_used_or_kept_meanwhile_does_not_make_room(store: BlobStore) -> None:
    one, two = open_index(store.root), open_index(store.root)
    files = fill(store, one, 4)
    chosen = one.oldest(1000)
    two.touch([files[0]])
    two.pin([files[1]], "bundle")
    store.pins.add([files[2]], "bundle")
    assert [one.let_go(digest, used, store) for digest, used in chosen] == [0, 0, 0, 100]
    assert {digest for digest, _ in store.walk()} == set(files[:3])
    for index in (one, two):
        index.close()


def test_a_clock_that_jumps_does_not_change_which_are_the_oldest(store: BlobStore) -> None:
    now = [1e9]
    index = BlobIndex(store, lambda: now[0])
    files = []
    for jump in (0.0, 1e9, -1.5e9, 60.0, -60.0):
        now[0] += jump
        data = b"%100d" % len(files)
        files.append(hashlib.sha256(data).hexdigest())
        store.put(data, files[-1])
        index.add(files[-1], 100)
    index.touch([files[1]])
    assert [digest for digest, _ in index.oldest(1000)] == [files[0], *files[2:], files[1]]
    index.close()


@pytest.mark.parametrize("owner", ["", ".", "..", "a" * 300])
def test_who_keeps_files_has_a_name(store: BlobStore, owner: str) -> None:
    index = open_index(store.root)
    with pytest.raises(InvalidArgumentError, match="cannot keep files"):
        index.pin([], owner)
    index.close()


def test_files_that_make_room_while_all_are_read_again(store: BlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    index = open_index(store.root)
    files = sorted(fill(store, index, 3))
    found = list(store.walk())
    store.delete(files[0])
    store.path(files[1]).write_bytes(b"damaged")
    monkeypatch.setattr(store, "walk", lambda: iter(found))
    assert [digest for digest, _ in store.damaged()] == [files[1]]
    assert index.rebuild() == (0, 1)
    assert index.digests() == set(files[1:])
    index.close()
