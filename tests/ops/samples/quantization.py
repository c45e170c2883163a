"""Samples of quantization ops."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ops.harness import Sample

RANDOM = np.random.RandomState(3)
X = RANDOM.uniform(-9, 9, (3, 5)).astype(np.float32)
G = RANDOM.uniform(-1, 1, (3, 5)).astype(np.float32)
LOW, HIGH = np.float32(-3.7), np.float32(5.2)
LOWS, HIGHS = np.float32([-1, -6.3, 0, 0.5, -8]), np.float32([1, 2.9, 7, 6, -0.3])
OPTIONS = ({}, {"num_bits": 4, "narrow_range": True})
GIVEN = {"axis": 1, "range_given": True}


def _by_channel(input: Any, input_min: Any, input_max: Any, **_: Any) -> Any:
    """Eight bits over the range of each channel."""
    steps = np.maximum(input_min / -128, input_max / 127)
    return np.clip(np.rint(np.clip(input, -128 * steps, 127 * steps) / steps), -128, 127) * steps


SAMPLES = [
    # Rounding has no slope, so that the straight-through gradients are not those of finite differences.
    *[Sample("FakeQuantWithMinMaxArgs", (X,), {"min": -4.0, "max": 6.5, **o}, numeric=False) for o in OPTIONS],
    *[Sample("FakeQuantWithMinMaxVars", (X, LOW, HIGH), o, numeric=False) for o in OPTIONS],
    Sample("FakeQuantWithMinMaxVars", (X, np.float32(0), np.float32(0)), numeric=False),
    *[Sample("FakeQuantWithMinMaxVarsPerChannel", (X, LOWS, HIGHS), o, numeric=False) for o in OPTIONS],
    Sample("FakeQuantWithMinMaxArgsGradient", (G, X), oracle_gradient=False, numeric=False),
    Sample("FakeQuantWithMinMaxVarsGradient", (G, X, LOW, HIGH), oracle_gradient=False, numeric=False),
    Sample("FakeQuantWithMinMaxVarsPerChannelGradient", (G, X, LOWS, HIGHS), oracle_gradient=False, numeric=False),
    *[
        Sample(op, (X, LOW, HIGH), {"range_given": given, **o}, numeric=False)
        for op in ("QuantizeAndDequantizeV2", "QuantizeAndDequantizeV4")
        for given in (False, True)
        for o in (*OPTIONS, {"round_mode": "HALF_UP", "num_bits": 5}, {"signed_input": False})
    ],
    # TensorFlow's kernels refuse a range given for each channel.
    *[
        Sample("QuantizeAndDequantizeV2", (X, LOWS, HIGHS), {"axis": 1}, numeric=False),
        Sample("QuantizeAndDequantizeV4", (X, LOWS, HIGHS), {"axis": 1, "narrow_range": True}, numeric=False),
        Sample("QuantizeAndDequantizeV2", (X, LOWS, HIGHS), GIVEN, reference=_by_channel, oracle=False, numeric=False),
    ],
    Sample("QuantizeAndDequantizeV2", (X * 0, LOW, HIGH), numeric=False),
    *[
        Sample("QuantizeAndDequantizeV3", (X, LOW, HIGH, np.int32(bits)), {"range_given": given}, numeric=False)
        for bits, given in ((8, True), (3, False))
    ],
    Sample("QuantizeAndDequantizeV4Grad", (G, X, LOW, HIGH), oracle_gradient=False, numeric=False),
    Sample("QuantizeAndDequantizeV4Grad", (G, X, LOWS, HIGHS), {"axis": 1}, oracle_gradient=False, numeric=False),
]
