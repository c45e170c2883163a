"""What is known of the store's files, and how room is made."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest

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
