"""tf.nn's losses of replicas, and where a program is under a strategy."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.public.case import case

LOSSES = np.float32([0.5, 1.5, 4.0])
ROWS = np.float32([[0.5, 1.5], [2.0, 4.0], [1.0, 1.0]])
WEIGHTS = np.float32([1, 0, 2])


def _in_half(tf: Any, x: Any, weights: Any) -> Any:
    return tf.nn.compute_average_loss(tf.cast(x, tf.float16), weights)


def _in_replica(tf: Any, x: Any) -> Any:
    strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    which = strategy.run(lambda: tf.distribute.get_replica_context().replica_id_in_sync_group)
    return [which, *strategy.run(lambda: [tf.nn.compute_average_loss(x), tf.nn.scale_regularization_loss(x)])]


def _in_scope(tf: Any, x: Any) -> Any:
    with tf.distribute.OneDeviceStrategy("/cpu:0").scope():
        try:
            tf.nn.compute_average_loss(x)
        except RuntimeError:
            return tf.constant(True)
        return tf.constant(False)


CASES = {
    "average-loss": case(lambda tf, x: tf.nn.compute_average_loss(x), LOSSES),
    "average-loss-of-rows": case(lambda tf, x: tf.nn.compute_average_loss(x), ROWS),
    "average-loss-of-batch": case(lambda tf, x: tf.nn.compute_average_loss(x, global_batch_size=12), LOSSES),
    "average-loss-weighted": case(lambda tf, x, w: tf.nn.compute_average_loss(x, w, 3), LOSSES, WEIGHTS),
    "average-loss-weighted-column": case(lambda tf, x, w: tf.nn.compute_average_loss(x, w[:, None]), LOSSES, WEIGHTS),
    "average-loss-weighted-rows": case(lambda tf, x, w: tf.nn.compute_average_loss(x, w), ROWS, WEIGHTS),
    "average-loss-half": case(
        lambda tf, x: tf.nn.compute_average_loss(tf.cast(x[:2], tf.float16), WEIGHTS[:2]), LOSSES, gradient=False
    ),
    "average-loss-of-scalar": case(lambda tf: tf.nn.compute_average_loss(tf.constant(1.0)), in_function=False),
    "average-loss-bad-size": case(lambda tf, x: tf.nn.compute_average_loss(x, global_batch_size=[3]), LOSSES, in_function=False),
    "average-loss-float-size": case(lambda tf, x: tf.nn.compute_average_loss(x, global_batch_size=3.0), LOSSES, in_function=False),
    "average-loss-negative": case(lambda tf, x: tf.nn.compute_average_loss(x, global_batch_size=-3), LOSSES, in_function=False),
    "average-loss-in-replica": case(_in_replica, LOSSES, gradient=False),
    "average-loss-in-scope": case(_in_scope, LOSSES, gradient=False, in_function=False),
    "regularization-loss": case(lambda tf, x: tf.nn.scale_regularization_loss(x), LOSSES),
}
