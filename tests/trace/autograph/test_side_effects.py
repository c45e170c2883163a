"""assert and print in converted functions."""

import re

import pytest

import headrace as tf

HERE = re.escape(__file__)


def test_assert_over_tensors_is_checked_when_the_program_gets_there():
    @tf.function
    def f(x, word):
        for i in tf.range(3):
            assert x[0] > tf.cast(i, tf.float32), f"too small {word}"
        assert x[1] > 0
        return x

    assert f(tf.constant([5.0, 1.0]), "a").numpy().tolist() == [5.0, 1.0]
    with pytest.raises(tf.errors.InvalidArgumentError, match="too small a"):
        f(tf.constant([1.0, 1.0]), "a")
    with pytest.raises(tf.errors.InvalidArgumentError, match=rf"{HERE}:\d+"):
        f(tf.constant([5.0, -1.0]), "a")


def test_assert_over_python_values_stays_python():
    @tf.function
    def f(x, n):
        assert n > 0, "n must be positive"
        return x * n

    assert f(tf.constant(2.0), 3).numpy() == 6.0
    with pytest.raises(AssertionError, match="n must be positive"):
        f(tf.constant(2.0), -3)


def test_print_of_tensors_prints_each_time(capfd):
    @tf.function
    def f(x):
        for i in tf.range(2):
            print("step", i, x, sep="|")
        print("traced")
        return x

    f(tf.constant([1, 2]))
    assert capfd.readouterr().out == "traced\nstep|0|[1 2]\nstep|1|[1 2]\n"
    f(tf.constant([3, 4]))
    assert capfd.readouterr().out == "step|0|[3 4]\nstep|1|[3 4]\n"
