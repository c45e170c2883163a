"""Donation between compiled segments: memory is taken over, and nothing that is still held is lost."""

import numpy as np

import headrace as tf
from headrace.runtime import donation, executable
from tests.runtime.test_partition import kinds

X = np.arange(6, dtype=np.float32).reshape(2, 3)


def through_host(x):
    """The scalar `x`, by way of the host."""
    return tf.ensure_shape(tf.numpy_function(lambda a: a, [x], tf.float32), [])


def spent(function, *arguments):
    graph = function.get_concrete_function(*arguments).graph
    return [len(values) for values in donation.spent_inputs(graph, executable.of(graph).plan.segments)]


def test_a_dead_value_gives_its_memory_to_an_output(monkeypatch):
    @tf.function
    def program(x):
        y = tf.matmul(x, x, transpose_a=True)
        return y * through_host(y[0, 0])

    seen = []
    call = executable._Step.run

    def watched(step, arguments, positions):
        results = call(step, arguments, positions)
        seen.append([arguments[i].is_deleted() for i in positions])
        return results

    monkeypatch.setattr(executable._Step, "run", watched)
    x = tf.constant(X)
    for _ in range(2):
        np.testing.assert_allclose(program(x), X.T @ X * 9, rtol=1e-6)
    assert kinds(program, x) == "DHD"
    assert seen == [[], [True]] * 2
    np.testing.assert_array_equal(x, X)


def test_what_variables_arguments_and_results_hold_is_not_donated():
    weights = tf.Variable(X)

    @tf.function
    def program(x):
        twice = x * 2.0
        scale = through_host(twice[0, 1]) / 2.0
        return weights * (3.0 * scale), x * (4.0 * scale), twice * (5.0 * scale), twice

    x = tf.constant(X)
    for _ in range(3):
        first, second, third, twice = program(x)
        np.testing.assert_array_equal(first, X * 3)
        np.testing.assert_array_equal(second, X * 4)
        np.testing.assert_array_equal(third, X * 10)
        np.testing.assert_array_equal(twice, X * 2)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(weights, X)


def test_an_array_that_is_two_outputs_of_a_segment_is_kept():
    values = [tf.constant(X).array, tf.constant(X).array]
    assert donation.shared(["a", "b", "c"], [values[0], values[0], values[1]], []) == {"a", "b"}
    assert donation.shared(["a"], [values[0]], [values[0]]) == {"a"}
    variable = tf.Variable(X)
    assert donation.shared(["a"], [variable.handle.array.array], [variable.handle.array]) == {"a"}


def test_values_that_the_host_reads_or_of_other_shapes_are_not_candidates():
    @tf.function
    def program(x):
        y = x * 2.0
        seen = tf.ensure_shape(tf.numpy_function(lambda a: a[:1], [y], tf.float32), [1, 3])
        return seen + y, tf.concat([y, seen * 2.0], 0)

    assert spent(program, tf.constant(X)) == [0, 0, 0]
