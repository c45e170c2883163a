"""Promises: who waits hears of the end once, whatever comes at the same time."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest

from headrace.core.errors import CancelledError
from headrace.serving.promise import Promise, kept


def together(*calls: object) -> None:
    """Runs functions at the same time, each on a thread of its own."""
    barrier = threading.Barrier(len(calls))

    def run(call: object) -> None:
        barrier.wait(30)
        assert callable(call)
        call()

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)


def test_an_answer() -> None:
    promise: Promise[int] = Promise()
    assert (promise.done, promise.wait(0), promise.value) == (False, False, None)
    with pytest.raises(TimeoutError, match="no answer in 0 s"):
        promise.result(0)
    assert promise.begin()
    assert not promise.cancel(), "too late"
    promise.give(3)
    promise.give(4)
    promise.fail(ValueError("late"))
    assert (promise.done, promise.result(), promise.value, promise.error) == (True, 3, 3, None)
    assert not promise.cancel()
    assert kept(5).result(0) == 5


def test_a_failure() -> None:
    promise: Promise[int] = Promise()
    promise.fail(ValueError("no"))
    promise.give(1)
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            promise.result(0)
    assert (promise.done, promise.cancelled, promise.value) == (True, False, None)


def test_one_that_is_called_off() -> None:
    promise: Promise[int] = Promise()
    assert promise.cancel()
    assert promise.cancel(), "it is so already"
    assert not promise.begin()
    promise.give(1)
    with pytest.raises(CancelledError, match="nobody waits"):
        promise.result(0)
    assert (promise.done, promise.cancelled, promise.value) == (True, True, None)


@pytest.mark.parametrize("end", ["give", "fail", "cancel"])
def test_whoever_waits_is_told(end: str) -> None:
    promise: Promise[int] = Promise()
    seen: list[str] = []
    promise.when_done(lambda: seen.append("before"))
    waiting = threading.Thread(target=lambda: seen.append(f"waited {promise.wait(30)}"))
    waiting.start()
    assert seen == []
    {"give": lambda: promise.give(1), "fail": lambda: promise.fail(OSError()), "cancel": promise.cancel}[end]()
    waiting.join(30)
    promise.when_done(lambda: seen.append("after"))
    assert sorted(seen) == ["after", "before", "waited True"]


def test_one_that_is_told_and_fails_keeps_nobody_else_waiting(caplog: pytest.LogCaptureFixture) -> None:
    promise: Promise[int] = Promise()
    seen: list[int] = []
    promise.when_done(lambda: 1 / 0)
    promise.when_done(lambda: seen.append(1))
    promise.give(1)
    assert seen == [1]
    assert "what was to be done with an answer failed" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_it_is_either_begun_or_called_off(quick_switches: None) -> None:
    for _ in range(300):
        promise: Promise[int] = Promise()
        ends: list[str] = []
        promise.when_done(lambda promise=promise, ends=ends: ends.append("cancelled" if promise.cancelled else "given"))
        found: dict[str, bool] = {}

        def begin(promise: Promise[int] = promise, found: dict[str, bool] = found) -> None:
            found["begun"] = promise.begin()
            if found["begun"]:
                promise.give(1)

        def cancel(promise: Promise[int] = promise, found: dict[str, bool] = found) -> None:
            found["cancelled"] = promise.cancel()

        together(begin, cancel)
        assert found["begun"] != found["cancelled"]
        assert ends == ["given" if found["begun"] else "cancelled"]


def test_what_is_added_while_it_ends_is_called_once(quick_switches: None) -> None:
    for number in range(300):
        promise: Promise[int] = Promise()
        seen: list[int] = []

        def add(promise: Promise[int] = promise, seen: list[int] = seen) -> None:
            for each in range(5):
                promise.when_done(lambda each=each: seen.append(each))

        def end(promise: Promise[int] = promise, number: int = number) -> None:
            promise.give(number)

        together(add, end, lambda promise=promise: promise.wait(30))
        assert sorted(seen) == [0, 1, 2, 3, 4]


def test_the_first_of_two_ends_counts(quick_switches: None) -> None:
    for _ in range(300):
        promise: Promise[int] = Promise()
        told: list[int] = []
        promise.when_done(lambda told=told: told.append(1))
        together(*(lambda promise=promise, number=number: promise.give(number) for number in (1, 2)))
        assert told == [1]
        assert promise.result(0) in (1, 2)


def test_no_cycle_is_left() -> None:
    class Waiter:
        def __init__(self) -> None:
            self.promise: Promise[int] = Promise()
            self.promise.when_done(self.end)

        def end(self) -> None:
            """Is told, and known by what it waits for."""

    gc.collect()
    gc.disable()
    try:
        waiter = Waiter()
        gone = weakref.ref(waiter)
        waiter.promise.give(1)
        del waiter
        assert gone() is None
        promise: Promise[int] = Promise()
        error = ValueError("no")
        promise.fail(error)
        with pytest.raises(ValueError, match="no"):
            promise.result(0)
        assert promise not in gc.get_referrers(promise)
    finally:
        gc.enable()
