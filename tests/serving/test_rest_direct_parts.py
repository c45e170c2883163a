"""What direct answers are made of: the event loop is woken once for many, and one timer has all time limits."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from headrace.serving.rest.direct import answers
from headrace.serving.rest.direct.limits import TimeLimits
from headrace.serving.waking import Waking


class Loop(asyncio.SelectorEventLoop):
    """Counts how often it is woken, and what timers it has."""

    woken = timers = 0

    def call_soon_threadsafe(self, *args, **options):  # type: ignore[no-untyped-def]
        self.woken += 1
        return super().call_soon_threadsafe(*args, **options)

    def call_later(self, *args, **options):  # type: ignore[no-untyped-def]
        self.timers += 1
        return super().call_later(*args, **options)


class Late:
    def __init__(self, told: list[int], number: int) -> None:
        self._told = told
        self._number = number

    def too_late(self) -> None:
        self._told.append(self._number)


def test_what_is_ready_together_wakes_the_loop_once(caplog: pytest.LogCaptureFixture) -> None:
    loop = Loop()
    waking = Waking(loop)
    done: list[int] = []
    waking.add(lambda: 1 / 0)  # logged; the others are called all the same
    for number in range(50):
        waking.add(lambda number=number: done.append(number))  # type: ignore[misc]
    waking.add(lambda: waking.add(loop.stop))  # what comes meanwhile waits for the next turn
    assert loop.woken == 1
    loop.run_forever()
    assert (done, loop.woken) == ([*range(50)], 2)
    assert "ZeroDivisionError" in caplog.text
    loop.close()
    waking.add(lambda: done.append(50))
    assert len(done) == 50


def test_nothing_is_left_behind_by_threads_that_come_together() -> None:
    loop = Loop()
    waking = Waking(loop)
    count, threads = 2000, 4
    left = [count * threads]

    def done() -> None:
        left[0] -= 1
        if not left[0]:
            loop.stop()

    def add() -> None:
        for _ in range(count):
            waking.add(done)

    many = [threading.Thread(target=add) for _ in range(threads)]
    loop.call_soon(lambda: [thread.start() for thread in many])
    guard = loop.call_later(60, loop.stop)
    loop.run_forever()
    guard.cancel()
    for thread in many:
        thread.join()
    loop.close()
    assert left == [0]


def test_time_limits_end_in_their_order_on_one_timer() -> None:
    loop = Loop()
    limits: TimeLimits[Late] = TimeLimits(loop)
    told: list[int] = []
    many = [Late(told, number) for number in range(100)]
    end = time.monotonic() + 0.05
    for number, each in enumerate(many):
        limits.add(each, end + number / 1000)
    for each in many[::2]:
        limits.remove(each)
    limits.remove(many[0])
    assert loop.timers == 1
    loop.call_later(0.3, loop.stop)
    loop.run_forever()
    assert told == [*range(1, 100, 2)]
    used = loop.timers
    limits.add(many[0], time.monotonic() - 1)
    assert loop.timers == used + 1
    loop.call_later(0.05, loop.stop)
    loop.run_forever()
    assert told[-1] == 0
    loop.close()


@pytest.mark.parametrize("value", ["a\r\nb: c", "\n", "\x00"])
def test_a_header_cannot_bring_another(value: str) -> None:
    with pytest.raises(ValueError, match="control characters"):
        answers.encoded({"x": value})
