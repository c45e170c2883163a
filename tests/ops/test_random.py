"""Random ops: distribution, repeatability, bad input."""

import numpy as np
import pytest

import headrace as tf


@pytest.fixture(autouse=True)
def _seeded():
    tf.random.set_seed(11)
    yield
    tf.random.set_seed(None)


def test_moments():
    normal = tf.random.normal([20000], 3.0, 2.0).numpy()
    assert abs(normal.mean() - 3.0) < 0.1
    assert abs(normal.std() - 2.0) < 0.1
    cut = tf.random.truncated_normal([20000]).numpy()
    assert np.abs(cut).max() <= 2.0
    assert abs(cut.std() - 0.8796) < 0.03
    uniform = tf.random.uniform([20000], -1.0, 3.0).numpy()
    assert uniform.min() >= -1.0
    assert uniform.max() < 3.0
    assert abs(uniform.mean() - 1.0) < 0.05
    stateless = tf.random.stateless_truncated_normal([20000], [1, 2]).numpy()
    assert np.abs(stateless).max() <= 2.0
    assert abs(stateless.std() - 0.8796) < 0.03


@pytest.mark.parametrize("compiled", [False, True])
def test_set_seed_repeats_the_sequence(compiled):
    def draw():
        return tf.random.uniform([3]), tf.random.normal([3]), tf.random.uniform([3], seed=4)

    draw = tf.function(draw) if compiled else draw
    first, second = ([t.numpy() for t in draw()] for _ in range(2))
    assert not any(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    tf.random.set_seed(11)
    for again, before in zip(draw(), first, strict=True):
        np.testing.assert_array_equal(again, before)


def test_integers_shuffle_and_categories():
    drawn = tf.random.uniform([1000], 2, 7, tf.int32).numpy()
    assert set(drawn.tolist()) == {2, 3, 4, 5, 6}
    rows = tf.reshape(tf.range(200), [100, 2])
    assert sorted(tf.random.shuffle(rows).numpy()[:, 0].tolist()) == list(range(0, 200, 2))
    counts = np.bincount(tf.random.categorical([[0.0, np.log(3.0)]], 4000).numpy()[0])
    assert abs(counts[1] / 4000 - 0.75) < 0.04


def test_dropout_keeps_the_mean():
    kept = tf.nn.dropout(tf.ones([20000]), 0.25).numpy()
    np.testing.assert_allclose(np.unique(kept), [0, 1 / 0.75], rtol=1e-6)
    assert abs(kept.mean() - 1.0) < 0.03


def test_bad_input():
    with pytest.raises(tf.errors.InvalidArgumentError, match="negative"):
        tf.random.normal([-1])
    with pytest.raises(ValueError, match="maxval"):
        tf.random.uniform([2], dtype=tf.int32)
    with pytest.raises(ValueError, match=r"\[0, 1\)"):
        tf.nn.dropout(tf.ones([2]), 1.0)
    with pytest.raises(tf.errors.InvalidArgumentError, match="two integers"):
        tf.random.stateless_uniform([2], [1, 2, 3])


def test_split_and_fold_in():
    """The numbers are what TensorFlow 2.21 gives."""
    expected = [[1105988140, 1738052849], [-335576002, 370444179], [10670227, -246211131]]
    np.testing.assert_array_equal(tf.random.split([1, 2], 3).numpy(), np.int32(expected))
    np.testing.assert_array_equal(tf.random.fold_in([1, 2], 3).numpy(), np.int32([1105988140, 3]))
    traced = tf.function(lambda seed: (tf.random.split(seed), tf.random.fold_in(seed, np.int64(3))))
    seeds, folded = traced(tf.constant([1, 2]))
    np.testing.assert_array_equal(seeds.numpy(), np.int32(expected[:2]))
    np.testing.assert_array_equal(folded.numpy(), [7464880146280614444, 3])
    with pytest.raises(ValueError, match="alg is one of"):
        tf.random.split([1, 2], alg="mersenne")
    with pytest.raises(tf.errors.InvalidArgumentError, match="algorithm 2"):
        tf.random.split([1, 2], alg="threefry")


def test_bad_stateless_input():
    with pytest.raises(tf.errors.InvalidArgumentError, match="minval 5 and maxval 5"):
        tf.random.stateless_uniform([2], [1, 2], 5, 5, tf.int32)
    with pytest.raises(tf.errors.InvalidArgumentError, match="scalars"):
        tf.random.stateless_uniform([2], [1, 2], 0, [5, 6], tf.int32)
    with pytest.raises(tf.errors.InvalidArgumentError, match="negative"):
        tf.random.stateless_normal([-2], [1, 2])
    key, counter = np.array([1], np.uint64), np.array([1, 2], np.uint64)
    with pytest.raises(tf.errors.InvalidArgumentError, match="algorithm 2 is not there"):
        tf.raw_ops.StatelessRandomUniformV2(shape=[2], key=key, counter=counter, alg=2)
    with pytest.raises(tf.errors.InvalidArgumentError, match="takes a key of shape"):
        tf.raw_ops.StatelessRandomUniformV2(shape=[2], key=counter, counter=counter, alg=1)


def test_stateless_integers_of_the_whole_range():
    """The numbers are what TensorFlow 2.21 gives for the raw op, which the samples compare."""
    for dtype in (tf.int32, tf.int64, tf.uint32, tf.uint64):
        drawn = tf.random.stateless_uniform([500], [1, 2], None, None, dtype)
        key, counter = tf.raw_ops.StatelessRandomGetKeyCounter(seed=[1, 2])
        raw = tf.raw_ops.StatelessRandomUniformFullIntV2(shape=[500], key=key, counter=counter, alg=1, dtype=dtype)
        np.testing.assert_array_equal(drawn.numpy(), raw.numpy())
        assert np.ptp(drawn.numpy().astype(np.float64)) > 0.9 * 2.0 ** (8 * dtype.size)
    for bounds in ((0, None), (None, 5)):
        with pytest.raises(ValueError, match="needs maxval"):
            tf.random.stateless_uniform([2], [1, 2], *bounds, tf.int32)
    with pytest.raises(ValueError, match="whole range"):
        tf.random.stateless_uniform([2], [1, 2], 0, 5, tf.uint32)


def test_stateless_categorical_follows_its_probabilities():
    drawn = tf.random.stateless_categorical(np.log([[0.2, 0.5, 0.3]]), 20000, [4, 5]).numpy()
    assert drawn.shape == (1, 20000)
    np.testing.assert_allclose(np.bincount(drawn[0]) / 20000, [0.2, 0.5, 0.3], atol=0.02)
    with pytest.raises(tf.errors.InvalidArgumentError, match="logits have the shape"):
        tf.random.stateless_categorical([0.1, 0.2], 3, [4, 5])
