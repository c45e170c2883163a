"""tf.quantization: values as integers, and back."""

from __future__ import annotations

import numpy as np

from tests.public.case import case

R = np.random.RandomState(9)
X = R.uniform(-4, 5, (3, 4)).astype(np.float32)
LOWS, HIGHS = np.float32([-1, -2, 0, -3]), np.float32([2, 1, 4, 3])

CASES = {
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
