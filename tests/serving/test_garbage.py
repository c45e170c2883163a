"""What requests leave to Python's garbage collector, and what a server keeps from it."""

from __future__ import annotations

import ctypes
import gc
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headrace.serving import garbage
from headrace.serving.batching.options import BatchingOptions
from headrace.serving.grpc.options import GrpcOptions
from tests.serving.toy import Service, wait_until, write_version
from tests.serving.toy_grpc import GrpcService, predict_request
from tests.serving.toy_http import Listening, request

REQUESTS = 20


@pytest.fixture
def left() -> Iterator[Callable[[], list[str]]]:
    """Gives the kinds of our objects that only a collection frees, after those of before are gone."""

    def found() -> list[str]:
        gc.collect()
        return [str(type(each)) for each in gc.garbage if str(type(each).__module__).startswith("headrace.serving")]

    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    yield found
    gc.set_debug(0)
    gc.garbage.clear()
    gc.enable()


@pytest.mark.parametrize("batching", [None, BatchingOptions()], ids=["unbatched", "batched"])
def test_rest_requests_leave_no_cycles(tmp_path: Path, batching: BatchingOptions | None, left: Callable[[], list[str]]) -> None:
    write_version(tmp_path, 1, 2.0)
    with Service(tmp_path, batching=batching) as service:
        wait_until(lambda: service.lifecycle.available)
        service.predict({"instances": [[1, 2]]})
        before = len(left())
        for _ in range(REQUESTS):
            assert service.predict({"instances": [[1, 2]]}).status_code == 200
        assert len(left()) - before < REQUESTS, set(left())


@pytest.mark.parametrize("batching", [None, BatchingOptions()], ids=["unbatched", "batched"])
def test_requests_that_are_answered_directly_leave_no_cycles(
    tmp_path: Path, batching: BatchingOptions | None, left: Callable[[], list[str]]
) -> None:
    write_version(tmp_path, 1, 2.0)
    body = b'{"instances": [[1, 2]]}'
    with Service(tmp_path, batching=batching) as service, Listening(service.app, direct=True) as listening:
        wait_until(lambda: service.lifecycle.available)
        listening.answers([request(body)])
        before = len(left())
        for _ in range(REQUESTS):
            for sent in (body, b"{") if batching is not None else (body,):  # a thread's error has a traceback, which knows it
                listening.answers([request(sent)])
        assert len(left()) - before < REQUESTS, set(left())


@pytest.mark.parametrize("native", [False, True])
def test_calls_leave_no_cycles(tmp_path: Path, native: bool, left: Callable[[], list[str]]) -> None:
    write_version(tmp_path, 1, 2.0)
    with GrpcService(tmp_path, GrpcOptions(threads=2, native=native), batching=BatchingOptions()) as service:
        client = service.client()
        client.call("Predict", predict_request(x=np.float32([[1, 2]])))
        before = len(left())
        for _ in range(REQUESTS):
            client.call("Predict", predict_request(x=np.float32([[1, 2]])))
        assert len(left()) - before < REQUESTS, set(left())


def test_what_lives_is_set_apart_when_a_model_was_loaded_here() -> None:
    loads = {1: False}
    with garbage.Settling(lambda: dict(loads)):
        wait_until(lambda: gc.get_freeze_count() > 1000)
        gc.unfreeze()
        loads[2] = False
        wait_until(lambda: gc.get_freeze_count() > 1000)
    assert gc.get_freeze_count() == 0


def test_what_was_set_apart_is_looked_at_again_when_a_model_of_this_process_is_gone(left: Callable[[], list[str]]) -> None:
    class Cycle:
        pass

    class Freed:
        def __del__(self) -> None:
            freed.append(True)

    gc.set_debug(0)
    freed: list[bool] = []
    cycle: Any = Cycle()
    cycle.itself, cycle.freed = cycle, Freed()
    loads = {1: False, 2: True}
    settling = garbage.Settling(lambda: dict(loads))
    try:
        settling.look()
        del cycle
        loads = {1: False, 3: True}
        settling.look()
        assert not freed, "one that another process prepared has nothing among what is set apart"
        loads = {3: True}
        settling.look()
        assert freed
    finally:
        gc.unfreeze()


ARENAS = """
import ctypes, os, re, tempfile, threading
from headrace.serving.engines.cores import available
from headrace.serving.garbage import bound_arenas
bound_arenas()
library = ctypes.CDLL(None)
library.malloc.restype, library.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
together = threading.Barrier(40)
def work():
    together.wait()
    library.malloc(50_000)
    together.wait()
threads = [threading.Thread(target=work) for _ in range(40)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
library.fopen.restype, library.fopen.argtypes = ctypes.c_void_p, [ctypes.c_char_p, ctypes.c_char_p]
library.malloc_info.argtypes, library.fclose.argtypes = [ctypes.c_int, ctypes.c_void_p], [ctypes.c_void_p]
with tempfile.NamedTemporaryFile() as file:
    stream = library.fopen(file.name.encode(), b"w")
    library.malloc_info(0, stream)
    library.fclose(stream)
    print(len(re.findall("<heap ", file.read().decode())) - max(available(), 2))
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="not this C library's way")
def test_threads_share_arenas() -> None:
    done = subprocess.run([sys.executable, "-c", ARENAS], capture_output=True, text=True, timeout=120, check=True)
    assert int(done.stdout) <= 2, "but for those that were there already"
