"""Strategies of one replica: where the program is, what run, reduce and scope do, and what is refused."""

from __future__ import annotations

import pytest

import headrace as tf


@pytest.fixture
def strategy() -> tf.distribute.Strategy:
    return tf.distribute.MirroredStrategy(["CPU:0"])


def test_the_default_strategy() -> None:
    default = tf.distribute.get_strategy()
    assert default.num_replicas_in_sync == 1
    assert not tf.distribute.has_strategy()
    assert not tf.distribute.in_cross_replica_context()
    assert tf.distribute.get_replica_context().replica_id_in_sync_group == 0
    with default.scope():
        assert not tf.distribute.has_strategy()


def test_scope_and_run_say_where_the_program_is(strategy: tf.distribute.Strategy) -> None:
    with strategy.scope():
        assert tf.distribute.has_strategy()
        assert tf.distribute.get_strategy() is strategy
        assert tf.distribute.in_cross_replica_context()
        assert tf.distribute.get_replica_context() is None

    def place() -> tuple[object, ...]:
        replica = tf.distribute.get_replica_context()
        return replica.strategy, replica.devices, tf.distribute.in_cross_replica_context()

    assert strategy.run(place) == (strategy, ("/job:localhost/replica:0/task:0/device:CPU:0",), False)
    assert not tf.distribute.has_strategy()


def test_a_training_step(strategy: tf.distribute.Strategy) -> None:
    with strategy.scope():
        weight = tf.Variable(1.0)

    @tf.function
    def step(x: tf.Tensor) -> tf.Tensor:
        def replica_step(value: tf.Tensor) -> tf.Tensor:
            context = tf.distribute.get_replica_context()
            total = context.all_reduce(tf.distribute.ReduceOp.SUM, tf.reduce_sum(value * weight))
            context.merge_call(lambda s, update: s.extended.update(weight, lambda v, u: v.assign_add(u), (update,)), (total,))
            return value * 2.0

        doubled = strategy.run(replica_step, args=(x,))
        return strategy.reduce("MEAN", doubled, axis=0)

    assert step(tf.constant([1.0, 2.0])).numpy() == 3.0
    assert weight.numpy() == 4.0


def test_values_and_datasets_are_their_own_with_one_replica(strategy: tf.distribute.Strategy) -> None:
    value = tf.constant([1, 2])
    assert strategy.experimental_local_results(value) == (value,)
    assert strategy.gather(value, axis=0) is value
    data = strategy.distribute_datasets_from_function(lambda context: tf.data.Dataset.range(context.get_per_replica_batch_size(4)))
    assert [int(x) for x in strategy.experimental_distribute_dataset(data)] == [0, 1, 2, 3]


def test_strategy_of_the_whole_program(strategy: tf.distribute.Strategy) -> None:
    tf.distribute.experimental_set_strategy(strategy)
    try:
        assert tf.distribute.get_strategy() is strategy
        assert tf.distribute.in_cross_replica_context()
    finally:
        tf.distribute.experimental_set_strategy(None)
    assert not tf.distribute.has_strategy()


def test_what_is_refused(strategy: tf.distribute.Strategy) -> None:
    with pytest.raises(tf.errors.UnimplementedError, match=r"\['CPU:0', 'CPU:1'\].*limitation `replicas`"):
        tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with pytest.raises(tf.errors.UnimplementedError, match="use tf.distribute.MirroredStrategy"):
        tf.distribute.TPUStrategy()
    with strategy.scope(), pytest.raises(RuntimeError, match="leave that first"):
        tf.distribute.OneDeviceStrategy("CPU:0").scope()
    with pytest.raises(RuntimeError, match="inside of a replica"):
        strategy.run(lambda: strategy.run(lambda: 1))
    with pytest.raises(ValueError, match="SUM or MEAN; got 'MAX'"):
        strategy.reduce("MAX", tf.constant([1.0]), axis=None)
    with pytest.raises(ValueError, match="a batch of 3 is not divided by 2 replicas"):
        tf.distribute.InputContext(num_replicas_in_sync=2).get_per_replica_batch_size(3)
