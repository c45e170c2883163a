"""GradientTape: what it watches, what it returns, and its errors."""

import numpy as np
import pytest

import headrace as tf


def test_gradient_of_a_composition():
    x = tf.constant([1.0, 2.0, 3.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(tf.exp(x) * x)
    np.testing.assert_allclose(tape.gradient(y, x), np.exp([1, 2, 3]) * np.array([2, 3, 4]), rtol=1e-6)


def test_broadcast_inputs_get_gradients_of_their_own_shape():
    a, b = tf.constant(np.ones((2, 3), np.float32)), tf.constant([1.0, 2.0, 3.0])
    with tf.GradientTape() as tape:
        tape.watch([a, b])
        y = a * b
    grads = tape.gradient(y, {"a": a, "b": b})
    np.testing.assert_allclose(grads["a"], [[1, 2, 3], [1, 2, 3]])
    np.testing.assert_allclose(grads["b"], [2, 2, 2])


def test_variables_are_watched_by_themselves():
    v, w = tf.Variable(3.0), tf.Variable(5.0, trainable=False)
    with tf.GradientTape() as tape:
        y = v * v * w
    assert [u is v for u in tape.watched_variables()] == [True]
    assert tape.gradient(y, v).numpy() == 30.0


def test_watch_accessed_variables_can_be_turned_off():
    v = tf.Variable(3.0)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        y = v * v
    assert tape.gradient(y, v) is None


def test_a_tape_gives_one_gradient_unless_it_is_persistent():
    x = tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    tape.gradient(y, x)
    with pytest.raises(RuntimeError, match="persistent"):
        tape.gradient(y, x)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
        z = y * y
    assert tape.gradient(z, x).numpy() == 32.0
    assert tape.gradient(y, x).numpy() == 4.0


def test_second_order_by_nested_tapes():
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = tf.sin(x) * x
        first = inner.gradient(y, x)
    second = outer.gradient(first, x)
    values = np.array([1.0, 2.0])
    np.testing.assert_allclose(second, 2 * np.cos(values) - values * np.sin(values), rtol=1e-5)


def test_intermediate_values_can_be_sources():
    x = tf.constant(3.0)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
        z = y * 2.0
    assert tape.gradient(z, [x, y])[1].numpy() == 2.0


def test_unconnected_sources():
    x, y = tf.constant([1.0, 2.0]), tf.constant([3.0, 4.0])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([x, y])
        z = x * 2.0
    assert tape.gradient(z, y) is None
    np.testing.assert_array_equal(tape.gradient(z, y, unconnected_gradients=tf.UnconnectedGradients.ZERO), [0, 0])
    np.testing.assert_array_equal(tape.gradient(z, y, unconnected_gradients="zero"), [0, 0])


def test_output_gradients_and_several_targets():
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y, z = x * 3.0, x * x
    np.testing.assert_allclose(tape.gradient(y, x, output_gradients=tf.constant([10.0, 1.0])), [30, 3])
    np.testing.assert_allclose(tape.gradient([y, z], x), [5, 7])


def test_jacobian_and_batch_jacobian():
    x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
    jacobian = tape.jacobian(y, x).numpy()
    assert jacobian.shape == (2, 2, 2, 2)
    np.testing.assert_allclose(np.einsum("ijij->ij", jacobian), [[2, 4], [6, 8]])
    np.testing.assert_allclose(tape.batch_jacobian(y, x), [[[2, 0], [0, 4]], [[6, 0], [0, 8]]])


def test_stop_gradient():
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * tf.stop_gradient(x)
    assert tape.gradient(y, x).numpy() == 3.0


def test_stop_recording_and_reset():
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        with tape.stop_recording():
            y = x * x
        z = x * 2.0
    assert tape.gradient([z, y], x).numpy() == 2.0
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
        tape.reset()
    assert tape.gradient(y, x) is None


def test_custom_gradient():
    @tf.custom_gradient
    def clipped(x):
        def grad(upstream):
            return tf.clip_by_value(upstream, -1.0, 1.0)

        return x * 1.0, grad

    x = tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = clipped(x) * 100.0
    assert tape.gradient(y, x).numpy() == 1.0


def test_custom_gradient_with_a_variable():
    v = tf.Variable(4.0)

    @tf.custom_gradient
    def scaled(x):
        def grad(upstream, variables=None):
            assert len(variables) == 1
            return upstream * 7.0, [upstream * 9.0]

        return x * v, grad

    x = tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = scaled(x)
    assert [g.numpy() for g in tape.gradient(y, [x, v])] == [7.0, 9.0]


def test_gather_gives_indexed_slices():
    table = tf.Variable(np.arange(12, dtype=np.float32).reshape(4, 3))
    with tf.GradientTape() as tape:
        rows = tf.gather(table, [1, 3, 1])
        y = tf.reduce_sum(rows * rows)
    gradient = tape.gradient(y, table)
    assert isinstance(gradient, tf.IndexedSlices)
    dense = tf.convert_to_tensor(gradient).numpy()
    expected = np.zeros((4, 3), np.float32)
    expected[1], expected[3] = 4 * table.numpy()[1], 2 * table.numpy()[3]
    np.testing.assert_allclose(dense, expected)


def test_an_op_without_gradient_is_named():
    x = tf.constant([3.0, 1.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.cast(tf.argmax(x), tf.float32) * 1.0
    assert tape.gradient(y, x) is None


@pytest.mark.parametrize("wrong", ["text", None, 3])
def test_sources_must_be_tensors(wrong):
    x = tf.constant(1.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    with pytest.raises(TypeError, match="sources must be tensors or variables"):
        tape.gradient(y, [wrong])


def test_watch_refuses_what_is_no_tensor():
    with tf.GradientTape() as tape, pytest.raises(ValueError, match="watch takes tensors"):
        tape.watch("x")


def test_integers_carry_no_gradient():
    x = tf.constant([1, 2])
    with tf.GradientTape() as tape, pytest.warns(UserWarning, match="floating"):
        tape.watch(x)
    assert tape.gradient(x * x, x) is None
