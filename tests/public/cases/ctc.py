"""tf.nn.ctc_*: losses, their gradients, decoders."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.public.case import case

R = np.random.RandomState(8)
LOGITS = R.standard_normal((6, 3, 5)).astype(np.float32)
LABELS = np.int32([[1, 2, 2, 0], [3, 1, 0, 0], [4, 0, 0, 0]])
LENGTHS, TIMES = np.int32([3, 2, 1]), np.int32([6, 5, 4])


def loss(tf: Any, x: Any, **options: Any) -> Any:
    """The loss of padded labels."""
    return tf.nn.ctc_loss(LABELS, x, LENGTHS, TIMES, **options)


def sparse_loss(tf: Any, x: Any, blank: int, times: Any = TIMES) -> Any:
    """The loss of the same labels, sparse."""
    indices = [[b, i] for b, n in enumerate(LENGTHS) for i in range(n)]
    values = tf.constant([int(LABELS[b, i]) - (blank == -1) for b, i in indices])
    labels = tf.SparseTensor(tf.constant(indices, tf.int64), values, [3, 4])
    return tf.nn.ctc_loss(labels, x, None, times, blank_index=blank)


def decoded(tf: Any, found: Any) -> Any:
    """The parts of what a decoder returns."""
    paths, scores = found
    return [part for p in paths for part in (p.indices, p.values, p.dense_shape)], scores


CASES = {
    "loss": case(loss, LOGITS, tolerance=1e-4),
    "loss-batch-major": case(lambda tf, x: loss(tf, tf.transpose(x, [1, 0, 2]), logits_time_major=False), LOGITS, tolerance=1e-4),
    "loss-blank-last": case(lambda tf, x: tf.nn.ctc_loss(LABELS - 1, x, LENGTHS, TIMES, blank_index=-1), LOGITS, tolerance=1e-4),
    "loss-blank-middle": case(
        lambda tf, x: tf.nn.ctc_loss(np.where(LABELS == 2, 0, LABELS), x, LENGTHS, TIMES, blank_index=2), LOGITS, tolerance=1e-4
    ),
    "loss-no-labels": case(lambda tf, x: tf.nn.ctc_loss(LABELS, x, [0, 2, 1], TIMES), LOGITS, tolerance=1e-4),
    # TensorFlow's loss is about 700 where ours is infinite.
    "loss-too-long": case(lambda tf, x: tf.minimum(tf.nn.ctc_loss(LABELS, x, LENGTHS, [3, 5, 4]), 600.0), LOGITS, gradient=False),
    "loss-unique": case(lambda tf, x: loss(tf, x, unique=tf.nn.ctc_unique_labels(LABELS)), LOGITS, tolerance=1e-4),
    "loss-sparse": case(lambda tf, x: sparse_loss(tf, x, 0), LOGITS, tolerance=1e-4),
    "loss-sparse-last": case(lambda tf, x: sparse_loss(tf, x, -1), LOGITS, tolerance=1e-4),
    "loss-sparse-too-long": case(lambda tf, x: sparse_loss(tf, x, 0, [3, 5, 4]), LOGITS, tolerance=1e-4),
    "loss-sparse-time": case(lambda tf, x: sparse_loss(tf, x, 0, [7, 5, 4]), LOGITS, in_function=False),
    "loss-sparse-no-blank": case(
        lambda tf, x: tf.nn.ctc_loss(tf.sparse.from_dense(LABELS), x, None, TIMES), LOGITS, in_function=False
    ),
    "greedy": case(lambda tf, x: decoded(tf, tf.nn.ctc_greedy_decoder(x, TIMES)), LOGITS, gradient=False),
    "greedy-repeated": case(
        lambda tf, x: decoded(tf, tf.nn.ctc_greedy_decoder(x, TIMES, merge_repeated=False, blank_index=1)), LOGITS, gradient=False
    ),
    "greedy-length": case(lambda tf, x: tf.nn.ctc_greedy_decoder(x, [7, 5, 4]), LOGITS, in_function=False, gradient=False),
    "beam": case(lambda tf, x: decoded(tf, tf.nn.ctc_beam_search_decoder(x, TIMES, 20, 3)), LOGITS, gradient=False),
    "beam-narrow": case(lambda tf, x: decoded(tf, tf.nn.ctc_beam_search_decoder(x, TIMES, 2, 2)), LOGITS, gradient=False),
    "beam-long": case(
        lambda tf, x: decoded(tf, tf.nn.ctc_beam_search_decoder(tf.tile(x, [5, 1, 1]) * 3.0, [30, 25, 20], 8))[0],
        LOGITS,
        gradient=False,
    ),
    "beam-paths": case(lambda tf, x: tf.nn.ctc_beam_search_decoder(x, TIMES, 2, 3), LOGITS, in_function=False, gradient=False),
    "unique-labels": case(lambda tf: tf.nn.ctc_unique_labels(LABELS)),
    "collapse": case(lambda tf: tf.nn.collapse_repeated([[1, 1, 2, 2, 1], [3, 3, 3, 0, 0]], [5, 3])),
}
"""Public functions, run from the same source under Headrace and under real TensorFlow."""
