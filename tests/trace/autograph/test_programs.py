"""Converted programs: as Python, compiled, and against real TensorFlow."""

import json
import os
import subprocess

import pytest

import headrace as tf
from headrace.trace.autograph.calls import convert
from tests.interop.environments import clean_environment, ensure
from tests.trace.autograph.programs import PROGRAMS, load

REFUSED = {"nested_conditional_expression"}
"""TensorFlow raises for these, and so do we: the transpiler leaves the inner expression to Python."""

CALLS = [pytest.param(name, i, id=f"{name}-{i}") for name, (_, calls) in PROGRAMS.items() for i in range(len(calls))]


def _listed(result):
    return tf.convert_to_tensor(result).numpy().tolist()


@pytest.fixture(scope="module")
def tensorflow_results():
    if os.environ.get("HEADRACE_NO_INTEROP") == "1":
        pytest.skip("HEADRACE_NO_INTEROP=1")
    peer = os.path.join(os.path.dirname(__file__), "peer_autograph.py")
    done = subprocess.run(
        [ensure("tensorflow"), peer], capture_output=True, text=True, timeout=300, env=clean_environment(), check=True
    )
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.mark.parametrize(("name", "call"), CALLS)
def test_converted_python_is_python(name, call, tmp_path):
    function = load(name, tf, str(tmp_path / "program.py"))
    args = [tf.constant(value) for value in PROGRAMS[name][1][call]]
    converted = convert(function)
    assert converted is not function
    assert _listed(converted(*args)) == _listed(function(*args))


@pytest.mark.parametrize(("name", "call"), CALLS)
def test_compiled_is_python(name, call, tmp_path):
    function = load(name, tf, str(tmp_path / "program.py"))
    args = [tf.constant(value) for value in PROGRAMS[name][1][call]]
    if name in REFUSED:
        with pytest.raises(tf.errors.OperatorNotAllowedInGraphError):
            tf.function(function)(*args)
        return
    assert _listed(tf.function(function)(*args)) == _listed(function(*args))


@pytest.mark.interop
@pytest.mark.parametrize(("name", "call"), CALLS)
def test_compiled_is_tensorflow(name, call, tmp_path, tensorflow_results):
    expected = tensorflow_results[name][call]
    if name in REFUSED:
        assert isinstance(expected, str)
        return
    function = load(name, tf, str(tmp_path / "program.py"))
    args = [tf.constant(value) for value in PROGRAMS[name][1][call]]
    assert _listed(tf.function(function)(*args)) == expected
