"""The store, its index, pins and eviction against a model of them that fits into a page: a dictionary."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import shutil
import sqlite3
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from headrace.core.errors import AbortedError, DataLossError
from headrace.store.blobs import BlobStore
from headrace.store.following import Follower
from headrace.store.index import BlobIndex, Usage, evict, open_index
from headrace.store.reception import HELD_BYTES, Reception

SIZES = (0, 1, 100, 5000, HELD_BYTES, HELD_BYTES + 1, 3 * HELD_BYTES)
FILES = [random.Random(seed).randbytes(size) for seed, size in enumerate(SIZES)]
DIGESTS = [hashlib.sha256(data).hexdigest() for data in FILES]
NUMBERS = st.integers(0, len(FILES) - 1)
OWNERS = st.sampled_from(["private", "bundle a/b", "published acme/digits:3"])
LONG = int(os.environ.get("HEADRACE_MODEL_EXAMPLES", "0"))
"""So many examples of 60 steps instead of the few that a usual run takes."""


def examples(few: int) -> settings:
    """A few examples in a usual run, the number that is asked for in a long one."""
    return settings(max_examples=LONG or few, stateful_step_count=60 if LONG else 30, deadline=None, print_blob=True)


class StoreMachine(RuleBasedStateMachine):
    """What is done to a store, and what must hold then.

    The model: `there` has the files in the order of their use, `partial` how much has come of a file and whether it is right,
    `kept` who keeps what. Two handles of the index stand for two processes.
    """

    @initialize()
    def begin(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="store-"))
        self.now = 1e9
        self.there: list[int] = []
        self.indexed: set[int] = set()
        self.partial: dict[int, tuple[int, bool]] = {}
        self.kept: set[tuple[str, int]] = set()
        self.damaged: set[int] = set()
        self.open()

    def open(self) -> None:
        self.store = BlobStore(self.root)
        self.indexes = [BlobIndex(self.store, lambda: self.now) for _ in range(2)]

    def used(self, number: int) -> None:
        if number in self.there:
            self.there.remove(number)
        self.there.append(number)
        self.indexed.add(number)

    @rule(number=NUMBERS, which=st.integers(0, 1))
    def put(self, number: int, which: int) -> None:
        self.store.put(FILES[number], DIGESTS[number])
        self.indexes[which].add(DIGESTS[number], len(FILES[number]))
        self.partial.pop(number, None)
        self.used(number)

    @rule(number=NUMBERS, share=st.floats(0, 1), wrong=st.booleans())
    def receive(self, number: int, share: float, wrong: bool) -> None:
        """A receiver that stops somewhere: it dies, or the connection breaks off."""
        if number in self.there:
            assert self.store.receive(DIGESTS[number]) is None
            self.partial.pop(number, None)
            return
        before, right = self.partial.get(number, (0, True))
        reception = self.store.receive(DIGESTS[number])
        assert reception is not None
        assert reception.size == before
        piece = FILES[number][before : before + int(share * (len(FILES[number]) - before))]
        if wrong and piece:
            piece = bytes([piece[0] ^ 1]) + piece[1:]
        with reception:
            assert self.store.receive(DIGESTS[number]) is None, "there is one receiver"
            reception.write(piece)
            self.follow(number, reception)
        self.partial[number] = (before + len(piece), right and not (wrong and piece))

    def follow(self, number: int, reception: Reception) -> None:
        with Follower(self.store, DIGESTS[number]) as follower:
            assert follower.available() == max(0, reception.size - HELD_BYTES)
            assert not follower.is_whole

    @rule(number=NUMBERS, which=st.integers(0, 1))
    def finish(self, number: int, which: int) -> None:
        """The rest comes: the file is whole, or was wrong, and then none of it is left."""
        reception = self.store.receive(DIGESTS[number])
        if number in self.there:
            assert reception is None
            self.partial.pop(number, None)
            return
        assert reception is not None
        before, right = self.partial.pop(number, (0, True))
        with reception, Follower(self.store, DIGESTS[number]) as follower:
            reception.write(FILES[number][before:])
            if right:
                reception.finish()
                assert follower.is_whole
                assert follower.read(0, follower.available()) == FILES[number]
                self.indexes[which].add(DIGESTS[number], len(FILES[number]))
                self.used(number)
            else:
                with pytest.raises(DataLossError):
                    reception.finish()
                with pytest.raises(AbortedError):
                    follower.available()

    @rule(numbers=st.lists(NUMBERS, max_size=3), which=st.integers(0, 1))
    def touch(self, numbers: list[int], which: int) -> None:
        self.indexes[which].touch([DIGESTS[number] for number in numbers])
        for number in numbers:
            if number in self.indexed:
                self.used(number)

    @rule(numbers=st.lists(NUMBERS, max_size=3), owner=OWNERS, which=st.integers(0, 1))
    def pin(self, numbers: list[int], owner: str, which: int) -> None:
        self.indexes[which].pin([DIGESTS[number] for number in numbers], owner)
        self.kept |= {(owner, number) for number in numbers}

    @rule(owner=OWNERS, which=st.integers(0, 1))
    def unpin(self, owner: str, which: int) -> None:
        self.indexes[which].unpin(owner)
        self.kept = {each for each in self.kept if each[0] != owner}

    @rule(numbers=st.lists(NUMBERS, max_size=3), owner=OWNERS, which=st.integers(0, 1))
    def repin(self, numbers: list[int], owner: str, which: int) -> None:
        self.indexes[which].repin([DIGESTS[number] for number in numbers], owner)
        self.kept = {each for each in self.kept if each[0] != owner} | {(owner, number) for number in numbers}

    @rule(numbers=st.lists(NUMBERS, max_size=3), owner=OWNERS, which=st.integers(0, 1))
    def release(self, numbers: list[int], owner: str, which: int) -> None:
        free = self.indexes[which].release([DIGESTS[number] for number in numbers], owner)
        self.kept -= {(owner, number) for number in numbers}
        still = {number for _, number in self.kept}
        assert free == [DIGESTS[number] for number in dict.fromkeys(numbers) if number not in still]

    @rule(number=NUMBERS)
    def another_process_pins_just_now(self, number: int) -> None:
        """What is on the disk counts, even where the index does not know of it yet."""
        self.store.pins.add([DIGESTS[number]], "bundle a/b")
        self.kept.add(("bundle a/b", number))
        self.make_room(0, 0.0, 0)

    @rule(high=st.integers(0, 400_000), share=st.floats(0, 1), which=st.integers(0, 1))
    def make_room(self, high: int, share: float, which: int) -> None:
        low = int(high * share)
        size = sum(len(FILES[number]) for number in self.indexed)
        in_index = {number for _, number in self.kept} & {DIGESTS.index(each) for each in self.pinned_rows()}
        gone, surplus = [], size - low
        if size > high:
            for number in [each for each in self.there if each in self.indexed and each not in in_index]:
                if surplus <= 0:
                    break
                surplus -= len(FILES[number])
                if number not in {each for _, each in self.kept}:
                    gone.append(number)
        assert evict(self.store, self.indexes[which], high, low) == sum(len(FILES[number]) for number in gone)
        for number in gone:
            self.there.remove(number)
            self.indexed.discard(number)
            self.damaged.discard(number)

    def pinned_rows(self) -> set[str]:
        with contextlib.closing(sqlite3.connect(self.root / "index.sqlite")) as database:
            return {digest for (digest,) in database.execute("SELECT digest FROM pin")}

    @rule(seconds=st.sampled_from([-1e9, -3600.0, 0.0, 1.0, 3600.0, 1e9]))
    def the_clock_jumps(self, seconds: float) -> None:
        """Neither what was used then nor what is used now becomes the oldest by that."""
        self.now = max(1e6, self.now + seconds)  # later than what stands for the oldest file below
        if self.there and seconds < 0:
            self.touch([self.there[0]], 0)
            self.make_room(sum(len(FILES[number]) for number in self.indexed) - 1, 1.0, 0)

    @rule()
    def crash(self) -> None:
        """All objects are gone; what is on the disk stays."""
        for index in self.indexes:
            index.close()
        self.open()

    @rule(garbage=st.sampled_from([None, b"no database at all" * 500, b""]))
    def lose_the_index(self, garbage: bytes | None) -> None:
        for index in self.indexes:
            index.close()
        for path in self.root.glob("index.sqlite*"):
            path.unlink()
        if garbage is not None:
            (self.root / "index.sqlite").write_bytes(garbage)
        open_index(self.root).close()
        self.open()
        self.indexes[0].rebuild()
        # Files that came before the index was lost have the time at which they came; here that is of no interest.
        self.there.sort(key=lambda number: (self.store.path(DIGESTS[number]).stat().st_mtime, DIGESTS[number]))
        self.indexed = set(self.there)

    @rule(number=NUMBERS)
    def a_crash_between_file_and_index(self, number: int) -> None:
        """The file came, the row did not; reading the store anew adds it."""
        if number in self.there or number in self.partial:
            return
        self.store.put(FILES[number], DIGESTS[number])
        os.utime(self.store.path(DIGESTS[number]), (1.0, 1.0))  # older than all
        assert self.indexes[0].rebuild() == (1, 0)
        self.there.insert(0, number)
        self.indexed.add(number)
        ties = [each for each in self.there if self.store.path(DIGESTS[each]).stat().st_mtime == 1.0 and each != number]
        if ties:  # their order among one another is that of their digests, which says nothing: use makes it plain
            self.indexes[0].touch([DIGESTS[number]])
            self.used(number)

    @precondition(lambda self: self.there)
    @rule(data=st.data())
    def damage(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(self.there))
        path = self.store.path(DIGESTS[number])
        found = bytearray(path.read_bytes())
        if not found:
            return
        found[data.draw(st.integers(0, len(found) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        times = path.stat()
        path.write_bytes(found)
        os.utime(path, (times.st_atime, times.st_mtime))
        self.damaged = {each for each in self.there if self.store.path(DIGESTS[each]).read_bytes() != FILES[each]}

    @rule()
    def fsck(self) -> None:
        found = {DIGESTS.index(digest) for digest, _ in self.store.damaged()}
        assert found == self.damaged
        for number in found:
            assert self.store.quarantine(DIGESTS[number]).exists()
            self.there.remove(number)
        self.indexes[0].rebuild()
        self.indexed -= found
        self.damaged.clear()

    @rule(old=st.booleans())
    def forget_parts(self, old: bool) -> None:
        """Parts that nobody goes on with are thrown away, once they are old enough."""
        newest = max((path.stat().st_mtime for path in (self.root / "partial").iterdir()), default=0.0)
        freed = self.store.forget_parts(3600, newest + (7200 if old else 0))
        assert freed == (sum(size for size, _ in self.partial.values()) if old else 0)
        if old:
            self.partial.clear()

    @invariant()
    def nothing_is_lost_and_nothing_is_wrong(self) -> None:
        if not hasattr(self, "store"):
            return
        found = dict(self.store.walk())
        assert set(found) == {DIGESTS[number] for number in self.there}
        for number in self.there:
            if number not in self.damaged:
                assert found[DIGESTS[number]].read_bytes() == FILES[number]
        whole = sum(len(FILES[number]) for number in self.indexed)
        kept = sum(len(FILES[number]) for number in self.indexed if DIGESTS[number] in self.pinned_rows())
        for index in self.indexes:
            assert index.usage() == Usage(len(self.indexed), whole, kept)
        assert set(self.store.pins.all()) == {(DIGESTS[number], owner) for owner, number in self.kept}

    def teardown(self) -> None:
        if hasattr(self, "store"):
            for index in self.indexes:
                index.close()
            shutil.rmtree(self.root)


def test_the_store_and_its_index_agree_with_a_model() -> None:
    run_state_machine_as_test(StoreMachine, settings=examples(25))
