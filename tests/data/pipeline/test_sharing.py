"""Threads that work on one block together give what one thread gives: order, errors, positions, and each call once."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import numpy as np
import pytest

import headrace as tf
from headrace.data.pipeline import parallel
from headrace.data.pipeline.sharing import Gathered

Dataset = tf.data.Dataset


def outcomes(iterator: Any) -> list[Any]:
    """The elements, and in the place of each error its message without the place."""
    found: list[Any] = []
    while True:
        try:
            found.append(next(iterator).numpy().tolist())
        except StopIteration:
            return found
        except tf.errors.OpError as error:
            found.append(error.message.split(":")[0])


def failing(at: set[int], met: Counter[int] | None = None, name: str = "call") -> Any:
    """A function that fails for some numbers, and notes its calls."""

    def look(number: Any) -> Any:
        if met is not None:
            met[int(number)] += 1
        if int(number) in at:
            raise ValueError(f"{name} {int(number)} fails")
        return number

    return lambda x: tf.numpy_function(look, [x], tf.int64)


@pytest.mark.parametrize("fails", [set(), {0}, {5, 6, 13}, {3, 4, 19}, set(range(8, 20))], ids=lambda each: str(sorted(each)))
@pytest.mark.parametrize("threads", [2, 3, 8])
@pytest.mark.parametrize("early", [set(), {5, 7, 18}], ids=["", "and before"])
def test_errors_come_where_they_come_without_threads(fails: set[int], threads: int, early: set[int]) -> None:
    met: Counter[int] = Counter()

    def made(calls: int | None, counted: Counter[int] | None = None) -> Any:
        source = Dataset.range(20).map(failing(early, name="source"))
        return source.map(failing(fails, counted), num_parallel_calls=calls).batch(4)

    assert outcomes(iter(made(threads, met))) == outcomes(iter(made(None)))
    assert set(met.values()) == {1}


def test_the_position_after_an_error_holds_what_is_still_to_be_given() -> None:
    def made() -> Any:
        return iter(Dataset.range(20).map(failing({5}), num_parallel_calls=3).batch(4))

    iterator = made()
    next(iterator)
    with pytest.raises(tf.errors.OpError, match="call 5 fails"):
        next(iterator)
    again = made()
    again.restore_position(iterator.packed_position())
    expected = [[6, 7, 8, 9], [10, 11, 12, 13], [14, 15, 16, 17], [18, 19]]
    assert outcomes(again) == outcomes(iterator) == expected


def test_the_threads_are_in_one_block_at_once() -> None:
    together = threading.Barrier(3, timeout=20)
    met = Dataset.range(6).map(lambda x: tf.numpy_function(lambda a: (together.wait(), a)[1], [x], tf.int64), num_parallel_calls=3)
    (block,) = met.batch(6)
    assert block.numpy().tolist() == [0, 1, 2, 3, 4, 5]


def test_blocks_of_strings_and_of_several_shapes() -> None:
    def rows(number: Any) -> Any:
        return tf.numpy_function(lambda n: np.full([int(n) // 8 + 1], n), [number], tf.int64)

    texts = Dataset.range(9).map(lambda x: (tf.strings.as_string(x), x), num_parallel_calls=2).batch(5)
    assert [words.numpy().tolist() for words, _ in texts] == [[b"0", b"1", b"2", b"3", b"4"], [b"5", b"6", b"7", b"8"]]
    iterator = iter(Dataset.range(12).map(rows, num_parallel_calls=2).batch(6))
    assert next(iterator).shape == (6, 1)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"First element had shape \[1\] and another had shape \[2\]"):
        next(iterator)


def test_tuned_threads_are_kept_for_the_next_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "processors", lambda: 2)

    def slow(number: Any) -> Any:
        return tf.numpy_function(lambda n: (threading.Event().wait(0.002), n)[1], [number], tf.int64)

    dataset = Dataset.range(96).map(slow, num_parallel_calls=tf.data.AUTOTUNE).batch(4)
    for _ in range(2):
        assert [number for batch in dataset for number in batch.numpy().tolist()] == list(range(96))
    assert next(stage for stage in dataset.profile().stages if stage.name.startswith("map")).tuning == "2 at once"


def test_results_of_every_kind_are_gathered_in_any_order() -> None:
    numbers = Gathered(4)
    for index, item in ((2, np.int64(7)), (0, np.array(5)), (1, np.int64(6))):
        numbers.put(index, (item,))
    assert numbers.block(3).parts[0].tolist() == [5, 6, 7]
    mixed = Gathered(2)
    mixed.put(1, (np.zeros(3),))
    mixed.put(0, (np.zeros(2),))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"First element had shape \[2\] and another had shape \[3\]"):
        mixed.block(2)
