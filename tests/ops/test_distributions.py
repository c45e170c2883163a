"""Distributions whose numbers are not TensorFlow's: moments and the Kolmogorov-Smirnov test."""

import numpy as np
import pytest
from scipy import stats

import headrace as tf

MANY = 4000


@pytest.fixture(autouse=True)
def _seeded():
    tf.random.set_seed(5)
    yield
    tf.random.set_seed(None)


@pytest.mark.parametrize(
    ("low", "high"),
    [(-2.0, 2.0), (0.0, 0.5), (1.0, np.inf), (-np.inf, -3.0), (6.0, 6.5), (30.0, np.inf), (-0.3, 4.0), (-7.0, -6.9)],
)
def test_bounded_normal_numbers(low, high):
    drawn = tf.random.stateless_parameterized_truncated_normal([MANY], [3, 4], *np.float64([5.0, 2.0, 5 + 2 * low, 5 + 2 * high]))
    assert stats.kstest((drawn.numpy() - 5) / 2, stats.truncnorm(low, high).cdf).pvalue > 1e-4


def test_bounded_normal_numbers_of_several_parameters():
    drawn = tf.random.stateless_parameterized_truncated_normal([MANY, 2, 3], [1, 2], [[0.0], [9.0]], 1.0, [-1.0, 0.0, 1.0], 20.0)
    for row, mean in enumerate((0.0, 9.0)):
        for column, low in enumerate((-1.0, 0.0, 1.0)):
            cdf = stats.truncnorm(low - mean, 20 - mean, loc=mean).cdf
            assert stats.kstest(drawn.numpy()[:, row, column], cdf).pvalue > 1e-4
    raw = tf.raw_ops.ParameterizedTruncatedNormal(shape=[2, MANY], means=[0.0, 9.0], stdevs=1.0, minvals=-1.0, maxvals=20.0)
    assert stats.kstest(raw.numpy()[1], stats.norm(9).cdf).pvalue > 1e-4


def test_bounds_that_no_number_fits():
    with pytest.raises(tf.errors.InvalidArgumentError, match="minvals below maxvals"):
        tf.random.stateless_parameterized_truncated_normal([3], [1, 2], 0.0, 1.0, 1.0, -1.0)
    with pytest.raises(tf.errors.InvalidArgumentError, match="as long as the first dimension"):
        tf.raw_ops.ParameterizedTruncatedNormal(shape=[2], means=[0.0] * 3, stdevs=1.0, minvals=-1.0, maxvals=20.0)


@pytest.mark.parametrize("compiled", [False, True])
def test_stateful_gamma_and_poisson_numbers(compiled):
    def draw():
        return tf.random.gamma([MANY], [0.5, 3.0], beta=2.0), tf.random.poisson([MANY], [0.7, 40.0], tf.int64)

    draw = tf.function(draw) if compiled else draw
    gamma, poisson = (t.numpy() for t in draw())
    for column, alpha in enumerate((0.5, 3.0)):
        assert stats.kstest(gamma[:, column], stats.gamma(alpha, scale=0.5).cdf).pvalue > 1e-4
    for column, rate in enumerate((0.7, 40.0)):
        assert abs(poisson[:, column].mean() - rate) < 5 * np.sqrt(rate / MANY)
        assert abs(poisson[:, column].var() / rate - 1) < 0.15
    assert not np.array_equal(gamma, draw()[0].numpy())


def test_gradient_of_gamma_numbers():
    """The mean of a gamma number is alpha / beta, so that its derivatives are 1 / beta and -alpha / beta**2."""
    alpha, beta = tf.constant([0.8, 5.0]), tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch([alpha, beta])
        mean = tf.reduce_mean(tf.random.gamma([MANY], alpha, beta), 0)
    of_alpha, of_beta = tape.gradient(mean, [alpha, beta])
    np.testing.assert_allclose(of_alpha.numpy(), [0.5, 0.5], rtol=0.1)
    np.testing.assert_allclose(of_beta.numpy(), -5.8 / 4, rtol=0.1)
