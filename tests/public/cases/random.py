"""tf.random: what is more than one raw op, and errors."""

from __future__ import annotations

import numpy as np

from tests.public.case import case

ALPHA, BETA = np.float32([[0.4, 1.0, 3.0]]), np.float32([[0.5], [2.0]])
SEED = [3, -7]

CASES = {
    "stateless-gamma": case(lambda tf, a, b: tf.random.stateless_gamma([4, 2, 3], SEED, a, b), ALPHA, BETA, tolerance=1e-4),
    "stateless-gamma-one": case(lambda tf: tf.random.stateless_gamma([5], SEED, 2, dtype=tf.float64)),
    "stateless-gamma-shape": case(lambda tf: tf.random.stateless_gamma([4], SEED, [1.0, 2.0])),
    "stateless-poisson": case(
        lambda tf, a: tf.random.stateless_poisson([4, 1, 3], SEED, a * 20, tf.float32), ALPHA, gradient=False
    ),
    "stateless-poisson-shape": case(lambda tf: tf.random.stateless_poisson([3], SEED, [1.0, 2.0])),
    "stateless-binomial": case(lambda tf: tf.random.stateless_binomial([6, 2], SEED, [10.0, 100.0], [0.3, 0.6])),
    "stateless-binomial-broadcast": case(lambda tf: tf.random.stateless_binomial([3], SEED, [1.0, 2.0, 3.0], [0.1, 0.2])),
    "stateless-bounds": case(
        lambda tf: tf.random.stateless_parameterized_truncated_normal([3], SEED, 0.0, 1.0, 1.0, -1.0), in_function=False
    ),
    "alg-philox": case(lambda tf: tf.random.stateless_normal([3], SEED, alg="philox")),
    "alg-number": case(lambda tf: tf.random.stateless_normal([3], SEED, alg=1)),
    "alg-enum": case(lambda tf: tf.random.stateless_truncated_normal([3], SEED, alg=tf.random.Algorithm.PHILOX)),
    "alg-threefry": case(lambda tf: tf.random.stateless_uniform([3], SEED, alg="threefry")),
    "alg-unknown": case(lambda tf: tf.random.stateless_uniform([3], SEED, alg="mersenne")),
    "whole-range": case(lambda tf: tf.random.stateless_uniform([3], SEED, None, None, tf.int32)),
    "whole-range-unsigned": case(lambda tf: tf.random.stateless_uniform([3], SEED, None, None, tf.uint64)),
    "half-a-range": case(lambda tf: tf.random.stateless_uniform([3], SEED, 0, None, tf.int32)),
}
