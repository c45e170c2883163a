"""tf.nn: what is more than one raw op."""

from __future__ import annotations

import numpy as np

from tests.public.case import case

R = np.random.RandomState(5)


def f32(*shape: int) -> np.ndarray:
    """Normal float32 numbers."""
    return R.standard_normal(shape).astype(np.float32)


def apart(*shape: int) -> np.ndarray:
    """Numbers of which no two are nearly equal, in a random order."""
    return R.permutation(int(np.prod(shape))).reshape(shape).astype(np.float32)


LINE, IMAGE, CUBE = f32(2, 9, 3), f32(2, 6, 7, 3), f32(1, 4, 5, 6, 2)
LABELS = R.randint(0, 2, (3, 4)).astype(np.float32)

CONVOLUTIONS = {
    "conv1d": case(lambda tf, x, k: tf.nn.conv1d(x, k, 2, "SAME"), LINE, f32(3, 3, 4)),
    # TensorFlow has no gradient of dilated convolutions on CPUs.
    "conv1d-dilated": case(lambda tf, x, k: tf.nn.conv1d(x, k, 1, "VALID", dilations=2), LINE, f32(3, 3, 4), gradient=False),
    "conv1d-batches": case(lambda tf, x, k: tf.nn.conv1d(x, k, [2], "SAME"), f32(2, 3, 8, 3), f32(2, 3, 4)),
    "conv1d-transpose": case(
        lambda tf, x, k: tf.nn.conv1d_transpose(x, k, [2, 18, 4], strides=2, padding="SAME"), LINE, f32(3, 4, 3)
    ),
    "conv2d-batches": case(lambda tf, x, k: tf.nn.conv2d(x, k, [1, 2], "SAME"), f32(2, 3, 6, 7, 3), f32(3, 2, 3, 4)),
    "conv2d-explicit": case(lambda tf, x, k: tf.nn.conv2d(x, k, 1, [[0, 0], [1, 2], [0, 1], [0, 0]]), IMAGE, f32(3, 2, 3, 4)),
    "conv2d-transpose": case(
        lambda tf, x, k: tf.nn.conv2d_transpose(x, k, [2, 12, 14, 5], strides=2), IMAGE, f32(3, 3, 5, 3), tolerance=1e-4
    ),
    "conv3d": case(lambda tf, x, k: tf.nn.conv3d(x, k, [1, 1, 2, 2, 1], "SAME"), CUBE, f32(2, 3, 2, 2, 3), tolerance=1e-4),
    "conv3d-transpose": case(
        lambda tf, x, k: tf.nn.conv3d_transpose(x, k, [1, 8, 10, 12, 3], strides=2), CUBE, f32(2, 3, 2, 3, 2), tolerance=1e-4
    ),
    "convolution": case(lambda tf, x, k: tf.nn.convolution(x, k, strides=2, padding="SAME"), IMAGE, f32(3, 2, 3, 4)),
    "convolution-1d": case(lambda tf, x, k: tf.nn.convolution(x, k, padding="VALID", dilations=3), LINE, f32(3, 3, 4)),
    "conv-transpose": case(
        lambda tf, x, k: tf.nn.conv_transpose(x, k, [2, 12, 14, 5], strides=2), IMAGE, f32(3, 3, 5, 3), tolerance=1e-4
    ),
    "atrous": case(lambda tf, x, k: tf.nn.atrous_conv2d(x, k, 2, "SAME"), IMAGE, f32(3, 2, 3, 4)),
    "depthwise": case(
        lambda tf, x, k: tf.nn.depthwise_conv2d(x, k, [1, 1, 1, 1], "SAME", dilations=[2, 2]), IMAGE, f32(3, 2, 3, 2)
    ),
    "separable": case(
        lambda tf, x, d, p: tf.nn.separable_conv2d(x, d, p, [1, 2, 2, 1], "SAME"),
        IMAGE,
        f32(3, 3, 3, 2),
        f32(1, 1, 6, 5),
        tolerance=1e-4,
    ),
    "bias": case(lambda tf, x, b: tf.nn.bias_add(x, b, "NC.."), f32(2, 3, 4, 5), f32(3)),
    "erosion": case(
        lambda tf, x, k: tf.nn.erosion2d(x, k, [1, 1, 1, 1], "SAME", "NHWC", [1, 1, 1, 1]), apart(1, 5, 6, 2), f32(2, 3, 2)
    ),
}
POOLS = {
    "max-pool1d": case(lambda tf, x: tf.nn.max_pool1d(x, 3, 2, "SAME"), apart(2, 9, 3)),
    "avg-pool1d": case(lambda tf, x: tf.nn.avg_pool1d(x, 3, 2, "VALID"), LINE),
    "max-pool": case(lambda tf, x: tf.nn.max_pool(x, [2, 3], 2, "SAME"), apart(2, 6, 7, 3)),
    "avg-pool": case(lambda tf, x: tf.nn.avg_pool(x, 2, [1, 2, 2, 1], "SAME"), IMAGE),
    "max-pool3d": case(lambda tf, x: tf.nn.max_pool3d(x, 2, 2, "VALID"), apart(1, 4, 5, 6, 2)),
    "avg-pool3d": case(lambda tf, x: tf.nn.avg_pool3d(x, [1, 2, 2], 1, "SAME"), CUBE),
    "max-pool-argmax": case(lambda tf, x: tf.nn.max_pool_with_argmax(x, [2, 3], 2, "SAME"), apart(2, 6, 7, 3)),
    "fractional-max-pool": case(lambda tf, x: tf.nn.fractional_max_pool(x, 1.5, seed=7), apart(2, 7, 9, 3)),
    "fractional-max-pool-overlapping": case(
        lambda tf, x: tf.nn.fractional_max_pool(x, [1.0, 1.3, 2.2, 1.0], True, True, seed=3), apart(2, 7, 9, 3)
    ),
    "fractional-avg-pool": case(lambda tf, x: tf.nn.fractional_avg_pool(x, [1.0, 1.4, 1.7, 1.0], overlapping=True, seed=9), IMAGE),
    "pool": case(lambda tf, x: tf.nn.pool(x, [2, 2], "AVG", [2, 1], "SAME"), IMAGE),
}
NORMALIZATION = {
    "moments": case(lambda tf, x: tf.nn.moments(x, [0, 2]), IMAGE),
    "moments-half": case(
        lambda tf, x: tf.nn.moments(tf.cast(x, tf.float16), [0], keepdims=True), LINE, gradient=False, tolerance=1e-3
    ),
    "weighted-moments": case(lambda tf, x, w: tf.nn.weighted_moments(x, [0, 1], w), LINE, np.abs(f32(2, 9, 1))),
    "sufficient-statistics": case(lambda tf, x, s: list(tf.nn.sufficient_statistics(x, [0], shift=s)[:3]), LINE, f32(1, 9, 3)),
    "batch-normalization": case(
        lambda tf, x, m, v, o, s: tf.nn.batch_normalization(x, m, v, o, s, 1e-3), IMAGE, f32(3), np.abs(f32(3)), f32(3), f32(3)
    ),
    "l2-normalize": case(lambda tf, x: tf.nn.l2_normalize(x, -1), IMAGE),
    "lrn": case(lambda tf, x: tf.nn.local_response_normalization(x, 1, alpha=0.5), IMAGE),
}
LOSSES = {
    "sigmoid": case(lambda tf, z, x: tf.nn.sigmoid_cross_entropy_with_logits(labels=z, logits=x), LABELS, f32(3, 4)),
    "weighted": case(lambda tf, z, x: tf.nn.weighted_cross_entropy_with_logits(z, x, 2.5), LABELS, f32(3, 4)),
    "poisson": case(
        lambda tf, z, x: tf.nn.log_poisson_loss(z, x, compute_full_loss=True),
        np.float32([[2.0, 3.5, 0.5]]),
        f32(1, 3),
        gradient=False,
    ),
    "softmax-axis": case(lambda tf, z, x: tf.nn.softmax_cross_entropy_with_logits(z, x, axis=0), LABELS, f32(3, 4)),
    "sparse-3d": case(
        lambda tf, x: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[[1, 0], [2, 2]], logits=x), f32(2, 2, 3)
    ),
}
ACTIVATIONS = {
    "softmax": case(lambda tf, x: tf.nn.softmax(x, 0), f32(3, 4)),
    "log-softmax": case(lambda tf, x: tf.nn.log_softmax(x, 1), f32(2, 3, 4)),
    "leaky-relu-int": case(lambda tf, x: tf.nn.leaky_relu(x), np.int32([-2, 0, 3])),
    "crelu": case(lambda tf, x: tf.nn.crelu(x), f32(2, 3)),
    "silu": case(lambda tf, x: tf.nn.silu(x, 1.5), f32(2, 3)),
    "gelu": case(lambda tf, x: (tf.nn.gelu(x), tf.nn.gelu(x, approximate=True)), f32(2, 3)),
    "zero-fraction": case(lambda tf, x: tf.nn.zero_fraction(x), np.int32([0, 1, 0, 2])),
    "in-top-k": case(lambda tf, x: tf.nn.in_top_k([1, 2], x, 2), f32(2, 3)),
    "top-k": case(lambda tf, x: tf.nn.top_k(x, 2), apart(3, 4)),
    "embedding": case(lambda tf, x: tf.nn.embedding_lookup(x, [[0, 2], [2, 1]]), f32(3, 4)),
    "embedding-clipped": case(lambda tf, x: tf.nn.embedding_lookup(x, [0, 2], max_norm=0.5), f32(3, 4)),
}
BAD = {
    "channels": case(lambda tf, x, k: tf.nn.conv1d(x, k, 1, "SAME"), LINE, f32(3, 5, 4)),
    "pooling-layout": case(lambda tf, x: tf.nn.max_pool_with_argmax(x, 2, 2, "SAME", "NCHW"), IMAGE),
    "pooling-ratio": case(lambda tf, x: tf.nn.fractional_max_pool(x, 0.5), IMAGE),
    "pooling-ratio-batch": case(lambda tf, x: tf.nn.fractional_max_pool(x, [2.0, 2.0, 2.0, 1.0]), IMAGE),
    "pooling-ratio-high": case(lambda tf, x: tf.nn.fractional_max_pool(x, 8.0), IMAGE),
    "pooling-type": case(lambda tf, x: tf.nn.pool(x, [2, 2], "MIN"), IMAGE),
    "labels": case(lambda tf, z, x: tf.nn.sigmoid_cross_entropy_with_logits(labels=z, logits=x), LABELS, f32(3, 5)),
    "bias": case(lambda tf, x, b: tf.nn.bias_add(x, b), IMAGE, f32(4)),
}

CASES = {
    **CONVOLUTIONS,
    **POOLS,
    **NORMALIZATION,
    **LOSSES,
    **ACTIVATIONS,
    **{f"bad-{name}": item for name, item in BAD.items()},
}
