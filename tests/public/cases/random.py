"""tf.random: what is more than one raw op, and errors."""

from __future__ import annotations

import numpy as np

from tests.public.case import case

ALPHA, BETA = np.float32([[0.4, 1.0, 3.0]]), np.float32([[0.5], [2.0]])
SEED = [3, -7]


def _stream(tf, draw, seed=2**63 + 7):
    """What a generator draws eagerly and in a function, and where its state is afterwards."""
    generator = tf.random.Generator.from_seed(seed)
    traced = tf.function(lambda: draw(generator))
    return draw(generator), traced(), traced(), generator.state.read_value()


def _raw(tf, op, *given, **attrs):
    """The same of a raw op."""
    state = tf.Variable(np.int64([2**62 + 2**32 - 100, -1, 7]))
    inputs = dict(zip(("minval", "maxval"), given, strict=False)) | attrs

    def draw():
        return getattr(tf.raw_ops, op)(resource=state.handle, algorithm=1, shape=tf.constant([5], tf.int64), **inputs)

    return draw(), tf.function(draw)(), state.read_value()


def _skipped(tf, delta):
    state = tf.Variable(np.int64([2**62 + 2**32 - 100, -1, 7]))
    tf.raw_ops.RngSkip(resource=state.handle, algorithm=1, delta=delta)
    return state.read_value()


def _reset(tf):
    generator = tf.random.Generator.from_seed([3, 4], "philox")
    states = [generator.state.read_value(), generator.key]
    generator.reset_from_seed(2**130 + 2**70 + 1)
    states.append(generator.state.read_value())
    generator.reset_from_key_counter(2**64 - 1, [1, 2])
    states.append(generator.state.read_value())
    generator.reset([7, 8, 9])
    return *states, tf.random.Generator(generator).normal([2]), generator.key


GENERATORS = {
    "normal": lambda g, tf: g.normal([3, 2], 5.0, 2.0),
    "normal-wide": lambda g, tf: g.normal([3], dtype=tf.float64),
    "truncated-normal": lambda g, tf: g.truncated_normal([9]),
    "uniform": lambda g, tf: g.uniform([5], -1.0, 2.0),
    "uniform-scalar": lambda g, tf: g.uniform([]),
    "uniform-int": lambda g, tf: g.uniform([5], maxval=50, dtype=tf.int32),
    "uniform-range": lambda g, tf: g.uniform([5], None, None, tf.int64),
    "uniform-half-range": lambda g, tf: g.uniform([5], 1, dtype=tf.int64),
    "full-int": lambda g, tf: g.uniform_full_int([2, 2]),
    "binomial": lambda g, tf: g.binomial([4, 2], [10.0, 300.0], [0.4, 0.7]),
    "binomial-shape": lambda g, tf: g.binomial([3], [10.0, 300.0], [0.4, 0.7]),
    "make-seeds": lambda g, tf: g.make_seeds(3),
    "skip": lambda g, tf: g.skip(5),
    "skip-back": lambda g, tf: g.skip(-5),
}

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
    **{
        f"generator-{name}": case(lambda tf, draw=draw: _stream(tf, lambda g: draw(g, tf)), in_function=False)
        for name, draw in GENERATORS.items()
    },
    "generator-split": case(
        lambda tf: [g.state.read_value() for g in tf.random.Generator.from_seed(5).split(3)], in_function=False
    ),
    "generator-reset": case(_reset, in_function=False),
    "generator-key-counter": case(
        lambda tf: tf.random.Generator.from_key_counter(5, [2**64 - 1, 2], "philox").uniform([6]), in_function=False
    ),
    "generator-short-state": case(lambda tf: tf.random.Generator.from_state([1, 2], "philox").state, in_function=False),
    "generator-threefry": case(lambda tf: tf.random.Generator.from_seed(1, "threefry").normal([2]), in_function=False),
    "generator-unknown": case(lambda tf: tf.random.Generator.from_seed(1, "mersenne").state, in_function=False),
    "create-rng-state": case(lambda tf: [tf.random.create_rng_state(2**70 + 5, 1), tf.random.create_rng_state([1, 2], "philox")]),
    **{
        f"raw-{op}": case(lambda tf, op=op: _raw(tf, op), in_function=False)
        for op in ("StatefulStandardNormalV2", "StatefulUniform", "StatefulUniformFullInt", "StatefulTruncatedNormal")
    },
    "raw-StatefulUniformInt": case(lambda tf: _raw(tf, "StatefulUniformInt", np.int64(-5), np.int64(99)), in_function=False),
    **{
        f"raw-RngSkip-{delta}": case(lambda tf, delta=delta: _skipped(tf, delta), in_function=False)
        for delta in (0, 1, 2**40, 2**55, -1, -(2**40))
    },
}
