"""tf.print, tf.numpy_function and assertions, the same source under Headrace and real TensorFlow."""

import subprocess
import sys

import numpy as np
import pytest

import headrace as tf
from tests.interop.environments import clean_environment, ensure
from tests.ops.harness import ROOT

PROGRAM = """
import sys
import numpy as np
import {module} as tf
out = sys.stdout
values = [np.arange(10, dtype=np.int32), np.float32([[1, 2.5], [3, 1e-7]]), np.arange(27, dtype=np.float32).reshape(3, 3, 3),
          np.float64(1 / 3), np.array([True, False]), np.float32([np.nan, np.inf]), np.arange(160).reshape(8, 2, 10)]
def show(x):
    for value in values:
        tf.print("v:", tf.constant(value), output_stream=out)
    tf.print(tf.constant("abc"), tf.constant(["x", "y"]), output_stream=out)
    tf.print("a", 1, 2.5, None, [tf.constant(1), "q"], {{"k": tf.constant([1, 2])}}, "{{}}", output_stream=out, sep="|", end="!\\n")
    tf.print(tf.constant(np.arange(10)), summarize=1, output_stream=out)
    y = tf.numpy_function(lambda a: np.float32(a * 2), [x], tf.float32)
    tf.debugging.assert_equal(y, x * 2)
    tf.print(y, x > 2.0, output_stream=out)
    return y
for function in (show, tf.function(show)):
    function(tf.constant([1.0, 2.0, 3.0]))
"""


def output(python, module):
    environment = clean_environment() | ({"PYTHONPATH": str(ROOT)} if module == "headrace" else {})
    code = PROGRAM.format(module=module)
    done = subprocess.run([python, "-c", code], env=environment, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


@pytest.mark.interop
def test_the_same_text_as_tensorflow():
    assert output(sys.executable, "headrace") == output(ensure("tensorflow"), "tensorflow")


def test_a_python_function_that_breaks_its_promise():
    with pytest.raises(tf.errors.InvalidArgumentError, match="Tout asks for float32"):
        tf.numpy_function(lambda: np.int64(1), [], tf.float32)
    with pytest.raises(tf.errors.InvalidArgumentError, match="2 values"):
        tf.numpy_function(lambda: (1.0, 2.0), [], tf.float32)


@pytest.mark.parametrize("check", ["assert_positive", "assert_non_negative"])
def test_assertions_raise_eagerly_and_in_a_function(check):
    assertion = getattr(tf.debugging, check)
    for function in (assertion, tf.function(assertion)):
        function(tf.constant([1.0, 2.0]))
        with pytest.raises(tf.errors.InvalidArgumentError, match="did not hold"):
            function(tf.constant([1.0, -2.0]))


def test_an_unknown_stream():
    with pytest.raises(ValueError, match="output_stream"):
        tf.print("x", output_stream="nowhere")
