"""How many elements a stage works on at once, from measured times."""

from __future__ import annotations

from headrace.data.pipeline.degree import Degree

CALL = 0.01
"""What a call takes, in seconds; no clock is read."""


def tuned(wait: float, most: int = 2) -> int:
    degree = Degree(None, most)
    for _ in range(100):
        if degree.now == 1:
            degree.called(CALL)
    for _ in range(1000):
        if degree.now > 1:
            degree.waited(wait)
    return degree.now


def test_threads_stay_where_the_consumer_no_longer_waits() -> None:
    # A training step as long as a call: the pipeline's rate is the consumer's either way, but the consumer does not wait.
    assert tuned(wait=0.0) == 2


def test_threads_are_given_up_where_the_consumer_waits_as_long_as_before() -> None:
    assert tuned(wait=CALL) == 1


def test_a_quick_call_is_never_handed_over() -> None:
    degree = Degree(None, 2)
    for _ in range(1000):
        degree.called(1e-6)
    assert degree.now == 1


def test_a_fixed_number_stays() -> None:
    degree = Degree(3, 8)
    degree.called(CALL)
    degree.waited(CALL)
    assert degree.now == 3


def compared(times: dict[int, float], most: int) -> Degree:
    """After a call that takes long; blocks take a time for each number of threads."""
    degree = Degree(None, most)
    while degree.now == 1:
        degree.called(CALL)
    assert not degree.alone
    for _ in range(100):
        degree.shared(times[degree.now])
    return degree


def test_threads_that_make_blocks_faster_stay_and_are_remembered() -> None:
    degree = compared({1: 1.0, 2: 0.6, 4: 0.4, 6: 0.41}, 6)
    assert degree.now == 4
    assert degree.lasts


def test_threads_that_make_blocks_no_faster_are_given_up() -> None:
    degree = compared({1: 1.0, 2: 1.1}, 2)
    assert degree.now == 1
    assert degree.alone
    assert not degree.lasts


def test_one_slow_block_decides_nothing() -> None:
    degree = Degree(None, 2)
    while degree.now == 1:
        degree.called(CALL)
    for each in (9.0, 1.0, 0.6, 1.0, 0.6, 1.0, 0.6):
        degree.shared(each)
    assert degree.now == 2
