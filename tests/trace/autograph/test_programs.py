"""Converted programs: as Python, through a stand-in for graph control flow, and against real TensorFlow."""

import json
import os
import subprocess

import pytest

import headrace as tf
from headrace.dispatch.tensor import Tensor
from headrace.trace.autograph import branching, builtins, loops
from headrace.trace.autograph.calls import convert
from headrace.trace.autograph.staging import CONTROL_FLOW, install
from tests.interop.environments import clean_environment, ensure
from tests.trace.autograph.programs import PROGRAMS, load

REFUSED_BY_TENSORFLOW = {"nested_conditional_expression"}
"""TensorFlow raises for these; they run here."""

CALLS = [pytest.param(name, i, id=f"{name}-{i}") for name, (_, calls) in PROGRAMS.items() for i in range(len(calls))]


def _listed(result):
    return tf.convert_to_tensor(result).numpy().tolist()


@pytest.fixture
def eager_stand_in(monkeypatch):
    """Treats every tensor as symbolic, and runs what statements become at once; counts the calls."""
    counts = {"cond": 0, "while_loop": 0}

    def cond(predicate, true_fn, false_fn):
        counts["cond"] += 1
        results = true_fn(), false_fn()
        return results[0] if bool(predicate) else results[1]

    def while_loop(test, body, variables, shape_invariants=None, parallel_iterations=10, maximum_iterations=None):
        counts["while_loop"] += 1
        while bool(test(*variables)):
            variables = body(*variables)
        return variables

    before = CONTROL_FLOW.cond, CONTROL_FLOW.while_loop
    install(cond, while_loop)
    for module in (branching, loops, builtins):
        monkeypatch.setattr(module, "is_symbolic", lambda value: isinstance(value, Tensor))
    yield counts
    install(*before)


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
def test_staged_is_python(name, call, tmp_path, eager_stand_in):
    function = load(name, tf, str(tmp_path / "program.py"))
    args = [tf.constant(value) for value in PROGRAMS[name][1][call]]
    assert _listed(convert(function)(*args)) == _listed(function(*args))


@pytest.mark.interop
@pytest.mark.parametrize(("name", "call"), CALLS)
def test_staged_is_tensorflow(name, call, tmp_path, eager_stand_in, tensorflow_results):
    expected = tensorflow_results[name][call]
    if name in REFUSED_BY_TENSORFLOW:
        assert isinstance(expected, str)
        return
    function = load(name, tf, str(tmp_path / "program.py"))
    args = [tf.constant(value) for value in PROGRAMS[name][1][call]]
    assert _listed(convert(function)(*args)) == expected
