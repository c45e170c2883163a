"""What is converted, and where errors point."""

import functools
import subprocess
import sys
import traceback

import pytest

import headrace as tf
from headrace.trace.autograph.calls import convert
from headrace.trace.autograph.staging import is_symbolic


def _line(function, offset):
    return function.__code__.co_firstlineno + offset


def _raises(x):
    for _ in range(2):
        if x is not None:
            raise KeyError("mine")


def test_user_errors_keep_their_type_and_point_at_the_users_line():
    with pytest.raises(KeyError, match="mine") as caught:
        tf.function(_raises)(tf.constant(1))
    frames = [(f.filename, f.lineno, f.name) for f in traceback.extract_tb(caught.tb)]
    assert (__file__, _line(_raises, 3), "if_body") in frames
    assert (__file__, _line(_raises, 1), "_raises") in frames


def _not_boolean(x):
    if x:
        return 1
    return 2


def test_a_condition_that_is_no_boolean_names_the_line():
    with pytest.raises(ValueError, match=f"test_conversion.py:{_line(_not_boolean, 1)}.*int32"):
        tf.function(_not_boolean)(tf.constant(2))


def _unset(flag):
    if flag:
        value = 1
    return value


def test_unset_variables_are_unbound_as_in_python():
    assert convert(_unset)(True) == 1
    with pytest.raises(UnboundLocalError, match="value"):
        convert(_unset)(False)


def _none_before(n):
    z = None
    while n > 0:
        z = n
        n = n - 1
    return z


def _turns_symbolic(x):
    going = True
    while going:
        going = x > 0
    return x


@pytest.mark.parametrize(
    ("function", "kind", "message"),
    [(_none_before, ValueError, "'z'.*None before the loop"), (_turns_symbolic, NotImplementedError, "became a symbolic tensor")],
)
def test_errors_of_loops_name_variable_and_line(function, kind, message):
    with pytest.raises(kind, match=message) as caught:
        tf.function(function)(tf.constant(2))
    assert f"test_conversion.py:{_line(function, 2)}" in str(caught.value)


def test_autograph_false_and_do_not_convert_leave_python_alone():
    with pytest.raises(TypeError, match="symbolic"):
        tf.function(_not_boolean, autograph=False)(tf.constant(2))
    with pytest.raises(TypeError, match="symbolic"):
        tf.function(tf.autograph.experimental.do_not_convert(_not_boolean))(tf.constant(2))


def test_libraries_builtins_and_generators_are_not_converted():
    def generator():
        yield 1

    for function in (tf.reduce_sum, functools.reduce, len, dict, generator):
        assert convert(function) is function


def test_to_code_shows_the_converted_source_and_nodes_name_the_users_line():
    code = tf.autograph.to_code(_not_boolean)
    assert "ag__.if_stmt" in code
    assert "def tf___not_boolean" in code

    @tf.function
    def double(x):
        assert is_symbolic(x)
        return x * 2

    (node,) = [n for n in double.get_concrete_function(tf.constant(1)).graph.nodes if n.op == "Mul"]
    assert node.source == f"{__file__}:{_line(double.python_function, 3)}"
    with pytest.raises(ValueError, match="no Python function"):
        tf.autograph.to_code(len)


def test_importing_headrace_does_not_import_malt():
    code = "import sys, headrace; raise SystemExit('malt' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=120, check=False).returncode == 0


def _walrus(x):
    return [(doubled := x * 2.0), doubled + 1.0]


def _walrus_condition(x):
    if (total := tf.reduce_sum(x)) > 0.0:
        return total
    return -total


def test_an_assignment_expression_leaves_a_function_as_it_is(caplog):
    assert [float(t) for t in tf.function(_walrus)(tf.constant(1.0))] == [2.0, 3.0]
    assert "assignment expression" in caplog.text
    with pytest.raises(tf.errors.OperatorNotAllowedInGraphError):
        tf.function(_walrus_condition)(tf.constant([1.0]))
