"""What control flow refuses, and what it leaves to the host: errors name the node and the user's line."""

import re

import numpy as np
import pytest

import headrace as tf
from headrace.core.errors import InternalError
from headrace.core.shapes import TensorShape
from headrace.ir.functional import invariants
from headrace.ir.graph import Graph, Value
from headrace.ir.parser import parse
from headrace.ir.printer import print_graph
from headrace.ir.verify import verify
from headrace.passes.checks import verify_ops
from headrace.runtime import executable

X = tf.constant([1.0, 2.0])
HERE = re.escape(__file__)


def _loop(body, **options):
    return tf.function(lambda x: tf.while_loop(lambda i, _: i < 3, body, (tf.constant(0), x), **options))


def test_a_loop_variable_that_changes_its_shape_is_named_with_the_line():
    with pytest.raises(ValueError, match=rf"loop variable 1 has shape \(2,\) .* \(4,\) .*{HERE}:\d+.*shape_invariants"):
        _loop(lambda i, y: (i + 1, tf.concat([y, y], 0)))(X)


def test_a_loop_variable_that_changes_its_dtype_is_named_with_the_line():
    with pytest.raises(TypeError, match=rf"loop variable 1 is float32 .* float64 .*{HERE}:\d+.*tf.cast"):
        _loop(lambda i, y: (i + 1, tf.cast(y, tf.float64)))(X)


def test_a_loop_that_returns_another_structure_is_refused():
    with pytest.raises(ValueError, match="structure of loop_vars"):
        _loop(lambda i, y: (i + 1, (y, y)))(X)
    with pytest.raises(ValueError, match="structure of loop_vars"):
        tf.while_loop(lambda i: i < 3, lambda i: (i, i), [tf.constant(0)])


def test_a_condition_that_is_no_bool_scalar_is_refused():
    with pytest.raises(TypeError, match=r"bool scalar; got float32\(2,\)"):
        tf.function(lambda x: tf.while_loop(lambda y: y, lambda y: [y], [x]))(X)
    with pytest.raises(TypeError, match="must be a bool; got float32"):
        tf.function(lambda x: tf.cond(x[0], lambda: x, lambda: x))(X)


def test_a_shape_invariant_that_the_start_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="does not fit its shape invariant"):
        _loop(lambda i, y: (i + 1, y), shape_invariants=[tf.TensorShape([]), tf.TensorShape([3])])(X)


def test_branches_of_different_dtypes_or_structures_are_refused():
    with pytest.raises(TypeError, match=r"float32 \(@cond_true\) and int32 \(@cond_false\)"):
        tf.function(lambda x: tf.cond(x[0] > 0, lambda: x, lambda: tf.constant([1, 2])))(X)
    with pytest.raises(TypeError, match="same structure"):
        tf.function(lambda x: tf.cond(x[0] > 0, lambda: x, lambda: (x, x)))(X)
    with pytest.raises(TypeError, match="returns None"):
        tf.function(lambda x: tf.cond(x[0] > 0, lambda: x, lambda: None))(X)


def test_branches_that_return_a_ragged_and_a_dense_tensor_are_refused():
    x = tf.ragged.constant([[1.0], [2.0, 3.0]])

    @tf.function
    def mixed(p):
        return tf.cond(p, lambda: x, x.to_tensor)

    with pytest.raises(TypeError, match="structure|kinds"):
        mixed(tf.constant(True))


def test_a_ragged_loop_variable_that_becomes_dense_is_refused():
    @tf.function
    def changing(x):
        return tf.while_loop(lambda i, _: i < 2, lambda i, r: (i + 1, r.flat_values), [tf.constant(0), x])

    with pytest.raises(TypeError, match="changes its kind"):
        changing(tf.ragged.constant([[1.0], [2.0, 3.0]]))


@pytest.mark.parametrize(
    ("invariant", "error", "words"),
    [(tf.RaggedTensorSpec([5, None]), ValueError, "does not fit"), (tf.TensorShape([None]), TypeError, "is a RaggedTensorSpec")],
)
def test_a_shape_invariant_of_a_ragged_variable_must_be_a_spec_that_fits(invariant, error, words):
    @tf.function
    def kept(x):
        return tf.while_loop(
            lambda i, _: i < 2, lambda i, r: (i + 1, r), [tf.constant(0), x], shape_invariants=[tf.TensorShape([]), invariant]
        )

    with pytest.raises(error, match=words):
        kept(tf.ragged.constant([[1.0], [2.0, 3.0]]))


@pytest.mark.parametrize("result", [tf.identity, tf.reduce_sum], ids=["dense", "scalar"])
def test_a_result_of_map_fn_that_its_signature_does_not_describe_is_refused(result):
    with pytest.raises((ValueError, TypeError, tf.errors.InvalidArgumentError)):
        tf.map_fn(result, tf.ones([2, 3]), fn_output_signature=tf.RaggedTensorSpec([None, None]))


def test_a_gradient_through_numpy_function_is_named_in_the_log(caplog):
    @tf.function
    def f(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.numpy_function(lambda a: a * 2, [x], tf.float32)
        return tape.gradient(y, x, unconnected_gradients="zero")

    assert f(X).numpy().tolist() == [0.0, 0.0]
    assert re.search(rf"no gradient passes through tf.numpy_function \(from {HERE}:\d+\)", caplog.text)


def test_a_loop_that_must_be_compiled_and_cannot_is_named_with_the_reason():
    @tf.function(jit_compile=True)
    def f(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.while_loop(lambda y: tf.reduce_sum(y) < 50.0, lambda y: [y * x + 1.0], [x])[0]
        return tape.gradient(y, x)

    with pytest.raises(
        tf.errors.InvalidArgumentError, match=rf"StatelessWhile \(node while, from {HERE}:\d+\).*maximum_iterations"
    ):
        f(X)


def test_a_bounded_loop_is_compiled_with_its_gradient():
    @tf.function(jit_compile=True)
    def f(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.while_loop(lambda y: tf.reduce_sum(y) < 50.0, lambda y: [y * x + 1.0], [x], maximum_iterations=20)[0]
        return y, tape.gradient(y, x)

    gradient = f(X)[1]
    step = 1e-2
    slope = [(f(X + d)[0].numpy().sum() - f(X - d)[0].numpy().sum()) / (2 * step) for d in np.eye(2, dtype=np.float32) * step]
    np.testing.assert_allclose(gradient.numpy(), slope, rtol=1e-2)


def test_nested_loops_of_known_length_are_compiled_whole():
    def nested(x):
        def outer(i, total):
            return i + 1, total + tf.while_loop(lambda j, _: j < 3, lambda j, y: (j + 1, tf.sin(y) * x), (0, total))[1]

        return tf.while_loop(lambda i, _: i < 3, outer, (0, x))[1]

    @tf.function
    def f(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = nested(x)
        return tape.gradient(y, x)

    assert executable.of(f.get_concrete_function(X).graph).plan.obstacles == []
    with tf.GradientTape() as tape:
        tape.watch(X)
        y = nested(X)
    np.testing.assert_allclose(f(X).numpy(), tape.gradient(y, X).numpy(), rtol=1e-5)


def _graph():
    def f(x):
        y = tf.while_loop(lambda i, _: i < 3, lambda i, y: (i + 1, tf.cond(y[0] > 0, lambda: y * x, lambda: y)), (0, x))[1]
        return tf.switch_case(tf.cast(y[0], tf.int32), [lambda: y, lambda: -y])

    return tf.function(f).get_concrete_function(X).graph


def test_control_flow_prints_and_parses_back():
    text = print_graph(_graph())
    assert print_graph(parse(text)) == text
    verify(parse(text))
    verify_ops(parse(text))


def test_what_a_body_passes_through_is_known():
    graph = _graph()
    body = next(node for node in graph.nodes if node.op == "StatelessWhile").attrs["body"]
    assert invariants(body) == {2}


def test_a_graph_with_a_cycle_names_the_node():
    graph = Graph("g")
    a, b = Value(tf.float32, TensorShape([])), Value(tf.float32, TensorShape([]))
    graph.add_node("Neg", [b], {"T": tf.float32}, [a], name="first")
    graph.add_node("Neg", [a], {"T": tf.float32}, [b], name="second")
    with pytest.raises(InternalError, match="first.*defined before|constraint 7"):
        verify(graph)


def test_a_missing_attribute_or_an_unknown_op_names_the_node():
    graph = _graph()
    loop = next(node for node in graph.nodes if node.op == "StatelessWhile")
    whole = dict(loop.attrs)
    del loop.attrs["body"]
    with pytest.raises(InternalError, match=r"node 'while' \(StatelessWhile\).*`body`"):
        verify_ops(graph)
    loop.attrs = whole
    graph.nodes[0].op = "NoSuchOp"
    with pytest.raises(InternalError, match="no op named 'NoSuchOp'"):
        verify_ops(graph)


def test_bodies_that_do_not_fit_their_node_are_named():
    graph = _graph()
    loop = next(node for node in graph.nodes if node.op == "StatelessWhile")
    loop.attrs["body"].outputs.pop()
    with pytest.raises(InternalError, match=r"StatelessWhile.*while_body"):
        verify_ops(graph)
