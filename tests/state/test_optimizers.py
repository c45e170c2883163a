"""SGD and Adam against their published update rules in numpy."""

import numpy as np
import pytest

import headrace as tf

GRADIENTS = [np.array([0.5, -1.0, 2.0]), np.array([0.1, 0.2, -0.3]), np.array([-1.0, 0.0, 0.7])]
START = np.array([1.0, 2.0, 3.0])


def _run(optimizer, compiled):
    v = tf.Variable(START, dtype=tf.float64)

    def step(g):
        optimizer.apply_gradients([(g, v)])

    if compiled:
        optimizer.build([v])
        step = tf.function(step)
    for gradient in GRADIENTS:
        step(tf.constant(gradient))
    assert optimizer.iterations.numpy() == len(GRADIENTS)
    return v.numpy()


@pytest.mark.parametrize("compiled", [False, True])
def test_sgd(compiled):
    np.testing.assert_allclose(_run(tf.optimizers.SGD(0.1), compiled), START - 0.1 * sum(GRADIENTS), rtol=1e-6)


@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum(nesterov):
    x, m = START.copy(), np.zeros(3)
    for g in GRADIENTS:
        m = 0.9 * m - 0.1 * g
        x = x + (0.9 * m - 0.1 * g if nesterov else m)
    np.testing.assert_allclose(_run(tf.optimizers.SGD(0.1, momentum=0.9, nesterov=nesterov), True), x, rtol=1e-6)


@pytest.mark.parametrize("compiled", [False, True])
def test_adam(compiled):
    x, m, v = START.copy(), np.zeros(3), np.zeros(3)
    for t, g in enumerate(GRADIENTS, 1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        x = x - 0.01 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m / (np.sqrt(v) + 1e-7)
    np.testing.assert_allclose(_run(tf.optimizers.Adam(0.01), compiled), x, rtol=1e-6)


def test_no_gradients_at_all():
    with pytest.raises(ValueError, match="no gradient"):
        tf.optimizers.SGD(0.1).apply_gradients([(None, tf.Variable(1.0))])


def test_the_learning_rate_can_change():
    optimizer, v = tf.optimizers.SGD(0.5), tf.Variable(1.0)
    optimizer.apply_gradients([(tf.constant(1.0), v)])
    optimizer.learning_rate = 0.25
    optimizer.apply_gradients([(tf.constant(1.0), v)])
    assert v.numpy() == 0.25


def test_constraints_hold_after_each_step():
    v = tf.Variable([1.0, -1.0], constraint=lambda x: tf.maximum(x, 0.0))
    tf.optimizers.SGD(0.1).apply_gradients([(tf.constant([1.0, 1.0]), v)])
    np.testing.assert_allclose(v.numpy(), [0.9, 0.0])
