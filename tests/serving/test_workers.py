"""Threads for requests, and the bound of what waits for them."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest

from headrace.core.errors import UnavailableError
from headrace.serving.workers import Workers
from tests.serving.toy import wait_until


def test_no_more_wait_than_may_whoever_comes_at_the_same_time() -> None:
    waits: list[float] = []
    workers = Workers(1, 5, waits.append)
    gate = threading.Event()
    first = workers.submit(lambda: gate.wait(30))
    wait_until(lambda: workers.waiting == 0)
    refused: list[str] = []
    done: list[int] = []

    def ask(number: int) -> None:
        try:
            workers.run(lambda: done.append(number))
        except UnavailableError as error:
            refused.append(error.message)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert workers.waiting == 5
    assert refused == ["5 requests are waiting, as many as this server lets wait; try again later"] * 15
    gate.set()
    assert first.result(30)
    workers.stop(30)
    assert len(done) == 5, "what waited is done before the end"
    assert len(waits) == 6


def test_what_goes_wrong_is_told_to_whom_it_belongs(caplog: pytest.LogCaptureFixture) -> None:
    workers = Workers(1, 5, lambda seconds: None)
    failed = workers.submit(lambda: 1 / 0)
    workers.run(lambda: 1 / 0)
    assert isinstance(failed.exception(30), ZeroDivisionError)
    assert workers.submit(lambda: 3).result(30) == 3, "the thread goes on"
    assert "work failed that nobody waits for" in caplog.text
    workers.stop(30)


def test_work_that_was_called_off_is_not_done() -> None:
    workers = Workers(1, 5, lambda seconds: None)
    gate = threading.Event()
    workers.run(lambda: gate.wait(30))
    done: list[int] = []
    called_off = workers.submit(lambda: done.append(1))
    assert called_off.cancel()
    gate.set()
    workers.stop(30)
    assert done == []


def test_work_that_fails_leaves_no_cycle() -> None:
    def fail() -> None:
        raise UnavailableError("not now")

    workers = Workers(1, 5, lambda _: None)
    gc.disable()
    try:
        future = workers.submit(fail)
        with pytest.raises(UnavailableError, match="not now"):
            future.result(30)
        kept = weakref.ref(future)
        workers.submit(lambda: None).result(30)  # by now the thread has let the work before go
        del future
        assert kept() is None
    finally:
        gc.enable()
        workers.stop(30)
