"""The store of files by their digest."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
from pathlib import Path

import pytest

from headrace.core.errors import AbortedError, DataLossError, InvalidArgumentError, PermissionDeniedError
from headrace.store.blobs import BlobStore
from headrace.store.following import Follower
from headrace.store.reception import HELD_BYTES, Reception

DATA = random.Random(0).randbytes(3 * HELD_BYTES)
DIGEST = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path)


def begin(store: BlobStore) -> Reception:
    reception = store.receive(DIGEST)
    assert reception is not None
    return reception


def test_a_file_is_there_once_it_is_whole(store: BlobStore) -> None:
    with begin(store) as reception:
        reception.write(DATA[:100])
        assert DIGEST not in store
        reception.write(DATA[100:])
        assert reception.finish().read_bytes() == DATA
    assert DIGEST in store
    assert list(store.walk()) == [(DIGEST, store.path(DIGEST))]
    assert not store.partial_path(DIGEST).exists()
    assert store.receive(DIGEST) is None, "there is nothing left to receive"
    assert not store.partial_path(DIGEST).exists()


def test_sha256sum_agrees(store: BlobStore) -> None:
    path = store.put(DATA, DIGEST)
    said = subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True).stdout
    assert said.split()[0] == path.name


def test_what_is_wrong_is_thrown_away(store: BlobStore) -> None:
    with begin(store) as reception:
        reception.write(DATA[:-1] + b"?")
        with pytest.raises(DataLossError, match=f"came with sha256 [0-9a-f]+; expected {DIGEST}"):
            reception.finish()
    assert DIGEST not in store
    with begin(store) as again:
        assert again.size == 0
    with pytest.raises(DataLossError):
        store.put(b"else", DIGEST)


def test_it_goes_on_where_a_receiver_was_stopped(store: BlobStore) -> None:
    with begin(store) as first:
        first.write(DATA[:1000])
    with begin(store) as second:
        assert second.size == 1000
        second.write(DATA[1000:])
        second.finish()
    assert store.path(DIGEST).read_bytes() == DATA


ASKING = """
import sys
from pathlib import Path
from headrace.store.blobs import BlobStore

print(BlobStore(Path(sys.argv[1])).receive(sys.argv[2]))
"""


def test_there_is_one_receiver(store: BlobStore) -> None:
    with begin(store) as reception:
        assert store.receive(DIGEST) is None
        command = [sys.executable, "-c", ASKING, store.root, DIGEST]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "None\n"
        reception.write(DATA)
        reception.finish()


KILLED = """
import os, sys
from pathlib import Path
from headrace.store.blobs import BlobStore

reception = BlobStore(Path(sys.argv[1])).receive(sys.argv[2])
reception.write(sys.stdin.buffer.read())
os.kill(os.getpid(), 9)
"""


def test_a_killed_receiver_leaves_its_part_and_no_lock(store: BlobStore) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, store.root, DIGEST], input=DATA[:5000], check=False)
    assert done.returncode == -9
    with begin(store) as reception:
        assert reception.size == 5000
        reception.write(DATA[5000:])
        reception.finish()


class TestFollower:
    def test_it_gets_all_but_the_end_until_the_file_is_whole(self, store: BlobStore) -> None:
        with begin(store) as reception:
            reception.write(DATA[: 2 * HELD_BYTES])
            with Follower(store, DIGEST) as follower:
                assert follower.available() == HELD_BYTES
                assert follower.read(10, 20) == DATA[10:30]
                reception.write(DATA[2 * HELD_BYTES :])
                assert (follower.available(), follower.is_whole) == (2 * HELD_BYTES, False)
                reception.finish()
                assert (follower.available(), follower.is_whole) == (len(DATA), True)
                assert follower.read(0, len(DATA)) == DATA

    def test_it_gives_up_when_the_part_is_thrown_away(self, store: BlobStore) -> None:
        with begin(store) as reception:
            reception.write(b"?" + DATA[1:])
            with Follower(store, DIGEST) as follower:
                assert follower.available() == 2 * HELD_BYTES
                with pytest.raises(DataLossError):
                    reception.finish()
                with pytest.raises(AbortedError, match="thrown away"):
                    follower.available()
                store.put(DATA, DIGEST)
                with pytest.raises(AbortedError, match="thrown away"):
                    follower.available()

    def test_a_whole_file(self, store: BlobStore) -> None:
        store.put(DATA, DIGEST)
        with Follower(store, DIGEST) as follower:
            store.delete(DIGEST)
            assert follower.read(0, len(DATA)) == DATA, "who has it open can go on"

    def test_nothing_there(self, store: BlobStore) -> None:
        with pytest.raises(FileNotFoundError):
            Follower(store, DIGEST)


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", DIGEST.upper(), DIGEST[:-1], DIGEST + "\n", "sha256:" + DIGEST])
def test_only_digests_name_files(store: BlobStore, digest: str) -> None:
    for ask in (store.path, store.receive, store.delete, store.quarantine, store.__contains__):
        with pytest.raises(InvalidArgumentError, match="is no sha256 digest; expected 64 hexadecimal digits"):
            ask(digest)


def test_damage_is_found_and_put_aside(store: BlobStore) -> None:
    path = store.put(DATA, DIGEST)
    assert list(store.damaged()) == []
    path.write_bytes(DATA[:-1])
    assert list(store.damaged()) == [(DIGEST, path)]
    assert store.quarantine(DIGEST).read_bytes() == DATA[:-1]
    assert DIGEST not in store


def test_a_copy_can_be_read_only(store: BlobStore) -> None:
    store.put(DATA, DIGEST)
    copy = BlobStore(store.root, read_only=True)
    assert copy.path(DIGEST).read_bytes() == DATA
    other = hashlib.sha256(b"other").hexdigest()
    for change in (lambda: copy.put(b"other", other), lambda: copy.receive(DIGEST), lambda: copy.delete(DIGEST)):
        with pytest.raises(PermissionDeniedError, match="open for reading only"):
            change()
