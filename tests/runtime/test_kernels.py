"""Eager kernels are forgotten after so many; results and compiled functions stay."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import headrace as tf
from headrace.dispatch import opdef
from headrace.runtime import kernels

# Odd sizes, so that no other test has left these kernels behind.
FIRST, COUNT = 4001, 25


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Kernels are forgotten after each ten; gives a list with one entry a time."""
    times: list[int] = []
    forget = kernels.forget

    def noted() -> None:
        times.append(len(opdef.get("Softplus").compiled))
        forget()

    monkeypatch.setattr(kernels, "MOST_COMPILED", 10)
    monkeypatch.setattr(kernels, "_compiled", itertools.count(1))
    monkeypatch.setattr(kernels, "forget", noted)
    return times


def test_kernels_of_many_shapes_are_forgotten_and_results_stay_right(few: list[int]) -> None:
    for size in range(FIRST, FIRST + COUNT):
        x = np.linspace(-1, 1, size).astype(np.float32)
        np.testing.assert_allclose(tf.nn.softplus(x), np.logaddexp(x, 0), rtol=1e-5)
    assert len(few) >= COUNT // 10
    assert max(few) >= 1
    assert len(opdef.get("Softplus").compiled) <= 1


def test_a_compiled_function_is_not_compiled_again(few: list[int]) -> None:
    traces = []

    @tf.function
    def program(x: tf.Tensor) -> tf.Tensor:
        traces.append(x.shape)
        return tf.nn.softplus(x) * 2.0

    given = tf.zeros([FIRST])
    program(given)
    kernels.forget()
    before = next(kernels._compiled)
    program(given)
    assert next(kernels._compiled) == before + 1
    assert len(traces) == 1


def test_a_tape_goes_on_over_forgotten_kernels(few: list[int]) -> None:
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.nn.softplus(x)
        kernels.forget()
        z = tf.reduce_sum(y * y)
    assert tape.gradient(z, x).shape == [2]
