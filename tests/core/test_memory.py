"""Memory of large arrays is aligned, and used again once no array is left in it, never before."""

from __future__ import annotations

import gc
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import jax
import numpy as np
import pytest

from headrace.core import memory

BYTES = np.dtype(np.uint8)


@pytest.fixture(autouse=True)
def spare(monkeypatch: pytest.MonkeyPatch) -> memory._Spare:
    """Nothing kept at first."""
    found = memory._Spare()
    monkeypatch.setattr(memory, "SPARE", found)
    return found


def test_large_arrays_are_aligned() -> None:
    whole = memory.empty((300, 400), np.dtype(np.float32))
    assert whole.ctypes.data % 64 == 0
    assert [memory.is_aligned(part) for part in (whole, whole[:], whole.reshape(-1), whole[:, 1:], whole.copy())] == [
        *[True] * 3,
        *[False] * 2,
    ]
    assert not memory.is_aligned(memory.empty((3,), BYTES))


def test_memory_is_used_again_when_the_last_view_is_gone(spare: memory._Spare) -> None:
    first = memory.empty((1000, 100), BYTES)
    place, view = first.ctypes.data, first[500:].view(np.int32)
    del first
    assert not spare.pieces
    other = memory.empty((1000, 100), BYTES)
    assert other.ctypes.data != place
    del view
    assert memory.empty((500, 200), BYTES).ctypes.data == place


def test_memory_that_jax_reads_is_not_used_again(spare: memory._Spare) -> None:
    array = memory.empty((400, 300), np.dtype(np.float32))
    array[:] = 2
    shared = jax.device_put(array, jax.devices("cpu")[0], may_alias=True)
    del array
    pending = [jax.numpy.sin(shared) for _ in range(20)]
    other = memory.empty((400, 300), np.dtype(np.float32))
    other[:] = 3
    del shared
    for result in pending:
        np.testing.assert_allclose(result, np.sin(np.float32(2)), rtol=1e-6)
    gc.collect()
    assert len(spare.pieces) <= 1


def test_what_is_kept_is_bounded(spare: memory._Spare) -> None:
    spare.most_bytes = 10 * 100_064
    arrays = [memory.empty((100_000,), BYTES) for _ in range(12)]
    arrays.clear()
    assert len(spare.pieces) == 10
    spare.most_pieces = 3
    del arrays
    memory.empty((70_000,), BYTES)
    assert sorted(piece.nbytes for piece in spare.pieces.values()) == [70_064, 100_064, 100_064]


def test_threads_never_get_the_same_memory() -> None:
    def work(number: int) -> bool:
        for _ in range(300):
            array = memory.empty((70_000 + 1000 * (number % 2),), BYTES)
            array[:] = number
            if (array != number).any():
                return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))


def test_the_end_of_a_program_is_silent() -> None:
    code = """import numpy as np
from headrace.core import memory
circle = [memory.empty((1 << 20,), np.dtype(np.uint8))]
circle.append(circle)"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
