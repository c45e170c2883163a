"""What is put aside is counted, all of it and once, whoever reads when."""

from __future__ import annotations

import threading

import pytest

from headrace.core import tallies
from headrace.core.exposition import Counter, Histogram, render
from headrace.core.tallies import Tallies, Tally


class Counted:
    """Metrics that are fed by tallies."""

    def __init__(self) -> None:
        self.counter = Counter("c_total", "Counts.", ["name"])
        self.times = Histogram("t", "Times.", ["name"], [1.0, 2.0])
        self.tallies: Tallies[str] = Tallies(self._count, (self.counter, self.times))

    def _count(self, name: str, values: list[float]) -> None:
        self.counter.add((name,), len(values))
        self.times.observe_all((name,), values)


def test_readers_see_what_was_put_aside() -> None:
    counted = Counted()
    counted.tallies.of("a").add(0.5)
    counted.tallies.of("a").extend([1.0, 1.5, 9.0])
    assert counted.counter.values() == {("a",): 4.0}
    assert counted.counter.total == 4.0
    assert counted.times.totals() == {("a",): (4, 12.0)}
    counted.tallies.of("b").add(2.0)
    assert 't_bucket{name="a",le="1"} 2\n' in render([counted.times])
    assert 't_bucket{name="b",le="2"} 1\n' in render([counted.times])


def test_series_that_were_dropped_begin_anew() -> None:
    counted = Counted()
    counted.tallies.of("a").add(1.0)
    counted.tallies.of("b").add(1.0)
    for family in (counted.counter, counted.times):
        family.keep(lambda labels: labels == ("b",))
    counted.tallies.of("a").add(3.0)
    assert counted.counter.values() == {("a",): 1.0, ("b",): 1.0}
    assert counted.times.totals() == {("a",): (1, 3.0), ("b",): (1, 1.0)}


def test_many_values_are_counted_before_anybody_reads() -> None:
    found: list[list[float]] = []
    tally = Tally(found.append)
    for number in range(tallies.MOST_VALUES + 1):
        tally.add(number)
    assert found == [[*range(tallies.MOST_VALUES)]]
    tally.retire()
    tally.add(7.0)
    assert found[1:] == [[tallies.MOST_VALUES], [7.0]]


def test_more_keys_than_there_is_room_for_are_counted_all_the_same() -> None:
    counted = Counted()
    first = counted.tallies.of("0")
    for number in range(2 * tallies.MOST_KEYS + 5):
        counted.tallies.of(str(number)).add(1.0)
    first.add(1.0)
    assert counted.counter.values()[("0",)] == 2.0
    assert counted.counter.total == 2 * tallies.MOST_KEYS + 6


def test_nothing_is_lost_or_counted_twice_among_threads(quick_switches: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tallies, "MOST_VALUES", 7)
    monkeypatch.setattr(tallies, "MOST_KEYS", 3)
    counted = Counted()
    ended = threading.Event()

    def put(name: str) -> None:
        for number in range(3000):
            counted.tallies.of(f"{name}{number % 2}").add(1.0)
            counted.tallies.of("shared").extend([2.0, 2.0])

    def read() -> None:
        seen = 0.0
        while not ended.is_set():
            total = counted.counter.total
            assert total >= seen
            seen = total
            counted.times.totals()

    writers = [threading.Thread(target=put, args=(name,)) for name in "abcd"]
    reader = threading.Thread(target=read)
    for thread in (*writers, reader):
        thread.start()
    for thread in writers:
        thread.join()
    ended.set()
    reader.join()
    assert counted.counter.values() == {("shared",): 24_000.0} | {(f"{name}{n}",): 1500.0 for name in "abcd" for n in (0, 1)}
    assert counted.times.totals()[("shared",)] == (24_000, 48_000.0)
