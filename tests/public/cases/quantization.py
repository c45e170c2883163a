"""tf.quantization: values as integers, and back."""

from __future__ import annotations

import numpy as np

from tests.public.case import case

R = np.random.RandomState(9)
X = R.uniform(-4, 5, (3, 4)).astype(np.float32)
G = R.uniform(-1, 1, (3, 4)).astype(np.float32)
LOWS, HIGHS = np.float32([-1, -2, 0, -3]), np.float32([2, 1, 4, 3])


def _there_and_back(kind, mode, **options):
    """Values made integers, and these made values again; both, the integers as bits."""
    plain = {"qint8": "int8", "quint8": "uint8", "qint16": "int16", "quint16": "uint16", "qint32": "int32"}[kind]

    def run(tf, x):
        whole, low, high = tf.quantization.quantize(x, -3.0, 2.5, getattr(tf, kind), mode, **options)
        narrow = options.get("narrow_range", False)
        back = tf.quantization.dequantize(tf.identity(whole), low, high, mode, narrow_range=narrow)
        return tf.bitcast(tf.reshape(whole, [-1]), getattr(tf, plain)), low, high, back

    return case(run, X, gradient=False)


CASES = {
    "fake-gradient": case(
        lambda tf, g: tf.quantization.fake_quant_with_min_max_vars_gradient(g, X, -2.0, 3.0, 4), G, gradient=False
    ),
    "fake-gradient-channels": case(
        lambda tf, g: tf.quantization.fake_quant_with_min_max_vars_per_channel_gradient(g, X, LOWS, HIGHS, narrow_range=True),
        G,
        gradient=False,
    ),
    **{
        f"{kind}-{mode}".lower(): _there_and_back(kind, mode)
        for kind in ("qint8", "quint8", "qint16", "quint16")
        for mode in ("MIN_COMBINED", "MIN_FIRST", "SCALED")
    },
    "qint8-narrow": _there_and_back("qint8", "SCALED", narrow_range=True, round_mode="HALF_TO_EVEN"),
    "constant": case(lambda tf: tf.quantization.dequantize(tf.constant([0, 7, 255], tf.quint8), -1.0, 1.0)),
    "dtype": case(
        lambda tf, x: tf.constant(tf.identity(tf.quantization.quantize(x, -1.0, 1.0, tf.qint16)[0]).dtype.as_datatype_enum), X
    ),
    "axis": case(
        lambda tf, x, a, b: tf.bitcast(tf.quantization.quantize(x, a, b, tf.qint8, "SCALED", axis=-1)[0], tf.int8),
        X,
        np.minimum(LOWS, 0),
        HIGHS,
    ),
    "bad-plain": case(lambda tf: tf.quantization.dequantize(tf.constant([0, 7], tf.uint8), -1.0, 1.0)),
    "bad-mode": case(lambda tf, x: tf.quantization.quantize(x, -1.0, 1.0, tf.qint8, "NONE"), X),
    "bad-round-mode": case(lambda tf, x: tf.quantization.quantize(x, -1.0, 1.0, tf.qint8, round_mode="HALF_TO_EVEN"), X),
    "bad-ends": case(lambda tf, x: tf.quantization.quantize(x, 2.0, 1.0, tf.qint8), X, in_function=False),
    "bad-arithmetic": case(lambda tf: tf.constant([1], tf.qint8) + tf.constant([2], tf.qint8)),
    "simulated": case(lambda tf, x: tf.quantization.quantize_and_dequantize(x, -3.0, 2.5, range_given=True), X),
    "simulated-axis": case(
        lambda tf, x, a, b: tf.quantization.quantize_and_dequantize(x, a, b, num_bits=5, axis=-1), X, LOWS, HIGHS
    ),
    "simulated-v2": case(lambda tf, x: tf.quantization.quantize_and_dequantize_v2(x, -3.0, 2.5, False, 6, True, "HALF_UP"), X),
    "simulated-v2-axis": case(
        lambda tf, x, a, b: tf.quantization.quantize_and_dequantize_v2(x, a, b, narrow_range=True, axis=1), X, LOWS, HIGHS
    ),
    "bad-range": case(lambda tf, x: tf.quantization.quantize_and_dequantize(x, 3.0, 2.5, range_given=True), X, in_function=False),
    "bad-bits": case(lambda tf, x: tf.quantization.quantize_and_dequantize_v2(x, -3.0, 2.5, num_bits=0), X),
    "bad-axis": case(lambda tf, x: tf.quantization.quantize_and_dequantize(x, -3.0, 2.5, axis=2), X),
    "bad-rounding": case(lambda tf, x: tf.quantization.quantize_and_dequantize(x, -3.0, 2.5, round_mode="DOWN"), X),
    "bad-bounds": case(lambda tf, x, a: tf.quantization.quantize_and_dequantize(x, a, a, range_given=True), X, LOWS),
}
